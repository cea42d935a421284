"""Read a TSV row by row, with every fault named by line and column; write one.

This is the exact path. `equigen.dataset.table` reads whole columns, much faster, and comes here for
what isn't plain, and for the words of a refusal.
"""

import codecs
import csv
import errno
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from equigen.errors import InputError, MissingInputError
from equigen.output import tell
from equigen.schema import COLUMNS, MAX_CELL_CHARS, REQUIRED_COLUMNS
from equigen.storage.atomic import replacing
from equigen.storage.below import FileBelow, open_regular
from equigen.storage.os_errors import ESCAPED_BYTE, SAVE_AS_UTF8, bad_byte, other_encoding

_MOST_NAMED_CHARS = 40
_MUST_BE_QUOTED = re.compile(r'[\t\r\n"]')


@contextmanager
def reading_tsv(
    path: Path,
    *,
    made_by: str = "equigen fetch",
    required: Sequence[str] = REQUIRED_COLUMNS,
    follows_link: bool = True,
) -> Iterator["Tsv"]:
    """Open a TSV for reading, row by row, and check it on the way.

    Reads UTF-8 with or without BOM, any line ends, cells quoted as spreadsheets and Python's csv
    do, and columns in any order; columns of other tools are kept. Blank lines are passed over.

    Raises:
        MissingInputError: there is no such file; `made_by` is the command that makes it.
        InputError: it is not such a TSV, or lacks a column of `required`; says the line, and the
            column where there is one.

    """
    try:
        opened = open_regular(path) if follows_link else FileBelow(path.parent, path.name).open()
        file = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        msg = f"{path}: no such file. `{made_by}` makes it: run that first."
        raise MissingInputError(msg) from None
    except IsADirectoryError:
        msg = f"{path}: this is a folder; expected a TSV file. Move it away, or mend the config."
        raise InputError(msg) from None
    except OSError as err:
        is_strange = err.errno in {errno.EINVAL, errno.ELOOP}
        advice = "Move it away" if is_strange else "Check its permissions"
        msg = f"{path}: can't be read: {err.strerror}. {advice}."
        raise InputError(msg) from None
    with file:
        tsv = Tsv(path, file, required, made_by)
        refuse_cut_off(path, tsv.columns)
        with path.open("rb") as raw:
            if raw.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
                tsv.head_bytes += len(codecs.BOM_UTF8)
        yield tsv


def require_tsv(
    path: Path,
    *,
    made_by: str = "equigen fetch",
    required: Sequence[str] = REQUIRED_COLUMNS,
) -> None:
    """Make sure that there is a TSV to read, before anything is made beside it.

    Raises:
        MissingInputError, InputError: there is none, or its header is broken.

    """
    with reading_tsv(path, made_by=made_by, required=required):
        pass


def write_tsv(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    keeps_link: bool = True,
) -> None:
    """Write a TSV in place of `path`; cells are quoted only where they must be.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    with replacing(path, keeps_link=keeps_link) as file:
        file.writelines(as_lines(chain([columns], rows)))
    tell("tsv written", f"{path}: written", path=str(path), size_bytes=path.stat().st_size)


def as_cell(cell: str) -> str:
    """Return a cell as it is written: quoted only where it must be."""
    return '"' + cell.replace('"', '""') + '"' if _MUST_BE_QUOTED.search(cell) else cell


def as_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield each row as a line of a TSV."""
    return ("\t".join(map(as_cell, row)) + "\n" for row in rows)


def is_swallowing(cell: str) -> bool:
    """Tell whether a cell goes over a tab and over a line end: its quote swallowed whole rows."""
    return "\t" in cell and ("\n" in cell or "\r" in cell)


class Tsv:
    """An open TSV: iterate over it for its rows, each a list of cells as long as `columns`.

    The first row begins `head_bytes` into the file.
    """

    def __init__(self, path: Path, file: TextIO, required: Sequence[str], made_by: str) -> None:
        """Read the header; `required` are the columns that it must have."""
        self.path, self.required, self.made_by = path, required, made_by
        self.columns: tuple[str, ...] = ()
        self.head_bytes = 0
        self._rows = self._checked(file)
        next(self._rows, None)  # the header

    def __iter__(self) -> Iterator[list[str]]:
        return self._rows

    def index(self, column: str) -> int:
        """Return where a column stands; -1 where there is none (only optional ones may lack)."""
        return self.columns.index(column) if column in self.columns else -1

    def _checked(self, file: TextIO) -> Iterator[list[str]]:
        """Yield the header, which becomes `columns`, then rows as wide as it is."""
        # csv's limit is process-wide state; it is set to the same value wherever a TSV is read.
        csv.field_size_limit(MAX_CELL_CHARS)
        reader = csv.reader(self._lines(file), delimiter="\t", strict=True)
        width = ended = 0
        try:
            for row in reader:
                if "\0" in "".join(row):
                    raise self._nul(row, ended + 1)
                if row:
                    if reader.line_num - ended > 1 and any(map(is_swallowing, row)):
                        raise self._swallowed(row, ended + 1)
                    if len(row) != width:
                        if width:
                            raise self._unfit(row, ended + 1)
                        self._take_header(row, ended + 1)
                        width = len(row)
                    yield row
                ended = reader.line_num
        except (csv.Error, UnicodeDecodeError) as err:
            raise self._torn(err, ended + 1) from None
        if not width:
            raise self._empty()

    def _lines(self, file: TextIO) -> Iterator[str]:
        """Yield all lines; those up to the header's end are measured."""
        for line in file:
            self.head_bytes += len(line.encode())
            yield line
            if self.columns:
                break
        yield from file

    def _take_header(self, columns: Sequence[str], line: int) -> None:
        missing = [repr(name) for name in self.required if name not in columns]
        if missing:
            which = "column" if len(missing) == 1 else "columns"
            verb = "is" if len(missing) == 1 else "are"
            msg = (
                f"{self.path}, line {line}: the {which} {', '.join(missing)} {verb} missing;"
                f" expected at least {', '.join(self.required)}, in any order, got"
                f" {', '.join(columns)[:200]!r}. Mend the header."
            )
            raise InputError(msg)
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            one, other = [at for at, name in enumerate(columns, start=1) if name == twice][:2]
            msg = (
                f"{self.path}, line {line}, column {other}: the column {twice[:200]!r} stands there"
                f" twice, first as column {one}; expected each once. Rename or remove one."
            )
            raise InputError(msg)
        self.columns = tuple(columns)

    def _empty(self) -> InputError:
        msg = (
            f"{self.path}, line 1, column 1: the file is empty; expected a header with the columns"
            f" {', '.join(self.required)}. Put a copy of it back,"
            f" or remove it and run `{self.made_by}`."
        )
        return InputError(msg)

    def _unfit(self, row: Sequence[str], line: int) -> InputError:
        width = len(self.columns)
        place = self._place(line, min(len(row), width) + 1)
        what = "a tab too few" if len(row) == width - 1 else "tabs are missing"
        if len(row) > width:
            what = "a tab too many" if len(row) == width + 1 else "there are tabs too many"
        msg = (
            f"{place}: expected {width} cells as in the header, got {len(row)}: {what}. Mend the"
            " line."
        )
        return InputError(msg)

    def _nul(self, row: Sequence[str], line: int) -> InputError:
        column = next(at for at, cell in enumerate(row, start=1) if "\0" in cell)
        if other := other_encoding(self.path):
            trouble = f"this is {other}; expected UTF-8. Save it as UTF-8, then run again."
            return InputError(f"{self.path}, line 1, column 1: {trouble}")
        line += _line_ends("".join(row[:column]).partition("\0")[0])
        msg = f"{self._place(line, column)}: a NUL character; expected text. Take it out."
        return InputError(msg)

    def _swallowed(self, row: Sequence[str], line: int) -> InputError:
        column = next(at for at, cell in enumerate(row, start=1) if is_swallowing(cell))
        opens = line + _line_ends("".join(row[: column - 1]))
        closes = opens + _line_ends(row[column - 1])
        msg = (
            f"{self._place(opens, column)}: a quote opens here and is closed on line {closes:,},"
            f" with tabs in between: it would swallow whole rows. {QUOTES}"
        )
        return InputError(msg)

    def _torn(self, err: Exception, line: int) -> InputError:
        fault = find_fault(self.path, from_line=line)
        if fault and fault.line > 1 and not self.columns:
            # The fault was met ahead of its line: files are decoded in blocks.
            self._read_header_loosely()
        if fault is None:
            msg = f"{self.path}, line {line}: not a row of a TSV: {err}. Mend the line."
            return InputError(msg)
        return InputError(f"{self._place(fault.line, fault.column)}: {fault.trouble}")

    def _read_header_loosely(self) -> None:
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            self.columns = tuple(next(filter(None, csv.reader(file, delimiter="\t")), ()))

    def _place(self, line: int, column: int) -> str:
        names = self.columns[column - 1 : column]
        named = "".join(f" ({name[:_MOST_NAMED_CHARS]!r})" for name in names)
        return f"{self.path}, line {line}, column {column}{named}"


def _line_ends(text: str) -> int:
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


QUOTES = (
    'Cells are quoted only where they need it: a quote opens the cell, "" stands for one inside of'
    " it, and one closes it. Mend that cell."
)
_AT_START, _PLAIN, _QUOTED, _CLOSED = range(4)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a TSV, and what to do; `line` and `column` count from 1.

    The column is a TSV's: how many cells the row has up to there.
    """

    line: int
    column: int
    trouble: str


def find_fault(path: Path, *, from_line: int) -> Fault | None:
    """Find the first torn quote, byte that isn't UTF-8, or too long cell of a TSV.

    `from_line` is where a row begins, and the fault is there or below. A quote is told where it
    opens.
    """
    if other := other_encoding(path):
        return Fault(1, 1, f"this is {other}; expected UTF-8. {SAVE_AS_UTF8}")
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return _first_fault(islice(file, from_line - 1, None), from_line)


def _first_fault(lines: Iterable[str], from_line: int) -> Fault | None:  # noqa: C901  (a case a state)
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
        if chars > MAX_CELL_CHARS:
            return _too_long(opened if state == _QUOTED else Fault(line, column, ""), state)
    if state == _QUOTED:
        what = "a quote opens here and is never closed."
        return Fault(opened.line, opened.column, f"{what} {QUOTES}")
    return None


def _numbered(lines: Iterable[str], from_line: int) -> Iterator[tuple[int, str]]:
    for number, text in enumerate(lines, start=from_line):
        for char in text:
            yield number, char


def _too_long(at: Fault, state: int) -> Fault:
    most = f"{MAX_CELL_CHARS:,} characters"
    if state == _QUOTED:
        what = f"a quote opens here and isn't closed within {most}, as cells must be."
        return Fault(at.line, at.column, f"{what} {QUOTES}")
    what = f"expected a cell of {most} at most, got a longer one."
    return Fault(at.line, at.column, f"{what} Shorten it, or take the row out.")


_LINE_ENDS = (b"\n", b"\r")
# Those that EquiGen wrote first.
_EARLIEST_COLUMNS = COLUMNS[: COLUMNS.index("artist_ids")]


def refuse_cut_off(path: Path, columns: Sequence[str]) -> None:
    """Make sure that the last row of a file with all of EquiGen's columns has a line end.

    Without one, a row whose last cell is cut looks whole. Files of other tools may lack it.

    Raises:
        InputError: it has none; says the line and the column.

    """
    if tuple(columns[: len(_EARLIEST_COLUMNS)]) != _EARLIEST_COLUMNS:
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
