"""Detect a lost ledger: missing, empty or begun anew while covers or sets lie beside it."""

from itertools import chain
from pathlib import Path

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.layouts import (
    cover_files,
    files_in_sets,
    listed_sets,
    was_remembered,
)
from equigen.errors import LedgerError
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import SPLIT_LINK, Ledger
from equigen.schema import SETS, Link


def has_ledger(context: Context) -> bool:
    """Return whether there is a ledger to read; an empty one counts only beside covers or sets.

    Opening an empty ledger beside covers then raises a `LedgerError`.
    """
    ledger = context.ledger
    return ledger.exists() and (has_tables(ledger) or are_covers_there(context))


def are_covers_there(context: Context) -> bool:
    """Return whether there are covers, in the images folder or in sets, or a split.tsv."""
    there = chain(cover_files(context.images), files_in_sets(context.split))
    return any(True for _ in there) or (context.split / SPLIT_TSV).is_file()


def is_ledger_lost(context: Context) -> bool:
    """Return whether covers lie here that the ledger doesn't know, since it was lost.

    Raises:
        LedgerError: the ledger can't be read.
        InputError: the TSV is broken.

    """
    # Files first, then the ledger: a download records a cover before it stores the file.
    return are_covers_there(context) and (
        not has_tables(context.ledger) or _was_begun_anew(context)
    )


def refuse_lost_ledger(context: Context) -> None:
    """Refuse a lost ledger: all covers that lie here would be fetched again.

    Raises:
        LedgerError: they are not, or the ledger can't be read.
        InputError: the TSV is broken.

    """
    if is_ledger_lost(context):
        why = f"covers lie in {context.directory}; without it they would all be fetched again"
        raise _lost(context, why, context.images, context.split)


def refuse_lost_sets(context: Context) -> None:
    """Refuse a lost ledger where split.tsv shows that it knew the sets: albums would change theirs.

    Covers of other tools may be split without a ledger, and so may sets of `--group none`, which
    the ledger doesn't hold.

    Raises:
        LedgerError: there is none.

    """
    if has_tables(context.ledger):
        return
    table = context.split / SPLIT_TSV
    if table.is_file() and any(map(was_remembered, listed_sets(context.split))):
        why = f"{table} has its sets; without it albums would change theirs"
        raise _lost(context, why, context.split)


def _was_begun_anew(context: Context) -> bool:
    """Return whether the ledger knows no cover at all, though rows' covers lie in their places."""
    if not context.tsv.exists():
        return False
    with Ledger(context.ledger, read_only=True) as ledger:
        if ledger.knows_covers():
            return False
        moved = SETS if ledger.value(SPLIT_LINK) == Link.MOVE else ()
    folders = [context.images, *(context.split / name for name in moved)]
    rows = dataset_covers(context)
    return any((folder / row.path).is_file() for row in rows for folder in folders)


def _lost(context: Context, why: str, *in_the_way: Path) -> LedgerError:
    state = "is missing"
    if context.ledger.exists():
        is_empty = not has_tables(context.ledger)
        state = "is empty" if is_empty else "was begun anew and knows no cover"
    way = (
        "Run `equigen repair`, which builds it anew from its last good copy and the files."
        if context.tsv.exists()
        else f"{context.tsv.name}, of which it could be built anew, is missing as well: put a copy"
        " of that back, then run `equigen repair`."
    )
    msg = (
        f"{context.ledger}: the ledger {state}, and {why}. {way} To begin anew, move"
        f" {' and '.join(map(str, in_the_way))} away."
    )
    return LedgerError(msg)
