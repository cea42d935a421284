"""The made-up catalogue: entries for all 24 queries, and rows that make real data hard."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from itertools import count
from random import Random
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["master", "release"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A master or a release of the catalogue.

    `id` is unique among entries of one `kind` only, as on Discogs. `formats` is the flat list that
    search calls `format`, `format_name` the `formats[].name` of a release; the two may disagree.
    `master_id` is None on masters and on releases without a master. `picture` is the stable file
    name of the picture, None for the placeholder. `look` is the label whose style the cover has;
    where the cover is another edition of a picture, `edition_of` is the name of that.
    """

    id: int
    kind: Kind
    artist: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    styles: tuple[str, ...]
    formats: tuple[str, ...]
    format_name: str
    country: str
    master_id: int | None
    picture: str | None
    look: str
    edition_of: str = ""

    @property
    def heading(self) -> str:
        """The "Artist - Album" that search calls `title`."""
        return f"{self.artist} - {self.title}"


def formats_of(entry: Entry) -> list[dict[str, Any]]:
    """Return the structured `formats` of a release."""
    descriptions = [text for text in entry.formats if text != entry.format_name]
    return [{"name": entry.format_name, "qty": "1", "descriptions": descriptions}]


# Oddities have lower ids; every album has a block of its own. So an album keeps its ids and its
# picture however many albums are made, and a larger catalogue holds the smaller one.
_FIRST_ODDITY_ID = 50_000
_FIRST_ALBUM_ID = 100_000
_IDS_PER_ALBUM = 16
_MOST_RELEASES = 3
_TRIES_FOR_A_NEW_NAME = 40
_SIDE_STYLE_SHARE = 0.3

_FORMATS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "Shellac": (("Shellac", '10"', "78 RPM", "Album"),),
        "Vinyl": (
            ("Vinyl", "LP", "Album"),
            ("Vinyl", "LP", "Album", "Stereo"),
            ("Vinyl", "LP", "Album", "Reissue"),
            ("Vinyl", "LP", "Album", "Mono"),
        ),
        "CD": (("CD", "Album"), ("CD", "Album", "Reissue"), ("CD", "Album", "Digipak")),
        "File": (("File", "FLAC", "Album"), ("File", "MP3", "Album")),
    }
)
_NEWEST_YEAR = 2026
_LAST_SHELLAC_YEAR = 1947
_FIRST_CD_YEAR = 1983
_FIRST_FILE_YEAR = 2003
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[AEIOU])")


@cache
def read_data(name: str) -> dict[str, Any]:
    """Return one TOML file of the sandbox's data folder."""
    return tomllib.loads((resources.files("equigen.sandbox") / "data" / name).read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Flavour:
    """The vocabulary of one label, a table of data/albums.toml; " + " joins several genres."""

    label: str
    earliest_year: int
    genres: Sequence[str]
    styles: Sequence[str]
    side_styles: Sequence[str]
    countries: Sequence[str]
    artists: Sequence[str]
    titles: Sequence[str]
    words: Mapping[str, Sequence[str]]

    def name(self, entry: Entry, rng: Random) -> Entry:
        """Return an entry with an artist and a title drawn anew."""
        return replace(
            entry,
            artist=self._fill(rng.choice(self.artists), rng),
            title=self._fill(rng.choice(self.titles), rng),
        )

    def _fill(self, template: str, rng: Random) -> str:
        """Return the template with each `{slot}` replaced by a word of that name, none twice."""
        used: set[str] = set()

        def draw(slot: re.Match[str]) -> str:
            unused = [word for word in self.words[slot[1]] if word not in used]
            word = rng.choice(unused or self.words[slot[1]])
            used.add(word)
            return word

        return _ARTICLE.sub(r"\1n ", _SLOT.sub(draw, template))


FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
    {label: Flavour(label, **table) for label, table in read_data("albums.toml").items()}
)


@lru_cache(maxsize=8)
def make_catalogue(seed: int = 1337, albums_per_label: int = 24) -> tuple[Entry, ...]:
    """Return the catalogue for these arguments, the same in every run and on every machine.

    Each label has `albums_per_label` masters that a dataset would take, with up to three releases
    each, a few releases that have no master, and some rows that a dataset would refuse; the
    oddities come last. A larger `albums_per_label` adds albums and changes none.
    """
    entries: list[Entry] = []
    headings: set[str] = set()
    for label_index, flavour in enumerate(FLAVOURS.values()):
        for album_index in range(albums_per_label):
            serial = album_index * len(FLAVOURS) + label_index
            rng = Random(f"{seed}/{flavour.label}/{album_index}")
            first_id = _FIRST_ALBUM_ID + serial * _IDS_PER_ALBUM
            master = _make_master(flavour, rng, first_id, headings)
            entries.append(master)
            entries.extend(_releases_of(master, rng))
            entries.extend(_extra_rows(master, flavour, album_index, rng))
    entries.extend(_make_oddities())
    return tuple(entries)


def with_editions(entries: Sequence[Entry], pairs: Sequence[tuple[str, str]]) -> tuple[Entry, ...]:
    """Return the catalogue with albums whose covers are editions of others': look-alikes to find.

    For each pair of labels, an album of the second has an edition of the cover of one of the first;
    both are among the newest, which a dataset takes.
    """
    newest = {label: _newest_masters(entries, label) for pair in pairs for label in pair}
    changed: dict[Entry, Entry] = {}
    for first, second in pairs:
        original, album = newest[first].pop(0), newest[second].pop(0)
        changed[album] = replace(album, edition_of=original.picture or "")
    return tuple(changed.get(entry, entry) for entry in entries)


def _newest_masters(entries: Sequence[Entry], label: str) -> list[Entry]:
    masters = [
        each
        for each in entries
        if each.kind == "master" and each.look == label and each.picture and each.year
        and each.artist != "Various" and "Cassette" not in each.formats
    ]  # fmt: skip
    return sorted(masters, key=lambda each: -(each.year or 0))


def _make_master(flavour: Flavour, rng: Random, master_id: int, headings: set[str]) -> Entry:
    """Return an album whose "Artist - Album" is not among `headings` yet, and add it there."""
    styles = _split(rng.choice(flavour.styles))
    side_style = rng.choice(flavour.side_styles)
    if rng.random() < _SIDE_STYLE_SHARE and side_style not in styles:
        styles = (*styles, side_style)
    year = _draw_year(flavour.earliest_year, rng)
    format_name = _draw_format_name(year, rng)
    entry = Entry(
        id=master_id,
        kind="master",
        artist="",
        title="",
        year=year,
        genres=_split(rng.choice(flavour.genres)),
        styles=styles,
        formats=rng.choice(_FORMATS[format_name]),
        format_name=format_name,
        country=rng.choice(flavour.countries),
        master_id=None,
        picture=_picture_name(master_id + 1, rng),
        look=flavour.label,
    )
    entry = flavour.name(entry, rng)
    for volume in range(2, _TRIES_FOR_A_NEW_NAME):
        if entry.heading.casefold() not in headings:
            break
        entry = flavour.name(entry, rng)
        if volume > _TRIES_FOR_A_NEW_NAME // 2:
            entry = replace(entry, title=f"{entry.title} {rng.randrange(2, 10_000)}")
    headings.add(entry.heading.casefold())
    return entry


def _split(tags: str) -> tuple[str, ...]:
    return tuple(tags.split(" + "))


def _draw_year(earliest: int, rng: Random) -> int:
    # The exponent crowds the years towards the newest, as on Discogs.
    return _NEWEST_YEAR - int((_NEWEST_YEAR - earliest + 1) * rng.random() ** 1.6)


def _draw_format_name(year: int, rng: Random) -> str:
    if year <= _LAST_SHELLAC_YEAR:
        return "Shellac"
    if year < _FIRST_CD_YEAR:
        return "Vinyl"
    if year < _FIRST_FILE_YEAR:
        return rng.choice(("CD", "CD", "Vinyl"))
    return rng.choice(("CD", "Vinyl", "File"))


def _picture_name(release_id: int, rng: Random) -> str:
    uploaded_s = rng.randrange(1_040_000_000, 1_790_000_000)
    return f"R-{release_id}-{uploaded_s}-{rng.randrange(1000, 10_000)}.jpeg"


def _releases_of(master: Entry, rng: Random) -> Iterator[Entry]:
    """Yield the pressings of a master: the first has the same picture, the others their own."""
    for release_id in range(master.id + 1, master.id + 1 + rng.randrange(_MOST_RELEASES + 1)):
        release = replace(master, id=release_id, kind="release", master_id=master.id)
        if release_id > master.id + 1:
            format_name = rng.choice(("CD", "Vinyl"))
            release = replace(
                release,
                year=min(_NEWEST_YEAR, (master.year or _NEWEST_YEAR) + rng.randrange(12)),
                formats=rng.choice(_FORMATS[format_name]),
                format_name=format_name,
                picture=_picture_name(release_id, rng),
            )
        yield release


def _extra_rows(master: Entry, flavour: Flavour, album_index: int, rng: Random) -> Iterator[Entry]:
    """Yield, beside some albums, one more row: a release to take or a master to refuse."""
    extra_id = master.id + _MOST_RELEASES + 1
    extra = flavour.name(master, rng)
    extra = replace(
        extra,
        id=extra_id,
        year=_draw_year(flavour.earliest_year, rng),
        picture=_picture_name(extra_id, rng),
    )
    match album_index % 12:
        case 1 | 7:
            yield replace(extra, kind="release", master_id=None)
        case 3:
            yield replace(extra, picture=None)
        case 4:
            yield replace(extra, formats=("Cassette", "Album"), format_name="Cassette")
        case 5:
            yield replace(extra, year=None)
        case 6:
            yield replace(extra, artist="Various")
        case 9:
            yield replace(extra, artist=f"{extra.artist} ({rng.randrange(2, 9)})")
        case 10:
            yield replace(extra, artist=f"{master.artist}*")
        case _:
            return


def _make_oddities() -> Iterator[Entry]:
    """Yield the rows of data/oddities.toml."""
    data = read_data("oddities.toml")
    ids = count(_FIRST_ODDITY_ID)
    for group in data["group"]:
        for row in group["rows"]:
            fields = data["default"] | group | row
            del fields["rows"]
            new_id = fields.get("id") or next(ids)
            own_picture = f"R-{new_id}-1488436388-{new_id % 9000}.jpeg"
            fields |= {
                "id": new_id,
                "year": fields["year"] or None,
                "master_id": None,
                "picture": own_picture if fields["picture"] == "own" else fields["picture"] or None,
            }
            lists = {name: tuple(fields[name]) for name in ("genres", "styles", "formats")}
            yield Entry(**fields | lists)
