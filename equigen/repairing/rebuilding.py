"""What the files of a dataset tell of themselves, brought into a ledger that doesn't know it.

Memory holds some rows at a time, however many there are.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from equigen.dataset.context import Bar, Context
from equigen.dataset.layouts import (
    SET_COLUMNS,
    SPLIT_TSV,
    files_in_sets,
    listed_sets,
    sha256_of,
    was_remembered,
)
from equigen.errors import InputError
from equigen.fetching.pending import albums_of
from equigen.identity.artists import artist_key
from equigen.identity.pictures import host_of
from equigen.ledger.ledger import SPLIT_LINK, Ledger
from equigen.ledger.models import Placement, Taken
from equigen.ledger.soundness import is_cover_path
from equigen.schema import ASIDE, SETS, Link

_BATCH = 500


class RebuiltLedger(Ledger):
    """A ledger that is being built, and what only then is asked of it."""

    def begin(self) -> None:
        """Make finding albums quick; `finish` takes it back."""
        with self._transaction() as db:
            db.execute("CREATE INDEX IF NOT EXISTS known ON albums (album_id, artist, title)")

    def finish(self) -> None:
        """Leave the tables as those of any ledger."""
        with self._transaction() as db:
            db.execute("DROP INDEX IF EXISTS known")

    def add_albums(self, albums: Sequence[Taken]) -> int:
        """Note albums that were taken, but those that it knows; return how many are new."""
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
        """Return the artist of an album, "" where it isn't known."""
        sql = "SELECT artist FROM albums WHERE album_id = ? AND album_id <> '' LIMIT 1"
        with self._rows(sql, (album_id,)) as rows:
            return next((str(artist) for (artist,) in rows), "")

    def add_sets(self, sets: Sequence[tuple[str, str]]) -> int:
        """Note the sets of covers, but those that it knows; return how many are new."""
        with self._transaction() as db:
            before = db.total_changes
            db.executemany("INSERT OR IGNORE INTO sets VALUES (?, ?)", sets)
            return db.total_changes - before

    def add_placements(self, placements: Sequence[Placement]) -> int:
        """Note where albums went, but those that it knows; return how many are new."""
        rows = [(each.album, each.set_name, json.dumps(each.ties)) for each in placements]
        with self._transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT OR IGNORE INTO placements (album, set_name, ties) VALUES (?, ?, ?)", rows
            )
            return db.total_changes - before

    def count_at_least(self, counts: Mapping[str, int], day: str) -> None:
        """Raise the requests of a day to these counts, host by host, where they are fewer."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO requests VALUES (?1, ?2, ?3) ON CONFLICT (host, day)"
                " DO UPDATE SET count = max(count, ?3)",
                [(host, day, count) for host, count in counts.items()],
            )

    def asked_on(self, day: str) -> Iterator[tuple[str, int]]:
        """Yield the address of each cover that was asked for on a day, and how often it was."""
        sql = "SELECT url, tries FROM covers WHERE substr(fetched_at, 1, 10) = ?"
        with self._rows(sql, (day,)) as rows:
            yield from rows


def note_albums(context: Context, ledger: RebuiltLedger, bar: Bar) -> int:
    """Note the albums of the TSV as taken, so that none is taken again; return how many are new.

    Raises:
        InputError: the TSV is broken.

    """
    new = 0
    albums = albums_of(context.tsv)
    while some := list(islice(albums, _BATCH)):
        new += ledger.add_albums(some)
        bar.advance(len(some))
    return new


class Sets(NamedTuple):
    """How many albums' sets only the files told, and how many of their lines made no sense."""

    placed: int
    senseless: int


def note_sets(context: Context, ledger: RebuiltLedger) -> Sets:
    """Note the set of each album as `split.tsv` has it, or where there is none, the sets' files.

    Raises:
        InputError: `split.tsv` is broken.

    """
    placed = senseless = 0
    rows = _listed(context) if (context.split / SPLIT_TSV).is_file() else _laid_out(context)
    while found := list(islice(rows, _BATCH)):
        some = [each for each in found if _makes_sense(each)]
        senseless += len(found) - len(some)
        ledger.add_sets([(each["file"], each["set"]) for each in some])
        placed += ledger.add_placements(
            [_placement(each, ledger) for each in some if was_remembered(each)]
        )
    if not ledger.value(SPLIT_LINK) and (link := _link(context)):
        ledger.remember(SPLIT_LINK, link)
    return Sets(placed, senseless)


def _makes_sense(row: Mapping[str, str]) -> bool:
    """Tell whether a row names a set and a cover: what else the ledger had would be damaged."""
    return row["set"] in {*SETS, ASIDE} and is_cover_path(row["file"])


def _placement(row: Mapping[str, str], ledger: RebuiltLedger) -> Placement:
    album = row["album_id"] or row["file"].rpartition("/")[2].rpartition(".")[0]
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
        file = context.split / place.set_name / place.path
        if not file.name.startswith(".") and file.exists():  # a link may lead nowhere
            cells = ("", place.set_name, "files", place.path, sha256_of(file))
            yield dict(zip(SET_COLUMNS, cells, strict=True))


def _link(context: Context) -> str:
    """Guess how covers got into their sets; only "move" matters: they lie nowhere else then."""
    for place in files_in_sets(context.split):
        file, home = context.split / place.set_name / place.path, context.images / place.path
        if file.is_symlink():
            return Link.SYMLINK
        if not home.exists():
            return Link.MOVE
        return Link.HARDLINK if file.samefile(home) else Link.COPY
    return ""


def note_requests(ledger: RebuiltLedger, day: str) -> Counter[str]:
    """Count at least those requests of a UTC day by which covers came; return them by host."""
    counts: Counter[str] = Counter()
    for url, tries in ledger.asked_on(day):
        counts[host_of(url)] += max(1, tries)
    ledger.count_at_least(counts, day)
    return counts
