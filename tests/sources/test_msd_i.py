"""MSD-I: its table read as it is, one row an album, known by the ids of its artist and tracks."""

import csv
import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from coverart import Proxy, Told
from downloads import picture
from support import equigen, make_context, read_rows, realdata

from equigen.commands import clean, dedupe, fetch
from equigen.dataset.context import Context
from equigen.errors import InputError, MissingInputError
from equigen.schema import SETS
from equigen.sources.base import licence_of
from equigen.summary import Summary

COLUMNS = ("msd_track_id", "genre", "album_index", "set", "msd_artist_id", "image_url")
URL = "http://artwork-cdn.7static.com/static/img/sleeveart/00/000/{:03}/0000000{:03}_200.jpg"


def row_of(album: int, **cells: str) -> dict[str, str]:
    """Return a row of the table."""
    usual = {
        "msd_track_id": f"TR{album:016}",
        "genre": "Jazz",
        "album_index": str(album),
        "set": "train",
        "msd_artist_id": f"AR{album:016}",
        "image_url": URL.format(album, album),
    }
    return usual | cells


def write_table(folder: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
    """Write the TSV."""
    path = folder / "MSD-I.tsv"
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return path


def context_of(folder: Path, file: Path, **settings: Any) -> Context:  # noqa: ANN401
    """Return a context that fetches from MSD-I's files."""
    msd_i = {"file": str(file), **settings.pop("msd_i", {})}
    chosen = {"source": "msd-i", **settings.pop("fetch", {})}
    return make_context(folder, fetch=chosen, msd_i=msd_i, **settings)


def run_fetch(folder: Path, file: Path, **settings: Any) -> Summary:  # noqa: ANN401
    """Fetch in this process."""
    return fetch.run(context_of(folder, file, **settings))


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a folder's dataset."""
    return read_rows(folder / "equigen_dataset.tsv")


def test_one_row_an_album_with_its_set_and_ids(tmp_path: Path) -> None:
    """Columns may come in any order, and several rows may be tracks of one album."""
    again = row_of(7, msd_track_id="TRABKJU128F422A7FE")
    file = write_table(tmp_path, row_of(7), row_of(3, set="test"), again, columns=COLUMNS[::-1])
    run_fetch(tmp_path, file)
    assert rows_of(tmp_path)[1] == {
        "artist": "",
        "album": "",
        "album_index": "2",
        "genre": "Jazz",
        "year": "",
        "image_url": URL.format(7, 7),
        "album_id": "msd-i:7",
        "genres": "Jazz",
        "styles": "",
        "country": "",
        "formats": "",
        "artist_ids": "msd:AR0000000000000007",
        "tracks": "msd:TR0000000000000007|msd:TRABKJU128F422A7FE",
        "set_given": "train",
        "licence": "MSD-I: CC BY 4.0.",
    }
    assert "CC BY 4.0" in licence_of("msd-i:7")


def test_the_recorded_half_is_read_whole(tmp_path: Path) -> None:
    """All 8,402 albums stay through clean and dedupe, though none has a name."""
    file = Path(shutil.copy(realdata("msdi", "MSD-I_albums_a.tsv.gz"), tmp_path))
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        albums = list(csv.DictReader(opened, delimiter="\t"))
    context = context_of(tmp_path, file, fetch={"several": "multi"})
    summary = fetch.run(context)
    clean.run(context)
    dedupe.run(context)
    rows = rows_of(tmp_path)
    assert len(rows) == 8402
    assert Counter((row["genre"], row["set_given"]) for row in rows) == Counter(
        (album["genre"], album["set"]) for album in albums
    )
    named = "8,402 albums without the name of an artist (msd_i.names has it)"
    assert any("8,402 rows of MSD-I" in note and named in note for note in summary.notes)


def test_an_artist_belongs_to_one_genre_by_id(tmp_path: Path) -> None:
    """The id is the artist's identity where there is no name."""
    artist = "AR0000000000000007"
    rows = [row_of(7), row_of(8, genre="Blues", msd_artist_id=artist), row_of(9, genre="Blues")]
    summary = run_fetch(tmp_path, write_table(tmp_path, *rows))
    assert summary.dropped["artist belongs to another query"] == 1
    assert {row["album_id"] for row in rows_of(tmp_path)} in (
        {"msd-i:7", "msd-i:9"}, {"msd-i:8", "msd-i:9"},
    )  # fmt: skip


def test_names_of_artists_come_from_the_list_of_tracks(tmp_path: Path) -> None:
    """Its titles are those of songs, and no album's."""
    names = tmp_path / "unique_tracks.txt"
    line = "TR0000000000000007<SEP>SOQMMHC12AB0180CB8<SEP>Faster Pussy cat<SEP>Silent Night\n"
    names.write_text(line + "TRother<SEP>SO<SEP>Björk<SEP>\n", encoding="utf-8")
    file = write_table(tmp_path, row_of(7), row_of(8))
    run_fetch(tmp_path, file, msd_i={"names": str(names)})
    found = {row["album_id"]: (row["artist"], row["album"]) for row in rows_of(tmp_path)}
    assert found == {"msd-i:7": ("Faster Pussy cat", ""), "msd-i:8": ("", "")}
    names.write_text("TRAAA\tSO\n" * 2, encoding="utf-8")
    with pytest.raises(InputError, match=r"row 1: expected 4 cells|row 2, the last one"):
        run_fetch(tmp_path, file, msd_i={"names": str(names)})


def test_odd_rows_are_borne_or_counted(tmp_path: Path) -> None:
    """An album in two sets has none; rows without a number, a picture or an artist are counted."""
    rows = [
        row_of(1), row_of(1, set="test"), row_of(1),
        row_of(2, set="Valid"), row_of(3, set="VAL"),
        row_of(4, album_index=""), row_of(5, image_url=""), row_of(6, msd_artist_id="?"),
    ]  # fmt: skip
    summary = run_fetch(tmp_path, write_table(tmp_path, *rows))
    sets = {row["album_id"]: row["set_given"] for row in rows_of(tmp_path)}
    assert sets == {"msd-i:1": "", "msd-i:2": "", "msd-i:3": "val"}
    assert summary.dropped["no picture"] == 1
    assert summary.dropped["neither artist nor title, nor an artist's id"] == 1
    assert any("1 rows of MSD-I without an album_index" in note for note in summary.notes)


def test_a_file_must_be_named_and_be_the_table(tmp_path: Path) -> None:
    """The message names the flag, the columns and the place of the file."""
    with pytest.raises(MissingInputError, match=r"--msd-i-file.*zenodo\.org/records/1240485"):
        fetch.run(make_context(tmp_path, fetch={"source": "msd-i"}))
    derived = Path(shutil.copy(realdata("msdi", "pictures_with_leaks_a.csv.gz"), tmp_path))
    with pytest.raises(InputError, match="names the columns msd_track_id, genre, album_index"):
        run_fetch(tmp_path, derived)


def test_a_run_ends_in_the_sets_that_are_given(tmp_path: Path) -> None:
    """From the table over HTTP to the sets; an artist who is in two of them is listed."""
    rows = [row_of(number, set=SETS[number % 3]) for number in range(1, 7)]
    rows[2]["msd_artist_id"] = rows[0]["msd_artist_id"]  # of train, and of val
    write_table(tmp_path, *rows)
    told = {row["image_url"]: Told(body=picture(size=(64, 64))) for row in rows}
    words = ["run", "--source", "msd-i", "--msd-i-file", "MSD-I.tsv", "--keep-sets", "--json"]
    with Proxy(told) as proxy:
        done = equigen(*words, cwd=tmp_path, env=proxy.env)
    assert done.returncode == 0, done.stderr
    stages = {each["stage"]: each for each in json.loads(done.stdout)["stages"]}
    assert stages["split"]["leaks"] == {"artist": 1}
    listed = read_rows(tmp_path / "data" / "split" / "split.tsv")
    assert {row["album_id"]: row["set"] for row in listed} == {
        "msd-i:1": "val", "msd-i:2": "test", "msd-i:3": "aside", "msd-i:4": "val",
        "msd-i:5": "test", "msd-i:6": "train",
    }  # fmt: skip
    assert {row["leak"].partition(" ")[0] for row in listed} == {"", "artist"}
    assert equigen("split", "--verify", cwd=tmp_path).returncode == 0


def test_mumu_gives_names_where_it_comes_first(tmp_path: Path) -> None:
    """Both tell of one track, so that MSD-I's set and cover go into the row that has the names."""
    track, mbid = row_of(7)["msd_track_id"], "d825b1ab-e260-3eb7-b486-5cb58ba0391f"
    albums, metadata = tmp_path / "albums.csv", tmp_path / "metadata.json"
    header = "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres"
    albums.write_text(f"{header}\nB0000564CN,{mbid},{track},,{mbid},Jazz\n")
    metadata.write_text('[{"amazon_id": "B0000564CN", "title": "T", "brand": "A"}]')
    mumu = {"albums": str(albums), "metadata": str(metadata)}
    fetch.run(make_context(tmp_path, fetch={"source": "mumu"}, mumu=mumu))
    run_fetch(tmp_path, write_table(tmp_path, row_of(7), row_of(8)))
    first, second = rows_of(tmp_path)
    assert (first["artist"], first["album"], first["set_given"]) == ("A", "T", "train")
    assert "msd-i:7" in first["also_known_as"].split("|")
    assert URL.format(7, 7) in first["more_images"].split("|")
    assert second["album_id"] == "msd-i:8"


def test_genres_that_no_label_takes_are_told(tmp_path: Path) -> None:
    """Where the labels are another source's; those of labels that are full or not wanted aren't."""
    genres = ("Jazz", "RnB", "Punk", "World", "Punk")
    table = write_table(tmp_path, *(row_of(n, genre=each) for n, each in enumerate(genres)))
    fetching = {"taxonomy": "mumu-16", "labels": ["Jazz"]}
    told = "3 albums match no label of the taxonomy: Punk (2), World (1)."
    for _ in range(2):
        assert told in run_fetch(tmp_path, table, fetch=fetching).notes
    run_fetch(tmp_path / "other", table, fetch={"taxonomy": "mumu-16"})
    assert {row["genre"] for row in rows_of(tmp_path / "other")} == {"Jazz", "R&B"}
    notes = run_fetch(tmp_path / "own", table).notes
    assert not any("no label" in each for each in notes)


@pytest.mark.parametrize("source", ["msd-i", ""])
def test_an_album_by_id_has_the_label_of_msd_is_own_taxonomy(tmp_path: Path, source: str) -> None:
    """Where the dataset is MSD-I's, and where there is none yet."""
    write_table(tmp_path, row_of(1, genre="RnB"), row_of(2, genre="RnB", image_url=""))
    file = ["--msd-i-file", "MSD-I.tsv"]
    if source:
        done = equigen("fetch", "--source", source, *file, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = equigen("fetch", "--album", "msd-i:2", *file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,) = read_rows(tmp_path / "data" / "examples" / "equigen_examples.tsv")
    assert row["genre"] == "RnB"


def test_labels_tells_of_the_source_that_the_dataset_is_of(tmp_path: Path) -> None:
    """Unless the settings name another one."""
    write_table(tmp_path, row_of(1, genre="RnB"))
    done = equigen("fetch", "--source", "msd-i", "--msd-i-file", "MSD-I.tsv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = equigen("labels", cwd=tmp_path).stdout
    assert "msd_i.file: no file is named" in told
    assert "in msd-i" in told
    other = equigen("labels", cwd=tmp_path, env={"EQUIGEN_FETCH__SOURCE": "mumu"}).stdout
    assert "mumu.albums: no file is named" in other


def test_a_flag_names_the_file(tmp_path: Path) -> None:
    """The labels are MSD-I's own without being asked for."""
    write_table(tmp_path, row_of(1, genre="RnB"))
    done = equigen("fetch", "--source", "msd-i", "--msd-i-file", "MSD-I.tsv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert rows_of(tmp_path / "data")[0]["genre"] == "RnB"
