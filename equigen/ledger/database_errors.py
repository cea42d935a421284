"""What SQLite's errors mean for a person: no room, no permission, in use elsewhere, or damaged.

https://www.sqlite.org/rescode.html lists its codes; where one has several causes, the file and its
folder tell them apart.
"""

import os
import shutil
import sqlite3
from pathlib import Path

from equigen.errors import EquigenError, LedgerError, LockedError, StorageError
from equigen.schema import safe_text

# With less than this, SQLite can't make what it keeps beside the file, and says no more than that.
_LEAST_ROOM_BYTES = 64 * 1024
_PRIMARY = 0xFF
_MOST_CHARS = 120
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DISK = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOLFS,
    }
)
_AGAIN = "Then run the same command again."
# As a connection that is only to read says when it is to write.
_QUERY_ONLY = sqlite3.SQLITE_READONLY
_OUR_FAULT = (sqlite3.ProgrammingError, sqlite3.InterfaceError)


def translated(path: Path, err: sqlite3.Error) -> EquigenError:
    """Return what `err` means for the ledger at `path`."""
    code = _exact(err) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return _no_room(path)
    if code in _IN_USE:
        msg = (
            f"{path}: another program keeps the ledger locked. Nothing was changed by this one."
            " Close what has it open (an SQLite browser, a backup), then run the same command"
            " again."
        )
        return LockedError(msg)
    is_writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if isinstance(err, _OUR_FAULT) or (_exact(err) == _QUERY_ONLY and is_writable):
        msg = f"{path}: the ledger was used in a way that it can't be: {err}."
        return LedgerError(msg)
    if code in _DISK:
        return _of_disk(path, err)
    return damaged(path, str(err))


def _exact(err: sqlite3.Error) -> int:
    return int(getattr(err, "sqlite_errorcode", 0))


def damaged(path: Path, how: str) -> LedgerError:
    """Return the error of a ledger that can't be read as one."""
    how = safe_text(how)[:_MOST_CHARS]  # it may quote what stands there
    msg = (
        f"{path}: the ledger is damaged: {how}. The TSV and the covers are whole. `equigen repair`"
        " sets it aside and builds another one of what can be read and of the files."
    )
    return LedgerError(msg)


def complaint(db: sqlite3.Connection, table: str = "") -> str:
    """Return the first thing that SQLite finds wrong in a file, or a table, "" where nothing is.

    Raises:
        sqlite3.Error: the file can't even be looked through.

    """
    (said,) = db.execute(f"PRAGMA integrity_check({table or 1})").fetchone()
    # Above it may stand only in which of several files it is.
    lines = [line for line in str(said).splitlines() if not line.startswith("***")]
    return "" if lines == ["ok"] else "".join(lines[:1])


def _of_disk(path: Path, err: sqlite3.Error) -> EquigenError:
    folder = path.parent
    both = [each for each in (path, folder) if each.exists()]
    if path.is_dir():
        how = f"this is a folder; expected the ledger, a file. Move it away. {_AGAIN}"
    elif not folder.is_dir():
        how = f"can't be made: {folder} is no folder. {_AGAIN}"
    elif _is_read_only(folder):
        how = (
            "can't be written: the file system is read-only. What was there is untouched. Make it"
            f" writable, or copy the dataset to where it can be. {_AGAIN}"
        )
    elif not all(os.access(each, os.R_OK | os.W_OK) for each in both):
        how = (
            f"can't be written: no permission. Expected a file and a folder, {folder}, that you may"
            f" read and write. What was there is untouched. Mend the permissions. {_AGAIN}"
        )
    elif not path.exists():
        msg = f"{path}: there is no ledger. `equigen fetch` or `download` makes it: run that first."
        return LedgerError(msg)
    elif shutil.disk_usage(folder).free < _LEAST_ROOM_BYTES:
        return _no_room(path)
    else:
        how = (
            f"the disk fails: {err}. What was noted before is kept as far as the disk keeps it."
            f" Check the disk. {_AGAIN}"
        )
    return StorageError(f"{path}: {how}")


def _no_room(path: Path) -> StorageError:
    msg = (
        f"{path}: can't be written: no space left on the disk. What was noted before is kept. Make"
        f" room for {path.parent}, then run the same command again."
    )
    return StorageError(msg)


def _is_read_only(folder: Path) -> bool:
    if not hasattr(os, "statvfs"):  # not on this system
        return False
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
