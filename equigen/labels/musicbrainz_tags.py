"""Match MusicBrainz genres and tags to queries: https://musicbrainz.org/genres.

MusicBrainz has some 2,000 genres, in small letters, and tags are any words of users. Each belongs
to at most one query of the table in `musicbrainz_tags.toml`:

1. A whole name of the table belongs to its query, spelt with "and", "&" or "'n'", and with or
   without apostrophes and "!".
2. Otherwise the last word names the music: "blues rock" is rock, "folk metal" is metal, "jazz rap"
   is rap. These words are the query's `heads`; the longest match wins.
3. If the last word is no head, the first one counts, as in Romance languages: "salsa dura" is
   salsa, "cumbia villera" is Latin. All other words must be ones that genres are made of: the
   table's `modifiers`, and the words of its heads and names. So "white house" is no house. The
   last one is none of `never_last`: "jazz age" is no music.
4. Heads that are words of other things as well, the table's `ambiguous` ones ("house", "country",
   "club"), count by themselves and in whole names: "deep house", but not "opera house".
5. A tag of several genres, "alternative/indie rock", belongs to the query of those that have one;
   if these differ, as in "rock/pop", it belongs to none.

Terms outside the table, such as a user's own, match by words, as a search on Discogs does.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

_GAPS = re.compile(r"[\s_-]+")
_AND = re.compile(r"&|['\u2019]?\bn\b['\u2019]?")
_SILENT = re.compile(r"['\u2019!]")
# The spellings for a search, which ignores "&" and reads "rock'n'roll" as one word.
_SPELLINGS_OF_AND: Final = (" and ", " & ", " n ", "'n'")
_SEVERAL = "/"
_CACHED = 16_384
_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class Row(NamedTuple):
    """The genres of a query: words with which they end or begin, and whole names."""

    heads: tuple[str, ...]
    names: tuple[str, ...] = ()


TABLE: Mapping[str, Row] = MappingProxyType(
    {
        asked: Row(tuple(row["heads"]), tuple(row.get("names", ())))
        for asked, row in _DATA["query"].items()
    }
)


@lru_cache(maxsize=_CACHED)
def row_of(genre: str) -> str:
    """Return the search term of the query that a genre belongs to; "" for none."""
    if _SEVERAL in genre:
        rows = {row_of(part) for part in genre.split(_SEVERAL)} - {""}
        return rows.pop() if len(rows) == 1 else ""
    words = _words(genre)
    if words in _NAMES:
        return _NAMES[words]
    lengths = range(min(len(words), _LONGEST_HEAD), 0, -1)
    ends = [(words[-length:], words[:-length]) for length in lengths]
    begins = [
        (words[:length], words[length:]) for length in lengths if words[-1] not in _NEVER_LAST
    ]
    found = (_HEADS[head] for head, rest in (*ends, *begins) if _is_genre(head, rest))
    return next(found, "")


def _is_genre(head: tuple[str, ...], rest: tuple[str, ...]) -> bool:
    return head in _HEADS and (not rest or head not in _AMBIGUOUS) and {*rest} <= _KNOWN


def phrases(asked: str) -> tuple[str, ...]:
    """Return search phrases of a query's term, one of which is in each genre of its row.

    A search for them also finds other genres. A term without a row has none. A phrase with "and"
    is repeated in each of its spellings, which the search treats as different words.
    """
    # The search can't find a head joined to other words ("blues'n'soul", "rock_grunge"), or an
    # "and" joined to one side ("drum'n bass") or by curly apostrophes.
    row = TABLE.get(asked, Row(()))
    heads = [_words(head) for head in row.heads]
    rest = (name for name in row.names if not any(_holds(_words(name), head) for head in heads))
    spelt = (each for phrase in (*row.heads, *rest) for each in _spellings(phrase))
    return tuple(dict.fromkeys(spelt))


def _spellings(phrase: str) -> tuple[str, ...]:
    first, *others = _AND.sub(" and ", phrase).split(" and ")
    if not others:
        return (phrase,)
    return tuple(joined.join((first.strip(), *others)) for joined in _SPELLINGS_OF_AND)


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name: "Drum'n'Bass" is "drum and bass", "oi!" is "oi"."""
    spaced = _GAPS.sub(" ", name.casefold())
    return tuple(_SILENT.sub("", _AND.sub(" and ", spaced)).split())


def _holds(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    starts = range(len(words) - len(part) + 1)
    return any(words[start : start + len(part)] == part for start in starts)


_NAMES = {_words(name): asked for asked, row in TABLE.items() for name in row.names}
_NAMES |= {_words(name): "" for name in _DATA["of_no_query"]}
_HEADS = {_words(head): asked for asked, row in TABLE.items() for head in row.heads}
_KNOWN = {word for name in _DATA["modifiers"] for word in _words(name)}
_AMBIGUOUS = {_words(head) for head in _DATA["ambiguous"]}
_KNOWN.update(*_HEADS, *(name for name in _NAMES if _AMBIGUOUS.isdisjoint((name[:1], name[-1:]))))
_KNOWN -= {"no", "anti"}  # of "no wave" and "anti-folk"; elsewhere they say what it isn't
_NEVER_LAST = frozenset((*_DATA["never_last"], *_DATA["ambiguous"]))
_LONGEST_HEAD = max(map(len, _HEADS))
