"""Identify artists: the cleaned name, the key that all stages compare, the artists of a credit.

Keys are compared by all stages, never names: docs/sets.md says which spellings share one.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from equigen.identity.disjoint_sets import DisjointSets
from equigen.identity.invisible import INVISIBLE
from equigen.schema import split_list

_DISAMBIGUATION = re.compile(r"\(\d+\)\*?")
# Discogs marks a name variation by one asterisk behind its last letter: "Beatles*", "Foo* & Bar".
# Elsewhere it belongs to the name: N*E*R*D, *NSYNC, Foo (*).
_VARIATION = re.compile(
    r"(?<=[^\s*(\[{<\u00ab\u2018\u201c\u201e/|\\+&=,;:#@~^_\u2010-\u2015-])\*"
    r"(?=$|[\s)\],;:/|+&=\u00d7\u2022\u00b7\uff06\uff0f\u3001]|[\u2010-\u2015\u2212-]\s)"
)
_WHITE_SPACE = re.compile(r"\s+")
_NO_LETTERS = "* "
# Names that stand for no single artist: Discogs' own placeholders (https://support.discogs.com:
# "Various", "Unknown Artist", "No Artist", "Anonymous", "Traditional", "Folk Artist"), and their
# spellings in other catalogues and in lists made by hand.
NOBODY = frozenset((
    "various", "various artist", "various artists", "va", "v.a.", "v.a", "v/a", "v. a.", "aa.vv.",
    "aa.vv", "aa. vv.", "aavv", "unknown", "unknown artist", "unknown artists", "no artist",
    "anonymous", "traditional", "folk artist", "soundtrack", "original soundtrack", "ost",
    "diverse", "diversos", "varios", "varios artistas", "vários", "vários artistas",
    "verschiedene", "verschiedene interpreten", "artistes divers", "artisti vari", "[data]",
    "[dialogue]", "",
))  # fmt: skip
# Their ids: Discogs' "Various", "Unknown Artist" and "No Artist"; MusicBrainz' special purpose
# artists (https://musicbrainz.org/doc/Style/Unknown_and_untitled/Special_purpose_artist); Spotify's
# "Various Artists".
_NOBODYS_IDS = frozenset((
    "discogs:a194", "discogs:a355", "discogs:a118760",
    "musicbrainz:89ad4ac3-39f7-470e-963a-56509c546377",  # Various Artists
    "musicbrainz:125ec42a-7229-4250-afc5-e057484327fe",  # [unknown]
    "musicbrainz:eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61",  # [no artist]
    "musicbrainz:9be7f096-97ec-4615-8957-8d40b5dcbc41",  # [traditional]
    "musicbrainz:f731ccc4-e22a-43af-a747-64213329e088",  # [anonymous]
    "musicbrainz:33cf029c-63b0-41a0-9855-be2a3665fb3b",  # [data]
    "musicbrainz:314e1c25-dde7-4e4d-b2f4-0a7b9f7c56dc",  # [dialogue]
    "spotify:0LyfQWJT6nXafLPZqxe9Of",
))  # fmt: skip
# Marks that typography and other scripts write for ASCII's; before NFKC, which makes two characters
# of an acute accent that stands for an apostrophe.
_MARKS = str.maketrans({
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bb\u02bc\u02b9\u2032\u00b4`\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys("\u3001\uff0c", ","),
})  # fmt: skip
# The joins between artists: Discogs' own, those of credits in other languages, and those that
# people write by hand. White space around a join is trimmed later, since matching it here would be
# slow on long runs. A word beside "&" belongs to a name ("A & With B"), as keys are joined by it.
_DOTS = r"\u00b7\u2219\u22c5\u2027"
JOIN_WORDS = (
    r"'?n'?|feat|featuring|starring|ft|with|and"
    r"|vs\.?|versus|meets|presents?:?|pres\.?|presenta|apresenta|introducing|accompanied by"
    r"|in association with|conducted by|aka|a\.k\.a\.|a/k/a|x|y|et|und|e|ed|en|og|och|i|ja|con|com"
    r"|mit|avec|met|med|\u03b4\u03b9\u03b5\u03cd\u03b8\u03c5\u03bd\u03c3\u03b9\u03c3"
    r"|\u03b4\u03b9\u03b5\u03cd\u03b8\u03c5\u03bd\u03c3\u03b7|\u03c0\u03bf\u03af\u03b7\u03c3\u03b7"
)
_JOIN = re.compile(
    r"[,;/+&=\u00d7\u2022]"
    r"|(?<![^\s(\[])(?:(?:feat|ft)[.:]|w/)"
    r"|(?<=\w)'n'(?=\w)"
    # Not in "Col\u00b7lectiu", and not between the parts of a foreign name in Han, Kana or Hangul.
    rf"|(?<=[^\W\u3040-\u9fff\uac00-\ud7a3])[{_DOTS}](?=\w)(?!l)"
    r"|(?<=[^\s(\[])-(?=\s(?!&))|(?<=\s)(?<!&\s)-(?=\w)"
    rf"|(?<=[\s(\[])(?<!&\s)(?:[-|\u25cf\u30fb{_DOTS}]|{JOIN_WORDS})(?=\s(?!&))"
)
# Those with an artist on either side of them always; "&" and "and" stand in names of one as well.
_SURE = frozenset((
    "feat", "ft", "featuring", "presents", "present", "vs", "versus", "meets", "introducing",
    "accompanied by", "conducted by", "con", "mit", "avec",
    "\u03b4\u03b9\u03b5\u03cd\u03b8\u03c5\u03bd\u03c3\u03b9\u03c3",  # conducted by
    "\u03b4\u03b9\u03b5\u03cd\u03b8\u03c5\u03bd\u03c3\u03b7",
    "\u03c0\u03bf\u03af\u03b7\u03c3\u03b7",  # words by
))  # fmt: skip
# Of these joins' letters the Romance "and" may stand behind a comma ("A, B, y C").
_AND_IN_LISTS = frozenset("yei")
# The articles of the languages that credits use: moved in front of the name they stand behind
# ("Lobos, Los", "Lobos (Los)"), and dropped there. Some are letters, words or beginnings of names
# as often ("A", "As One", "An Cafe", "Lo Fidelity Allstars"): they are moved only.
ARTICLES = frozenset((
    "the", "der", "die", "das", "los", "las", "el", "la", "le", "les", "il", "gli", "os", "de",
    "het", "den", "det",
))  # fmt: skip
_MOVED_ONLY = frozenset(("a", "an", "as", "i", "l'", "lo", "o"))
_IN_BRACKETS = re.compile(rf"(.+?) ?[(\[]({'|'.join(sorted(ARTICLES))})[)\]]")
_THE, _LES = "the", "les"
_PLURAL = re.compile(r"[sx]\b")
# Words for those who play along: an orchestra of its own name is an artist, "His Orchestra" isn't.
_GENERIC = re.compile(
    r"(?:(?:his|her|their|its|su|sus|sua|seu|suo|sein|seine|seinem|ihr|ihre|son|sa|ses)\b.* )?"
    r"(?:(?:big|string|full|all[- ]star|studio|symphony) )?"
    r"(?:orchestra|orchester|orchestre|orquesta|orquestra|orkest|orkester|band|banda|trio|quartet"
    r"|quartett|quartette|cuarteto|quintet|quintett|quintette|quinteto|sextet|sextett|septet|octet"
    r"|ensemble|conjunto|combo|group|chorus|choir|coro|chor|strings|friends|freunde|amigos|amis"
    r"|amici|co|co\.|company|others|andere|otros|autres|altri|guests|more)"
)
_OPENING, _CLOSING = re.compile(r"[(\[]"), re.compile(r"[)\]]")
_BETWEEN = " & "
# Parts of several names are looked at only in credits of at most this many.
_MOST_JOINED = 8
_CACHED = 1 << 16
# The key of a key is looked for at most so often.
_MOST_ROUNDS = 8


def clean_artist(name: str) -> str:
    """Remove Discogs' marks from an artist's name; cleaning a clean name changes nothing.

    An asterisk behind the last letter (a name variation: "Björk*") and numbers in parentheses (a
    namesake: "Prince (2)") are removed, white space is folded and trimmed, Unicode is NFC. A name
    of nothing else, such as the band "(1349)", stays unchanged. So does the number of somebody
    whose name would be nobody's without it: "Unknown (12)".
    """
    folded = bare_artist(name)
    if _is_nobody(folded.casefold()) and _DISAMBIGUATION.search(name):
        return _tidy(_VARIATION.sub("", unicodedata.normalize("NFC", name)))
    return folded


def bare_artist(name: str) -> str:
    """Remove Discogs' marks from an artist's name, also the number that tells it from nobody."""
    bare = unicodedata.normalize("NFC", name)
    while True:  # removing a mark can leave another one: "((2)2)", "Foo* (2)"
        shorter = _VARIATION.sub("", _DISAMBIGUATION.sub("", bare).rstrip())
        if shorter == bare:
            break
        bare = shorter
    folded = _tidy(bare)
    return folded if folded.strip(_NO_LETTERS) else name


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFC", _WHITE_SPACE.sub(" ", text).strip())


def _is_nobody(folded: str) -> bool:
    """Tell whether a name stands for nobody in particular, in brackets or not."""
    inner = folded[1:-1].strip() if folded[:1] in "([" and folded[-1:] in ")]" else folded
    return folded in NOBODY or inner in NOBODY


def artist_key(name: str) -> str:
    """Return the key of an artist or of a joined credit; "" for nobody.

    Names share a key when they differ in Discogs' marks, capital letters, Unicode forms, invisible
    characters, typographic marks, the place or lack of an article, or in the joins and the order of
    joined names. Accents and punctuation count. Names such as "Various" and "Unknown Artist" stand
    for nobody in particular. The key of a key is that key.
    """
    return _read(name).key


def credit_key(name: str) -> str:
    """Return the key of an album's artist: `artist_key`, or of nobody in particular the spelling.

    So albums by "Various" and by "Unknown Artist" stay apart.
    """
    return artist_key(name) or _folded(name)


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
    return list(_read(credit).parts)


def sides_of(credit: str) -> list[str]:
    """Return the keys of the artists that stand on either side of a credit's unambiguous joins.

    "A & B feat. C" has the sides "A & B" and "C", each an artist without standing alone anywhere.
    """
    return list(_read(credit).sides)


def artists_in(credits_: Iterable[str]) -> set[str]:
    """Return the keys of all credits, and of the sides of their unambiguous joins."""
    read = map(_read, credits_)
    return {key for each in read for key in (each.key, *each.sides) if key}


class _Credit(NamedTuple):
    """A credit as its keys: as a whole, of its parts, and of the sides of unambiguous joins."""

    key: str
    parts: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()


@lru_cache(maxsize=_CACHED)
def _read(credit: str) -> _Credit:
    folded = _folded(credit)
    names = _names(folded)
    key = _key(folded, names)
    if len(names) < 2:  # noqa: PLR2004  (a name by itself)
        return _Credit(key if key == folded else _settled(key))
    return _Credit(
        _settled(key),
        tuple(_parts([each.name for each in names])),
        tuple(_sides(names)),
    )


def _settled(key: str) -> str:
    """Return the key of the key of ... a key: where odd names meet odd joins it is another one."""
    for _ in range(_MOST_ROUNDS):
        folded = _folded(key)
        if not key or (again := _key(folded, _names(folded))) == key:
            break
        key = again
    return key


def _key(folded: str, names: Sequence["_Name"]) -> str:
    if _is_nobody(folded) or (names and all(_is_nobody(each.written) for each in names)):
        return ""
    return _key_of(each.name for each in names) or folded


def _parts(names: Sequence[str]) -> Iterator[str]:
    count = len(names)
    longest = count - 1 if count <= _MOST_JOINED else 1
    found = (
        _key_of_part(names[first : first + length])
        for length in range(longest, 0, -1)
        for first in range(count - length + 1)
    )
    return filter(None, dict.fromkeys(found))


def _sides(names: Sequence["_Name"]) -> Iterator[str]:
    sides: list[list[str]] = [[]]
    for each in names:
        if each.begins_side and sides[-1]:
            sides.append([])
        sides[-1].append(each.name)
    found = dict.fromkeys(_settled(_key_of_part(side)) for side in sides)
    return filter(None, found if len(sides) > 1 else ())


def fold(text: str) -> str:
    """Fold Unicode's forms, invisible characters, typographic marks, capitals, white space."""
    text = text.translate(_MARKS).translate(INVISIBLE)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = unicodedata.normalize("NFKC", text.casefold()).translate(_MARKS)
        text = text.translate(INVISIBLE)
    return _WHITE_SPACE.sub(" ", text.casefold()).strip()


def _folded(name: str) -> str:
    """Fold what tells no artists apart by itself: Discogs' marks, and what `fold` does."""
    return clean_artist(fold(clean_artist(name)))


class _Name(NamedTuple):
    """A name of a credit: as it stands there, without its article, and what it was joined by."""

    written: str
    name: str
    begins_side: bool


def _names(folded: str) -> list[_Name]:
    """Split a folded credit into the names that it joins, each without brackets and article."""
    joins = _joins(folded)
    if folded and not joins and not _OPENING.search(folded):  # the common case, kept fast
        return [_Name(folded, _without_article(folded), begins_side=False)]
    starts = [0, *(join.end() for join in joins)]
    ends = [*(join.start() for join in joins), len(folded)]
    names: list[str] = []
    sides: list[bool] = []
    opened, begins_side = 0, False
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        bare = folded[start:end].strip()
        open_here = len(_OPENING.findall(bare)) - len(_CLOSING.findall(bare))
        if open_here > 0:
            shorter = bare.strip(" ([")
            opened, bare = opened + len(bare) - len(shorter), shorter
        elif open_here < 0 < opened and _CLOSING.match(bare, len(bare) - 1):
            bare, opened = bare[:-1].rstrip(), opened - 1
        begins_side = begins_side or (at > 0 and _is_sure(joins[at - 1]))
        is_last = end == len(folded)
        if names and folded[start - 1] == "," and _stands_behind(bare, names[-1], is_last=is_last):
            names[-1] = f"{bare} {names[-1]}".replace("' ", "'", 1)
        elif bare:
            names.append(bare)
            sides.append(begins_side)
            begins_side = False
    return [
        _Name(each, _without_article(each), side) for each, side in zip(names, sides, strict=True)
    ]


def _joins(folded: str) -> list[re.Match[str]]:
    """Find the joins of a credit; a letter that has no name on one side of it is a name's own."""
    found = list(_JOIN.finditer(folded))
    kept: list[re.Match[str]] = []
    for at, join in enumerate(found):
        if len(join[0]) == 1 and join[0].isalpha():
            before = folded[kept[-1].end() if kept else 0 : join.start()].strip()
            after = folded[join.end() : found[at + 1].start() if at + 1 < len(found) else None]
            is_listed = bool(kept) and kept[-1][0] == "," and join[0] in _AND_IN_LISTS
            if not after.strip() or before in ARTICLES or not (before or is_listed):
                continue
        kept.append(join)
    return kept


def _is_sure(join: re.Match[str]) -> bool:
    if join[0] == "/":
        return join.string[join.start() - 1 : join.end() + 1] == " / "
    return join[0].rstrip(".:") in _SURE


def _stands_behind(article: str, name: str, *, is_last: bool) -> bool:
    return article in ARTICLES or (article in _MOVED_ONLY and is_last and len(name) > 1)


def _without_article(name: str) -> str:
    """Drop "The", and then one other article; of two ("De La Soul") both are the name's own.

    "Les" is a first name as well, unless a plural follows: "Les N\u00e9gresses Vertes".
    """
    if bracketed := name.endswith((")", "]")) and _IN_BRACKETS.fullmatch(name):
        name = f"{bracketed[2]} {bracketed[1]}"
    article, _, rest = name.partition(" ")
    while rest and article == _THE:
        name = rest
        article, _, rest = name.partition(" ")
    is_double = rest.partition(" ")[0] in ARTICLES or rest.startswith("l'")
    is_first_name = article == _LES and not _PLURAL.search(rest)
    return rest if rest and article in ARTICLES and not (is_double or is_first_name) else name


def _key_of(names: Iterable[str]) -> str:
    """Join names in one order; "" where all of them are nobody's ("The Unknown" isn't)."""
    each = sorted(set(names))
    return "" if all(map(_is_nobody, each)) else _BETWEEN.join(each)


def _key_of_part(names: Iterable[str]) -> str:
    """Return the key of some names of a credit; "" for those who play along ("His Orchestra")."""
    each = list(names)
    is_artist = any(not (_is_nobody(name) or _GENERIC.fullmatch(name)) for name in each)
    return _key_of(each) if is_artist else ""


def artists_by_credit(
    credits_: Iterable[str], *, known: Collection[str] = ()
) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of the artists of each credit of a dataset.

    The first key is that of the credit itself. A part of it is an artist if it is a credit of its
    own somewhere in the dataset, or a side of an unambiguous join ("A feat. B"), or among the
    `known` keys. A credit of nobody ("Various") has no artists.
    """
    read = {credit: _read(credit) for credit in credits_}
    artists = {*known, *(key for each in read.values() for key in (each.key, *each.sides))}
    return {credit: tuple(_artists(each, artists)) for credit, each in read.items()}


def _artists(credit: _Credit, artists: Collection[str]) -> Iterator[str]:
    if not credit.key:
        return iter(())
    known = (part for part in credit.parts if part in artists)
    return iter(dict.fromkeys((credit.key, *known, *credit.sides)))


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
