"""Where a file of text is broken: found by reading it once more, slowly."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from equigen.errors import InputError
from equigen.schema import COLUMNS
from equigen.storage.os_errors import ESCAPED_BYTE, SAVE_AS_UTF8, bad_byte, other_encoding

QUOTES = (
    'Cells are quoted only where they need it: a quote opens the cell, "" stands for one inside of'
    " it, and one closes it. Mend that cell."
)
_AT_START, _PLAIN, _QUOTED, _CLOSED = range(4)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and what to do; `line` and `column` count from 1.

    The column is a TSV's: how many cells the row has up to there.
    """

    line: int
    column: int
    trouble: str


def find_fault(path: Path, *, from_line: int, most_chars: int) -> Fault | None:
    """Find the first torn quote, byte that isn't UTF-8, or too long cell of a TSV.

    `from_line` is where a row begins, and the fault is there or below. A quote is told where it
    opens.
    """
    if other := other_encoding(path):
        return Fault(1, 1, f"this is {other}; expected UTF-8. {SAVE_AS_UTF8}")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return _first_fault(islice(file, from_line - 1, None), from_line, most_chars)


def _first_fault(  # noqa: C901  (a case a state)
    lines: Iterable[str], from_line: int, most_chars: int
) -> Fault | None:
    state, line, column, chars = _AT_START, from_line, 1, 0
    opened = Fault(line, column, "")
    for line, char in _numbered(lines, from_line):
        if ord(char) in ESCAPED_BYTE:
            return Fault(line, column, bad_byte(char))
        if state == _QUOTED:
            if char == '"':
                state = _CLOSED
                continue
        elif state == _CLOSED and char == '"':
            state = _QUOTED
        elif char in "\t\r\n":
            column = column + 1 if char == "\t" else 1
            state, chars = _AT_START, 0
            continue
        elif state == _CLOSED:
            closed = f" on line {line:,}" if line > opened.line else ""
            what = f"a quoted cell opens here, is closed{closed}, and {char!r} follows."
            return Fault(opened.line, opened.column, f"{what} {QUOTES}")
        elif state == _AT_START and char == '"':
            state, opened = _QUOTED, Fault(line, column, "")
            continue
        else:
            state = _PLAIN
        chars += 1
        if chars > most_chars:
            return _too_long(opened if state == _QUOTED else Fault(line, column, ""), state, chars)
    if state == _QUOTED:
        what = "a quote opens here and is never closed."
        return Fault(opened.line, opened.column, f"{what} {QUOTES}")
    return None


def _numbered(lines: Iterable[str], from_line: int) -> Iterator[tuple[int, str]]:
    for number, text in enumerate(lines, start=from_line):
        for char in text:
            yield number, char


def _too_long(at: Fault, state: int, chars: int) -> Fault:
    most = chars - 1
    if state == _QUOTED:
        what = f"a quote opens here and isn't closed within {most:,} characters, as cells must be."
        return Fault(at.line, at.column, f"{what} {QUOTES}")
    what = f"expected a cell of {most:,} characters at most, got a longer one."
    return Fault(at.line, at.column, f"{what} Shorten it, or take the row out.")


_LINE_ENDS = (b"\n", b"\r")


def refuse_cut_off(path: Path, columns: Sequence[str]) -> None:
    """Make sure that the last row of a file with all of EquiGen's columns has a line end.

    Without one, a row whose last cell is cut looks whole. Files of other tools may lack it.

    Raises:
        InputError: it has none; says the line and the column.

    """
    if tuple(columns[: len(COLUMNS)]) != COLUMNS:
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) in _LINE_ENDS:
            return
        file.seek(0)
        number, last = 0, b""
        for number, last in enumerate(file, start=1):  # noqa: B007  (the last counts)
            pass
    column = last.count(b"\t") + 1
    msg = (
        f"{path}, line {number}, column {column}: the file ends in the midst of a line, which"
        " EquiGen never writes: it was cut off, perhaps by a full disk or while it was copied."
        " Expected a line end after each row. Put a whole copy back; or, if this row is whole and"
        " none is missing, end it, or else remove it. Nothing was changed. Then run again."
    )
    raise InputError(msg)
