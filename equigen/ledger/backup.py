"""Keep copies of the ledger from the end of the last good runs; `equigen repair` restores them.

SQLite's backup interface makes a copy: https://www.sqlite.org/backup.html
"""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from equigen.errors import EquigenError, LockedError, StorageError
from equigen.ledger.database import (
    BESIDE,
    CHANGED,
    complaint,
    connect,
    damaged,
    has_tables,
    translated,
)
from equigen.ledger.ledger import Ledger
from equigen.ledger.tables import APPLICATION_ID
from equigen.storage.atomic import in_place_of
from equigen.storage.lock import dataset_lock
from equigen.storage.os_errors import translating_os_errors

_NAMES: Final = ("backup", "backup-2")


def copies_of(ledger: Path) -> tuple[Path, Path]:
    """Return the file of a ledger's last copy, and that of the copy before it."""
    last, earlier = (ledger.with_name(f"{ledger.stem}.{name}{ledger.suffix}") for name in _NAMES)
    return last, earlier


def back_up(ledger: Path, *, command: str, now: datetime) -> str:
    """Tidy and copy the ledger of a run that ended well, unless it is as at the last copy.

    The copy gets the ledger's date. It takes the place of the last copy only after a check, and
    the last copy becomes the earlier one. Where only single values changed, such as the date of the
    last run, they alone are copied. Nothing is raised, since the run itself went well: return the
    reason where no copy could be made, "" otherwise.
    """
    last, earlier = copies_of(ledger)
    try:
        if not has_tables(ledger) or _is_current(last, ledger):
            return ""
        with dataset_lock(ledger.parent, stage=command, now=now):
            # Without room, or while a reader has it locked, it stays as large as it is.
            with suppress(StorageError, LockedError), Ledger(ledger) as opened:
                opened.tidy(now.astimezone(UTC).date().isoformat())
            if not _refresh(last, ledger):
                with in_place_of(last, keeps_link=False) as new:
                    _copy(ledger, new)
                    # A ledger that was begun anew knows no covers: its copies don't push out the
                    # last one that does.
                    if knows_covers(last):
                        last.replace(earlier)
    except LockedError:  # another run has begun, and makes a copy when it ends
        return ""
    except EquigenError as err:
        return f"no copy of the ledger was made; the last one, if any, is kept: {err}"
    return ""


def knows_covers(copy: Path) -> bool:
    """Tell whether a copy can be read and knows any cover."""
    try:
        with closing(_opened(copy)) as db:
            return db.execute("SELECT 1 FROM covers LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False


def _is_current(copy: Path, ledger: Path) -> bool:
    """Tell by its date whether the ledger is unchanged since the copy."""
    journal = ledger.with_name(ledger.name + BESIDE[0])
    try:
        is_in_journal = journal.exists() and journal.stat().st_size > 0
        return not is_in_journal and copy.stat().st_mtime_ns == ledger.stat().st_mtime_ns
    except OSError:
        return False


def _refresh(copy: Path, ledger: Path) -> bool:
    """Copy the single values if no other row changed since the copy; return whether that is so."""
    if not copy.is_file():
        return False
    before = ledger.stat()
    try:
        with closing(connect(copy, "rw")) as db, db:
            db.execute("ATTACH ? AS now", (f"{ledger.resolve().as_uri()}?mode=rw",))
            db.execute("BEGIN")
            same = "SELECT 1 FROM main.meta JOIN now.meta USING (key, value) WHERE key = ?"
            if db.execute(same, (CHANGED,)).fetchone() is None:
                return False
            db.execute("DELETE FROM main.meta")
            db.execute("INSERT INTO main.meta SELECT * FROM now.meta")
    except sqlite3.Error:  # a copy that can't be written is replaced
        return False
    _put_date(copy, before)
    return True


def _copy(ledger: Path, new: Path) -> None:
    """Copy the ledger to a new file, check the copy, and write it through to the disk.

    Raises:
        LedgerError: the ledger is damaged, or no ledger.
        StorageError: the disk refuses.

    """
    before = ledger.stat()
    try:
        with (
            closing(connect(ledger, "rw")) as db,
            closing(sqlite3.connect(new)) as copy,
        ):
            # A copy that isn't finished is thrown away, so it needs no journal.
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            db.backup(copy)
        with closing(_opened(new)) as copy:
            (mark,) = copy.execute("PRAGMA application_id").fetchone()
            wrong = complaint(copy, "quick_check")
    except sqlite3.Error as err:
        raise translated(ledger, err) from err
    if wrong or mark != APPLICATION_ID:
        raise damaged(ledger, wrong or "it has another program's mark")
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    _put_date(new, before)


def _put_date(copy: Path, ledger: os.stat_result) -> None:
    with translating_os_errors(copy):
        os.utime(copy, ns=(ledger.st_atime_ns, ledger.st_mtime_ns))


def _opened(copy: Path) -> sqlite3.Connection:
    """Open a copy for reading; no lock and no journal is made beside it."""
    return connect(copy, "ro&immutable=1")
