"""The indexes of MusicBrainz's dump: which master a release group is, and the albums themselves."""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from equigen.dumps.index import Recipe
from equigen.dumps.release_groups import Seen, read_groups, read_links

# Of several release groups of one master an album wins, then the first by its id.
_LINKS = """
CREATE TABLE links (
    master INTEGER PRIMARY KEY, mbid TEXT NOT NULL, is_album INTEGER NOT NULL, year INTEGER NOT NULL
)
"""
_PUT_LINK = """
INSERT INTO links VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
SET mbid = excluded.mbid, is_album = excluded.is_album, year = excluded.year
WHERE (-excluded.is_album, excluded.mbid) < (-is_album, mbid)
"""
_GROUPS = """
CREATE TABLE groups (
    id INTEGER PRIMARY KEY, mbid TEXT NOT NULL UNIQUE, artist TEXT NOT NULL, title TEXT NOT NULL,
    year INTEGER NOT NULL, genres TEXT NOT NULL
)
"""
_PUT_GROUP = (
    "INSERT OR IGNORE INTO groups (mbid, artist, title, year, genres) VALUES (?, ?, ?, ?, ?)"
)


def _fill_links(
    db: sqlite3.Connection, dump: Path, on_read: Callable[[int], None]
) -> Mapping[str, int]:
    seen = Seen()
    for rows in read_links(dump, on_read=on_read, seen=seen):
        db.executemany(_PUT_LINK, rows)
    (count,) = db.execute("SELECT count(*) FROM links").fetchone()
    return {"links to masters": count, "links without an id": seen.skipped}


def _fill_groups(
    db: sqlite3.Connection, dump: Path, on_read: Callable[[int], None]
) -> Mapping[str, int]:
    seen = Seen()
    for rows in read_groups(dump, on_read=on_read, seen=seen):
        db.executemany(_PUT_GROUP, rows)
    (count,) = db.execute("SELECT count(*) FROM groups").fetchone()
    return {"albums": count, "release groups without an id": seen.skipped}


LINKS = Recipe("links", 1, _LINKS, _fill_links)
GROUPS = Recipe("albums", 1, _GROUPS, _fill_groups)
