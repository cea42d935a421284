"""Groups of covers that look alike, of pairs that do."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

# A cover joins a group if more than half of so many of its members look like it.
MOST_ASKED = 8


class Alike(NamedTuple):
    """Two covers that look alike; `likeness` is 1 where they are the same."""

    first: str
    second: str
    likeness: float


def gathered(pairs: Iterable[Alike], agree: Callable[[str, str], bool]) -> list[tuple[str, ...]]:
    """Return the connected pairs as groups without chains, each of two covers or more, sorted.

    A cover that looks like two others doesn't make these look alike. So each group has a head, the
    cover that looks like most others, and takes those that look like the head, the likest first;
    but one joins only if more than half of the members do look like it (8 of them are asked).
    `agree(one, other)` looks at two covers that are no pair. The order of the pairs doesn't matter.
    """
    likeness: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for pair in pairs:
        likeness[pair.first][pair.second] = likeness[pair.second][pair.first] = pair.likeness
    free = dict.fromkeys(sorted(likeness, key=lambda each: (-len(likeness[each]), each)))
    members: list[list[str]] = []
    while free:
        members.append(_joined(next(iter(free)), likeness, free, agree))
        for each in members[-1]:
            del free[each]
    return sorted(tuple(sorted(group)) for group in members if len(group) > 1)


def _joined(
    head: str,
    likeness: Mapping[str, Mapping[str, float]],
    free: Mapping[str, None],
    agree: Callable[[str, str], bool],
) -> list[str]:
    group = [head]
    alike = likeness[head]
    for each in sorted(alike.keys() & free.keys(), key=lambda other: (-alike[other], other)):
        asked = group[:MOST_ASKED]
        known = likeness[each]
        agreeing = sum(other in known or agree(each, other) for other in asked)
        if 2 * agreeing > len(asked):
            group.append(each)
    return group
