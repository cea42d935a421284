"""Datasets as earlier versions left them: their ledgers are written by the SQL of their formats."""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from support import make_context

from equigen.dataset.covers import dataset_covers
from equigen.ledger.ledger import Ledger

# The tables of format 5, which are in use since covers are compared and hosts rest.
FORMAT_5 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (
    query TEXT NOT NULL, page INTEGER NOT NULL, year INTEGER NOT NULL,
    items INTEGER NOT NULL, pages INTEGER NOT NULL, listings TEXT, others INTEGER NOT NULL,
    rows_left INTEGER NOT NULL, asked_at TEXT NOT NULL, asks INTEGER NOT NULL DEFAULT 1,
    ids TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (query, page)
) WITHOUT ROWID;
CREATE TABLE albums (
    seq INTEGER PRIMARY KEY, album_id TEXT NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    picture TEXT NOT NULL, genre TEXT NOT NULL, album_index INTEGER NOT NULL, cells TEXT
);
CREATE TABLE covers (
    path TEXT PRIMARY KEY, picture TEXT NOT NULL, url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX covers_by_picture ON covers (picture);
CREATE TABLE renewals (url TEXT PRIMARY KEY, new_url TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE looks (
    seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, look BLOB NOT NULL
);
CREATE TABLE sets (path TEXT PRIMARY KEY, set_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE placements (
    seq INTEGER PRIMARY KEY, album TEXT NOT NULL UNIQUE, set_name TEXT NOT NULL, ties TEXT NOT NULL
);
CREATE TABLE pairs (
    first TEXT NOT NULL, second TEXT NOT NULL, distance INTEGER NOT NULL, likeness REAL NOT NULL,
    is_alike INTEGER NOT NULL, PRIMARY KEY (first, second)
) WITHOUT ROWID;
CREATE TABLE alike (sha256 TEXT PRIMARY KEY, group_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE balanced (album BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE requests (
    host TEXT NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (host, day)
) WITHOUT ROWID;
CREATE TABLE rests (
    host TEXT PRIMARY KEY, since TEXT NOT NULL, until TEXT NOT NULL, times INTEGER NOT NULL,
    why TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = 0x45714733;
PRAGMA user_version = 5;
"""
_AS_TODAY = (
    "meta", "pages", "albums", "renewals", "looks", "pairs", "alike", "balanced", "requests",
    "rests",
)  # fmt: skip
_COVER_COLUMNS = (
    "path", "picture", "url", "status", "reason", "http_status", "tries", "size_bytes", "width_px",
    "height_px", "sha256", "fetched_at", "final_url", "rendering", "etag", "last_modified",
    "phash", "failures",
)  # fmt: skip


def make_format_5(folder: Path) -> None:
    """Write a dataset's ledger as format 5 had it.

    It knew covers by the paths of their files, also those that could not be had, sets by the same,
    and albums without an id by the names of their files.
    """
    context = make_context(folder)
    rows = list(dataset_covers(context))
    paths: dict[str, list[str]] = {}
    for row in rows:
        paths.setdefault(row.picture, []).append(row.path)
    names = {row.album: PurePosixPath(row.path).stem for row in rows if not row.album_id}
    with Ledger(context.ledger) as ledger:
        covers, laid_out, dealt = ledger.covers(), ledger.laid_out(), ledger.placements()
        paths |= ledger.files_of(covers)
    old = context.ledger.with_name("format-5.sqlite")
    with closing(sqlite3.connect(old)) as db, db:
        db.executescript(FORMAT_5)
        db.execute("ATTACH ? AS today", (str(context.ledger),))
        for table in _AS_TODAY:
            db.execute(f"INSERT INTO {table} SELECT * FROM today.{table}")  # noqa: S608  (our own names)
        db.executemany(
            f"INSERT INTO covers VALUES ({', '.join(f':{name}' for name in _COVER_COLUMNS)})",  # noqa: S608  (our own names)
            ({**asdict(cover), "path": path} for cover in covers.values()
             for path in paths[cover.picture]),
        )  # fmt: skip
        db.executemany("INSERT INTO sets VALUES (?, ?)", laid_out.items())
        db.executemany(
            "INSERT INTO placements (album, set_name, ties) VALUES (?, ?, ?)",
            ((names.get(each.album, each.album), each.set_name, json.dumps(each.ties))
             for each in dealt),
        )  # fmt: skip
    old.replace(context.ledger)
