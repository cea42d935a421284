"""Indexes of dumps: one SQLite file beside each dump, made once and then read by every run."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from equigen.dataset.context import Context
from equigen.dumps.archives import DumpCounts, stamp_of
from equigen.dumps.discogs import read_masters, read_releases
from equigen.dumps.musicbrainz import read_groups, read_links
from equigen.errors import ForeignLedgerError, StorageError
from equigen.ledger.database import connect
from equigen.schema import split_list
from equigen.storage.atomic import in_place_of
from equigen.storage.lock import dataset_lock

_FACTS = "facts"
_NAMED_UNREAD = 10
_MOST_STAMPS = 10
_ANEW = "Move it away, then run the same command again: it is made anew from its dump."
# The stamp holds the dump's size and time: others mean another dump.
_STAMP = "CREATE TABLE stamp (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
# No journal is needed: the file is read once it is whole, and thrown away otherwise.
_UNGUARDED = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536"

_MASTERS = """
CREATE TABLE masters (
    id INTEGER PRIMARY KEY, artist TEXT NOT NULL, title TEXT NOT NULL, year INTEGER NOT NULL,
    genres TEXT NOT NULL, styles TEXT NOT NULL, picture TEXT NOT NULL, artist_ids TEXT NOT NULL
)
"""
_PUT_MASTER = "INSERT OR IGNORE INTO masters VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
# A master has one row of its main release, and one that joins all others: of those, the first that
# knows a field fills it.
_RELEASES = """
CREATE TABLE releases (
    master INTEGER NOT NULL, is_main INTEGER NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    year INTEGER NOT NULL, genres TEXT NOT NULL, styles TEXT NOT NULL, country TEXT NOT NULL,
    formats TEXT NOT NULL, picture TEXT NOT NULL, artist_ids TEXT NOT NULL,
    PRIMARY KEY (master, is_main)
) WITHOUT ROWID
"""
_KNOWN = ("artist", "title", "genres", "styles", "country", "formats", "picture", "artist_ids")
_PUT_RELEASE = (
    "INSERT INTO releases SELECT ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 WHERE ?2 <> 0"
    " ON CONFLICT DO UPDATE SET year = iif(year, year, excluded.year), "
    + ", ".join(f"{name} = iif({name} = '', excluded.{name}, {name})" for name in _KNOWN)
)
# Of several release groups of one master, an album wins, then the lowest id.
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
    year INTEGER NOT NULL, genres TEXT NOT NULL, artist_ids TEXT NOT NULL,
    also_known_as TEXT NOT NULL
)
"""
_PUT_GROUP = (
    "INSERT OR IGNORE INTO groups (mbid, artist, title, year, genres, artist_ids, also_known_as)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class IndexKind:
    """The making of one kind of index.

    `name` tells it from other indexes of the same dump; `version` grows with each change of its
    content. `read(*files, counts=...)` yields batches of rows; the statement `insert` puts each row
    into the table of `schema`. `rows` and `skipped` are the names in `facts_of` of the rows read
    and of the records without an id.
    """

    name: str
    version: int
    schema: str
    insert: str
    read: Callable[..., Iterable[Iterable[tuple[object, ...]]]]
    rows: str
    skipped: str


def added(name: str) -> str:
    """Return the SQL that adds a value to a list of the table's row, unless that has it."""
    is_there = f"instr('|' || {name} || '|', '|' || excluded.{name} || '|')"
    return f"{name} = iif({is_there}, {name}, {name} || '|' || excluded.{name})"


def values_in(cell: str) -> tuple[str, ...]:
    """Return each value of a list that `added` made once."""
    return tuple(dict.fromkeys(filter(None, split_list(cell))))


def index_of(dump: Path, kind: IndexKind, context: Context, *, files: Sequence[Path] = ()) -> Path:
    """Return the index of a dump, made anew where there is none or the dump has changed.

    Where there are `files`, the index is made of these, and lies beside `dump`. A run that is
    killed while it makes one leaves none; nothing is resumed.

    Raises:
        MissingInputError, InputError: there is no dump, or it is damaged.
        LockedError: another run makes this index.
        StorageError: the disk refuses.

    """
    files = files or (dump,)
    index, stamp = index_path(dump, kind), _stamp(files, kind)
    if _known_stamp(index) == stamp:
        return index
    # Each index has a lock of its own, so that other indexes and downloads go on meanwhile.
    lock = f".{index.name}.lock"
    with dataset_lock(dump.parent, stage="fetch", now=context.now(), name=lock):
        if _known_stamp(index) != stamp:  # another run may have been faster
            _make(dump, files, kind, context, stamp)
    return index


def has_index(dump: Path, kind: IndexKind, files: Sequence[Path] = ()) -> bool:
    """Tell whether a dump's index is there, so that `index_of` needs no time."""
    return _known_stamp(index_path(dump, kind)) == _stamp(files or (dump,), kind)


def index_path(dump: Path, kind: IndexKind) -> Path:
    """Return the place of a dump's index, which needn't be there."""
    return dump.with_name(f"{dump.name}.{kind.name}.sqlite")


def facts_of(index: Path) -> Mapping[str, int]:
    """Return the counts by name that were taken while the index was made."""
    with reading(index) as db:
        (facts,) = db.execute("SELECT value FROM stamp WHERE key = ?", (_FACTS,)).fetchone()
    return dict(json.loads(facts))


@contextmanager
def reading(*indexes: Path) -> Iterator[sqlite3.Connection]:
    """Open indexes for reading, attached as the databases `a`, `b`, `c` ... in their order.

    Raises:
        StorageError: one can't be read.

    """
    opened = sqlite3.connect("", isolation_level=None, uri=True)
    with _translated(indexes[0]), closing(opened) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        for at, index in enumerate(indexes):
            _opened(index).close()  # which refuses one that isn't ours
            db.execute(f"ATTACH ? AS {chr(ord('a') + at)}", (_read_only(index),))
        yield db


def _make(
    dump: Path, files: Sequence[Path], kind: IndexKind, context: Context, stamp: Mapping[str, str]
) -> None:
    index, size_bytes = index_path(dump, kind), int(stamp["bytes"])
    with (
        in_place_of(index, keeps_link=False) as beside,
        context.bar(f"read {kind.name}", size_bytes, "B") as bar,
    ):
        beside.unlink(missing_ok=True)  # of a run that was killed
        with _translated(index), closing(sqlite3.connect(beside, isolation_level=None)) as db:
            db.executescript(f"{_UNGUARDED}; {_STAMP}; {kind.schema}")
            db.execute("BEGIN")
            counts = DumpCounts()
            shown_bytes = 0
            for rows in kind.read(*files, counts=counts):
                db.executemany(kind.insert, rows)
                bar.advance(counts.read_bytes - shown_bytes)
                shown_bytes = counts.read_bytes
            facts = {kind.rows: counts.rows, kind.skipped: counts.skipped}
            if counts.unread:
                names = [name for name, _ in counts.unread[:_NAMED_UNREAD]]
                names += ["..."] if len(counts.unread) > _NAMED_UNREAD else []
                unread = f"that can't be read and are left out ({', '.join(names)})"
                facts[f"records of {dump.name} {unread}"] = len(counts.unread)
            noted = {**stamp, _FACTS: json.dumps(facts)}
            db.executemany("INSERT INTO stamp VALUES (?, ?)", noted.items())
            db.execute("COMMIT")


def _stamp(files: Sequence[Path], kind: IndexKind) -> dict[str, str]:
    try:
        stats = [file.stat() for file in files]
    except OSError:
        return {"bytes": "0"}  # the reader of the dump raises the error
    version = f"{kind.name} {kind.version}"
    file = stamp_of(stats[0])
    if len(files) > 1:
        told = "".join(
            f"{file}\0{stamp_of(stat)}\0" for file, stat in zip(files, stats, strict=True)
        )
        file = hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()
    size_bytes = sum(stat.st_size for stat in stats)
    return {"bytes": str(size_bytes), "file": file, "made as": version}


def _known_stamp(index: Path) -> dict[str, str]:
    try:
        with closing(_opened(index)) as db:
            rows = db.execute("SELECT key, value FROM stamp LIMIT ?", (_MOST_STAMPS,))
            known = dict(rows.fetchall())
    except sqlite3.Error:  # none, or a damaged one: it is made anew
        return {}
    return known if known.pop(_FACTS, "") else {}


def _opened(index: Path) -> sqlite3.Connection:
    """Open an index for reading.

    Raises:
        StorageError: it isn't ours, and may bring code.
        sqlite3.Error: it can't be opened.

    """
    try:
        return connect(index, "ro", name="index", advice=_ANEW)
    except ForeignLedgerError as err:
        raise StorageError(str(err)) from None


def _read_only(index: Path) -> str:
    return f"{index.resolve().as_uri()}?mode=ro"


@contextmanager
def _translated(index: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as err:
        msg = (
            f"{index}: this index of a dump can't be used: {err}. Expected room on the disk and a"
            " file that can be read. Make room or remove the index, then run again."
        )
        raise StorageError(msg) from err


MASTERS = IndexKind(
    "masters", 2, _MASTERS, _PUT_MASTER, read_masters, "masters", "masters without an id"
)
RELEASES = IndexKind(
    "releases", 2, _RELEASES, _PUT_RELEASE, read_releases, "releases", "releases without an id"
)
LINKS = IndexKind(
    "links", 1, _LINKS, _PUT_LINK, read_links, "links to masters", "links without an id"
)
GROUPS = IndexKind(
    "albums", 3, _GROUPS, _PUT_GROUP, read_groups, "albums", "release groups without an id"
)
