"""Read the lines of a file, plain or in an archive, unpacked in a thread that reads ahead.

Nothing is written to the disk, since the names and contents of an archive are not to be trusted.
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

# Large enough that handing blocks over costs nothing, small enough to hold a few in memory.
_BLOCK_BYTES = 2 * 1024 * 1024
_TAR_BYTES = tarfile.BLOCKSIZE
_PACKED_BYTES = 256 * 1024
# A longer line means another kind of file.
_LONGEST_LINE_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 512
_USTAR = slice(257, 262)
_ISAL_ERROR = cast("type[Exception]", igzip_lib.IsalError)
_DAMAGED = (EOFError, lzma.LZMAError, _ISAL_ERROR, tarfile.TarError)


class Lines(NamedTuple):
    """Whole lines with their endings: `data[start:end]`.

    `read_bytes` is the number of bytes of the packed file that were read for them.
    """

    data: bytes
    start: int
    end: int
    read_bytes: int


class DamagedError(Exception):
    """An archive that is cut off or damaged; the message gives the reason in a few words."""


def lines_of(path: Path, member: str) -> Iterator[Lines]:
    """Yield all lines of a file, or of the `member` of a tar, in blocks of about 2 MiB.

    The first bytes tell the compression (xz, gzip, bzip2 or none) and whether the file is a tar.
    The last line may have no ending. The whole archive is read, so that its checksums are checked.

    Raises:
        MissingInputError: there is no such file.
        InputError: it can't be read, has no such member, or has no lines of JSON.
        DamagedError: it is cut off or damaged; the lines so far may not be all.

    """
    try:
        yield from _lines_of(path, member)
    except FileNotFoundError as err:
        msg = f"{path}: no such file. Get it: equigen dumps get release-groups"
        raise MissingInputError(msg) from err
    except _DAMAGED as err:
        raise DamagedError(str(err) or type(err).__name__) from err
    except OSError as err:
        if err.errno is None:  # raised by gzip and bzip2 for damaged data
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
        carry, reported = b"", 0
        coming = ahead.submit(read)
        while block := coming.result():
            coming = ahead.submit(read)
            first, end = block.find(b"\n") + 1, block.rfind(b"\n") + 1
            if first:
                # The line that spans two blocks is yielded by itself, so that no block is copied.
                carry += block[:first]
                yield Lines(carry, 0, len(carry), 0)
                at = raw.tell()
                yield Lines(block, first, end, at - reported)
                carry, reported = b"", at
            carry += block[end:]
            if len(carry) > _LONGEST_LINE_BYTES:
                msg = f"{path}: a line of more than {_LONGEST_LINE_BYTES:,} bytes is no record."
                raise InputError(msg)
        yield Lines(carry, 0, len(carry), raw.tell() - reported)


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
    """A decompressing reader with large reads, since each read waits for the interpreter lock.

    The standard library's files read 8 KiB at a time.
    """

    raw: io.FileIO
    new: Callable[[], _Decompressor]
    current: _Decompressor = field(init=False)

    def __post_init__(self) -> None:
        self.current = self.new()

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        parts, missing = [], size
        while missing and (part := self._some(missing)):
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _some(self, most: int) -> bytes:
        while True:
            packed = b""
            if self.current.eof:
                # Further streams may follow, with zeros between them.
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
    # With single-block reads, the stream is left exactly at the start of the member.
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
    """A reader of the next `left` bytes of a stream."""

    stream: _Stream
    left: int

    def read(self, size: int, /) -> bytes:
        data = self.stream.read(min(size, self.left))
        if not data and self.left:
            msg = f"{self.left:,} bytes of it are missing"
            raise EOFError(msg)
        self.left -= len(data)
        return data
