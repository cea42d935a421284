"""What the parsed records of a Discogs dump say, each element only where it belongs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from equigen.dumps.texts import clean

# Each element that is read and the one that it must be a child of, "" being the record: elsewhere,
# as the title of a video or of a track, it means something else.
_HOMES = {
    "title": "", "year": "", "country": "", "released": "", "master_id": "",
    "artists": "", "artist": "artists", "name": "artist", "anv": "artist", "join": "artist",
    "genres": "", "genre": "genres", "styles": "", "style": "styles",
    "images": "", "image": "images",
    "formats": "", "format": "formats", "descriptions": "format", "description": "descriptions",
}  # fmt: skip
# What is done with an element; those that come most often have the least numbers.
_OF_ARTIST, _GENRE, _STYLE, _ONCE, _DESCRIPTION, _HOLDS, _ARTIST, _RECORD, _IMAGE, _FORMAT = range(
    10
)
_USES = {
    "name": _OF_ARTIST, "anv": _OF_ARTIST, "join": _OF_ARTIST,
    "title": _ONCE, "year": _ONCE, "country": _ONCE, "released": _ONCE, "master_id": _ONCE,
    "genre": _GENRE, "style": _STYLE, "description": _DESCRIPTION,
    "artist": _ARTIST, "image": _IMAGE, "format": _FORMAT,
}  # fmt: skip
_URLS = ("http://", "https://")


@dataclass(slots=True)
class Found:
    """A record's texts as they stand there, in their order; what isn't there is left out.

    `once` has the first of what a record has one of, by element, `artists` the texts of each
    artist, `formats` names and descriptions, `images` those that have a URL.
    """

    record_id: str
    once: dict[str, str] = field(default_factory=dict)
    artists: list[dict[str, str]] = field(default_factory=list)
    genres: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    is_main: bool = False
    first_image: str = ""
    primary_image: str = ""

    @property
    def picture(self) -> str:
        """The URL of the primary image, else of the first that has one, else nothing."""
        return self.primary_image or self.first_image


def tags_for(*leaves: str) -> tuple[str, ...]:
    """Return the elements that have to be looked at for the sake of some."""
    tags = dict.fromkeys(leaves)
    for leaf in leaves:
        home = _HOMES[leaf]
        while home:
            tags[home] = None
            home = _HOMES[home]
    return tuple(tags)


def found_in(  # noqa: C901, PLR0912  (a call for each element would take as long as all the rest)
    start: etree._Element, root: etree._Element, record: str, tags: Iterable[str]
) -> Iterator[Found]:
    """Yield the records below `start` or at it, children of `root`, in their order."""
    # Of each element: where its home is in `last`, its own place there, and its use.
    places = {"": 0, record: 1} | {tag: at for at, tag in enumerate(_HOMES, start=2)}
    ways = {
        tag: (places[home or record], places[tag], _USES.get(tag, _HOLDS))
        for tag, home in _HOMES.items()
    }
    ways[record] = (0, 1, _RECORD)
    # The last of each that was at home. What is not in the tree any more is nobody's parent.
    last: list[etree._Element | None] = [root, *[None] * len(ways)]
    found = nothing = Found("")
    artist: dict[str, str] = {}
    once, genres, styles = found.once, found.genres, found.styles
    for element in start.iter(record, *tags):
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
            found = Found(element.get("id", ""), once, [], genres, styles, [])
        elif use == _IMAGE:
            _see_image(found, element)
        elif use == _FORMAT:
            found.formats.append(element.get("name", ""))
    if found is not nothing:
        yield found


def own_text(element: etree._Element) -> str:
    """Return an element's text without that of elements in it, which are none of ours."""
    texts = [element.text, *(child.tail for child in element)]
    return "".join(filter(None, texts))


def _see_image(found: Found, image: etree._Element) -> None:
    uri = clean(image.get("uri", ""))
    if uri.startswith(_URLS):
        found.first_image = found.first_image or uri
        if image.get("type") == "primary":
            found.primary_image = found.primary_image or uri
