"""The columns of the TSV, an album as a row, and the names of the sets."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# The first six, in this order and with these names, are what other tools read and write.
REQUIRED_COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url")
COLUMNS = (*REQUIRED_COLUMNS, "album_id", "genres", "styles", "country", "formats")

# Longest cell, in characters: far beyond any name, list or address, and a mistake where it occurs.
MAX_CELL_CHARS = 65_536

_LIST_SEPARATOR = "|"
# What would break a row or a line-based tool: the C0 and C1 controls (tab, newline, NUL, ...) and
# Unicode's own line and paragraph separators.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# What is longer is no name of an album, an artist or a genre; the longest known have some hundreds.
MOST_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source says of one album, before it is known whether the dataset takes it.

    `year` is four digits, or "" where the source doesn't know it. `image_url` is "" where there
    is no picture. `album_id` names the source and its own identity, such as "discogs:m123".
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


@dataclass(frozen=True, slots=True)
class Album:
    """One row: a listing that the dataset took, as the `album_index`-th of its label."""

    listing: Listing
    album_index: int
    genre: str
    year: str

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells, in the order of `COLUMNS`."""
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
        )


def without_surrogates(text: str) -> str:
    """Return a text with its lone surrogates, as of a path that isn't UTF-8, as U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def safe_text(text: str) -> str:
    """Return `text` fit for a cell: one line of Unicode NFC without control characters.

    Runs of tabs, newlines, NULs and other controls become one space; lone surrogates, which have
    no UTF-8, become U+FFFD. White space at the ends goes; inner spaces stay as they are. What is
    longer than a cell may be is cut off.
    """
    text = without_surrogates(_UNSAFE.sub(" ", text))
    return unicodedata.normalize("NFC", text).strip()[:MAX_CELL_CHARS].rstrip()


def short_text(text: str) -> str:
    """Return what `safe_text` returns, cut where it is longer than any name, always the same."""
    return safe_text(text)[:MOST_CHARS].rstrip()


def join_list(values: Sequence[str]) -> str:
    """Write several values into one cell; the inverse of `split_list`.

    Values that the cell has no room for are left out.
    """
    cell = _LIST_SEPARATOR.join(value.replace(_LIST_SEPARATOR, "/") for value in values)
    return cell if len(cell) <= MAX_CELL_CHARS else _cut_list(cell)


def _cut_list(cell: str) -> str:
    return cell[: MAX_CELL_CHARS + 1].rpartition(_LIST_SEPARATOR)[0]


def split_list(cell: str) -> tuple[str, ...]:
    """Read a cell of several values."""
    return tuple(cell.split(_LIST_SEPARATOR)) if cell else ()


SETS = ("train", "val", "test")
# What stands for a set where an album is in none, since its ties lead to several.
ASIDE = "aside"


class Group(StrEnum):
    """Which albums stay together in one set; with `none`, each cover is dealt by itself."""

    ARTIST_COVER = "artist+cover"
    ARTIST = "artist"
    COVER = "cover"
    NONE = "none"

    def uses(self, tie: str) -> bool:
        """Tell whether a tie ("artist ...", "cover ..." or "album ...") counts."""
        kind = tie.partition(" ")[0]
        return kind == "album" or kind in self.value.split("+")


class Link(StrEnum):
    """How a cover gets into its set: `move` leaves it nowhere else."""

    COPY = "copy"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    MOVE = "move"
