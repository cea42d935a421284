"""Identify artists: the cleaned name, the key that all stages compare, the artists of a credit.

Keys are compared by all stages, never names: docs/sets.md says which spellings share one.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from equigen.identity.disjoint_sets import DisjointSets
from equigen.schema import split_list

_DISAMBIGUATION = re.compile(r"\(\d+\)\*?")
# Discogs marks a name variation by one asterisk behind its last letter: "Beatles*", "Foo* & Bar".
# Elsewhere it belongs to the name: N*E*R*D, *NSYNC.
_VARIATION = re.compile(r"(?<=[^\s*])\*(?=$|[\s)\],;/|+&=\u00d7\u2022\u00b7\uff06\uff0f\u3001])")
_WHITE_SPACE = re.compile(r"\s+")
_NO_LETTERS = "* "
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
# Their ids: Discogs' "Various", "Unknown Artist" and "No Artist"; MusicBrainz' special purpose
# artists (https://musicbrainz.org/doc/Style/Unknown_and_untitled/Special_purpose_artist).
_NOBODYS_IDS = frozenset((
    "discogs:a194", "discogs:a355", "discogs:a118760",
    "musicbrainz:89ad4ac3-39f7-470e-963a-56509c546377",  # Various Artists
    "musicbrainz:125ec42a-7229-4250-afc5-e057484327fe",  # [unknown]
    "musicbrainz:eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61",  # [no artist]
    "musicbrainz:9be7f096-97ec-4615-8957-8d40b5dcbc41",  # [traditional]
    "musicbrainz:f731ccc4-e22a-43af-a747-64213329e088",  # [anonymous]
    "musicbrainz:33cf029c-63b0-41a0-9855-be2a3665fb3b",  # [data]
    "musicbrainz:314e1c25-dde7-4e4d-b2f4-0a7b9f7c56dc",  # [dialogue]
))  # fmt: skip
# Marks that typography and other scripts write for ASCII's; before NFKC, which makes two characters
# of an acute accent that stands for an apostrophe.
_MARKS = str.maketrans({
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bb\u02bc\u02b9\u2032\u00b4`\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\u3001\uff0c", ","),
})  # fmt: skip
# Characters that show nothing: all of Unicode's category Cf, variation selectors, fillers.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
# The joins between artists: Discogs' own, those of credits in other languages, and those that
# people write by hand. White space around a join is trimmed later, since matching it here would be
# slow on long runs.
_JOIN = re.compile(
    r"[,;/+&=\u00d7\u2022]"
    r"|(?<=[\s(\[])(?:(?:feat|ft)\.|w/)"
    r"|(?<=[\s(\[])(?:[-|\u00b7]|'?n'?|feat|featuring|starring|ft|with|and|vs\.?|versus|meets"
    r"|presents|pres\.?|presenta|apresenta|introducing|accompanied by|in association with"
    r"|conducted by|aka|a\.k\.a\.|x|y|et|und|e|ed|en|og|och|i|ja|con|com|mit|avec|met|med)(?=\s)"
)
# The articles of the languages that credits use: moved in front of the name they stand behind
# ("Lobos, Los"), and dropped there. One letter may as well be a name: it is moved only.
_ARTICLES = frozenset((
    "the", "an", "der", "die", "das", "los", "las", "el", "la", "le", "les", "il", "lo", "gli",
    "os", "as", "de", "het", "den", "det",
))  # fmt: skip
_MOVED_ONLY = frozenset(("a", "o", "i", "l'"))
_OPENING, _CLOSING = re.compile(r"[(\[]"), re.compile(r"[)\]]")
_BETWEEN = " & "
# Parts of several names are looked at only in credits of at most this many.
_MOST_JOINED = 8
_CACHED = 1 << 16


def clean_artist(name: str) -> str:
    """Remove Discogs' marks from an artist's name; cleaning a clean name changes nothing.

    An asterisk behind the last letter (a name variation: "Björk*") and numbers in parentheses (a
    namesake: "Prince (2)") are removed, white space is folded and trimmed, Unicode is NFC. A name
    of nothing else, such as the band "(1349)", stays unchanged.
    """
    normal = unicodedata.normalize("NFC", name)
    bare = normal
    while True:  # removing a mark can leave another one: "((2)2)", "Foo* (2)"
        shorter = _VARIATION.sub("", _DISAMBIGUATION.sub("", bare).rstrip())
        if shorter == bare:
            break
        bare = shorter
    folded = unicodedata.normalize("NFC", _WHITE_SPACE.sub(" ", bare).strip())
    return folded if folded.strip(_NO_LETTERS) else name


@lru_cache(maxsize=_CACHED)
def artist_key(name: str) -> str:
    """Return the key of an artist or of a joined credit; "" for nobody.

    Names share a key when they differ in Discogs' marks, capital letters, Unicode forms, invisible
    characters, typographic marks, the place or lack of an article, or in the joins and the order of
    joined names. Accents and punctuation count. Names such as "Various" and "Unknown Artist" stand
    for nobody in particular. The key of a key is that key.
    """
    folded = _folded(name)
    return "" if folded in _NOBODY else _key_of(_names(folded)) or folded


def artist_ids(cell: str) -> list[str]:
    """Split a cell of artists' ids; ids of nobody in particular ("Various") are left out."""
    return somebodys_ids(split_list(cell))


def somebodys_ids(ids: Iterable[str]) -> list[str]:
    """Leave out the ids of nobody in particular."""
    return [each for each in ids if each not in _NOBODYS_IDS]


def parts_of(credit: str) -> list[str]:
    """Return the keys of all artists that a credit may join, without the credit as a whole.

    "A, B & C" may be A, B and C, but also "A, B" and C, or A and "B & C", since a name can contain
    a join itself ("Simon & Garfunkel"). The caller knows which of them are artists.
    """
    names = _names(_folded(credit))
    count = len(names)
    longest = count - 1 if count <= _MOST_JOINED else 1
    found = (
        _key_of(names[first : first + length])
        for length in range(longest, 0, -1)
        for first in range(count - length + 1)
    )
    return [key for key in dict.fromkeys(found) if key] if count > 1 else []


def _folded(name: str) -> str:
    """Fold what tells no artists apart by itself: marks, forms and capital letters."""
    text = clean_artist(name).translate(_MARKS)
    if not text.isascii():
        shown = (each for each in text if unicodedata.category(each) != "Cf")
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", "".join(shown)))
        text = unicodedata.normalize("NFKC", text.casefold()).translate(_MARKS)
    return _WHITE_SPACE.sub(" ", clean_artist(text.casefold())).strip()


def _names(folded: str) -> list[str]:
    """Split a folded credit into the names that it joins, each without brackets and article."""
    joins = [match.span() for match in _JOIN.finditer(folded)]
    spans = pairwise([0, *(at for join in joins for at in join), len(folded)])
    names: list[str] = []
    opened = 0
    for start, end in list(spans)[::2]:
        bare = folded[start:end].strip()
        open_here = len(_OPENING.findall(bare)) - len(_CLOSING.findall(bare))
        if open_here > 0:
            shorter = bare.strip(" ([")
            opened, bare = opened + len(bare) - len(shorter), shorter
        elif open_here < 0 < opened and _CLOSING.match(bare, len(bare) - 1):
            bare, opened = bare[:-1].rstrip(), opened - 1
        is_last = end == len(folded)
        if names and folded[start - 1] == "," and _stands_behind(bare, names[-1], is_last=is_last):
            names[-1] = f"{bare} {names[-1]}".replace("' ", "'", 1)
        elif bare:
            names.append(bare)
    return [_without_article(each) for each in names]


def _stands_behind(article: str, name: str, *, is_last: bool) -> bool:
    return article in _ARTICLES or (article in _MOVED_ONLY and is_last and len(name) > 1)


def _without_article(name: str) -> str:
    article, _, rest = name.partition(" ")
    while rest and article in _ARTICLES:
        name = rest
        article, _, rest = name.partition(" ")
    return name


def _key_of(names: Iterable[str]) -> str:
    """Join names in one order; "" where all of them are nobody's."""
    each = sorted(set(names))
    return "" if all(name in _NOBODY for name in each) else _BETWEEN.join(each)


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


def count_artists(albums: Iterable[tuple[Sequence[str], Sequence[str]]]) -> int:
    """Count the artists of albums, each given by the keys and the ids of its artists.

    What stands in one album by a single artist is one artist. A joint album counts as one more
    where it has no artist in common with those that were counted; one of nobody doesn't count.
    """
    one_artist, known = DisjointSets(), set[str]()
    joint: list[list[str]] = []
    for keys, ids in albums:
        names = [*keys, *ids]
        if max(len(keys), len(ids)) > 1:
            joint.append(names)
            continue
        known.update(names)
        for name in names:
            one_artist.join(names[0], name)
    count = len(set(map(one_artist.root, known)))
    for names in sorted(joint, key=len):
        if known.isdisjoint(names):
            known.update(names)
            count += 1
    return count
