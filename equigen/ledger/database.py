"""An SQLite file with a format of its own: opened, checked, brought up to date, one lock for all.

https://www.sqlite.org/pragma.html#pragma_application_id tells how such files are told apart.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from equigen.errors import ForeignLedgerError
from equigen.ledger.database_errors import complaint, damaged, translated
from equigen.storage.os_errors import translating_os_errors


@dataclass(frozen=True, slots=True)
class Format:
    """What a file of ours looks like: `migrations` lead from the version that is their key on."""

    application_id: int
    version: int
    schema: str
    migrations: Mapping[int, str]


# What is built beside a file until it is whole, and when it is: then it takes the file's place.
BUILDING, BUILT = ".building", ".built"
# What SQLite keeps beside a file while it is open, or after a process was killed.
BESIDE = ("-wal", "-shm")
# A file of no more than this is empty for SQLite.
_EMPTY_BYTES = 1
# How long another process that writes is waited for.
_WAIT_S = 30.0
_NO_TABLE = "it is empty"
# What damaged values lead to where they are used.
_SIGNS_OF_DAMAGE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Database:
    """An open file; may be used from several threads. Close it, or use it as a context.

    Where the block of a context raises what values that are no such values lead to, the whole file
    is checked: a damaged one is said to be, and what else went wrong goes on as it is.
    """

    def __init__(
        self, path: Path, form: Format, *, read_only: bool = False, wait_s: float = _WAIT_S
    ) -> None:
        self._path, self._form = path, form
        if not read_only:
            put_built_in_place(path)
        elif is_empty(path):  # opened, SQLite would remove what it keeps beside it
            raise damaged(path, _NO_TABLE)
        self._lock = threading.RLock()
        with self._translated():
            # Also who only reads opens it for writing: the last to close tidies up what SQLite
            # keeps beside the file meanwhile.
            where = f"{path.resolve().as_uri()}?mode={'rw' if read_only else 'rwc'}"
            self._db = sqlite3.connect(
                where, uri=True, check_same_thread=False, isolation_level=None, timeout=wait_s
            )
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
        if not empty and self._pragma("application_id") != self._form.application_id:
            msg = (
                f"{self._path}: this SQLite file is not EquiGen's ledger. Expected one that"
                " `equigen fetch` or `download` made. Move it away and run again."
            )
            raise ForeignLedgerError(msg)
        if version > self._form.version:
            msg = (
                f"{self._path}: the ledger has format {version}, from a newer EquiGen; this one"
                f" reads up to {self._form.version}. Upgrade EquiGen; nothing was changed."
            )
            raise ForeignLedgerError(msg)
        if empty and read_only:
            raise damaged(self._path, _NO_TABLE)
        if empty:  # new, or made by a process that was killed before it came further
            self._db.execute("PRAGMA journal_mode = WAL")
            marks = (
                f"PRAGMA application_id = {self._form.application_id};"
                f" PRAGMA user_version = {self._form.version};"
            )
            self._db.executescript(f"BEGIN; {self._form.schema} {marks} COMMIT;")
        elif version < self._form.version:
            self._bring_up_to_date()
        # Safe against a killed process; a power cut may cost the last transactions, never the file.
        self._db.execute("PRAGMA synchronous = NORMAL")
        if read_only:
            self._db.execute("PRAGMA query_only = ON")

    def _bring_up_to_date(self) -> None:
        with self._transaction() as db:
            # Another process may have been faster.
            for old in range(self._pragma("user_version"), self._form.version):
                for statement in self._form.migrations[old].split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {self._form.version}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _rows(self, sql: str, values: Sequence[object] = ()) -> Iterator[Iterator[Any]]:
        with self._lock, self._translated():
            cursor = self._db.execute(sql, values)
            try:
                yield iter(cursor)
            except _SIGNS_OF_DAMAGE as err:  # values that no row of ours has
                raise damaged(self._path, f"{type(err).__name__}: {err}") from err
            finally:
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


def has_tables(path: Path) -> bool:
    """Tell whether a file lies there that isn't empty, as a power cut or a kill may leave one.

    What can't be read is left to who opens it: that says what is wrong.
    """
    if not path.exists() or is_empty(path):
        return False
    with suppress(sqlite3.Error):
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=0)
        try:
            return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        finally:
            db.close()
    return True


def is_empty(path: Path) -> bool:
    """Tell by its size whether a file is empty: it isn't opened, so all beside it stays."""
    try:
        return path.is_file() and path.stat().st_size <= _EMPTY_BYTES
    except OSError:
        return False


def put_built_in_place(path: Path) -> Path | None:
    """Let a file that was built beside `path` take its place, where one lies there whole.

    What was there is set aside with all that SQLite keeps beside it, under a name with the time at
    which the other was built; that is returned, None where nothing had to be done. A process that
    is killed in between leaves it to the next that writes.

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
    """Return a name beside `path` that no other file than itself has."""
    free, number = path.with_name(name), 1
    while free.exists() and not (path.exists() and free.samefile(path)):
        number += 1
        free = path.with_name(f"{name}-{number}")
    return free
