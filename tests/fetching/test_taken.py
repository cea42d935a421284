"""Rows on their way from the ledger into the TSV, also where that breaks off."""

from pathlib import Path

import pytest
from dumpsets import dump_context

from equigen.errors import StorageError
from equigen.fetching.pending import write_pending
from equigen.ledger.ledger import Ledger
from equigen.schema import Album, Listing


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
