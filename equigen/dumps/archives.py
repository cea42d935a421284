"""Read the content of dumps, packed or not.

Nothing is written to the disk, since the names and contents of an archive are not to be trusted.
"""

import bz2
import errno
import io
import lzma
import os
import sys
import tarfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO, NamedTuple, cast

from isal import igzip_lib

from equigen.errors import InputError, MissingInputError
from equigen.storage.below import open_regular

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Large enough that handing blocks over costs nothing, small enough to hold a few in memory.
_BLOCK_BYTES = 2 * 1024 * 1024
# Each read waits for the interpreter lock; the standard library's files read 8 KiB at a time.
_PACKED_BYTES = 256 * 1024
# A record has some 100 KB at most; parsed, it can take twenty times its bytes.
LONGEST_BYTES = 8 << 20
# xz's strongest preset unpacks in 65 MiB. Real dumps unpack to 15 times their size.
_XZ_BYTES = 256 << 20
_MOST_RATIO, _FREE_BYTES = 200, 1 << 30
# Of a tar: a real dump of lines has some ten members, and names have some ten characters.
_MOST_TAR_HEADERS, _MOST_TAR_NAME_BYTES = 200, 1 << 16
# Each header that is read copies what is left of a buffer of so many bytes.
_TAR_BUFFER_BYTES = 64 * 1024
# A worker hands over pieces that fit into the cache of a core: twice as fast as larger ones.
_PIECE_BYTES = 128 * 1024
# The code with which such a worker ends whose dump can't be read.
DAMAGED = 3
_TAR_NAMES = frozenset(
    {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE}
    | {tarfile.SOLARIS_XHDTYPE}
)
# It begins what is kept of a longer line, and no JSON.
_TOO_LONG = "(a line of more than {:,} bytes) "
# The dump is refused where one of so many records can't be read, or more.
_RECORDS_FOR_ONE_UNREAD = 1_000
_MOST_RECORDS = 30_000_000  # of any dump
_HEAD_BYTES = 512
_USTAR = slice(257, 262)
_Decompressor = (
    lzma.LZMADecompressor
    | bz2.BZ2Decompressor
    | igzip_lib.IgzipDecompressor
    | zstd.ZstdDecompressor
)
_ISAL_ERROR = cast("type[Exception]", igzip_lib.IsalError)
Row = tuple[str | int, ...]


class DumpError(Exception):
    """An error in a dump's content; its message continues after the name of the file."""


@dataclass(slots=True)
class DumpCounts:
    """Counts of a reader so far: records, those without an id, rows, bytes of the file.

    `unread` has a name and a reason for each record that can't be read.
    """

    records: int = 0
    skipped: int = 0
    rows: int = 0
    read_bytes: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    body: bytes


class Batch(NamedTuple):
    """Rows of consecutive records.

    `records` counts these records, `skipped` those among them without an id, `position` the bytes
    of the file read so far. With `is_rest`, all following batches come from the same reader.
    `unread` has the name of each record that can't be read, and the reason.
    """

    rows: Sequence[Row]
    records: int
    skipped: int
    position: int
    is_rest: bool = False
    unread: Sequence[tuple[str, str]] = ()


def checked_rows(
    source: Generator[Batch, None, None],
    dump: Path,
    *,
    kind: str,
    counts: DumpCounts | None,
    advice: str = "",
    may_be_unread: int = 0,
) -> Generator[Sequence[Row], None, None]:
    """Yield the rows of each batch, once `counts` has them; `advice` is as for `opened`.

    Raises:
        InputError: the dump isn't whole, is of another kind, or has no records; or a thousandth of
            them can't be read, and more than `may_be_unread`, or none can.

    """
    so_far = counts or DumpCounts()
    try:
        with closing(source):
            for batch in source:
                so_far.records += batch.records
                so_far.skipped += batch.skipped
                so_far.rows += len(batch.rows)
                so_far.read_bytes = batch.position
                so_far.unread += batch.unread
                yield batch.rows
                if len(so_far.unread) * _RECORDS_FOR_ONE_UNREAD > _MOST_RECORDS:
                    break
    except DumpError as err:
        raise _not_whole(dump, str(err), kind, so_far, advice) from None
    unread = len(so_far.unread)
    most = may_be_unread if so_far.records > so_far.skipped + unread else 0
    if unread > most and unread * _RECORDS_FOR_ONE_UNREAD >= so_far.records:
        name, why = so_far.unread[0]
        share = f"{unread:,} of {so_far.records:,} records"
        what = f"{share} can't be read, the first is {name}: {why}"
        raise _not_whole(dump, what, kind, so_far, advice)
    if so_far.records == so_far.skipped:
        raise _not_whole(dump, "expected records, got none", kind, so_far, advice)


def _not_whole(dump: Path, what: str, kind: str, counts: DumpCounts, advice: str) -> InputError:
    read = counts.records - len(counts.unread)
    named = f"{read:,} {kind.replace('-', ' ')} in {counts.read_bytes:,} bytes"
    before = f" The {named} that were read before are not the whole."
    advice = advice or f"`equigen dumps get {kind}` gets it anew."
    return InputError(f"{dump}: {what}.{before if read else ''} {advice}")


# The first bytes of packed files, the name of each packing, and its decompressor.
_PACKINGS: Mapping[bytes, tuple[str, Callable[[], _Decompressor]]] = MappingProxyType(
    {
        b"\xfd7zXZ\0": ("xz", partial(lzma.LZMADecompressor, memlimit=_XZ_BYTES)),
        b"\x1f\x8b": ("gzip", partial(igzip_lib.IgzipDecompressor, igzip_lib.DECOMP_GZIP)),
        b"BZh": ("bzip2", bz2.BZ2Decompressor),
        b"\x28\xb5\x2f\xfd": ("zstandard", zstd.ZstdDecompressor),
    }
)


class DumpFile:
    """An open dump, decompressed while it is read; its first bytes, not its name, tell how."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        start = file.read(_HEAD_BYTES) or b""
        packings = (each for magic, each in _PACKINGS.items() if start.startswith(magic))
        no_packing: tuple[str, Callable[[], _Decompressor] | None] = "", None
        self._packing, self._new = next(packings, no_packing)
        self.rewind()

    @property
    def stamp(self) -> str:
        """The stamp of the opened file, see `stamp_of`."""
        return stamp_of(os.fstat(self._file.fileno()))

    @property
    def position(self) -> int:
        """The number of bytes of the file itself that were read so far."""
        return self._file.tell()

    @property
    def file(self) -> io.FileIO:
        """The opened file."""
        return self._file

    def rewind(self) -> None:
        """Start again at the first byte."""
        self._file.seek(0)
        self._stream = self._new() if self._new else None
        self._unpacked_bytes = 0

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes of the content, fewer only at its end.

        Raises:
            DumpError: the packed data is cut off or damaged, unpacks to far more than any dump's,
                or the disk can't be read.

        """
        parts, missing = [], size
        try:
            while missing and (part := self._some(missing)):
                parts.append(part)
                missing -= len(part)
        except EOFError:
            what = (
                f"the {self._packing} data is cut off: it goes on where the file ends, after"
                f" {self.position:,} bytes"
            )
            raise DumpError(what) from None
        except (lzma.LZMAError, zstd.ZstdError, _ISAL_ERROR, OSError) as err:
            if isinstance(err, OSError) and err.errno is not None:
                what = f"it can't be read at byte {self.position:,}: {err.strerror}"
            else:  # bzip2's errors have no number
                what = f"damaged {self._packing} data before byte {self.position:,}: {err}"
            raise DumpError(what) from None
        self._unpacked_bytes += size - missing
        if self._unpacked_bytes > _FREE_BYTES + _MOST_RATIO * self.position:
            what = (
                f"it unpacks to more than {_MOST_RATIO} times its bytes: {self._unpacked_bytes:,}"
                f" of {self.position:,}. No dump does"
            )
            raise DumpError(what)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _some(self, most: int) -> bytes:
        if not self._new or not self._stream:
            return self._file.read(most) or b""
        while True:
            packed = b""
            if self._stream.eof:
                # Further streams may follow, with zeros between them.
                packed = (self._stream.unused_data or self._packed()).lstrip(b"\0")
                if not packed:
                    return b""
                self._stream = self._new()
            elif self._stream.needs_input and not (packed := self._packed()):
                raise EOFError
            if data := self._stream.decompress(packed, most):
                return data

    def _packed(self) -> bytes:
        return self._file.read(_PACKED_BYTES) or b""


def stamp_of(status: os.stat_result) -> str:
    """Return a text that changes when a file is written to or replaced."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"


@contextmanager
def opened(path: Path, *, kind: str, advice: str = "") -> Iterator[DumpFile]:
    """Open a dump, packed or not; `kind` is the one by which `equigen dumps get` gets it.

    `advice` is a sentence on how to get any other file.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is a folder, or may not be read.

    """
    try:
        file = cast("io.FileIO", open_regular(path).detach())
    except FileNotFoundError:
        dump = f"; expected a dump. `equigen dumps get {kind}` gets it."
        msg = f"{path}: no such file{f'. {advice}' if advice else dump}"
        raise MissingInputError(msg) from None
    except IsADirectoryError:
        msg = f"{path}: can't be read: it is a folder; expected a file. Name the one in it."
        raise InputError(msg) from None
    except OSError as err:
        remedy = "Move it away" if err.errno == errno.EINVAL else "Check its permissions"
        msg = f"{path}: can't be read: {err.strerror}. {remedy}."
        raise InputError(msg) from None
    with file:
        yield DumpFile(file)


def lines_of(dump: DumpFile, member: str) -> Iterator[tuple[list[bytes], bool]]:
    """Yield all lines of a dump, or of the `member` of a tar, in blocks of about 2 MiB.

    A thread reads ahead. The last block, with True, has the last line alone, which may be cut off.
    A line that is too long comes as one that is no JSON. The whole archive is read, so that its
    checksums are checked.

    Raises:
        DumpError: it is damaged, has no such member, or has no lines of JSON.

    """
    try:
        with ExitStack() as stack:
            head = dump.read(_HEAD_BYTES)
            dump.rewind()
            text = cast("IO[bytes]", dump)
            if is_tar(head):
                tar = tarfile.open(fileobj=text, mode="r|", tarinfo=_tar_info())  # noqa: SIM115
                stack.enter_context(tar)
                text = _member(tar, member)
            elif not head.lstrip().startswith(b"{"):
                what = "expected lines of JSON or a tar of them, got something else"
                raise DumpError(what)

            def read() -> bytes:
                block = text.read(_BLOCK_BYTES)
                while not block and dump.read(_BLOCK_BYTES):
                    pass
                return block

            ahead = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="unpack"))
            rest = b""
            coming = ahead.submit(read)
            while block := coming.result():
                coming = ahead.submit(read)
                *lines, rest = (rest + block).split(b"\n")
                if len(rest) > LONGEST_BYTES:
                    mark = _TOO_LONG.format(LONGEST_BYTES).encode()
                    rest = mark + rest.removeprefix(mark)[:_HEAD_BYTES]
                yield lines, False
            yield [rest], True
    except (tarfile.TarError, ValueError, OverflowError) as err:
        what = f"damaged tar: {err}"
        raise DumpError(what) from err


def members_of(content: IO[bytes]) -> Iterator[Member]:
    """Yield the files of a tar, of which none is held longer.

    A file that is too long comes as one that is no JSON. The whole archive is read, so that its
    checksums are checked.

    Raises:
        DumpError: it is damaged or cut off.

    """
    try:
        info = _tar_info(_MOST_RECORDS)
        tar = tarfile.open(  # noqa: SIM115  (it holds nothing that is to be closed)
            fileobj=content, mode="r|", tarinfo=info, bufsize=_TAR_BUFFER_BYTES
        )
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # it would keep all of them
            if not member.isfile():
                continue
            if member.size > LONGEST_BYTES:
                yield Member(member.name, _TOO_LONG.format(LONGEST_BYTES).encode())
            else:
                yield Member(member.name, cast("IO[bytes]", tar.extractfile(member)).read())
        while content.read(_BLOCK_BYTES):
            pass
    except (tarfile.TarError, ValueError, OverflowError) as err:
        what = f"damaged tar: {err}"
        raise DumpError(what) from err


def unpack() -> None:
    """Run as a worker process: write the content of the dump in stdin to stdout.

    It ends with `DAMAGED` and a message in stderr where the dump can't be read to its end.
    """
    dump = DumpFile(open(0, "rb", buffering=0))  # noqa: SIM115
    try:
        while piece := dump.read(_PIECE_BYTES):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except DumpError as err:
        sys.stderr.write(str(err))
        sys.exit(DAMAGED)
    except BrokenPipeError:
        os._exit(1)  # the parent process is gone


def is_tar(start: bytes) -> bool:
    """Tell whether a file's first 512 bytes are a tar's."""
    return start[_USTAR] == b"ustar"


def _tar_info(most_headers: int = _MOST_TAR_HEADERS) -> type[tarfile.TarInfo]:
    """Return a class of members that checks each header before its data is read."""
    left = iter(range(most_headers))

    class _TarInfo(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_TarInfo":
            try:
                member = super().frombuf(buf, encoding, errors)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
                raise
            except tarfile.HeaderError as err:  # tarfile takes it for the end
                what = f"damaged tar: {err}"
                raise DumpError(what) from err
            is_named = member.type in _TAR_NAMES and member.size > _MOST_TAR_NAME_BYTES
            if is_named or member.type == tarfile.GNUTYPE_SPARSE or next(left, None) is None:
                what = (
                    f"damaged tar: expected {most_headers:,} members at most, with names of"
                    f" {_MOST_TAR_NAME_BYTES:,} bytes, got more"
                )
                raise DumpError(what)
            return member

        def _refuse_sparse(self, *_: object) -> None:
            """Refuse a map of holes, which are zeros without end; tarfile's name of each kind."""
            what = "damaged tar: expected plain members, got a sparse one"
            raise DumpError(what)

        _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse

    return _TarInfo


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    others: list[str] = []
    for each in tar:
        if each.isfile() and PurePosixPath(each.name) == PurePosixPath(name):
            return cast("IO[bytes]", tar.extractfile(each))
        others.append(each.name)
    held = ", ".join(others[:5]) + (", ..." if others[5:] else "")
    what = f"expected {name} in it, got {held or 'nothing'}; it is another dump"
    raise DumpError(what)
