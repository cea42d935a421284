"""The split stage with groups: nothing leaks, shares hold, and sets outlast refreshes."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from splits import GENRES, TSV, Row, catalogue, fill, run_split, sets_of
from support import make_context, write_rows

from equigen.commands import split, status
from equigen.dataset.covers import dataset_covers
from equigen.dataset.layouts import listed_sets
from equigen.errors import LeakError, MissingInputError
from equigen.identity.artists import artists_by_credit
from equigen.ledger.ledger import Ledger
from equigen.schema import ASIDE, SETS, Group, Link


def leaked(rows: Sequence[Row], sets: Mapping[str, str]) -> set[str]:
    """Return the artists that stand in several sets."""
    artists = artists_by_credit(row["artist"] for row in rows)
    found: dict[str, set[str]] = {}
    for row in rows:
        for name in artists[row["artist"]]:
            if sets[row["album_id"]] != ASIDE:
                found.setdefault(name, set()).add(sets[row["album_id"]])
    return {name for name, names in found.items() if len(names) > 1}


def test_no_artist_and_no_picture_is_in_two_sets(tmp_path: Path) -> None:
    """Where a deal by chance of the same covers leaks many artists, groups leak none."""
    rows = catalogue(600)
    fill(tmp_path, rows, same={f"m{n}": f"m{n + 300}" for n in range(40)})
    run_split(tmp_path, group=Group.NONE)
    with Ledger(make_context(tmp_path).ledger) as ledger:
        by_path = ledger.laid_out()
    ids = {row.path: row.album_id for row in dataset_covers(make_context(tmp_path))}
    naive = {ids[path]: name for path, name in by_path.items()}
    assert len(leaked(rows, naive)) > 20
    summary = run_split(tmp_path)
    sets = sets_of(tmp_path)
    assert leaked(rows, sets) == set()
    for number in range(40):
        assert len({sets[f"m{number}"], sets[f"m{number + 300}"]} - {ASIDE}) < 2
    assert summary.rows_in == 600
    assert summary.rows_out == sum(name != ASIDE for name in sets.values())
    assert run_split(tmp_path, verify=True).rows_out == summary.rows_out


@pytest.mark.long_after(4)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Rolling Stones", "Rolling Stones*"),
        ("Guns N' Roses", "Guns N\u2019 Roses"),
        ("Jay-Z", "Jay\u2010Z"),
        ("Celia Cruz", "Celia Cruz Con La Sonora Matancera"),
        ("Udo J", "Udo J Mit Orchester X"),
        ("Serge G", "Serge G Avec Jane B"),
        ("Nat C", "Nat C \u00b7 Oscar P"),
        ("Hall & O", "Hall + O"),
        ("A & B", "B & A"),
        ("Lobos, Los", "Los Lobos"),
        ("Prince", "Prince\u200b"),
        ("Destiny's Kid", "Destiny\u2019s Kid"),
    ],
)
def test_an_artist_in_two_spellings_is_in_one_set(tmp_path: Path, one: str, other: str) -> None:
    """As one source spells it, or two; and sets that were dealt without knowing it are told."""
    rows = [{**row, "artist": one if at % 2 else other} for at, row in enumerate(catalogue(12))]
    fill(tmp_path, rows)
    for seed in (1, 2):
        context = make_context(tmp_path, split={"seed": seed})
        split.run(context, reshuffle=True)
        assert len(set(sets_of(tmp_path).values())) == 1
    run_split(tmp_path, group=Group.NONE)
    with pytest.raises(LeakError, match="artist "):
        run_split(tmp_path, verify=True)


def test_an_artists_id_ties_whatever_the_letters_say(tmp_path: Path) -> None:
    """Of an artist under other names, and of each of a credit; "Various" has an id, too."""
    rows = [
        {**row, "artist": f"Name {at}", "artist_ids": ""} for at, row in enumerate(catalogue(60))
    ]
    for row in rows[:10]:
        row["artist_ids"] = "discogs:a45"
    rows[10]["artist_ids"] = "discogs:a46|discogs:a45"
    for row in rows[20:]:
        row["artist_ids"] = "discogs:a194"
    fill(tmp_path, rows)
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    assert len({sets[row["album_id"]] for row in rows[:11]}) == 1
    assert len({sets[row["album_id"]] for row in rows[20:]}) == 3
    run_split(tmp_path, verify=True)
    for row in rows[20:]:
        row["artist_ids"] = "discogs:a8"
    write_rows(tmp_path / TSV, *rows, columns=list(rows[0]))
    with pytest.raises(LeakError, match="artist discogs:a8"):
        run_split(tmp_path, verify=True)


def test_artists_that_were_dealt_under_older_keys_are_known(tmp_path: Path) -> None:
    """Also those that are gone: their new albums go where they were."""
    rows = [{**row, "artist": f"The Band {at}"} for at, row in enumerate(catalogue(40))]
    fill(tmp_path, rows)
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    with sqlite3.connect(make_context(tmp_path).ledger) as db:
        old = "UPDATE placements SET ties = replace(ties, 'artist band', 'artist the band')"
        assert db.execute(old).rowcount == 40
    db.close()
    new = [{**row, "album_id": f"m9{at:03}"} for at, row in enumerate(rows)]
    fill(tmp_path, [{**row, "artist": f"Band {at}*"} for at, row in enumerate(new)])
    run_split(tmp_path)
    after = sets_of(tmp_path)
    assert [after[row["album_id"]] for row in new] == [sets[row["album_id"]] for row in rows]


def test_artists_of_joint_credits_that_are_gone_are_known(tmp_path: Path) -> None:
    """Where the join left no doubt, who came with whom is remembered by each of their names."""
    rows = [
        {**row, "artist": f"Singer {at} feat. Guest {at}"} for at, row in enumerate(catalogue(40))
    ]
    fill(tmp_path, rows)
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    new = [
        {**row, "album_id": f"m9{at:03}", "artist": f"Guest {at} & Stranger {at}"}
        for at, row in enumerate(rows)
    ]
    fill(tmp_path, new)
    run_split(tmp_path)
    after = sets_of(tmp_path)
    assert [after[row["album_id"]] for row in new] == [sets[row["album_id"]] for row in rows]


def test_what_was_tied_by_nobody_stays_and_ties_no_more(tmp_path: Path) -> None:
    """A ledger may know "Various / Various" as an artist, in one set; new ones are free."""
    rows = [{**row, "artist": "Various / Various"} for row in catalogue(40)]
    fill(tmp_path, rows)
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    with sqlite3.connect(make_context(tmp_path).ledger) as db:
        old = "UPDATE placements SET ties = replace(ties, '[', '[\"artist various / various\", ')"
        assert db.execute(old).rowcount == 40
        first = db.execute("SELECT ties FROM placements LIMIT 1").fetchone()[0]
    db.close()
    assert "various / various" in first
    run_split(tmp_path)
    assert sets_of(tmp_path) == sets
    assert len(set(sets.values())) == 3


def test_shares_hold_in_each_label(tmp_path: Path) -> None:
    """Within the largest group of the label."""
    rows = catalogue(900)
    fill(tmp_path, rows)
    run_split(tmp_path)
    sets = sets_of(tmp_path)
    listed = [row for row in listed_sets(tmp_path / "split") if row["set"] != ASIDE]
    for label in GENRES:
        counts = Counter(sets[row["album_id"]] for row in rows if row["genre"] == label)
        largest = Counter(row["group"] for row in listed if row["file"].startswith(f"{label}/"))
        placed = sum(counts[name] for name in SETS)
        for name, share in zip(SETS, (0.7, 0.15, 0.15), strict=True):
            assert abs(counts[name] - share * placed) <= max(largest.values())


def test_sets_outlast_refreshes(tmp_path: Path) -> None:
    """Albums come and go and come back: each is in the set that it was first dealt into."""
    rows = catalogue(300)
    fill(tmp_path, rows)
    run_split(tmp_path)
    first = sets_of(tmp_path)
    gone = rows[:60]
    fill(tmp_path, [*rows[60:], *catalogue(200, seed=2, first=1000)])
    for row in gone:
        next((tmp_path / "equigen_album_images").rglob(f"* - {row['album']} *")).unlink()
    run_split(tmp_path, link=Link.SYMLINK)
    second = sets_of(tmp_path)
    fill(tmp_path, [*gone, *rows[60:], *catalogue(200, seed=2, first=1000)])
    run_split(tmp_path)
    third = sets_of(tmp_path)
    for album, name in first.items():
        if name != ASIDE:
            assert second.get(album, name) == third[album] == name
    assert {a: n for a, n in second.items() if n != ASIDE}.items() <= third.items()
    assert run_split(tmp_path).facts["added"] == 0
    assert run_split(tmp_path, reshuffle=True).rows_in == 500


def test_a_tie_that_a_refresh_makes_sets_the_later_album_aside(tmp_path: Path) -> None:
    """Two artists in different sets turn out to be one: the later album leaves its set."""
    rows = catalogue(120)
    fill(tmp_path, rows)
    run_split(tmp_path)
    before = sets_of(tmp_path)
    lonely = [row for row in rows if Counter(r["artist"] for r in rows)[row["artist"]] == 1]
    one = next(row for row in lonely if before[row["album_id"]] == "train")
    other = next(row for row in lonely if before[row["album_id"]] == "test")
    later = max((one, other), key=rows.index)
    late = {**later, "artist": (other if later is one else one)["artist"]}
    changed = [late if row is later else row for row in rows]
    fill(tmp_path, changed)
    summary = run_split(tmp_path)
    sets = sets_of(tmp_path)
    assert sets.pop(later["album_id"]) == ASIDE
    assert sets.items() <= before.items()
    assert any("is tied to" in note for note in summary.notes)
    run_split(tmp_path, reshuffle=True)
    anew = sets_of(tmp_path)
    assert anew[one["album_id"]] == anew[other["album_id"]] != ASIDE


def test_collaborations_between_sets_are_set_aside_where_a_group_is_cut(tmp_path: Path) -> None:
    """A chain of collaborations through a whole label: soloists are dealt, their duets follow."""
    solos = [
        {"artist": f"Soloist {n}", "album": f"Solo {n} {copy}", "album_id": f"s{n}.{copy}"}
        for n in range(40)
        for copy in range(2)
    ]
    duets = [
        {"artist": f"Soloist {n} & Soloist {n + 1}", "album": f"Duet {n}", "album_id": f"d{n}"}
        for n in range(39)
    ]
    rest = {
        "album_index": "1",
        "genre": "Jazz",
        "year": "1999",
        "image_url": "http://127.0.0.1:9/1",
    }
    rows = [
        {**row, **rest, "image_url": f"http://127.0.0.1:9/{row['album_id']}"}
        for row in (*solos, *duets)
    ]
    fill(tmp_path, rows)
    summary = run_split(tmp_path)
    assert (summary.facts["groups_cut"], summary.facts["largest_group_share"]) == (1, 1.0)
    assert "cut at their 39 collaborations" in " ".join(summary.notes)
    sets = sets_of(tmp_path)
    for n in range(39):
        around = {sets[f"s{n}.0"], sets[f"s{n}.1"], sets[f"s{n + 1}.0"], sets[f"s{n + 1}.1"]}
        assert sets[f"d{n}"] == (around.pop() if len(around) == 1 else ASIDE)
    assert (
        summary.dropped["tied to several sets"] == sum(name == ASIDE for name in sets.values()) > 0
    )
    counted = status.run(make_context(tmp_path))
    assert counted.facts["set_aside"] == summary.dropped["tied to several sets"]
    assert "equigen split" not in str(counted.facts["next"])


def test_verify_finds_what_somebody_put_into_a_second_set(tmp_path: Path) -> None:
    """The same bytes under another name, and an artist's album; both are named."""
    fill(tmp_path, catalogue(120))
    run_split(tmp_path)
    victim = next((tmp_path / "split" / "train" / "Jazz").iterdir())
    (tmp_path / "split" / "test" / "Jazz" / "stray.jpg").write_bytes(victim.read_bytes())
    with pytest.raises(LeakError, match=r"found 1 in(.|\n)*sha256 .*stray\.jpg"):
        run_split(tmp_path, verify=True)
    victim.rename(tmp_path / "split" / "val" / "Jazz" / victim.name)
    with pytest.raises(LeakError):
        run_split(tmp_path, verify=True)


def test_verify_knows_artists_that_were_dealt_and_are_gone(tmp_path: Path) -> None:
    """As `split` does; a ledger that is broken or missing takes nothing else from the proof."""
    rows = [{**row, "artist": f"Name {at}"} for at, row in enumerate(catalogue(30))]
    rows[0]["artist"], rows[1]["artist"], rows[2]["artist"] = "Miles", "Miles & X", "Miles & Y"
    fill(tmp_path, rows)
    run_split(tmp_path)
    write_rows(tmp_path / TSV, *rows[1:], columns=list(rows[0]))
    run_split(tmp_path)
    assert run_split(tmp_path, verify=True).rows_in == 29
    sets = sets_of(tmp_path)
    (file,) = (tmp_path / "split").rglob(f"*- {rows[2]['album']} *")
    elsewhere = next(name for name in SETS if name != sets[rows[1]["album_id"]])
    place = tmp_path / "split" / elsewhere / file.parent.name
    place.mkdir(exist_ok=True)
    file.rename(place / file.name)
    with pytest.raises(LeakError, match=r"found 1 in several(.|\n)*artist miles:"):
        run_split(tmp_path, verify=True)
    make_context(tmp_path).ledger.write_bytes(b"no ledger" * 1000)
    run_split(tmp_path, verify=True)


@pytest.mark.parametrize("group", [Group.ARTIST_COVER, Group.ARTIST, Group.COVER])
def test_rows_that_are_one_album_by_ids_are_in_one_set(tmp_path: Path, group: Group) -> None:
    """Whatever else ties; `--verify` finds those that somebody put into a second set."""
    rows = [
        {**row, "artist": f"Name {at}", "also_known_as": "", "tracks": ""}
        for at, row in enumerate(catalogue(60))
    ]
    for at in range(0, 60, 4):
        rows[at]["also_known_as"] = rows[at + 1]["album_id"]
        rows[at + 1]["tracks"] = f"mbid:{at} msd:TR{at}"
        rows[at + 2]["tracks"] = f"msd:TR{at}|msd:TR{at}b"
        rows[at + 3]["tracks"] = f"msd:TRx|mbid:{at}"  # on all of these, and they are one too
    rows[8]["album_id"] = ""
    fill(tmp_path, rows)
    run_split(tmp_path, group)
    sets = sets_of(tmp_path)
    assert len({*sets.values()}) > 1
    for at in range(0, 60, 4):
        assert len({sets[row["album_id"]] for row in rows[at : at + 3]}) == 1
    assert len({sets[row["album_id"]] for row in rows[3::4]}) == 1
    assert run_split(tmp_path, group, verify=True).rows_in == 60
    (file,) = (tmp_path / "split").rglob(f"*- {rows[2]['album']} *")
    elsewhere = next(name for name in SETS if name != sets[rows[1]["album_id"]])
    place = tmp_path / "split" / elsewhere / file.parent.name
    place.mkdir(exist_ok=True)
    file.rename(place / file.name)
    with pytest.raises(LeakError, match=r"found 1 in several(.|\n)*album m"):
        run_split(tmp_path, group, verify=True)


def test_what_no_row_asks_for_is_in_no_set(tmp_path: Path) -> None:
    """A file whose artist nobody knows is left out, and counted."""
    fill(tmp_path, catalogue(60))
    (tmp_path / "equigen_album_images" / "Jazz" / "mine.jpg").write_bytes(b"x")
    summary = run_split(tmp_path)
    assert summary.dropped["no row in the dataset"] == 1
    assert not list((tmp_path / "split").rglob("mine.jpg"))


def test_without_a_dataset_there_are_no_artists(tmp_path: Path) -> None:
    """One line that says which stage is missing."""
    fill(tmp_path, catalogue(10))
    (tmp_path / TSV).unlink()
    with pytest.raises(MissingInputError, match="equigen fetch"):
        run_split(tmp_path)
    with pytest.raises(MissingInputError, match="equigen split"):
        run_split(tmp_path, verify=True)
