"""Albums by genre and decade: which of them get a row and a column, and how dark each cell is."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from equigen.dataset.decades import UNKNOWN
from equigen.report.tables import largest_first, unlike

SHADES: Final = 6
_OTHERS = "other decades"


class Cell(NamedTuple):
    """Where an album is counted."""

    genre: str
    decade: str


@dataclass(frozen=True, slots=True)
class Heat:
    """A cell's count, and its shade: 0 for nothing, up to `SHADES` for the largest cell."""

    count: int
    shade: int


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A genre's cells, in the order of the map's decades, and their sum."""

    genre: str
    cells: tuple[Heat, ...]
    total: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The decades in their order, a row a genre, largest first, and the sums of all columns.

    Of very many genres or decades, the smallest share a row or a column.
    """

    decades: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    totals: tuple[int, ...]
    total: int


def shade(count: int, largest: int) -> int:
    """Return how dark a cell is: by the square root, so that small counts differ as well.

    What is larger than the `largest` is no darker.
    """
    return math.ceil(SHADES * math.sqrt(min(1, count / largest))) if count else 0


def heat_map(
    counts: Mapping[Cell, int], *, most_genres: int = 100, most_decades: int = 24
) -> HeatMap:
    """Lay counts out as a table of at most so many rows and columns, and one more of each."""
    by_genre: Counter[str] = Counter()
    by_decade: Counter[str] = Counter()
    for cell, count in counts.items():
        by_genre[cell.genre] += count
        by_decade[cell.decade] += count
    genres = largest_first(by_genre)
    known = [name for name in largest_first(by_decade) if name != UNKNOWN]
    kept_genres, kept_decades = set(genres[:most_genres]), set(known[:most_decades])
    others = unlike(f"{len(genres) - most_genres:,} other genres", kept_genres)
    cells: Counter[Cell] = Counter()
    for (genre, decade), count in counts.items():
        row = genre if genre in kept_genres else others
        column = decade if decade in kept_decades or decade == UNKNOWN else _OTHERS
        cells[Cell(row, column)] += count
    rows = [*genres[:most_genres], *([others] if len(genres) > most_genres else [])]
    columns = [
        *sorted(kept_decades),
        *([_OTHERS] if len(known) > most_decades else []),
        *([UNKNOWN] if UNKNOWN in by_decade else []),
    ]
    # What is many genres together would pale each of the others.
    largest = max((count for cell, count in cells.items() if cell.genre != others), default=0)
    return HeatMap(
        tuple(columns),
        tuple(_row(name, columns, cells, largest) for name in rows),
        tuple(sum(cells[Cell(row, column)] for row in rows) for column in columns),
        by_genre.total(),
    )


def _row(genre: str, columns: list[str], cells: Mapping[Cell, int], largest: int) -> HeatRow:
    counts = [cells.get(Cell(genre, column), 0) for column in columns]
    heats = tuple(Heat(count, shade(count, largest)) for count in counts)
    return HeatRow(genre, heats, sum(counts))
