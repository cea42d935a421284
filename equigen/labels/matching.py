"""Which albums a search for a label finds, as the Discogs API searches."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from equigen.labels.builtin import Label

_WORD = re.compile(r"[^\W_]+")


def fits(label: Label, genres: Sequence[str], styles: Sequence[str]) -> bool:
    """Tell whether an album of these genres and styles is found by what the label asks for."""
    return (not label.genre or finds(label.genre, genres)) and (
        not label.style or finds(label.style, styles)
    )


def finds(wanted: str, values: Iterable[str]) -> bool:
    """Tell whether all words of what is wanted stand in one of the values.

    So "metal" finds "Heavy Metal". https://www.discogs.com/developers/#page:database
    """
    return any(words_of(wanted) <= words_of(value) for value in values)


@lru_cache(maxsize=4096)
def words_of(value: str) -> frozenset[str]:
    """Return the case-folded words of a value: "Soul-Jazz" has two, "Rhythm & Blues" two."""
    return frozenset(_WORD.findall(value.casefold()))
