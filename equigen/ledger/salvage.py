"""What can still be read of a damaged ledger, row by row, around whatever is damaged.

Nothing of it is changed: SQLite only reads it, or a copy whose first page is another ledger's.
https://www.sqlite.org/fileformat2.html says what that page holds.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from equigen.errors import ForeignLedgerError, LedgerError
from equigen.ledger.damaged import DamagedTable, Row
from equigen.ledger.database import BESIDE, Database
from equigen.ledger.database_errors import complaint, translated
from equigen.ledger.soundness import Column, sound_rows
from equigen.ledger.tables import LEDGER_FORMAT
from equigen.storage.os_errors import translating_os_errors

_BATCH = 2000
_PAGE_BYTES = 4096
# In the first page: its counter of changes, the list of free pages, and for which counter the
# file's length that stands there holds. It holds for none.
_CHANGES, _FREE_PAGES, _LENGTH_HOLDS = slice(24, 28), slice(32, 40), slice(92, 96)
_MENDED = ".mended"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the ledger: its columns, and by which its rows are ordered."""

    name: str
    columns: Sequence[Column]
    key: Sequence[str]

    @property
    def names(self) -> str:
        """The columns, as SQL lists them."""
        return ", ".join(column.name for column in self.columns)


@dataclass(slots=True)
class Salvaged:
    """What came of one table: rows that were kept, and those that made no sense.

    `is_whole` says that every row there was could be read and made sense.
    """

    kept: int = 0
    senseless: int = 0
    is_whole: bool = True


class Rows(Database):
    """A ledger as tables of rows, whatever they mean; close it, or use it as a context."""

    def __init__(self, path: Path, *, wait_s: float = 30) -> None:
        super().__init__(path, LEDGER_FORMAT, wait_s=wait_s)

    def tables(self) -> list[Table]:
        """Return all tables that a ledger has."""
        with self._rows("SELECT name FROM sqlite_schema WHERE type = 'table'") as found:
            names = [str(name) for (name,) in found if not str(name).startswith("sqlite_")]
        return [_table(self._db, name) for name in names]

    def senseless(self, table: Table, on_row: Callable[[int], object]) -> int:
        """Return how many rows of a table make no sense; `on_row` gets each number of rows read."""
        makes_sense, count = sound_rows(table.name, table.columns), 0
        with self._rows(f"SELECT {table.names} FROM {table.name}") as rows:  # noqa: S608  (our own names)
            while some := list(islice(rows, _BATCH)):
                count += sum(not makes_sense(row) for row in some)
                on_row(len(some))
        return count

    def put(self, table: Table, rows: Sequence[Row]) -> int:
        """Add rows, but those whose keys are there already; return how many were added."""
        marks = ", ".join("?" * len(table.columns))
        sql = f"INSERT OR IGNORE INTO {table.name} ({table.names}) VALUES ({marks})"  # noqa: S608  (our own names)
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(sql, rows)
            return db.total_changes - before

    def clear(self, *tables: str) -> None:
        """Take all rows out of some tables."""
        with self._transaction() as db:
            for table in tables:
                db.execute(f"DELETE FROM {table}")  # noqa: S608  (our own names)


def find_damage(path: Path, on_row: Callable[[int], object]) -> str:
    """Return what is wrong with the ledger as a file, in words; "" where nothing is.

    Raises:
        ForeignLedgerError: it is another program's file, or from a newer version.
        LockedError, StorageError: another program keeps it locked; the disk refuses.

    """
    try:
        if wrong := _torn(path):
            return wrong
        with Rows(path) as ledger:  # brought up to date, where an older version wrote it
            tables = ledger.tables()
            senseless = {each.name: ledger.senseless(each, on_row) for each in tables}
            found = [f"{count:,} rows of {name}" for name, count in senseless.items() if count]
            return f"{', '.join(found)} make no sense" if found else _lacking(tables)
    except ForeignLedgerError as err:
        if looks_like_ours(path):
            return f"its first page: {err}"
        raise
    except LedgerError as err:
        return str(err.__cause__ or err)


def _torn(path: Path) -> str:
    """Return what SQLite finds wrong in the whole file, "" where nothing is; it stays as it is."""
    try:
        with _reading(path) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > LEDGER_FORMAT.version:
                return ""  # what a newer EquiGen wrote isn't ours to judge
            return complaint(db)
    except sqlite3.Error as err:
        found = translated(path, err)
        if not isinstance(found, LedgerError):
            raise found from err
        return str(err)


def _lacking(tables: Sequence[Table]) -> str:
    lacking = sorted({each.name for each in new_tables()} - {each.name for each in tables})
    return f"it has no table {lacking[0]}" if lacking else ""


def new_tables() -> list[Table]:
    """Return the tables of a new ledger."""
    db = sqlite3.connect(":memory:")
    try:
        db.executescript(LEDGER_FORMAT.schema)
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return [_table(db, name) for (name,) in names]
    finally:
        db.close()


def looks_like_ours(path: Path) -> bool:
    """Tell whether a file of another mark has the tables of a ledger of a format that we know."""
    try:
        with _reading(path) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    except sqlite3.Error:
        return False
    return version <= LEDGER_FORMAT.version and {"covers", "albums", "pages", "meta"} <= names


def salvage(
    damaged_file: Path, ledger: Rows, on_row: Callable[[int], object]
) -> Mapping[str, Salvaged]:
    """Bring all rows that can be read and make sense into a new ledger; what came, by table.

    `on_row` gets each number of rows read. Memory holds some rows at a time.

    Raises:
        StorageError: the disk refuses.

    """
    tables = {table.name: table for table in ledger.tables()}
    came = {name: Salvaged() for name in tables}
    if not damaged_file.exists() or not damaged_file.stat().st_size:
        return {name: Salvaged(is_whole=False) for name in tables}
    unread = _salvage(damaged_file, ledger, tables, came, on_row)
    if unread:
        mended = damaged_file.with_name(damaged_file.name + _MENDED)
        try:
            _mend(damaged_file, mended)
            again = {name: tables[name] for name in unread}
            for name in _salvage(mended, ledger, again, came, on_row):
                came[name].is_whole = False
        finally:
            for end in ("", *BESIDE):
                mended.with_name(mended.name + end).unlink(missing_ok=True)
    return came


def _mend(damaged_file: Path, mended: Path) -> None:
    """Copy a file whose first page can't be read, with that of a new ledger.

    Tables begin in the pages where a new ledger's do, unless an older version made the ledger:
    what is read of the wrong table then makes no sense.
    """
    new = mended.with_name(mended.name + ".new")
    try:
        with Rows(new):
            pass
        first = bytearray(new.read_bytes()[:_PAGE_BYTES])
    finally:
        for end in ("", *BESIDE):
            new.with_name(new.name + end).unlink(missing_ok=True)
    first[_CHANGES], first[_LENGTH_HOLDS] = b"\0\0\0\2", b"\0\0\0\1"
    first[_FREE_PAGES] = bytes(8)
    with translating_os_errors(mended):
        shutil.copyfile(damaged_file, mended)
        journal = damaged_file.with_name(damaged_file.name + BESIDE[0])
        if journal.exists():
            shutil.copyfile(journal, mended.with_name(mended.name + BESIDE[0]))
        with mended.open("r+b") as file:
            file.write(first)


def _salvage(
    path: Path,
    ledger: Rows,
    tables: Mapping[str, Table],
    came: Mapping[str, Salvaged],
    on_row: Callable[[int], object],
) -> list[str]:
    """Salvage tables from one file, and return those of which it knows nothing."""
    unread = []
    try:
        with _reading(path) as db:
            for name, table in tables.items():
                try:
                    columns = {column.name for column in _table(db, name).columns}
                except sqlite3.DatabaseError:
                    columns = set()
                if not columns:
                    unread.append(name)
                    continue
                _salvage_table(db, ledger, _Wanted(table, columns), came[name], on_row)
    except sqlite3.DatabaseError:
        return list(tables)
    return unread


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A table, and which of its columns an older format has."""

    table: Table
    there: set[str]

    def select(self) -> str:
        """Return the columns for SQL; what isn't there is what a new row has."""
        return ", ".join(
            column.name if column.name in self.there else _NOTHING.get(column.type, "NULL")
            for column in self.table.columns
        )


_NOTHING: Final = {"TEXT": "''", "INTEGER": "0", "REAL": "0.0", "BLOB": "x''"}


def _salvage_table(
    db: sqlite3.Connection,
    ledger: Rows,
    wanted: _Wanted,
    came: Salvaged,
    on_row: Callable[[int], object],
) -> None:
    table = wanted.table
    makes_sense = sound_rows(table.name, table.columns)
    damaged = DamagedTable(db, table.name, wanted.select(), table.key)
    rows = damaged.rows()
    while some := list(islice(rows, _BATCH)):
        good = [row for row in some if makes_sense(row)]
        came.senseless += len(some) - len(good)
        came.kept += ledger.put(table, good)
        on_row(len(some))
    came.is_whole &= damaged.is_whole and not came.senseless and _is_in_order(db, table.name)


def _is_in_order(db: sqlite3.Connection, table: str) -> bool:
    """Tell whether SQLite finds a table whole: a page of it may hold rows that make sense twice."""
    try:
        return not complaint(db, table)
    except sqlite3.DatabaseError:
        return False


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a damaged file so that as much as possible is read, and nothing of it is written."""
    beside = [path.with_name(path.name + end) for end in BESIDE]
    new = [file for file in beside if not file.exists()]
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        # A file that is shorter than it says is read as well; nothing is written all the same.
        db.execute("PRAGMA writable_schema = ON")
        db.text_factory = lambda text: text.decode(errors="surrogateescape")
        yield db
    finally:
        db.close()
        for file in new:
            file.unlink(missing_ok=True)


def _table(db: sqlite3.Connection, name: str) -> Table:
    found = db.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (name,))
    rows = found.fetchall()
    columns = [Column(str(column), str(kind), bool(must)) for column, kind, must, _ in rows]
    order = [str(column) for column, _, _, pk in sorted(rows, key=lambda row: int(row[3])) if pk]
    with suppress(sqlite3.DatabaseError):
        db.execute(f"SELECT rowid FROM {name} LIMIT 0")  # noqa: S608  (our own names)
        order = ["rowid"]
    return Table(name, tuple(columns), tuple(order))
