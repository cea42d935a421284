"""Groups without chains, and the forest that ties what hangs together."""

import random
from collections import Counter
from collections.abc import Iterable
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from equigen.neardup.clusters import MOST_ASKED, Alike, gathered
from equigen.splitting.ties import forest

NAMES = "abcdefghij"
edges = st.sets(st.sampled_from(list(combinations(NAMES, 2))), max_size=20).map(sorted)


def never(_one: str, _other: str) -> bool:
    """Say that two covers that are no pair don't look alike."""
    return False


def always(_one: str, _other: str) -> bool:
    """Say that they do."""
    return True


def components(pairs: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    """Return which hang together, by hand."""
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        joined = found.get(one, {one}) | found.get(other, {other})
        found |= dict.fromkeys(joined, joined)
    return {frozenset(each) for each in found.values()}


@given(pairs=edges, likeness=st.randoms(use_true_random=False), alike=st.sets(st.integers(0, 99)))
def test_groups_are_pairs_at_least_and_hold_around_a_head(
    pairs: list[tuple[str, str]], likeness: random.Random, alike: set[int]
) -> None:
    """They share nobody; one of each looks like all others of it; nobody is left for nothing."""
    links = [Alike(*pair, likeness.random()) for pair in pairs]

    def agree(one: str, other: str) -> bool:
        return (ord(min(one, other)) * 7 + ord(max(one, other)) * 31) % 100 in alike

    groups = gathered(links, agree)
    members = [each for group in groups for each in group]
    assert len(set(members)) == len(members)
    assert groups == sorted(tuple(sorted(group)) for group in groups)
    both = {*pairs, *((other, one) for one, other in pairs)}
    for group in groups:
        assert len(group) > 1
        assert any(all((head, each) in both for each in group if each != head) for head in group)
    # Two that look alike and are both in no group would have made one.
    assert all(one in members or other in members for one, other in pairs)


@given(pairs=edges, chance=st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(
    pairs: list[tuple[str, str]], chance: random.Random
) -> None:
    """Nor which of two is named first."""
    links = [Alike(one, other, (ord(one) * ord(other)) % 7 / 7) for one, other in pairs]
    groups, trees = gathered(links, never), forest(pairs)
    chance.shuffle(links)
    turned = [Alike(link.second, link.first, link.likeness) for link in links]
    assert gathered(links, never) == gathered(turned, never) == groups
    chance.shuffle(pairs)
    assert forest(pairs) == trees


@given(pairs=edges)
def test_where_all_agree_a_head_takes_all_that_look_like_it(pairs: list[tuple[str, str]]) -> None:
    """The first head is the one that looks like most others, and of these the first by name."""
    groups = gathered([Alike(*pair, 1.0) for pair in pairs], always)
    degrees = Counter(name for pair in pairs for name in pair)
    if pairs:
        head = min(degrees, key=lambda name: (-degrees[name], name))
        around = {name for pair in pairs if head in pair for name in pair}
        assert tuple(sorted(around)) in groups


def test_a_chain_is_broken_where_its_ends_do_not_agree() -> None:
    """B looks like A and like C: the likest of both stays with it."""
    chain = [Alike("a", "b", 0.9), Alike("b", "c", 0.95)]
    assert gathered(chain, never) == [("b", "c")]
    assert gathered([Alike("a", "b", 0.96), chain[1]], never) == [("a", "b")]
    assert gathered(chain, always) == [("a", "b", "c")]


def test_equally_like_covers_are_taken_by_their_names() -> None:
    """Nothing is left to chance."""
    chain = [Alike("a", "b", 0.9), Alike("b", "c", 0.9)]
    assert gathered(chain, never) == [("a", "b")]


def test_more_than_half_must_agree() -> None:
    """One of two is not enough, two of three are."""
    star = [Alike("h", each, ord("z") - ord(each)) for each in "abcd"]
    assert gathered([*star, Alike("a", "b", 1.0)], never) == [("a", "b", "h")]
    more = [*star, Alike("a", "b", 1.0), Alike("a", "c", 1.0)]
    assert gathered(more, never) == [("a", "b", "c", "h")]


def test_a_large_group_asks_few() -> None:
    """Each newcomer is compared with no more than the first members, however many there are."""
    asked: Counter[str] = Counter()

    def agree(one: str, other: str) -> bool:
        asked[one] += 1
        return True

    star = [Alike("head", f"{number:02}", 1.0) for number in range(60)]
    assert len(gathered(star, agree)[0]) == 61
    assert max(asked.values()) <= MOST_ASKED


def test_nothing_makes_nothing() -> None:
    """Without pairs there are no groups and no ties."""
    assert gathered([], never) == []
    assert forest([]) == {}


@given(pairs=edges)
def test_a_forest_holds_together_what_the_pairs_do(pairs: list[tuple[str, str]]) -> None:
    """With one tie less than it has covers; both ends of a tie know it, and it is a pair."""
    tied = forest(pairs)
    ties = {(one, other) for one, others in tied.items() for other in others}
    assert ties == {(other, one) for one, other in ties}
    assert sum(map(len, tied.values())) == len(ties)
    assert {tuple(sorted(tie)) for tie in ties} <= set(pairs)
    whole = components(pairs)
    assert components(ties) == whole
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
        return components(pair for pair in some if max(looseness[each] for each in pair) <= most)

    for most in range(3):
        assert without(ties, most) == without(pairs, most)
