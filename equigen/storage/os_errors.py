"""Translate errors of the operating system: one line that names the path and the next step."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from equigen.errors import StorageError

WRITTEN: Final = "written"
READ: Final = "read"
_USED: Final = "used"
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


def denial(err: OSError, path: Path | None, deed: str) -> StorageError:
    """Translate an error of the operating system; `deed` is the participle of what can't be done.

    The message names the path of the error, or else `path`.
    """
    named = err.filename2 or err.filename  # of two, the target
    place = Path(os.fsdecode(named)) if isinstance(named, (str, bytes, os.PathLike)) else path
    what = "Check the disk" if deed == READ else "Make room or mend the permissions"
    if err.errno == errno.ELOOP:
        what = "Remove the link"
    elif err.errno in _DENIED:
        closed = _closed_to_us(place) if place else None
        what = f"Mend the permissions{f' of {closed}' if closed else ''}"
        deed = READ if closed and closed == place else deed
    kept = " What was there before is untouched." if deed == WRITTEN else ""
    msg = (
        f"{place or 'the operating system'}: can't be {deed}: {err.strerror or err}."
        f"{kept} {what}, then run the same command again."
    )
    return StorageError(msg)


@contextmanager
def translating_stray_os_errors() -> Iterator[None]:
    """Turn an `OSError` that no inner block translated into a `StorageError`."""
    try:
        yield
    except OSError as err:
        raise denial(err, None, _USED) from err


def _closed_to_us(place: Path) -> Path | None:
    """Return the path without permission: a folder on the way, or `place` itself."""
    for folder in reversed(place.parents):
        if os.path.lexists(folder) and not os.access(folder, os.X_OK):
            return folder
    return place if os.path.lexists(place) and not os.access(place, os.R_OK) else None


@contextmanager
def translating_os_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of a write into a `StorageError` that names the path."""
    try:
        yield
    except OSError as err:
        raise denial(err, path, WRITTEN) from err


@contextmanager
def translating_read_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of a read into a `StorageError` that names the path."""
    try:
        yield
    except OSError as err:
        raise denial(err, path, READ) from err
