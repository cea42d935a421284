"""Which copy of a picture stays, and which copies don't agree on what they are."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from equigen.neardup.clusters import Copy, CopySurplus, conflicts, surplus


def copy(row: int, **known: object) -> Copy:
    """Return a row in the group "g"."""
    plain = Copy(row, group="g", label="Jazz", sha256=f"sha {row}", pixels=100, year="1999")
    return plain._replace(**known)  # type: ignore[arg-type]


def kept(*copies: Copy) -> set[int]:
    """Return the rows that stay."""
    return {each.row for each in copies} - surplus(copies).keys()


def test_the_largest_stays() -> None:
    """Whatever its year and its row."""
    assert kept(copy(0, year="1950"), copy(1, pixels=101, year="2001"), copy(2, pixels=99)) == {1}


def test_of_equally_large_ones_the_earliest_stays() -> None:
    """A year that nobody knows, or that is none, is no early one."""
    assert kept(copy(0), copy(1, year="1987"), copy(2, year="1988")) == {1}
    assert kept(copy(0), copy(1, year="1987.0"), copy(2, year=" 1986")) == {2}
    for unknown in ("", "0", "0000", "19", "187", "n.d.", "1987?", "-500", "19999", "1066"):
        assert kept(copy(0, year=unknown), copy(1, year="2024")) == {1}, unknown


def test_of_the_same_year_the_first_row_stays() -> None:
    """In whatever order they are looked at; also where no year is known."""
    assert kept(copy(5), copy(3), copy(4)) == {3}
    assert kept(copy(9, year=""), copy(2, year="0"), copy(4, year="?")) == {2}


def test_each_reason_is_told() -> None:
    """The same bytes are the same file; others look like it."""
    same = copy(2, sha256="sha 0")
    assert surplus([copy(0), copy(1), same]) == {
        1: CopySurplus.LOOKS_ALIKE,
        2: CopySurplus.SAME_FILE,
    }
    assert surplus([copy(0)]) == surplus([]) == {}


def test_nothing_is_dropped_for_a_copy_in_another_label() -> None:
    """One of each label stays."""
    rock = [copy(1, label="Rock", pixels=5), copy(3, label="Rock", pixels=9)]
    assert kept(copy(0), *rock, copy(2, pixels=50)) == {0, 3}


copies = st.lists(
    st.builds(
        Copy,
        row=st.integers(0, 50),
        group=st.sampled_from("gh"),
        label=st.sampled_from(["Jazz", "Rock"]),
        sha256=st.sampled_from("xyz"),
        pixels=st.integers(1, 3),
        year=st.sampled_from(["", "0", "1960", "1961"]),
    ),
    unique_by=lambda each: each.row,
)


@given(rows=copies, chance=st.randoms(use_true_random=False))
def test_one_stays_of_each_group_and_label(rows: list[Copy], chance: random.Random) -> None:
    """It is no smaller than any other; the order of the rows doesn't matter."""
    gone = surplus(rows)
    stay = {(each.group, each.label): each for each in rows if each.row not in gone}
    assert len(rows) - len(gone) == len(stay) == len({(each.group, each.label) for each in rows})
    for each in rows:
        best = stay[each.group, each.label]
        assert best.pixels >= each.pixels
        if each.row in gone:
            assert (gone[each.row] is CopySurplus.SAME_FILE) == (each.sha256 == best.sha256)
    mixed = rows.copy()
    chance.shuffle(mixed)
    assert surplus(mixed) == gone


@given(rows=copies)
def test_conflicts_are_the_groups_of_several_labels(rows: list[Copy]) -> None:
    """All of their copies are told, group by group in the order of the first ones."""
    found = conflicts(rows)
    labels = Counter(group for group, _ in {(each.group, each.label) for each in rows})
    assert {group[0].group for group in found} == {name for name, n in labels.items() if n > 1}
    for group in found:
        assert group == [each for each in rows if each.group == group[0].group]
    firsts = [rows.index(group[0]) for group in found]
    assert firsts == sorted(firsts)
