"""How a label's quota is filled from its years: the newest first, or all of them evenly.

Which row is used next follows from the rows that were used so far and from nothing else: not from
the limit, not from which answer came first. So a label with a smaller limit has the first albums
of the one with a larger limit, and a fill that was cut off goes on as if it hadn't been.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, Protocol

from equigen.labels.builtin import Label
from equigen.sources.paging import PageRef, Plan, Query


@dataclass(frozen=True, slots=True)
class Turn:
    """The page that is used next, and how many albums are taken from it before the next turn."""

    ref: PageRef
    most: int


class Order(Protocol):
    """In which order a label's pages are used, and which will be needed."""

    def turns(self, label: Label) -> Iterator[Turn]:
        """Yield turns until the label is full or nothing is left.

        Each must be over, with the albums taken or all rows of the page used, before the next.
        """
        ...

    def ahead(self, label: Label) -> Iterator[PageRef]:
        """Yield pages that did not come yet and that the label will need."""
        ...

    def out_of_reach(self, label: Label) -> int:
        """Return how many results that the label could use, at most, the service keeps back."""
        ...


@dataclass(frozen=True, slots=True)
class Recent:
    """Year after year in the plan's order, each to its end.

    `missing(label)` is how many albums the label may still take.
    """

    plan: Plan
    missing: Callable[[Label], int]

    def turns(self, label: Label) -> Iterator[Turn]:
        """Yield each page once, with all that the label still misses."""
        for ref in self.plan.pages(label):
            missing = self.missing(label)
            if not missing:
                return
            if self.plan.rows_left(ref) != 0:
                yield Turn(ref, missing)

    def ahead(self, label: Label) -> Iterator[PageRef]:
        """Yield what the plan says, in order."""
        return self.plan.ahead(label, missing=self.missing(label))

    def out_of_reach(self, label: Label) -> int:
        """Return what the plan says."""
        return self.plan.out_of_reach(label)


@dataclass(slots=True)
class _Year:
    """A year's place among the others, and its first page that has rows, or may have."""

    query: Query
    place: int
    walk: Iterator[PageRef]
    ref: PageRef | None


class _Standing(NamedTuple):
    """Who is next: the fewest albums, then a page begun already, then the place."""

    albums: int
    asks_anew: bool
    place: int


@dataclass(frozen=True, slots=True)
class Even:
    """The next album is always of the year that has the fewest, among those that have results.

    Where several have as few, it is one whose page is begun already, which costs no request; else
    the first in the order of `spread_out`. `missing` is as for `Recent`; `albums(label, year)` is
    how many albums of a year the label has, `begun(ref)` whether rows of a page were used.
    """

    plan: Plan
    missing: Callable[[Label], int]
    albums: Callable[[Label, int], int]
    begun: Callable[[PageRef], bool]
    _years: dict[Label, list[_Year]] = field(default_factory=dict)

    def turns(self, label: Label) -> Iterator[Turn]:
        """Yield one album after another."""
        years = self._years_of(label)
        queue = [_Standing(0, asks_anew=False, place=year.place) for year in years]
        while queue and self.missing(label):
            year = years[queue[0].place]
            ref = self._page(year)
            if ref is None:
                heapq.heappop(queue)
                continue
            standing = self._standing(year, ref)
            # A year only ever falls back, so the foremost that stands where it was is the first.
            if standing != queue[0]:
                heapq.heapreplace(queue, standing)
                continue
            yield Turn(ref, 1)

    def ahead(self, label: Label) -> Iterator[PageRef]:
        """Yield the pages without which no year can get what will surely be its share.

        The share is what each year gets if all that may have results have enough; where some have
        less, it is larger. The one guess is that what is found under a year is of that year.
        """
        missing = self.missing(label)
        pages = [(year, ref) for year in self._years_of(label) if (ref := self._page(year))]
        if not missing or not pages:
            return
        standings = [(self._standing(year, ref), year) for year, ref in pages]
        share = even_share([standing.albums for standing, _ in standings], missing)
        behind = [(standing, year) for standing, year in standings if standing.albums < share]
        if not behind:  # too few are missing for one each: those whose turn it is get it
            lowest = [each for each in standings if each[0].albums == share]
            behind = sorted(lowest, key=lambda each: each[0])[:missing]
            share += 1
        for standing, year in behind:
            yield from self._needed(year, room=share - standing.albums)

    def out_of_reach(self, label: Label) -> int:
        """Return what the plan says; a label that is full could use none."""
        return self.plan.out_of_reach(label) if self.missing(label) else 0

    def _needed(self, year: _Year, *, room: int) -> Iterator[PageRef]:
        extent = self.plan.extent(year.query)
        if extent is None:
            yield PageRef(year.query, 1)
        elif year.ref is None or (self.plan.rows_left(year.ref) or 0) < room:
            yield from self.plan.needed(year.query, extent, room=room)

    def _standing(self, year: _Year, ref: PageRef) -> _Standing:
        albums = self.albums(year.query.label, year.query.year)
        return _Standing(albums, not self.begun(ref), year.place)

    def _page(self, year: _Year) -> PageRef | None:
        """Return the year's first page that has rows or may have; None once it has no more."""
        while year.ref is not None and self.plan.rows_left(year.ref) == 0:
            year.ref = next(year.walk, None)
        return year.ref

    def _years_of(self, label: Label) -> list[_Year]:
        if label not in self._years:
            queries = [Query(label, year) for year in spread_out(self.plan.years)]
            self._years[label] = [
                _Year(query, place, walk := self.plan.walk(query), next(walk))
                for place, query in enumerate(queries)
            ]
        return self._years[label]


def spread_out(years: Sequence[int]) -> list[int]:
    """Return the years in an order of which any beginning is spread over all of them.

    The first comes first, then the middle one, then those at the quarters, the eighths and so on.
    https://en.wikipedia.org/wiki/Van_der_Corput_sequence
    """
    count = len(years)
    bits = max(0, count - 1).bit_length()
    halved = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    positions = dict.fromkeys(number * count >> bits for number in halved)
    return [years[position] for position in positions if count]


def even_share(albums: Sequence[int], missing: int) -> int:
    """Return up to how many albums each year can be filled with `missing` more.

    `albums` is how many each year has, at least one year; those that have more stay as they are.
    """
    fewest = sorted(albums)
    for count, held in enumerate(accumulate(fewest), start=1):
        share = (held + missing) // count
        if count == len(fewest) or share < fewest[count]:
            break
    return share
