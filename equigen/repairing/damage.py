"""Find the damage of a ledger, and copy a ledger without its senseless rows.

SQLite notices torn pages, but has no checksum that tells an overwritten value.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Final

from equigen.errors import ForeignLedgerError, LedgerError
from equigen.images.descriptor import VIEW
from equigen.ledger.database import BESIDE, complaint, connect, refuse_newer, translated
from equigen.ledger.ledger import COVERS_COMPARED, Ledger
from equigen.ledger.models import BROKEN, FAILED, MISSING, OK, REFUSED, is_cover_path, read_moment
from equigen.ledger.tables import VERSION
from equigen.ledger.values import READERS
from equigen.schema import ASIDE, SETS, TAKEN_COLUMNS, Listing

# Of ledgers made before `artist_ids`, before `labels`, before ids of other sources, and since.
_LISTING_FIELDS = (9, 10, len(fields(Listing)))
_CELLS = (11, 12, 13, len(TAKEN_COLUMNS))
_MEMENTO_BYTES = 12


def find_damage(path: Path) -> str:
    """Return the damage of a ledger in words, "" where there is none.

    Raises:
        ForeignLedgerError: it is another program's file, or from a newer version.
        LockedError, StorageError: another program keeps it locked; the disk refuses.

    """
    try:
        if wrong := _torn(path):
            return wrong
        with Ledger(path):  # refuses other files; an older format is brought up to date
            pass
        with _reading(path) as db:
            count = "SELECT count(*) FROM {} WHERE NOT {}"
            counts = {
                name: _number(db, count.format(name, _sense(db, name))) for name in _there(db)
            }
            if any(counts.values()):
                said = [f"{number:,} rows of {name}" for name, number in counts.items() if number]
                return f"{', '.join(said)} make no sense"
            return _lacking(db)
    except ForeignLedgerError as err:
        if _looks_like_ours(path):
            return f"its first page: {err}"
        raise
    except LedgerError as err:
        return str(err.__cause__ or err)
    except sqlite3.Error as err:  # a table lacks a column
        if not isinstance(found := translated(path, err), LedgerError):
            raise found from err
        return str(err)


def copy_sound(source: Path, target: Path) -> dict[str, int] | None:
    """Copy the rows of a ledger that make sense to a new file; return how many, by table.

    Return None where the source isn't whole: nothing can be copied then.

    Raises:
        ForeignLedgerError: it is from a newer version.
        StorageError: the disk refuses.

    """
    refuse_newer(source, _version(source))
    try:
        with _reading(source) as db, closing(sqlite3.connect(target)) as new:
            db.backup(new)
        if _torn(target):
            return None
        with Ledger(target):  # an older format is brought up to date
            pass
        with closing(sqlite3.connect(target)) as db, db:
            if _lacking(db):
                return None
            _add_functions(db)
            _remove_senseless(db)
            return {name: _number(db, f"SELECT count(*) FROM {name}") for name in _TABLES}  # noqa: S608  (our own names)
    except sqlite3.Error as err:
        found = translated(target if target.exists() else source, err)
        if not isinstance(found, LedgerError):
            raise found from err
    except LedgerError:
        pass
    return None


def _remove_senseless(db: sqlite3.Connection) -> None:
    """Delete the rows that make no sense, and tables that mislead once some of them are lost."""
    lost = {
        name
        for name in _TABLES
        if db.execute(f"DELETE FROM {name} WHERE NOT {_sense(db, name)}").rowcount  # noqa: S608  (our own names)
    }
    db.execute("DELETE FROM files WHERE picture NOT IN (SELECT picture FROM covers)")
    if "albums" in lost:  # asked for again, the pages bring the lost albums
        db.execute("DELETE FROM pages")
        db.execute("DELETE FROM crawl")
    if lost & {"looks", "pairs", "alike"}:
        for name in ("pairs", "alike"):
            db.execute(f"DELETE FROM {name}")  # noqa: S608  (our own names)
        db.execute("DELETE FROM meta WHERE key = ?", (COVERS_COMPARED,))


def _torn(path: Path) -> str:
    """Return the first thing that SQLite finds wrong in a file, "" where nothing is."""
    if _version(path) > VERSION:
        return ""  # opening it says that it is from a newer version
    try:
        with _reading(path) as db:
            return complaint(db)
    except sqlite3.Error as err:
        found = translated(path, err)
        if not isinstance(found, LedgerError):
            raise found from err
        return str(err)


def _version(path: Path) -> int:
    """Return the format of a ledger, 0 where it can't be read."""
    try:
        with _reading(path) as db:
            return _number(db, "PRAGMA user_version")
    except sqlite3.Error:
        return 0


def _looks_like_ours(path: Path) -> bool:
    """Tell whether a file without a ledger's mark has a ledger's tables."""
    try:
        with _reading(path) as db:
            has_tables = len(_there(db)) > len(_TABLES) / 2
        return has_tables and _version(path) <= VERSION
    except sqlite3.Error:
        return False


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file for reading; neither it nor the journal beside it is changed."""
    beside = [path.with_name(path.name + end) for end in BESIDE]
    new = [file for file in beside if not file.exists()]
    try:
        with closing(connect(path, "ro")) as db:
            _add_functions(db)
            yield db
    finally:
        for file in new:
            file.unlink(missing_ok=True)


def _number(db: sqlite3.Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0])


def _there(db: sqlite3.Connection) -> list[str]:
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return [name for name in _TABLES if name in names]


def _lacking(db: sqlite3.Connection) -> str:
    lacking = sorted({*_TABLES} - {*_there(db)})
    return f"it has no table {lacking[0]}" if lacking else ""


def _sense(db: sqlite3.Connection, table: str) -> str:
    """Return the SQL condition of the rows of a table that make sense."""
    columns = db.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
    kinds = [f"({name} IS NULL OR {_KINDS[kind].format(name)})" for name, kind in columns]
    texts = " || char(10) || ".join(
        f"ifnull({name}, '')" for name, kind in columns if kind == "TEXT"
    )
    if texts:
        kinds.append(f"is_text(CAST({texts} AS BLOB))")
    return f"ifnull({' AND '.join([*kinds, f'({_TABLES[table]})'])}, 0)"


def _is_meta(key: str, value: str) -> bool:
    if value and key in READERS:
        READERS[key](value)
    return bool(re.fullmatch(r"[a-z_]+", key))


def _are_texts(text: str) -> bool:
    found = json.loads(text)
    return isinstance(found, list) and all(isinstance(each, str) for each in found)


def _are_cells(text: str) -> bool:
    return _are_texts(text) and len(json.loads(text)) in _CELLS


def _are_leads(text: str) -> bool:
    found = json.loads(text)
    return isinstance(found, list) and all(each and _are_texts(json.dumps(each)) for each in found)


def _are_listings(text: str, rows_left: str) -> bool:
    found = json.loads(text)
    fit = (isinstance(each, list) and len(each) in _LISTING_FIELDS for each in found)
    return isinstance(found, list) and all(fit) and int(rows_left) <= len(found)


_FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = {
    "is_text": lambda _text: True,
    "is_path": is_cover_path,
    "is_moment": datetime.fromisoformat,
    "is_zoned": read_moment,
    "is_meta": _is_meta,
    "are_texts": _are_texts,
    "are_cells": _are_cells,
    "are_leads": _are_leads,
    "are_listings": _are_listings,
    "is_listing": lambda text: _are_listings(f"[{text}]", "0"),
}


def _add_functions(db: sqlite3.Connection) -> None:
    """Let SQL call the functions above; they get bytes, as SQLite's texts may be no UTF-8."""
    for name, function in _FUNCTIONS.items():

        def holds(*values: bytes, function: Callable[..., object] = function) -> bool:
            try:
                texts = [value.decode() for value in values]
                return not any("\0" in text for text in texts) and bool(function(*texts))
            except (ValueError, TypeError, AttributeError):
                return False

        db.create_function(name, -1, holds, deterministic=True)


def _calls(function: str, *columns: str) -> str:
    return f"{function}({', '.join(f'CAST({column} AS BLOB)' for column in columns)})"


def _is_hex(column: str, digits: int) -> str:
    return f"length({column}) = {digits} AND {column} NOT GLOB '*[^0-9a-f]*'"


def _is_one_of(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(map(repr, values))})"


_KINDS: Final = {
    "TEXT": "typeof({0}) = 'text'",
    "INTEGER": "typeof({0}) = 'integer' AND {0} >= 0",
    "REAL": "typeof({0}) IN ('real', 'integer') AND abs({0}) < 1e300",
    "BLOB": "typeof({0}) = 'blob'",
}
_IN_A_SET = _is_one_of("set_name", *SETS, ASIDE)
# The ledger's tables, each with the SQL condition of a row that makes sense.
_TABLES: Final[Mapping[str, str]] = {
    "meta": _calls("is_meta", "key", "value"),
    "pages": f"{_calls('is_moment', 'asked_at')} AND {_calls('are_texts', 'ids')} AND "
    + _calls("are_listings", "ifnull(listings, '[]')", "rows_left"),
    "crawl": f"{_calls('is_zoned', 'asked_at')} AND {_calls('are_leads', 'leads')} AND "
    + _calls("are_listings", "listings", "0")
    + " AND used IN (0, 1)",
    "albums": f"cells IS NULL OR {_calls('are_cells', 'cells')}",
    "additions": _calls("is_listing", "listing"),
    "covers": f"{_is_one_of('status', OK, MISSING, REFUSED, BROKEN, FAILED)}"
    f" AND (phash = '' OR {_is_hex('phash', 16)})"
    " AND (rendering GLOB 'original*' OR rendering GLOB '[0-9]* [cpis]*')"
    f" AND (status <> '{OK}' OR {_is_hex('sha256', 64)}"
    " AND (fetched_at = '' OR datetime(fetched_at) IS NOT NULL))",
    "files": _calls("is_path", "path"),
    "renewals": "1",
    "looks": f"{_is_hex('sha256', 64)} AND length(look) % {VIEW.itemsize} = 0",
    "sets": f"{_calls('is_path', 'path')} AND {_IN_A_SET}",
    "placements": f"{_IN_A_SET} AND {_calls('are_texts', 'ties')}",
    "pairs": f"{_is_hex('first', 64)} AND {_is_hex('second', 64)} AND is_alike IN (0, 1)",
    "alike": f"{_is_hex('sha256', 64)} AND {_is_hex('group_name', 64)}",
    "balanced": f"length(album) = {_MEMENTO_BYTES}",
    "requests": "date(day, '+0 days') IS day",
    "rests": f"{_calls('is_zoned', 'since')} AND {_calls('is_zoned', 'until')}",
    "ratings": f"{_calls('is_zoned', 'asked_at')} AND ifnull(rating_average, 1) BETWEEN 0 AND 5",
}
