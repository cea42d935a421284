"""A file of lines, plain or in an archive, unpacked in a thread that reads ahead.

Nothing is ever written to the disk: what an archive holds, and how it names it, is a stranger's.
"""

import bz2
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol, cast

from isal import igzip_lib

from equigen.errors import InputError, MissingInputError

# Large enough that handing blocks over takes no time, small enough that a few of them don't matter.
_BLOCK_BYTES = 2 * 1024 * 1024
_TAR_BYTES = tarfile.BLOCKSIZE
_PACKED_BYTES = 256 * 1024
# What is longer is no line, whatever the file is.
_LONGEST_LINE_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 512
_USTAR = slice(257, 262)
_ISAL_ERROR = cast("type[Exception]", igzip_lib.IsalError)
_DAMAGED = (EOFError, lzma.LZMAError, _ISAL_ERROR, tarfile.TarError)


class Lines(NamedTuple):
    """Whole lines with their ends: what lies from `start` up to `end` of some data.

    `read_bytes` is how much of the packed file was read for them.
    """

    data: bytes
    start: int
    end: int
    read_bytes: int


class DamagedError(Exception):
    """An archive that ends too early or isn't what it was; says why in a few words."""


def lines_of(path: Path, member: str) -> Iterator[Lines]:
    """Yield all lines of a file, or of the `member` of a tar, in blocks of about 2 MiB.

    What packs it (xz, gzip, bzip2 or nothing) and whether it is a tar is told by its first bytes.
    The last line may have no end. The whole archive is read, so that its checksums hold.

    Raises:
        MissingInputError: there is no such file.
        InputError: it can't be read, holds no such member, or is no text of lines.
        DamagedError: it is cut off or damaged; what was yielded before may not be all.

    """
    try:
        yield from _lines_of(path, member)
    except FileNotFoundError as err:
        msg = f"{path}: no such file. Get it: equigen dumps get release-groups"
        raise MissingInputError(msg) from err
    except _DAMAGED as err:
        raise DamagedError(str(err) or type(err).__name__) from err
    except OSError as err:
        if err.errno is None:  # what gzip and bzip2 say of damaged data
            raise DamagedError(str(err)) from err
        msg = f"{path}: can't be read: {err.strerror}. Mend that, or get it anew."
        raise InputError(msg) from err


def _lines_of(path: Path, member: str) -> Iterator[Lines]:
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb", buffering=0))
        head = _unpacked(raw).read(_HEAD_BYTES)
        raw.seek(0)
        text = unpacked = _unpacked(raw)
        if head[_USTAR] == b"ustar":
            text = _member(unpacked, path, member)
        elif head.lstrip()[:1] != b"{":
            msg = (
                f"{path}: expected lines of JSON or a tar of them, got something else. Get the"
                " dump anew: equigen dumps get release-groups"
            )
            raise InputError(msg)

        def read() -> bytes:
            block = text.read(_BLOCK_BYTES)
            if not block:
                while unpacked.read(_BLOCK_BYTES):
                    pass
            return block

        ahead = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="unpack"))
        carry, told = b"", 0
        coming = ahead.submit(read)
        while block := coming.result():
            coming = ahead.submit(read)
            first, end = block.find(b"\n") + 1, block.rfind(b"\n") + 1
            if first:
                # The line that two blocks share goes by itself: the others are copied nowhere.
                carry += block[:first]
                yield Lines(carry, 0, len(carry), 0)
                at = raw.tell()
                yield Lines(block, first, end, at - told)
                carry, told = b"", at
            carry += block[end:]
            if len(carry) > _LONGEST_LINE_BYTES:
                msg = f"{path}: a line of more than {_LONGEST_LINE_BYTES:,} bytes is no record."
                raise InputError(msg)
        yield Lines(carry, 0, len(carry), raw.tell() - told)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


@dataclass(slots=True)
class _Unpacker:
    """Unpacks much at a time: what lets go of the interpreter must not ask for it often.

    The files of the standard library read 8 KiB, and wait for the other thread each time.
    """

    raw: io.FileIO
    new: Callable[[], _Decompressor]
    current: _Decompressor = field(init=False)

    def __post_init__(self) -> None:
        self.current = self.new()

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only at the end."""
        parts, missing = [], size
        while missing and (part := self._some(missing)):
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _some(self, most: int) -> bytes:
        while True:
            packed = b""
            if self.current.eof:
                # Further streams may follow, and zeros between them.
                packed = (self.current.unused_data or self._packed()).lstrip(b"\0")
                if not packed:
                    return b""
                self.current = self.new()
            elif self.current.needs_input and not (packed := self._packed()):
                msg = "it ends too early"
                raise EOFError(msg)
            if data := self.current.decompress(packed, most):
                return data

    def _packed(self) -> bytes:
        return self.raw.read(_PACKED_BYTES) or b""


def _unpacked(raw: io.FileIO) -> _Stream:
    start = raw.read(_HEAD_BYTES) or b""
    raw.seek(0)
    for magic, new in _PACKINGS:
        if start.startswith(magic):
            return _Unpacker(raw, new)
    return raw


def _gunzip() -> _Decompressor:
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


_PACKINGS: tuple[tuple[bytes, Callable[[], _Decompressor]], ...] = (
    (b"\xfd7zXZ\0", lzma.LZMADecompressor),
    (b"\x1f\x8b", _gunzip),
    (b"BZh", bz2.BZ2Decompressor),
)


def _member(unpacked: _Stream, path: Path, name: str) -> _Stream:
    others: list[str] = []
    # Read by single blocks, the stream stands where the member begins, and nothing is copied twice.
    with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r|", bufsize=_TAR_BYTES) as tar:
        for each in tar:
            if each.isfile() and PurePosixPath(each.name) == PurePosixPath(name):
                return _Part(unpacked, each.size)
            others.append(each.name)
    held = ", ".join(others[:5]) + (", ..." if others[5:] else "")
    msg = (
        f"{path}: expected {name} in it, got {held or 'nothing'}. It is another dump:"
        " equigen dumps get release-groups"
    )
    raise InputError(msg)


@dataclass(slots=True)
class _Part:
    """The next so many bytes of a stream, and its end."""

    stream: _Stream
    left: int

    def read(self, size: int, /) -> bytes:
        data = self.stream.read(min(size, self.left))
        if not data and self.left:
            msg = f"{self.left:,} bytes of it are missing"
            raise EOFError(msg)
        self.left -= len(data)
        return data
