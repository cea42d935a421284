"""Counts as tables and charts show them: in an order that means something, and not too many."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from equigen.dataset.decades import by_age
from equigen.schema import ASIDE, SETS

NO_SET = "in no set"
_SETS = (*SETS, ASIDE, NO_SET)


class By(StrEnum):
    """What albums are counted by: `genre` is the folder, `label` the TSV's genre cell."""

    GENRE = "genre"
    LABEL = "label"
    DECADE = "decade"
    COUNTRY = "country"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Crosstab:
    """How many albums are in each row and column: `counts` has a row for each of `rows`."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def row_totals(self) -> dict[str, int]:
        """How many albums each row has."""
        return {name: sum(row) for name, row in zip(self.rows, self.counts, strict=True)}

    @property
    def column_totals(self) -> dict[str, int]:
        """How many albums each column has."""
        sums = [sum(row[at] for row in self.counts) for at in range(len(self.columns))]
        return dict(zip(self.columns, sums, strict=True))

    @property
    def total(self) -> int:
        """How many albums there are."""
        return sum(map(sum, self.counts))

    def folded(self, most_rows: int, most_columns: int) -> "Crosstab":
        """Return a table of no more rows and columns; the smallest are summed up as others."""
        rows = _groups(self.row_totals, most_rows)
        columns = _groups(self.column_totals, most_columns)
        counts = tuple(
            tuple(sum(self.counts[y][x] for y in ys for x in xs) for xs in columns.values())
            for ys in rows.values()
        )
        return Crosstab(tuple(rows), tuple(columns), counts)


def folded(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Return no more counts than that, in their order; the smallest are summed up as others."""
    values = list(counts.values())
    return {name: sum(values[at] for at in ats) for name, ats in _groups(counts, most).items()}


def natural_order(by: By, counts: Mapping[str, int]) -> list[str]:
    """Return the names in an order that fits them: decades by age, sets from train on.

    All others stand as `largest_first` has them.
    """
    match by:
        case By.DECADE:
            return sorted(counts, key=by_age)
        case By.SET:
            return sorted(counts, key=_SETS.index)
        case _:
            return largest_first(counts)


def largest_first(counts: Mapping[str, int]) -> list[str]:
    """Return the names, the one with most first, those with as many by name."""
    key: Callable[[str], tuple[int, str]] = lambda name: (-counts[name], name)  # noqa: E731
    return sorted(counts, key=key)


def unlike(name: str, taken: Container[str]) -> str:
    """Return a name for what is summed up that is none of those that stand beside it."""
    while name in taken:
        name = f"({name})"
    return name


def shares_of_sets(counts: Mapping[str, int]) -> dict[str, float]:
    """Return the share of train, val and test in what is in them, from 0 to 1; else nothing."""
    in_sets = sum(counts.get(name, 0) for name in SETS)
    return {name: counts.get(name, 0) / in_sets for name in SETS} if in_sets else {}


def _groups(totals: Mapping[str, int], most: int) -> dict[str, Sequence[int]]:
    """Return which positions are shown together, under which name."""
    names = list(totals)
    if len(names) <= most:
        return {name: [at] for at, name in enumerate(names)}
    shown = {*largest_first(totals)[: most - 1]}
    groups: dict[str, Sequence[int]] = {
        name: [at] for at, name in enumerate(names) if name in shown
    }
    rest = [at for at, name in enumerate(names) if name not in shown]
    return {**groups, unlike(f"{len(rest):,} others", groups): rest}
