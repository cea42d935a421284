"""The ledger: one SQLite file beside the TSV that remembers what was done, across all stops.

Which result pages were asked for and how far they are used, which albums were ever taken, what
became of each cover, which set each is in, and how many requests each host got today. Every
method is one transaction: a killed process leaves it done or not done.
"""

import json
import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from equigen.database import Database, Format
from equigen.rules.selection import Identity
from equigen.schema import COLUMNS, Album, Listing

_NOTHING: Mapping[str, bytes] = {}
LEDGER_NAME = "equigen_ledger.sqlite"
# How covers last got into their sets, under the key of `Ledger.value`; "move" took them away.
SPLIT_LINK = "split_link"
# What the last split found of groups too large for a set, as JSON (`stages/split.py`).
SPLIT_GROUPS = "split_groups"
# When a fetch, and when a refresh, last got all that there was: UTC in ISO 8601.
LAST_FETCH = "last_fetch"
LAST_REFRESH = "last_refresh"
# Only while a refresh is under way: the queries that it asks again, as JSON.
REFRESHING = "refreshing"
# Only while a download is under way, or after one that was killed.
DOWNLOADING = "downloading"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE pages (
    query TEXT NOT NULL, page INTEGER NOT NULL, year INTEGER NOT NULL,
    items INTEGER NOT NULL, pages INTEGER NOT NULL,
    listings TEXT,              -- JSON, NULL once all are used
    others INTEGER NOT NULL, rows_left INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    PRIMARY KEY (query, page)
) WITHOUT ROWID;
CREATE TABLE albums (
    seq INTEGER PRIMARY KEY, album_id TEXT NOT NULL, artist TEXT NOT NULL, title TEXT NOT NULL,
    picture TEXT NOT NULL, genre TEXT NOT NULL, album_index INTEGER NOT NULL,
    cells TEXT                  -- JSON, NULL once the row is in the TSV
);
CREATE TABLE covers (
    path TEXT PRIMARY KEY, picture TEXT NOT NULL, url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX covers_by_picture ON covers (picture);
CREATE TABLE looks (
    seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE,
    look BLOB NOT NULL          -- its views (looks.py), empty where the file is no picture
);
CREATE TABLE sets (path TEXT PRIMARY KEY, set_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE placements (
    seq INTEGER PRIMARY KEY, album TEXT NOT NULL UNIQUE, set_name TEXT NOT NULL,
    ties TEXT NOT NULL          -- JSON: what it shares with others of its set
);
CREATE TABLE pairs (
    first TEXT NOT NULL, second TEXT NOT NULL,      -- sha256 of the files
    distance INTEGER NOT NULL, likeness REAL NOT NULL, is_alike INTEGER NOT NULL,
    PRIMARY KEY (first, second)
) WITHOUT ROWID;
CREATE TABLE alike (sha256 TEXT PRIMARY KEY, group_name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (
    host TEXT NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (host, day)
) WITHOUT ROWID;
"""
# What brings a ledger of each earlier format to the next one, by the format it comes from.
_MIGRATIONS = {
    1: """
ALTER TABLE covers ADD COLUMN final_url TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN rendering TEXT NOT NULL DEFAULT 'original';
ALTER TABLE covers ADD COLUMN etag TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN last_modified TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN phash TEXT NOT NULL DEFAULT '';
ALTER TABLE covers ADD COLUMN grey BLOB NOT NULL DEFAULT x'';
""",
    2: """
CREATE TABLE placements (
    seq INTEGER PRIMARY KEY, album TEXT NOT NULL UNIQUE, set_name TEXT NOT NULL,
    ties TEXT NOT NULL          -- JSON: what it shares with others of its set
);
""",
    3: """
CREATE TABLE covers_anew (
    path TEXT PRIMARY KEY, picture TEXT NOT NULL, url TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, http_status INTEGER NOT NULL,
    tries INTEGER NOT NULL, size_bytes INTEGER NOT NULL, width_px INTEGER NOT NULL,
    height_px INTEGER NOT NULL, sha256 TEXT NOT NULL, fetched_at TEXT NOT NULL,
    final_url TEXT NOT NULL, rendering TEXT NOT NULL, etag TEXT NOT NULL,
    last_modified TEXT NOT NULL, phash TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO covers_anew SELECT path, picture, url, status, reason, http_status, tries, size_bytes,
    width_px, height_px, sha256, fetched_at, final_url, rendering, etag, last_modified, phash
    FROM covers;
DROP TABLE covers;
ALTER TABLE covers_anew RENAME TO covers;
CREATE INDEX covers_by_picture ON covers (picture);
CREATE TABLE looks (
    seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE,
    look BLOB NOT NULL          -- its views (looks.py), empty where the file is no picture
);
CREATE TABLE pairs (
    first TEXT NOT NULL, second TEXT NOT NULL,      -- sha256 of the files
    distance INTEGER NOT NULL, likeness REAL NOT NULL, is_alike INTEGER NOT NULL,
    PRIMARY KEY (first, second)
) WITHOUT ROWID;
CREATE TABLE alike (sha256 TEXT PRIMARY KEY, group_name TEXT NOT NULL) WITHOUT ROWID;
""",
}

_FORMAT = Format(
    application_id=0x45714733,  # "EqG3", to tell a ledger from any other SQLite file
    version=4,
    schema=_SCHEMA,
    migrations=_MIGRATIONS,
)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A result page as it came: its listings, and how many of them, from the end, are unused.

    `items` and `pages` are what the page said of its whole query; `others` counts results that
    are no albums. `listings` is empty once nothing is left to use. `begun` tells that some rows
    were used and some are left.
    """

    query: str
    page: int
    year: int
    items: int
    pages: int
    listings: tuple[Listing, ...]
    others: int
    rows_left: int
    begun: bool = False


class PageUse(NamedTuple):
    """How far a page is used: so many rows, from the end, are left."""

    query: str
    page: int
    rows_left: int


@dataclass(frozen=True, slots=True)
class Cover:
    """What became of one album's cover.

    `path` is below the images folder, with slashes. `status` is "ok", "missing" (the host has
    none), "refused" (not a picture the dataset takes), "broken" (it doesn't decode) or "failed"
    (trying again can help); `reason` says why. `http_status` is 0 where no answer came. What is
    known of the file is 0 or "" for all but "ok". `fetched_at` is UTC in ISO 8601. `final_url` is
    where the redirects led; `rendering` says how the files were made; `etag` and `last_modified`
    are the host's. `phash` is 16 hex digits (`phash.py`), empty where nothing was decoded.
    """

    path: str
    picture: str
    url: str
    status: str
    reason: str = ""
    http_status: int = 0
    tries: int = 1
    size_bytes: int = 0
    width_px: int = 0
    height_px: int = 0
    sha256: str = ""
    fetched_at: str = ""
    final_url: str = ""
    rendering: str = "original"
    etag: str = ""
    last_modified: str = ""
    phash: str = ""


class CoverState(NamedTuple):
    """How a cover ended, and how large it is."""

    path: str
    status: str
    reason: str
    size_bytes: int


class CoverSize(NamedTuple):
    """What tells whether a cover is still there: -1 bytes where it never was."""

    path: str
    size_bytes: int
    rendering: str


@dataclass(frozen=True, slots=True)
class Taken:
    """An album that was taken at some time; `pending` where its row isn't in the TSV yet.

    `year` is the cell of a pending row, else "".
    """

    identity: Identity
    album_index: int
    pending: bool
    year: str


@dataclass(frozen=True, slots=True)
class PendingRow:
    """The cells of an album that was taken but isn't in the TSV yet, in the schema's order."""

    seq: int
    album_id: str
    cells: tuple[str, ...]


class StoredLook(NamedTuple):
    """How a file looks (`looks.read_look`), by its sha256 (hex); b"" where it is no picture."""

    sha256: str
    look: bytes


class CoverPair(NamedTuple):
    """Two covers that were compared, by the sha256 (hex) of their files, `first` before `second`.

    `distance` is in how many bits their hashes differ, `likeness` how alike their pixels are: 1
    where nothing differs.
    """

    first: str
    second: str
    distance: int
    likeness: float
    is_alike: bool = True


class Digest(NamedTuple):
    """A file's size in bytes, and its SHA-256 (hex)."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an album was dealt, a set or "aside", and its ties (`rules/grouping.py`).

    `album` is its id, or where it has none the name of its cover's file, without folder and suffix.
    """

    album: str
    set_name: str
    ties: tuple[str, ...]


class Ledger(Database):
    """An open ledger; may be used from several threads. Close it, or use it as a context."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the ledger at `path`; a missing one is made, unless it is only to be read.

        One that an older version wrote is brought up to date.

        Raises:
            LedgerError: it is from a newer version, damaged, or not a ledger at all.

        """
        super().__init__(path, _FORMAT, read_only=read_only)

    # Pages

    def page_extents(self) -> Iterator[StoredPage]:
        """Yield all pages that were asked for, without their listings."""
        sql = (
            "SELECT query, page, year, items, pages, others, rows_left,"
            " rows_left AND rows_left < json_array_length(listings) FROM pages"
        )
        with self._rows(sql) as rows:
            for query, page, year, items, pages, others, rows_left, begun in rows:
                yield StoredPage(
                    query, page, year, items, pages, (), others, rows_left, bool(begun)
                )

    def listings(self, query: str, page: int) -> list[Listing]:
        """Return the listings of a page that are not used yet, in their order."""
        sql = "SELECT listings, rows_left FROM pages WHERE query = ? AND page = ?"
        with self._rows(sql, (query, page)) as rows:
            for listings, rows_left in rows:
                if listings and rows_left:
                    return [_listing(item) for item in json.loads(listings)[-rows_left:]]
        return []

    def store_page(self, page: StoredPage, *, asked_at: str) -> None:
        """Keep an answer until it is used, so that it is never asked for again."""
        listings = json.dumps([list(asdict(item).values()) for item in page.listings])
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO pages VALUES (?,?,?,?,?,?,?,?,?)",
                (page.query, page.page, page.year, page.items, page.pages, listings,
                 page.others, page.rows_left, asked_at),
            )  # fmt: skip

    def use_pages(
        self, uses: Iterable[PageUse], *, taken: Iterable[tuple[Album, Identity]]
    ) -> None:
        """Take albums, in order, from pages and note how far these are used, all or nothing."""
        rows = [
            (who.album_id, who.artist, who.title, who.picture, who.genre, album.album_index,
             json.dumps(album.cells()))
            for album, who in taken
        ]  # fmt: skip
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO albums (album_id, artist, title, picture, genre, album_index, cells)"
                " VALUES (?,?,?,?,?,?,?)",
                rows,
            )
            db.executemany(
                "UPDATE pages SET rows_left = ?3, listings = iif(?3, listings, NULL)"
                " WHERE query = ?1 AND page = ?2",
                uses,
            )

    def start_refresh(self, queries: Iterable[str]) -> None:
        """Let the pages of these queries, and of their slices, be asked for again, once.

        A slice's name starts as its query's does, but for the end. What a refresh that was cut off
        asked for already stays: it goes on instead.
        """
        with self._transaction() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (REFRESHING,)).fetchone()
            under_way = set(json.loads(row[0])) if row else set()
            new = set(queries) - under_way
            starts = [(query.rstrip("]"),) for query in sorted(new)]
            db.executemany("DELETE FROM pages WHERE substr(query, 1, length(?1)) = ?1", starts)
            value = json.dumps(sorted(under_way | new))
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (REFRESHING, value))

    def end_fetch(self, *, ended_at: str) -> None:
        """Note that all pages are there; a refresh that was under way has ended with it."""
        with self._transaction() as db:
            ended = db.execute("DELETE FROM meta WHERE key = ?", (REFRESHING,)).rowcount
            keys = (LAST_FETCH, LAST_REFRESH) if ended else (LAST_FETCH,)
            rows = [(key, ended_at) for key in keys]
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    # Albums

    def taken(self) -> Iterator[Taken]:
        """Yield all albums ever taken, in the order in which they were."""
        sql = (
            "SELECT album_id, artist, title, picture, genre, album_index, cells IS NOT NULL,"
            " ifnull(json_extract(cells, ?), '') FROM albums ORDER BY seq"
        )
        with self._rows(sql, (f"$[{COLUMNS.index('year')}]",)) as rows:
            for *identity, album_index, pending, year in rows:
                yield Taken(Identity(*identity), album_index, bool(pending), year)

    def pending_rows(self) -> list[PendingRow]:
        """Return the albums whose rows are not in the TSV yet, in order."""
        sql = "SELECT seq, album_id, cells FROM albums WHERE cells IS NOT NULL ORDER BY seq"
        with self._rows(sql) as rows:
            return [PendingRow(seq, album_id, tuple(json.loads(c))) for seq, album_id, c in rows]

    def mark_written(self, rows: Iterable[PendingRow]) -> None:
        """Note that these rows are in the TSV now."""
        with self._transaction() as db:
            db.executemany("UPDATE albums SET cells = NULL WHERE seq = ?", [(r.seq,) for r in rows])

    # Covers and sets

    def covers(self) -> dict[str, Cover]:
        """Return what is known of each cover, by its path."""
        with self._rows(f"SELECT {_COVER_COLUMNS} FROM covers ORDER BY path") as rows:  # noqa: S608  (our own column names)
            return {row[0]: Cover(*row) for row in rows}

    def cover_sizes(self) -> Iterator[CoverSize]:
        """Yield what tells whether each cover is still there."""
        sql = "SELECT path, iif(status = 'ok', size_bytes, -1), rendering FROM covers"
        with self._rows(sql) as rows:
            yield from map(CoverSize._make, rows)

    def cover_states(self) -> Iterator[CoverState]:
        """Yield how each cover ended."""
        with self._rows("SELECT path, status, reason, size_bytes FROM covers") as rows:
            yield from map(CoverState._make, rows)

    def covers_at(self, paths: Iterable[str]) -> dict[str, Cover]:
        """Return what is known of the covers at these paths, by path."""
        sql = f"SELECT {_COVER_COLUMNS} FROM covers WHERE path IN (SELECT value FROM json_each(?))"  # noqa: S608  (our own column names)
        with self._rows(sql, (json.dumps(list(paths)),)) as rows:
            return {row[0]: Cover(*row) for row in rows}

    def covers_of(self, pictures: Iterable[str]) -> list[Cover]:
        """Return all that is known of these pictures, whatever their paths, by path."""
        sql = (
            f"SELECT {_COVER_COLUMNS} FROM covers"  # noqa: S608  (our own column names)
            " WHERE picture IN (SELECT value FROM json_each(?)) ORDER BY path"
        )
        with self._rows(sql, (json.dumps(list(pictures)),)) as rows:
            return [Cover(*row) for row in rows]

    def identical_covers(self) -> Iterator[list[str]]:
        """Yield the paths of good covers that hold the same bytes, group by group, sorted."""
        sql = (
            "SELECT json_group_array(path) FROM (SELECT path, sha256 FROM covers WHERE"
            " status = 'ok' ORDER BY path) GROUP BY sha256 HAVING count(*) > 1"
        )
        with self._rows(sql) as rows:
            for (paths,) in rows:
                yield sorted(json.loads(paths))

    def record_cover(self, cover: Cover, *, moved_from: str = "") -> None:
        """Note what became of a cover, in place of what was known; drop its row at an old path."""
        with self._transaction() as db:
            if moved_from:
                db.execute("DELETE FROM covers WHERE path = ?", (moved_from,))
            db.execute(_PUT_COVER, _cover_values(cover))

    def record_covers(self, covers: Iterable[Cover], looks: Mapping[str, bytes] = _NOTHING) -> None:
        """Note what became of several covers, all or none, and how files look, by their sha256."""
        with self._transaction() as db:
            db.executemany(_PUT_COVER, [_cover_values(cover) for cover in covers])
            db.executemany(
                "INSERT INTO looks (sha256, look) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING",
                looks.items(),
            )

    # What looks alike

    def looks(self) -> Iterator[StoredLook]:
        """Yield how each file looks that was ever looked at, in the order in which they were."""
        with self._rows("SELECT sha256, look FROM looks ORDER BY seq") as rows:
            yield from map(StoredLook._make, rows)

    def looked_at(self) -> set[str]:
        """Return the sha256 of each file that was ever looked at."""
        with self._rows("SELECT sha256 FROM looks") as rows:
            return {digest for (digest,) in rows}

    def looks_of(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return how some files look, by their sha256; those that were looked at."""
        sql = "SELECT sha256, look FROM looks WHERE sha256 IN (SELECT value FROM json_each(?))"
        with self._rows(sql, (json.dumps(list(digests)),)) as rows:
            return dict(rows)

    def compared(self) -> Iterator[CoverPair]:
        """Yield all files that were ever compared, two by two, also those that are unalike."""
        sql = "SELECT first, second, distance, likeness, is_alike FROM pairs ORDER BY first, second"
        with self._rows(sql) as rows:
            for first, second, distance, likeness, is_alike in rows:
                yield CoverPair(first, second, distance, likeness, bool(is_alike))

    def cover_pairs(self) -> list[CoverPair]:
        """Return the covers that look alike, two by two, ordered by their sha256."""
        return [pair for pair in self.compared() if pair.is_alike]

    def cover_groups(self) -> dict[str, str]:
        """Return which group of look-alikes a file is in, by its sha256; a group has a name."""
        with self._rows("SELECT sha256, group_name FROM alike") as rows:
            return dict(rows)

    def record_pairs(self, pairs: Iterable[CoverPair]) -> None:
        """Note what files were compared, beside those of before."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?)", pairs)

    def forget_pairs(self) -> None:
        """Forget what was ever compared; how each file looks stays."""
        with self._transaction() as db:
            db.execute("DELETE FROM pairs")

    def record_groups(self, groups: Mapping[str, str]) -> None:
        """Replace the groups of look-alikes: the name of each file's, by its sha256."""
        with self._transaction() as db:
            db.execute("DELETE FROM alike")
            db.executemany("INSERT INTO alike VALUES (?, ?)", groups.items())

    # Where covers are

    def cover_digests(self) -> dict[str, Digest]:
        """Return what is known of the bytes of each good cover, by its path."""
        with self._rows("SELECT path, size_bytes, sha256 FROM covers WHERE status = 'ok'") as rows:
            return {path: Digest(size_bytes, sha256) for path, size_bytes, sha256 in rows}

    def sets(self) -> dict[str, str]:
        """Return where each cover is: "train", "val", "test", or "aside" (in none), by its path."""
        with self._rows("SELECT path, set_name FROM sets") as rows:
            return dict(rows)

    def sets_at(self, paths: Iterable[str]) -> dict[str, str]:
        """Return where the covers at these paths are, as `sets` does."""
        sql = "SELECT path, set_name FROM sets WHERE path IN (SELECT value FROM json_each(?))"
        with self._rows(sql, (json.dumps(list(paths)),)) as rows:
            return dict(rows)

    def record_sets(self, sets: Mapping[str, str]) -> None:
        """Replace what is known of all covers' sets."""
        with self._transaction() as db:
            db.execute("DELETE FROM sets")
            db.executemany("INSERT INTO sets VALUES (?, ?)", sets.items())

    def placements(self) -> list[Placement]:
        """Return the albums that were ever dealt, oldest first."""
        with self._rows("SELECT album, set_name, ties FROM placements ORDER BY seq") as rows:
            return [Placement(album, name, tuple(json.loads(ties))) for album, name, ties in rows]

    def place(self, placements: Iterable[Placement], *, anew: bool = False) -> None:
        """Remember where albums went; those of earlier deals stay, unless all go `anew`."""
        with self._transaction() as db:
            if anew:
                db.execute("DELETE FROM placements")
            put = (
                "INSERT INTO placements (album, set_name, ties) VALUES (?, ?, ?)"
                " ON CONFLICT (album) DO UPDATE"
                " SET set_name = excluded.set_name, ties = excluded.ties"
            )
            rows = ((each.album, each.set_name, json.dumps(each.ties)) for each in placements)
            db.executemany(put, rows)

    # Requests a day, and single values

    def requests_on(self, host: str, day: str) -> int:
        """Return how many requests a host got on a UTC day (YYYY-MM-DD)."""
        sql = "SELECT count FROM requests WHERE host = ? AND day = ?"
        with self._rows(sql, (host, day)) as rows:
            return next((int(count) for (count,) in rows), 0)

    def count_request(self, host: str, day: str) -> None:
        """Count one more request to a host on a UTC day."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO requests VALUES (?, ?, 1)"
                " ON CONFLICT (host, day) DO UPDATE SET count = count + 1",
                (host, day),
            )

    def value(self, key: str) -> str:
        """Return a single remembered value, "" where there is none."""
        with self._rows("SELECT value FROM meta WHERE key = ?", (key,)) as rows:
            return next((str(value) for (value,) in rows), "")

    def remember(self, key: str, value: str) -> None:
        """Remember a single value in place of what it was."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


_COVER_FIELDS = tuple(field.name for field in fields(Cover))
_COVER_COLUMNS = ", ".join(_COVER_FIELDS)
_PUT_COVER = (
    f"INSERT OR REPLACE INTO covers ({_COVER_COLUMNS})"  # noqa: S608  (our own column names)
    f" VALUES ({', '.join('?' * len(_COVER_FIELDS))})"
)
_cover_values = operator.attrgetter(*_COVER_FIELDS)


def _listing(values: list[Any]) -> Listing:
    cells: list[Any] = [tuple(v) if isinstance(v, list) else v for v in values]
    return Listing(*cells)
