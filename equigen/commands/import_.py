"""Make a dataset of other people's folder or table.

A folder has pictures by set and class (train/Jazz/x.jpg) or by class alone, perhaps with the
metadata of `datasets`; or the Hub's Parquet files. A table (.csv, .tsv, .jsonl, .parquet) names
addresses, which `equigen download` then fetches, or files beside it. Columns are found by their
names; --column says which is which. Covers are taken by hard links, or copies; nothing of theirs
is changed. `equigen split --keep-sets` lays out their sets, without what leaks between them.

Examples:
  equigen import ~/album_covers --directory data
  equigen import covers.csv --column label=genre --column url=img
  equigen import hub-export --link copy
"""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset
from equigen.schema import SETS, Link
from equigen.summary import Summary

ORDER: Final = 25
SETTINGS: Final = ("dataset.directory",)


class Taking(StrEnum):
    """Ways of taking a cover from another folder."""

    HARDLINK = Link.HARDLINK
    COPY = Link.COPY


def run(
    context: Context,
    *,
    path: Annotated[Path, typer.Argument(help="The folder or table.")],
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=COLUMN", help="What a column is.")
    ] = None,
    link: Annotated[Taking, typer.Option(help="How covers are taken.")] = Taking.HARDLINK,
) -> Summary:
    """Import a dataset into an empty folder.

    Raises:
        UsageError: there is a dataset already, or a column isn't there.
        InputError: the path is no dataset.
        EquigenError: as `Dataset.writing` has it.

    """
    from equigen.importing.reading import read_albums, read_columns  # noqa: PLC0415  (heavy)
    from equigen.importing.taking import require_room, take_albums  # noqa: PLC0415
    from equigen.repairing.inventory import SPOILT, count_rows  # noqa: PLC0415

    albums = read_albums(path, read_columns(column or ()))
    require_room(context, path)
    with Dataset.writing(context, "import") as dataset:
        require_room(context, path)
        found = take_albums(context, dataset, path, albums, Link(link))
    rows, covers = count_rows(context), found.noted + found.known
    broken = found.dropped[SPOILT]
    given = Counter(each.album.get("set_given", "") for each in Dataset(context).rows())
    notes = [f"{covers:,} covers are there, {broken:,} don't decode"]
    if covers + broken < rows:
        notes.append(
            f"{rows - covers - broken:,} have none here: `equigen download` fetches those with an"
            " address"
        )
    if any(given[name] for name in SETS):
        notes.append("`equigen split --keep-sets` lays out their sets")
    return Summary(
        stage="import",
        unit="albums",
        rows_in=rows,
        rows_out=rows,
        facts={
            "directory": str(context.directory),
            "covers": covers,
            "broken": broken,
            "sets": {name: given[name] for name in SETS},
        },
        notes=notes,
    )
