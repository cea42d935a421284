"""Keep the albums that fulfil a condition in SQL.

The condition is one of DuckDB's, about the columns that --columns lists: those of the TSV, what is
known of covers, their features, and sets. An album for which it is NULL, as it lacks a value that
is asked for, doesn't fulfil it.

With --in-place, the albums that are left out go to the reserve, a file beside the TSV, with the
condition as their reason. What balance left out is judged as well, so that it takes none back that
doesn't fulfil the condition; what `fetch` brings later isn't: run it again. With --output, the kept
rows are written there and the dataset stays as it is. Without both, it is said what would be kept.
With --undo, all that it left out comes back.

Examples:
  equigen select --columns
  equigen select --where "year >= 1970 AND list_contains(formats, 'LP')"
  equigen select --where "width_px >= 300" --in-place
  equigen select --where "colour.brightness < 30 AND colour.saturation > 20"
  equigen select --where "rating_count >= 50" --output data/rated.tsv
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.feature_tables import sql_type
from equigen.dataset.reserve import give_reason, leave_out, mend, take_all_back
from equigen.dataset.selecting import Choice, Condition, columns_of
from equigen.dataset.table import write_without
from equigen.errors import UsageError
from equigen.summary import Summary, Table

ORDER: Final = 53
SETTINGS: Final = ()

_MOST_REASON_CHARS = 200
_UNFULFILLED = "condition not fulfilled"
_UNKNOWN = "condition NULL, as a value is missing"


def run(  # noqa: PLR0913  (each is a flag)
    context: Context,
    *,
    where: Annotated[
        str | None, typer.Option(metavar="SQL", help="The condition of the albums to keep.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the kept rows there; the dataset stays as it is.")
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Move the other rows to the reserve.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be kept; write nothing.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back all rows that select left out.")
    ] = False,
    columns: Annotated[
        bool, typer.Option("--columns", help="List the columns that a condition can ask for.")
    ] = False,
) -> Summary:
    """Choose rows of the TSV, in place or into another one.

    Raises:
        UsageError: no such condition, or a file that the kept rows can't be written to.
        EquigenError: as `Dataset.writing` has it; the dataset stays untouched.

    """
    if columns:
        return _list_columns(context)
    if undo:
        return _undo(context, is_alone=not (where or output or in_place), dry_run=dry_run)
    if not where or not where.strip():
        msg = (
            '--where: no condition is given; expected one such as --where "year >= 1970".'
            " `equigen select --columns` lists what it can ask for."
        )
        raise UsageError(msg)
    if output and in_place:
        msg = "--output writes another file, --in-place the dataset itself: give one of them."
        raise UsageError(msg)
    if output:
        context.check_tsv_output(output, "--output")
    condition = Condition(where, columns_of(context))
    writes = in_place and not dry_run
    with Dataset.writing(
        context, "select", Need.TSV | Need.KNOWN_COVERS if writes else Need.TSV
    ) as dataset:
        if writes and context.reserve.exists():
            mend(context, dataset.ledger)
        with dataset.reading_ledger() as ledger:
            choice = condition.choose(context, ledger, judges_reserve=in_place)
        gone = sorted((*choice.unfulfilled, *choice.unknown))
        if writes:
            # The reserve first: after a kill between the two, the rows are in the TSV still.
            give_reason(context, choice.of_reserve, _reason(where))
            leave_out(context, dataset.ledger, dict.fromkeys(gone, _reason(where)))
        elif output and not dry_run:
            write_without(context.tsv, gone, output=output)
    written = output or (context.tsv if in_place else None)
    return _summary(choice, where, None if dry_run else written, "--dry-run" if dry_run else "")


def _reason(where: str) -> str:
    words = " ".join(where.split())
    cut = words if len(words) <= _MOST_REASON_CHARS else f"{words[:_MOST_REASON_CHARS]}\u2026"
    return f"select: {cut}"


def _summary(choice: Choice, where: str, written: Path | None, dry_run: str) -> Summary:
    why = dry_run or "add --in-place or --output FILE"
    unfulfilled, unknown = len(choice.unfulfilled), len(choice.unknown)
    of_balance = len(choice.of_reserve)
    notes = [f"the kept rows are in {written}" if written else f"nothing was written: {why}"]
    if of_balance:
        notes.append(f"{of_balance:,} rows that balance left out don't fulfil the condition either")
    return Summary(
        stage="select",
        unit="rows",
        rows_in=choice.rows,
        rows_out=choice.rows - unfulfilled - unknown,
        dropped={_UNFULFILLED: unfulfilled, _UNKNOWN: unknown},
        facts={
            "where": where,
            "output": str(written or ""),
            "dry_run": written is None,
            "of_balance": of_balance,
        },
        notes=notes,
    )


def _undo(context: Context, *, is_alone: bool, dry_run: bool) -> Summary:
    """Take back all rows that select left out, behind the others."""
    if not is_alone:
        msg = "--undo works in place, whatever the condition was: leave out all but --dry-run."
        raise UsageError(msg)
    with Dataset.writing(context, "select", Need.TSV | Need.KNOWN_COVERS) as dataset:
        return take_all_back(context, None if dry_run else dataset.ledger, "select")


def _list_columns(context: Context) -> Summary:
    found = [
        (name, kind, meaning) for name, kind, meaning, fields in columns_of(context) if not fields
    ]
    found += [
        (f"{name}.{field}", sql_type(kind), "a feature: `equigen features list`")
        for name, _, _, fields in columns_of(context)
        for field, kind in fields.items()
    ]
    names = ("name", "type", "meaning")
    shown = [(name, _short(kind), meaning) for name, kind, meaning in found]
    return Summary(
        stage="select",
        unit="columns",
        rows_in=len(found),
        rows_out=len(found),
        facts={"columns": [dict(zip(names, each, strict=True)) for each in found]},
        table=Table(("column", "type", "what it is"), tuple(shown)),
    )


def _short(kind: str) -> str:
    """Return the name of a type, without the fields of a struct."""
    head, _, fields = kind.partition("(")
    return head + ("[]" if fields.endswith("[]") else "")
