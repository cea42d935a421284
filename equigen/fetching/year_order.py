"""Fill a query's quota evenly from all years, instead of from the newest ones."""

import heapq
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from equigen.fetching.paging import PagePlan, PageRef
from equigen.labels.taxonomy import Query
from equigen.sources.base import Search


@dataclass(slots=True)
class _Year:
    """A search of a year, its place in the order, and its first page that has or may have rows."""

    search: Search
    place: int
    walk: Iterator[PageRef]
    ref: PageRef | None


class _YearStanding(NamedTuple):
    """The sort key of a year: the fewest albums, then a page begun already, then the place."""

    albums: int
    asks_anew: bool
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvenPlan(PagePlan):
    """The even order: the next album is of the year with the fewest, among years with results.

    Of several such years, one whose page is begun already comes first, since it costs no request;
    else the first in the order of `spread_out`. `albums(query, year)` is the number of the query's
    albums of a year, `begun(ref)` tells whether rows were used.
    """

    albums: Callable[[Query, int], int]
    begun: Callable[[PageRef], bool]
    _years: dict[Query, list[_Year]] = field(default_factory=dict)

    def turns(self, query: Query) -> Iterator[tuple[PageRef, int]]:
        """Yield one album after another."""
        years = self._years_of(query)
        queue = [_YearStanding(0, asks_anew=False, place=year.place) for year in years]
        while queue and self.missing(query):
            year = years[queue[0].place]
            ref = self._page(year)
            if ref is None:
                heapq.heappop(queue)
                continue
            standing = self._standing(year, ref)
            # Keys only grow, so the first year whose key is unchanged is the smallest of all.
            if standing != queue[0]:
                heapq.heapreplace(queue, standing)
                continue
            yield ref, 1

    def ahead(self, query: Query, *, most: int = sys.maxsize) -> Iterator[PageRef]:
        """Yield the pages that the years need for their certain share.

        The share is that of each year if all years have enough results; with fewer it grows. The
        only guess is that the results of a year's search are of that year.
        """
        missing = min(self.missing(query), most)
        pages = [(year, ref) for year in self._years_of(query) if (ref := self._page(year))]
        if not missing or not pages:
            return
        standings = [(self._standing(year, ref), year) for year, ref in pages]
        # Of several searches of a year, the first in order may fill its share alone.
        falling = sorted(standings, key=lambda each: each[0], reverse=True)
        firsts = {year.search.year: year.place for _, year in falling}
        standings = [each for each in standings if each[1].place == firsts[each[1].search.year]]
        share = even_share([standing.albums for standing, _ in standings], missing)
        behind = [(standing, year) for standing, year in standings if standing.albums < share]
        if not behind:  # fewer are missing than years are left: the next ones in order get one each
            lowest = [each for each in standings if each[0].albums == share]
            behind = sorted(lowest, key=lambda each: each[0])[:missing]
            share += 1
        for standing, year in behind:
            yield from self._needed(year, room=share - standing.albums)

    def out_of_reach(self, query: Query) -> int:
        """Return an upper bound as the plan does; 0 for a query that is full."""
        return PagePlan.out_of_reach(self, query) if self.missing(query) else 0

    def _needed(self, year: _Year, *, room: int) -> Iterator[PageRef]:
        extent = self.extent(year.search)
        if extent is None:
            yield PageRef(year.search, 1)
        elif year.ref is None or (self.rows_left(year.ref) or 0) < room:
            yield from self.needed(year.search, extent, room=room)

    def _standing(self, year: _Year, ref: PageRef) -> _YearStanding:
        albums = self.albums(year.search.query, year.search.year)
        return _YearStanding(albums, not self.begun(ref), year.place)

    def _page(self, year: _Year) -> PageRef | None:
        """Return the year's first page that has or may have rows; None if there is none."""
        while year.ref is not None and self.rows_left(year.ref) == 0:
            year.ref = next(year.walk, None)
        return year.ref

    def _years_of(self, query: Query) -> list[_Year]:
        if query not in self._years:
            searches = self.searches(query, spread_out(self.years))
            self._years[query] = [
                _Year(search, place, walk := self.walk(search), next(walk))
                for place, search in enumerate(searches)
            ]
        return self._years[query]


def spread_out(years: Sequence[int]) -> list[int]:
    """Return the years in an order of which each beginning is spread over all of them.

    After the first comes the middle one, then those at the quarters, the eighths and so on.
    https://en.wikipedia.org/wiki/Van_der_Corput_sequence
    """
    count = len(years)
    bits = max(0, count - 1).bit_length()
    halved = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    positions = dict.fromkeys(number * count >> bits for number in halved)
    return [years[position] for position in positions if count]


def even_share(albums: Sequence[int], missing: int) -> int:
    """Return the number of albums up to which `missing` more can fill each year.

    `albums` are the numbers of at least one year; years that have more stay unchanged.
    """
    fewest = sorted(albums)
    for count, held in enumerate(accumulate(fewest), start=1):
        share = (held + missing) // count
        if count == len(fewest) or share < fewest[count]:
            break
    return share
