"""Plan the result pages: their order, those needed next, and those to request again.

A query's pages are walked year by year, from the newest down (`EvenPlan` has another order). A
search with more results than the service gives out is sliced (Discogs: by country, then by format;
MusicBrainz: by month, then by genre) until each slice is below that limit. Pages are used strictly
in this order, which depends on the rows used so far alone: so one catalogue gives one dataset, and
a smaller limit the first albums of a larger one. Pages that are certain to be used are requested
early.

Results may move while a search is paged through: if some vanish, the rest moves up, and the first
result of the next page is on a page that was read already. Each page has the search's count of
results, so that a change is noticed and earlier pages are read again, once.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from equigen.errors import HttpStatusError
from equigen.labels.taxonomy import Query
from equigen.schema import Listing
from equigen.sources.base import Page, Search

NOT_FOUND, FORBIDDEN = 404, 403
# A year is assumed to have at most this many results more than twice those of the year after it.
_FEW = 10


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of a search's results, counted from 1; `again` for its second reading."""

    search: Search
    page: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """The numbers of results and pages of a search, as its first page gives them."""

    items: int
    pages: int


@dataclass(slots=True)
class PageState:
    """The state of a page that came.

    `items` is its count of the search's results, `asks` the number of requests for it.
    `is_past_the_end` means that there was no such page. `is_doubted` means that another page of the
    same search shows one of its results too, so that a further result is on none of them.
    """

    items: int
    asks: int
    rows_left: int = 0
    is_begun: bool = False
    is_past_the_end: bool = False
    is_doubted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePlan:
    """The order of all pages, as far as the pages that came so far decide it.

    `missing(query)` is the number of albums that the query may still take. All fields but that and
    `years` are attributes of `PrefetchedPages` or `LocalPages`.
    """

    years: Sequence[int]
    missing: Callable[[Query], int]
    reach: int
    page_size: int
    asked: Callable[[Query], Sequence[Query]]
    slices: Callable[[Search], Sequence[Search]]
    extent: Callable[[Search], Extent | None]
    rows_left: Callable[[PageRef], int | None]
    moved: Callable[[Search], Sequence[int]]

    def turns(self, query: Query) -> Iterator[tuple[PageRef, int]]:
        """Yield the page to use next, and the most albums to take from it: all that are missing.

        Before the next turn, they must have been taken, or all rows of the page used.
        """
        for ref in self.pages(query):
            missing = self.missing(query)
            if not missing:
                return
            if self.rows_left(ref) != 0:
                yield ref, missing

    def pages(self, query: Query) -> Iterator[PageRef]:
        """Yield the query's pages in order; each must have come before the next is taken."""
        for search in self.searches(query, self.years):
            yield from self.walk(search)

    def searches(self, query: Query, years: Iterable[int]) -> Iterator[Search]:
        """Yield the query's searches: for each year those that its terms take."""
        asked = self.asked(query)
        for year in years:
            for each in asked:
                yield Search(each, year)

    def out_of_reach(self, query: Query) -> int:
        """Return an upper bound of the query's results that the service doesn't give out."""
        extents = [(each, self.extent(each)) for each in self.searches(query, self.years)]
        return sum(it.items - self._within_reach(each, it) for each, it in extents if it)

    def ahead(self, query: Query, *, most: int = sys.maxsize) -> Iterator[PageRef]:
        """Yield the pages that didn't come yet and that the query will need, in order.

        `most` is the number of albums that others of its label leave it at least. A page is yielded
        only if all rows before it can't fill the query, so that no request is in vain. The only
        guess is that a year has not many more than twice the results of the year walked before it.
        """
        missing, before = min(self.missing(query), most), 0
        last_items = dict[Query, int]()
        for root in self.searches(query, self.years):
            if before >= missing:
                return
            extent = self.extent(root)
            if extent is not None:
                yield from self.needed(root, extent, room=missing - before)
                before += self._rows_at_most(root, extent)
                last_items[root.query] = extent.items
                continue
            yield PageRef(root, 1)
            if root.query not in last_items:
                return
            before += 2 * last_items[root.query] + _FEW

    def needed(self, root: Search, extent: Extent, *, room: int) -> Iterator[PageRef]:
        """Yield the pages of a year that didn't come yet and that `room` more albums need."""
        all_needed = extent.items < room
        before = 0
        for ref in self.walk(root):
            if before >= room and not all_needed:
                return
            rows = self.rows_left(ref)
            if rows is None:
                yield ref
            if self.extent(ref.search) is None and not all_needed:
                return
            before += self.page_size if rows is None else rows

    def _rows_at_most(self, root: Search, extent: Extent) -> int:
        """Return the most rows that the year can still give."""
        rows = 0
        for ref in self.walk(root):
            if self.extent(ref.search) is None:
                return extent.items
            left = self.rows_left(ref)
            rows += self.page_size if left is None else left
        return rows

    def walk(self, search: Search) -> Iterator[PageRef]:
        """Yield the search's pages in order; later ones depend on the pages that came meanwhile."""
        yield PageRef(search, 1)
        extent = self.extent(search)
        if extent is None:
            return
        slices = self.slices(search) if extent.items > self.reach else ()
        for part in slices:
            yield from self.walk(part)
        if slices and self._hold_all(slices, extent.items):
            return
        # The search isn't sliced, or some of its results are in no slice.
        yield from self._further(search)

    def _further(self, search: Search) -> Iterator[PageRef]:
        """Yield the pages after the first, then those to read again, each once."""
        page, read_again = 1, set[int]()
        while True:
            if page < self._last(search):
                page += 1
                yield PageRef(search, page)
                continue
            refs = (PageRef(search, number) for number in range(1, page + 1))
            all_came = all(self.rows_left(ref) is not None for ref in refs)
            moved = self.moved(search) if page > 1 and all_came else ()
            again = next((each for each in moved if each not in read_again), None)
            if again is None:
                return
            read_again.add(again)
            yield PageRef(search, again, again=True)

    def _last(self, search: Search) -> int:
        extent = self.extent(search)
        return min(extent.pages, self.reach // self.page_size) if extent else 1

    def _hold_all(self, searches: Sequence[Search], items: int) -> bool:
        """Tell whether searches together have all results, as far as their extents are known."""
        extents = [self.extent(search) for search in searches]
        return None in extents or sum(extent.items for extent in extents if extent) >= items

    def _within_reach(self, search: Search, extent: Extent) -> int:
        """Return a lower bound of the results that the search or its slices give."""
        if extent.items <= self.reach:
            return extent.items
        parts = [(part, self.extent(part)) for part in self.slices(search)]
        held = sum(self._within_reach(part, known) for part, known in parts if known)
        return min(extent.items, max(self.reach, held))


def rows_expected(items: int, page: int, *, page_size: int, reach: int) -> int:
    """Return the number of results that a page must have by its own count for the search."""
    return max(0, min(page_size, min(items, reach) - (page - 1) * page_size))


def to_read_again(states: Mapping[int, PageState]) -> list[int]:
    """Return the pages of a search to read again, from the states in the order in which they came.

    These are the pages whose count differs from that of the newest page, and those in doubt. If the
    newest one is past the end, only the first page can give the new count. No page is requested
    more than twice, so that results which keep moving come to an end.
    """
    if not states:
        return []
    newest = states[list(states)[-1]]
    return sorted(
        page
        for page, each in states.items()
        if each.asks == 1
        and (
            each.is_doubted
            or (each.items != newest.items and (page == 1 or not newest.is_past_the_end))
        )
    )


def rows_of(page: Page) -> int:
    """Return the number of different results of a page."""
    return len({listing.album_id for listing in page.listings}) + page.others


def merge(first: Page, second: Page) -> Page:
    """Merge two answers for the same page: the second, and results that only the first has.

    An album without a picture in the second answer is taken from the first if it has one there.
    """
    with_picture = {each.album_id: each for each in first.listings if each.image_url}
    listings = [
        each if each.image_url else with_picture.get(each.album_id, each)
        for each in second.listings
    ]
    there = {each.album_id for each in listings}
    listings += [each for each in first.listings if each.album_id not in there]
    counts = second if second.pages and second.is_counted else first
    return replace(
        counts,
        listings=tuple({each.album_id: each for each in listings}.values()),
        others=second.others if second.listings or second.others else first.others,
        torn=min(first.torn, second.torn),
    )


def redact(page: Page, hide: Callable[[str], str]) -> Page:
    """Hide secrets in a page's texts, since a service may quote the credentials it was sent."""
    return replace(page, listings=tuple(redacted(each, hide) for each in page.listings))


def redacted(listing: Listing, hide: Callable[[str], str]) -> Listing:
    """Return a listing whose texts are hidden where they hold secrets."""
    return replace(
        listing,
        artist=hide(listing.artist),
        title=hide(listing.title),
        image_url=hide(listing.image_url),
        genres=tuple(map(hide, listing.genres)),
        styles=tuple(map(hide, listing.styles)),
        country=hide(listing.country),
        formats=tuple(map(hide, listing.formats)),
        more_images=tuple(map(hide, listing.more_images)),
    )


def is_past_the_end(err: HttpStatusError) -> bool:
    """Tell whether an error means that a page is past the end, or past the service's limit."""
    if err.status == FORBIDDEN:
        return "pagination" in str(err).casefold()
    return err.status == NOT_FOUND
