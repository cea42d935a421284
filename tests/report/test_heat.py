"""The heat map of genres and decades."""

from hypothesis import given
from hypothesis import strategies as st

from equigen.dataset.decades import UNKNOWN
from equigen.report.heat import SHADES, Cell, heat_map, shade

CELLS = st.builds(Cell, st.sampled_from("ABCDE"), st.sampled_from(["1970s", "1980s", UNKNOWN]))


def test_rows_are_largest_first_and_decades_in_order() -> None:
    """Unknown years come last."""
    counts = {Cell("A", "1990s"): 1, Cell("B", UNKNOWN): 2, Cell("B", "1980s"): 3}
    found = heat_map(counts)
    assert found.decades == ("1980s", "1990s", UNKNOWN)
    assert [row.genre for row in found.rows] == ["B", "A"]
    assert [[cell.count for cell in row.cells] for row in found.rows] == [[3, 0, 2], [0, 1, 0]]


@given(st.dictionaries(CELLS, st.integers(1, 1000)), st.integers(1, 3), st.integers(1, 3))
def test_nothing_is_lost_however_small_the_map(
    counts: dict[Cell, int], genres: int, decades: int
) -> None:
    """The sums of rows and of columns are those of all cells, and no map is larger than asked."""
    found = heat_map(counts, most_genres=genres, most_decades=decades)
    total = sum(counts.values())
    assert found.total == sum(row.total for row in found.rows) == sum(found.totals) == total
    assert len(found.rows) <= genres + 1
    assert len(found.decades) <= decades + 2
    shades = [cell.shade for row in found.rows for cell in row.cells]
    assert max(shades, default=0) == (SHADES if counts else 0)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_more_is_never_paler(one: int, other: int, largest: int) -> None:
    """Shades go up with the count, from 0 for nothing only."""
    small, large = sorted((min(one, largest), min(other, largest)))
    assert 0 <= shade(small, largest) <= shade(large, largest) <= SHADES
    assert (shade(small, largest) == 0) == (small == 0)


def test_what_is_summed_up_sets_no_shade_and_swallows_no_genre() -> None:
    """Many small genres together leave the largest one as dark as it is, whatever its name."""
    counts = {Cell(f"Genre {n}", "1980s"): 5 for n in range(100)}
    counts |= {Cell("100 other genres", "1980s"): 50, Cell("Jazz", "1980s"): 40}
    found = heat_map(counts, most_genres=2)
    assert [(row.genre, row.total, row.cells[0].shade) for row in found.rows] == [
        ("100 other genres", 50, SHADES),
        ("Jazz", 40, SHADES),
        ("(100 other genres)", 500, SHADES),
    ]
    counts[Cell("Jazz", "1980s")] = 10
    assert heat_map(counts, most_genres=2).rows[1].cells[0].shade == 3
