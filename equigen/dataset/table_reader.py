"""Read a TSV's columns, block by block, with polars and numpy; with csv what isn't plain."""

import codecs
import csv
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from equigen.dataset.table import Edit, changed_meanwhile
from equigen.dataset.tsv import as_cell, is_swallowing, reading_tsv
from equigen.identity.columns import clean_urls
from equigen.schema import MAX_CELL_CHARS

_THREADS: Final = min(4, os.cpu_count() or 1)
_URL: Final = "image_url"
_TAB, _LINE_FEED = b"\t\n"
# A quote that opens a cell and doesn't close at that cell's end, in the same line.
_ODD_QUOTE = re.compile(rb'"(?:(?<=[\t\n]")|(?<=\A"))(?!(?:[^"\t\n]|"")*+"(?:[\t\n]|\r\n|\Z))')

T = TypeVar("T")
_Positions = npt.NDArray[np.int64]


class _NotPlainError(Exception):
    """The block holds what polars and csv would read differently, or what nobody can read."""


class _TornError(Exception):
    """The block can't be read: the file is broken, or the block's end cuts a cell."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Bytes of whole lines, from byte `at` of the file."""

    at: int
    data: bytes

    @property
    def end(self) -> int:
        return self.at + len(self.data)


class Spans(NamedTuple):
    """Rows' bytes: row `i` begins at byte `starts[i]` of the file and ends before `ends[i]`."""

    starts: _Positions
    ends: _Positions


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole rows of a TSV: the columns that were asked for, and where the rows stand.

    `frame` has strings only, addresses of pictures as `clean_url` leaves them; an optional column
    that the TSV lacks is "" in each row. `exact` has the addresses as they stand there. `spans`
    include line ends.
    """

    frame: pl.DataFrame
    exact: pl.DataFrame
    spans: Spans
    _columns: Sequence[str]
    _block: _Block
    _tabs: _Positions | None

    def __len__(self) -> int:
        """Return how many rows it has."""
        return len(self.spans.starts)

    def edits(self, column: str, cells: pl.Series) -> list[Edit]:
        """Return the edits that give a column these cells; those that are as before need none."""
        changed = (cells != self.frame[column]).arg_true()
        new = cells.gather(changed).to_list()
        return [
            self.replacing(row, column, cell)
            for row, cell in zip(changed.to_list(), new, strict=True)
        ]

    def replacing(self, row: int, column: str, cell: str) -> Edit:
        """Return the edit that changes one cell of a row; the others keep their bytes."""
        start, end = int(self.spans.starts[row]), int(self.spans.ends[row])
        line = self._block.data[start - self._block.at : end - self._block.at]
        at, between = self._columns.index(column), len(self._columns) - 1
        if self._tabs is None:
            return Edit(start, end, _with_cell(line, at, cell))
        first = row * between
        end = start + len(line.removesuffix(b"\n").removesuffix(b"\r"))
        if at < between:
            end = self._block.at + int(self._tabs[first + at])
        if at:
            start = self._block.at + int(self._tabs[first + at - 1]) + 1
        return Edit(start, end, as_cell(cell).encode())

    def putting(self, cells: Mapping[int, Mapping[str, str]], lacking: Sequence[str]) -> Edit:
        """Return the edit that gives rows, by their places, new cells in some columns.

        Columns that the TSV is `lacking` follow the others, empty in rows without new cells.
        """
        first, done, pieces = self._block.at, self._block.at, list[bytes]()
        for edit in self._putting(cells, lacking):
            pieces += (self._block.data[done - first : edit.start - first], edit.new)
            done = edit.end
        return Edit(first, done, b"".join(pieces))

    def _putting(
        self, cells: Mapping[int, Mapping[str, str]], lacking: Sequence[str]
    ) -> Iterator[Edit]:
        at, nothing = self._block.at, "\t" * len(lacking)
        spans = zip(self.spans.starts.tolist(), self.spans.ends.tolist(), strict=True)
        for row, (start, end) in enumerate(spans):
            new = cells.get(row, {})
            if not (new or lacking):
                continue
            line = self._block.data[start - at : end - at]
            last = start + len(line.removesuffix(b"\n").removesuffix(b"\r"))
            known, more = list[str](), nothing
            if new:
                known = [name for name in self._columns if name in new]
                more = "".join([f"\t{as_cell(new.get(name, ''))}" for name in lacking])
            if known and self._tabs is None:  # one edit, as theirs would overlap
                named = zip(self._columns, _cells_of(line), strict=True)
                text = "\t".join(as_cell(new.get(name, cell)) for name, cell in named)
                yield Edit(start, last, (text + more).encode())
                continue
            for name in known:
                yield self.replacing(row, name, new[name])
            if more:
                yield Edit(last, last, more.encode())


def removals(spans: Sequence[Spans], rows: Sequence[int] | pl.Series) -> Iterable[Edit]:
    """Return the edits that take out rows, given by their places in all chunks from 0, in order."""
    if not len(rows):
        return ()
    at = np.asarray(rows)
    starts = np.concatenate([each.starts for each in spans])[at]
    ends = np.concatenate([each.ends for each in spans])[at]
    is_apart = starts[1:] != ends[:-1]  # rows that follow one another are one edit
    starts, ends = starts[np.append(True, is_apart)], ends[np.append(is_apart, True)]
    return map(Edit, starts.tolist(), ends.tolist())


def lines_of(rows: pl.DataFrame) -> bytes:
    """Return rows of strings as lines of a TSV; cells are quoted only where they must be."""
    # polars quotes an empty string, and writes nothing for a null.
    cells = rows.select(pl.when(pl.all() != "").then(pl.all()))
    lines = io.BytesIO()  # of a string, polars would make one of text first
    cells.write_csv(lines, include_header=False, separator="\t")
    return lines.getvalue()


@dataclass(frozen=True, slots=True)
class TableReader:
    """An open TSV, named `names` in its header, of which `columns` are read."""

    path: Path
    file: BinaryIO
    names: Sequence[str]
    columns: Sequence[str]
    made_by: str
    required: Sequence[str]
    block_bytes: int

    def chunks(self, at: int, work: Callable[[Chunk], T]) -> Iterator[T]:
        """Yield what `work` makes of each chunk from byte `at` of the file on."""
        ahead: deque[tuple[_Block, Future[T]]] = deque()
        with ThreadPoolExecutor(_THREADS) as pool:
            try:
                while True:
                    while (
                        len(ahead) <= _THREADS and (block := self._block(at, self.block_bytes)).data
                    ):
                        ahead.append((block, pool.submit(self._worked, block, work)))
                        at = block.end
                    if not ahead:
                        return
                    block, worked = ahead.popleft()
                    if isinstance(worked.exception(), _TornError):
                        _drop(ahead)
                        block = self._mended(block)
                        at = block.end
                        yield self._worked(block, work)
                    else:
                        yield worked.result()
            finally:
                _drop(ahead)

    def _worked(self, block: _Block, work: Callable[[Chunk], T]) -> T:
        return work(self._read(block))

    def _block(self, at: int, size_bytes: int) -> _Block:
        """Return the bytes from `at` up to the last line end within `size_bytes`, or to the first.

        Where only carriage returns end lines, the block ends behind one.
        """
        self.file.seek(at)
        data = b""
        while True:
            more = self.file.read(size_bytes)
            data += more
            if len(more) < size_bytes:
                return _Block(at, data)
            if end := data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, -1) + 1:
                return _Block(at, data[:end])

    def _mended(self, torn: _Block) -> _Block:
        """Return a block with what follows it, since its end may cut a cell.

        Raises:
            InputError: the file is broken; says where.

        """
        size_bytes, is_proven = self.block_bytes, False
        while True:
            size_bytes *= 2
            block = self._block(torn.at, size_bytes)
            try:
                self._read(block)
            except _TornError:
                if is_proven and block.end == os.fstat(self.file.fileno()).st_size:
                    raise changed_meanwhile(self.path) from None
            else:
                return block
            if not is_proven:
                with reading_tsv(self.path, made_by=self.made_by, required=self.required) as tsv:
                    deque(tsv, maxlen=0)
                is_proven = True

    def _read(self, block: _Block) -> Chunk:
        try:
            return self._plain(block)
        except _NotPlainError:
            return self._odd(block)

    def _plain(self, block: _Block) -> Chunk:
        """Read a block of rows that each fill one line.

        Raises:
            _NotPlainError: there may be others.
            _TornError: it holds a NUL, or isn't UTF-8.

        """
        data = block.data
        if b"\0" in data or not _is_utf8(data):
            raise _TornError
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            raise _NotPlainError
        if data.startswith(codecs.BOM_UTF8):  # part of a cell here; polars would drop it
            raise _NotPlainError
        tabs, starts, ends = self._cells(data)
        if b'"' in data and _ODD_QUOTE.search(data):
            raise _NotPlainError
        there = [name for name in self.columns if name in self.names]
        frame = pl.DataFrame()
        if there:
            # Columns are read by number, since polars calls one without a name something else.
            places = {str(self.names.index(name)): name for name in there}
            frame = pl.read_csv(
                data,
                has_header=False,
                separator="\t",
                quote_char=None,
                columns=list(map(int, places)),
                schema=dict.fromkeys(map(str, range(len(self.names))), pl.String),
                empty_string_is_null=False,
            ).select(pl.col(place).alias(name) for place, name in places.items())
            if b'"' in data:
                frame = frame.with_columns(map(_unquoted, there))
            if frame.height != len(ends):
                raise _NotPlainError
        return self._chunk(block, frame, starts, ends, tabs)

    def _cells(self, data: bytes) -> tuple[_Positions, _Positions, _Positions]:
        """Return where tabs are, and where each line starts and ends.

        Raises:
            _NotPlainError: a line has more cells than the header, or fewer, or may be too long.

        """
        array = np.frombuffer(data, np.uint8)
        tabs, ends = np.flatnonzero(array == _TAB), np.flatnonzero(array == _LINE_FEED) + 1
        if not data.endswith(b"\n"):
            ends = np.append(ends, len(data) + 1)
        starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
        between = len(self.names) - 1
        if (
            len(tabs) != between * len(ends)
            or (tabs[::between] < starts).any()
            or (tabs[between - 1 :: between] >= ends - 1).any()
            or (ends - starts).max() > MAX_CELL_CHARS
        ):
            raise _NotPlainError
        ends[-1] = len(data)
        return tabs, starts, ends

    def _odd(self, block: _Block) -> Chunk:
        """Read a block as csv does, row by row.

        Raises:
            _TornError: csv can't, or finds rows that aren't as wide as the header.

        """
        # csv's limit is process-wide state; it is set to the same value wherever a TSV is read.
        csv.field_size_limit(MAX_CELL_CHARS)
        lines = _Lines(block.data)
        rows: list[list[str]] = []
        starts: list[int] = []
        ends: list[int] = []
        ended = 0
        try:
            for row in csv.reader(lines, delimiter="\t", strict=True):
                if row:
                    if len(row) != len(self.names) or any(map(is_swallowing, row)):
                        raise _TornError
                    rows.append(row)
                    starts.append(ended)
                    ends.append(lines.at)
                ended = lines.at
        except csv.Error as err:
            raise _TornError from err
        there = {name: self.names.index(name) for name in self.columns if name in self.names}
        cells = {name: [row[at] for row in rows] for name, at in there.items()}
        schema = dict.fromkeys(there, pl.String)
        frame = pl.DataFrame(cells, schema)
        return self._chunk(block, frame, np.array(starts, np.int64), np.array(ends, np.int64), None)

    def _chunk(
        self,
        block: _Block,
        frame: pl.DataFrame,
        starts: _Positions,
        ends: _Positions,
        tabs: _Positions | None,
    ) -> Chunk:
        empty = pl.Series([""], dtype=pl.String).new_from_index(0, len(starts))
        # By name, since polars calls a series without one something else.
        found = dict.fromkeys(self.columns, empty) | frame.to_dict()
        frame = exact = pl.DataFrame(found).select(self.columns)
        if _URL in self.columns:  # cleaned here, so that all stages see the same address
            frame = frame.with_columns(clean_urls(frame[_URL]))
        spans = Spans(starts + block.at, ends + block.at)
        return Chunk(frame, exact, spans, self.names, block, tabs)


@dataclass(slots=True)
class _Lines:
    """Lines as csv takes them; `at` is how many bytes they have so far."""

    data: bytes
    at: int = 0

    def __iter__(self) -> Iterator[str]:
        for line in io.TextIOWrapper(io.BytesIO(self.data), encoding="utf-8", newline=""):
            self.at += len(line.encode())
            yield line


def _is_utf8(data: bytes) -> bool:
    try:
        return not pl.Series([data], dtype=pl.Binary).cast(pl.String, strict=False).has_nulls()
    except pl.exceptions.ComputeError:  # of some that end amid a character
        return False


def _unquoted(name: str) -> pl.Expr:
    cell = pl.col(name)
    inner = cell.str.slice(1, cell.str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    return pl.when(cell.str.starts_with('"')).then(inner).otherwise(cell).alias(name)


def _drop(ahead: deque[tuple[_Block, Future[T]]]) -> None:
    while ahead:
        ahead.pop()[1].cancel()


def _cells_of(line: bytes) -> list[str]:
    (row,) = csv.reader(io.StringIO(line.decode(), newline=""), delimiter="\t", strict=True)
    return row


def _with_cell(line: bytes, at: int, cell: str) -> bytes:
    text = line.decode()
    row = _cells_of(line)
    row[at] = cell
    line_end = text[len(text.rstrip("\r\n")) :]
    return ("\t".join(map(as_cell, row)) + line_end).encode()
