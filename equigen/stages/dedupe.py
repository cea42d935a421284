"""Drop rows that repeat an album or a picture.

The first of each artist and album stays, then the first of each picture, in file order. Discogs
pictures are told apart by the stable part of their path, since their URLs are signed anew; other
pictures by URL.

Example:
  equigen dedupe
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from equigen.context import Context
from equigen.files import Tsv, reading_tsv, require_tsv, write_tsv
from equigen.lock import dataset_lock
from equigen.rules.duplicates import Duplicate, DuplicateFinder
from equigen.summary import Summary

ORDER: Final = 40
SETTINGS: Final = ()


def run(context: Context) -> Summary:
    """Dedupe the TSV in place; one without duplicates is not rewritten.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken; it stays untouched.

    """
    require_tsv(context.tsv)
    with dataset_lock(context.directory, stage="dedupe", now=context.now()):
        with reading_tsv(context.tsv) as tsv:
            columns, verdicts = tsv.columns, _verdicts(tsv)
        dropped = Counter(str(verdict) for verdict in verdicts if verdict)
        if dropped:
            write_tsv(context.tsv, columns, _kept(context.tsv, verdicts))
    return Summary(
        stage="dedupe",
        unit="rows",
        rows_in=len(verdicts),
        rows_out=len(verdicts) - dropped.total(),
        dropped=dict(dropped),
    )


def _verdicts(tsv: Tsv) -> list[Duplicate | None]:
    artist, title, url = (tsv.index(name) for name in ("artist", "album", "image_url"))
    finder = DuplicateFinder()
    return [finder.check(artist=row[artist], title=row[title], image_url=row[url]) for row in tsv]


def _kept(path: Path, verdicts: Sequence[Duplicate | None]) -> Iterator[list[str]]:
    with reading_tsv(path) as tsv:
        yield from (row for row, verdict in zip(tsv, verdicts, strict=True) if not verdict)
