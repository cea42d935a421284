"""Read whole columns of a TSV, and rewrite a TSV by splicing bytes.

The file is read in blocks of whole rows. Where a block is plain, polars parses it and numpy proves
what csv would find: rows as wide as the header, quotes that close in their cell. Where it isn't
(cells over several lines, blank lines, lone carriage returns), csv reads that block. Where csv
finds a fault, `equigen.dataset.tsv` reads the whole file and says where it is.

Rewriting changes the bytes of rows that change, and no others.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TypeVar

from equigen.dataset.tsv import as_lines, reading_tsv, require_tsv
from equigen.errors import InputError
from equigen.output import tell
from equigen.schema import REQUIRED_COLUMNS
from equigen.storage.atomic import in_place_of
from equigen.storage.below import open_regular

if TYPE_CHECKING:
    import polars as pl

    from equigen.dataset.table_reader import Chunk

# Measured from 4 to 16 MiB: the same speed, less memory.
BLOCK_BYTES: Final = 8 << 20
_ROWS_TOGETHER: Final = 1_000
_COPIED_BYTES: Final = 1 << 20
_LINE_ENDS: Final = (b"\n", b"\r")

T = TypeVar("T")


class Edit(NamedTuple):
    """Put `new` in place of the bytes of a file from `start` up to `end`."""

    start: int
    end: int
    new: bytes = b""


class Stamp(NamedTuple):
    """Size, date and inode of a file; each rewriting changes them."""

    size_bytes: int
    mtime_ns: int
    inode: int


def map_table(
    path: Path,
    columns: Sequence[str],
    work: "Callable[[Chunk], T]",
    *,
    made_by: str = "equigen fetch",
    required: Sequence[str] = REQUIRED_COLUMNS,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[T]:
    """Yield what `work` makes of each chunk of a TSV, in file order; it is called in threads.

    Reads and refuses what `reading_tsv` does, with the same messages.

    Raises:
        MissingInputError: there is no such file; `made_by` is the command that makes it.
        InputError: it is no such TSV, or lacks a column of `required`.

    """
    from equigen.dataset.table_reader import TableReader  # noqa: PLC0415  (polars starts a thread)

    with reading_tsv(path, made_by=made_by, required=required) as tsv:
        names, head_bytes = tsv.columns, tsv.head_bytes
    with open_regular(path) as file:
        stamp = stamp_of(file.fileno())
        reader = TableReader(path, file, names, columns, made_by, required, block_bytes)
        yield from reader.chunks(head_bytes, work)
        _WHOLE[path.absolute()] = stamp


def read_table(
    path: Path, columns: Sequence[str], *, block_bytes: int = BLOCK_BYTES
) -> "pl.DataFrame":
    """Read columns of the dataset's TSV as strings, in blocks, some of which are held at a time.

    Raises:
        MissingInputError, InputError: there is none, or it is broken.

    """
    import polars as pl  # noqa: PLC0415

    frames = list(map_table(path, columns, lambda chunk: chunk.frame, block_bytes=block_bytes))
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


# Files that this process has read to their end, as they were then.
_WHOLE: Final[dict[Path, Stamp]] = {}


def require_whole_tsv(
    path: Path,
    *,
    made_by: str = "equigen fetch",
    required: Sequence[str] = REQUIRED_COLUMNS,
) -> None:
    """Make sure that a TSV can be read to its end, before anything is made of its rows.

    One that this process has read to its end, and that hasn't changed since, isn't read again.

    Raises:
        MissingInputError, InputError: there is none, or it is broken.

    """
    if path.is_file() and _WHOLE.get(path.absolute()) == stamp_of(path):
        return
    deque(map_table(path, (), lambda _: None, made_by=made_by, required=required), maxlen=0)


def stamp_of(file: Path | int) -> Stamp:
    """Return the stamp of a file, given by its path or its descriptor."""
    found = os.stat(file)  # noqa: PTH116  (a Path has no stat of a descriptor)
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


def rewrite_column(
    path: Path, column: str, change: "Callable[[pl.Series], pl.Series]"
) -> tuple[int, int]:
    """Change a column of the dataset's TSV in place; where nothing changes, nothing is written.

    Return the number of rows, and of those that changed.

    Raises:
        MissingInputError, InputError: there is none, or it is broken; it stays untouched.
        StorageError: the disk refuses; the old file is still there.

    """
    require_tsv(path)
    rows, edits, stamp = 0, list[Edit](), stamp_of(path)
    for count, found in map_table(
        path,
        [column],
        lambda chunk: (len(chunk), chunk.edits(column, change(chunk.frame[column]))),
    ):
        rows += count
        edits += found
    if edits:
        splice(path, edits, since=stamp)
    return rows, len(edits)


def put_cells(
    path: Path, key: str, columns: Sequence[str], cells: Mapping[str, Sequence[str]]
) -> int:
    """Write `cells` into `columns` of the dataset's TSV by each row's cell in the column `key`.

    Columns that lack follow the others, if any cell isn't empty. Rows whose key isn't among the
    `cells` keep theirs, and all other bytes stay as they are. Return how many rows changed.

    Raises:
        MissingInputError, InputError: there is none, or it is broken; it stays untouched.
        StorageError: the disk refuses; the old file is still there.

    """
    names = columns
    if not any(map(any, cells.values())):
        with reading_tsv(path) as tsv:
            names = [name for name in columns if name in tsv.columns]
        cells = dict.fromkeys(cells, [""] * len(names))
    return change_cells(path, key, names, cells.get) if names else 0


def change_cells(
    path: Path,
    key: str,
    columns: Sequence[str],
    change: Callable[[str, tuple[str, ...]], Sequence[str]],
) -> int:
    """Write what `change` makes of the cells in `columns` of each row of the dataset's TSV.

    It gets the row's cell in the column `key`, and those cells. Columns that lack follow the
    others; all other bytes stay as they are. Return how many rows changed.

    Raises:
        MissingInputError, InputError: there is none, or it is broken; it stays untouched.
        StorageError: the disk refuses; the old file is still there.

    """
    with reading_tsv(path) as tsv:
        lacking, head_bytes = [name for name in columns if name not in tsv.columns], tsv.head_bytes
    stamp = stamp_of(path)

    rows = 0

    def edits() -> Iterator[Edit]:
        nonlocal rows
        with path.open("rb") as file:
            head = file.read(head_bytes)
        end = len(head.removesuffix(b"\n").removesuffix(b"\r"))
        yield Edit(end, end, "".join(f"\t{name}" for name in lacking).encode())
        for chunk in map_table(path, [key, *columns], lambda chunk: chunk):
            keys, there = chunk.frame[key].to_list(), chunk.frame.select(columns).rows()
            new = dict[int, dict[str, str]]()
            for row, (at, before) in enumerate(zip(keys, there, strict=True)):
                if (after := change(at, before)) is not before:
                    each = zip(columns, before, after, strict=True)
                    if cells := {name: cell for name, old, cell in each if cell != old}:
                        new[row] = cells
            rows += len(new)
            yield chunk.putting(new, lacking)

    left, first = edits(), list[Edit]()
    for edit in left:
        first.append(edit)
        if rows:  # from here on the file is written while it is read
            splice(path, chain(first, left), since=stamp)
    return rows


def append_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Append rows, as wide as its header, to a TSV that can be read.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    stamp, lines = stamp_of(path), as_lines(rows)
    some = iter(lambda: "".join(islice(lines, _ROWS_TOGETHER)).encode(), b"")
    splice(path, appended(path, some), since=stamp)


def appended(path: Path, lines: Iterable[bytes]) -> Iterator[Edit]:
    """Yield the edits that append lines, some at a time, to a TSV that can be read."""
    with path.open("rb") as file:
        end = file.seek(-1, os.SEEK_END) + 1
        if file.read(1) not in _LINE_ENDS:
            yield Edit(end, end, b"\n")
    for some in lines:
        yield Edit(end, end, some)


def rewrite_columns(
    path: Path, columns: Sequence[str], *, required: Sequence[str] = REQUIRED_COLUMNS
) -> None:
    """Give a TSV these columns, in this order; one that it lacks is empty in each row.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken; it stays untouched.
        StorageError: the disk refuses; the old file is still there.

    """
    from equigen.dataset.table_reader import lines_of  # noqa: PLC0415

    require_tsv(path, required=required)
    stamp, header = stamp_of(path), "".join(as_lines([columns])).encode()
    end = stamp.size_bytes
    lines = map_table(path, columns, lambda chunk: lines_of(chunk.exact), required=required)
    new = chain([header], lines)
    splice(path, (Edit(end * (at > 0), end, some) for at, some in enumerate(new)), since=stamp)


def write_without(
    path: Path, gone: Iterable[int], *, output: Path | None = None, more: Iterable[bytes] = ()
) -> None:
    """Write a TSV without some of its rows, given by their places from 0, to `output` or in place.

    `more` are lines that follow.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken; it stays untouched.
        StorageError: the disk refuses; what was there before still is.

    """
    stamp = stamp_of(path) if path.is_file() else None
    from equigen.dataset.table_reader import removals  # noqa: PLC0415

    spans = list(map_table(path, (), lambda chunk: chunk.spans))
    edits = chain(removals(spans, sorted(gone)), appended(path, more) if more else ())
    splice(path, edits, since=stamp, output=output)


def splice(
    path: Path, edits: Iterable[Edit], *, since: Stamp | None, output: Path | None = None
) -> None:
    """Write a TSV with some of its bytes replaced, to `output` or in place.

    `edits` stand in the file's order and don't overlap. They are of the file as it was `since`.

    Raises:
        InputError: the file has changed since; it stays untouched.
        StorageError: the disk refuses; what was there before still is.

    """
    target = output or path
    with path.open("rb") as old, in_place_of(target) as beside, beside.open("xb") as new:
        stamp = stamp_of(old.fileno())
        if stamp != since:
            raise changed_meanwhile(path)
        at = 0
        for edit in edits:
            _copy(old, new, edit.start - at)
            new.write(edit.new)
            at = old.seek(edit.end)
        _copy(old, new, stamp.size_bytes - at)
        new.flush()
        os.fsync(new.fileno())
    tell("tsv written", f"{target}: written", path=str(target), size_bytes=target.stat().st_size)
    if _WHOLE.get(path.absolute()) == stamp:
        _WHOLE[target.absolute()] = stamp_of(target)


def _copy(old: BinaryIO, new: BinaryIO, size_bytes: int) -> None:
    while size_bytes > 0 and (body := old.read(min(size_bytes, _COPIED_BYTES))):
        new.write(body)
        size_bytes -= len(body)


def changed_meanwhile(path: Path) -> InputError:
    """Return the error of a file that isn't what it was a moment ago."""
    msg = (
        f"{path}: another program changed the file while it was read; expected it to stay as it is"
        " until the command ends. Nothing was changed. Run again."
    )
    return InputError(msg)
