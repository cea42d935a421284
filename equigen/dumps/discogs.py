"""The masters and releases dumps of Discogs: which elements are read and the row of each record.

Rows are tuples, since millions of them pass from the worker processes to the one that stores them.
Texts fit a TSV cell; lists are cells of several values. `index.py` has the tables.
"""

from functools import partial
from types import MappingProxyType
from typing import Final

from equigen.dumps.archives import Row
from equigen.dumps.extract import (
    RecordTexts,
    clean,
    credit,
    genres_cell,
    ids_cell,
    leading_year,
    names_cell,
    number,
    whole_year,
)
from equigen.dumps.parse import RecordKind
from equigen.dumps.pool import read_dump


def _master(master_id: int, found: RecordTexts) -> Row:
    """Return the columns of the table of masters; the year is 0 where it isn't known."""
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
    """Return the release's id and the columns of the table of releases; the master may be 0.

    Formats are names and descriptions, such as "Vinyl|LP|Album".
    """
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


MASTER: Final = RecordKind("masters", "master", ("videos",), _master)
RELEASE: Final = RecordKind(
    "releases",
    "release",
    # Elements that hold others come first, so that less is left to search.
    ("tracklist", "videos", "companies", "identifiers", "extraartists", "notes", "labels"),
    _release,
)
# A worker process finds its kind here, by the name of the root element.
KINDS: Final = MappingProxyType({kind.root: kind for kind in (MASTER, RELEASE)})


read_masters: Final = partial(read_dump, kind=MASTER)
read_releases: Final = partial(read_dump, kind=RELEASE)
