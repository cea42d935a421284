"""Groups without chains."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from equigen.ledger.models import CoverPair
from equigen.neardup.clusters import MOST_ASKED, gathered

NAMES = "abcdefghij"
edges = st.sets(st.sampled_from(list(combinations(NAMES, 2))), max_size=20).map(sorted)


def never(_one: str, _other: str) -> bool:
    """Say that two covers that are no pair don't look alike."""
    return False


def always(_one: str, _other: str) -> bool:
    """Say that they do."""
    return True


def link(one: str, other: str, likeness: float) -> CoverPair:
    """Return a pair that looks alike."""
    return CoverPair(one, other, 0, likeness, is_alike=True)


@given(pairs=edges, likeness=st.randoms(use_true_random=False), alike=st.sets(st.integers(0, 99)))
def test_groups_are_pairs_at_least_and_hold_around_a_head(
    pairs: list[tuple[str, str]], likeness: random.Random, alike: set[int]
) -> None:
    """They share nobody; one of each looks like all others of it; nobody is left for nothing."""
    links = [link(*pair, likeness.random()) for pair in pairs]

    def agree(one: str, other: str) -> bool:
        return (ord(min(one, other)) * 7 + ord(max(one, other)) * 31) % 100 in alike

    groups = gathered(links, agree)
    members = [each for group in groups for each in group]
    assert len(set(members)) == len(members)
    assert groups == sorted(tuple(sorted(group)) for group in groups)
    both = {*pairs, *((other, one) for one, other in pairs)}
    for group in groups:
        assert len(group) > 1
        assert any(
            all((head, each) in both or agree(each, head) for each in group if each != head)
            for head in group
        )
    # Two that look alike and are both in no group would have made one.
    assert all(one in members or other in members for one, other in pairs)


@given(pairs=edges, chance=st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(
    pairs: list[tuple[str, str]], chance: random.Random
) -> None:
    """Nor which of two is named first."""
    links = [link(one, other, (ord(one) * ord(other)) % 7 / 7) for one, other in pairs]
    groups = gathered(links, never)
    chance.shuffle(links)
    turned = [link(each.second, each.first, each.likeness) for each in links]
    assert gathered(links, never) == gathered(turned, never) == groups


@given(pairs=edges)
def test_where_all_agree_a_group_is_all_that_hangs_together(pairs: list[tuple[str, str]]) -> None:
    """Few of many copies of one picture are a pair."""
    groups = gathered([link(*pair, 1.0) for pair in pairs], always)
    of_name = {name: group for group in groups for name in group}
    assert all(of_name[one] == of_name[other] for one, other in pairs)
    sizes = [len(group) - 1 for group in groups]
    assert sum(sizes) <= len(pairs)


def test_a_chain_is_broken_where_its_ends_do_not_agree() -> None:
    """B looks like A and like C: the likest of both stays with it."""
    chain = [link("a", "b", 0.9), link("b", "c", 0.95)]
    assert gathered(chain, never) == [("b", "c")]
    assert gathered([link("a", "b", 0.96), chain[1]], never) == [("a", "b")]
    assert gathered(chain, always) == [("a", "b", "c")]


def test_equally_like_covers_are_taken_by_their_names() -> None:
    """Nothing is left to chance."""
    chain = [link("a", "b", 0.9), link("b", "c", 0.9)]
    assert gathered(chain, never) == [("a", "b")]


def test_more_than_half_must_agree() -> None:
    """One of two is not enough, two of three are."""
    star = [link("h", each, ord("z") - ord(each)) for each in "abcd"]
    assert gathered([*star, link("a", "b", 1.0)], never) == [("a", "b", "h")]
    more = [*star, link("a", "b", 1.0), link("a", "c", 1.0)]
    assert gathered(more, never) == [("a", "b", "c", "h")]


def test_a_large_group_asks_few() -> None:
    """Each newcomer is compared with no more than the first members, however many there are."""
    asked: Counter[str] = Counter()

    def agree(one: str, other: str) -> bool:
        asked[one] += 1
        return True

    star = [link("head", f"{number:02}", 1.0) for number in range(60)]
    assert len(gathered(star, agree)[0]) == 61
    assert max(asked.values()) <= MOST_ASKED


def test_nothing_makes_nothing() -> None:
    """Without pairs there are no groups."""
    assert gathered([], never) == []


def gathered_by_the_book(
    pairs: Iterable[CoverPair], agree: Callable[[str, str], bool]
) -> list[tuple[str, ...]]:
    """Form one group after the other, looking for each head among all that are left."""
    likeness: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for pair in pairs:
        likeness[pair.first][pair.second] = likeness[pair.second][pair.first] = pair.likeness
    left, groups = set(likeness), []
    while left:
        head = min(left, key=lambda each: (-len(likeness[each]), each))
        group, refused = [head], set[str]()
        value = {each: likeness[head][each] for each in left & likeness[head].keys()}
        while value:
            each = min(value, key=lambda x: (-value[x], x))
            value.pop(each)
            asked = [x in likeness[each] or agree(each, x) for x in group[:MOST_ASKED]]
            if asked[0] and 2 * sum(asked) > len(asked):
                group.append(each)
                for other in (left & likeness[each].keys()) - set(group) - refused:
                    value.setdefault(other, likeness[each][other])
            else:
                refused.add(each)
        left -= set(group)
        groups.append(tuple(sorted(group)))
    return sorted(group for group in groups if len(group) > 1)


@given(
    pairs=st.dictionaries(
        st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(lambda pair: pair[0] < pair[1]),
        st.sampled_from([0.8, 0.9, 1.0]),
        max_size=150,
    ),
    modulus=st.integers(1, 5),
)
def test_groups_are_those_of_the_plain_algorithm(
    pairs: dict[tuple[int, int], float], modulus: int
) -> None:
    """On random graphs, sparse and dense, with likeness that ties."""
    links = [link(f"{one:02}", f"{other:02}", value) for (one, other), value in pairs.items()]

    def agree(one: str, other: str) -> bool:
        return (int(one) * int(other)) % modulus == 0

    assert gathered(links, agree) == gathered_by_the_book(links, agree)
