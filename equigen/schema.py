"""Define the columns of the TSV, its cells, an album as a row, and the names of the sets."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Other tools read and write the first six, in this order and with these names.
REQUIRED_COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url")
COLUMNS = (*(*REQUIRED_COLUMNS, "album_id", "genres", "styles", "country", "formats"), "artist_ids")
# A TSV has each of these only once a row has a value there.
EXTRA_COLUMNS = ("labels", "also_known_as", "tracks", "set_given", "more_images", "licence")
# Those of a row that `fetch` took.
TAKEN_COLUMNS = (*COLUMNS, *EXTRA_COLUMNS)

# Written by `rate` alone, to the TSVs of those who use it.
RATING_COLUMNS = ("rating_count", "rating_average", "have", "want")

# Longest cell, in characters: far beyond any name, list or address, and a mistake where it occurs.
MAX_CELL_CHARS = 65_536

# How the files of pictures end, here and in what other tools leave; Thumbs.db is none.
PICTURES: Final = frozenset(
    (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2")
)

_LIST_SEPARATOR = "|"
# Characters that break a row or a line-based tool: the C0 and C1 controls (tab, newline, NUL, ...)
# and Unicode's own line and paragraph separators.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# Longest name of an album, an artist or a genre; the longest known have some hundreds.
MOST_CHARS = 1_000
UNKNOWN: Final = "unknown"
# From the first recorded sound (https://en.wikipedia.org/wiki/Phonautograph) on.
_EARLIEST, _LATEST = 1860, 2099
# As EquiGen writes a year ("1975"), or as another tool may have left it ("1975.0", " 1975").
_YEAR = re.compile(r"\s*([0-9]{4})(?:\.0*)?\s*")


@dataclass(frozen=True, slots=True)
class Listing:
    """Album as a source describes it, before the dataset takes it or not.

    `year` is four digits, or "" where the source doesn't know it. `image_url` is "" where there
    is no picture. `album_id` names the source and its own identity, such as "discogs:m123", and so
    do `artist_ids` ("discogs:a45"), one for each artist of the credit, and `also_known_as`, the
    ids of the same album elsewhere. `tracks` has a text for each track that the source tells of:
    its ids with blanks between, such as "msd:TRAAAAW128F429D538 mbid:<recording>". `set_given` is
    the set that the source deals the album to, or "". `more_images` are further URLs of its
    cover, the best first. `licence` is a note on the terms of this album, where its source has
    none for all.
    """

    artist: str
    title: str
    year: str
    image_url: str
    album_id: str
    genres: tuple[str, ...]
    styles: tuple[str, ...]
    country: str
    formats: tuple[str, ...]
    artist_ids: tuple[str, ...] = ()
    also_known_as: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()
    set_given: str = ""
    more_images: tuple[str, ...] = ()
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Album:
    """Row of the dataset: a listing, taken as the `album_index`-th of its genre.

    `labels` are its classes where it may have several, that of its `genre` first.
    """

    listing: Listing
    album_index: int
    genre: str
    year: str
    labels: tuple[str, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells, in the order of `TAKEN_COLUMNS`."""
        listing = self.listing
        return (
            listing.artist,
            listing.title,
            str(self.album_index),
            self.genre,
            self.year,
            listing.image_url,
            listing.album_id,
            join_list(listing.genres),
            join_list(listing.styles),
            listing.country,
            join_list(listing.formats),
            join_list(listing.artist_ids),
            join_list(self.labels),
            join_list(listing.also_known_as),
            join_list(listing.tracks),
            listing.set_given,
            join_list([url.replace("|", "%7C") for url in listing.more_images]),
            listing.licence,
        )


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, as of a path that isn't UTF-8, by U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def safe_text(text: str) -> str:
    """Make a text fit for a cell: one line of Unicode NFC without control characters.

    Runs of tabs, newlines, NULs and other controls become one space; lone surrogates, which have
    no UTF-8, become U+FFFD. White space at the ends goes; inner spaces stay as they are. The text
    is cut to the longest cell.
    """
    text = without_surrogates(_UNSAFE.sub(" ", text))
    return unicodedata.normalize("NFC", text).strip()[:MAX_CELL_CHARS].rstrip()


def short_text(text: str) -> str:
    """Make a text fit for a cell as `safe_text` does, cut to the longest name."""
    return safe_text(text)[:MOST_CHARS].rstrip()


def join_list(values: Sequence[str]) -> str:
    """Join several values into one cell; the inverse of `split_list`.

    Values that the cell has no room for are left out.
    """
    cell = _LIST_SEPARATOR.join(value.replace(_LIST_SEPARATOR, "/") for value in values)
    if len(cell) <= MAX_CELL_CHARS:
        return cell
    return cell[: MAX_CELL_CHARS + 1].rpartition(_LIST_SEPARATOR)[0]


def split_list(cell: str) -> tuple[str, ...]:
    """Split a cell of several values."""
    return tuple(cell.split(_LIST_SEPARATOR)) if cell else ()


def year_of(cell: str) -> int | None:
    """Read the year in a cell; None where it is no year, or none that an album can be of."""
    found = _YEAR.fullmatch(cell)
    year = int(found[1]) if found else 0
    return year if _EARLIEST <= year <= _LATEST else None


def decade_of(cell: str) -> str:
    """Return the decade of a row's year, such as "1970s"; "unknown" where `year_of` has none."""
    year = year_of(cell)
    return UNKNOWN if year is None else f"{year // 10}0s"


def by_age(decade: str) -> tuple[bool, str]:
    """Return the sort key of decades: from the oldest to the newest, the unknown one last."""
    return decade == UNKNOWN, decade


SETS = ("train", "val", "test")
# Stands for a set where an album is in none, since its ties lead to several.
ASIDE = "aside"


class Group(StrEnum):
    """Ties that keep albums in one set; with `none`, each cover is dealt by itself."""

    ARTIST_COVER = "artist+cover"
    ARTIST = "artist"
    COVER = "cover"
    NONE = "none"

    def uses(self, tie: str) -> bool:
        """Tell whether a tie ("artist ...", "cover ..." or "album ...") counts."""
        kind = tie.partition(" ")[0]
        return kind == "album" or kind in self.value.split("+")


# The folder of the folders of covers with several labels, in the layout `combination`.
MULTI: Final = "multi"


class Layout(StrEnum):
    """Folders that show a cover: each label's, that of its labels together, or one for all."""

    LABEL = "label"
    COMBINATION = "combination"
    FLAT = "flat"


class Prefer(StrEnum):
    """Order in which the addresses of a cover that has several are asked."""

    LARGER = "larger"
    FREE = "free"
    FIRST = "first"


class Link(StrEnum):
    """Way of placing a cover in its set; `move` leaves it nowhere else."""

    COPY = "copy"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    MOVE = "move"
