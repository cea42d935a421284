"""The spread of a label's quota over the years, on a made-up service."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.fetching.paging import Extent, PagePlan, PageRef
from equigen.fetching.year_order import EvenPlan, even_share, spread_out
from equigen.labels.taxonomy import Query, builtin_queries
from equigen.sources.base import Search

JAZZ = builtin_queries(genre_limit=1, world_limit=1)[3]
PAGE_SIZE = 3
NEWEST = 2009


@dataclass
class Service:
    """Years of rows, True where the label can take one, and all that came and was used so far.

    `chance` decides which of the answers under way comes next; as many as `at_once` are.
    """

    years: Sequence[Sequence[bool]]
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    at_once: int = 4
    reach: int = 3000
    limit: int = 0
    asked: list[PageRef] = field(default_factory=list)
    rows_left: dict[PageRef, int] = field(default_factory=dict)
    used: dict[PageRef, int] = field(default_factory=dict)
    taken: list[tuple[int, int]] = field(default_factory=list)

    def rows(self, ref: PageRef) -> Sequence[bool]:
        """Return what a page shows."""
        of_year = self.years[NEWEST - ref.search.year]
        return of_year[(ref.page - 1) * PAGE_SIZE : ref.page * PAGE_SIZE]

    def extent(self, search: Search) -> Extent | None:
        """Return what a year's first page told."""
        if PageRef(search, 1) not in self.rows_left:
            return None
        items = len(self.years[NEWEST - search.year])
        return Extent(items, math.ceil(items / PAGE_SIZE))

    def plan(self, kind: Callable[..., PagePlan]) -> PagePlan:
        """Return a plan of all years."""
        return kind(
            years=range(NEWEST, NEWEST - len(self.years), -1),
            missing=self.missing,
            reach=self.reach,
            page_size=PAGE_SIZE,
            asked=lambda query: (query,),
            slices=lambda _: (),
            extent=self.extent,
            rows_left=self.rows_left.get,
            moved=lambda _: (),
        )

    def missing(self, _label: Query) -> int:
        """Return how many albums are missing."""
        return self.limit - len(self.taken)

    def counts(self) -> Counter[int]:
        """Count the albums by year."""
        return Counter(year for year, _ in self.taken)

    def even(self) -> PagePlan:
        """Return an order that knows nothing but what came and was used."""
        kind = partial(
            EvenPlan,
            albums=lambda _, year: self.counts()[year],
            begun=lambda ref: bool(self.used.get(ref)),
        )
        return self.plan(kind)

    def fill(self, limit: int, *, killed_after: int = 10_000) -> None:
        """Take albums until the limit, or a kill after so many turns.

        What came and was used stays then; the order is made anew.
        """
        self.limit = limit
        order = self.even()
        for number, (ref, most) in enumerate(order.turns(JAZZ)):
            if number == killed_after:
                return
            self._wait_for(ref, order)
            self._use(ref, most)

    def _wait_for(self, ref: PageRef, order: PagePlan) -> None:
        under_way: list[PageRef] = []
        while ref not in self.rows_left:
            for each in [ref, *order.ahead(JAZZ)]:
                if each not in under_way and len(under_way) < self.at_once:
                    assert each not in self.asked
                    self.asked.append(each)
                    under_way.append(each)
            came = under_way.pop(self.chance.randrange(len(under_way)))
            self.rows_left[came] = len(self.rows(came))
        for each in under_way:  # those that are still awaited come before the next turn
            self.rows_left[each] = len(self.rows(each))

    def _use(self, ref: PageRef, most: int) -> None:
        rows = self.rows(ref)
        while self.rows_left[ref] and most:
            at = len(rows) - self.rows_left[ref]
            self.rows_left[ref] -= 1
            self.used[ref] = at + 1
            if rows[at]:
                self.taken.append((ref.search.year, (ref.page - 1) * PAGE_SIZE + at))
                most -= 1


YEARS = st.lists(st.lists(st.booleans() | st.just(value=True), max_size=14), min_size=1, max_size=9)
LIMITS = st.integers(0, 60)
CHANCE = st.integers(0, 99).map(random.Random)


def pages_for(rows: Sequence[bool], albums: int) -> int:
    """Return how many pages, from the first, hold so many albums."""
    if not albums:
        return 0
    found = accumulate(rows)
    at = next(at for at, count in enumerate(found) if count == albums)
    return at // PAGE_SIZE + 1


def fewest_requests(years: Sequence[Sequence[bool]], limit: int) -> int:
    """Return how many pages an even fill takes at least that knows only what was answered.

    All pages of each year that has less than its share, if only to learn that; those of the
    others up to their share; and where some get one more, the pages of those that get it cheapest.
    """
    stocks = [sum(rows) for rows in years]
    everything = sum(max(1, math.ceil(len(rows) / PAGE_SIZE)) for rows in years)
    if sum(stocks) < limit:
        return everything
    share = max(n for n in range(limit + 1) if sum(min(each, n) for each in stocks) <= limit)
    requests, dearer = 0, []
    for rows, stock in zip(years, stocks, strict=True):
        if stock < share:
            requests += max(1, math.ceil(len(rows) / PAGE_SIZE))
        else:
            requests += pages_for(rows, share)
        if stock > share:
            dearer.append(pages_for(rows, share + 1) - pages_for(rows, share))
    rest = limit - sum(min(each, share) for each in stocks)
    return requests + sum(sorted(dearer)[:rest])


@given(YEARS, LIMITS, CHANCE)
@examples(150)
def test_years_that_have_more_differ_by_one_at_most(
    years: Sequence[Sequence[bool]], limit: int, chance: random.Random
) -> None:
    """The quota is filled if it can be; whoever has less than another has no more to give."""
    service = Service(years, chance)
    service.fill(limit)
    stocks = {NEWEST - place: sum(rows) for place, rows in enumerate(years)}
    counts = service.counts()
    assert counts.total() == min(limit, sum(stocks.values()))
    most = max(counts.values(), default=0)
    assert all(counts[year] in {most, most - 1, stock} for year, stock in stocks.items())
    assert all(counts[year] >= most - 1 for year, stock in stocks.items() if stock > counts[year])


@given(YEARS, LIMITS, CHANCE, st.integers(1, 20))
@examples(200)
def test_no_page_is_asked_in_vain_and_none_twice(
    years: Sequence[Sequence[bool]], limit: int, chance: random.Random, at_once: int
) -> None:
    """Each page that came is used, if it has rows; `_wait_for` refuses to ask for one twice."""
    service = Service(years, chance, at_once)
    service.fill(limit)
    assert [ref for ref in service.asked if service.rows(ref) and not service.used.get(ref)] == []


@given(YEARS, LIMITS, CHANCE)
@examples(200)
def test_requests_are_as_few_as_can_be(
    years: Sequence[Sequence[bool]], limit: int, chance: random.Random
) -> None:
    """Not one more than the fewest, but for pages that turn out to hold no album at all."""
    service = Service(years, chance)
    service.fill(limit)
    blind = sum(not any(service.rows(ref)) for ref in service.asked)
    assert len(service.asked) <= fewest_requests(years, limit) + blind
    if all(rows and all(rows) for rows in years):
        assert len(service.asked) <= fewest_requests(years, limit)


@given(YEARS, LIMITS, CHANCE, st.integers(1, 20))
@examples(100)
def test_the_order_of_answers_decides_nothing(
    years: Sequence[Sequence[bool]], limit: int, chance: random.Random, at_once: int
) -> None:
    """The same albums in the same order as when each page is asked for in its turn."""
    patient, hasty = Service(years, at_once=1), Service(years, chance, at_once)
    patient.fill(limit)
    hasty.fill(limit)
    assert hasty.taken == patient.taken
    assert set(hasty.asked) == set(patient.asked)


@given(YEARS, LIMITS, CHANCE, st.lists(st.integers(0, 30), max_size=4))
@examples(100)
def test_a_fill_that_is_cut_off_goes_on_as_if_it_had_not_been(
    years: Sequence[Sequence[bool]], limit: int, chance: random.Random, kills: list[int]
) -> None:
    """Nothing but what came and was used is known after a kill, and nothing more is needed."""
    whole, killed = Service(years), Service(years, chance)
    whole.fill(limit)
    for turns in kills:
        killed.fill(limit, killed_after=turns)
    killed.fill(limit)
    assert killed.taken == whole.taken
    assert set(killed.asked) == set(whole.asked)


@given(YEARS, st.lists(LIMITS, min_size=1, max_size=4).map(sorted), CHANCE)
@examples(100)
def test_a_smaller_limit_has_the_first_albums_of_a_larger_one(
    years: Sequence[Sequence[bool]], limits: list[int], chance: random.Random
) -> None:
    """A limit raised step by step gives what the last one gives at once."""
    straight, stepped = Service(years), Service(years, chance)
    straight.fill(limits[-1])
    for limit in limits:
        stepped.fill(limit)
    assert stepped.taken == straight.taken


def test_a_year_whose_page_is_begun_gives_before_one_that_must_be_asked() -> None:
    """Of three years with three albums each, only the one with more in hand costs no request."""
    service = Service([[True] * 6, [False, True, True, True, True, True], [True] * 6])
    service.fill(9)
    before = len(service.asked)
    assert before == 4  # the middle one's first page has two albums
    service.fill(10)
    assert service.counts() == {NEWEST: 3, NEWEST - 1: 4, NEWEST - 2: 3}
    assert len(service.asked) == before


def test_a_quota_below_the_number_of_years_asks_for_as_many_only() -> None:
    """Ten albums from 77 years are ten requests, a year each, from all over the range."""
    service = Service([[True] * 5] * 77)
    service.fill(10)
    assert len(service.asked) == 10
    years = sorted(service.counts(), reverse=True)
    assert years[0] == NEWEST
    assert max(a - b for a, b in pairwise(years)) <= 10
    assert years[-1] <= NEWEST - 66


def test_a_year_that_was_asked_for_later_catches_up() -> None:
    """Years that came into the range get all that is taken until they are level."""
    service = Service([[True] * 9, [True] * 9])
    service.fill(6)
    service.years = [[True] * 9, [True] * 9, [True] * 9]
    service.fill(9)
    assert set(service.counts().values()) == {3}


def test_without_years_nothing_is_asked() -> None:
    """A range that is empty ends at once."""
    service = Service([])
    service.fill(5)
    assert service.asked == []
    assert list(service.even().ahead(JAZZ)) == []


@pytest.mark.parametrize("count", [*range(20), 77, 97, 128])
def test_any_beginning_of_the_order_is_spread_over_all_years(count: int) -> None:
    """Each year stands in it once; the first so many leave no gap of thrice their fair distance."""
    years = range(2026, 2026 - count, -1)
    order = spread_out(years)
    assert sorted(order, reverse=True) == list(years)
    for length in range(1, count + 1):
        chosen = sorted([*order[:length], 2026 - count])
        gaps = [later - earlier for earlier, later in pairwise(chosen)]
        assert max(gaps) <= 2 * count / length + 1


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.integers(0, 50))
def test_the_share_is_what_all_can_be_filled_up_to(albums: list[int], missing: int) -> None:
    """It is the largest for which the missing albums are enough."""
    share = even_share(albums, missing)
    assert sum(max(0, share - each) for each in albums) <= missing
    assert sum(max(0, share + 1 - each) for each in albums) > missing


@given(YEARS, LIMITS)
@examples(50)
def test_recent_takes_each_page_once_and_to_the_last_album(
    years: Sequence[Sequence[bool]], limit: int
) -> None:
    """The albums are the first of all years' rows, one year after another."""
    service = Service(years, limit=limit)
    refs = []
    for ref, most in service.plan(PagePlan).turns(JAZZ):
        refs.append(ref)
        assert most == service.missing(JAZZ)
        service.rows_left[ref] = len(service.rows(ref))
        service._use(ref, most)  # noqa: SLF001  (the test's own)
    rows = [
        (NEWEST - y, at) for y, of_year in enumerate(years) for at, ok in enumerate(of_year) if ok
    ]
    assert service.taken == rows[:limit]
    assert len(set(refs)) == len(refs)


@pytest.mark.parametrize(("limit", "kept_back"), [(1, 0), (20, 6)])
def test_what_a_full_label_could_not_use_is_not_out_of_reach(limit: int, kept_back: int) -> None:
    """Results that the service keeps back are told of where they are missed."""
    service = Service([[True] * 12], reach=6)
    service.fill(1)
    service.limit = limit
    assert service.even().out_of_reach(JAZZ) == kept_back
