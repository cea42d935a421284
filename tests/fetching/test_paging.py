"""Which pages are asked for, in which order, on a made-up catalogue."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.fetching.paging import Extent, PagePlan, PageRef
from equigen.labels.taxonomy import builtin_queries
from equigen.sources.base import Search

JAZZ = builtin_queries(genre_limit=1, world_limit=1)[3]
PAGE_SIZE = 2
REACH = 6
COUNTRIES = ("US", "UK")
FORMATS = ("CD", "LP")


@dataclass(frozen=True)
class Item:
    """An album of the catalogue; `good` ones the label takes."""

    number: int
    year: int
    country: str
    formats: tuple[str, ...]
    good: bool


def slices(search: Search) -> Sequence[Search]:
    """Cut by country, then by format, as a source does."""
    if not search.country:
        return [replace(search, country=country) for country in COUNTRIES]
    if not search.format:
        return [replace(search, format=name) for name in FORMATS]
    return ()


@dataclass
class Catalogue:
    """A service with few results a page, and what of its answers came so far."""

    items: tuple[Item, ...]
    extents_are_known: bool = False
    came: dict[PageRef, int] = field(default_factory=dict)

    def results(self, search: Search) -> list[Item]:
        """Return all that a search finds."""
        return [
            item
            for item in self.items
            if item.year == search.year
            and search.country in {"", item.country}
            and search.format in {"", *item.formats}
        ]

    def rows(self, ref: PageRef) -> list[Item]:
        """Return what a page shows; beyond its reach the service shows nothing."""
        assert ref.page <= max(1, REACH // PAGE_SIZE), "a page that the service refuses"
        start = (ref.page - 1) * PAGE_SIZE
        return self.results(ref.search)[start : start + PAGE_SIZE]

    def fetch(self, ref: PageRef) -> None:
        """Let a page come."""
        self.came.setdefault(ref, len(self.rows(ref)))

    def extent(self, search: Search) -> Extent | None:
        """Return a search's extent once its first page came."""
        if not self.extents_are_known and PageRef(search, 1) not in self.came:
            return None
        count = len(self.results(search))
        return Extent(count, math.ceil(count / PAGE_SIZE))

    def plan(self, years: Sequence[int], *, missing: int = 0) -> PagePlan:
        """Return the plan of walking the catalogue for so many albums."""
        return PagePlan(
            years=years,
            missing=lambda _: missing,
            reach=REACH,
            page_size=PAGE_SIZE,
            asked=lambda query: (query,),
            slices=slices,
            extent=self.extent,
            rows_left=self.came.get,
            moved=lambda _: (),
        )


def several(year: int, counts: Mapping[str, int], *, formats: tuple[str, ...]) -> list[Item]:
    """Return albums of one year, so many of each country."""
    return [
        Item(1000 * year + 100 * len(country) + number, year, country, formats, good=True)
        for country, count in counts.items()
        for number in range(count)
    ]


def walk(catalogue: Catalogue, years: Sequence[int]) -> list[PageRef]:
    """Walk all pages, letting each come before the next is asked for."""
    refs = []
    for ref in catalogue.plan(years).pages(JAZZ):
        catalogue.fetch(ref)
        refs.append(ref)
    return refs


def said(refs: Sequence[PageRef]) -> list[str]:
    """Write pages as "year country format page"."""
    return [
        " ".join(
            part
            for part in (str(r.search.year), r.search.country, r.search.format, str(r.page))
            if part
        )
        for r in refs
    ]


def test_years_go_down_and_pages_up() -> None:
    """Year by year in the order given, each year's pages from the first to the last."""
    items = [*several(2001, {"US": 5}, formats=("CD",)), *several(1999, {"US": 3}, formats=())]
    refs = walk(Catalogue(tuple(items)), range(2001, 1998, -1))
    assert said(refs) == ["2001 1", "2001 2", "2001 3", "2000 1", "1999 1", "1999 2"]
    assert {ref.search.query for ref in refs} == {JAZZ}


def test_as_many_results_as_the_service_gives_out_are_not_cut() -> None:
    """A search is cut only when it has more results than can be had."""
    items = several(2001, {"US": REACH}, formats=("CD",))
    assert said(walk(Catalogue(tuple(items)), [2001])) == ["2001 1", "2001 2", "2001 3"]


def test_more_results_are_cut_by_country() -> None:
    """Countries that together hold all results stand for the search's further pages."""
    items = several(2001, {"US": 4, "UK": 3}, formats=("CD",))
    expected = ["2001 1", "2001 US 1", "2001 US 2", "2001 UK 1", "2001 UK 2"]
    assert said(walk(Catalogue(tuple(items)), [2001])) == expected


def test_a_country_with_more_results_is_cut_by_format() -> None:
    """A slice that is still too large is cut again."""
    items = [
        *several(2001, {"US": 4}, formats=("CD",)),
        *[
            replace(item, number=item.number + 50)
            for item in several(2001, {"US": 3}, formats=("LP",))
        ],
        *several(2001, {"UK": 1}, formats=()),
    ]
    assert said(walk(Catalogue(tuple(items)), [2001])) == [
        "2001 1",
        "2001 US 1",
        "2001 US CD 1",
        "2001 US CD 2",
        "2001 US LP 1",
        "2001 US LP 2",
        "2001 UK 1",
    ]


def test_a_slice_that_can_be_cut_no_further_is_walked_to_its_reach() -> None:
    """Results beyond it are counted, and no page is requested that the service refuses."""
    items = several(2001, {"US": 9}, formats=("CD",))
    catalogue = Catalogue(tuple(items))
    refs = walk(catalogue, [2001])
    assert said(refs) == [
        "2001 1",
        "2001 US 1",
        "2001 US CD 1",
        "2001 US CD 2",
        "2001 US CD 3",
        "2001 US LP 1",
        "2001 UK 1",
    ]
    assert catalogue.plan([2001]).out_of_reach(JAZZ) == 3
    assert catalogue.plan([2001, 1999]).out_of_reach(JAZZ) == 3


def test_results_in_no_slice_are_looked_for_in_the_query_itself() -> None:
    """If the slices don't add up, the search's own pages are walked as far as they go."""
    items = several(2001, {"US": 4, "Oz?": 5}, formats=("CD",))
    assert said(walk(Catalogue(tuple(items)), [2001])) == [
        "2001 1",
        "2001 US 1",
        "2001 US 2",
        "2001 UK 1",
        "2001 2",
        "2001 3",
    ]


def test_nothing_is_out_of_reach_where_all_is_small() -> None:
    """Queries within reach, and years that were never asked, keep nothing back."""
    catalogue = Catalogue(tuple(several(2001, {"US": 4, "UK": 3}, formats=("CD",))))
    assert catalogue.plan([2001]).out_of_reach(JAZZ) == 0
    walk(catalogue, [2001, 2000])
    assert catalogue.plan([2001, 2000]).out_of_reach(JAZZ) == 0


def test_without_any_answer_only_the_first_page_is_certain() -> None:
    """The number of pages is not known before the first came."""
    catalogue = Catalogue(tuple(several(2001, {"US": 5}, formats=("CD",))))
    assert said(list(catalogue.plan([2001, 2000], missing=100).ahead(JAZZ))) == ["2001 1"]


def test_a_full_label_needs_no_page() -> None:
    """Nothing is asked for a label that misses nothing."""
    catalogue = Catalogue(tuple(several(2001, {"US": 5}, formats=("CD",))))
    assert list(catalogue.plan([2001], missing=0).ahead(JAZZ)) == []


def test_pages_behind_enough_rows_wait() -> None:
    """A page is asked for early only if the rows before it can't fill the label."""
    catalogue = Catalogue(tuple(several(2001, {"US": 6}, formats=("CD",))), extents_are_known=True)
    catalogue.fetch(PageRef(Search(JAZZ, 2001), 1))
    plans = {missing: catalogue.plan([2001], missing=missing) for missing in (2, 3, 4, 5)}
    found = {missing: said(list(plan.ahead(JAZZ))) for missing, plan in plans.items()}
    assert found == {
        2: [],
        3: ["2001 2"],
        4: ["2001 2"],
        5: ["2001 2", "2001 3"],
    }


def test_pages_that_came_are_not_asked_again() -> None:
    """A page that is there already, also with all its rows used, is passed over."""
    catalogue = Catalogue(tuple(several(2001, {"US": 6}, formats=("CD",))))
    first = PageRef(Search(JAZZ, 2001), 1)
    catalogue.fetch(first)
    catalogue.came[first] = 0
    assert said(list(catalogue.plan([2001], missing=9).ahead(JAZZ))) == ["2001 2", "2001 3"]


ITEMS = st.lists(
    st.builds(
        Item,
        number=st.just(0),
        year=st.sampled_from([2001, 2000, 1999]),
        country=st.sampled_from(["US", "US", "UK", "Elsewhere"]),
        formats=st.sampled_from([("CD",), ("LP",), ("CD", "LP"), ("Cylinder",)]),
        good=st.booleans(),
    ),
    max_size=45,
).map(lambda items: tuple(replace(item, number=n) for n, item in enumerate(items)))
YEARS = (2001, 2000, 1999)


@dataclass
class Run:
    """One fill of the label: what was asked early, and what was used."""

    early: list[PageRef] = field(default_factory=list)
    used: list[PageRef] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)


def fill(catalogue: Catalogue, missing: int, *, looks_ahead: bool, at_a_time: int = 100) -> Run:
    """Use pages in order until the label is full, asking early for what the plan says."""
    run, seen = Run(), set[int]()
    plan = catalogue.plan(YEARS)
    for ref in plan.pages(JAZZ):
        if not missing:
            break
        while looks_ahead and ref not in catalogue.came:
            ahead = list(catalogue.plan(YEARS, missing=missing).ahead(JAZZ))
            assert len(set(ahead)) == len(ahead)
            new = ahead[:at_a_time]
            assert not set(new) & {*run.early, *catalogue.came}
            run.early += new
            for each in new:
                catalogue.fetch(each)
            if not new:
                break
        catalogue.fetch(ref)
        run.used.append(ref)
        rows = catalogue.rows(ref)
        for position, item in enumerate(rows, start=1):
            if item.good and item.number not in seen:
                seen.add(item.number)
                run.taken.append(item.number)
                missing -= 1
            catalogue.came[ref] = len(rows) - position
            if not missing:
                break
    return run


@given(ITEMS, st.integers(1, 40), st.integers(1, 100))
@examples(150)
def test_with_known_extents_no_page_is_asked_in_vain(
    items: tuple[Item, ...], missing: int, at_a_time: int
) -> None:
    """Every page that was asked for early is used, none is asked for twice, and order stays."""
    early = Catalogue(items, extents_are_known=True)
    run = fill(early, missing, looks_ahead=True, at_a_time=at_a_time)
    assert set(run.early) <= set(run.used)
    assert run.early == sorted(run.early, key=run.used.index)


@given(ITEMS, st.integers(1, 40), st.integers(1, 100))
@examples(100)
def test_looking_ahead_changes_nothing_of_what_is_taken(
    items: tuple[Item, ...], missing: int, at_a_time: int
) -> None:
    """The same pages are used and the same albums taken as when each page is asked in its turn."""
    for known in (True, False):
        patient = fill(Catalogue(items, extents_are_known=known), missing, looks_ahead=False)
        early = fill(
            Catalogue(items, extents_are_known=known),
            missing,
            looks_ahead=True,
            at_a_time=at_a_time,
        )
        assert early.used == patient.used
        assert early.taken == patient.taken


@given(st.integers(0, 12), st.integers(1, 40), st.sampled_from([("CD",), ("CD", "LP")]))
@examples(100)
def test_where_years_are_alike_no_page_is_asked_in_vain(
    count: int, missing: int, formats: tuple[str, ...]
) -> None:
    """The one guess, that a year isn't more than twice as large as the next, holds here."""
    items = [
        item
        for year in YEARS
        for item in several(year, {"US": count, "UK": count // 2}, formats=formats)
    ]
    items = [replace(item, number=number) for number, item in enumerate(items)]
    run = fill(Catalogue(tuple(items)), missing, looks_ahead=True)
    assert set(run.early) <= set(run.used)


@given(ITEMS)
@examples(100)
def test_a_label_that_is_never_full_asks_for_every_page_early(items: tuple[Item, ...]) -> None:
    """With extents known and no end in sight, all pages are asked for at once, in order."""
    catalogue = Catalogue(items, extents_are_known=True)
    ahead = list(catalogue.plan(YEARS, missing=10_000).ahead(JAZZ))
    assert ahead == walk(Catalogue(items), YEARS)


@given(ITEMS)
@examples(100)
def test_all_that_lies_in_small_slices_is_found(items: tuple[Item, ...]) -> None:
    """A year whose slices are within reach, and that lies in them wholly, is found to the last."""
    catalogue = Catalogue(items)
    refs = walk(catalogue, YEARS)
    assert len(set(refs)) == len(refs)
    found = {item.number for ref in refs for item in catalogue.rows(ref)}
    for year in YEARS:
        of_year = [item for item in items if item.year == year]
        by_country = [[item for item in of_year if item.country == c] for c in COUNTRIES]
        if sum(map(len, by_country)) == len(of_year) and max(map(len, by_country)) <= REACH:
            assert {item.number for item in of_year} <= found
    if not any(item.country == "Elsewhere" or "Cylinder" in item.formats for item in items):
        hidden = len(items) - len(found)
        assert catalogue.plan(YEARS).out_of_reach(JAZZ) >= hidden


@given(ITEMS, st.integers(0, 12))
@examples(60)
def test_the_order_does_not_depend_on_what_came_before(
    items: tuple[Item, ...], stop_after: int
) -> None:
    """A walk that was cut off goes through the same pages in the same order the next time."""
    whole = walk(Catalogue(items), YEARS)
    catalogue = Catalogue(items)
    for ref in whole[:stop_after]:
        catalogue.fetch(ref)
    assert walk(catalogue, YEARS) == whole
