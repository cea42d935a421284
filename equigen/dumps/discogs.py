"""The masters and releases dumps of Discogs: which elements are read and the row of each record.

Rows are tuples, since millions of them pass from the worker processes to the one that stores them.
Texts fit a TSV cell; lists are cells of several values.
"""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from equigen.dumps.blocks import Markup, no_progress
from equigen.dumps.extract import (
    Found,
    clean,
    credit,
    genres_cell,
    ids_cell,
    leading_year,
    names_cell,
    number,
    tags_for,
    whole_year,
)
from equigen.dumps.parse import RecordKind, Row
from equigen.dumps.pool import Effort, Reading


class MasterRow(NamedTuple):
    """A Discogs master; `year` is 0 where it isn't known, `picture` a URL or ""."""

    master_id: int
    artist: str
    title: str
    year: int
    genres: str
    styles: str
    picture: str
    artist_ids: str


class ReleaseRow(NamedTuple):
    """A Discogs release; `master_id` is 0 where it has no master.

    `formats` holds the names of its formats and their descriptions, such as "Vinyl|LP|Album".
    """

    release_id: int
    master_id: int
    is_main: bool
    artist: str
    title: str
    year: int
    genres: str
    styles: str
    country: str
    formats: str
    picture: str
    artist_ids: str


def _master(master_id: int, found: Found) -> Row:
    once = found.once
    return (
        master_id,
        credit(found.artists),
        clean(once.get("title", "")),
        whole_year(once.get("year", "")),
        genres_cell(tuple(found.genres)),
        names_cell(tuple(found.styles)),
        found.picture,
        ids_cell(found.artists),
    )


def _release(release_id: int, found: Found) -> Row:
    once = found.once
    return (
        release_id,
        number(once.get("master_id", "")),
        found.is_main,
        credit(found.artists),
        clean(once.get("title", "")),
        leading_year(once.get("released", "")),
        genres_cell(tuple(found.genres)),
        names_cell(tuple(found.styles)),
        clean(once.get("country", "")),
        names_cell(tuple(found.formats)),
        found.picture,
        ids_cell(found.artists),
    )


MASTER: Final = RecordKind(
    Markup("masters", "master", ("videos",)),
    tags_for("title", "year", "name", "anv", "join", "id", "genre", "style", "image"),
    _master,
)
RELEASE: Final = RecordKind(
    # Elements that hold others come first, so that less is left to search.
    Markup(
        "releases",
        "release",
        ("tracklist", "videos", "companies", "identifiers", "extraartists", "notes", "labels"),
    ),
    tags_for(
        *("title", "released", "country", "master_id", "name", "anv", "join", "id", "genre"),
        *("style", "description", "image"),
    ),
    _release,
)
# A worker process finds its kind here, by the name of the root element.
KINDS: Final = MappingProxyType({kind.markup.root: kind for kind in (MASTER, RELEASE)})


def read_masters(
    path: Path, *, processes: int = 2, on_read: Callable[[int], None] = no_progress
) -> Reading[MasterRow]:
    """Open a masters dump, gzip or plain; iterate over the result for batches of rows in order.

    `on_read(n)` is told that n more bytes of the file were read. Leaving the loop early, or
    closing the result, ends the worker processes at once.

    Raises:
        MissingInputError: there is no such file.
        InputError: it can't be opened; while iterating: it isn't whole, or is no masters dump.

    """
    return Reading(path, MASTER, MasterRow._make, effort=Effort(processes), on_read=on_read)


def read_releases(
    path: Path, *, processes: int = 2, on_read: Callable[[int], None] = no_progress
) -> Reading[ReleaseRow]:
    """Open a releases dump; everything else is as for `read_masters`."""
    return Reading(path, RELEASE, ReleaseRow._make, effort=Effort(processes), on_read=on_read)
