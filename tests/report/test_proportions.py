"""The balance of sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.report.proportions import InSet, set_rows

RATIO = (0.7, 0.15, 0.15)


def test_shares_are_of_what_is_in_sets() -> None:
    """What is aside or in no set counts for none; the difference is the largest of the three."""
    counts = {
        InSet("Jazz", "train"): 60, InSet("Jazz", "val"): 15, InSet("Jazz", "test"): 25,
        InSet("Jazz", "aside"): 7, InSet("Jazz", ""): 3, InSet("Rock", ""): 5,
    }  # fmt: skip
    jazz, rock, total = set_rows(counts, RATIO)
    assert [each.count for each in jazz.sets] == [60, 15, 25]
    assert [each.percent for each in jazz.sets] == [60, 15, 25]
    assert jazz.off == pytest.approx(0.10)
    assert (jazz.aside, jazz.in_none) == (7, 3)
    assert [each.share for each in rock.sets] == [0, 0, 0]
    assert (rock.off, rock.in_none) == (0, 5)
    assert (total.genre, total.in_none, total.sets[0].count) == ("All", 8, 60)


@given(
    st.dictionaries(
        st.builds(InSet, st.sampled_from("ABCDE"), st.sampled_from(["train", "test", "", "aside"])),
        st.integers(1, 99),
    )
)
def test_no_cover_is_lost(counts: dict[InSet, int]) -> None:
    """However many genres share a row, all rows together are the last one."""
    *rows, total = set_rows(counts, RATIO, most_genres=2)
    assert len(rows) <= 3
    for row in (rows, [total]):
        found = sum(each.aside + each.in_none + sum(s.count for s in each.sets) for each in row)
        assert found == sum(counts.values())


def test_a_genre_that_sounds_like_the_others_is_not_swallowed() -> None:
    """It keeps its own row."""
    counts = {InSet("1 other genres", "train"): 9, InSet("Jazz", "train"): 2}
    rows = set_rows(counts, RATIO, most_genres=1)
    assert [row.genre for row in rows] == ["1 other genres", "(1 other genres)", "All"]
    assert [row.sets[0].count for row in rows] == [9, 2, 11]
