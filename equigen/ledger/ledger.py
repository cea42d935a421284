"""Remember result pages, albums, covers, sets and requests in one SQLite file, across all stops.

Every method is one transaction: a killed process leaves it done or not done.
"""

import json
import operator
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeVar

from equigen.identity.albums import Identity, ids_elsewhere
from equigen.identity.artists import artist_ids
from equigen.ledger.database import Database
from equigen.ledger.models import (
    OK,
    Addition,
    AlbumSet,
    Cover,
    CoverPair,
    CrawlPage,
    Digest,
    FileOf,
    Lead,
    PageUse,
    PendingRow,
    Placement,
    Rating,
    Rest,
    StoredLook,
    StoredPage,
    Taken,
    read_moment,
    read_path,
    read_set,
)
from equigen.ledger.values import read_texts
from equigen.schema import EXTRA_COLUMNS, TAKEN_COLUMNS, Album, Listing, split_list

_Said = TypeVar("_Said")
_NOTHING: Mapping[str, bytes] = {}
LEDGER_NAME = "equigen_ledger.sqlite"
# The way that covers last got into their sets, under the key of `Ledger.value`; "move" took them
# away.
SPLIT_LINK = "split_link"
# The layout that the last download brought the covers to; "" where it was `label`.
LAYOUT = "layout"
# Figures of the last split on groups too large for a set, as JSON (`commands/split.py`).
SPLIT_GROUPS = "split_groups"
# A digest of the covers that were last compared for look-alikes.
COVERS_COMPARED = "covers_compared"
# The dates at which a fetch, and a refresh, last got all that there was: UTC in ISO 8601.
LAST_FETCH = "last_fetch"
LAST_REFRESH = "last_refresh"
LAST_SOURCE = "last_source"
# All sources that albums were fetched from, as JSON.
SOURCES = "sources"
# How far a crawl has come, as JSON.
CRAWL = "crawl"
# Figures of the TSV's rows and of their covers, as JSON, with the state of what they are of.
TSV_FACTS = "facts"
# The end of the last run, fetch or download, as JSON; the date at which one last ended well, UTC in
# ISO 8601; and the one that is under way or was killed, as JSON (`history.py`).
LAST_RUN = "last_run"
LAST_SUCCESS = "last_success"
RUN_UNDER_WAY = "run_under_way"
# Settings by name, as JSON: those that the dataset was made with; and of those that flags gave, the
# value and that of the other layers then (`dataset/made_with.py`).
MADE_WITH = "made_with"
GIVEN_BY_FLAG = "given_by_flag"
# Only while a refresh is under way: the queries that it asks again, as JSON.
REFRESHING = "refreshing"
# Bytes that covers of several artists have, as JSON, and a mark of the dataset that they are of;
# whether bytes are refused (true) or kept, by their sha256, as JSON; and a value that each
# transaction renews that brings good covers.
SHARED_COVERS = "shared_covers"
SHARED_IN = "shared_in"
SETTLED_COVERS = "settled_covers"
COVERS_CHANGED = "covers_changed"
# The stages between fetch and download that haven't seen all rows yet, with blanks between them.
STAGES_DUE = "stages_due"
# Only while a download is under way, or after one that was killed.
DOWNLOADING = "downloading"
# Only while an import is under way, or after one that was killed: the path that it is of.
IMPORTING = "importing"

# The sha256 of the recipe that the dataset is built from, and whether covers are left to have.
RECIPE = "recipe"
RECIPE_DUE = "recipe_due"

# Only while rows go into the reserve or come back, or after a process that was killed amid it.
RESERVE_MOVING = "reserve_moving"


class Ledger(Database):
    """An open ledger; may be used from several threads. Close it, or use it as a context."""

    # Pages

    def page_extents(self) -> Iterator[StoredPage]:
        """Yield all pages that were asked for, without their listings, oldest first."""
        sql = (
            "SELECT query, page, year, items, pages, others, rows_left,"
            " rows_left AND rows_left < json_array_length(listings), asks,"
            " items AND NOT others AND listings = '[]' FROM pages ORDER BY asked_at, page"
        )
        with self._rows(sql) as rows:
            for query, page, year, items, pages, others, left, begun, asks, blank in rows:
                yield StoredPage(
                    query, page, year, items, pages, others, left, bool(begun), asks, bool(blank)
                )

    def items_by_search(self) -> dict[str, int]:
        """Return the number of results of each search, by its key, as its first page counted."""
        with self._rows("SELECT query, items FROM pages WHERE page = 1") as rows:
            return dict(rows)

    def page_albums(self) -> Iterator[tuple[str, int, list[str]]]:
        """Yield query, page and ids of the albums on it, for queries of several pages, in order."""
        sql = "SELECT query, page, ids FROM pages WHERE pages > 1 ORDER BY query, page"
        with self._rows(sql) as rows:
            for query, page, ids in rows:
                yield query, page, json.loads(ids)

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
        listings = _as_json(page.listings)
        # Of a query's only page they tell nothing: `page_albums` leaves it out.
        ids = json.dumps([item.album_id for item in page.listings if page.pages > 1])
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO pages VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (page.query, page.page, page.year, page.items, page.pages, listings,
                 page.others, page.rows_left, asked_at, page.asks, ids),
            )  # fmt: skip

    def use_pages(
        self,
        uses: Iterable[PageUse],
        *,
        taken: Iterable[Album] = (),
        added: Iterable[Addition] = (),
        answers: Mapping[str, Sequence[Listing]] = MappingProxyType({}),
    ) -> None:
        """Take albums, in order, from pages and note how far these are used, all or nothing.

        Those `added` wait for `forget_additions`. `answers` of a crawl, by their tasks, were used
        but for the albums that may still be taken.
        """
        rows = [
            (who.album_id, who.artist, who.title, who.picture, who.genre, album.album_index,
             json.dumps(album.cells()))
            for album in taken
            for who in [Identity.of(album.listing, album.genre)]
        ]  # fmt: skip
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO albums (album_id, artist, title, picture, genre, album_index, cells)"
                " VALUES (?,?,?,?,?,?,?)",
                rows,
            )
            db.executemany(
                "INSERT INTO additions (album_id, listing) VALUES (?, ?)",
                ((each.album_id, json.dumps(_values(each.listing))) for each in added),
            )
            db.executemany(
                "UPDATE pages SET rows_left = ?3, listings = iif(?3, listings, NULL)"
                " WHERE query = ?1 AND page = ?2",
                uses,
            )
            db.executemany(
                "UPDATE crawl SET listings = ?2, used = 1 WHERE task = ?1",
                ((task, _as_json(left)) for task, left in answers.items()),
            )

    # Answers of a crawl

    def crawl_page(self, task: str) -> CrawlPage | None:
        """Return the answer to a task, as far as it is still of use; None before it came."""
        sql = "SELECT listings, leads, used FROM crawl WHERE task = ?"
        with self._rows(sql, (task,)) as rows:
            for listings, leads, used in rows:
                return CrawlPage(
                    tuple(map(_listing, json.loads(listings))),
                    tuple(Lead(key, tuple(genres)) for key, *genres in json.loads(leads)),
                    is_used=bool(used),
                )
        return None

    def store_crawl_page(self, task: str, page: CrawlPage, *, asked_at: str) -> None:
        """Keep an answer, so that the task is never asked for again."""
        leads = json.dumps([[lead.key, *lead.genres] for lead in page.leads])
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO crawl VALUES (?, ?, ?, ?, 0)",
                (task, _as_json(page.listings), leads, asked_at),
            )

    def crawled_by_day(self) -> dict[str, int]:
        """Return the number of answers of each UTC day that has any, in order."""
        sql = "SELECT substr(asked_at, 1, 10) AS day, count(*) FROM crawl GROUP BY day ORDER BY day"
        with self._rows(sql) as rows:
            return dict(rows)

    def start_refresh(self, queries: Iterable[str]) -> None:
        """Let the pages of these queries, and of their slices, be asked for again, once.

        A slice's name starts as its query's does, but for the end, and so do a crawl's tasks. What
        a refresh that was cut off asked for already stays: it goes on instead.
        """
        with self._transaction() as db:
            under_way = set(self.read(REFRESHING, read_texts) or ())
            new = set(queries) - under_way
            starts = [(query.rstrip("]"),) for query in sorted(new)]
            db.executemany("DELETE FROM pages WHERE substr(query, 1, length(?1)) = ?1", starts)
            db.executemany("DELETE FROM crawl WHERE substr(task, 1, length(?1)) = ?1", starts)
            value = json.dumps(sorted(under_way | new))
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (REFRESHING, value))

    def end_fetch(self, *, ended_at: str, ends_refresh: bool = True) -> None:
        """Note that all pages are there; with `ends_refresh`, a refresh that was under way ends."""
        with self._transaction(is_of_meta=True) as db:
            ended = 0
            if ends_refresh:
                ended = db.execute("DELETE FROM meta WHERE key = ?", (REFRESHING,)).rowcount
            keys = (LAST_FETCH, LAST_REFRESH) if ended else (LAST_FETCH,)
            rows = [(key, ended_at) for key in keys]
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    # Albums

    def taken(self) -> Iterator[Taken]:
        """Yield all albums ever taken, in the order in which they were."""
        sql = (
            "SELECT album_id, artist, title, picture, genre, album_index, cells IS NOT NULL,"
            " ifnull(json_extract(cells, ?), ''), ifnull(json_extract(cells, ?), ''),"
            " ifnull(json_extract(cells, ?), ''), ifnull(json_extract(cells, ?), ''),"
            " ifnull(json_extract(cells, ?), '') FROM albums ORDER BY seq"
        )
        names = ("year", "artist_ids", "labels", "also_known_as", "tracks")
        with self._rows(sql, [f"$[{TAKEN_COLUMNS.index(name)}]" for name in names]) as rows:
            for *identity, album_index, pending, year, ids, labels, others, tracks in rows:
                who = Identity(*identity)._replace(artist_ids=tuple(artist_ids(ids)))
                known_as = ids_elsewhere(split_list(others), split_list(tracks))
                yield Taken(who, album_index, bool(pending), year, split_list(labels), known_as)

    def pending_rows(self) -> Generator[PendingRow, None, None]:
        """Yield the albums whose rows are not in the TSV yet, in order."""
        sql = "SELECT seq, album_id, cells FROM albums WHERE cells IS NOT NULL ORDER BY seq"
        with self._rows(sql) as rows:
            for seq, album_id, cells in rows:
                known = json.loads(cells)  # without the columns that came later
                missing = len(TAKEN_COLUMNS) - len(known)
                yield PendingRow(seq, album_id, (*known, *[""] * missing))

    def pending_columns(self) -> list[str]:
        """Return the optional columns in which an album that isn't in the TSV yet has a value."""
        paths = [f"$[{TAKEN_COLUMNS.index(name)}]" for name in EXTRA_COLUMNS]
        found = ", ".join(["max(ifnull(json_extract(cells, ?), '') <> '')"] * len(paths))
        sql = f"SELECT {found} FROM albums WHERE cells IS NOT NULL"  # noqa: S608  (our own words)
        with self._rows(sql, paths) as rows:
            return [name for name, has in zip(EXTRA_COLUMNS, next(rows), strict=True) if has]

    def pending(self) -> int:
        """Return how many rows are not in the TSV yet."""
        with self._rows("SELECT count(*) FROM albums WHERE cells IS NOT NULL") as rows:
            return int(next(rows)[0])

    def last_pending(self) -> int:
        """Return the `seq` of the last row that is not in the TSV yet, 0 where all are."""
        with self._rows("SELECT ifnull(max(seq), 0) FROM albums WHERE cells IS NOT NULL") as rows:
            return int(next(rows)[0])

    def mark_written(self, last: int) -> None:
        """Note that all rows up to this `seq` are in the TSV now."""
        with self._transaction() as db:
            db.execute(
                "UPDATE albums SET cells = NULL WHERE seq <= ? AND cells IS NOT NULL", (last,)
            )

    def additions(self, most: int) -> list[tuple[int, Addition]]:
        """Return the first albums of other sources that aren't in their rows yet, by `seq`."""
        sql = "SELECT seq, album_id, listing FROM additions ORDER BY seq LIMIT ?"
        with self._rows(sql, (most,)) as rows:
            return [
                (seq, Addition(album_id, _listing(json.loads(listing))))
                for seq, album_id, listing in rows
            ]

    def forget_additions(self, last: int) -> None:
        """Note that all additions up to this `seq` are in the TSV now."""
        with self._transaction() as db:
            db.execute("DELETE FROM additions WHERE seq <= ?", (last,))

    # Covers, by the picture's key, and their files

    def covers(self) -> dict[str, Cover]:
        """Return all covers, by the picture's key."""
        return self._covers("true")

    def knows_covers(self) -> bool:
        """Tell whether anything is known of any cover."""
        with self._rows("SELECT 1 FROM covers LIMIT 1") as rows:
            return any(True for _ in rows)

    def failure_reasons(self) -> list[str]:
        """Return the reasons for which covers aren't there, in order."""
        sql = "SELECT DISTINCT reason FROM covers WHERE status <> 'ok' ORDER BY reason"
        with self._rows(sql) as rows:
            return [reason for (reason,) in rows]

    def covers_of(self, pictures: Iterable[str]) -> dict[str, Cover]:
        """Return the covers of these pictures, by their keys."""
        asked = json.dumps(list(pictures))
        return self._covers("picture IN (SELECT value FROM json_each(?))", asked)

    def poor_covers(self, most_sides: float) -> dict[str, Cover]:
        """Return the covers that could not be had, and those with one side so many times longer."""
        where = "status <> 'ok' OR max(width_px, height_px) > ? * min(width_px, height_px)"
        return self._covers(where, most_sides)

    def covers_at(self, files: Iterable[FileOf]) -> dict[str, Cover]:
        """Return the covers at these paths, by path.

        A good one counts only where it has a file there.
        """
        sql = (
            "WITH asked AS (SELECT json_extract(value, '$[0]') AS picture,"  # noqa: S608  (our own column names)
            f" json_extract(value, '$[1]') AS path FROM json_each(?)) SELECT path, {_COVER_COLUMNS}"
            " FROM asked CROSS JOIN covers USING (picture)"
            " WHERE status <> 'ok' OR (picture, path) IN files"
        )
        with self._rows(sql, (json.dumps(list(files)),)) as rows:
            return {path: Cover(*row) for path, *row in rows}

    def _covers(self, where: str, *values: str | float) -> dict[str, Cover]:
        with self._rows(f"SELECT {_COVER_COLUMNS} FROM covers WHERE {where}", values) as rows:  # noqa: S608  (our own words)
            return {row[0]: Cover(*row) for row in rows}

    def cover_states(self, pictures: Iterable[str] | None) -> Iterator[tuple[str, str]]:
        """Yield pictures, or all, without a file that could be had: "gone" for good, or as JSON.

        That lists status, reason, failures, and the date to the minute, "" if it isn't in UTC.
        """
        where, values = _among(pictures)
        sql = (
            "SELECT picture, iif(status = 'ok', 'gone', json_array(status, reason, failures,"
            " iif(substr(fetched_at, -6) = '+00:00', substr(fetched_at, 1, 16) || '+00:00', '')))"
            " FROM covers WHERE NOT (status = 'ok'"
            " AND EXISTS (SELECT 1 FROM files WHERE picture = covers.picture)) AND "
        )
        with self._rows(sql + where, values) as rows:
            yield from rows

    def cover_figures(
        self, columns: Iterable[str], *, are_here: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Yield each picture with these columns of its cover, as texts and whole numbers.

        With `are_here`, only of good covers with a file.
        """
        kinds = dict.fromkeys(("status", "sha256", "phash"), "TEXT")
        # A stranger's ledger may hold values of any type.
        cast = "".join(f", CAST({each} AS {kinds.get(each, 'INTEGER')})" for each in columns)
        sql = f"SELECT CAST(picture AS TEXT){cast} FROM covers"  # noqa: S608  (our own words)
        if are_here:
            sql += (
                " WHERE status = 'ok' AND EXISTS"
                " (SELECT 1 FROM files WHERE files.picture = covers.picture)"
            )
        with self._rows(sql) as rows:
            yield from rows

    def renderings(self) -> Iterator[tuple[str, int]]:
        """Yield the settings of all files of good covers, in words, with the number of covers."""
        sql = "SELECT rendering, count(*) FROM covers WHERE status = 'ok' GROUP BY rendering"
        with self._rows(sql) as rows:
            yield from rows

    def shown(self, pictures: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
        """Yield picture and path of each file, or of those that show some pictures."""
        where, values = _among(pictures)
        with self._rows(f"SELECT picture, path FROM files WHERE {where}", values) as rows:  # noqa: S608  (our own words)
            yield from rows

    def files(self) -> Iterator[tuple[str, int, str]]:
        """Yield path, size in bytes and rendering of each file of a good cover."""
        with self._rows(f"SELECT path, size_bytes, rendering FROM {_FILES}") as rows:  # noqa: S608  (our own words)
            for path, size_bytes, rendering in rows:
                yield read_path(path), size_bytes, rendering

    def good_files(self) -> Iterator[tuple[Any, ...]]:
        """Yield each file of a good cover, by picture and path.

        That is picture, path, sha256, size in bytes, width and height in pixels, the address, and
        the one at the end of its redirects.
        """
        sql = (
            "SELECT CAST(picture AS TEXT), path, CAST(sha256 AS TEXT), CAST(size_bytes AS INTEGER),"  # noqa: S608  (our own words)
            " CAST(width_px AS INTEGER), CAST(height_px AS INTEGER), CAST(url AS TEXT),"
            f" CAST(final_url AS TEXT) FROM {_FILES} ORDER BY picture, path"
        )
        with self._rows(sql) as rows:
            for row in rows:
                read_path(row[1])
                yield row

    def files_of(self, pictures: Iterable[str]) -> dict[str, list[str]]:
        """Return the paths of the files that show these pictures, by the picture's key, sorted."""
        sql = (
            "SELECT picture, path FROM files WHERE picture IN (SELECT value FROM json_each(?))"
            " ORDER BY picture, path"
        )
        found: dict[str, list[str]] = {}
        with self._rows(sql, (json.dumps(list(pictures)),)) as rows:
            for picture, path in rows:
                found.setdefault(picture, []).append(read_path(path))
        return found

    def identical_covers(self) -> Iterator[list[str]]:
        """Yield the paths of files that hold the same bytes, group by group, sorted."""
        sql = (
            f"SELECT json_group_array(path) FROM {_FILES}"  # noqa: S608  (our own words)
            " GROUP BY sha256 HAVING count(*) > 1"
        )
        with self._rows(sql) as rows:
            for (paths,) in rows:
                yield sorted(map(read_path, json.loads(paths)))

    def cover_digests(self) -> dict[str, Digest]:
        """Return the digest of each good cover's file, by its path."""
        sql = f"SELECT path, size_bytes, sha256, width_px * height_px FROM {_FILES}"  # noqa: S608  (our own words)
        with self._rows(sql) as rows:
            return {read_path(path): Digest(*digest) for path, *digest in rows}

    def pictures_sharing(self, least: int) -> dict[str, str]:
        """Return the sha256 of the good pictures whose bytes at least so many files have."""
        sql = (
            f"WITH shared AS (SELECT sha256 FROM {_FILES}"  # noqa: S608  (our own words)
            " GROUP BY sha256 HAVING count(*) >= ?)"
            f" SELECT picture, sha256 FROM {_FILES} AND sha256 IN shared"
        )
        with self._rows(sql, (least,)) as rows:
            return dict(rows)

    def refuse_covers(self, refused: Iterable[str], *, reason: str, ended_at: str) -> int:
        """Refuse the good covers of these sha256, whose files stay noted, and no others.

        Return how many are no longer refused for this reason.
        """
        asked = json.dumps(list(refused))
        with self._transaction() as db:
            db.execute(
                "UPDATE covers SET status = 'refused', reason = ?, fetched_at = ?, failures = 1"
                " WHERE status = 'ok' AND sha256 IN (SELECT value FROM json_each(?))",
                (reason, ended_at, asked),
            )
            lift = (
                "UPDATE covers SET status = 'ok', reason = '', failures = 0 WHERE reason = ?"
                " AND status = 'refused' AND sha256 NOT IN (SELECT value FROM json_each(?))"
            )
            return db.execute(lift, (reason, asked)).rowcount

    def refused_files(self) -> list[tuple[str, int]]:
        """Return path and size in bytes of the files of covers that are refused for their bytes."""
        sql = "SELECT path, size_bytes FROM files CROSS JOIN covers USING (picture)"
        with self._rows(f"{sql} WHERE status = 'refused'") as rows:
            return [(read_path(path), size_bytes) for path, size_bytes in rows]

    def record_covers(
        self,
        covers: Collection[Cover],
        *,
        files: Iterable[FileOf] = (),
        looks: Mapping[str, bytes] = _NOTHING,
    ) -> None:
        """Note covers, the files that show them, and descriptors by sha256, all or nothing.

        Files that showed a picture with other bytes, or with none, are forgotten, and so are the
        descriptors of such bytes.
        """
        with self._transaction() as db:
            # A descriptor follows from the bytes: if they come again, or another cover has them,
            # the download or the next search for look-alikes makes it anew.
            db.executemany(
                "DELETE FROM looks WHERE sha256 ="
                " (SELECT sha256 FROM covers WHERE picture = ? AND sha256 <> ?)",
                [(cover.picture, cover.sha256) for cover in covers],
            )
            db.executemany(
                "DELETE FROM files WHERE picture = ?1 AND EXISTS"
                " (SELECT 1 FROM covers WHERE picture = ?1 AND sha256 <> ?2)",
                [(cover.picture, cover.sha256) for cover in covers],
            )
            db.executemany(_PUT_COVER, map(_cover_values, covers))
            if any(cover.status == OK for cover in covers):
                sql = "INSERT OR REPLACE INTO meta VALUES (?, hex(randomblob(8)))"
                db.execute(sql, (COVERS_CHANGED,))
            db.executemany("INSERT OR IGNORE INTO files VALUES (?, ?)", files)
            db.executemany(
                "INSERT INTO looks (sha256, look) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING",
                looks.items(),
            )

    def record_files(self, files: Iterable[FileOf]) -> None:
        """Note files that show, or are about to show, good covers."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO files VALUES (?, ?)", files)

    def forget_files(self, files: Iterable[FileOf]) -> None:
        """Forget files that are gone."""
        with self._transaction() as db:
            db.executemany("DELETE FROM files WHERE picture = ? AND path = ?", files)

    # Sets

    def laid_out(self) -> dict[str, str]:
        """Return the set of each file, "train", "val", "test" or "aside", by its path."""
        with self._rows("SELECT path, set_name FROM sets") as rows:
            return {read_path(path): read_set(name) for path, name in rows}

    def albums_laid_out(self) -> int:
        """Count the albums that are in a set or aside; those that are only known by path aren't."""
        with self._rows("SELECT count(DISTINCT album) FROM sets WHERE album <> ''") as rows:
            return int(next(rows)[0])

    def paths_laid_out(self) -> Iterator[str]:
        """Yield the files in sets whose albums aren't known."""
        with self._rows("SELECT path FROM sets WHERE album = ''") as rows:
            yield from (read_path(path) for (path,) in rows)

    def sets(self) -> dict[str, str]:
        """Return the set of each album, by its key (see `dataset.covers.set_of`).

        Files whose album isn't known, or has several, stand there by path.
        """
        return dict(self.each_set())

    def each_set(self) -> Iterator[tuple[str, str]]:
        """Yield what `sets` returns."""
        sql = "SELECT album, path, set_name FROM sets ORDER BY album, path"
        with self._rows(sql) as rows:
            yield from _by_album(rows)

    def sets_of(self, albums: Iterable[str], paths: Iterable[str]) -> dict[str, str]:
        """Return the sets of these albums and files, as `sets` does."""
        sql = (
            "SELECT album, path, set_name FROM sets WHERE album <> ''"
            " AND album IN (SELECT value FROM json_each(?1)) UNION ALL"
            " SELECT album, path, set_name FROM sets WHERE album = ''"
            " AND path IN (SELECT value FROM json_each(?2)) ORDER BY album, path"
        )
        with self._rows(sql, (json.dumps(list(albums)), json.dumps(list(paths)))) as rows:
            return dict(_by_album(rows))

    def record_sets(self, sets: Iterable[AlbumSet]) -> None:
        """Replace all albums' sets."""
        with self._transaction() as db:
            db.execute("DELETE FROM sets")
            db.executemany("INSERT INTO sets VALUES (?, ?, ?)", sets)

    def placements(self) -> list[Placement]:
        """Return the albums that were ever dealt, oldest first."""
        with self._rows("SELECT album, set_name, ties FROM placements ORDER BY seq") as rows:
            return [
                Placement(album, read_set(name), tuple(json.loads(ties)))
                for album, name, ties in rows
            ]

    def place(self, placements: Iterable[Placement], *, anew: bool = False) -> None:
        """Remember albums' sets; those of earlier deals stay, unless all go `anew`."""
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

    def forget_placements(self, albums: Iterable[str]) -> None:
        """Forget that albums were ever dealt."""
        with self._transaction() as db:
            db.executemany("DELETE FROM placements WHERE album = ?", [(each,) for each in albums])

    def rename_placements(self, albums: Mapping[str, str]) -> None:
        """Give albums that were dealt new keys, by the old ones; their order stays."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE OR IGNORE placements SET album = ?2 WHERE album = ?1", albums.items()
            )

    # Balanced albums

    def balanced(self) -> set[bytes]:
        """Return the albums that the last balance in place kept (`balancing.memento_of`)."""
        with self._rows("SELECT album FROM balanced") as rows:
            return {album for (album,) in rows}

    def record_balanced(self, albums: Iterable[bytes]) -> None:
        """Replace the albums that a balance in place kept."""
        with self._transaction() as db:
            db.execute("DELETE FROM balanced")
            db.executemany("INSERT OR IGNORE INTO balanced VALUES (?)", ((a,) for a in albums))

    # Requests a day

    def requests_on(self, host: str, day: str) -> int:
        """Return how many requests a host got on a UTC day (YYYY-MM-DD).

        Those of the day after it count as well: where there are any, the clock was set back.
        """
        return self.requests_of(day).get(host, 0)

    def count_request(self, host: str, day: str) -> None:
        """Count one more request to a host on a UTC day."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO requests VALUES (?, ?, 1)"
                " ON CONFLICT (host, day) DO UPDATE SET count = count + 1",
                (host, day),
            )

    def requests_of(self, day: str) -> dict[str, int]:
        """Return how many requests each host got on a UTC day, counted as `requests_on` does."""
        sql = (
            "SELECT host, sum(count) FROM requests WHERE day IN (?1, date(?1, '+1 day'))"
            " GROUP BY host"
        )
        with self._rows(sql, (day,)) as rows:
            return dict(rows)

    def tidy(self, today: str) -> None:
        """Delete what no run reads any more, and give free pages back to the disk if it is much.

        `today` is a UTC day (YYYY-MM-DD). A quota is held against that day and the next one
        (`requests_of`). Each host keeps its latest days with requests as well: a clock that was
        wrong for some days makes one of them today again.

        Raises:
            StorageError: the disk has no room for a second ledger; it stays as it is.

        """
        with self._transaction() as db:
            db.execute(_DELETE_OLD_REQUESTS, (today, _DAYS_KEPT))
        free, every, size_bytes = map(self._pragma, ("freelist_count", "page_count", "page_size"))
        if free * size_bytes > _FREE_BYTES and free > every * _FREE_SHARE:
            self._vacuum()

    # Hosts that refused us

    def rests(self) -> dict[str, Rest]:
        """Return the hosts that refused us and gave nothing since, also those that rested."""
        return self._rests("times > 0")

    def service_rests(self) -> dict[str, Rest]:
        """Return the hosts of services that last asked for a rest themselves, by host."""
        return self._rests("times = 0")

    def _rests(self, where: str) -> dict[str, Rest]:
        sql = f"SELECT host, since, until, times, why FROM rests WHERE {where}"  # noqa: S608  (our own words)
        with self._rows(sql) as rows:
            rests = {row[0]: Rest(*row) for row in rows}
            for rest in rests.values():
                read_moment(rest.since)
                read_moment(rest.until)
            return rests

    def record_rest(self, rest: Rest) -> None:
        """Note that a host is left alone, in place of its last rest."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO rests VALUES (?, ?, ?, ?, ?)", rest)

    def end_rest(self, host: str) -> None:
        """Note that a host gives pictures again."""
        with self._transaction() as db:
            db.execute("DELETE FROM rests WHERE host = ?", (host,))

    # Ratings

    def ratings(self) -> dict[str, Rating]:
        """Return the rating of each album whose source was asked, by `album_id`."""
        sql = "SELECT album_id, rating_count, rating_average, have, want FROM ratings"
        with self._rows(sql) as rows:
            return {
                album_id: Rating(*(figure if figure is None else +figure for figure in rating))
                for album_id, *rating in rows
            }

    def rated_since(self, moment: str) -> set[str]:
        """Return the albums whose source was asked at a moment (UTC in ISO 8601) or later."""
        with self._rows("SELECT album_id FROM ratings WHERE asked_at >= ?", (moment,)) as rows:
            return {album_id for (album_id,) in rows}

    def record_rating(self, album_id: str, rating: Rating, *, asked_at: str) -> None:
        """Remember what a source said of an album, in place of what it said before."""
        with self._transaction() as db:
            sql = "INSERT OR REPLACE INTO ratings VALUES (?, ?, ?, ?, ?, ?)"
            db.execute(sql, (album_id, *rating, asked_at))

    # Addresses that changed

    def renewals(self) -> dict[str, str]:
        """Return the new addresses of pictures that are not in the TSV yet, by the old ones."""
        with self._rows("SELECT url, new_url FROM renewals") as rows:
            return dict(rows)

    def record_renewal(self, url: str, new_url: str) -> None:
        """Note that the rows with this address are to have another one."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO renewals VALUES (?, ?)", (url, new_url))

    def forget_renewals(self, urls: Iterable[str]) -> None:
        """Note that the TSV has the new addresses in place of these."""
        with self._transaction() as db:
            db.executemany("DELETE FROM renewals WHERE url = ?", [(url,) for url in urls])

    # Look-alikes

    def looks(self) -> Iterator[StoredLook]:
        """Yield all descriptors, in the order in which they were made."""
        with self._rows("SELECT sha256, look FROM looks ORDER BY seq") as rows:
            yield from map(StoredLook._make, rows)

    def looked_at(self) -> set[str]:
        """Return the sha256 of each file with a descriptor."""
        with self._rows("SELECT sha256 FROM looks") as rows:
            return {digest for (digest,) in rows}

    def looks_of(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return the descriptors of these files, by their sha256."""
        sql = "SELECT sha256, look FROM looks WHERE sha256 IN (SELECT value FROM json_each(?))"
        with self._rows(sql, (json.dumps(list(digests)),)) as rows:
            return dict(rows)

    def compared(self) -> Iterator[CoverPair]:
        """Yield all pairs that were ever compared, also those that are unalike."""
        sql = "SELECT first, second, distance, likeness, is_alike FROM pairs ORDER BY first, second"
        with self._rows(sql) as rows:
            for first, second, distance, likeness, is_alike in rows:
                yield CoverPair(first, second, distance, likeness, bool(is_alike))

    def cover_pairs(self) -> list[CoverPair]:
        """Return the covers that look alike, two by two, ordered by their sha256."""
        sql = "SELECT first, second, distance, likeness FROM pairs WHERE is_alike"
        with self._rows(f"{sql} ORDER BY first, second") as rows:
            return [CoverPair(*row) for row in rows]

    def cover_groups(self) -> dict[str, str]:
        """Return the name of each file's group of look-alikes, by its sha256."""
        with self._rows("SELECT sha256, group_name FROM alike") as rows:
            return dict(rows)

    def record_pairs(self, pairs: Iterable[CoverPair]) -> None:
        """Add pairs that were compared to those of before."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?)", pairs)

    def forget_pairs(self) -> None:
        """Forget all compared pairs; the descriptors stay."""
        with self._transaction() as db:
            db.execute("DELETE FROM pairs")

    def record_groups(self, groups: Mapping[str, str]) -> None:
        """Replace the groups of look-alikes: the name of each file's, by its sha256."""
        with self._transaction() as db:
            db.execute("DELETE FROM alike")
            db.executemany("INSERT INTO alike VALUES (?, ?)", groups.items())

    # Single values

    def value(self, key: str) -> str:
        """Return a single remembered value, "" where there is none."""
        with self._rows("SELECT value FROM meta WHERE key = ?", (key,)) as rows:
            return next((str(value) for (value,) in rows), "")

    def read(self, key: str, reader: Callable[[str], _Said]) -> _Said | None:
        """Return a single remembered value as `reader` parses it, None where there is none.

        Raises:
            LedgerError: `reader` can't parse it.

        """
        with self._rows("SELECT value FROM meta WHERE key = ? AND value <> ''", (key,)) as rows:
            return next((reader(str(value)) for (value,) in rows), None)

    def remember(self, key: str, value: str) -> None:
        """Remember a single value in place of what it was."""
        with self._transaction(is_of_meta=True) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


_DAYS_KEPT = 7
_DELETE_OLD_REQUESTS = """
DELETE FROM requests WHERE day NOT IN (?1, date(?1, '+1 day')) AND (host, day) IN (
    SELECT host, day FROM (
        SELECT host, day, row_number() OVER (PARTITION BY host ORDER BY day DESC) AS place
        FROM requests)
    WHERE place > ?2)
"""
# Free pages are used again by later rows; a ledger is written anew only where they are more.
_FREE_BYTES, _FREE_SHARE = 16 * 1024 * 1024, 1 / 4
_COVER_FIELDS = tuple(field.name for field in fields(Cover))
_COVER_COLUMNS = ", ".join(_COVER_FIELDS)
_PUT_COVER = (
    f"INSERT OR REPLACE INTO covers ({_COVER_COLUMNS})"  # noqa: S608  (our own column names)
    f" VALUES ({', '.join('?' * len(_COVER_FIELDS))})"
)
_cover_values = operator.attrgetter(*_COVER_FIELDS)
# In the order of the files' own table, which is that of the covers: both are read from end to end.
_FILES = "files CROSS JOIN covers USING (picture) WHERE status = 'ok'"


def _among(pictures: Iterable[str] | None) -> tuple[str, list[str]]:
    """Return the condition on rows of these pictures, or all, and its values."""
    if pictures is None:
        return "true", []
    return "picture IN (SELECT value FROM json_each(?))", [json.dumps(list(pictures))]


def _by_album(rows: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the first set of each album, and the others by path; `rows` are sorted."""
    last = first = ""
    for album, path, set_name in rows:
        name = read_set(set_name)
        if album != last:
            last, first = album, name
            yield album, name
        elif not album or name != first:
            yield read_path(path), name


def _as_json(listings: Iterable[Listing]) -> str:
    return json.dumps([_values(item) for item in listings])


_FIELDS_OF = operator.attrgetter(*(each.name for each in fields(Listing)))


def _values(listing: Listing) -> list[Any]:
    return list(_FIELDS_OF(listing))


def _listing(values: list[Any]) -> Listing:
    cells: list[Any] = [tuple(v) if isinstance(v, list) else v for v in values]
    return Listing(*cells)
