"""Reading and writing the TSV, and replacing files so that none is ever seen half-written."""

import csv
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from equigen.errors import InputError, MissingInputError, StorageError
from equigen.schema import REQUIRED_COLUMNS

# Longest cell that is read, in characters; what is longer is not a name.
_MAX_CELL_CHARS = 1_000_000


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
def reading_tsv(path: Path, *, made_by: str = "equigen fetch") -> Iterator[Tsv]:
    """Open a TSV for reading, row by row, and check it on the way.

    Reads UTF-8 with or without BOM, any line ends, cells quoted as spreadsheets and Python's csv
    do, and columns in any order; columns of other tools are kept. Blank lines are passed over.

    Raises:
        MissingInputError: there is no such file; `made_by` is the command that makes it.
        InputError: it is not such a TSV; says the line, and the column where there is one.

    """
    try:
        file = path.open(encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        msg = f"{path}: no such file. `{made_by}` makes it: run that first."
        raise MissingInputError(msg) from None
    except IsADirectoryError:
        msg = f"{path}: this is a folder; expected a TSV file. Mend `dataset.tsv` in the config."
        raise InputError(msg) from None
    except OSError as err:
        msg = f"{path}: can't be read: {err.strerror}. Check its permissions."
        raise InputError(msg) from None
    with file:
        reader = csv.reader(file, delimiter="\t", strict=True)
        rows = _checked(path, reader)
        columns = tuple(next(rows, ()))
        _check_header(path, columns)
        yield Tsv(path, columns, _fitting(path, reader, rows, len(columns)))


def require_tsv(path: Path) -> None:
    """Make sure that there is a TSV to read, before anything is made beside it.

    Raises:
        MissingInputError, InputError: there is none, or its header is broken.

    """
    with reading_tsv(path):
        pass


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file beside `path` that takes its place when the block ends well.

    Where the block raises, `path` stays as it was and nothing is left beside it. A symbolic link
    stays one: what it leads to is replaced.

    Raises:
        StorageError: the disk refuses: full, read-only, no permission.

    """
    with in_place_of(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file in place of `path`, as `replacing` does.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    with in_place_of(path) as beside, beside.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def in_place_of(path: Path) -> Iterator[Path]:
    """Open a place beside `path`: the file that is put there takes its place, or none does.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    path = path.resolve() if path.is_symlink() else path
    beside = path.with_name(f".{path.name}.new")
    with translating_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def write_tsv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a TSV in place of `path`; cells are quoted only where they must be.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    with replacing(path) as file:
        # With its own line end, csv also quotes a cell that holds half of it, a lone "\r".
        writer = csv.writer(_UnixLines(file), delimiter="\t", lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)


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


@contextmanager
def translating_os_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says of a write into a `StorageError` that names the path."""
    try:
        yield
    except OSError as err:
        place = err.filename or path
        msg = (
            f"{place}: can't be written: {err.strerror or err}. What was there before is"
            " untouched. Make room or mend the permissions, then run the same command again."
        )
        raise StorageError(msg) from err


def _checked(path: Path, reader: Iterator[list[str]]) -> Iterator[list[str]]:
    # csv's own limit is process-wide state; it is set to the same value wherever a TSV is read.
    csv.field_size_limit(_MAX_CELL_CHARS)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            msg = (
                f"{path}, line {_line(reader)}: not a row of a TSV: {err}. Expected cells between"
                " tabs, with quotes closed and doubled inside a quoted cell. Mend the line."
            )
            raise InputError(msg) from None
        except UnicodeDecodeError:
            raise _not_utf8(path) from None
        if "\0" in "".join(row):
            column = next(at for at, cell in enumerate(row, start=1) if "\0" in cell)
            msg = (
                f"{path}, line {_line(reader)}, column {column}: a NUL character; expected text."
                " Take it out."
            )
            raise InputError(msg)
        if row:
            yield row


def _not_utf8(path: Path) -> InputError:
    # The text layer decodes in blocks and can't say where: look for the place by line.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as err:
                byte = f"byte {err.start + 1} is 0x{line[err.start]:02x}"
                msg = f"{path}, line {number}: not UTF-8: {byte}. Convert the file to UTF-8."
                return InputError(msg)
    msg = f"{path}: not UTF-8. Convert the file to UTF-8."
    return InputError(msg)


def _check_header(path: Path, columns: Sequence[str]) -> None:
    if not columns:
        msg = (
            f"{path}, line 1: the file is empty; expected a header with the columns"
            f" {', '.join(REQUIRED_COLUMNS)}. Remove the file and run `equigen fetch`."
        )
        raise InputError(msg)
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        msg = (
            f"{path}, line 1: the column {missing[0]!r} is missing; expected at least"
            f" {', '.join(REQUIRED_COLUMNS)}, got {', '.join(columns)[:200]!r}. Mend the header."
        )
        raise InputError(msg)
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        where = [number for number, name in enumerate(columns, start=1) if name == twice[0]]
        msg = (
            f"{path}, line 1, column {where[1]}: the column {twice[0]!r} stands there twice;"
            " expected each once. Rename or remove one."
        )
        raise InputError(msg)


def _fitting(
    path: Path, reader: object, rows: Iterator[list[str]], width: int
) -> Iterator[list[str]]:
    for row in rows:
        if len(row) != width:
            msg = (
                f"{path}, line {_line(reader)}, column {min(len(row), width) + 1}: expected"
                f" {width} cells as in the header, got {len(row)}. Mend the line."
            )
            raise InputError(msg)
        yield row


def _line(reader: object) -> int:
    line: int = getattr(reader, "line_num", 0)
    return line
