"""Sets that a dataset gives: kept as they are, but for what leaks between them."""

import csv
import gzip
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from bench.changes import CHANGES
from lookalikes import album, saved, scene
from lookalikes import fill as fill_with_pictures
from splits import TSV, fill, sets_of
from support import make_context, read_rows, realdata, write_rows

from equigen.commands import split
from equigen.config.settings import SplitSettings
from equigen.dataset.covers import dataset_covers
from equigen.errors import InputError
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover, CoverPair, FileOf
from equigen.schema import ASIDE, SETS, Group
from equigen.summary import Summary

ARTISTS = "artist_ids"


def keep_sets(folder: Path, group: Group = Group.ARTIST_COVER, **flags: Any) -> Summary:  # noqa: ANN401
    """Split in this process by the sets that rows give."""
    return split.run(make_context(folder, split={"keep_sets": True, "group": group}), **flags)


def row_of(number: int, given: str = "", **cells: str) -> dict[str, str]:
    """Return a row with a set, of an artist of its own."""
    return {**album(number), "set_given": given, ARTISTS: f"msd:AR{number}", **cells}


def leaks_of(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the given set and the leak of each album, as split.tsv has them."""
    return {
        row["album_id"]: (row["set_given"], row["leak"])
        for row in read_rows(folder / "split" / "split.tsv")
        if row["leak"]
    }


def test_albums_go_where_their_rows_say(tmp_path: Path) -> None:
    """Whatever the ratio; rows without a set fill up what the others leave."""
    given = [SETS[number % 3] for number in range(60)]
    rows = [row_of(number, name.upper()) for number, name in enumerate(given)]
    rows += [row_of(number) for number in range(60, 80)]
    fill(tmp_path, rows)
    summary = keep_sets(tmp_path)
    sets = sets_of(tmp_path)
    assert [sets[f"m{number}"] for number in range(60)] == given
    # The given 20 of val and of test are more than 15 % of 80 are.
    assert {sets[f"m{number}"] for number in range(60, 80)} == {"train"}
    assert summary.facts["leaks"] == {}
    assert leaks_of(tmp_path) == {}
    keep_sets(tmp_path, verify=True)


def test_an_artist_in_two_sets_leaves_the_earlier_one(tmp_path: Path) -> None:
    """Test keeps all that it was given, then val; what leaks is listed with what it leaks to."""
    tied = {ARTISTS: "msd:AR1"}
    rows = [
        row_of(1, "train", **tied), row_of(2, "val", **tied), row_of(3, "test", **tied),
        row_of(4, "train", artist="One"), row_of(5, "val", artist="The One"), row_of(6, "train"),
        row_of(7, **tied),
    ]  # fmt: skip
    fill(tmp_path, rows)
    summary = keep_sets(tmp_path)
    assert sets_of(tmp_path) == {
        "m1": ASIDE, "m2": ASIDE, "m3": "test", "m4": ASIDE, "m5": "val", "m6": "train",
        "m7": "test",
    }  # fmt: skip
    assert summary.facts["leaks"] == {"artist": 3}
    assert summary.dropped["tied to several sets"] == 3
    leaks = leaks_of(tmp_path)
    assert {key: given for key, (given, _) in leaks.items()} == {
        "m1": "train", "m2": "val", "m4": "train",
    }  # fmt: skip
    assert leaks["m1"][1].startswith("artist test/Jazz/Soloist ")
    assert any("3 have an artist of another set" in note for note in summary.notes)
    keep_sets(tmp_path, verify=True)
    assert keep_sets(tmp_path).facts["leaks"] == {"artist": 3}


@pytest.mark.parametrize("group", [Group.ARTIST_COVER, Group.ARTIST, Group.COVER])
def test_one_album_by_ids_in_two_sets_leaves_the_later_one(tmp_path: Path, group: Group) -> None:
    """As MSD-I's two of which another source has the tracks as one album's."""
    extra = {"also_known_as": "", "tracks": ""}
    rows = [{**row_of(number, SETS[number % 3]), **extra} for number in range(30)]
    rows[1] |= {"tracks": "msd:TR1|msd:TR3", "also_known_as": "mumu:1"}
    rows[3]["tracks"] = "msd:TR3"
    fill(tmp_path, rows)
    keep_sets(tmp_path, group)
    sets = sets_of(tmp_path)
    assert (sets["m1"], sets["m3"]) == ("val", ASIDE)
    ((given, leak),) = leaks_of(tmp_path).values()
    assert (given, leak[:10]) == ("train", "album val/")
    keep_sets(tmp_path, group, verify=True)


def test_pictures_that_are_or_look_the_same_leak(tmp_path: Path) -> None:
    """By bytes, by address and by eye; a chain of look-alikes takes no more than it must."""
    like = CHANGES["JPEG of quality 30"](scene(1), 1)
    rows = [
        row_of(1, "test"), row_of(2, "train"), row_of(3, "val"), row_of(4, "train"),
        row_of(5, "test", image_url="http://127.0.0.1:9/x.jpg"),
        row_of(6, "train", image_url="http://127.0.0.1:9/x.jpg"),
    ]  # fmt: skip
    pictures = {f"m{number}": saved(scene(number)) for number in range(1, 7)}
    fill_with_pictures(tmp_path, rows, {**pictures, "m2": like, "m3": pictures["m1"]})
    summary = keep_sets(tmp_path)
    assert sets_of(tmp_path) == {
        "m1": "test", "m2": ASIDE, "m3": ASIDE, "m4": "train", "m5": "test", "m6": ASIDE,
    }  # fmt: skip
    leaks = {key: leak.partition(" ")[0] for key, (_, leak) in leaks_of(tmp_path).items()}
    assert leaks == {"m2": "near-duplicate", "m3": "picture", "m6": "picture"}
    assert summary.facts["leaks"] == {"near-duplicate": 1, "picture": 2}
    keep_sets(tmp_path, verify=True)


def test_what_looks_like_what_was_set_aside_stays(tmp_path: Path) -> None:
    """A is in test, B looks like A, and C like B alone: B goes, and C keeps its set."""
    rows = [row_of(1, "test"), row_of(2, "val"), row_of(3, "train")]
    fill_with_pictures(tmp_path, rows, {f"m{n}": saved(scene(n)) for n in (1, 2, 3)})
    with Ledger(make_context(tmp_path).ledger) as ledger:
        shown = {cover.url: cover.sha256 for cover in ledger.covers().values()}
        one, two, three = (shown[row["image_url"]] for row in rows)
        ledger.record_pairs(
            CoverPair(min(two, other), max(two, other), distance=3, likeness=0.9)
            for other in (one, three)
        )
        ledger.remember("covers_compared_by", "2")
    keep_sets(tmp_path)
    assert sets_of(tmp_path) == {"m1": "test", "m2": ASIDE, "m3": "train"}


def test_albums_stay_where_they_were_dealt_before(tmp_path: Path) -> None:
    """The ledger goes before the column, as the summary says; --reshuffle deals by the column."""
    rows = [row_of(number, "test") for number in range(20)]
    fill(tmp_path, rows)
    split.run(make_context(tmp_path))
    before = sets_of(tmp_path)
    elsewhere = sum(name != "test" for name in before.values())
    assert elsewhere
    summary = keep_sets(tmp_path)
    assert sets_of(tmp_path) == before
    assert summary.facts["leaks"] == {"stays elsewhere": elsewhere}
    assert any("stay in another set, where they were before" in note for note in summary.notes)
    assert any("--reshuffle" in note for note in summary.notes)
    keep_sets(tmp_path, reshuffle=True)
    assert set(sets_of(tmp_path).values()) == {"test"}
    rows.append(row_of(20, "val"))
    rows.append(row_of(21, "val", **{ARTISTS: "msd:AR3"}))
    fill(tmp_path, rows)
    keep_sets(tmp_path)
    sets = sets_of(tmp_path)
    assert (sets["m20"], sets["m21"]) == ("val", ASIDE)
    assert {sets[f"m{number}"] for number in range(20)} == {"test"}


def test_without_the_setting_the_column_means_nothing(tmp_path: Path) -> None:
    """And split.tsv has no further columns."""
    fill(tmp_path, [row_of(number, "test") for number in range(20)])
    summary = split.run(make_context(tmp_path))
    assert len(set(sets_of(tmp_path).values())) == 3
    assert "leaks" not in summary.facts
    assert "set_given" not in (tmp_path / "split" / "split.tsv").read_text().splitlines()[0]


def test_wrong_sets_are_refused(tmp_path: Path) -> None:
    """By the row's number; and a dataset that gives none."""
    fill(tmp_path, [row_of(1, "train"), row_of(2, "dev")])
    with pytest.raises(InputError, match=r"row 2: set_given: expected train, val, test or nothing"):
        keep_sets(tmp_path)
    fill(tmp_path, [album(1)])
    with pytest.raises(InputError, match=r"no row with a cover has a set in the column set_given"):
        keep_sets(tmp_path)
    with pytest.raises(ValueError, match="expected false where group is none"):
        SplitSettings(keep_sets=True, group=Group.NONE)


def of_table(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the dataset of a table of addresses, genres and sets, as a user would make one."""
    return [
        {
            "artist": "", "album": "", "album_index": str(number), "genre": row["genre_label"],
            "year": "", "image_url": row["image_url"], "set_given": row["set"],
        }
        for number, row in enumerate(rows)
    ]  # fmt: skip


def fill_by_address(folder: Path, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Write a dataset whose covers are all there, one an address; return the addresses by path."""
    write_rows(folder / TSV, *rows, columns=list(rows[0]))
    context = make_context(folder)
    covers, files, urls = {}, [], {}
    for row in dataset_covers(context):
        file = context.images / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(row.url.encode())
        digest = hashlib.sha256(row.url.encode()).hexdigest()
        covers[row.picture] = Cover(row.picture, row.url, "ok", sha256=digest)
        files.append(FileOf(row.picture, row.path))
        urls[row.path] = row.url
    with Ledger(context.ledger) as ledger:
        ledger.record_covers(list(covers.values()), files=files)
    return urls


def test_one_address_under_two_genres_and_sets_stays_in_one(tmp_path: Path) -> None:
    """Both rows are one album without an id; however often it is dealt, the later set keeps it."""
    table = [
        {"image_url": f"http://127.0.0.1:9/{url}.jpg", "genre_label": genre, "set": name}
        for url, genre, name in (
            ("a", "Rock", "train"),
            ("a", "Jazz", "test"),
            ("b", "Rock", "val"),
        )
    ]
    fill_by_address(tmp_path, of_table(table))
    for more in ({}, {"album": "of no cover"}, {"album": "of none either"}):
        rows = [*of_table(table), {**of_table(table)[0], **more}]
        write_rows(tmp_path / TSV, *rows, columns=list(rows[0]))
        keep_sets(tmp_path)
        listed = read_rows(tmp_path / "split" / "split.tsv")
        found = {(row["genre"], row["set_given"], row["set"]) for row in listed}
        assert found == {("Jazz", "test", "test"), ("Rock", "train", ASIDE), ("Rock", "val", "val")}


@pytest.mark.parametrize("others", [300, pytest.param(8561, marks=pytest.mark.long)])
def test_the_recorded_leaks_are_all_found(tmp_path: Path, others: int) -> None:
    """Of a table of 8,561 rows that gives 63 addresses to two sets, none is in two at the end."""
    with gzip.open(realdata("msdi", "pictures_with_leaks_a.csv.gz"), "rt") as file:
        table = list(csv.DictReader(file))
    given: defaultdict[str, set[str]] = defaultdict(set)
    for row in table:
        given[row["image_url"]].add(row["set"])
    leaking = {url for url, names in given.items() if len(names) > 1}
    assert (len(table), len(given), len(leaking)) == (8561, 8419, 63)
    times = Counter(row["image_url"] for row in table)
    table = [row for at, row in enumerate(table) if at < others or times[row["image_url"]] > 1]
    urls = fill_by_address(tmp_path, of_table(table))
    summary = keep_sets(tmp_path)
    listed = read_rows(tmp_path / "split" / "split.tsv")
    paths = {row["file"]: row for row in listed}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, row in paths.items():
        if row["set"] != ASIDE:
            found[urls[path]].add(row["set"])
    assert all(len(names) == 1 for names in found.values())
    assert {urls[path] for path, row in paths.items() if row["leak"]} == leaking
    for url in leaking:
        assert found[url] == {max(given[url], key=SETS.index)}
    for url in found.keys() - leaking:
        assert found[url] == given[url]
    leaks = summary.facts["leaks"]
    assert isinstance(leaks, dict)
    assert leaks["picture"] >= len(leaking)
    keep_sets(tmp_path, verify=True)
    before = {path: row["set"] for path, row in paths.items()}
    # A change makes it deal anew, and nothing moves.
    rows = [*of_table(table), {**of_table(table)[0], "album": "of no cover"}]
    write_rows(tmp_path / TSV, *rows, columns=list(rows[0]))
    keep_sets(tmp_path)
    again = {row["file"]: row["set"] for row in read_rows(tmp_path / "split" / "split.tsv")}
    assert again == before
