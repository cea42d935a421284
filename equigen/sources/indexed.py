"""Offer the albums of published files that are indexed: what sources of such files share."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

from equigen.config.settings import Settings
from equigen.dataset.context import Context
from equigen.dumps.index import IndexKind, facts_of, has_index, index_of, reading, values_in
from equigen.errors import MissingInputError
from equigen.labels.matches import Fits
from equigen.labels.taxonomy import Query, fits
from equigen.schema import Listing
from equigen.sources.base import Catalogue, LocalSource, Offer


class SourceFile(NamedTuple):
    """The setting that names a file, and its index; `needed` says what to give where it must be."""

    setting: str
    kind: IndexKind
    needed: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The albums of a source.

    The query `view` over its indexes gives a row for each: `number`, `artist`, `title`, `year` (0
    where none is known), and lists `genres`, `styles`, `artist_ids` and `tracks`. The query `found`
    gives the numbers of albums by a JSON array of ids without the source's name. `own` returns what
    else a listing has, or has instead, by a row; `nameless` is the name of the count of albums
    without artist and title.
    """

    view: str
    found: str
    own: Callable[[Settings, sqlite3.Connection, sqlite3.Row], Mapping[str, Any]]
    nameless: str
    fits: Fits = fits


def indexed_source(shown: Shown, *files: SourceFile, licence: str) -> LocalSource:
    """Return the source of albums in some files; opening it looks for them."""

    def named(context: Context) -> list[tuple[Path, IndexKind]]:
        found: list[tuple[Path, IndexKind]] = []
        for each in files:
            if path := context.config.file_of(each.setting):
                found.append((path, each.kind))
            elif each.needed:
                flag = each.setting.replace(".", "-").replace("_", "-")
                msg = f"{each.setting}: no file is named: give it by --{flag}. {each.needed}"
                raise MissingInputError(msg)
        return found

    @contextmanager
    def opened(context: Context) -> Iterator[Catalogue]:
        there = named(context)
        indexes = [index_of(path, kind, context) for path, kind in there]
        held = {name: count for index in indexes for name, count in facts_of(index).items()}
        with reading(*indexes) as db:
            lacking = {each.kind for each in files} - {kind for _, kind in there}
            yield IndexedAlbums(db, held, shown, context.settings, lacking)

    return LocalSource(
        opened,
        is_indexed=lambda context: all(starmap(has_index, named(context))),
        licence=licence,
        takes_undated=True,
    )


@dataclass(slots=True)
class IndexedAlbums:
    """Albums of indexes, a `Catalogue`; `held` are the counts of these, `lacking` others."""

    db: sqlite3.Connection
    held: Mapping[str, int]
    shown: Shown
    settings: Settings
    lacking: InitVar[Iterable[IndexKind]]
    _offered: Counter[str] = field(default_factory=Counter)

    def __post_init__(self, lacking: Iterable[IndexKind]) -> None:
        """Make the view, with empty tables for the indexes that are lacking."""
        for kind in lacking:
            self.db.execute(kind.schema)
        self.db.execute(f"CREATE TEMP VIEW shown AS {self.shown.view}")

    @property
    def size(self) -> int:
        """The number of albums."""
        (size,) = self.db.execute("SELECT count(*) FROM shown").fetchone()
        return int(size)

    @property
    def facts(self) -> Mapping[str, int]:
        """The indexes' counts, and those of the albums once all were offered."""
        return {**self.held, **self._offered}

    def offers(self) -> Iterator[Offer]:
        """Yield every album; those without a picture are dropped later, by name."""
        asked = "SELECT number, year, genres, styles, artist || title <> '' FROM shown"
        self._offered.clear()  # they are offered more than once
        for number, year, genres, styles, is_named in self.db.execute(f"{asked} ORDER BY number"):
            self._offered["albums"] += 1
            self._offered[self.shown.nameless] += not is_named
            yield Offer(number, year, values_in(genres), values_in(styles))

    def listings(self, numbers: Sequence[int]) -> list[Listing]:
        """Return some albums in full, in the order of their numbers."""
        cursor = self.db.cursor()
        cursor.row_factory = sqlite3.Row
        asked = "SELECT * FROM shown WHERE number IN (SELECT value FROM json_each(?))"
        rows = cursor.execute(f"{asked} ORDER BY number", (json.dumps(numbers),))
        return list(map(self._listing, rows))

    def numbers(self, album_ids: Sequence[str]) -> list[int]:
        """Return the numbers of the albums with these ids."""
        keys = json.dumps([each.partition(":")[2] for each in album_ids])
        return sorted(number for (number,) in self.db.execute(self.shown.found, (keys,)))

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album of these genres belongs to the query."""
        return self.shown.fits(query, genres, styles)

    def _listing(self, row: sqlite3.Row) -> Listing:
        told = {
            "artist": row["artist"],
            "title": row["title"],
            "year": f"{row['year']:04}" if row["year"] else "",
            "genres": values_in(row["genres"]),
            "styles": values_in(row["styles"]),
            "country": "",
            "formats": (),
            "artist_ids": values_in(row["artist_ids"]),
            "tracks": values_in(row["tracks"]),
        }
        return Listing(**{**told, **self.shown.own(self.settings, self.db, row)})
