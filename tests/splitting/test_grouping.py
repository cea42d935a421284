"""Ties between look-alikes: a forest that connects what the pairs do."""

import random
from collections.abc import Iterable
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from equigen.splitting.grouping import Member, components, forest

NAMES = "abcdefghij"
edges = st.sets(st.sampled_from(list(combinations(NAMES, 2))), max_size=20).map(sorted)


def connected(pairs: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    """Return which hang together, by hand."""
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        joined = found.get(one, {one}) | found.get(other, {other})
        found |= dict.fromkeys(joined, joined)
    return {frozenset(each) for each in found.values()}


@given(pairs=edges, alone=st.integers(0, 3))
def test_components_are_the_connected_members(pairs: list[tuple[str, str]], alone: int) -> None:
    """Members are connected by ties; one without ties is by itself; nobody is left out."""
    members = [Member(f"{one}{other}", ("Jazz",), "", (one, other)) for one, other in pairs]
    members += [Member(f"alone {at}", ("Jazz",), "") for at in range(alone)]
    found = components(members, range(len(members)))
    assert sorted(at for group in found for at in group) == list(range(len(members)))
    ties = {frozenset(tie for at in group for tie in members[at].ties) for group in found}
    assert ties - {frozenset()} == connected(pairs)
    assert sum(len(group) == 1 and not members[group[0]].ties for group in found) == alone


@given(pairs=edges, chance=st.randoms(use_true_random=False))
def test_a_forest_does_not_depend_on_the_order_of_pairs(
    pairs: list[tuple[str, str]], chance: random.Random
) -> None:
    """The same pairs make the same ties."""
    trees = forest(pairs)
    chance.shuffle(pairs)
    assert forest(pairs) == trees


def test_no_pairs_make_no_ties() -> None:
    """There is nothing to connect."""
    assert forest([]) == {}


@given(pairs=edges)
def test_a_forest_holds_together_what_the_pairs_do(pairs: list[tuple[str, str]]) -> None:
    """With one tie less than it has covers; both ends of a tie know it, and it is a pair."""
    tied = forest(pairs)
    ties = {(one, other) for one, others in tied.items() for other in others}
    assert ties == {(other, one) for one, other in ties}
    assert sum(map(len, tied.values())) == len(ties)
    assert {tuple(sorted(tie)) for tie in ties} <= set(pairs)
    whole = connected(pairs)
    assert connected(ties) == whole
    assert len(ties) / 2 == sum(len(each) - 1 for each in whole)


@given(pairs=edges, loose=st.lists(st.integers(0, 2), min_size=10, max_size=10))
def test_who_is_loose_holds_nobody_together_that_others_could(
    pairs: list[tuple[str, str]], loose: list[int]
) -> None:
    """Without the loosest ones, and without the next, trees hold what the pairs do."""
    looseness = dict(zip(NAMES, loose, strict=True))
    tied = forest(pairs, looseness.__getitem__)
    ties = {(one, other) for one, others in tied.items() for other in others}

    def without(some: Iterable[tuple[str, str]], most: int) -> set[frozenset[str]]:
        return connected(pair for pair in some if max(looseness[each] for each in pair) <= most)

    for most in range(3):
        assert without(ties, most) == without(pairs, most)
