"""How a dataset's sets compare with the shares that were asked for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from equigen.report.model import SetCount, SetRow
from equigen.report.tables import largest_first, shares_of_sets, unlike
from equigen.schema import ASIDE, SETS


class InSet(NamedTuple):
    """A genre, and a set: "aside", or "" for none."""

    genre: str
    set_name: str


def set_rows(
    counts: Mapping[InSet, int], ratio: Sequence[float], *, most_genres: int = 100
) -> list[SetRow]:
    """Return the sets of each genre, largest first, then those of all together.

    Of very many genres, the smallest share a row.
    """
    by_genre: Counter[str] = Counter()
    for each, count in counts.items():
        by_genre[each.genre] += count
    genres = largest_first(by_genre)
    rest = unlike(f"{len(genres) - most_genres:,} other genres", genres[:most_genres])
    rows: dict[str, Counter[str]] = {name: Counter() for name in genres[:most_genres]}
    total: Counter[str] = Counter()
    for each, count in counts.items():
        name = each.genre if each.genre in rows else rest
        rows.setdefault(name, Counter())[each.set_name] += count
        total[each.set_name] += count
    return [*(_row(name, row, ratio) for name, row in rows.items()), _row("All", total, ratio)]


def _row(genre: str, counts: Mapping[str, int], ratio: Sequence[float]) -> SetRow:
    shares = shares_of_sets(counts)
    sets = tuple(SetCount(name, counts.get(name, 0), shares.get(name, 0.0)) for name in SETS)
    off = max(abs(each.share - wanted) for each, wanted in zip(sets, ratio, strict=True))
    return SetRow(genre, sets, counts.get(ASIDE, 0), counts.get("", 0), off if shares else 0.0)
