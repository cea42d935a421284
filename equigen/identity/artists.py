"""Identify artists: the cleaned name, the key that all stages compare, the artists of a credit."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping

_DISAMBIGUATION = re.compile(r"\(\d+\)")
_WHITE_SPACE = re.compile(r"\s+")
# Names that stand for no single artist: Discogs' own placeholders (https://support.discogs.com:
# "Various", "Unknown Artist", "No Artist", "Anonymous", "Traditional", "Folk Artist"), and their
# spellings in other catalogues and in lists made by hand.
_NOBODY = frozenset((
    "various", "various artist", "various artists", "va", "v.a.", "v.a", "v/a", "v. a.", "unknown",
    "unknown artist", "unknown artists", "[unknown]", "no artist", "[no artist]", "anonymous",
    "[anonymous]", "anonymus", "traditional", "[traditional]", "folk artist", "soundtrack",
    "original soundtrack", "ost", "diverse", "diversos", "varios", "varios artistas", "vários",
    "vários artistas", "verschiedene", "verschiedene interpreten", "artistes divers",
    "artisti vari", "",
))  # fmt: skip
# The joins between artists: Discogs' own, and those that people write by hand. White space around a
# join is trimmed later, since matching it here would be slow on long runs.
_JOIN = re.compile(
    r"[,;/+&=\u00d7\u2022\uff06\uff0f\u3001]"  # and their forms in other scripts
    r"|(?<=[\s(\[])(?:(?:feat|ft)\.|w/)"
    r"|(?<=[\s(\[])(?:[-\u2013|]|feat|featuring|ft|with|and|vs\.?|versus|meets|presents|pres\.?"
    r"|introducing|accompanied by|in association with|conducted by|aka|a\.k\.a\.|x|y|et|und"
    r"|e|en|og|och|i)(?=\s)",
    re.IGNORECASE,
)
_ARTICLE = ", the"
_OPENING, _CLOSING = " ([", (")", "]")
# Parts of several names are looked at only in credits of at most this many.
_MOST_JOINED = 8


def clean_artist(name: str) -> str:
    """Remove Discogs' marks from an artist's name; cleaning a clean name changes nothing.

    Asterisks (a name variation: "Björk*") and numbers in parentheses (a namesake: "Prince (2)") are
    removed, white space is folded and trimmed, Unicode is NFC. A name of nothing else, such as
    "***" or the band "(1349)", stays unchanged.
    """
    normal = unicodedata.normalize("NFC", name)
    bare = normal
    while True:  # removing a mark can leave another one: "((2)2)", "(*2)"
        shorter = _DISAMBIGUATION.sub("", bare.replace("*", ""))
        if shorter == bare:
            break
        bare = shorter
    folded = unicodedata.normalize("NFC", _WHITE_SPACE.sub(" ", bare).strip())
    return folded or name


def artist_key(name: str) -> str:
    """Return the key of an artist, the same for all spellings of the name; "" for nobody.

    Discogs' marks, capital letters and the place of "The" don't matter; accents do. Names such as
    "Various" and "Unknown Artist" stand for nobody in particular.
    """
    key = clean_artist(name).casefold()
    if key in _NOBODY:
        return ""
    return f"the {key.removesuffix(_ARTICLE)}" if key.endswith(_ARTICLE) else key


def parts_of(credit: str) -> list[str]:
    """Return the keys of all artists that a credit may join, without the credit as a whole.

    "A, B & C" may be A, B and C, but also "A, B" and C, or A and "B & C", since a name can contain
    a join itself ("Simon & Garfunkel"). The caller knows which of them are artists.
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
    """Yield a part unchanged, and without a bracket that was opened or closed around it."""
    yield part
    bare = part.strip(_OPENING)
    yield bare[:-1] if bare.endswith(_CLOSING) else bare


def artists_by_credit(
    credits_: Iterable[str], *, known: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of the artists of each credit of a dataset.

    The first key is that of the credit itself. A part of it is an artist if it is a credit of its
    own somewhere in the dataset, or among the `known` keys. A credit of nobody ("Various") has no
    artists.
    """
    keys = {credit: artist_key(credit) for credit in credits_}
    artists = {*known, *keys.values()}
    return {
        credit: (key, *(part for part in parts_of(credit) if part in artists and part != key))
        if key
        else ()
        for credit, key in keys.items()
    }
