"""A dump's bytes, decompressed, with how far in the file they are; one that is cut off says so."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isal import igzip, igzip_lib

from equigen.errors import InputError, MissingInputError

_GZIP = b"\x1f\x8b"


def nobody(_count: int) -> None:
    """Tell nobody how much was read."""


class DumpError(Exception):
    """What is wrong with a dump's content: its message goes on after the name of the file."""


class DumpFile:
    """An open dump: gzip or not is told by its first bytes, not by its name."""

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
        """What tells this file from another one of its name."""
        return stamp_of(os.fstat(self._file.fileno()))

    @property
    def position(self) -> int:
        """How many bytes of the file itself were taken so far."""
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
    """Return what changes where a file is written to or another takes its place."""
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
