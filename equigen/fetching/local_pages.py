"""Give out the albums of a local source as pages, sorted by query and year."""

import math
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from equigen.dataset.context import BarMaker
from equigen.fetching.paging import Extent, PageRef
from equigen.fetching.selection import Selection
from equigen.identity.albums import Identity
from equigen.identity.artists import somebodys_ids
from equigen.labels.matches import Matches
from equigen.labels.taxonomy import Query
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Addition
from equigen.schema import Album, Listing
from equigen.sources.base import Catalogue, Offer, Search

_PAGE_SIZE = 100
# The number of albums that are sorted, or written to the ledger, at a time.
_BATCH = 2000
# The number that rows are looked for at a time: of a fifth as many each takes polars twice as long.
_COMPARED = 10_000
_MOST_GENRES = 5
_TABLE = """
CREATE TABLE found (
    query INTEGER NOT NULL, year INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (query, year, number)
) WITHOUT ROWID
"""


def additions_of(
    catalogue: Catalogue, selection: Selection, bar: BarMaker, *, is_only_source: bool
) -> Iterator[Addition]:
    """Yield what a catalogue knows of albums that other sources brought.

    The dataset's only source so far isn't read for that where each row has an id of it.
    """
    numbers = (offer.number for offer in catalogue.offers())
    listings = catalogue.listings(list(islice(numbers, _COMPARED)))
    if is_only_source and not selection.lacks_source_of(listings):
        return
    with bar("combine", catalogue.size, "album") as shown:
        while listings:
            yield from filter(None, map(selection.addition, listings, _identities(listings)))
            shown.advance(len(listings))
            listings = catalogue.listings(list(islice(numbers, _COMPARED)))


def _identities(listings: Sequence[Listing]) -> list[Identity]:
    import polars as pl  # noqa: PLC0415  (starts a thread)

    from equigen.identity.columns import identities  # noqa: PLC0415

    cells = {
        "artist": [each.artist for each in listings],
        "album": [each.title for each in listings],
        "image_url": [each.image_url for each in listings],
    }
    rows = identities(pl.DataFrame(cells)).rows()
    return [
        Identity(
            each.album_id, artist, each.title, picture, "",
            tuple(somebodys_ids(each.artist_ids)), names, single,
        )
        for each, (artist, picture, names, single) in zip(listings, rows, strict=True)
    ]  # fmt: skip


class LocalPages:
    """Pages of a catalogue: one search a query and year.

    An album is listed under each query that it fits, and under its year, which is 0 where none is
    known. `known` are all queries of the taxonomy. No page is stored from run to run, since the
    ledger knows the taken albums. Close it at the end.
    """

    reach = sys.maxsize
    page_size = _PAGE_SIZE

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        *,
        queries: Sequence[Query],
        known: Sequence[Query],
        years: Sequence[int],
        bar: BarMaker,
    ) -> None:
        self.answers = 0
        self.others = 0
        self._catalogue, self._ledger = catalogue, ledger
        self.matches = Matches(queries, catalogue.fits)
        self._all_matches = Matches(known, catalogue.fits)
        self._unmatched, self._of_no_query = Counter[str](), 0
        self._queries = {query: at for at, query in enumerate(queries)}
        self._index = sqlite3.connect("", isolation_level=None)  # a temporary file of SQLite's own
        self._rows: dict[PageRef, list[Listing]] = {}
        self._rows_left: dict[PageRef, int] = {}
        self._taken: list[Album] = []
        self._added: list[Addition] = []
        self._items: Counter[tuple[int, int]] = Counter()
        self._facts: Counter[str] = Counter()
        try:
            self._sort(frozenset(years), bar)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the temporary index."""
        self._index.close()

    @property
    def notes(self) -> Sequence[str]:
        """Counts of the catalogue and of the requested albums; the genres that no query takes."""
        facts = {**self._catalogue.facts, **self._facts}
        told = [", ".join(f"{count:,} {what}" for what, count in facts.items() if count)]
        if genres := self._unmatched.most_common(_MOST_GENRES):
            named = ", ".join(f"{genre} ({count:,})" for genre, count in genres)
            rest = ", ..." if len(self._unmatched) > _MOST_GENRES else ""
            albums = f"{self._of_no_query:,} albums match no label of the taxonomy"
            told.append(f"{albums}: {named}{rest}.")
        return told

    def asked(self, query: Query) -> Sequence[Query]:
        """Return the query itself: its rule is applied to all albums at once."""
        return (query,)

    def slices(self, _search: Search) -> Sequence[Search]:
        """Return (): no search has too many results."""
        return ()

    def extent(self, search: Search) -> Extent:
        """Return the number of albums under a query and year."""
        items = self._items[self._at(search)]
        return Extent(items, math.ceil(items / _PAGE_SIZE))

    def rows_left(self, ref: PageRef) -> int:
        """Return the number of rows of a page that were not used in this run."""
        if ref in self._rows_left:
            return self._rows_left[ref]
        items = self._items[self._at(ref.search)]
        return max(0, min(_PAGE_SIZE, items - (ref.page - 1) * _PAGE_SIZE))

    def begun(self, ref: PageRef) -> bool:
        """Tell whether some rows of a page were used in this run."""
        return ref in self._rows_left

    def moved(self, _search: Search) -> Sequence[int]:
        """Return (): local results don't move."""
        return ()

    def listings(self, ref: PageRef, *, ahead: Callable[[], Iterable[PageRef]]) -> list[Listing]:  # noqa: ARG002  (no page has to come)
        """Return the unused rows of a page."""
        left = self.rows_left(ref)
        if left and ref not in self._rows:
            self._rows[ref] = list(self._catalogue.listings(self._numbers(ref)))
        return self._rows[ref][-left:] if left else []

    def use(
        self,
        ref: PageRef,
        *,
        rows_left: int,
        taken: Sequence[Album],
        added: Sequence[Addition] = (),
    ) -> None:
        """Note the albums taken from a page or added to rows, and its number of unused rows."""
        self._taken += taken
        self._added += added
        self._rows_left[ref] = rows_left
        if not rows_left:
            self._rows.pop(ref, None)
        if len(self._taken) + len(self._added) >= _BATCH:
            self._write_down()

    def settle(self) -> None:
        """Write the taken albums to the ledger, and free the rows in memory."""
        self._write_down()
        self._rows.clear()

    def _write_down(self) -> None:
        # Cleared first, so that an interrupted call and a second one write nothing twice.
        taken, added, self._taken, self._added = self._taken, self._added, [], []
        if taken or added:
            self._ledger.use_pages((), taken=taken, added=added)

    def _sort(self, years: frozenset[int], bar: BarMaker) -> None:
        self._index.execute(_TABLE)
        if not self._queries:
            return  # all queries are full
        offers = self._catalogue.offers()
        with bar("sort", self._catalogue.size, "album") as shown:
            self._index.execute("BEGIN")
            while batch := list(islice(offers, _BATCH)):
                asked = [offer for offer in batch if offer.year in years]
                rows = [
                    (query, offer.year, offer.number)
                    for offer in asked
                    for query in self._matched(offer)
                ]
                self._index.executemany("INSERT INTO found VALUES (?, ?, ?)", rows)
                self._facts["of a query and year asked for"] += len({number for *_, number in rows})
                self._items.update((query, year) for query, year, _ in rows)
                self._facts["of no known year"] += sum(not offer.year for offer in batch)
                shown.advance(len(batch))
            self._index.execute("COMMIT")

    def _matched(self, offer: Offer) -> list[int]:
        """Return the places of the queries that an album matches; count it where none takes it."""
        genres, styles = offer.genres, offer.styles
        found = self.matches.add(genres, styles)
        if genres and not found and not self._all_matches.add(genres, styles):
            self._unmatched.update(genres)
            self._of_no_query += 1
        return found

    def _numbers(self, ref: PageRef) -> list[int]:
        rows = self._index.execute(
            "SELECT number FROM found WHERE query = ? AND year = ? ORDER BY number"
            " LIMIT ? OFFSET ?",
            (*self._at(ref.search), _PAGE_SIZE, (ref.page - 1) * _PAGE_SIZE),
        )
        return [number for (number,) in rows]

    def _at(self, search: Search) -> tuple[int, int]:
        return self._queries.get(search.query, -1), search.year
