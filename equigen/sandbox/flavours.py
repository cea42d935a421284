"""What the invented albums of one label are made of: tags, countries, and words for names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[AEIOU])")


@dataclass(frozen=True, slots=True)
class Flavour:
    """The vocabulary of one label.

    `genres` and `styles` are alternatives, the likelier ones repeated; an album gets one of each,
    and sometimes one of `side_styles` on top. `artists` and `titles` are templates whose
    `{slots}` are filled from `words`.
    """

    label: str
    earliest_year: int
    genres: tuple[tuple[str, ...], ...]
    styles: tuple[tuple[str, ...], ...]
    side_styles: tuple[str, ...]
    countries: tuple[str, ...]
    artists: tuple[str, ...]
    titles: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]


def either(text: str) -> tuple[str, ...]:
    """Return the alternatives of a text such as "red | green | blue"."""
    return tuple(part.strip() for part in text.split("|"))


def tags(text: str) -> tuple[tuple[str, ...], ...]:
    """Return alternatives of several tags each: "Rock | Rock + Pop" has two, of one and two."""
    return tuple(tuple(tag.strip() for tag in part.split("+")) for part in text.split("|"))


def fill(template: str, words: Mapping[str, tuple[str, ...]], rng: Random) -> str:
    """Return the template with each `{slot}` replaced by a word of that name, none used twice."""
    used: set[str] = set()

    def draw(slot: re.Match[str]) -> str:
        unused = [word for word in words[slot[1]] if word not in used]
        word = rng.choice(unused or words[slot[1]])
        used.add(word)
        return word

    return _ARTICLE.sub(r"\1n ", _SLOT.sub(draw, template))
