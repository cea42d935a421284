"""The balance stage on real files."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from splits import catalogue
from support import equigen, from_json, make_context, read_rows, write_rows

from equigen.commands import balance
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
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
    context = make_context(folder, balance={"per_artist": per_artist})
    summary = balance.run(context, per_label=per_label, **flags)  # type: ignore[arg-type]
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
    run_balance(tmp_path, [row for row in rows if row["genre"] == "Jazz"], "5")
    alone = read_rows(tmp_path / TSV)
    run_balance(tmp_path, rows, "5")
    assert [row for row in read_rows(tmp_path / TSV) if row["genre"] == "Jazz"] == alone


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
        context = make_context(tmp_path, balance={"seed": seed, "per_artist": per_artist})
        balance.run(context, per_label=str(number), dry_run=True)
        assert len(read_rows(tmp_path / TSV)) == len(there)
        balance.run(context, per_label=str(number))
        assert labels_of(tmp_path / TSV) == {"Jazz": number, "Rock": number, "Pop": number}
        before, kept = kept, read_rows(tmp_path / TSV)
        ids = {row["album_id"] for row in kept}
        assert {row["album_id"] for row in before} <= ids


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
        balance.run(make_context(folder, balance={"seed": seed}), per_label="9")
        files.append((folder / TSV).read_bytes())
    assert files[0] == files[2] != files[1]


def test_a_balanced_dataset_is_not_rewritten(tmp_path: Path) -> None:
    """A second run leaves the very same file."""
    rows = catalogue(200)
    run_balance(tmp_path, rows, "20", per_artist=2)
    tsv = tmp_path / TSV
    before = tsv.stat()
    context = make_context(tmp_path, balance={"per_artist": 2})
    assert balance.run(context, per_label="20").rows_out == 60
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


@pytest.mark.parametrize(
    "number", ["0", "-3", "all", "1.5", "MIN", "", " 5", "1_000", "²", "٣", "9" * 5000]
)
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str) -> None:
    """One line that says what was expected."""
    with pytest.raises(UsageError, match="expected a whole number from 1 on"):
        run_balance(tmp_path, catalogue(5), number)
    assert len(read_rows(tmp_path / TSV)) == 5


def test_an_output_that_can_not_be_is_refused(tmp_path: Path) -> None:
    """The dataset itself, by whatever name; another type of file; with --dry-run; a folder."""
    (tmp_path / "link.tsv").symlink_to(TSV)
    write_rows(tmp_path / TSV)
    os.link(tmp_path / TSV, tmp_path / "hard.tsv")
    for name in (TSV, "link.tsv", "hard.tsv", f"../{tmp_path.name}/{TSV}"):
        with pytest.raises(UsageError, match="the dataset itself"):
            balance.run(make_context(tmp_path), per_label="5", output=tmp_path / name)
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
            balance.run(make_context(tmp_path), per_label="5", output=output)
    assert (tmp_path / TSV).read_bytes() == body
    assert {file.name for file in tmp_path.iterdir()} <= {TSV, ".equigen.lock"}


def test_without_a_dataset_there_is_nothing_to_balance(tmp_path: Path) -> None:
    """It says what makes one, and leaves nothing in the wrong folder."""
    with pytest.raises(MissingInputError, match="equigen fetch"):
        balance.run(make_context(tmp_path / "none"), per_label="5")
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
    done = equigen("balance", cwd=tmp_path)
    assert done.returncode == 2
    assert "Missing option '--per-label'" in done.stderr
