"""Read files of published datasets: tables, and JSON arrays of objects.

They are UTF-8, packed or not, and are read in blocks, never as a whole.
"""

import csv
import json
import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from equigen.dumps.archives import Batch, DumpCounts, DumpError, DumpFile, Row, checked_rows, opened
from equigen.dumps.musicbrainz import mbid_of

_BLOCK_BYTES = 1 << 20
# Longest line and longest object; those of the known files have some KB.
_MOST_CHARS = 8 << 20
_SHOWN_CHARS = 60
_ROWS_TOGETHER = 1_000
_BOM: Final = "\ufeff"
_SIGN = re.compile(r"[^\s\ufeff]")
MSD_TRACK: Final = re.compile(r"TR[A-Z0-9]{16}")


class Torn(NamedTuple):
    """A record that can't be read: its name and the reason."""

    name: str
    why: str


def read_rows(
    path: Path,
    *,
    records: Callable[[DumpFile], Iterator[Any]],
    row_of: Callable[[Any], Row | None],
    kind: str,
    advice: str,
    counts: DumpCounts | None = None,
) -> Generator[Sequence[Row], None, None]:
    """Yield the rows of a file's records in batches; `row_of` gives None for one without an id.

    `kind` is a name for the records, `advice` a sentence on how to get the file.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is cut off, damaged or another file.

    """

    def batches() -> Generator[Batch, None, None]:
        with opened(path, kind=kind, advice=advice) as dump:
            left = records(dump)
            while some := list(islice(left, _ROWS_TOGETHER)):
                unread = [each for each in some if isinstance(each, Torn)]
                found = [row_of(each) for each in some if not isinstance(each, Torn)]
                rows = [row for row in found if row is not None]
                yield Batch(rows, len(some), len(found) - len(rows), dump.position, unread=unread)

    return checked_rows(batches(), path, kind=kind, counts=counts, advice=advice)


def table(
    dump: DumpFile, *, columns: Sequence[str], delimiter: str, has_header: bool = True
) -> Iterator[Mapping[str, str] | Torn]:
    """Yield the lines of a table by column; cells are trimmed.

    A header names the columns, in any order and perhaps among others; without one they are these.
    A comma may stand within quotes.

    Raises:
        DumpError: the header lacks a column, a quote has no end, or the last line is cut off.

    """
    lines = _lines(dump)
    first = next(filter(str.strip, lines), "").strip(_BOM) if has_header else ""
    number, torn = int(has_header), None
    try:
        names = [name.strip() for row in _split([first], delimiter) for name in row] or [*columns]
        if has_header and not {*columns} <= {*names}:
            what = (
                f"expected a first line that names the columns {', '.join(columns)}, with"
                f" {delimiter!r} between them, got {first[:_SHOWN_CHARS].rstrip()!r}"
            )
            raise DumpError(what)
        for cells in _split(lines, delimiter):
            number += 1
            if torn:
                yield torn
            torn = None
            if len(cells) == len(names):
                yield dict(zip(names, map(str.strip, cells), strict=True))
            elif cells:
                torn = Torn(f"row {number:,}", f"expected {len(names)} cells, got {len(cells)}")
    except csv.Error as err:
        what = f"row {number + 1:,}: its quotes or cells are damaged: {err}"
        raise DumpError(what) from None
    if torn:
        what = f"{torn.name}, the last one: {torn.why}; it is cut off"
        raise DumpError(what)


def _split(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    if delimiter == ",":
        return csv.reader(lines, strict=True)
    return (line.split(delimiter) if line.strip() else [] for line in lines)


def track_ids(msd: str, mbid: str = "") -> str:
    """Return the text of a track: its ids in the Million Song Dataset and in MusicBrainz."""
    ids = [f"msd:{msd}"] if MSD_TRACK.fullmatch(msd) else []
    recording = mbid_of({"id": mbid})
    return " ".join([*ids, *([f"mbid:{recording}"] if recording else [])])


def array(dump: DumpFile) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array, in which numbers may be NaN.

    Raises:
        DumpError: it is no such array, or is cut off or damaged.

    """
    text, count, expected = _Json(_texts(dump)), 0, "["
    while (sign := text.sign()) and sign in expected:
        if sign == "{":
            count += 1
            yield text.value(f"object {count:,}")
            expected = ",]"
        else:
            text.at += 1
            expected = {"[": "{]", ",": "{", "]": ""}[sign]
    if sign or expected:
        wanted = " or ".join(expected) or "nothing more"
        what = f"expected {wanted} after {count:,} objects of a JSON array, got {text.shown()}"
        raise DumpError(what)


class _Json:
    """JSON that is read block by block, from `at` on."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.at = 0
        self._texts, self._text = texts, ""
        self._decode = json.JSONDecoder(strict=False).raw_decode

    def sign(self) -> str:
        """Go to the next character that is no white space and return it; "" at the end."""
        while not (found := _SIGN.search(self._text, self.at)) and self._read_on():
            pass
        self.at = found.start() if found else len(self._text)
        return found[0] if found else ""

    def value(self, name: str) -> Any:  # noqa: ANN401  (whatever it says)
        """Return the object that begins here, and go behind it.

        Raises:
            DumpError: it has no end, or is damaged; `name` says which one it is.

        """
        while True:
            try:
                value, self.at = self._decode(self._text, self.at)
            except (ValueError, RecursionError) as err:
                if len(self._text) - self.at > _MOST_CHARS or not self._read_on():
                    what = f"{name} is cut off or damaged ({err}): {self.shown()}"
                    raise DumpError(what) from None
            else:
                return value

    def shown(self) -> str:
        """Return how the text goes on from here."""
        left = self._text[self.at : self.at + _SHOWN_CHARS]
        return repr(left) if left else "the end of the file"

    def _read_on(self) -> bool:
        more = next(self._texts, "")
        self._text, self.at = self._text[self.at :] + more, 0
        return bool(more)


def _lines(dump: DumpFile) -> Iterator[str]:
    rest, number = "", 0
    for text in _texts(dump):
        *lines, rest = (rest + text).split("\n")
        number += len(lines)
        yield from lines
        if len(rest) > _MOST_CHARS:
            what = (
                f"line {number + 1:,} has more than {_MOST_CHARS:,} characters; it begins"
                f" {rest[:_SHOWN_CHARS]!r}"
            )
            raise DumpError(what)
    if rest:
        yield rest


def _texts(dump: DumpFile) -> Iterator[str]:
    decoder, read_bytes = getincrementaldecoder("utf-8")(), 0
    block = b"\n"
    while block:
        block = dump.read(_BLOCK_BYTES)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as err:
            at = read_bytes + len(block) - len(err.object) + err.start
            what = f"expected UTF-8, got {err.object[err.start]:#04x} at byte {at:,} of its text"
            raise DumpError(what) from None
        read_bytes += len(block)
        if text:
            yield text
