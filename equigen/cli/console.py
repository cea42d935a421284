"""Format results, messages and progress bars for a terminal."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tqdm import tqdm

from equigen.dataset.context import Bar
from equigen.errors import shortened, without_controls
from equigen.summary import Summary, Table, as_iso, left_by_unit, resumption, what_is_left

_GAP = "  "
_MOST_CELL_CHARS = 200


class _TqdmBar:
    """A tqdm bar behind the protocol `dataset.context.Bar`."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    def advance(self, count: int = 1, **figures: object) -> None:
        if figures and not self._bar.disable:
            shown = {name: without_controls(str(value)) for name, value in figures.items()}
            self._bar.set_postfix(shown, refresh=False)
        self._bar.update(count)

    def expect(self, total: int) -> None:
        self._bar.total = total
        self._bar.refresh()


class TqdmBars:
    """Make progress bars: on a terminal's stderr, or in a notebook by `bar` of `tqdm.auto`.

    Where `shown` is false, or there is neither, they are silent.
    """

    def __init__(self, *, shown: bool, bar: "type[tqdm[Any]]" = tqdm) -> None:
        self._shown = shown and self.is_shown(bar)
        self._bar = bar

    @staticmethod
    def is_shown(bar: "type[tqdm[Any]]") -> bool:
        """Tell whether somebody sees a bar: a notebook runs, or stderr is a terminal."""
        return "notebook" in bar.__module__ or sys.stderr.isatty()

    @contextmanager
    def __call__(self, description: str, total: int, unit: str) -> Iterator[Bar]:
        """Open a bar with rate and time left; bytes (unit "B") are told as kB, MB and GB."""
        bar: tqdm[Any]
        with self._bar(
            desc=without_controls(description),
            total=total,
            unit=unit,
            unit_scale=unit == "B",
            dynamic_ncols=True,
            smoothing=0.1,
            disable=not self._shown,
        ) as bar:
            yield _TqdmBar(bar)


def say(line: str) -> None:
    """Write a line to stderr, above the progress bars; ignore a closed stderr."""
    with suppress(OSError):
        tqdm.write(without_controls(line), file=sys.stderr)


def columns() -> int:
    """Return the width of the terminal on stdout in characters; 0 where stdout is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def as_text(summary: Summary, *, width: int = 0) -> str:
    """Return a summary as text: its table, its notes, then the account of all rows.

    A table that is wider than `width` is folded.
    """
    if not summary.begun:
        return "\n".join([f"{summary.stage}: not begun", *summary.notes])
    parts = []
    if summary.table:
        parts.append(aligned(summary.table, width=width))
    parts.extend(map(without_controls, summary.notes))
    came = f"{summary.came()},"
    account = summary.account()
    for word, counts in account:
        parts.append(f"{came} {sum(counts.values()):,} {word}:")
        width = max(len(f"{count:,}") for count in counts.values())
        by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        parts.extend(f"  {count:>{width},}  {reason}" for reason, count in by_count)
        came = f"{summary.stage}:"
    if not account:
        parts.append(came.removesuffix(","))
    if summary.partly:
        left = what_is_left([summary])
        parts.append(f"{left[0].upper()}{left[1:]}.")
    return "\n".join(parts)


def in_one_line(command: str, summaries: Sequence[Summary], *, broken: str = "") -> str:
    """Return the summaries of a command in one line, for logs and cron mails.

    `broken` names the stage that failed or was stopped.
    """
    if len(summaries) == 1 and not broken:
        return summaries[0].line()
    begun = [each for each in summaries if each.begun]
    parts = [", ".join(f"{each.stage} {each.rows_out:,} {each.unit}" for each in begun)]
    if others := ", ".join(each.stage for each in summaries if not each.begun):
        parts.append(f"not begun: {others}")
    parts += [broken, what_is_left(summaries)]
    return f"{command}: {'; '.join(filter(None, parts))}"


def as_json(summaries: Sequence[Summary], *, exit_code: int, error: str) -> dict[str, object]:
    """Return the summaries of a command made of stages as JSON values."""
    return {
        "stages": [summary.as_json() for summary in summaries],
        "complete": not exit_code,
        "exit_code": exit_code,
        "error": error or None,
        "left": left_by_unit(summaries),
        "resumes_at": as_iso(resumption(summaries)),
    }


def aligned(table: Table, *, width: int = 0) -> str:
    """Return a table with text on the left and numbers, grouped by thousands, on the right.

    Where a line would be longer than `width` (0: as long as it is), the columns that are too many
    follow below, behind the first one.
    """
    shown = [[_cell(value) for value in row] for row in (table.columns, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    numeric = [
        all(isinstance(row[at], int) for row in table.rows) for at in range(len(table.columns))
    ]
    blocks = []
    for block in _folded(widths, width):
        lines = []
        for row in shown:
            cells = [
                row[at].rjust(widths[at]) if numeric[at] else row[at].ljust(widths[at])
                for at in block
            ]
            lines.append(_GAP.join(cells).rstrip())
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _folded(widths: Sequence[int], width: int) -> list[list[int]]:
    """Return the columns of each block: the first column, and as many others as fit."""
    blocks = [[0]]
    for at in range(1, len(widths)):
        line = sum(widths[other] + len(_GAP) for other in blocks[-1]) + widths[at]
        if width and line > width and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(at)
    return blocks


def _cell(value: str | int) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return shortened(without_controls(value).replace("\n", " "), _MOST_CELL_CHARS)
