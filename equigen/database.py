"""An SQLite file with a format of its own: opened, checked, brought up to date, one lock for all.

https://www.sqlite.org/pragma.html#pragma_application_id tells how such files are told apart.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from equigen.errors import LedgerError


@dataclass(frozen=True, slots=True)
class Format:
    """What a file of ours looks like: `migrations` lead from the version that is their key on."""

    application_id: int
    version: int
    schema: str
    migrations: Mapping[int, str]


class Database:
    """An open file; may be used from several threads. Close it, or use it as a context."""

    def __init__(self, path: Path, form: Format, *, read_only: bool = False) -> None:
        self._path, self._form = path, form
        self._lock = threading.RLock()
        with self._translated():
            # Also who only reads opens it for writing: the last to close tidies up what SQLite
            # keeps beside the file meanwhile.
            where = f"{path.resolve().as_uri()}?mode={'rw' if read_only else 'rwc'}"
            self._db = sqlite3.connect(
                where, uri=True, check_same_thread=False, isolation_level=None, timeout=30
            )
            try:
                self._set_up(read_only=read_only)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
            raise LedgerError(msg)
        if version > self._form.version:
            msg = (
                f"{self._path}: the ledger has format {version}, from a newer EquiGen; this one"
                f" reads up to {self._form.version}. Upgrade EquiGen; nothing was changed."
            )
            raise LedgerError(msg)
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
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _rows(self, sql: str, values: Sequence[object] = ()) -> Iterator[Iterator[Any]]:
        with self._lock, self._translated():
            cursor = self._db.execute(sql, values)
            try:
                yield iter(cursor)
            finally:
                cursor.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as err:
            msg = (
                f"{self._path}: the ledger can't be used: {err}. Expected a readable and writable"
                " SQLite file. If it is damaged, move it away: the TSV and the covers stay."
            )
            raise LedgerError(msg) from err
