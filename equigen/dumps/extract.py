"""Extract the fields of Discogs' records from parsed XML, and write them as a row's texts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from lxml import etree

from equigen.schema import MAX_CELL_CHARS, join_list, safe_text

# The parent that each element must have, "" being the record: elsewhere, as the title of a video or
# of a track, it means something else.
_HOMES = {
    "title": "", "year": "", "country": "", "released": "", "master_id": "",
    "artists": "", "artist": "artists", "name": "artist", "anv": "artist", "join": "artist",
    "id": "artist",
    "genres": "", "genre": "genres", "styles": "", "style": "styles",
    "images": "", "image": "images",
    "formats": "", "format": "formats", "descriptions": "format", "description": "descriptions",
}  # fmt: skip
# The use of each element; the most frequent ones have the lowest numbers.
_OF_ARTIST, _GENRE, _STYLE, _ONCE, _DESCRIPTION, _HOLDS, _ARTIST, _RECORD, _IMAGE, _FORMAT = range(
    10
)
_USES = {
    "name": _OF_ARTIST, "anv": _OF_ARTIST, "join": _OF_ARTIST, "id": _OF_ARTIST,
    "title": _ONCE, "year": _ONCE, "country": _ONCE, "released": _ONCE, "master_id": _ONCE,
    "genre": _GENRE, "style": _STYLE, "description": _DESCRIPTION,
    "artist": _ARTIST, "image": _IMAGE, "format": _FORMAT,
}  # fmt: skip
_URLS = ("http://", "https://")

_YEAR = re.compile(r"[1-9][0-9]{3}")
_COMMA = ","
# Discogs' spelling before about 2020: "Beatles, The", "Beatles, The (2)".
_THE_BEHIND = re.compile(r"(.+), The( \([0-9]+\))?")
_THE = ", The"
# 18 digits fit into 63 bits, the size of an SQLite integer.
_MOST_DIGITS = 18
# Years and lists of genres repeat in many records, so their cells are cached.
_CACHED = 1 << 14


@dataclass(slots=True)
class RecordTexts:
    """The texts of one record, unchanged and in their order; missing ones are left out.

    `once` has the first text of each element that a record has once, `artists` the texts of each
    artist by element, `formats` both names and descriptions. `picture` is the URL of the primary
    image, else of the first image that has one.
    """

    record_id: str
    once: dict[str, str] = field(default_factory=dict)
    artists: list[dict[str, str]] = field(default_factory=list)
    genres: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    is_main: bool = False
    picture: str = ""
    has_primary: bool = False


def texts_of(  # noqa: C901, PLR0912  (a call an element would double the time)
    start: etree._Element, root: etree._Element, record: str
) -> Iterator[RecordTexts]:
    """Yield the records at or below `start` that are children of `root`, in their order."""
    # For each element: the index of its parent in `last`, its own index there, and its use.
    places = {"": 0, record: 1} | {tag: at for at, tag in enumerate(_HOMES, start=2)}
    ways = {
        tag: (places[home or record], places[tag], _USES.get(tag, _HOLDS))
        for tag, home in _HOMES.items()
    }
    ways[record] = (0, 1, _RECORD)
    # The last element of each name that had the right parent.
    last: list[etree._Element | None] = [root, *[None] * len(ways)]
    found = nothing = RecordTexts("")
    artist: dict[str, str] = {}
    once, genres, styles = found.once, found.genres, found.styles
    for element in start.iter(record, *_HOMES):
        tag = element.tag
        home, own, use = ways[tag]
        if element.getparent() is not last[home]:
            continue
        if use < _HOLDS:
            text = own_text(element) if len(element) else element.text or ""
            if use == _OF_ARTIST:
                artist.setdefault(tag, text)
            elif use == _GENRE:
                genres.append(text)
            elif use == _STYLE:
                styles.append(text)
            elif use == _ONCE:
                once.setdefault(tag, text)
                if tag == "master_id":
                    found.is_main = element.get("is_main_release") == "true"
            else:
                found.formats.append(text)
            continue
        last[own] = element
        if use == _ARTIST:
            artist = {}
            found.artists.append(artist)
        elif use == _RECORD:
            if found is not nothing:
                yield found
            once, genres, styles = {}, [], []
            found = RecordTexts(element.get("id", ""), once, [], genres, styles, [])
        elif use == _IMAGE:
            _see_image(found, element)
        elif use == _FORMAT:
            found.formats.append(element.get("name", ""))
    if found is not nothing:
        yield found


def own_text(element: etree._Element) -> str:
    """Return an element's own text, without the text of the elements in it."""
    texts = [element.text, *(child.tail for child in element)]
    return "".join(filter(None, texts))


def _see_image(found: RecordTexts, image: etree._Element) -> None:
    uri, is_primary = clean(image.get("uri", "")), image.get("type") == "primary"
    if uri.startswith(_URLS) and (not found.picture or is_primary > found.has_primary):
        found.picture, found.has_primary = uri, is_primary


def clean(text: str) -> str:
    """Return the same as `safe_text`, faster: printable ASCII needs nothing replaced."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_CELL_CHARS:
        return text.strip()
    return safe_text(text)


def number(text: str) -> int:
    """Read a positive number of digits alone; return 0 for anything else."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    return 0


@lru_cache(maxsize=_CACHED)
def whole_year(text: str) -> int:
    """Read a year from 1000 to 9999; return 0 for any other text."""
    return int(text) if _YEAR.fullmatch(text := text.strip()) else 0


@lru_cache(maxsize=_CACHED)
def leading_year(text: str) -> int:
    """Read the year at the start of a date ("1999-03-00", "1999"); return 0 for none."""
    began = _YEAR.match(text.strip())
    return int(began[0]) if began else 0


def credit(artists: Sequence[Mapping[str, str]]) -> str:
    """Return the artists as Discogs shows them: "A, B", "A & B", "A Feat. B".

    Each artist has a `name`, or else an `anv` (name variation), and a `join` that stands before the
    next artist. An artist without a name is left out.
    """
    if len(artists) == 1 and (alone := _name(artists[0].get("name", ""))):
        return alone
    shown = ""
    join = ""
    for artist in artists:
        name = _name(artist.get("name", "")) or _name(artist.get("anv", ""))
        if name:
            shown = f"{shown}{join}{name}"
            mark = clean(artist.get("join", ""))
            join = ", " if mark in ("", _COMMA) else f" {mark} "
    return shown


def ids_cell(artists: Sequence[Mapping[str, str]]) -> str:
    """Return the ids of a record's artists as one cell: "discogs:a45|discogs:a46"."""
    numbers = [number(artist.get("id", "")) for artist in artists]
    return join_list([f"discogs:a{each}" for each in dict.fromkeys(numbers) if each])


def _name(text: str) -> str:
    name = clean(text)
    if _THE in name and (found := _THE_BEHIND.fullmatch(name)):
        return f"The {found[1]}{found[2] or ''}"
    return name


@lru_cache(maxsize=_CACHED)
def names_cell(names: tuple[str, ...]) -> str:
    """Join names into one cell, each once, in their order; leave out empty ones."""
    return join_list(list(dict.fromkeys(filter(None, map(_in_a_list, names)))))


@lru_cache(maxsize=_CACHED)
def genres_cell(names: tuple[str, ...]) -> str:
    """Join genres as `names_cell` does; leave out "1", an error of some dumps."""
    return names_cell(tuple(name for name in names if clean(name) != "1"))


def _in_a_list(name: str) -> str:
    return join_list((clean(name),))
