"""Open the ledger's SQLite file: check it, migrate it, translate its errors.

A dataset's folder may come from strangers, and its ledger with it: SQLite sees no file that isn't a
ledger's own, and runs no code that a file brings (https://www.sqlite.org/security.html).
https://www.sqlite.org/pragma.html#pragma_application_id tells how such files are told apart, and
https://www.sqlite.org/rescode.html lists SQLite's error codes.
"""

import os
import re
import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from equigen.errors import EquigenError, ForeignLedgerError, LedgerError, LockedError, StorageError
from equigen.interrupts import deferred_interrupts
from equigen.ledger.tables import APPLICATION_ID, MIGRATIONS, TABLES, VERSION
from equigen.schema import safe_text
from equigen.storage.os_errors import translating_os_errors

# A replacement is built under the first suffix, renamed to the second once it is whole, and then
# put in the file's place.
BUILDING, BUILT = ".building", ".built"
# SQLite keeps these beside a file while it is open, or after a process was killed.
BESIDE = ("-wal", "-shm")
# A journal of SQLite's other mode, which a ledger never is in. SQLite would obey it, and delete the
# file whose name stands at its end: https://www.sqlite.org/fileformat2.html#the_rollback_journal
_ROLLBACK = "-journal"
# A ledger's schema as SQLite keeps it: tables and plain indexes, no views, triggers, or modules.
_TABLE = re.compile(r'CREATE TABLE "?[a-z_]+"?\s*\(')
_INDEX = re.compile(r"CREATE INDEX [a-z_]+ ON [a-z_]+ \([a-z_, ]+\)$")
# Steps of SQLite's machine (https://www.sqlite.org/opcode.html) that one statement may take: some
# minutes, a hundred times what a ledger of a million covers needs.
_STEPS, _MOST_STEPS = 1_000_000, 20_000_000_000
_MOST_BYTES = 256 * 1024 * 1024  # of a value or a row
# SQLite takes a file of one byte for an empty one.
_EMPTY_BYTES = 1
# The time that a writer in another process is waited for.
_WAIT_S = 30.0
_NO_TABLE = "it is empty"
# Damaged values raise these where they are used.
_SIGNS_OF_DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# The key in the table `meta` of a value that every transaction renews, unless it changes nothing
# but single values: two copies of a ledger with the same one hold the same rows.
CHANGED = "changed"
# With less room than this, SQLite can't make its journal, and reports an I/O error only.
_LEAST_ROOM_BYTES = 64 * 1024
_PRIMARY = 0xFF
_MOST_CHARS = 120
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DISK = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
    | {sqlite3.SQLITE_NOLFS}
)
_AGAIN = "Then run the same command again."
_MOVE_AWAY = "If you don't know where it comes from, move it away and run `equigen repair`."
# A connection in `query_only` mode reports a write with this code.
_QUERY_ONLY = sqlite3.SQLITE_READONLY
_OUR_FAULT = (sqlite3.ProgrammingError, sqlite3.InterfaceError)


class Database:
    """An open ledger file; threads may share it. Close it, or use it as a context manager.

    Where the context's block raises an error that damaged values can cause, the whole file is
    checked: a damaged file raises a `LedgerError`, and any other error passes through.
    """

    def __init__(self, path: Path, *, read_only: bool = False, wait_s: float = _WAIT_S) -> None:
        """Open the file at `path`; a missing one is made, unless it is only to be read.

        One that an older version wrote is brought up to date; for a reader, a copy in memory is.
        `wait_s` is how long a writer in another process is waited for.

        Raises:
            LedgerError: it is from a newer version, damaged, or not a ledger at all.

        """
        self._path = path
        if not read_only:
            put_built_in_place(path)
        elif is_empty(path):  # opened, SQLite would remove what it keeps beside it
            raise damaged(path, _NO_TABLE)
        self._lock = threading.RLock()
        with self._translated():
            self._db = connect(path, _reader_mode(path) if read_only else "rwc", wait_s=wait_s)
            self._steps_left = _MOST_STEPS  # anew for each statement
            self._db.set_progress_handler(self._is_too_long, _STEPS)
            try:
                self._set_up(read_only=read_only)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if isinstance(err, _SIGNS_OF_DAMAGE):
                self._raise_if_damaged(err)
        finally:
            self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _set_up(self, *, read_only: bool) -> None:
        version = self._pragma("user_version")
        empty = not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        is_ours = self._pragma("application_id") == APPLICATION_ID and version >= min(MIGRATIONS)
        if not empty and not is_ours:
            msg = (
                f"{self._path}: this SQLite file is not EquiGen's ledger. Expected one that"
                " `equigen fetch` or `download` made. Move it away and run again."
            )
            raise ForeignLedgerError(msg)
        refuse_newer(self._path, version)
        if empty and read_only:
            raise damaged(self._path, _NO_TABLE)
        if empty:  # new, or left by a process that was killed before it made the tables
            self._db.execute("PRAGMA journal_mode = MEMORY")  # no rollback journal, ever
            self._db.execute("PRAGMA journal_mode = WAL")
            marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            self._db.executescript(f"BEGIN; {TABLES} {marks} COMMIT;")
        elif version < VERSION:
            if read_only:
                self._copy_to_memory()
            self._bring_up_to_date()
        # Safe against a killed process; a power cut may cost the last transactions, never the file.
        self._db.execute("PRAGMA synchronous = NORMAL")
        if read_only:
            self._db.execute("PRAGMA query_only = ON")

    def _copy_to_memory(self) -> None:
        copy = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        with closing(self._db) as file:
            file.backup(copy)
        self._db = copy

    def _bring_up_to_date(self) -> None:
        with self._transaction() as db:
            # Another process may have migrated it meanwhile.
            for old in range(self._pragma("user_version"), VERSION):
                for statement in MIGRATIONS[old].split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _is_too_long(self) -> bool:
        self._steps_left -= _STEPS
        return self._steps_left < 0

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self, *, is_of_meta: bool = False) -> Iterator[sqlite3.Connection]:
        # An interrupt between two statements would leave the transaction open.
        with deferred_interrupts(), self._lock, self._translated():
            self._steps_left = _MOST_STEPS
            self._db.execute("BEGIN IMMEDIATE")
            before = self._db.total_changes
            try:
                yield self._db
                if self._db.total_changes > before and not is_of_meta:
                    sql = "INSERT OR REPLACE INTO meta VALUES (?, hex(randomblob(8)))"
                    self._db.execute(sql, (CHANGED,))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise

    def _vacuum(self) -> None:
        """Write the file anew without its free pages, all or nothing.

        It is in the journal until it is whole: https://www.sqlite.org/lang_vacuum.html
        """
        with deferred_interrupts(), self._lock, self._translated():
            self._steps_left = _MOST_STEPS
            self._db.execute("VACUUM")

    @contextmanager
    def _rows(self, sql: str, values: Sequence[object] = ()) -> Iterator[Iterator[Any]]:
        with self._lock, self._translated():
            self._steps_left = _MOST_STEPS
            cursor = self._db.execute(sql, values)
            try:
                yield iter(cursor)
            except _SIGNS_OF_DAMAGE as err:  # the reader of the rows met a damaged value
                raise damaged(self._path, f"{type(err).__name__}: {err}") from err
            finally:
                # A reading that a signal broke off ends when the ledger is closed already.
                with suppress(sqlite3.ProgrammingError):
                    cursor.close()

    def _raise_if_damaged(self, err: BaseException) -> None:
        with self._lock, self._translated():
            wrong = complaint(self._db)
        if wrong:
            raise damaged(self._path, wrong) from err

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as err:
            raise translated(self._path, err) from err
        except UnicodeDecodeError as err:  # also of the words of SQLite's own errors
            raise damaged(self._path, "it has text that isn't UTF-8") from err


def connect(
    path: Path,
    mode: str,
    *,
    wait_s: float = _WAIT_S,
    name: str = "ledger",
    advice: str = _MOVE_AWAY,
) -> sqlite3.Connection:
    """Open a ledger's file, or a copy of one, in one of the modes that SQLite's URIs have.

    All that is done with the connection may take `_MOST_STEPS`. Another file of ours has a `name`
    of its own, and an `advice` for one that isn't ours.

    Raises:
        ForeignLedgerError: it isn't a regular file, has a strange journal, or brings code.
        sqlite3.Error: it can't be opened or read.

    """
    for file in (path, *(path.with_name(path.name + end) for end in BESIDE)):
        _refuse_irregular(file, name, advice)
    if os.path.lexists(journal := path.with_name(path.name + _ROLLBACK)):
        msg = (
            f"{journal}: a rollback journal lies beside the {name}. Expected none: no {name} of"
            f" EquiGen's has one, and SQLite may delete files that it names. Nothing was read."
            f" {advice}"
        )
        raise ForeignLedgerError(msg)
    db = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True, check_same_thread=False, isolation_level=None, timeout=wait_s,
    )  # fmt: skip
    try:
        steps = iter(range(0, _MOST_STEPS, _STEPS))
        db.set_progress_handler(lambda: next(steps, None) is None, _STEPS)
        db.execute("PRAGMA trusted_schema = OFF")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        _refuse_code(path, db, name, advice)
    except UnicodeDecodeError as err:  # of an error's own words, which quote the file
        db.close()
        msg = "its schema isn't text"
        raise sqlite3.DatabaseError(msg) from err
    except BaseException:
        db.close()
        raise
    return db


def _reader_mode(path: Path) -> str:
    """Return the mode in which a reader opens a ledger.

    It opens it for writing, too, where it can: the last connection removes SQLite's journal. In a
    folder that can't be written nobody writes, and SQLite needs no lock and no journal there.
    """
    return "rw" if _is_writable(path) else "ro&immutable=1"


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _refuse_irregular(file: Path, name: str, advice: str) -> None:
    try:
        mode = file.lstat().st_mode
    except OSError:  # there is none, or opening it says why it can't be read
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = "a symbolic link" if stat.S_ISLNK(mode) else "a pipe, socket or device"
        msg = (
            f"{file}: this is {what}; expected the {name}, a regular file. Nothing was read."
            f" {advice}"
        )
        raise ForeignLedgerError(msg)


def _refuse_code(path: Path, db: sqlite3.Connection, name: str, advice: str) -> None:
    """Refuse a schema that has more than tables of plain columns and indexes of them."""
    plain = {"table": _TABLE, "index": _INDEX}
    for kind, called, sql in db.execute("SELECT type, name, sql FROM sqlite_schema"):
        is_own = called in {"sqlite_sequence", "sqlite_stat1"} or (kind == "index" and sql is None)
        is_plain = is_own or (kind in plain and plain[kind].match(str(sql)))
        if is_plain and kind == "table":
            # Generated columns are hidden ones.
            columns = "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden"
            is_plain = not db.execute(columns, (called,)).fetchone()[0]
        if not is_plain:
            what = safe_text(f"{kind} {called!r}")[:_MOST_CHARS]
            msg = (
                f"{path}: the {name} has a {what} that EquiGen doesn't make. Expected tables of"
                f" plain columns: anything else is code that would run. Nothing was read. {advice}"
            )
            raise ForeignLedgerError(msg)


def refuse_newer(path: Path, version: int) -> None:
    """Refuse a ledger whose format has a higher number than ours.

    Raises:
        ForeignLedgerError: it has.

    """
    if version > VERSION:
        msg = (
            f"{path}: the ledger has format {version}, from a newer EquiGen; this one reads up to"
            f" {VERSION}. Upgrade EquiGen; nothing was changed."
        )
        raise ForeignLedgerError(msg)


def has_tables(path: Path) -> bool:
    """Tell whether a file has tables; a power cut or a kill may leave an empty one.

    A file that can't be read counts as one with tables: opening it raises the error.
    """
    if not path.exists() or is_empty(path):
        return False
    with suppress(sqlite3.Error):
        db = connect(path, _reader_mode(path), wait_s=0)
        try:
            return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        finally:
            db.close()
    return True


def is_empty(path: Path) -> bool:
    """Tell by its size whether a file is empty; opening it would make SQLite drop its journal."""
    try:
        return path.is_file() and path.stat().st_size <= _EMPTY_BYTES
    except OSError:
        return False


def put_built_in_place(path: Path) -> Path | None:
    """Put a finished replacement in the place of `path`, if one lies beside it.

    The old file and its journal are set aside under a name with the replacement's time. Return that
    name, or None where there was no replacement. If the process is killed in between, the next
    writer goes on.

    Raises:
        StorageError: the disk refuses.

    """
    built = path.with_name(path.name + BUILT)
    with translating_os_errors(path):
        try:
            built_at = datetime.fromtimestamp(built.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None
        aside = _free_name(path, f"{path.name}.damaged-{built_at:%Y-%m-%dT%H%M%SZ}")
        # Its journal first: beside another file than its own, that would spoil it.
        for end in BESIDE:
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
        with suppress(FileNotFoundError):
            try:
                aside.hardlink_to(path)  # so that it is in its place at any moment
            except OSError:  # there already, or no links on this file system
                path.replace(aside)
        built.replace(path)
    return aside


def _free_name(path: Path, name: str) -> Path:
    """Return a name beside `path` that no other file has."""
    free, number = path.with_name(name), 1
    while free.exists() and not (path.exists() and free.samefile(path)):
        number += 1
        free = path.with_name(f"{name}-{number}")
    return free


def translated(path: Path, err: sqlite3.Error) -> EquigenError:
    """Return an SQLite error of the ledger at `path` as one of ours, with its cause and remedy."""
    exact = int(getattr(err, "sqlite_errorcode", 0))
    code = exact & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return _no_room(path)
    if code == sqlite3.SQLITE_INTERRUPT:
        msg = (
            f"{path}: reading the ledger took more than {_MOST_STEPS:,} steps, and none needs so"
            " many. If it isn't your own, move it away and run `equigen repair`."
        )
        return LedgerError(msg)
    if code in _IN_USE:
        msg = (
            f"{path}: another program keeps the ledger locked. Nothing was changed by this one."
            " Close what has it open (an SQLite browser, a backup), then run the same command"
            " again."
        )
        return LockedError(msg)
    if isinstance(err, _OUR_FAULT) or (exact == _QUERY_ONLY and _is_writable(path)):
        msg = f"{path}: the ledger was used in a way that it can't be: {err}."
        return LedgerError(msg)
    if code in _DISK:
        return _of_disk(path, err)
    return damaged(path, str(err))


def damaged(path: Path, how: str) -> LedgerError:
    """Return the error of a damaged ledger."""
    how = safe_text(how)[:_MOST_CHARS]  # SQLite may quote the damaged value
    msg = (
        f"{path}: the ledger is damaged: {how}. The TSV and the covers are whole. `equigen repair`"
        " sets it aside and builds another one from its last good copy and the files."
    )
    return LedgerError(msg)


def complaint(db: sqlite3.Connection, check: str = "integrity_check") -> str:
    """Return the first error that SQLite's check of a file finds, "" where there is none.

    Raises:
        sqlite3.Error: the file can't be read at all.

    """
    (said,) = db.execute(f"PRAGMA {check}(1)").fetchone()
    # A first line with asterisks only names the file.
    lines = [line for line in str(said).splitlines() if not line.startswith("***")]
    return "" if lines == ["ok"] else "".join(lines[:1])


def _of_disk(path: Path, err: sqlite3.Error) -> EquigenError:
    folder = path.parent
    both = [each for each in (path, folder) if each.exists()]
    if path.is_dir():
        how = f"this is a folder; expected the ledger, a file. Move it away. {_AGAIN}"
    elif not folder.is_dir():
        how = f"can't be made: {folder} is no folder. {_AGAIN}"
    elif sys.platform != "win32" and os.statvfs(folder).f_flag & os.ST_RDONLY:
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
