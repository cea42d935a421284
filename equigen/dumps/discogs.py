"""The indexes of Discogs' dumps: masters, and what releases know that their masters don't."""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from equigen.dumps.index import Recipe
from equigen.dumps.masters import read_masters
from equigen.dumps.releases import read_releases
from equigen.errors import InputError

_MASTERS = """
CREATE TABLE masters (
    id INTEGER PRIMARY KEY, artist TEXT NOT NULL, title TEXT NOT NULL, year INTEGER NOT NULL,
    genres TEXT NOT NULL, styles TEXT NOT NULL, picture TEXT NOT NULL
)
"""
# Of each master one row of its main release, and one of all others: there the first that knows
# something says it.
_RELEASES = """
CREATE TABLE releases (
    master INTEGER NOT NULL, is_main INTEGER NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    year INTEGER NOT NULL, genres TEXT NOT NULL, styles TEXT NOT NULL, country TEXT NOT NULL,
    formats TEXT NOT NULL, picture TEXT NOT NULL, PRIMARY KEY (master, is_main)
) WITHOUT ROWID
"""
_KNOWN = ("artist", "title", "genres", "styles", "country", "formats", "picture")
_PUT_RELEASE = (
    "INSERT INTO releases SELECT ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE ?2 <> 0"
    " ON CONFLICT DO UPDATE SET year = iif(year, year, excluded.year), "
    + ", ".join(f"{name} = iif({name} = '', excluded.{name}, {name})" for name in _KNOWN)
)


def _fill_masters(
    db: sqlite3.Connection, dump: Path, on_read: Callable[[int], None]
) -> Mapping[str, int]:
    with read_masters(dump, on_read=on_read) as masters:
        for rows in masters:
            db.executemany("INSERT OR IGNORE INTO masters VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    (count,) = db.execute("SELECT count(*) FROM masters").fetchone()
    if not count:
        msg = f"{dump}: expected masters, got none. Get it again: `equigen dumps get masters`."
        raise InputError(msg)
    return {"masters": count, "masters without an id": masters.skipped}


def _fill_releases(
    db: sqlite3.Connection, dump: Path, on_read: Callable[[int], None]
) -> Mapping[str, int]:
    count = 0
    with read_releases(dump, on_read=on_read) as releases:
        for rows in releases:
            db.executemany(_PUT_RELEASE, rows)
            count += len(rows)
    return {"releases": count, "releases without an id": releases.skipped}


MASTERS = Recipe("masters", 1, _MASTERS, _fill_masters)
RELEASES = Recipe("releases", 1, _RELEASES, _fill_releases)
