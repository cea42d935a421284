"""Albums from MusicBrainz's dump: its own genres, by the table, and under its licence."""

from pathlib import Path

import pytest
from dumpsets import Master, dump_context, fetch_dumps, group, mbid, write_groups, write_masters
from musicbrainz import records
from support import equigen, read_rows

from equigen.commands import fetch, status
from equigen.errors import InputError
from equigen.schema import COLUMNS

TSV = "equigen_dataset.tsv"
MUSICBRAINZ = {"source": "musicbrainz"}


def genre(name: str, votes: int = 5) -> dict[str, object]:
    """Return a genre as the dump has it."""
    return {"name": name, "count": votes}


def test_albums_get_their_label_by_the_table(tmp_path: Path) -> None:
    """The last word of a genre names the music; what is no album, or has no genre, stays out."""
    groups = [
        group(1, genres=[genre("blues rock")]),
        group(2, genres=[genre("bebop"), genre("rock", 1)]),
        group(3, genres=[], tags=[genre("death metal")]),
        {**group(4), "primary-type": "Single"},
        group(5, genres=[]),
    ]
    write_groups(tmp_path, groups)
    summary = fetch_dumps(tmp_path, fetch={**MUSICBRAINZ, "labels": None})
    found = {row["album_id"]: row["genre"] for row in read_rows(tmp_path / TSV)}
    ids = [f"musicbrainz:{mbid(n)}" for n in (1, 2, 3)]
    assert found == dict(zip(ids, ("Rock", "Jazz", "Metal"), strict=True))
    assert "4 albums" in summary.notes[0]


def test_a_row_says_what_the_release_group_says(tmp_path: Path) -> None:
    """Artists as credited, with what joins them; genres by their votes."""
    credit = [
        {"name": "A", "joinphrase": " feat. ", "artist": {"id": mbid(7)}},
        {"name": "B", "joinphrase": "", "artist": {"id": mbid(8)}},
    ]
    ids = f"musicbrainz:{mbid(7)}|musicbrainz:{mbid(8)}"
    genres = [genre("jazz", 4), genre("hard bop", 9), genre("rock", 1)]
    write_groups(tmp_path, [{**group(1, genres=genres), "artist-credit": credit}])
    fetch_dumps(tmp_path, fetch=MUSICBRAINZ)
    (row,) = read_rows(tmp_path / TSV)
    cells = ("A feat. B", "Title 1", "1", "Jazz", "2010")
    url = f"https://coverartarchive.org/release-group/{mbid(1)}/front-500"
    expected = (*cells, url, f"musicbrainz:{mbid(1)}", "hard bop|jazz", "", "", "", ids)
    assert row == dict(zip(COLUMNS, expected, strict=True))


def test_the_licence_stands_in_the_summary_and_in_the_status(tmp_path: Path) -> None:
    """MusicBrainz's genres may not be used commercially: whoever has such rows must know."""
    write_groups(tmp_path, [group(1), group(2)])
    summary = fetch_dumps(tmp_path, fetch=MUSICBRAINZ)
    assert any("CC BY-NC-SA" in note for note in summary.notes)
    found = status.run(dump_context(tmp_path))
    assert any(note.startswith("2 rows: ") and "CC BY-NC-SA" in note for note in found.notes)
    (count,) = found.facts["licences"].values()  # type: ignore[attr-defined]
    assert count == 2


def test_rows_of_discogs_come_without_a_licence_note(tmp_path: Path) -> None:
    """Its dumps are CC0."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1)])
    summary = fetch_dumps(tmp_path)
    assert not [note for note in summary.notes if "CC BY" in note]
    assert status.run(dump_context(tmp_path)).facts["licences"] == {}


def test_a_cover_that_a_master_has_is_not_taken_again(tmp_path: Path) -> None:
    """Also in another size: the picture is the release group's."""
    write_masters(tmp_path, [Master(1)])
    write_groups(tmp_path, [group(1, master=1), group(2)])
    fetch_dumps(tmp_path)
    summary = fetch_dumps(tmp_path, fetch=MUSICBRAINZ, coverart={"cover_px": 1200})
    found = [row["album_id"] for row in read_rows(tmp_path / TSV)]
    assert found == ["discogs:m1", f"musicbrainz:{mbid(2)}"]
    assert summary.dropped["album is there already"] == 1


def test_a_second_run_writes_nothing_and_a_newer_dump_adds_what_is_new(tmp_path: Path) -> None:
    """An index for each dump, made once."""
    write_groups(tmp_path, [group(n) for n in range(1, 6)])
    context = dump_context(tmp_path, fetch=MUSICBRAINZ)
    fetch.run(context)
    before = (tmp_path / TSV).stat().st_mtime_ns
    assert fetch.run(context).rows_out == 0
    assert (tmp_path / TSV).stat().st_mtime_ns == before
    newer = "musicbrainz_20261002-001001_release-group.tar.xz"
    write_groups(tmp_path, [group(n) for n in range(1, 8)], newer)
    assert fetch.run(context).rows_out == 2


def test_all_recorded_release_groups_go_through(tmp_path: Path) -> None:
    """Records may have any shape: albums with a genre of some label become rows."""
    write_groups(tmp_path, records())
    summary = fetch_dumps(tmp_path, fetch={**MUSICBRAINZ, "labels": None})
    rows = read_rows(tmp_path / TSV)
    assert "Desire" in {row["album"] for row in rows}
    assert summary.rows_out == len(rows) > 1


def test_a_torn_dump_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """It says how far it got."""
    path = write_groups(tmp_path, [group(n) for n in range(1, 500)])
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(InputError, match="equigen dumps get release-groups"):
        fetch_dumps(tmp_path, fetch=MUSICBRAINZ)
    assert not list(path.parent.glob("*.sqlite"))


def test_the_dump_of_a_day_is_asked_for_by_its_date(tmp_path: Path) -> None:
    """Its name begins with it."""
    write_groups(tmp_path, [group(1)])
    write_groups(tmp_path, [group(2)], "musicbrainz_20261002-001001_release-group.tar.xz")
    env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
    words = ("fetch", "--source", "musicbrainz", "--label", "Jazz")
    assert equigen(*words, "--date", "20260902", cwd=tmp_path, env=env).returncode == 0
    (row,) = read_rows(tmp_path / TSV)
    assert mbid(1) in row["image_url"]
    missing = equigen(*words, "--date", "20200101", cwd=tmp_path, env=env)
    assert missing.returncode == 2
    assert "equigen dumps get release-groups --date 20200101" in missing.stderr
