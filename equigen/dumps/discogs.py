"""The masters and releases dumps of Discogs: which elements are read and the row of each record.

Rows are tuples, since millions of them pass from the worker processes to the one that stores them.
Texts fit a TSV cell; lists are cells of several values.
"""

from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from equigen.dumps.extract import (
    RecordTexts,
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
from equigen.dumps.pool import read_dump


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


def _master(master_id: int, found: RecordTexts) -> Row:
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


def _release(release_id: int, found: RecordTexts) -> Row:
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
    "masters",
    "master",
    ("videos",),
    tags_for("title", "year", "name", "anv", "join", "id", "genre", "style", "image"),
    _master,
)
RELEASE: Final = RecordKind(
    "releases",
    "release",
    # Elements that hold others come first, so that less is left to search.
    ("tracklist", "videos", "companies", "identifiers", "extraartists", "notes", "labels"),
    tags_for(
        *("title", "released", "country", "master_id", "name", "anv", "join", "id", "genre"),
        *("style", "description", "image"),
    ),
    _release,
)
# A worker process finds its kind here, by the name of the root element.
KINDS: Final = MappingProxyType({kind.root: kind for kind in (MASTER, RELEASE)})


# Both return a generator of batches of rows, see `read_dump`.
read_masters: Final = partial(read_dump, kind=MASTER, make=MasterRow._make)
read_releases: Final = partial(read_dump, kind=RELEASE, make=ReleaseRow._make)
