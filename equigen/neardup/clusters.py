"""Group covers that look alike, and choose the best copy of each picture."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from heapq import heappop, heappush
from typing import NamedTuple

from equigen.ledger.models import CoverPair
from equigen.schema import year_of

# A cover joins a group if more than half of so many of its members look like it.
MOST_ASKED = 3
_NO_YEAR = 9999


def gathered(
    pairs: Iterable[CoverPair], agree: Callable[[str, str], bool]
) -> list[tuple[str, ...]]:
    """Return the pairs as groups without chains, each of two covers or more, sorted.

    A cover that looks like two others doesn't make these look alike. So each group has a head, the
    cover with the most pairs. Covers that are a pair with a member join, the likest first, if they
    look like the head and like more than half of the members (3 are asked).
    `agree(one, other)` compares two covers that are no pair: of many copies of one picture, few
    are. The order of the pairs doesn't matter.
    """
    likeness: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for pair in pairs:
        likeness[pair.first][pair.second] = likeness[pair.second][pair.first] = pair.likeness
    free = set(likeness)
    groups: list[tuple[str, ...]] = []
    for head in sorted(likeness, key=lambda each: (-len(likeness[each]), each)):
        if head in free:
            members = _joined(head, likeness, free, agree)
            free.difference_update(members)
            if len(members) > 1:
                groups.append(tuple(sorted(members)))
    return sorted(groups)


def _joined(
    head: str,
    likeness: Mapping[str, Mapping[str, float]],
    free: Collection[str],
    agree: Callable[[str, str], bool],
) -> list[str]:
    group: list[str] = []
    seen = {head}
    waiting = [(0.0, head)]
    while waiting:
        _, each = heappop(waiting)
        asked = group[:MOST_ASKED]
        known = likeness[each]
        agreeing = [other in known or agree(each, other) for other in asked]
        if not asked or (agreeing[0] and 2 * sum(agreeing) > len(asked)):
            group.append(each)
            for other in known.keys() - seen:
                if other in free:
                    seen.add(other)
                    heappush(waiting, (-known[other], other))
    return group


class Copy(NamedTuple):
    """Row whose cover is in a `group`; `row` is its position in the dataset, from 0.

    `label` is its class; `sha256` and `pixels` (their number) are those of its file.
    """

    row: int
    group: str
    label: str
    sha256: str
    pixels: int
    year: str


class CopySurplus(StrEnum):
    """Reason why a row isn't needed, as summaries show it."""

    SAME_FILE = "same file as a copy that stays"
    LOOKS_ALIKE = "looks like a copy that stays"


def surplus(copies: Iterable[Copy]) -> dict[int, CopySurplus]:
    """Return the rows that can go, with the reason: all but the best copy of a group in each label.

    The best copy is the largest picture, then the earliest year (one that is known), then the first
    row.
    """
    found: dict[int, CopySurplus] = {}
    by_group: defaultdict[tuple[str, str], list[Copy]] = defaultdict(list)
    for copy in copies:
        by_group[copy.group, copy.label].append(copy)
    for group in by_group.values():
        best, *others = sorted(group, key=_best_first)
        for each in others:
            is_same = each.sha256 == best.sha256
            found[each.row] = CopySurplus.SAME_FILE if is_same else CopySurplus.LOOKS_ALIKE
    return found


def conflicts(copies: Iterable[Copy]) -> list[list[Copy]]:
    """Return the groups whose copies have different labels, in the order of their first rows."""
    by_group: defaultdict[str, list[Copy]] = defaultdict(list)
    for copy in copies:
        by_group[copy.group].append(copy)
    return [group for group in by_group.values() if len({copy.label for copy in group}) > 1]


def _best_first(copy: Copy) -> tuple[int, int, int]:
    return -copy.pixels, year_of(copy.year) or _NO_YEAR, copy.row
