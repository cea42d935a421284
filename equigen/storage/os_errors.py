"""Translate errors of the operating system: one line that names the path and the next step."""

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from equigen.errors import StorageError

WRITTEN: Final = "written"
READ: Final = "read"
_USED: Final = "used"
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})
_ADVICE: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Make room"),
    **dict.fromkeys((errno.EEXIST, errno.EISDIR, errno.ENOTDIR), "Move what lies there away"),
    errno.ENOTEMPTY: "Move what lies there away",
    errno.ELOOP: "Remove the link",
    errno.ENOENT: "See that no other program removes files there",
    errno.EXDEV: "Name a place on the same disk, or have files copied (`split --link copy`)",
    errno.EROFS: "Make the file system writable",
    errno.EBUSY: "Close the program that uses it",
    errno.ENAMETOOLONG: "Choose a folder with a shorter path",
    errno.ENOMEM: "Close other programs, or add memory",
    errno.EMLINK: "Have files copied (`split --link copy`)",
    **dict.fromkeys(
        (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS),
        "Name a place on another file system, since this one can't do that",
    ),
    **dict.fromkeys(
        (errno.EINVAL, errno.EILSEQ), "Name a place on a file system that takes such names"
    ),
}
# The number of file descriptors on systems that set no limit.
_MOST_DESCRIPTORS: Final = 1 << 16
# Errors of file systems that have no links, such as FAT and exFAT, or no more of them for a file.
NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
)

# ERROR_INVALID_FUNCTION and ERROR_PRIVILEGE_NOT_HELD, which Python gives as EINVAL:
# https://learn.microsoft.com/windows/win32/debug/system-error-codes
_NO_LINKS_ON_WINDOWS: Final = frozenset({1, 1314})


def denial(err: OSError, path: Path | None, deed: str) -> StorageError:
    """Translate an error of the operating system; `deed` is the participle of what can't be done.

    The message names the path of the error, or else `path`.
    """
    named = err.filename2 or err.filename  # of two, the target
    place = Path(os.fsdecode(named)) if isinstance(named, (str, bytes, os.PathLike)) else path
    what = _ADVICE.get(err.errno or 0, "Check the disk")
    if err.errno in OUT_OF_DESCRIPTORS:
        what = allow_more_files()
    if err.errno == errno.EINVAL and err.strerror != os.strerror(errno.EINVAL):  # `below.py`'s
        what = _ADVICE[errno.EEXIST]
    if err.errno in _DENIED:
        closed = _closed_to_us(place) if place else None
        what = f"Mend the permissions{f' of {closed}' if closed else ''}"
        deed = READ if closed and closed == place else deed
    kept = " What was there before is untouched." if deed == WRITTEN else ""
    msg = (
        f"{place or 'the operating system'}: can't be {deed}: {err.strerror or err}."
        f"{kept} {what}, then run the same command again."
    )
    return StorageError(msg)


def most_descriptors() -> int:
    """Return how many files and connections this process may have open."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415  (of POSIX alone)

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit != resource.RLIM_INFINITY:
            return limit
    return _MOST_DESCRIPTORS


def allow_more_files() -> str:
    """Return the advice for a process that may not open another file, without its full stop."""
    return f"Allow more than {most_descriptors():,} open files (`ulimit -n 4096`)"


@contextmanager
def translating_link_errors(path: object, kind: str) -> Iterator[None]:
    """Turn the error of a file system that can't make the link `path` into a `StorageError`.

    `kind` is the plural: "hard links". A link onto another disk is left to `denial`.
    """
    try:
        yield
    except OSError as err:
        of_windows = getattr(err, "winerror", None) in _NO_LINKS_ON_WINDOWS
        if err.errno == errno.EXDEV or not (err.errno in NO_LINKS or of_windows):
            raise
        msg = (
            f"{path}: can't be made: {err.strerror or err}: this file system has no {kind}, or"
            " allows none here. No cover is lost. Have files copied: `equigen split --link copy`."
        )
        raise StorageError(msg) from err


def _closed_to_us(place: Path) -> Path | None:
    """Return the path without permission: a folder on the way, or `place` itself."""
    for folder in reversed(place.parents):
        if os.path.lexists(folder) and not os.access(folder, os.X_OK):
            return folder
    return place if os.path.lexists(place) and not os.access(place, os.R_OK) else None


@contextmanager
def translating_os_errors(path: Path | None, deed: str = WRITTEN) -> Iterator[None]:
    """Turn an `OSError` into the `StorageError` of `denial`."""
    try:
        yield
    except OSError as err:
        raise denial(err, path, deed) from err


translating_read_errors = partial(translating_os_errors, deed=READ)
# For errors whose path no inner block knew.
translating_stray_os_errors = partial(translating_os_errors, None, _USED)

# The longer ones first: UTF-32 begins as UTF-16 does.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FIRST_BYTES = 4
# The characters that surrogateescape decodes bytes to that aren't UTF-8: https://peps.python.org/pep-0383/
ESCAPED_BYTE: Final = range(0xDC80, 0xDD00)
SAVE_AS_UTF8 = "Save it as UTF-8, then run again."


def other_encoding(path: Path) -> str:
    """Return the encoding that a file's first bytes show, or "" where it may be UTF-8."""
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    # Latin letters, of which every second byte is NUL.
    halves = {start[0::2].count(0), start[1::2].count(0)}
    return "UTF-16" if len(start) == _FIRST_BYTES and halves == {0, _FIRST_BYTES // 2} else ""


def why_not_utf8(path: Path) -> str:
    """Return the place where a file isn't UTF-8 and the next step, to follow the file's name."""
    if other := other_encoding(path):
        return f", line 1, column 1: this is {other}; expected UTF-8. {SAVE_AS_UTF8}"
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, line in enumerate(file, start=1):
            for at, char in enumerate(line, start=1):
                if ord(char) in ESCAPED_BYTE:
                    return f", line {number}, column {at}: {bad_byte(char)}"
    return f": not UTF-8. {SAVE_AS_UTF8}"


def bad_byte(char: str) -> str:
    """Describe a byte that isn't UTF-8, given as `surrogateescape` decodes it."""
    return f"not UTF-8: byte 0x{ord(char) - 0xDC00:02x} stands there. {SAVE_AS_UTF8}"
