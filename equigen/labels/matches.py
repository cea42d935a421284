"""Count the albums that match queries, and those that match a part of a rule alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from equigen.labels.taxonomy import Query, Rule, rule_of

Fits = Callable[[Query, Sequence[str], Sequence[str]], bool]
# Most albums share their genres and styles with others, so the queries of this many are cached.
_CACHED = 50_000
# A label is as good as empty that has one of this many albums which match a part of its rule.
_FEW = 10


class _Found(NamedTuple):
    """The places of the queries that an album matches, and of the parts of rules of several."""

    places: list[int]
    parts: list[int]


class Matches:
    """Counts of albums by the queries that they match, and by the parts of rules.

    `fits` is the source's, which tells whether an album of some genres and styles matches a query.
    """

    def __init__(self, queries: Sequence[Query], fits: Fits) -> None:
        self.counts = Counter[str]()
        self._queries, self._fits = queries, fits
        of_query = [_parts(query) for query in queries]
        self._parts = [(at, part) for at, parts in enumerate(of_query) for part in parts]
        self._of_several = {at for at, parts in enumerate(of_query) if len(parts) > 1}
        # Of these an album that has the only part may still not match the whole rule.
        self._needs_look = {
            at for at, query in enumerate(queries)
            if at in self._of_several or rule_of(query).none_of
        }  # fmt: skip
        self._of_parts = Counter[int]()
        self._found_by = lru_cache(_CACHED)(self._find_by)
        self._found = lru_cache(_CACHED)(self._find)

    def _find_by(self, genre: str, style: str) -> frozenset[int]:
        """Return the places of the parts of rules that one genre or style fulfils."""
        genres, styles = (genre,) if genre else (), (style,) if style else ()
        return frozenset(
            place for place, (_, part) in enumerate(self._parts) if self._fits(part, genres, styles)
        )

    def _find(self, genres: tuple[str, ...], styles: tuple[str, ...]) -> _Found:
        """Return what albums of these genres and styles match; few queries need a closer look."""
        by_genre = (self._found_by(genre, "") for genre in genres)
        found = frozenset[int]().union(*by_genre, *(self._found_by("", each) for each in styles))
        places = [
            at
            for at in sorted({self._parts[part][0] for part in found})
            if at not in self._needs_look or self._fits(self._queries[at], genres, styles)
        ]
        return _Found(places, [part for part in found if self._parts[part][0] in self._of_several])

    def add(self, genres: tuple[str, ...], styles: tuple[str, ...], count: int = 1) -> list[int]:
        """Count albums of these genres and styles; return the places of the queries they match."""
        found = self._found(genres, styles)
        for at in found.places:
            self.counts[self._queries[at].name] += count
        for part in found.parts:
            self._of_parts[part] += count
        return found.places

    def notes(self, albums: Callable[[Query], int]) -> Iterator[str]:
        """Yield a sentence for each query that stays as good as empty by one part of its rule.

        `albums` is the number of a query's albums in the dataset.
        """
        for at in sorted(self._of_several):
            query = self._queries[at]
            parts = [place for place, (of, _) in enumerate(self._parts) if of == at]
            part = max(parts, key=lambda each: self._of_parts[each])
            half, both = self._of_parts[part], self.counts[query.name]
            if _FEW * max(both, albums(query)) <= half >= _FEW and albums(query) < query.limit:
                rules = {place: self._parts[place][1].rule for place in parts}
                others = " and ".join(str(rules[each]) for each in parts if each != part)
                few, most = f"{both:,}" if both else "none", rules[part]
                yield f"{query.name}: {half:,} albums have the {most}, {few} also the {others}"


def of_several_parts(queries: Iterable[Query]) -> list[Query]:
    """Return the queries whose rules have several conditions, of which one may fail alone."""
    return [query for query in queries if len(_parts(query)) > 1]


def _parts(query: Query) -> list[Query]:
    """Return a query for each condition of a rule, which one genre or style fulfils."""
    rule = rule_of(query)
    rules = [
        *([Rule(any_genre=rule.any_genre, by=rule.by)] if rule.any_genre else ()),
        *([Rule(any_style=rule.any_style, by=rule.by)] if rule.any_style else ()),
        *([Rule(any_of=rule.any_of, by=rule.by)] if rule.any_of else ()),
        *(Rule(all_of=(each,), by=rule.by) for each in rule.all_of),
    ]
    return [replace(query, rule=each) for each in rules]
