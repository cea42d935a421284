"""Write the dataset as datasets, torchvision and others read it.

What goes out are the albums whose covers are there and in a set; before a split, all as one set.
Each is called by a digest of its id, so that no title is ever a path. A run again adds what is new,
takes over what is the same, and goes on where one was killed; the export is whole or not there.
Covers that their sources forbid to pass on (Discogs' API, Spotify) are left out, unless the copy
stays with you: --private-use.

Examples:
  equigen export imagefolder covers
  equigen export imagefolder covers-128 --size 128 --with colour
  equigen export imagefolder mine --private-use
  equigen export parquet covers-hub --shard-mb 300
  equigen export webdataset covers-tar
  equigen export croissant covers.json --files covers-hub
  equigen export table covers.csv --with colour --labels one-hot
"""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from equigen.dataset.context import Context
from equigen.plugins import completing
from equigen.sources.base import restriction_of
from equigen.summary import Summary, Table

if TYPE_CHECKING:
    from equigen.exports.building import Exported

ORDER: Final = 75
SETTINGS: Final = ()
_M_ARENA_MAX: Final = -8  # malloc.h


def run(  # noqa: PLR0913  (each is a flag)
    context: Context,
    *,
    format: Annotated[  # noqa: A002  (its name for users)
        str,
        typer.Argument(
            help="The format.", autocompletion=completing("equigen.exports", "open_export")
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The folder, or file, to write.")],
    size: Annotated[
        int, typer.Option(min=0, metavar="N", help="Pixels of the pictures; 0: as they are.")
    ] = 0,
    features: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="NAME,NAME",
            help="Features to add.",
            autocompletion=completing("equigen.features", "open_feature"),
        ),
    ] = "",
    shard_mb: Annotated[
        int, typer.Option(min=0, metavar="N", help="Most megabytes of a shard; 0: 500.")
    ] = 0,
    files: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The export that croissant describes.")
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Columns of a table, in this order.")
    ] = "",
    labels: Annotated[
        str, typer.Option(metavar="list|one-hot", help="How a table has several labels.")
    ] = "",
    like: Annotated[
        str, typer.Option(metavar="multilabel", help="The columns of a published table.")
    ] = "",
    private_use: Annotated[
        bool, typer.Option("--private-use", help="Also what may not be passed on: for you alone.")
    ] = False,
) -> Summary:
    """Export the dataset.

    Raises:
        UsageError: no such format, a wrong option, or a place that isn't free.
        MissingInputError: there are no covers, or a feature wasn't computed.
        EquigenError: as `export_dataset` has it.

    """
    # Else polars' and pyarrow's allocators keep what was freed for seconds: a hundred megabytes.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux":  # and malloc some in a place of its own for each thread
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    from equigen.exports.base import Options  # noqa: PLC0415  (polars, which starts threads)
    from equigen.exports.building import export_dataset  # noqa: PLC0415

    options = Options(
        size_px=size,
        features=_names(features),
        private_use=private_use,
        shard_mb=shard_mb,
        files=files,
        columns=_names(columns),
        labels=labels,
        like=like,
    )
    return _summary(export_dataset(context, format, out, options))


def _names(given: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(str.strip, given.split(",")))))


def _summary(done: "Exported") -> Summary:
    albums, built = done.job.albums, done.built
    counted = albums.table.group_by("label_name", "set").len()
    counts = {(label, name): count for label, name, count in counted.iter_rows()}
    rows = [
        (label, *(counts.get((label, name), 0) for name in albums.sets)) for label in albums.labels
    ]
    notes = [f"{done.out}: {built.size_bytes / 1e6:,.1f} MB"]
    if not done.job.format.endings:
        notes.append(f"of {built.pieces:,} parts, {built.made:,} were made anew")
    if not albums.is_dealt:
        notes.append("no cover is in a set yet, so all are in train: `equigen split` deals them")
    for source, count in albums.restricted.items():
        notes.append(
            f"{count:,} covers are left out. {restriction_of(source)} --private-use adds them, for"
            " a copy that stays with you"
        )
    for source, count in albums.private.items():
        notes.append(f"{count:,} covers may not be passed on. {restriction_of(source)}")
    return Summary(
        stage="export",
        unit="albums",
        rows_in=albums.rows,
        rows_out=len(albums.table),
        dropped=albums.dropped,
        facts={
            "format": done.job.format.name,
            "path": str(done.out),
            "sets": {name: albums.table.filter(set=name).height for name in albums.sets},
            "classes": list(albums.labels),
            "size_bytes": built.size_bytes,
            "made_anew": built.made,
            "restricted": dict(albums.restricted),
            "private": dict(albums.private),
        },
        table=Table(("class", *albums.sets), tuple(rows)),
        notes=notes,
    )
