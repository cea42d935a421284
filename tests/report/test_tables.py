"""Orders that mean something, and no count lost where there are too many."""

from hypothesis import given
from hypothesis import strategies as st

from equigen.report.tables import (
    By,
    Crosstab,
    folded,
    largest_first,
    natural_order,
    shares_of_sets,
)

SIZES = st.integers(1, 9)


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
    """A genre may be called so, and is still counted by itself."""
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
    """Who is in none has no part in them."""
    counts = {"train": 6, "test": 2, "aside": 50, "in no set": 70}
    assert shares_of_sets(counts) == {"train": 0.75, "val": 0, "test": 0.25}
    assert shares_of_sets({"in no set": 70}) == {}
