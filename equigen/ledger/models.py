"""Define the rows of the ledger; worker processes import them, so nothing heavy may be needed."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from equigen.identity.albums import Identity
from equigen.schema import ASIDE, MULTI, SETS, Listing

# The state of a cover (`Cover.status`); WAITING is that of one that wasn't asked for yet, GONE of a
# good one whose files aren't there.
OK = "ok"
MISSING = "missing"
REFUSED = "refused"
BROKEN = "broken"
FAILED = "failed"
WAITING = "waiting"
GONE = "gone"


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Hold a result page as it came; the last `rows_left` of its listings are unused.

    `items` and `pages` are what the page said of its whole query; `others` counts results that
    are no albums. `listings` is empty once nothing is left to use. `begun` tells that some rows
    were used and some are left. `asks` is how often it was asked for; `is_blank` tells that it came
    without a result although its query has some.
    """

    query: str
    page: int
    year: int
    items: int
    pages: int
    others: int
    rows_left: int
    begun: bool = False
    asks: int = 1
    is_blank: bool = False
    listings: tuple[Listing, ...] = ()


class PageUse(NamedTuple):
    """Use of a page: so many rows, from the end, are left."""

    query: str
    page: int
    rows_left: int


class Lead(NamedTuple):
    """A task of a crawl: its key says all of its request, and never changes.

    `genres` are those of the albums that it leads to, where these have none of their own; without
    any, those of the task that led to it.
    """

    key: str
    genres: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrawlPage:
    """An answer of a crawl: its albums that may still be taken, and the tasks that it leads to.

    `others` counts results that are neither. One that `is_used` had its turn.
    """

    listings: tuple[Listing, ...] = ()
    leads: tuple[Lead, ...] = ()
    others: int = 0
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class Cover:
    """State of a picture, by its key; `FileOf` names the files that show it.

    `status` is "ok", "missing" (the host has none), "refused" (not a picture the dataset takes),
    "broken" (it doesn't decode) or "failed" (trying again can help); `reason` says why.
    `http_status` is 0 where no answer came. The file's fields are 0 or "" for all but "ok".
    `fetched_at` is UTC in ISO 8601, `final_url` the end of the redirects, `rendering` the way the
    files were made; `phash` is 16 hex digits. `failures` counts failed runs in a row. A cover that
    is refused for its bytes keeps its fields and its files, which are set aside.
    """

    picture: str
    url: str
    status: str
    reason: str = ""
    http_status: int = 0
    tries: int = 1
    size_bytes: int = 0
    width_px: int = 0
    height_px: int = 0
    sha256: str = ""
    fetched_at: str = ""
    final_url: str = ""
    rendering: str = "original"
    etag: str = ""
    last_modified: str = ""
    phash: str = ""
    failures: int = 0


# Two names, neither of which leads up or is a path of its own on any system, or three below MULTI.
_COVER_PATH: Final = re.compile(rf"(?:{MULTI}/)?(?!\.\.?/)[^/\\\0]+/(?!\.\.?$)[^/\\\0]+")
_SET_NAMES: Final = frozenset({*SETS, ASIDE})


def is_cover_path(path: str) -> bool:
    """Tell whether a text can be a cover's path, "Label/name.jpg"."""
    return _COVER_PATH.fullmatch(path) is not None


def read_path(text: str) -> str:
    """Check a cover's path, and return it as it is.

    Raises:
        ValueError: it could lead out of the folder that it is below.

    """
    if not _COVER_PATH.fullmatch(text):
        msg = f"no cover's path: {text!r}"
        raise ValueError(msg)
    return text


def read_set(text: str) -> str:
    """Check the name of a set, and return it as it is.

    Raises:
        ValueError: there is no such set.

    """
    if text not in _SET_NAMES:
        msg = f"no set: {text!r}"
        raise ValueError(msg)
    return text


class FileOf(NamedTuple):
    """A file that shows a good cover: `path` is below the images folder, with slashes."""

    picture: str
    path: str


class AlbumSet(NamedTuple):
    """Set of an album's file, or "aside"; `album` is "" where it isn't known."""

    album: str
    path: str
    set_name: str


class Taken(NamedTuple):
    """Album that was ever taken; `pending` where its row isn't in the TSV yet.

    `year`, `labels` and `known_as` (its ids elsewhere, and those of its tracks in the Million Song
    Dataset) are those of a row, else "" and nothing.
    """

    identity: Identity
    album_index: int
    pending: bool
    year: str
    labels: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()


class Addition(NamedTuple):
    """Album of another source, to be added to the row of the album `album_id`."""

    album_id: str
    listing: Listing


@dataclass(frozen=True, slots=True)
class PendingRow:
    """Cells of an album that isn't in the TSV yet, in the order of `TAKEN_COLUMNS`."""

    seq: int
    album_id: str
    cells: tuple[str, ...]


class Rest(NamedTuple):
    """Rest of a host that refused us: `times` rests in a row so far, 0 of one that asked for it.

    `since` and `until` are UTC in ISO 8601.
    """

    host: str
    since: str
    until: str
    times: int
    why: str

    def left(self, now: datetime) -> timedelta:
        """Return the remainder; nothing before `since`, as after a clock was set back."""
        since, until = datetime.fromisoformat(self.since), datetime.fromisoformat(self.until)
        return until - now if since <= now < until else timedelta(0)


class Rating(NamedTuple):
    """Rating of an album by a source's users: its count, its average up to 5, and collectors.

    `have` of them own it, `want` would like to. None stands for what the source doesn't tell, such
    as the average of no ratings.
    """

    rating_count: int | None = None
    rating_average: float | None = None
    have: int | None = None
    want: int | None = None


class StoredLook(NamedTuple):
    """Descriptor of a file, by its sha256 (hex); b"" where it is no picture."""

    sha256: str
    look: bytes


class CoverPair(NamedTuple):
    """Pair of compared covers, by the sha256 (hex) of their files, in order.

    `distance` counts the bits in which their hashes differ; `likeness` is 1 for equal pixels.
    """

    first: str
    second: str
    distance: int
    likeness: float
    is_alike: bool = True


class Digest(NamedTuple):
    """Size in bytes, SHA-256 (hex) and number of pixels of a file."""

    size_bytes: int
    sha256: str
    pixels: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Set of an album, or "aside", and its ties (`splitting/grouping.py`).

    `album` is its key (`identity.albums.album_key`). Ledgers before format 6 knew an album without
    an id by the name of its cover's file, without folder and suffix; the next split renames these.
    """

    album: str
    set_name: str
    ties: tuple[str, ...]


def read_moment(text: str) -> str:
    """Check a date, and return it as it is.

    Raises:
        ValueError: it is none in ISO 8601 with a time zone.

    """
    if datetime.fromisoformat(text).tzinfo is None:
        msg = f"no time zone: {text}"
        raise ValueError(msg)
    return text
