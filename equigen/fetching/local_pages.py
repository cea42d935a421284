"""The pages of a source that lies on the disk: its albums, sorted by label and year."""

import math
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Self

from equigen.dataset.context import BarMaker
from equigen.identity.albums import Identity
from equigen.labels.builtin import Label
from equigen.ledger.ledger import Ledger
from equigen.schema import Album, Listing
from equigen.sources.base import Catalogue
from equigen.sources.paging import Extent, PageRef, Query

_PAGE_SIZE = 100
# So many albums at a time are sorted, or written down once they are taken.
_BATCH = 2000
# Different sets of genres and styles whose labels are remembered: most albums share theirs.
_REMEMBERED = 50_000
_TABLE = """
CREATE TABLE found (
    label INTEGER NOT NULL, year INTEGER NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (label, year, number)
) WITHOUT ROWID
"""


class LocalPages:
    """Gives out the albums of a catalogue as pages, one query a label and year.

    An album stands under each label that it fits and under its own year; those of no such label or
    year, or of no known year, under none. Nothing about pages is remembered from run to run: what
    was taken is known by the ledger. Close it, or use it as a context.
    """

    reach = sys.maxsize
    page_size = _PAGE_SIZE

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        *,
        labels: Sequence[Label],
        years: Sequence[int],
        bar: BarMaker,
    ) -> None:
        self.answers = 0
        self.others = 0
        self._catalogue, self._ledger = catalogue, ledger
        self._labels = {label: at for at, label in enumerate(labels)}
        self._found = sqlite3.connect("", isolation_level=None)  # a temporary file of SQLite's own
        self._in_hand: dict[PageRef, list[Listing]] = {}
        self._rows_left: dict[PageRef, int] = {}
        self._taken: list[tuple[Album, Identity]] = []
        self._items: Counter[tuple[int, int]] = Counter()
        self._facts: Counter[str] = Counter()
        try:
            self._sort(frozenset(years), bar)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget how the albums were sorted."""
        self._found.close()

    @property
    def notes(self) -> Sequence[str]:
        """What the catalogue holds, and what of it was asked for."""
        facts = {**self._catalogue.facts, **self._facts}
        return [", ".join(f"{count:,} {what}" for what, count in facts.items() if count)]

    def slices(self, _query: Query) -> Sequence[Query]:
        """Cut nothing: there is no limit to how much a query gives."""
        return ()

    def extent(self, query: Query) -> Extent:
        """Return how many albums of the catalogue stand under a label and year."""
        items = self._items[self._at(query)]
        return Extent(items, math.ceil(items / _PAGE_SIZE))

    def rows_left(self, ref: PageRef) -> int:
        """Return how many rows of a page were not used in this run."""
        if ref in self._rows_left:
            return self._rows_left[ref]
        items = self._items[self._at(ref.query)]
        return max(0, min(_PAGE_SIZE, items - (ref.page - 1) * _PAGE_SIZE))

    def begun(self, ref: PageRef) -> bool:
        """Tell whether some rows of a page were used in this run."""
        return ref in self._rows_left

    def moved(self, _query: Query) -> Sequence[int]:
        """Return none: what lies on the disk doesn't move."""
        return ()

    def listings(self, ref: PageRef, *, ahead: Callable[[], Iterable[PageRef]]) -> list[Listing]:  # noqa: ARG002  (nothing is far away)
        """Return the rows of a page that are not used yet."""
        left = self.rows_left(ref)
        if left and ref not in self._in_hand:
            self._in_hand[ref] = list(self._catalogue.listings(self._numbers(ref)))
        return self._in_hand[ref][-left:] if left else []

    def use(self, ref: PageRef, *, rows_left: int, taken: Sequence[Album]) -> None:
        """Note which albums were taken from a page and that `rows_left` are unused."""
        self._taken += [(album, Identity.of(album.listing, album.genre)) for album in taken]
        self._rows_left[ref] = rows_left
        if not rows_left:
            self._in_hand.pop(ref, None)
        if len(self._taken) >= _BATCH:
            self._write_down()

    def settle(self) -> None:
        """Write down for ever what was taken so far, and let go of the rows in hand."""
        self._write_down()
        self._in_hand.clear()

    def _write_down(self) -> None:
        # Taken away first: who is interrupted in between and comes here again writes nothing twice.
        taken, self._taken = self._taken, []
        if taken:
            self._ledger.use_pages((), taken=taken)

    def _sort(self, years: frozenset[int], bar: BarMaker) -> None:
        self._found.execute(_TABLE)
        if not self._labels:
            return  # all are full: nothing is wanted
        fits = self._catalogue.fits

        @lru_cache(_REMEMBERED)
        def labels_of(genres: tuple[str, ...], styles: tuple[str, ...]) -> list[int]:
            return [at for label, at in self._labels.items() if fits(label, genres, styles)]

        offers = self._catalogue.offers()
        with bar("sort", self._catalogue.size, "album") as shown:
            self._found.execute("BEGIN")
            while batch := list(islice(offers, _BATCH)):
                asked = [offer for offer in batch if offer.year in years]
                rows = [
                    (label, offer.year, offer.number)
                    for offer in asked
                    for label in labels_of(offer.genres, offer.styles)
                ]
                self._found.executemany("INSERT INTO found VALUES (?, ?, ?)", rows)
                self._facts["of a label and year asked for"] += len({number for *_, number in rows})
                self._items.update((label, year) for label, year, _ in rows)
                self._facts["of no known year"] += sum(not offer.year for offer in batch)
                shown.advance(len(batch))
            self._found.execute("COMMIT")

    def _numbers(self, ref: PageRef) -> list[int]:
        rows = self._found.execute(
            "SELECT number FROM found WHERE label = ? AND year = ? ORDER BY number"
            " LIMIT ? OFFSET ?",
            (*self._at(ref.query), _PAGE_SIZE, (ref.page - 1) * _PAGE_SIZE),
        )
        return [number for (number,) in rows]

    def _at(self, query: Query) -> tuple[int, int]:
        return self._labels.get(query.label, -1), query.year
