"""What ties covers that look alike: few ties at first, and those that turn out to be missing."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

# Two covers that look alike, by their sha256.
Edge = tuple[str, str]


def _alike(_cover: str) -> int:
    return 0


def forest(
    pairs: Iterable[tuple[str, str]], looseness: Callable[[str], int] = _alike
) -> dict[str, list[str]]:
    """Return whom each cover is tied to, with as few ties as hold all pairs together.

    Of covers that hang together, a tree is left. Each tie is told of by both of its ends. Where
    some are taken out whose `looseness` is the highest, those that hung together without them
    still do.
    """
    parents: dict[str, str] = {}

    def root(each: str) -> str:
        while (parent := parents.setdefault(each, each)) != each:
            parents[each] = parents[parent]
            each = parents[each]
        return each

    def firmest_first(pair: tuple[str, str]) -> tuple[int, tuple[str, str]]:
        return max(map(looseness, pair)), pair

    tied: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in sorted(pairs, key=firmest_first):
        if root(one) != root(other):
            parents[root(other)] = root(one)
            tied[one].append(other)
            tied[other].append(one)
    return dict(tied)


def to_earlier(
    alike: Mapping[str, Iterable[str]], since: Mapping[str, int]
) -> dict[str, list[str]]:
    """Leave of each tie the end that was dealt later: what is new moves nothing that was there.

    `since` says when each cover was dealt; between those that never were both ends are left.
    """
    never = len(since)
    return {
        cover: sorted(each for each in others if since.get(each, never) <= since.get(cover, never))
        for cover, others in alike.items()
    }


def crossing(pairs: Iterable[Edge], set_of: Mapping[str, str]) -> list[Edge]:
    """Return the pairs that a deal put into different sets; `set_of` has the covers in sets."""
    return [
        (one, other)
        for one, other in pairs
        if one in set_of and other in set_of and set_of[one] != set_of[other]
    ]
