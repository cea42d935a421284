"""Define queries: the built-in ones, their labels, and the albums that match them.

The built-in queries are in `taxonomy.toml`.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_WORLD = "World"
_WORLD_SUFFIX = " (World)"
_BUILTIN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Query:
    """A request for albums: its search terms, its quota, and the label that it belongs to.

    `name` is unique; `cell` is the value of the TSV's `genre` column; `label` is the class, whose
    folder has its name made safe; `limit` is in albums. At least one of `genre` and `style`, the
    source's own words, is set; where both are, an album must have both.
    """

    name: str
    genre: str
    style: str
    limit: int
    label: str
    cell: str


def builtin_queries(*, genre_limit: int, world_limit: int) -> tuple[Query, ...]:
    """Return the 24 built-in queries in the order in which they are filled.

    Both limits are in albums a query. World styles share the label `World` and have
    "<style> (World)" as their genre cell, but each has a limit of its own.
    """
    return tuple(
        Query(
            name=name,
            genre=table.get("genre", ""),
            style=table.get("style", ""),
            limit=world_limit if "world" in table else genre_limit,
            label=_WORLD if "world" in table else name,
            cell=name + _WORLD_SUFFIX if "world" in table else name,
        )
        for table in _BUILTIN["queries"]
        for name in (table["name"],)
    )


def labels_by_genre(queries: Sequence[Query]) -> Mapping[str, str]:
    """Return the label of each query's genre cell, for `label_of`."""
    return MappingProxyType({query.cell: query.label for query in queries})


def label_of(genre: str, labels: Mapping[str, str]) -> str:
    """Return the label of a genre cell, not yet made safe as a folder.

    Cells of no query, in rows edited by hand or made by other tools, keep their own name, except
    that "<style> (World)" is always `World`.
    """
    if genre in labels:
        return labels[genre]
    return _WORLD if genre.endswith(_WORLD_SUFFIX) else genre


def fits(query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
    """Tell whether Discogs' search for the query finds an album of these genres and styles."""
    return (not query.genre or finds(query.genre, genres)) and (
        not query.style or finds(query.style, styles)
    )


def finds(wanted: str, values: Iterable[str]) -> bool:
    """Tell whether one of the values contains all words of `wanted`, as Discogs' search does.

    So "metal" finds "Heavy Metal". https://www.discogs.com/developers/#page:database
    """
    return any(words_of(wanted) <= words_of(value) for value in values)


@lru_cache(maxsize=4096)
def words_of(value: str) -> frozenset[str]:
    """Return the case-folded words of a value: "Soul-Jazz" has two, "Rhythm & Blues" two."""
    return frozenset(_WORD.findall(value.casefold()))
