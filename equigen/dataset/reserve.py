"""Leave rows out of the TSV without losing them: they lie in the reserve, a file beside it.

The reserve has the columns of the TSV, and last the `reason`: the stage, and why it left the row
out, such as "balance: beyond 500 of the label". A row is written where it goes before it is taken
from where it was: a killed process leaves some in both files at worst. These count as rows of the
TSV, and the next stage takes them out of the reserve.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from equigen.dataset.context import Context
from equigen.dataset.table import (
    Edit,
    appended,
    map_table,
    require_whole_tsv,
    rewrite_columns,
    splice,
    stamp_of,
)
from equigen.dataset.tsv import reading_tsv, require_tsv, write_tsv
from equigen.errors import InputError
from equigen.ledger.ledger import RESERVE_MOVING, Ledger
from equigen.schema import REQUIRED_COLUMNS, safe_text
from equigen.summary import Summary

if TYPE_CHECKING:
    import polars as pl

    from equigen.dataset.table_reader import Chunk, Spans

REASON: Final = "reason"
MADE_BY: Final = "equigen balance"
REQUIRED: Final = (*REQUIRED_COLUMNS, REASON)

T = TypeVar("T")


def map_reserve(
    context: Context,
    columns: Sequence[str],
    work: "Callable[[Chunk], T]",
) -> Iterator[T]:
    """Yield what `work` makes of each chunk of the reserve, as `map_table` does; none without one.

    Raises:
        InputError: the reserve is broken.

    """
    if context.reserve.exists():
        yield from map_table(context.reserve, columns, work, made_by=MADE_BY, required=REQUIRED)


def leave_out(context: Context, ledger: Ledger, reasons: Mapping[int, str]) -> None:
    """Move rows of the TSV, given by their places from 0, into the reserve, each with its reason.

    Raises:
        InputError: the TSV or the reserve is broken, or the TSV has a column `reason`.
        StorageError: the disk refuses; no row is lost.

    """
    if not reasons:
        return
    columns = _columns_of_tsv(context)
    if REASON in columns:
        msg = (
            f"{context.tsv}, line 1: there is a column {REASON!r}, which the rows left out have of"
            f" their own in {context.reserve.name}; expected none. Rename it."
        )
        raise InputError(msg)
    if not context.reserve.exists():
        write_tsv(context.reserve, (*columns, REASON), ())
    there = _columns_of_reserve(context)
    if lacking := [name for name in columns if name not in there]:
        there = (*(name for name in there if name != REASON), *lacking, REASON)
        rewrite_columns(context.reserve, there, required=REQUIRED)
    chunks = map_table(context.tsv, there, lambda chunk: chunk)
    _move(ledger, chunks, context.tsv, context.reserve, reasons, sorted(reasons))


def take_back(context: Context, ledger: Ledger, places: Collection[int]) -> None:
    """Move rows of the reserve, given by their places from 0, to the end of the TSV.

    Raises:
        InputError: the TSV or the reserve is broken.
        StorageError: the disk refuses; no row is lost.

    """
    if not places:
        return
    columns = _columns_of_tsv(context)
    lacking = [
        name for name in _columns_of_reserve(context) if name not in columns and name != REASON
    ]
    if lacking:
        columns = (*columns, *lacking)
        rewrite_columns(context.tsv, columns)
    chunks = map_reserve(context, columns, lambda chunk: chunk)
    _move(ledger, chunks, context.reserve, context.tsv, None, sorted(places))


def give_reason(context: Context, places: Sequence[int], reason: str) -> None:
    """Give rows of the reserve, by their rising places from 0, another reason.

    Raises:
        InputError: the reserve is broken.
        StorageError: the disk refuses; the old reserve is still there.

    """

    def edits() -> Iterator[Edit]:
        first, text = 0, safe_text(reason)
        for chunk in map_reserve(context, [REASON], lambda chunk: chunk):
            start, end = (bisect_left(places, at) for at in (first, first + len(chunk)))
            yield from (chunk.replacing(at - first, REASON, text) for at in places[start:end])
            first += len(chunk)

    if places:
        splice(context.reserve, edits(), since=stamp_of(context.reserve))


def left_out_by(context: Context, stage: str) -> list[int]:
    """Return the places of the reserve's rows that a stage left out, but for those in the TSV, too.

    Raises:
        InputError: the TSV or the reserve is broken.

    """
    twice = {*places_in_both(context)}
    reasons = map_reserve(context, [REASON], lambda chunk: chunk.frame[REASON].to_list())
    return [
        at
        for at, reason in enumerate(chain.from_iterable(reasons))
        if reason.startswith(f"{stage}: ") and at not in twice
    ]


def places_in_both(context: Context) -> Sequence[int]:
    """Return the places of the reserve's rows whose album stands in the TSV as well, by its genre.

    They were left there by a killed process, or by a TSV that was put back from a copy, which may
    have other cells.

    Raises:
        InputError: the TSV or the reserve is broken.

    """
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    from equigen.identity.columns import albums_by  # noqa: PLC0415

    if not (context.reserve.exists() and context.tsv.exists()):
        return ()
    columns = ("artist", "album", "genre", "image_url", "album_id")

    def digests(chunk: "Chunk") -> "pl.DataFrame":
        rows = albums_by(chunk.frame).with_columns(chunk.frame["genre"])
        # Of 128 bits, since two of a million rows may share a digest of 64.
        return pl.DataFrame([rows.hash_rows(seed).alias(str(seed)) for seed in (1, 2)])

    left_out = list(map_reserve(context, columns, digests))
    rows = list(map_table(context.tsv, columns, digests))
    if not left_out or not rows:
        return ()
    there = pl.concat(left_out).with_row_index("place")
    return there.join(pl.concat(rows), on=["1", "2"], how="semi")["place"].sort().to_list()


def take_all_back(context: Context, ledger: Ledger | None, stage: str) -> Summary:
    """Take back all rows that a stage left out, behind the others, and account for all rows.

    Without a ledger it is only told how many would come.

    Raises:
        InputError, StorageError: as `take_back` has it.

    """
    rows, back = sum(map_table(context.tsv, (), len)), left_out_by(context, stage)
    if ledger:
        take_back(context, ledger, back)
    came = "came" if ledger else "would come"
    return Summary(
        stage=stage,
        unit="rows",
        rows_in=rows + len(back),
        rows_out=rows + len(back),
        facts={"undo": True, "taken_back": len(back), "dry_run": ledger is None},
        notes=[f"{len(back):,} rows {came} back from {context.reserve.name}"],
    )


def mend(context: Context, ledger: Ledger) -> None:
    """Take the rows out of the reserve that stand in the TSV as well.

    Raises:
        InputError: the TSV or the reserve is broken.
        StorageError: the disk refuses.

    """
    from equigen.dataset.table_reader import removals  # noqa: PLC0415  (polars)

    if twice := places_in_both(context):
        stamp = stamp_of(context.reserve)
        spans = list(map_reserve(context, (), lambda chunk: chunk.spans))
        splice(context.reserve, removals(spans, twice), since=stamp)
    ledger.remember(RESERVE_MOVING, "")


def is_moving(ledger: Ledger | None) -> bool:
    """Return whether a process was killed while it moved rows into the reserve or back."""
    return bool(ledger and ledger.value(RESERVE_MOVING))


def require_reserve(context: Context, *, whole: bool) -> None:
    """Make sure that a reserve that is there can be read: its header, or to its end.

    Raises:
        InputError: it is broken.

    """
    if context.reserve.exists():
        require = require_whole_tsv if whole else require_tsv
        require(context.reserve, made_by=MADE_BY, required=REQUIRED)


def _columns_of_tsv(context: Context) -> tuple[str, ...]:
    with reading_tsv(context.tsv) as tsv:
        return tsv.columns


def _columns_of_reserve(context: Context) -> tuple[str, ...]:
    with reading_tsv(context.reserve, made_by=MADE_BY, required=REQUIRED) as tsv:
        return tsv.columns


def rows_of(
    chunks: "Iterable[Chunk]", places: Sequence[int], reasons: Mapping[int, str] | None = None
) -> Iterator[bytes]:
    """Yield rows, given by their rising places in all chunks, as lines, with reasons if given."""
    import polars as pl  # noqa: PLC0415

    from equigen.dataset.table_reader import lines_of  # noqa: PLC0415

    first, start, one_line = 0, 0, cache(safe_text)
    for chunk in chunks:
        end = bisect_left(places, first + len(chunk), lo=start)
        if here := places[start:end]:
            rows = chunk.exact[[at - first for at in here]]
            if reasons:
                rows = rows.with_columns(pl.Series(REASON, [one_line(reasons[at]) for at in here]))
            yield lines_of(rows)
        first, start = first + len(chunk), end


def _move(
    ledger: Ledger,
    chunks: "Iterable[Chunk]",
    source: Path,
    target: Path,
    reasons: Mapping[int, str] | None,
    places: Sequence[int],
) -> None:
    """Append rows of the source, by their rising places, to the target; then take them out."""
    from equigen.dataset.table_reader import removals  # noqa: PLC0415

    spans: list[Spans] = []

    def seen() -> "Iterator[Chunk]":
        for chunk in chunks:
            spans.append(chunk.spans)
            yield chunk

    stamp = stamp_of(source)
    ledger.remember(RESERVE_MOVING, "yes")
    splice(target, appended(target, rows_of(seen(), places, reasons)), since=stamp_of(target))
    splice(source, removals(spans, places), since=stamp)
    ledger.remember(RESERVE_MOVING, "")
