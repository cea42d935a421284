"""Match albums to all labels of a taxonomy, instead of to one query."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from equigen.labels.matches import Fits
from equigen.labels.musicbrainz_tags import row_of
from equigen.labels.taxonomy import MatchBy, Query, Rule, fits, fits_tags, words_of
from equigen.schema import split_list


def labels_matched(
    queries: Iterable[Query], genres: Sequence[str], styles: Sequence[str], fits: Fits = fits
) -> tuple[str, ...]:
    """Return the labels that an album of these genres and styles matches, in the queries' order.

    Two queries of one label count once.
    """
    found = (query.label for query in queries if fits(query, genres, styles))
    return tuple(dict.fromkeys(found))


def fits_by_tags(query: Query, genres: Sequence[str], _styles: Sequence[str]) -> bool:
    """Tell whether an album of MusicBrainz's genres matches a query, the rule of that source."""
    return fits_tags(query, genres)


def cell_matcher(
    queries: Sequence[Query], *, of_musicbrainz: bool = False
) -> Callable[[str, str], tuple[str, ...]]:
    """Return the function that gives the labels which the cells `genres` and `styles` match.

    A million rows have some 100,000 pairs of cells. No rule tells most of their values apart: those
    in which it finds the same words, and that have the same names of it, count as one value. So few
    pairs are left to be matched.
    """
    rule = fits_by_tags if of_musicbrainz else fits
    asked = {word.casefold() for query in queries for word in _asked(query)}
    words = [(word, words_of(word)) for word in sorted(asked)]
    by_tags = of_musicbrainz or any(each.rule and each.rule.by is MatchBy.TAGS for each in queries)
    likes: dict[tuple[object, ...], str] = {}

    @cache
    def alike(value: str) -> str:
        """Return the first of the values that are alike to all rules."""
        name, has = value.casefold(), words_of(value)
        found = tuple(word for word, parts in words if parts <= has)
        row = row_of(value) if by_tags else ""
        return likes.setdefault((row, name if name in asked else "", *found), value)

    @cache
    def reduced(cell: str) -> tuple[str, ...]:
        return tuple(sorted({alike(value) for value in split_list(cell)}))

    @cache
    def matched(genres: tuple[str, ...], styles: tuple[str, ...]) -> tuple[str, ...]:
        return labels_matched(queries, genres, styles, rule)

    return lambda genres, styles: matched(reduced(genres), reduced(styles))


def _asked(query: Query) -> Iterable[str]:
    """Return all texts that a query's rule compares with genres or styles."""
    rule = query.rule or Rule()
    parts = (rule.any_genre, rule.any_style, rule.any_of, rule.all_of, rule.none_of)
    return query.genre, query.style, *(text for part in parts for text in part)
