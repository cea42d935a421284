"""Where a file of text is broken: found by reading it once more, slowly."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

# The longer ones first: UTF-32 begins as UTF-16 does.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FIRST_BYTES = 4
# What surrogateescape makes of bytes that are no UTF-8: https://peps.python.org/pep-0383/
_ESCAPED_BYTE: Final = range(0xDC80, 0xDD00)
_SAVE = "Save it as UTF-8, then run again."
_QUOTES = (
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


def other_encoding(path: Path) -> str:
    """Return the encoding that a file's first bytes show where it can't be UTF-8, else ""."""
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    # Latin letters, of which every second byte is NUL.
    halves = {start[0::2].count(0), start[1::2].count(0)}
    return "UTF-16" if len(start) == _FIRST_BYTES and halves == {0, _FIRST_BYTES // 2} else ""


def why_not_utf8(path: Path) -> str:
    """Return where a file is no UTF-8 and what to do, to stand behind the file's name."""
    if other := other_encoding(path):
        return f", line 1, column 1: this is {other}; expected UTF-8. {_SAVE}"
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, line in enumerate(file, start=1):
            for at, char in enumerate(line, start=1):
                if ord(char) in _ESCAPED_BYTE:
                    return f", line {number}, column {at}: {_no_utf8(char)}"
    return f": not UTF-8. {_SAVE}"


def find_fault(path: Path, *, from_line: int, most_chars: int) -> Fault | None:
    """Find the first torn quote, byte that isn't UTF-8, or too long cell of a TSV.

    `from_line` is where a row begins, and the fault is there or below. A quote is told where it
    opens.
    """
    if other := other_encoding(path):
        return Fault(1, 1, f"this is {other}; expected UTF-8. {_SAVE}")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return _first_fault(islice(file, from_line - 1, None), from_line, most_chars)


def _first_fault(  # noqa: C901  (a case a state)
    lines: Iterable[str], from_line: int, most_chars: int
) -> Fault | None:
    state, line, column, chars = _AT_START, from_line, 1, 0
    opened = Fault(line, column, "")
    for line, char in _numbered(lines, from_line):
        if ord(char) in _ESCAPED_BYTE:
            return Fault(line, column, _no_utf8(char))
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
            return Fault(opened.line, opened.column, f"{what} {_QUOTES}")
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
        return Fault(opened.line, opened.column, f"{what} {_QUOTES}")
    return None


def _numbered(lines: Iterable[str], from_line: int) -> Iterator[tuple[int, str]]:
    for number, text in enumerate(lines, start=from_line):
        for char in text:
            yield number, char


def _too_long(at: Fault, state: int, chars: int) -> Fault:
    most = chars - 1
    if state == _QUOTED:
        what = f"a quote opens here and isn't closed within {most:,} characters, as cells must be."
        return Fault(at.line, at.column, f"{what} {_QUOTES}")
    what = f"expected a cell of {most:,} characters at most, got a longer one."
    return Fault(at.line, at.column, f"{what} Shorten it, or take the row out.")


def _no_utf8(char: str) -> str:
    return f"not UTF-8: byte 0x{ord(char) - 0xDC00:02x} stands there. {_SAVE}"
