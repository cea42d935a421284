"""The balance stage on real files."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import cast

import pytest
from fetches import run_fetch
from kills import IMAGES
from splits import catalogue, sets_of
from support import equigen, from_json, make_context, read_rows, write_rows
from wholes import LEDGER, make_whole, small_catalogue

from equigen import run as equigen_run
from equigen.commands import balance, clean, download, split, status
from equigen.errors import ConfigError, InputError, MissingInputError, UsageError
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

TSV, RESERVE = "equigen_dataset.tsv", "equigen_dataset_reserve.tsv"
COLUMNS = (
    "artist",
    "album",
    "album_index",
    "genre",
    "year",
    "image_url",
    "album_id",
    "mood",
    "artist_ids",
)
FIVE = {"per_label": 5}
Row = Mapping[str, str]


def albums(label: str, years: Sequence[int | str], artist: str = "") -> list[dict[str, str]]:
    """Return a label's albums, one a year given; each has an artist of its own, or the same."""
    return [
        {
            "artist": artist or f"{label} {n}",
            "album": f"Album {n}",
            "genre": label,
            "year": str(year),
            "album_id": f"{label} {artist} {n}",
            "mood": "blue",
        }
        for n, year in enumerate(years)
    ]


def run_balance(
    folder: Path, rows: Sequence[Row], per_label: str, per_artist: int = 0, **flags: object
) -> Summary:
    """Write a dataset and balance it; see that what it says is what it did."""
    tsv = write_rows(folder / TSV, *rows, columns=COLUMNS)
    before = tsv.read_bytes()
    settings = {"per_label": per_label, "per_artist": per_artist}
    summary = balance.run(make_context(folder, balance=settings), **flags)  # type: ignore[arg-type]
    output = flags.get("output")
    if output or flags.get("dry_run"):
        assert tsv.read_bytes() == before
    if not flags.get("dry_run"):
        kept = read_rows(output if isinstance(output, Path) else tsv)
        assert len(kept) == summary.rows_out
        wanted = [{name: row.get(name, "") for name in COLUMNS} for row in rows]
        assert [row for row in wanted if row in kept] == kept, "the file's own order"
    return summary


def labels_of(tsv: Path) -> dict[str, int]:
    """Count the rows of each label."""
    return dict(Counter(row["genre"] for row in read_rows(tsv)))


def test_each_label_keeps_as_many(tmp_path: Path) -> None:
    """In place; rows keep their order and all of their columns; what went has its reason."""
    rows = [*albums("Jazz", range(1950, 1980)), *albums("Rock", range(1960, 2000))]
    summary = run_balance(tmp_path, rows, "9")
    assert labels_of(tmp_path / TSV) == {"Jazz": 9, "Rock": 9}
    assert summary.rows_in == 70
    assert summary.dropped == {"beyond 9 of the label": 52}
    assert summary.facts["labels"] == {
        "Jazz": {
            "had": 30,
            "can_give": 30,
            "kept": 9,
            "decades": {"1950s": 3, "1960s": 3, "1970s": 3},
        },
        "Rock": {
            "had": 40,
            "can_give": 40,
            "kept": 9,
            "decades": {"1960s": 3, "1970s": 2, "1980s": 2, "1990s": 2},
        },
    }
    assert summary.table is not None
    assert summary.table.rows == (
        ("Jazz", 30, 9, "1950s-1970s", "3"),
        ("Rock", 40, 9, "1960s-1990s", "2-3"),
        ("total", 70, 18, "", ""),
    )


def test_scarce_decades_give_all_they_have(tmp_path: Path) -> None:
    """The others make up for them; albums without a year are a decade of their own."""
    rows = albums("Jazz", [1955, *["", "19?"], *([1985] * 30), *([1995] * 30)])
    summary = run_balance(tmp_path, rows, "13")
    years = Counter(row["year"][:3] for row in read_rows(tmp_path / TSV))
    assert years == {"195": 1, "": 1, "19?": 1, "198": 5, "199": 5}
    assert summary.table is not None
    assert summary.table.rows[0] == ("Jazz", 63, 13, "1950s-1990s, unknown", "1-5")


def test_min_is_what_the_smallest_label_can_give(tmp_path: Path) -> None:
    """With a bound on artists, under that bound: so all labels end equal."""
    rows = [
        *albums("Jazz", range(1950, 1980)),
        *albums("Rock", [1970] * 20, artist="The Prolific"),
        *albums("Rock", [1970] * 4),
        *albums("Pop", [1980] * 10),
    ]
    assert run_balance(tmp_path, rows, "min").facts["per_label"] == 10
    assert labels_of(tmp_path / TSV) == {"Jazz": 10, "Rock": 10, "Pop": 10}
    summary = run_balance(tmp_path, rows, "min", per_artist=3)
    assert labels_of(tmp_path / TSV) == {"Jazz": 7, "Rock": 7, "Pop": 7}
    assert summary.notes[0] == "7 of each label: Rock can give no more"
    assert summary.dropped == {
        "beyond 3 of the artist in the label": 17,
        "beyond 7 of the label": 64 - 21 - 17,
    }


def test_a_label_with_fewer_keeps_all_and_is_named(tmp_path: Path) -> None:
    """The smallest first; the table has them all."""
    rows = [
        row
        for n, label in enumerate(["Pop", "Folk", "Rock", "Jazz", "Soul"], start=1)
        for row in albums(label, [1970] * n)
    ]
    summary = run_balance(tmp_path, rows, "5")
    assert summary.rows_out == 15
    assert summary.notes == ["4 of 5 labels can give less than 5: Pop 1, Folk 2, Rock 3 and 1 more"]


def test_no_artist_has_more_than_its_bound_in_a_label(tmp_path: Path) -> None:
    """However it is written, and also with others; "Various" is nobody; each label by itself."""
    rows = [
        *albums("Jazz", [1970, 1971], artist="Prince (2)"),
        *albums("Jazz", [1972, 1973], artist="PRINCE"),
        *albums("Jazz", [1974], artist="Prince & Somebody"),
        *albums("Jazz", [1975] * 5, artist="Various"),
        *albums("Rock", [1970, 1971], artist="Prince"),
    ]
    run_balance(tmp_path, rows, "99", per_artist=1)
    kept = Counter((row["genre"], row["artist"]) for row in read_rows(tmp_path / TSV))
    assert kept.pop(("Jazz", "Various")) == 5
    assert kept.pop(("Rock", "Prince")) == 1
    assert sum(kept.values()) == 1


def test_an_artist_of_one_id_has_one_bound(tmp_path: Path) -> None:
    """Whatever the source calls it."""
    rows = [
        {**row, "artist": f"Name {at}", "artist_ids": "discogs:a45"}
        for at, row in enumerate(albums("Jazz", [1970, 1971, 1972]))
    ]
    assert run_balance(tmp_path, rows, "99", per_artist=1).rows_out == 1


def test_a_label_is_the_folder_that_albums_land_in(tmp_path: Path) -> None:
    """World styles share theirs, as `counts` has it."""
    rows = [*albums("Salsa (World)", [1970] * 5), *albums("Bolero (World)", [1970] * 5)]
    summary = run_balance(tmp_path, rows, "4")
    assert summary.rows_out == 4
    assert summary.table is not None
    assert [row[0] for row in summary.table.rows] == ["World", "total"]


def test_raising_the_number_keeps_what_was_picked(tmp_path: Path) -> None:
    """And neither does another order of the rows change it, nor what other labels ask."""
    rows = catalogue(400)
    before: set[str] = set()
    for number in (1, 5, 50, 90):
        run_balance(tmp_path, rows[:: (-1) ** number], str(number), per_artist=2)
        kept = {row["album_id"] for row in read_rows(tmp_path / TSV)}
        assert before < kept
        before = kept
    run_balance(tmp_path / "jazz", [row for row in rows if row["genre"] == "Jazz"], "5")
    alone = read_rows(tmp_path / "jazz" / TSV)
    run_balance(tmp_path / "all", rows, "5")
    assert [row for row in read_rows(tmp_path / "all" / TSV) if row["genre"] == "Jazz"] == alone


@pytest.mark.parametrize("per_artist", [0, 3])
def test_raising_the_number_keeps_what_was_picked_before_a_refill(
    tmp_path: Path, per_artist: int
) -> None:
    """Rows that came in between, a file in another order or another seed drive none of it out."""
    rows = catalogue(300)
    run_balance(tmp_path, rows, "20", per_artist)
    kept = read_rows(tmp_path / TSV)
    for number, seed, first in ((20, 1, 300), (25, 2, 600), (40, 3, 900)):
        there = [*catalogue(300, seed=seed, first=first), *reversed(read_rows(tmp_path / TSV))]
        write_rows(tmp_path / TSV, *there, columns=COLUMNS)
        settings = {"per_label": number, "seed": seed, "per_artist": per_artist}
        context = make_context(tmp_path, balance=settings)
        balance.run(context, dry_run=True)
        assert len(read_rows(tmp_path / TSV)) == len(there)
        balance.run(context)
        assert labels_of(tmp_path / TSV) == {"Jazz": number, "Rock": number, "Pop": number}
        before, kept = kept, read_rows(tmp_path / TSV)
        ids = {row["album_id"] for row in kept}
        assert {row["album_id"] for row in before} <= ids


def test_rows_of_one_album_are_told_apart_by_their_cells(tmp_path: Path) -> None:
    """Whatever their order, the same one is kept."""
    rows = [{**row, "album_id": "x:1", "mood": str(at)} for at, row in enumerate(catalogue(60))]
    kept = []
    for at, order in enumerate((rows, rows[::-1])):
        run_balance(tmp_path / str(at), order, "3")
        kept.append(sorted(row["mood"] for row in read_rows(tmp_path / str(at) / TSV)))
    assert kept[0] == kept[1]
    assert len(kept[0]) == 9


def test_another_file_is_chosen_anew(tmp_path: Path) -> None:
    """What a balance in place kept counts there alone, and another file changes nothing of it."""
    rows = catalogue(300)
    run_balance(tmp_path / "new", rows, "9", output=tmp_path / "new.tsv")
    run_balance(tmp_path, catalogue(200), "5")
    run_balance(tmp_path, rows, "9", output=tmp_path / "output.tsv")
    assert (tmp_path / "output.tsv").read_bytes() == (tmp_path / "new.tsv").read_bytes()


def test_the_bound_on_artists_wins_over_what_was_kept(tmp_path: Path) -> None:
    """An artist who had more before has only as many as are allowed now."""
    rows = albums("Jazz", [1970] * 9, artist="The Prolific")
    run_balance(tmp_path, rows, "9")
    summary = run_balance(tmp_path, [*rows, *albums("Jazz", [1970] * 9)], "9", per_artist=2)
    kept = Counter(row["artist"] for row in read_rows(tmp_path / TSV))
    assert kept["The Prolific"] == 2
    assert summary.rows_out == 9


def test_the_seed_is_a_setting(tmp_path: Path) -> None:
    """Another one keeps other albums, the same one the same file."""
    files = []
    for at, seed in enumerate((1, 2, 1)):
        folder = tmp_path / str(at)
        write_rows(folder / TSV, *catalogue(200))
        balance.run(make_context(folder, balance={"seed": seed, "per_label": 9}))
        files.append((folder / TSV).read_bytes())
    assert files[0] == files[2] != files[1]


def test_a_balanced_dataset_is_not_rewritten(tmp_path: Path) -> None:
    """A second run leaves the very same file."""
    rows = catalogue(200)
    run_balance(tmp_path, rows, "20", per_artist=2)
    tsv = tmp_path / TSV
    before = tsv.stat()
    context = make_context(tmp_path, balance={"per_label": 20, "per_artist": 2})
    assert balance.run(context).rows_out == 60
    assert tsv.stat().st_ino == before.st_ino


def test_output_leaves_the_dataset_alone(tmp_path: Path) -> None:
    """Its folder is made; a file of an earlier run is replaced; all rows go there if all stay."""
    rows = catalogue(100)
    output = tmp_path / "new" / "balanced.tsv"
    assert run_balance(tmp_path, rows, "5", output=output).rows_out == 15
    assert run_balance(tmp_path, rows, "999", output=output).rows_out == 100
    assert output.read_bytes() == (tmp_path / TSV).read_bytes()
    assert sorted(file.name for file in output.parent.iterdir()) == ["balanced.tsv"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It tells what would be kept."""
    summary = run_balance(tmp_path, catalogue(100), "5", dry_run=True)
    assert summary.rows_out == 15
    assert summary.notes[-1] == "nothing was written: --dry-run"


def reserve(folder: Path) -> dict[str, str]:
    """Return the reason of each row of the reserve, by its album's id."""
    return {row["album_id"]: row["reason"] for row in read_rows(folder / RESERVE)}


def ids(tsv: Path) -> set[str]:
    """Return the ids of a TSV's albums."""
    return {row["album_id"] for row in read_rows(tsv)}


def balanced(
    folder: Path, per_label: int | str, *, dry_run: bool = False, undo: bool = False
) -> Summary:
    """Balance a dataset as it lies there."""
    context = make_context(folder, balance={"per_label": per_label})
    return balance.run(context, dry_run=dry_run, undo=undo)


def test_what_is_left_out_lies_in_the_reserve_with_its_reason(tmp_path: Path) -> None:
    """The same reasons, as often, as the summary has them; and it says how to bring it back."""
    rows = [*albums("Jazz", [1970] * 9, artist="The Prolific"), *albums("Jazz", [1970] * 9)]
    summary = run_balance(tmp_path, rows, "5", per_artist=2)
    left_out = reserve(tmp_path)
    assert Counter(left_out.values()) == {
        f"balance: {reason}": count for reason, count in summary.dropped.items()
    }
    assert left_out.keys() | ids(tmp_path / TSV) == {row["album_id"] for row in rows}
    assert summary.notes == [
        f"what is left out is in {RESERVE}: `equigen balance --undo` brings it back"
    ]


def test_a_higher_number_takes_back_what_the_lower_one_left_out(tmp_path: Path) -> None:
    """What is kept for it is what it would have kept at once."""
    rows = catalogue(200)
    run_balance(tmp_path / "once", rows, "30")
    run_balance(tmp_path, rows, "9")
    kept = ids(tmp_path / TSV)
    summary = balanced(tmp_path, 30)
    assert kept < ids(tmp_path / TSV) == ids(tmp_path / "once" / TSV)
    assert summary.facts["taken_back"] == 90 - 27
    assert summary.rows_in == 200 == summary.rows_out + sum(summary.dropped.values())
    assert len(reserve(tmp_path)) == 200 - 90
    assert summary.notes[0] == f"63 of the rows come back from {RESERVE}"


def test_undo_brings_all_back(tmp_path: Path) -> None:
    """The dataset has its rows again, and what was kept is forgotten; a dry run only says so."""
    rows = catalogue(100)
    run_balance(tmp_path, rows, "9")
    after = (tmp_path / TSV).read_bytes()
    told = balanced(tmp_path, 0, undo=True, dry_run=True)
    assert told.notes == [
        f"73 rows would come back from {RESERVE}", "nothing was written: --dry-run"
    ]  # fmt: skip
    assert (tmp_path / TSV).read_bytes() == after
    summary = balanced(tmp_path, 0, undo=True)
    assert summary.rows_out == 100
    assert summary.notes == [f"73 rows came back from {RESERVE}"]
    assert ids(tmp_path / TSV) == {row["album_id"] for row in rows}
    assert reserve(tmp_path) == {}
    context = make_context(tmp_path, balance={"per_label": 9, "seed": 2})
    balance.run(context)
    run_balance(tmp_path / "new", rows, "9")
    assert ids(tmp_path / TSV) != ids(tmp_path / "new" / TSV)
    assert balanced(tmp_path, 0, undo=True).rows_out == 100
    assert balanced(tmp_path, 0, undo=True).facts["taken_back"] == 0


def test_undo_with_a_number_is_refused(tmp_path: Path) -> None:
    """A number given by flag would be ignored; one that is remembered is none of the user's now."""
    write_rows(tmp_path / "data" / TSV, *catalogue(20), columns=COLUMNS)
    assert equigen("balance", "--per-label", "3", cwd=tmp_path).returncode == 0
    before = (tmp_path / "data" / TSV).read_bytes()
    for flags in (("--per-label", "3"), ("--per-artist", "2"), ("--seed", "5")):
        done = equigen("balance", "--undo", *flags, cwd=tmp_path)
        assert done.returncode == 2
        assert f"--undo brings all rows back: leave out {flags[0]}." in done.stderr
    assert (tmp_path / "data" / TSV).read_bytes() == before
    assert equigen("balance", "--undo", cwd=tmp_path).returncode == 0


def test_what_others_left_out_stays_there(tmp_path: Path) -> None:
    """Balance takes back its own rows alone."""
    run_balance(tmp_path, catalogue(100), "9")
    rows = read_rows(tmp_path / RESERVE)
    for row in rows[::2]:
        row["reason"] = "select: year >= 1970"
    write_rows(tmp_path / RESERVE, *rows, columns=list(rows[0]))
    assert balanced(tmp_path, 99).rows_out == 27 + len(rows[1::2])
    assert len(reserve(tmp_path)) == len(rows[::2])
    assert balanced(tmp_path, 0, undo=True).facts["taken_back"] == 0


def test_another_file_and_a_dry_run_count_the_reserve(tmp_path: Path) -> None:
    """They tell what would be kept of all rows, and change neither file."""
    rows = catalogue(200)
    run_balance(tmp_path, rows, "9")
    before = [(tmp_path / name).read_bytes() for name in (TSV, RESERVE)]
    assert balanced(tmp_path, 30, dry_run=True).rows_out == 90
    context = make_context(tmp_path, balance={"per_label": 30})
    assert balance.run(context, output=tmp_path / "more.tsv").rows_out == 90
    assert [(tmp_path / name).read_bytes() for name in (TSV, RESERVE)] == before
    run_balance(tmp_path / "once", rows, "30")
    assert ids(tmp_path / "more.tsv") == ids(tmp_path / "once" / TSV)


@pytest.mark.parametrize("has_ids", [True, False])
def test_albums_of_an_older_copy_count_once(tmp_path: Path, has_ids: bool) -> None:  # noqa: FBT001
    """Though `clean` had changed their rows since; those of another genre are others."""
    rows = albums("Jazz", [1950] * 6, artist="Nina (2)*")
    if not has_ids:
        rows = [
            {**row, "album_id": "", "image_url": f"https://h/{at}"} for at, row in enumerate(rows)
        ]
    other = {**rows[0], "genre": "Rock", "artist": "Nina"}
    tsv = write_rows(tmp_path / TSV, *rows, other, columns=COLUMNS)
    copy = tsv.read_bytes()
    clean.run(make_context(tmp_path))
    balanced(tmp_path, 2)
    assert len(read_rows(tmp_path / RESERVE)) == 4
    tsv.write_bytes(copy)
    assert balanced(tmp_path, 0, undo=True).rows_out == 7
    assert tsv.read_bytes() == copy
    assert read_rows(tmp_path / RESERVE) == []
    balanced(tmp_path, 2)
    write_rows(tsv, *rows[:6], columns=COLUMNS)
    assert balanced(tmp_path, 0, undo=True).rows_out == 6
    write_rows(tmp_path / RESERVE, {**other, "reason": "balance: x"}, columns=(*COLUMNS, "reason"))
    assert balanced(tmp_path, 0, undo=True).rows_out == 7


def test_a_tsv_that_was_put_back_from_a_copy_counts_its_rows_once(tmp_path: Path) -> None:
    """What lies in the reserve as well is taken out of it, not doubled."""
    rows = catalogue(100)
    run_balance(tmp_path, rows, "9")
    kept = ids(tmp_path / TSV)
    summary = run_balance(tmp_path, rows, "9")
    assert (summary.rows_in, summary.rows_out) == (100, 27)
    assert ids(tmp_path / TSV) == kept
    assert len(read_rows(tmp_path / RESERVE)) == 73
    for flags in ({"dry_run": True}, {"output": tmp_path / "out.tsv"}):
        write_rows(tmp_path / TSV, *rows, columns=COLUMNS)
        context = make_context(tmp_path, balance={"per_label": 9})
        assert balance.run(context, **flags).rows_in == 100


def test_fetch_knows_what_is_left_out(tmp_path: Path) -> None:
    """Its places aren't filled anew, nothing is asked for, and no album of it is taken again."""
    with Sandbox(make_catalogue(albums_per_label=30)) as sandbox:
        run_fetch(tmp_path, sandbox, limit=8)
        balanced(tmp_path, 3)
        before, left_out = (tmp_path / TSV).read_bytes(), reserve(tmp_path)
        sandbox.log.clear()
        summary = run_fetch(tmp_path, sandbox, limit=8)
        assert sandbox.log == []
        assert (tmp_path / TSV).read_bytes() == before
        assert summary.notes[-2] == (
            f"{len(left_out):,} albums that were left out, in {RESERVE}, keep their places"
        )
        (tmp_path / LEDGER).unlink()  # so that the reserve alone knows them
        more = run_fetch(tmp_path, sandbox, limit=12)
    assert more.rows_out == 4 * 4
    assert not ids(tmp_path / TSV) & left_out.keys()


def test_rows_that_come_back_bring_their_covers_and_sets(tmp_path: Path) -> None:
    """Without a request: the files were set aside, and the ledger remembers their sets."""
    with small_catalogue() as sandbox:
        whole = make_whole(tmp_path, sandbox)
        dealt, covers = sets_of(tmp_path), len(list((tmp_path / IMAGES).rglob("*.jpg")))
        context = make_context(tmp_path, base_url=sandbox.base_url)
        balanced(tmp_path, 2)
        download.run(context)
        split.run(context)
        assert sets_of(tmp_path).keys() <= ids(tmp_path / TSV)
        assert len(list((tmp_path / IMAGES).rglob("*.jpg"))) < covers
        balanced(tmp_path, 0, undo=True)
        download.run(context)
        split.run(context)
        assert whole.sandbox.log == []
    assert sets_of(tmp_path) == dealt
    assert len(list((tmp_path / IMAGES).rglob("*.jpg"))) == covers


def of_several(folder: Path, **counts: int) -> Path:
    """Write so many albums of each of some labels, joined by `_`, in turn over three decades."""
    rows = [
        {
            **row,
            "artist": f"Artist {n % 5}",
            "genre": labels.split("_")[0],
            "labels": labels.replace("_", "|"),
        }
        for labels, count in counts.items()
        for n, row in enumerate(albums(labels, [1971 + 10 * (n % 3) for n in range(count)]))
    ]
    return write_rows(folder / TSV, *rows, columns=(*COLUMNS, "labels"))


def counted(tsv: Path) -> Counter[str]:
    """Count an album for each of its labels."""
    return Counter(label for row in read_rows(tsv) for label in row["labels"].split("|"))


def test_an_album_of_several_labels_counts_for_each(tmp_path: Path) -> None:
    """The scarcest label chooses first, and what it chose counts for the others."""
    tsv = of_several(tmp_path, Electronic_World=6, Jazz_World=2, Jazz=20, Electronic=30)
    context = make_context(tmp_path, balance={"per_label": "min"})
    summary = balance.run(context)
    assert counted(tsv) == {"World": 8, "Jazz": 8, "Electronic": 8}
    assert (summary.rows_in, summary.rows_out) == (58, 16)
    assert summary.notes[0] == "8 of each label: World can give no more"
    assert summary.table is not None
    assert [row[:3] for row in summary.table.rows] == [
        ("Electronic", 36, 8), ("Jazz", 22, 8), ("World", 8, 8), ("total", 58, 16),
    ]  # fmt: skip
    before = tsv.stat().st_ino
    assert balance.run(context).rows_out == 16
    assert tsv.stat().st_ino == before, "run twice, nothing changes"
    balance.run(context, undo=True)
    assert counted(tsv) == {"World": 8, "Jazz": 22, "Electronic": 36}


def test_a_label_keeps_more_where_others_need_its_albums(tmp_path: Path) -> None:
    """It is said by how many; and nobody is told to balance what can't be more even."""
    tsv = of_several(tmp_path, Electronic_World=5, Electronic_Latin=5, Electronic=20, Jazz=9)
    context = make_context(tmp_path, balance={"per_label": "min"})
    assert status.run(context).notes[-1].endswith("`equigen balance --per-label min`")
    summary = balance.run(context)
    assert counted(tsv) == {"World": 5, "Latin": 5, "Electronic": 10, "Jazz": 5}
    assert "more than 5: Electronic 10, by albums of other labels" in summary.notes
    assert status.run(context).notes[-1] == (
        "classes: 5 to 10 albums, 2.0 to 1, as even as albums of several labels allow"
    )
    balance.run(make_context(tmp_path, balance={"per_label": 8}))
    assert counted(tsv) == {"World": 5, "Latin": 5, "Electronic": 10, "Jazz": 8}
    assert "`equigen balance --per-label min`" in status.run(context).notes[-1]


@pytest.mark.parametrize("per_artist", [0, 2])
def test_no_label_of_several_gives_less_than_it_can(tmp_path: Path, per_artist: int) -> None:
    """Whatever the mixture, each has its number or all of its albums, in any order of rows."""
    names = ("Blues", "Folk", "Jazz", "Latin", "Pop", "Rock")
    for seed in range(8):
        random = Random(seed)
        mixtures = ["_".join(random.sample(names, random.choice((1, 1, 2, 3)))) for _ in range(12)]
        counts = {mixture: random.randint(1, 9) for mixture in mixtures}
        tsv = of_several(folder := tmp_path / str(seed), **counts)
        had, rows = counted(tsv), read_rows(tsv)
        settings = {"per_label": 7, "per_artist": per_artist}
        summary = balance.run(make_context(folder, balance=settings))
        kept, told = counted(tsv), cast("Mapping[str, Mapping[str, int]]", summary.facts["labels"])
        assert all(kept[name] >= min(7, told[name]["can_give"]) for name in had)
        assert {name: each["kept"] for name, each in told.items()} == kept
        assert per_artist or {name: each["can_give"] for name, each in told.items()} == had
        ids_kept = ids(tsv)
        random.shuffle(rows)
        write_rows(tmp_path / "other" / str(seed) / TSV, *rows, columns=(*COLUMNS, "labels"))
        balance.run(make_context(tmp_path / "other" / str(seed), balance=settings))
        assert ids(tmp_path / "other" / str(seed) / TSV) == ids_kept


@pytest.mark.parametrize("per_artist", [0, 2])
def test_what_labels_of_several_kept_stays(tmp_path: Path, per_artist: int) -> None:
    """A second run changes nothing; rows that came and a higher number take hardly a place."""
    exchanged = Counter[int]()
    names = ("Blues", "Folk", "Jazz", "Latin", "Pop", "Rock")
    for seed in range(8):
        random, tsv = Random(seed), tmp_path / str(seed) / TSV
        mixtures = ["_".join(random.sample(names, random.choice((1, 1, 2, 3)))) for _ in range(12)]
        of_several(tsv.parent, **{mixture: random.randint(3, 20) for mixture in mixtures})
        context = make_context(tsv.parent, balance={"per_label": 7, "per_artist": per_artist})
        balance.run(context)
        kept, before = {*ids(tsv)}, tsv.stat().st_ino
        assert balance.run(context).facts["taken_back"] == 0
        assert tsv.stat().st_ino == before
        new = [
            {**row, "album_id": f"new:{n}", "artist": f"New {n}", "labels": row["labels"]}
            for n, row in enumerate(read_rows(tsv))
        ]
        write_rows(tsv, *new, *read_rows(tsv), columns=(*COLUMNS, "labels"))
        for per_label in (7, 9):
            settings = {"per_label": per_label, "per_artist": per_artist}
            balance.run(make_context(tsv.parent, balance=settings))
            exchanged[per_label] += len(kept - {*ids(tsv)})
    assert sum(exchanged.values()) <= (40 if per_artist else 1)


def test_undo_works_in_place(tmp_path: Path) -> None:
    """With another file it is refused; it needs no number."""
    write_rows(tmp_path / TSV, *catalogue(5))
    with pytest.raises(UsageError, match="--undo works in place: leave out --output"):
        balance.run(make_context(tmp_path), undo=True, output=tmp_path / "x.tsv")
    assert balanced(tmp_path, 0, undo=True).rows_out == 5


def test_the_dataset_is_no_output(tmp_path: Path) -> None:
    """Neither is its reserve."""
    run_balance(tmp_path, catalogue(50), "5")
    with pytest.raises(UsageError, match="the dataset itself"):
        balance.run(make_context(tmp_path, balance=FIVE), output=tmp_path / RESERVE)


@pytest.mark.parametrize(
    "number", ["-3", "all", "1.5", "MIN", "", " 5", "1_000", "²", "٣", "9" * 5000]
)
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    """One line that says what was expected."""
    tsv = write_rows(tmp_path / TSV, *catalogue(5))
    before = tsv.read_bytes()
    with pytest.raises(
        ConfigError, match=r"--per-label: expected a whole number such as 500, or min"
    ):
        equigen_run("balance", directory=tmp_path, per_label=number)
    assert tsv.read_bytes() == before


def test_an_output_that_can_not_be_is_refused(tmp_path: Path) -> None:
    """The dataset itself, by whatever name; another type of file; with --dry-run; a folder."""
    (tmp_path / "link.tsv").symlink_to(TSV)
    write_rows(tmp_path / TSV)
    os.link(tmp_path / TSV, tmp_path / "hard.tsv")
    for name in (TSV, "link.tsv", "hard.tsv", f"../{tmp_path.name}/{TSV}"):
        with pytest.raises(UsageError, match="the dataset itself"):
            balance.run(make_context(tmp_path, balance=FIVE), output=tmp_path / name)
    with pytest.raises(UsageError, match=r"ends in \.tsv"):
        run_balance(tmp_path, catalogue(5), "5", output=tmp_path / "x.csv")
    with pytest.raises(UsageError, match="leave out --output"):
        run_balance(tmp_path, catalogue(5), "5", output=tmp_path / "x.tsv", dry_run=True)
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(UsageError, match="this is a folder"):
        run_balance(tmp_path, catalogue(5), "5", output=tmp_path / "folder.tsv")


@pytest.mark.parametrize(
    "body",
    [b"", b"artist\talbum\n", b"\xff\xfe", None],
)
def test_a_broken_dataset_stays_as_it_is(tmp_path: Path, body: bytes | None) -> None:
    """Whether its header is wrong or one of its rows, and nothing is left beside it."""
    good = write_rows(tmp_path / TSV, *catalogue(50)).read_bytes()
    body = good + b"a row\tof two cells\n" if body is None else body
    (tmp_path / TSV).write_bytes(body)
    for output in (None, tmp_path / "balanced.tsv"):
        with pytest.raises(InputError, match=TSV):
            balance.run(make_context(tmp_path, balance=FIVE), output=output)
    assert (tmp_path / TSV).read_bytes() == body
    assert {file.name for file in tmp_path.iterdir()} <= {TSV, ".equigen.lock"}


def test_without_a_dataset_there_is_nothing_to_balance(tmp_path: Path) -> None:
    """It says what makes one, and leaves nothing in the wrong folder."""
    with pytest.raises(MissingInputError, match="equigen fetch"):
        balance.run(make_context(tmp_path / "none", balance=FIVE))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_dataset_is_balanced(tmp_path: Path) -> None:
    """A header alone has no labels; min is nothing then."""
    for number in ("5", "min"):
        assert run_balance(tmp_path, [], number).rows_in == 0
    assert run_balance(tmp_path, [], "min").facts["per_label"] == 0


def test_the_command_line_takes_its_flags(tmp_path: Path) -> None:
    """The bound and the seed are settings; what is dropped is told; the number must be given."""
    write_rows(tmp_path / "data" / TSV, *catalogue(100), columns=COLUMNS)
    done = equigen("balance", "--per-label", "min", "--per-artist", "1", "--seed", "5", "--json",
                   cwd=tmp_path)  # fmt: skip
    told = from_json(done.stdout)
    assert (told["per_artist"], told["seed"]) == (1, 5)
    assert len(read_rows(tmp_path / "data" / TSV)) == told["rows_out"] == 3 * told["per_label"]
    assert told["rows_in"] == told["rows_out"] + sum(told["dropped"].values()) == 100
    again = from_json(equigen("balance", "--json", cwd=tmp_path).stdout)
    assert (again["per_label"], again["rows_out"]) == (told["per_label"], told["rows_out"])
    other = tmp_path / "other"
    write_rows(other / "data" / TSV, *catalogue(100), columns=COLUMNS)
    done = equigen("balance", cwd=other)
    assert done.returncode == 2
    assert "--per-label is missing: expected --per-label N or --per-label min" in done.stderr
