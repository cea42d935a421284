"""Count albums a genre, largest first.

Reads the TSV, or with --images a folder of pictures that has one folder a genre.

Examples:
  equigen counts
  equigen counts --by decade --json
  equigen counts --images data/equigen_album_images
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import pandas as pd
import typer

from equigen.context import Context
from equigen.covers import WantedCover, dataset_covers
from equigen.errors import MissingInputError, UsageError
from equigen.layout import cover_files
from equigen.ledger import Ledger
from equigen.summary import Summary, Table

ORDER: Final = 50
SETTINGS: Final = ()

_UNKNOWN = "unknown"
_YEAR_DIGITS = 4


class By(StrEnum):
    """What albums are counted by: `genre` is the folder, `label` the TSV's genre cell."""

    GENRE = "genre"
    LABEL = "label"
    DECADE = "decade"
    COUNTRY = "country"
    SET = "set"


def run(
    context: Context,
    *,
    by: Annotated[By, typer.Option(help="What to count by.")] = By.GENRE,
    images: Annotated[
        Path | None, typer.Option(help="Count the pictures of this folder instead.")
    ] = None,
) -> Summary:
    """Count, in pandas' hands.

    Raises:
        MissingInputError: there is no TSV, or no such folder.
        UsageError: pictures in a folder are to be counted by something only the TSV knows.

    """
    if images is None:
        values = pd.Series(list(_values(context, by)), dtype="object")
    elif by is By.GENRE:
        values = pd.Series(list(_folders(images)), dtype="object")
    else:
        msg = f"--by {by}: a folder of pictures tells only genres. Leave out --images or --by."
        raise UsageError(msg)
    counts = values.value_counts(sort=False)
    ordered = sorted(((str(name), int(n)) for name, n in counts.items()), key=_largest_first)
    total = sum(count for _, count in ordered)
    return Summary(
        stage="counts",
        unit="albums" if images is None else "pictures",
        rows_in=total,
        rows_out=total,
        facts={"by": str(by), "counts": dict(ordered), "total": total},
        table=Table((str(by), "albums"), (*ordered, ("total", total))),
    )


def _largest_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _values(context: Context, by: By) -> Iterator[str]:
    sets = _sets(context) if by is By.SET else {}
    for cover in dataset_covers(context):
        match by:
            case By.GENRE:
                yield cover.genre
            case By.LABEL:
                yield cover.label
            case By.DECADE:
                yield _decade(cover)
            case By.COUNTRY:
                yield cover.country or _UNKNOWN
            case By.SET:
                yield sets.get(cover.path, "in no set")


def _decade(cover: WantedCover) -> str:
    known = cover.year.isdecimal() and len(cover.year) == _YEAR_DIGITS
    return f"{cover.year[:3]}0s" if known else _UNKNOWN


def _sets(context: Context) -> dict[str, str]:
    if not context.ledger.exists():
        return {}
    with Ledger(context.ledger, read_only=True) as ledger:
        return ledger.sets()


def _folders(images: Path) -> Iterator[str]:
    if not images.is_dir():
        msg = f"{images}: no such folder. `equigen download` makes one: run that first."
        raise MissingInputError(msg)
    for file in cover_files(images):
        yield file.path.partition("/")[0]
