"""Who is on an album: one credit can name several artists, and some name nobody."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from equigen.identity.artists import is_nobody
from equigen.identity.cleaning import clean_artist

# How catalogues join artists: Discogs' own joins, and what people write by hand. What stands
# around a join is trimmed later: white space here would make long runs of it slow.
_JOIN = re.compile(
    r"[,;/+&=\u00d7\u2022\uff06\uff0f\u3001]"  # and the signs that other scripts use for them
    r"|(?<=[\s(\[])(?:(?:feat|ft)\.|w/)"
    r"|(?<=[\s(\[])(?:[-\u2013|]|feat|featuring|ft|with|and|vs\.?|versus|meets|presents|pres\.?"
    r"|introducing|accompanied by|in association with|conducted by|aka|a\.k\.a\.|x|y|et|und"
    r"|e|en|og|och|i)(?=\s)",
    re.IGNORECASE,
)
_ARTICLE = ", the"
_OPENING, _CLOSING = " ([", (")", "]")
# A credit of more names is looked at name by name: parts of several names are not.
_MOST_JOINED = 8


def artist_key(name: str) -> str:
    """Return what is the same of an artist's name however it is written; "" for nobody.

    Discogs' marks, capitals and where "The" stands don't matter; accents do.
    """
    if is_nobody(name):
        return ""
    key = clean_artist(name).casefold()
    return f"the {key.removesuffix(_ARTICLE)}" if key.endswith(_ARTICLE) else key


def parts_of(credit: str) -> list[str]:
    """Return the keys of all that a credit may join, the whole of it left out.

    "A, B & C" may be A, B and C, but also "A, B" and C, or A and "B & C": a name can hold a join
    itself ("Simon & Garfunkel"). Which of them are artists isn't known here.
    """
    joins = [match.span() for match in _JOIN.finditer(credit)]
    starts = [0, *(end for _, end in joins)]
    ends = [*(start for start, _ in joins), len(credit)]
    count = len(starts)
    longest = count - 1 if count <= _MOST_JOINED else 1
    found = (
        artist_key(name)
        for length in range(longest, 0, -1)
        for first in range(count - length + 1)
        for name in _names(credit[starts[first] : ends[first + length - 1]])
    )
    return [key for key in dict.fromkeys(found) if key.strip()] if joins else []


def _names(part: str) -> Iterator[str]:
    """Yield a part as it stands, and without half of a bracket that stood around it or its join."""
    yield part
    bare = part.strip(_OPENING)
    yield bare[:-1] if bare.endswith(_CLOSING) else bare


def artists_by_credit(
    credits_: Iterable[str], *, known: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Return, for each credit of a dataset, the keys of the artists that it is tied to.

    The first is the credit itself. A part of it counts where it stands as a credit of its own
    somewhere in the dataset, or is among the `known` keys. A credit of nobody ("Various") is tied
    to none.
    """
    keys = {credit: artist_key(credit) for credit in credits_}
    artists = {*known, *keys.values()}
    return {
        credit: (key, *(part for part in parts_of(credit) if part in artists and part != key))
        if key
        else ()
        for credit, key in keys.items()
    }
