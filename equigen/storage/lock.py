"""Lock a dataset, so that one run at a time works on it."""

import errno
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from equigen.errors import LockedError
from equigen.storage.atomic import open_new
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_os_errors

_LOCK_NAME = ".equigen.lock"
_HOLDER = ".holder"
LOCK_NAMES = frozenset({_LOCK_NAME, _LOCK_NAME + _HOLDER})
# A note is shorter by far, and can't be nested deeper than Python's parser goes.
_MOST_NOTE_BYTES = 500
# The locks that this process holds: the operating system doesn't tell holders in a process apart.
_held_here: set[Path] = set()
# How often this process has locked each folder.
_times: Counter[Path] = Counter()


@contextmanager
def dataset_lock(
    directory: Path, *, stage: str, now: datetime, name: str = _LOCK_NAME
) -> Iterator[None]:
    """Hold the dataset's lock, or one called `name`; the system releases a killed process's lock.

    A process that holds it may take it again, as a command made of stages does for each of them.

    Raises:
        LockedError: another run holds it; the message names it and since when.
        StorageError: the folder can't be made or written, or what lies there is no lock.

    """
    here = directory.resolve() / name
    if here in _held_here:
        yield
        return
    with translating_os_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_other(FileBelow(directory, name))
        lock = FileLock(directory / name, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise LockedError(_held(directory, name)) from None
    holder = directory / f"{name}{_HOLDER}"
    _held_here.add(here)
    _times[here.parent] += 1
    try:
        since = now.strftime("%Y-%m-%d %H:%M:%S UTC")
        holding = {"stage": stage, "pid": os.getpid(), "since": since}
        with translating_os_errors(holder), open_new(holder) as file:
            file.write(json.dumps(holding).encode())
        yield
    finally:
        _held_here.discard(here)
        holder.unlink(missing_ok=True)
        lock.release()


def times_locked(directory: Path) -> int:
    """Return how often this process has locked a folder: what writes there does so first."""
    return _times[directory.resolve()]


def _refuse_other(lock: FileBelow) -> None:
    """Refuse what is no lock: opening one empties it, by whatever other name the file has."""
    with suppress(FileNotFoundError):
        found = lock.stat()
        if found.st_size and found.st_nlink > 1:
            raise OSError(errno.EINVAL, "not a lock, but another file (a hard link)", str(lock))


def read_holder(directory: Path, name: str = _LOCK_NAME) -> dict[str, object]:
    """Return the note of the process that holds the lock: `stage`, `pid` and `since`.

    Raises:
        OSError, ValueError: there is none, or nothing that could be one.

    """
    with FileBelow(directory, f"{name}{_HOLDER}").open() as file:
        holder = json.loads(file.read(_MOST_NOTE_BYTES))
    if not isinstance(holder, dict):
        msg = "expected an object"
        raise ValueError(msg)  # noqa: TRY004  (of a value, as all that is read)
    return holder


def _held(directory: Path, name: str) -> str:
    try:
        holder = read_holder(directory, name)
        who = f"`equigen {holder['stage']}` (process {holder['pid']}, since {holder['since']})"
    except (OSError, ValueError, KeyError):
        who = "another run that has just started"
    return (
        f"{directory}: {who} is at work there and holds its lock. Nothing was touched. Wait for it"
        " to end, or stop it, then run again."
    )
