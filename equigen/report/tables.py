"""Lay counts out as tables: in an order that means something, folded where there are too many."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from equigen.dataset.counting import NO_SET, By, largest_first, names_in_order
from equigen.schema import ASIDE, SETS

SHADES: Final = 6
_SETS: Final = (*SETS, ASIDE, NO_SET)


@dataclass(frozen=True, slots=True)
class Crosstab:
    """Numbers of albums by row and column: `counts` has one tuple for each of `rows`.

    Where an album can be in several rows, as with labels, `column_albums` has the number of albums
    of each column; where it can be in several columns, `row_albums` that of each row; where both,
    `albums` is that of all.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    row_albums: tuple[int, ...] = ()
    column_albums: tuple[int, ...] = ()
    albums: int = 0

    @property
    def row_totals(self) -> dict[str, int]:
        """The number of albums in each row."""
        return dict(zip(self.rows, self.row_albums or map(sum, self.counts), strict=True))

    @property
    def column_totals(self) -> dict[str, int]:
        """The number of albums in each column."""
        sums = [sum(row[at] for row in self.counts) for at in range(len(self.columns))]
        return dict(zip(self.columns, self.column_albums or sums, strict=True))

    @property
    def total(self) -> int:
        """The number of albums."""
        return self.albums or sum(self.column_albums or self.row_albums or map(sum, self.counts))

    def folded(self, most_rows: int, most_columns: int, *, others: str = "others") -> "Crosstab":
        """Return a table of no more rows and columns; the smallest are summed up as `others`."""
        rows = _groups(self.row_totals, most_rows, others)
        columns = _groups(self.column_totals, most_columns, others)
        counts = tuple(
            tuple(sum(self.counts[y][x] for y in ys for x in xs) for xs in columns.values())
            for ys in rows.values()
        )
        row_albums, column_albums = (
            tuple(sum(albums[at] for at in ats) for ats in groups.values()) if albums else ()
            for groups, albums in ((rows, self.row_albums), (columns, self.column_albums))
        )
        return Crosstab(tuple(rows), tuple(columns), counts, row_albums, column_albums, self.albums)


class HeatMap(NamedTuple):
    """A folded table, and the `largest` cell before folding, which sets the darkest shade.

    A cell of folded rows can exceed it; it gets the darkest shade as well, so that sums of many
    small rows don't pale the rest.
    """

    table: Crosstab
    largest: int

    def share(self, count: int) -> float:
        """Return a cell's share of the largest one, from 0 to 1."""
        return min(1.0, count / self.largest) if count else 0.0

    def shade(self, count: int) -> int:
        """Return a cell's step of `SHADES`, 0 for nothing.

        The steps follow the square root, so that small counts differ as well.
        """
        return math.ceil(SHADES * math.sqrt(self.share(count)))


def heat_map(
    table: Crosstab, *, most_rows: int, most_columns: int, others: str = "others"
) -> HeatMap:
    """Fold a table to at most so many rows and columns, and find its largest cell."""
    largest = max((count for row in table.counts for count in row), default=0)
    return HeatMap(table.folded(most_rows, most_columns, others=others), largest)


def crosstab(
    counts: Mapping[tuple[str, str], int],
    rows: str,
    columns: str,
    *,
    row_albums: Mapping[str, int] | None = None,
    column_albums: Mapping[str, int] | None = None,
    albums: int = 0,
) -> Crosstab:
    """Lay out counts by two fields as a table, each field in its natural order.

    Where an album may have several values of one, as with labels, the albums of each value of the
    other are given, and those of all where both are so.
    """
    names, heads = names_in_order(counts.items(), (rows, columns))
    cells = tuple(tuple(counts.get((name, head), 0) for head in heads) for name in names)
    of_rows = tuple(row_albums.get(name, 0) for name in names) if row_albums else ()
    of_columns = tuple(column_albums.get(head, 0) for head in heads) if column_albums else ()
    return Crosstab(tuple(names), tuple(heads), cells, of_rows, of_columns, albums)


@dataclass(frozen=True, slots=True)
class SetRow:
    """A label's covers by set, "aside" and `NO_SET`, and the shares of those that are in sets.

    `off` is the largest difference between its shares and the wanted ones.
    """

    label: str
    counts: Counter[str]
    shares: Mapping[str, float]
    off: float


def set_rows(
    counts: Mapping[tuple[str, str], int],
    ratio: Sequence[float],
    *,
    albums: Mapping[str, int] | None = None,
    most_labels: int = 100,
) -> list[SetRow]:
    """Return the sets of each label, largest first, then those of all together.

    `counts` are covers by label and set (a set, "aside" or `NO_SET`), `albums` those by set, where
    some have several labels. Of more labels than `most_labels`, the smallest share one further row.
    """
    table = crosstab(counts, By.LABEL, By.SET, column_albums=albums)
    shown = table.folded(most_labels + 1, len(_SETS), others="other labels")
    rows = zip(shown.rows, shown.counts, strict=True)
    by_label = [(name, dict(zip(shown.columns, row, strict=True))) for name, row in rows]
    return [_set_row(name, row, ratio) for name, row in (*by_label, ("All", table.column_totals))]


def _set_row(label: str, counts: Mapping[str, int], ratio: Sequence[float]) -> SetRow:
    shares = shares_of_sets(counts)
    apart = (abs(share - wanted) for share, wanted in zip(shares.values(), ratio, strict=False))
    return SetRow(label, Counter(counts), shares, max(apart, default=0.0))


def shares_of_sets(counts: Mapping[str, int]) -> dict[str, float]:
    """Return the share of train, val and test in what is in them, from 0 to 1; else nothing."""
    in_sets = sum(counts.get(name, 0) for name in SETS)
    return {name: counts.get(name, 0) / in_sets for name in SETS} if in_sets else {}


def folded(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Return at most so many counts, in their order; the smallest are summed up as others."""
    values = list(counts.values())
    groups = _groups(counts, most, "others")
    return {name: sum(values[at] for at in ats) for name, ats in groups.items()}


def _groups(totals: Mapping[str, int], most: int, others: str) -> dict[str, list[int]]:
    """Return the positions that are shown together, by the name they are shown under."""
    shown = {*totals} if len(totals) <= most else {*largest_first(totals)[: most - 1]}
    groups = {name: [at] for at, name in enumerate(totals) if name in shown}
    if rest := [at for at, name in enumerate(totals) if name not in shown]:
        name = f"{len(rest):,} {others}"
        while name in groups:  # a real one is called the same
            name = f"({name})"
        groups[name] = rest
    return groups
