"""Which result pages are asked for, in which order, and how far ahead of their use.

A label's pages are walked year by year, from the newest down. Where a query has more results than
the service gives out, it is cut into slices (Discogs: by country, then by format; MusicBrainz: by
month, then by genre) until each is below that. Answers are used strictly in this order, whatever
order they come in, so that one catalogue gives one dataset; but pages that are certain to be used
are asked for early.

While a query is paged through, its results may move: where some vanish, the rest moves up, and what
was first on the next page is on one that was read already. A page tells how many results its query
has, so that this shows, and what was read before is read again, once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from equigen.labels.builtin import Label
from equigen.schema import Album, Listing

# A year is guessed to have at most twice the results of the year after it, and these more.
_FEW = 10


@dataclass(frozen=True, slots=True)
class Query:
    """What a source is asked: one label in one year, or a slice of it.

    `country` and `format` are "" where the query isn't cut by them; `part` is the slice of a
    source that cuts by something else, in words of its own.
    """

    label: Label
    year: int
    country: str = ""
    format: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of a query's results; pages count from 1. `again`: as it is read a second time."""

    query: Query
    page: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """How many results and pages a query has, as its first page tells."""

    items: int
    pages: int


@dataclass(frozen=True, slots=True)
class Told:
    """What one page said of its query, and how often it was asked for.

    `is_past_the_end` where there was no such page. `is_doubted` where it shows a result that
    another page of the same results shows too: another result is then on none of them.
    """

    items: int
    asks: int
    is_past_the_end: bool = False
    is_doubted: bool = False


class Pages(Protocol):
    """All result pages of a source, wherever they lie."""

    @property
    def reach(self) -> int:
        """How many results of one query can be had."""
        ...

    @property
    def page_size(self) -> int:
        """How many results a page has."""
        ...

    @property
    def answers(self) -> int:
        """How many pages came over the network in this run."""
        ...

    @property
    def others(self) -> int:
        """How many results on them are no albums."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of them, a sentence each."""
        ...

    def slices(self, query: Query) -> Sequence[Query]:
        """Cut a query that has too many results; nothing where it can't be cut any further."""
        ...

    def extent(self, query: Query) -> Extent | None:
        """Return how many results a query has; None before its first page came."""
        ...

    def rows_left(self, ref: PageRef) -> int | None:
        """Return how many rows of a page are not used yet; None before it came."""
        ...

    def begun(self, ref: PageRef) -> bool:
        """Tell whether some rows of a page were used."""
        ...

    def moved(self, query: Query) -> Sequence[int]:
        """Return the pages that must be read again: the results moved since they were read."""
        ...

    def listings(self, ref: PageRef, *, ahead: Callable[[], Iterable[PageRef]]) -> list[Listing]:
        """Return the rows of a page that are not used yet, waiting for it where it must come.

        `ahead` names, in order, further pages that will be needed.
        """
        ...

    def use(self, ref: PageRef, *, rows_left: int, taken: Sequence[Album]) -> None:
        """Note which albums were taken from a page and that `rows_left` are unused."""
        ...

    def settle(self) -> None:
        """Write down for ever what was used so far, and let go of the rows in hand."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """The order of all pages, as far as the answers that came so far tell.

    `reach` is how many results of a query the service gives out, `page_size` how many a page.
    `slices(query)` cuts a query, and returns nothing where it can't be cut any further.
    `extent(query)` is what its first page told, None before that came; `rows_left(ref)` is how
    many rows of a page are not used yet, None before it came. `moved(query)` are the pages that are
    to be read again once all of the query's are used.
    """

    years: Sequence[int]
    reach: int
    page_size: int
    slices: Callable[[Query], Sequence[Query]]
    extent: Callable[[Query], Extent | None]
    rows_left: Callable[[PageRef], int | None]
    moved: Callable[[Query], Sequence[int]] = lambda _: ()

    def pages(self, label: Label) -> Iterator[PageRef]:
        """Yield the label's pages in order; each must have come before the next is asked for."""
        for year in self.years:
            yield from self.walk(Query(label, year))

    def out_of_reach(self, label: Label) -> int:
        """Return how many results of the label, at most, the service doesn't give out."""
        return sum(self._kept_back(Query(label, year)) for year in self.years)

    def ahead(self, label: Label, *, missing: int) -> Iterator[PageRef]:
        """Yield pages that did not come yet and that the label will need, in order.

        `missing` is how many albums the label may still take. A page is yielded only if all rows
        before it could not fill the label, so none is asked for in vain; the one guess is that a
        year that wasn't asked for yet has not many more than twice the results of the one before.
        """
        before, last_items = 0, None
        for year in self.years:
            if before >= missing:
                return
            root = Query(label, year)
            extent = self.extent(root)
            if extent is not None:
                yield from self.needed(root, extent, room=missing - before)
                before += self._rows_at_most(root, extent)
                last_items = extent.items
                continue
            yield PageRef(root, 1)
            if last_items is None:
                return
            before += 2 * last_items + _FEW

    def needed(self, root: Query, extent: Extent, *, room: int) -> Iterator[PageRef]:
        """Yield a year's pages that did not come and that `room` albums can't do without."""
        all_needed = extent.items < room
        before = 0
        for ref in self.walk(root):
            if before >= room and not all_needed:
                return
            rows = self.rows_left(ref)
            if rows is None:
                yield ref
            if self.extent(ref.query) is None and not all_needed:
                return
            before += self.page_size if rows is None else rows

    def _rows_at_most(self, root: Query, extent: Extent) -> int:
        """Return how many rows the year can still give."""
        rows = 0
        for ref in self.walk(root):
            if self.extent(ref.query) is None:
                return extent.items
            left = self.rows_left(ref)
            rows += self.page_size if left is None else left
        return rows

    def walk(self, query: Query) -> Iterator[PageRef]:
        """Yield the query's pages in order, as far as they are known when each is asked for."""
        yield PageRef(query, 1)
        extent = self.extent(query)
        if extent is None:
            return
        slices = self.slices(query) if extent.items > self.reach else ()
        for part in slices:
            yield from self.walk(part)
        if slices and self._hold_all(slices, extent.items):
            return
        # Not cut, or some results lie in no slice: what the query itself gives out.
        yield from self._further(query)

    def _further(self, query: Query) -> Iterator[PageRef]:
        """Yield the pages after the first, then those that must be read again, each once."""
        page, read_again = 1, set[int]()
        while True:
            if page < self._last(query):
                page += 1
                yield PageRef(query, page)
                continue
            refs = (PageRef(query, number) for number in range(1, page + 1))
            all_came = all(self.rows_left(ref) is not None for ref in refs)
            moved = self.moved(query) if page > 1 and all_came else ()
            again = next((each for each in moved if each not in read_again), None)
            if again is None:
                return
            read_again.add(again)
            yield PageRef(query, again, again=True)

    def _last(self, query: Query) -> int:
        extent = self.extent(query)
        return min(extent.pages, self.reach // self.page_size) if extent else 1

    def _hold_all(self, queries: Sequence[Query], items: int) -> bool:
        """Tell whether the queries together have all results, as far as is known so far."""
        extents = [self.extent(query) for query in queries]
        return None in extents or sum(extent.items for extent in extents if extent) >= items

    def _kept_back(self, query: Query) -> int:
        extent = self.extent(query)
        return extent.items - self._within_reach(query, extent) if extent else 0

    def _within_reach(self, query: Query, extent: Extent) -> int:
        """Return how many results can be had at least, from the query itself or from its slices."""
        if extent.items <= self.reach:
            return extent.items
        parts = [(part, self.extent(part)) for part in self.slices(query)]
        held = sum(self._within_reach(part, known) for part, known in parts if known)
        return min(extent.items, max(self.reach, held))


def rows_expected(extent: Extent, page: int, *, page_size: int, reach: int) -> int:
    """Return how many results a page must have by what it says itself of its query."""
    return max(0, min(page_size, min(extent.items, reach) - (page - 1) * page_size))


def to_read_again(told: Mapping[int, Told]) -> list[int]:
    """Return which pages of a query, that have come in the order of `told`, must be read again.

    Those that speak of another number of results than the page that came last, and those in doubt.
    Where that one is past the end, what there is now only the first can tell. None is asked for
    more often than twice, so that results which move for ever come to an end.
    """
    if not told:
        return []
    newest = told[list(told)[-1]]
    return sorted(
        page
        for page, each in told.items()
        if each.asks == 1
        and (
            each.is_doubted
            or (each.items != newest.items and (page == 1 or not newest.is_past_the_end))
        )
    )
