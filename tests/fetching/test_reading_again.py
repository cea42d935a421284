"""Pages are read again because their results moved or are in doubt."""

import pytest

from equigen.fetching.paging import Extent, PagePlan, PageState, rows_expected, to_read_again
from equigen.labels.taxonomy import builtin_queries
from equigen.sources.base import Search

JAZZ = builtin_queries(genre_limit=1, world_limit=1)[3]


@pytest.mark.parametrize(
    ("items", "page", "rows"),
    [(0, 1, 0), (1, 1, 1), (99, 1, 99), (250, 1, 100), (250, 3, 50), (250, 4, 0), (9_999, 5, 100)],
)
def test_a_page_has_as_many_results_as_its_count_leaves(items: int, page: int, rows: int) -> None:
    """All pages are full but the last; past what the service gives out there is none."""
    assert rows_expected(items, page, page_size=100, reach=500) == rows
    assert rows_expected(items, 6, page_size=100, reach=500) == 0


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ({}, []),
        ({1: PageState(250, 1)}, []),
        ({1: PageState(250, 1), 2: PageState(250, 1)}, []),
        ({1: PageState(250, 1), 2: PageState(250, 1), 3: PageState(245, 1)}, [1, 2]),
        ({1: PageState(250, 2), 2: PageState(250, 1), 3: PageState(245, 1)}, [2]),
        ({3: PageState(245, 1), 2: PageState(250, 1), 1: PageState(250, 1)}, [3]),
        (
            {1: PageState(250, 1), 2: PageState(250, 1), 3: PageState(0, 2, is_past_the_end=True)},
            [1],
        ),
        (
            {2: PageState(250, 1), 3: PageState(0, 2, is_past_the_end=True), 1: PageState(180, 2)},
            [2],
        ),
        ({1: PageState(250, 1, is_doubted=True), 2: PageState(250, 1, is_doubted=True)}, [1, 2]),
        ({1: PageState(250, 2, is_doubted=True), 2: PageState(250, 1)}, []),
    ],
    ids=str,
)
def test_pages_that_disagree_with_the_last_one_are_read_again(
    told: dict[int, PageState], again: list[int]
) -> None:
    """Those of another number of results, and those in doubt; none that was asked for twice."""
    assert to_read_again(told) == again


def test_pages_to_be_read_again_come_after_all_others_and_once() -> None:
    """Also where the first one, read again, tells of a page more than there was."""
    search = Search(JAZZ, 2001)
    extents = {search: Extent(4, 2)}
    moved: list[int] = [1, 2]
    plan = PagePlan(
        years=[2001],
        missing=lambda _: 1,
        reach=6,
        page_size=2,
        asked=lambda query: (query,),
        slices=lambda _: (),
        extent=extents.get,
        rows_left=lambda _: 0,
        moved=lambda _: moved,
    )
    refs = []
    for ref in plan.pages(JAZZ):
        refs.append((ref.page, ref.again))
        if ref.again and ref.page == 1:
            extents[search] = Extent(5, 3)
    assert refs == [(1, False), (2, False), (1, True), (3, False), (2, True)]
