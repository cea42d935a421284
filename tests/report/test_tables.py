"""Tables of counts: orders that mean something, and no count lost where there are too many."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.dataset.counting import NO_SET, By, largest_first, natural_order
from equigen.report.tables import (
    SHADES,
    Crosstab,
    HeatMap,
    crosstab,
    folded,
    heat_map,
    set_rows,
    shares_of_sets,
)
from equigen.schema import ASIDE, SETS, UNKNOWN

SIZES = st.integers(1, 9)
RATIO = (0.7, 0.15, 0.15)
DECADES = st.sampled_from(["1970s", "1980s", UNKNOWN])
CELLS = st.dictionaries(st.tuples(st.sampled_from("ABCDE"), DECADES), st.integers(1, 1000))
SET_NAMES = st.sampled_from(["train", "test", NO_SET, "aside"])


@given(SIZES, SIZES, SIZES, SIZES, st.data())
def test_a_folded_table_has_all_that_there_was(
    height: int, width: int, most_rows: int, most_columns: int, data: st.DataObject
) -> None:
    """No more rows and columns than asked for, and the same sums."""
    counts = tuple(
        tuple(data.draw(st.lists(st.integers(0, 99), min_size=width, max_size=width)))
        for _ in range(height)
    )
    table = Crosstab(
        tuple(f"r{n}" for n in range(height)), tuple(f"c{n}" for n in range(width)), counts
    )
    small = table.folded(most_rows, most_columns)
    assert (len(small.rows), len(small.columns)) == (
        min(height, most_rows),
        min(width, most_columns),
    )
    assert small.total == table.total == sum(map(sum, counts))
    for totals, fewer in (
        (table.row_totals, small.row_totals),
        (table.column_totals, small.column_totals),
    ):
        assert {name: n for name, n in fewer.items() if name in totals}.items() <= totals.items()
        assert sum(fewer.values()) == table.total


def test_the_smallest_become_others() -> None:
    """They stand last; the rest stay in their order."""
    counts = {"a": 5, "b": 1, "c": 9, "d": 2, "e": 7}
    assert list(folded(counts, 4).items()) == [("a", 5), ("c", 9), ("e", 7), ("2 others", 3)]
    assert folded(counts, 5) == counts
    assert folded(counts, 1) == {"5 others": 24}
    assert folded({}, 3) == {}


def test_a_name_that_sounds_like_the_others_is_not_swallowed() -> None:
    """A label may be called so, and is still counted by itself."""
    counts = {"2 others": 9, "a": 5, "b": 1, "c": 2}
    assert folded(counts, 3) == {"2 others": 9, "a": 5, "(2 others)": 3}


def test_each_field_has_its_order() -> None:
    """Decades by age, sets from train on, all others the largest first."""
    decades = {"unknown": 9, "2010s": 1, "1950s": 3}
    assert natural_order(By.DECADE, decades) == ["1950s", "2010s", "unknown"]
    sets = {"in no set": 9, "aside": 8, "test": 7, "val": 7, "train": 1}
    assert natural_order(By.SET, sets) == ["train", "val", "test", "aside", "in no set"]
    genres = {"Rock": 1, "Jazz": 2, "Blues": 1}
    assert natural_order(By.GENRE, genres) == largest_first(genres) == ["Jazz", "Blues", "Rock"]


def test_shares_are_of_what_is_in_sets() -> None:
    """An album in none has no part in them."""
    counts = {"train": 6, "test": 2, "aside": 50, "in no set": 70}
    assert shares_of_sets(counts) == {"train": 0.75, "val": 0, "test": 0.25}
    assert shares_of_sets({"in no set": 70}) == {}


def heat(counts: dict[tuple[str, str], int], labels: int = 100, decades: int = 24) -> HeatMap:
    """Lay out counts by label and decade, folded to so many of each and one more."""
    table = crosstab(counts, By.GENRE, By.DECADE)
    return heat_map(table, most_rows=labels + 1, most_columns=decades + 1, others="other labels")


def test_rows_are_largest_first_and_decades_in_order() -> None:
    """Unknown years come last."""
    counts = {("A", "1990s"): 1, ("B", UNKNOWN): 2, ("B", "1980s"): 3}
    table = crosstab(counts, By.GENRE, By.DECADE)
    assert table == Crosstab(("B", "A"), ("1980s", "1990s", UNKNOWN), ((3, 0, 2), (0, 1, 0)))
    assert heat(counts) == HeatMap(table, 3)


@given(CELLS, st.integers(1, 3), st.integers(1, 3))
def test_nothing_is_lost_however_small_the_map(
    counts: dict[tuple[str, str], int], labels: int, decades: int
) -> None:
    """The sums of rows and of columns are those of all cells, and no map is larger than asked."""
    found = heat(counts, labels, decades)
    table, total = found.table, sum(counts.values())
    assert table.total == total
    assert sum(table.row_totals.values()) == sum(table.column_totals.values()) == total
    assert len(table.rows) <= labels + 1
    assert len(table.columns) <= decades + 1
    shades = [found.shade(count) for row in table.counts for count in row]
    assert max(shades, default=0) == (SHADES if counts else 0)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_more_is_never_paler(one: int, other: int, largest: int) -> None:
    """Shades go up with the count, from 0 for nothing only."""
    small, large = sorted((min(one, largest), min(other, largest)))
    found = HeatMap(Crosstab((), (), ()), largest)
    assert 0 <= found.shade(small) <= found.shade(large) <= SHADES
    assert (found.shade(small) == 0) == (small == 0)


def test_what_is_summed_up_sets_no_shade_and_swallows_no_label() -> None:
    """Many small labels together leave the largest one as dark as it is, whatever its name."""
    counts = {(f"Label {n}", "1980s"): 5 for n in range(100)}
    counts |= {("100 other labels", "1980s"): 50, ("Jazz", "1980s"): 40}
    found = heat(counts, labels=2)
    assert found.table.row_totals == {
        "100 other labels": 50, "Jazz": 40, "(100 other labels)": 500
    }  # fmt: skip
    assert [found.shade(count) for (count,) in found.table.counts] == [SHADES] * 3
    counts["Jazz", "1980s"] = 10
    found = heat(counts, labels=2)
    assert found.shade(found.table.counts[1][0]) == 3


def test_sets_of_a_label_are_compared_with_the_wanted_shares() -> None:
    """What is aside or in no set counts for none; the difference is the largest of the three."""
    counts = {
        ("Jazz", "train"): 60, ("Jazz", "val"): 15, ("Jazz", "test"): 25,
        ("Jazz", "aside"): 7, ("Jazz", NO_SET): 3, ("Rock", NO_SET): 5,
    }  # fmt: skip
    jazz, rock, total = set_rows(counts, RATIO)
    assert [jazz.counts[name] for name in SETS] == [60, 15, 25]
    assert [round(100 * jazz.shares[name]) for name in SETS] == [60, 15, 25]
    assert jazz.off == pytest.approx(0.10)
    assert (jazz.counts[ASIDE], jazz.counts[NO_SET]) == (7, 3)
    assert rock.shares == {}
    assert (rock.off, rock.counts[NO_SET]) == (0, 5)
    assert (total.label, total.counts[NO_SET], total.counts["train"]) == ("All", 8, 60)


@given(st.dictionaries(st.tuples(st.sampled_from("ABCDE"), SET_NAMES), st.integers(1, 99)))
def test_no_cover_is_lost_in_the_rows_of_sets(counts: dict[tuple[str, str], int]) -> None:
    """However many labels share a row, all rows together are the last one."""
    *rows, total = set_rows(counts, RATIO, most_labels=2)
    assert len(rows) <= 3
    for row in (rows, [total]):
        assert sum(each.counts.total() for each in row) == sum(counts.values())


def test_a_label_that_sounds_like_the_others_keeps_its_row() -> None:
    """The others are called something else."""
    counts = {("2 other labels", "train"): 9, ("Jazz", "train"): 2, ("Rock", "train"): 1}
    rows = set_rows(counts, RATIO, most_labels=1)
    assert [row.label for row in rows] == ["2 other labels", "(2 other labels)", "All"]
    assert [row.counts["train"] for row in rows] == [9, 3, 12]


@given(CELLS)
def test_a_crosstab_has_each_count_where_it_belongs(counts: dict[tuple[str, str], int]) -> None:
    """A cell without albums has 0."""
    table = crosstab(counts, By.GENRE, By.DECADE)
    laid = {
        (row, column): count
        for row, cells in zip(table.rows, table.counts, strict=True)
        for column, count in zip(table.columns, cells, strict=True)
    }
    assert +Counter(laid) == Counter(counts)
