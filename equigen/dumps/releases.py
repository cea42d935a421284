"""Discogs' releases dump: what a row takes of each release."""

from collections.abc import Callable
from pathlib import Path

from equigen.dumps.blocks import Markup
from equigen.dumps.decompress import nobody
from equigen.dumps.extract import Found, tags_for
from equigen.dumps.parse import Kind, Row
from equigen.dumps.pool import Effort, Reading
from equigen.dumps.rows import ReleaseRow
from equigen.dumps.texts import clean, credit, genres_cell, leading_year, names_cell, number


def _row(release_id: int, found: Found) -> Row:
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
    )


KIND = Kind(
    # Those first that hold others.
    Markup(
        "releases",
        "release",
        ("tracklist", "videos", "companies", "identifiers", "extraartists", "notes", "labels"),
    ),
    tags_for(
        *("title", "released", "country", "master_id", "name", "anv", "join", "genre", "style"),
        *("description", "image"),
    ),
    _row,
)


def read_releases(
    path: Path, *, processes: int = 2, on_read: Callable[[int], None] = nobody
) -> Reading[ReleaseRow]:
    """Open a releases dump, gzip or plain: iterate over it for batches of rows, in its order.

    `on_read` is told how many more bytes of the file were read. Ending early, or closing, ends the
    processes at once.

    Raises:
        MissingInputError: there is no such file.
        InputError: it can't be opened; while iterating: it isn't whole, or is no releases dump.

    """
    return Reading(path, KIND, ReleaseRow._make, effort=Effort(processes), on_read=on_read)
