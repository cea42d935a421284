"""Of covers that show the same picture, which one is the best, and which don't agree on a label."""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from equigen.dataset.decades import year_of

_NO_YEAR = 9999


class Copy(NamedTuple):
    """A row whose cover is in a `group`: `row` is its place in the dataset, from 0.

    `label` is its class, `sha256` that of its file, `pixels` how many that has.
    """

    row: int
    group: str
    label: str
    sha256: str
    pixels: int
    year: str


class Surplus(StrEnum):
    """Why a row isn't needed; the words stand in summaries."""

    SAME_FILE = "same file as a copy that stays"
    LOOKS_ALIKE = "looks like a copy that stays"


def surplus(copies: Iterable[Copy]) -> dict[int, Surplus]:
    """Return the rows that can go, and why: all but the best copy of each group in each label.

    The best copy is the largest picture, then the earliest year (one that is known), then the first
    row.
    """
    found: dict[int, Surplus] = {}
    by_group: defaultdict[tuple[str, str], list[Copy]] = defaultdict(list)
    for copy in copies:
        by_group[copy.group, copy.label].append(copy)
    for group in by_group.values():
        best, *others = sorted(group, key=_best_first)
        for each in others:
            is_same = each.sha256 == best.sha256
            found[each.row] = Surplus.SAME_FILE if is_same else Surplus.LOOKS_ALIKE
    return found


def conflicts(copies: Iterable[Copy]) -> list[list[Copy]]:
    """Return the groups whose copies have different labels, in the order of their first rows."""
    by_group: defaultdict[str, list[Copy]] = defaultdict(list)
    for copy in copies:
        by_group[copy.group].append(copy)
    return [group for group in by_group.values() if len({copy.label for copy in group}) > 1]


def _best_first(copy: Copy) -> tuple[int, int, int]:
    return -copy.pixels, year_of(copy.year) or _NO_YEAR, copy.row
