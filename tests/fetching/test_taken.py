"""Rows on their way from the ledger into the TSV, also where that breaks off."""

from dataclasses import replace
from pathlib import Path

import pytest
from dumpsets import dump_context
from support import read_rows

from equigen.errors import StorageError
from equigen.fetching.pending import write_pending
from equigen.ledger.ledger import Ledger
from equigen.schema import COLUMNS, Album, Listing


def albums(count: int) -> list[Album]:
    """Return made-up albums."""
    nothing: tuple[str, ...] = ()
    listings = [
        Listing(f"A{n}", f"T{n}", "2010", f"https://x.org/{n}", f"x:{n}", nothing, nothing, "",
                nothing)
        for n in range(count)
    ]  # fmt: skip
    return [
        Album(each, album_index=at, genre="Jazz", year="2010")
        for at, each in enumerate(listings, start=1)
    ]


def test_a_write_that_breaks_off_lets_go_of_the_ledger(tmp_path: Path) -> None:
    """The reader of the rows is closed with it: nothing is left that would warn later."""
    context = dump_context(tmp_path)
    context.tsv.parent.mkdir(exist_ok=True)
    (tmp_path / f".{context.tsv.name}.new").mkdir()  # in the way of the file beside it
    ledger = Ledger(context.ledger)
    ledger.use_pages((), taken=albums(500))
    with pytest.raises(StorageError):
        write_pending(context, ledger)
    assert ledger.pending() == 500
    ledger.close()
    (tmp_path / f".{context.tsv.name}.new").rmdir()
    with Ledger(context.ledger) as again:
        write_pending(context, again)
        assert again.pending() == 0
    assert len(context.tsv.read_text().splitlines()) == 501


def test_optional_columns_are_written_once_a_row_has_a_value(tmp_path: Path) -> None:
    """Each stands in the TSV only once it is needed, and rows without it keep an empty cell."""
    context = dump_context(tmp_path)
    plain, known, of_set = albums(3)
    known = replace(known, listing=replace(known.listing, also_known_as=("y:1",)))
    of_set = replace(of_set, listing=replace(of_set.listing, set_given="val"))
    with Ledger(context.ledger) as ledger:
        for album, columns in (
            (plain, COLUMNS),
            (known, (*COLUMNS, "also_known_as")),
            (of_set, (*COLUMNS, "also_known_as", "set_given")),
        ):
            ledger.use_pages((), taken=[album])
            write_pending(context, ledger)
            assert tuple(context.tsv.read_text().splitlines()[0].split("\t")) == columns
    rows = read_rows(context.tsv)
    assert [row["also_known_as"] for row in rows] == ["", "y:1", ""]
    assert [row["set_given"] for row in rows] == ["", "", "val"]
