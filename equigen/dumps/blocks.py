"""Decompress a Discogs dump and cut it into blocks of whole records by searching bytes.

In XML a "<" always starts a tag, except in comments, CDATA sections, processing instructions and
declarations. A block that has none of these ("<!", "<?") is plain: an end tag found by its bytes is
an end tag. Anything unexpected is left to a parser: it comes out as a block that isn't plain, or
that isn't well-formed by itself.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import igzip, igzip_lib

from equigen.errors import InputError, MissingInputError

_GZIP = b"\x1f\x8b"
# A record has 1 to 10 KB; the search for the end of one stops after this many bytes.
_MOST_BYTES = 32 << 20
_UTF8_BOM = b"\xef\xbb\xbf"
_DECLARATION = rb"<\?xml\s[^<>?]*\?>"
_OWN_ENCODING = re.compile(
    rb"""encoding\s*=\s*["'](?!(?:utf-8|us-ascii|ascii)["'])""", re.IGNORECASE
)
# After a "<", these start something else than a tag.
_NO_TAG = (b"!", b"?")
# A URL starts with "http", unless its characters are written as references.
_URL_SIGNS = (b"http", b"&")
_OPENING, _CLOSING = b"<>"


def no_progress(_count: int) -> None:
    """Ignore how many bytes were read."""


class DumpError(Exception):
    """An error in a dump's content; its message continues after the name of the file."""


class DumpFile:
    """An open dump; its first bytes, not its name, tell whether it is gzip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size_bytes = os.fstat(file.fileno()).st_size
        is_gzip = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        self._bytes: BinaryIO = file
        if is_gzip:
            self._bytes = igzip.open(file, "rb")  # type: ignore[no-untyped-call]  # it has no hints

    @property
    def stamp(self) -> str:
        """The stamp of the opened file, see `stamp_of`."""
        return stamp_of(os.fstat(self._file.fileno()))

    @property
    def position(self) -> int:
        """The number of bytes of the file itself that were read so far."""
        return self._file.tell()

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes of the content, fewer only at its end.

        Raises:
            DumpError: the gzip data is cut off or damaged, or the disk can't be read.

        """
        try:
            return self._bytes.read(size)
        except EOFError:
            what = (
                f"the gzip data is cut off: it goes on where the file ends, after"
                f" {self._size_bytes:,} bytes"
            )
        except igzip.BadGzipFile as err:
            what = f"damaged gzip data before byte {self.position:,} of the file: {err}"
        except igzip_lib.IsalError as err:  # type: ignore[misc]  # its hint says less than it is
            what = f"damaged gzip data before byte {self.position:,} of the file: {err}"
        except OSError as err:
            what = f"it can't be read at byte {self.position:,}: {err.strerror}"
        raise DumpError(what)


def stamp_of(status: os.stat_result) -> str:
    """Return a text that changes when a file is written to or replaced."""
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


@contextmanager
def opened(path: Path, *, made_by: str) -> Iterator[DumpFile]:
    """Open a dump, compressed or not; `made_by` is the command that gets it.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is a folder, or may not be read.

    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        msg = f"{path}: no such file; expected a dump. `{made_by}` gets it: run that first."
        raise MissingInputError(msg) from None
    except IsADirectoryError:
        msg = f"{path}: this is a folder; expected a dump. Name the file in it."
        raise InputError(msg) from None
    except OSError as err:
        msg = f"{path}: can't be read: {err.strerror}. Check its permissions."
        raise InputError(msg) from None
    with file:
        yield DumpFile(file)


@dataclass(frozen=True, slots=True)
class Markup:
    """The element names of a dump: its root, its records, and the elements to leave out."""

    root: str
    record: str
    unused: tuple[str, ...]


def head_of(start: bytes, root: str) -> bytes:
    """Return the bytes before the first record, the root's start tag included.

    Returns b"" where these are more than an XML declaration and the expected root, or where the
    encoding isn't UTF-8 or ASCII.
    """
    name = root.encode()
    found = re.match(
        rb"(?:%b)?(?:%b)?\s*<%b(?:\s[^<>]*[^<>/])?>" % (_UTF8_BOM, _DECLARATION, name), start
    )
    if not found or _OWN_ENCODING.search(found[0]):
        return b""
    return found[0].removeprefix(_UTF8_BOM)


class Blocks:
    """Cut a dump after the last end of a record within each `size_bytes`."""

    def __init__(self, dump: DumpFile, start: bytes, markup: Markup, size_bytes: int) -> None:
        self._dump, self._rest, self._size_bytes = dump, start, size_bytes
        self._end = f"</{markup.record}>".encode()

    def next(self) -> bytes:
        """Return the next block; b"" where no further record ends.

        Raises:
            DumpError: as `DumpFile.read`.

        """
        while True:
            rest = self._rest
            cut = rest.rfind(self._end, 0, self._size_bytes)
            if cut < 0:
                cut = rest.find(self._end)
            if cut >= 0:
                cut += len(self._end)
                self._rest = rest[cut:]
                return rest[:cut]
            more = self._dump.read(self._size_bytes) if len(rest) < _MOST_BYTES else b""
            if not more:
                return b""
            self._rest = rest + more

    def following(self) -> Iterator[bytes]:
        """Yield the rest of the dump after the last block, in pieces.

        Raises:
            DumpError: as `DumpFile.read`.

        """
        yield self._rest
        while more := self._dump.read(self._size_bytes):
            yield more


def is_plain(block: bytes) -> bool:
    """Tell whether each "<" in a block of whole records starts a tag."""
    return not any(_has_opened(block, sign) for sign in _NO_TAG)


def _has_opened(block: bytes, sign: bytes) -> bool:
    """Tell whether a sign follows a "<"; search for the sign, which is much rarer."""
    at = block.find(sign, 1)
    while at > 0:
        if block[at - 1] == _OPENING:
            return True
        at = block.find(sign, at + 1)
    return False


def trimmed(block: bytes, markup: Markup) -> bytes:
    """Return a plain block without its unused elements, and without images that have no URL.

    An element is cut out from its start tag to the next end tag of that name. If it holds another
    element of its name, an unmatched tag remains, so that the parser refuses the block.
    """
    record = markup.record.encode()
    for name in markup.unused:
        block = _without(block, name.encode(), record)
    return _without(block, b"images", record, kept_with=_URL_SIGNS)


def _without(
    block: bytes, name: bytes, record: bytes, *, kept_with: tuple[bytes, ...] = ()
) -> bytes:
    """Cut out the elements of a name, except those that contain one of `kept_with`."""
    start, end = b"<%b>" % name, b"</%b" % name
    record_start, record_end = b"<%b" % record, b"</%b" % record
    find = block.find
    kept = []
    at = 0
    begins = find(start)
    while begins >= 0:
        ends = find(end, begins)
        stops = ends + len(end) + 1
        if ends < 0 or block[stops - 1] != _CLOSING:
            break  # an end tag with a blank in it, or another name: left to the parser
        if find(record_end, begins, ends) >= 0 or find(record_start, begins, ends) >= 0:
            break  # no end in its own record: left to the parser
        for sign in kept_with:
            if find(sign, begins, ends) >= 0:
                break
        else:
            kept.append(block[at:begins])
            at = stops
        begins = find(start, stops)
    if not at:
        return block
    kept.append(block[at:])
    return b"".join(kept)
