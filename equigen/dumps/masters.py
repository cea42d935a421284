"""Discogs' masters dump: what a row takes of each master."""

from collections.abc import Callable
from pathlib import Path

from equigen.dumps.blocks import Markup
from equigen.dumps.decompress import nobody
from equigen.dumps.extract import Found, tags_for
from equigen.dumps.parse import Kind, Row
from equigen.dumps.pool import Effort, Reading
from equigen.dumps.rows import MasterRow
from equigen.dumps.texts import clean, credit, genres_cell, names_cell, whole_year


def _row(master_id: int, found: Found) -> Row:
    once = found.once
    return (
        master_id,
        credit(found.artists),
        clean(once.get("title", "")),
        whole_year(once.get("year", "")),
        genres_cell(tuple(found.genres)),
        names_cell(tuple(found.styles)),
        found.picture,
    )


KIND = Kind(
    Markup("masters", "master", ("videos",)),
    tags_for("title", "year", "name", "anv", "join", "genre", "style", "image"),
    _row,
)


def read_masters(
    path: Path, *, processes: int = 2, on_read: Callable[[int], None] = nobody
) -> Reading[MasterRow]:
    """Open a masters dump, gzip or plain: iterate over it for batches of rows, in its order.

    `on_read` is told how many more bytes of the file were read. Ending early, or closing, ends the
    processes at once.

    Raises:
        MissingInputError: there is no such file.
        InputError: it can't be opened; while iterating: it isn't whole, or is no masters dump.

    """
    return Reading(path, KIND, MasterRow._make, effort=Effort(processes), on_read=on_read)
