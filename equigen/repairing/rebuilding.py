"""Note in a ledger what the files of the dataset tell: albums, sets, and requests of today.

Memory holds some rows at a time, however many there are.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.covers import dataset_covers, name_in
from equigen.dataset.layouts import (
    SET_COLUMNS,
    files_in_sets,
    in_set,
    listed_sets,
    sha256_of,
    was_remembered,
)
from equigen.errors import InputError
from equigen.fetching.pending import albums_of
from equigen.identity.artists import artist_key
from equigen.identity.pictures import host_of
from equigen.ledger.ledger import SPLIT_GROUPS, SPLIT_LINK, Ledger
from equigen.ledger.models import AlbumSet, Placement, Taken, is_cover_path
from equigen.repairing.inventory import count_rows
from equigen.schema import ASIDE, SETS, Link
from equigen.storage.below import FileBelow

_BATCH = 500


class RebuiltLedger(Ledger):
    """Extend the ledger by the queries that only a repair needs."""

    @contextmanager
    def indexing_albums(self) -> Iterator[None]:
        """Keep an index of the albums while the block runs."""
        with self._transaction() as db:
            db.execute("CREATE INDEX IF NOT EXISTS known ON albums (album_id, artist, title)")
        yield
        with self._transaction() as db:
            db.execute("DROP INDEX IF EXISTS known")

    def add_albums(self, albums: Sequence[Taken]) -> int:
        """Note the albums that the ledger doesn't know as taken; return their number."""
        rows = [
            (who.album_id, who.artist, who.title, who.picture, who.genre, album.album_index)
            for album in albums
            for who in (album.identity,)
        ]
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT INTO albums (album_id, artist, title, picture, genre, album_index)"
                " SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM albums WHERE"
                " album_id = ?1 AND (?1 <> '' OR (artist = ?2 AND title = ?3)))",
                rows,
            )
            return db.total_changes - before

    def artist_of(self, album_id: str) -> str:
        """Return the artist of an album, "" where the ledger doesn't know it."""
        sql = "SELECT artist FROM albums WHERE album_id = ? AND album_id <> '' LIMIT 1"
        with self._rows(sql, (album_id,)) as rows:
            return next((str(artist) for (artist,) in rows), "")

    def begin_sets(self, *, anew: bool) -> None:
        """Prepare for `add_sets`; with `anew`, forget the sets of all covers."""
        with self._transaction() as db:
            db.execute("CREATE TEMP TABLE dealt (album TEXT PRIMARY KEY, set_name, ties)")
            db.execute("CREATE TEMP TABLE named (name TEXT PRIMARY KEY, album)")
            if anew:
                db.execute("DELETE FROM sets")

    def add_names(self, albums: Iterable[tuple[str, str]]) -> None:
        """Note the albums' keys by the names of their covers' files, until `finish_sets`."""
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO temp.named VALUES (?, ?)", albums)

    def album_named(self, name: str) -> str:
        """Return the key of the album whose cover's file is called so, "" where none is."""
        with self._rows("SELECT album FROM temp.named WHERE name = ?", (name,)) as rows:
            return next((str(album) for (album,) in rows), "")

    def add_sets(self, sets: Sequence[AlbumSet], dealt: Sequence[Placement]) -> None:
        """Note the sets of covers, and of albums, until `finish_sets`."""
        rows = [(each.album, each.set_name, json.dumps(each.ties)) for each in dealt]
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO sets VALUES (?, ?, ?)", sets)
            db.executemany("INSERT OR IGNORE INTO temp.dealt VALUES (?, ?, ?)", rows)

    def finish_sets(self) -> int:
        """Note the albums' sets that differ from those that the ledger knows; return their number.

        An album never changes from one set to another unless all are dealt anew. Where one did, the
        ledger knows an earlier deal: it forgets the albums that the files don't list.
        """
        moved = (
            "SELECT count(*) FROM temp.dealt JOIN placements USING (album) WHERE"
            " dealt.set_name <> placements.set_name AND ? NOT IN (dealt.set_name,"
            " placements.set_name)"
        )
        put = (
            "INSERT INTO placements (album, set_name, ties)"
            " SELECT * FROM temp.dealt WHERE true ORDER BY rowid ON CONFLICT (album) DO UPDATE"
            " SET set_name = excluded.set_name, ties = excluded.ties"
            " WHERE set_name <> excluded.set_name"
        )
        with self._transaction() as db:
            if db.execute(moved, (ASIDE,)).fetchone()[0]:
                db.execute(
                    "DELETE FROM placements WHERE album NOT IN (SELECT album FROM temp.dealt)"
                )
                db.execute("DELETE FROM meta WHERE key = ?", (SPLIT_GROUPS,))
            return db.execute(put).rowcount

    def count_at_least(self, counts: Mapping[str, int], day: str) -> None:
        """Raise the requests of a day to these counts, host by host, where they are fewer."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO requests VALUES (?1, ?2, ?3) ON CONFLICT (host, day)"
                " DO UPDATE SET count = max(count, ?3)",
                [(host, day, count) for host, count in counts.items()],
            )

    def asked_on(self, day: str) -> Iterator[tuple[str, int]]:
        """Yield the address of each cover that was asked for on a day, and its number of tries."""
        sql = "SELECT url, tries FROM covers WHERE substr(fetched_at, 1, 10) = ?"
        with self._rows(sql, (day,)) as rows:
            yield from rows


def note_albums(context: Context, ledger: RebuiltLedger) -> int:
    """Note the albums of the TSV, if any, as taken; return how many the ledger didn't know.

    Raises:
        InputError: the TSV is broken.

    """
    new = 0
    albums = albums_of(context.tsv) if context.tsv.exists() else iter(())
    with context.bar("albums", count_rows(context), "row") as bar:
        while some := list(islice(albums, _BATCH)):
            new += ledger.add_albums(some)
            bar.advance(len(some))
    return new


def note_sets(context: Context, ledger: RebuiltLedger) -> tuple[int, int]:
    """Note the set of each album as `split.tsv` or, without it, the sets' files have it.

    The files are at least as new as the ledger's copy, so they are believed where both differ.
    Return how many albums' sets only the files told, and how many lines made no sense.

    Raises:
        InputError: `split.tsv` is broken.

    """
    senseless, is_listed = 0, (context.split / SPLIT_TSV).is_file()
    rows = _listed(context) if is_listed else _laid_out(context)
    ledger.begin_sets(anew=is_listed)
    covers = dataset_covers(context) if context.tsv.exists() else iter(())
    links: dict[str, tuple[str, ...]] = {}
    while batch := list(islice(covers, _BATCH)):
        links |= {row.path: row.links for row in batch if row.links}
        # split.tsv has the ids, and albums without one are known by their files' names there.
        unlisted = (row for row in batch if not (is_listed and row.album_id))
        ledger.add_names((name_in(row.path), row.album) for row in unlisted)
    while found := list(islice(rows, _BATCH)):
        # The ledger may hold no other sets, and no other paths.
        known_sets = (each for each in found if each["set"] in {*SETS, ASIDE})
        some = [each for each in known_sets if is_cover_path(each["file"])]
        senseless += len(found) - len(some)
        albums = [each["album_id"] or ledger.album_named(name_in(each["file"])) for each in some]
        sets = [
            AlbumSet(album, path, each["set"])
            for album, each in zip(albums, some, strict=True)
            for path in (each["file"], *links.get(each["file"], ()))
        ]
        dealt = [
            _placement(album or name_in(each["file"]), each, ledger)
            for album, each in zip(albums, some, strict=True)
            if was_remembered(each)
        ]
        ledger.add_sets(sets, dealt)
    link = _link(context)
    # "move" makes the covers be looked for in the images folder and in the sets.
    if link and (link == Link.MOVE or not ledger.value(SPLIT_LINK)):
        ledger.remember(SPLIT_LINK, link)
    return ledger.finish_sets(), senseless


def _placement(album: str, row: Mapping[str, str], ledger: RebuiltLedger) -> Placement:
    artist = artist_key(ledger.artist_of(row["album_id"]))
    ties = [f"artist {artist}"] if artist else []
    ties += [f"cover {row['sha256']}"] if row["sha256"] else []
    return Placement(album, row["set"], tuple(ties))


def _listed(context: Context) -> Iterator[Mapping[str, str]]:
    try:
        yield from listed_sets(context.split)
    except InputError as err:
        msg = f"{err} Or move the file away: `equigen repair` then takes the sets from their files."
        raise InputError(msg) from None


def _laid_out(context: Context) -> Iterator[dict[str, str]]:
    for place in files_in_sets(context.split):
        file = in_set(context.split, place)
        home = FileBelow(context.images, place.path)
        if file.link_text() == home.relative_to(file):
            file = home
        if "/." not in place.path and file.exists():
            cells = ("", place.set_name, "files", place.path, sha256_of(file))
            yield dict(zip(SET_COLUMNS, cells, strict=True))


def _link(context: Context) -> str:
    """Guess how covers got into their sets; "move" matters, as they lie nowhere else then."""
    for place in files_in_sets(context.split):
        file = in_set(context.split, place)
        home = FileBelow(context.images, place.path)
        if file.link_text():
            return Link.SYMLINK
        if not home.exists():
            return Link.MOVE
        return Link.HARDLINK if file.is_same_as(home) else Link.COPY
    return ""


def note_requests(ledger: RebuiltLedger, day: str) -> Counter[str]:
    """Count the requests of a UTC day that brought covers, at least; return them by host."""
    counts: Counter[str] = Counter()
    for url, tries in ledger.asked_on(day):
        counts[host_of(url)] += max(1, tries)
    ledger.count_at_least(counts, day)
    return counts
