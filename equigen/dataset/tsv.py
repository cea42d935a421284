"""Reading and writing the TSV, and replacing files so that none is ever seen half-written."""

import csv
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from equigen.dataset.tsv_diagnostics import find_fault, refuse_cut_off
from equigen.errors import InputError, MissingInputError
from equigen.events import tell
from equigen.schema import MAX_CELL_CHARS, REQUIRED_COLUMNS
from equigen.storage.atomic import replacing
from equigen.storage.encodings import other_encoding

_MOST_NAMED_CHARS = 40
_CHUNK_BYTES = 1 << 20


@dataclass(slots=True)
class Tsv:
    """An open TSV: iterate over it for its rows, each a list of cells as long as `columns`."""

    path: Path
    columns: tuple[str, ...]
    _rows: Iterator[list[str]]

    def __iter__(self) -> Iterator[list[str]]:
        return self._rows

    def index(self, column: str) -> int:
        """Return where a column stands; -1 where there is none (only optional ones may lack)."""
        return self.columns.index(column) if column in self.columns else -1


@contextmanager
def reading_tsv(
    path: Path,
    *,
    made_by: str = "equigen fetch",
    required: Sequence[str] = REQUIRED_COLUMNS,
) -> Iterator[Tsv]:
    """Open a TSV for reading, row by row, and check it on the way.

    Reads UTF-8 with or without BOM, any line ends, cells quoted as spreadsheets and Python's csv
    do, and columns in any order; columns of other tools are kept. Blank lines are passed over.

    Raises:
        MissingInputError: there is no such file; `made_by` is the command that makes it.
        InputError: it is not such a TSV, or lacks a column of `required`; says the line, and the
            column where there is one.

    """
    try:
        file = path.open(encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        msg = f"{path}: no such file. `{made_by}` makes it: run that first."
        raise MissingInputError(msg) from None
    except IsADirectoryError:
        msg = f"{path}: this is a folder; expected a TSV file. Move it away, or mend the config."
        raise InputError(msg) from None
    except OSError as err:
        msg = f"{path}: can't be read: {err.strerror}. Check its permissions."
        raise InputError(msg) from None
    with file:
        checked = _Checked(path, required, made_by)
        rows = checked.rows(file)
        next(rows, None)  # the header
        refuse_cut_off(path, checked.columns)
        yield Tsv(path, checked.columns, rows)


def require_tsv(path: Path) -> None:
    """Make sure that there is a TSV to read, before anything is made beside it.

    Raises:
        MissingInputError, InputError: there is none, or its header is broken.

    """
    with reading_tsv(path):
        pass


def require_whole_tsv(path: Path) -> None:
    """Make sure that a TSV can be read to its end, before anything is made of its rows.

    A good one takes csv's own time alone, as long as half of reading it row by row.

    Raises:
        MissingInputError, InputError: there is none, or it is broken.

    """
    with reading_tsv(path) as tsv:
        if not _looks_whole(path, len(tsv.columns)):
            deque(tsv, maxlen=0)


def _looks_whole(path: Path, width: int) -> bool:
    with path.open("rb") as raw:
        if any(b"\0" in block for block in iter(lambda: raw.read(_CHUNK_BYTES), b"")):
            return False
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            return set(map(len, csv.reader(file, delimiter="\t", strict=True))) <= {0, width}
        except (csv.Error, UnicodeDecodeError):
            return False


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
        # With its own line end, csv also quotes a cell that holds half of it, a lone "\r".
        writer = csv.writer(_UnixLines(file), delimiter="\t", lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)
    tell("tsv written", f"{path}: written", path=str(path), size_bytes=path.stat().st_size)


@dataclass(frozen=True, slots=True)
class _UnixLines:
    """Takes rows as csv writes them, one at a time, and ends each with a line feed alone."""

    file: TextIO

    def write(self, row: str) -> int:
        """Write a row."""
        return self.file.write(row.removesuffix("\r\n") + "\n")


def write_without(path: Path, gone: Container[int], *, output: Path | None = None) -> None:
    """Write a TSV without some of its rows, given by their places from 0, to `output` or in place.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken; it stays untouched.
        StorageError: the disk refuses; what was there before still is.

    """
    with reading_tsv(path) as tsv:
        columns = tsv.columns
    write_tsv(output or path, columns, _without(path, gone))


def _without(path: Path, gone: Container[int]) -> Iterator[list[str]]:
    # Of its own, so that the file is closed before another takes its place.
    with reading_tsv(path) as tsv:
        yield from (row for at, row in enumerate(tsv) if at not in gone)


@dataclass(slots=True)
class _Checked:
    """Reads a TSV: the header, which becomes `columns`, then rows as wide as it is."""

    path: Path
    required: Sequence[str]
    made_by: str
    columns: tuple[str, ...] = ()

    def rows(self, file: TextIO) -> Iterator[list[str]]:
        """Yield the header, then each row."""
        # csv's limit is process-wide state; it is set to the same value wherever a TSV is read.
        csv.field_size_limit(MAX_CELL_CHARS)
        reader = csv.reader(file, delimiter="\t", strict=True)
        width = ended = 0
        try:
            for row in reader:
                if "\0" in "".join(row):
                    raise self._nul(row, ended + 1)
                if row:
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
        before = "".join(row[:column]).partition("\0")[0]
        line += before.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        msg = f"{self._place(line, column)}: a NUL character; expected text. Take it out."
        return InputError(msg)

    def _torn(self, err: Exception, line: int) -> InputError:
        fault = find_fault(self.path, from_line=line, most_chars=MAX_CELL_CHARS)
        if fault and fault.line > 1 and not self.columns:
            # What is wrong was met ahead of its line: files are decoded in blocks.
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
