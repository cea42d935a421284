"""Take the marks of Discogs' bookkeeping off artists' names.

"Prince (2)" becomes "Prince", "Björk*" becomes "Björk", white space is folded, Unicode is NFC. A
name that would become empty stays. Running it twice changes nothing more, and a file that needs no
change is not rewritten.

Example:
  equigen clean
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from equigen.dataset.context import Context
from equigen.dataset.tsv import reading_tsv, require_tsv, write_tsv
from equigen.identity.cleaning import clean_artist
from equigen.storage.lock import dataset_lock
from equigen.summary import Summary

ORDER: Final = 30
SETTINGS: Final = ()


def run(context: Context) -> Summary:
    """Clean the TSV in place.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken; it stays untouched.

    """
    require_tsv(context.tsv)
    with dataset_lock(context.directory, stage="clean", now=context.now()):
        rows = changed = 0
        with reading_tsv(context.tsv) as tsv:
            columns, artist = tsv.columns, tsv.index("artist")
            for row in tsv:
                rows += 1
                changed += clean_artist(row[artist]) != row[artist]
        if changed:
            write_tsv(context.tsv, columns, _cleaned(context.tsv))
    return Summary(
        stage="clean",
        unit="rows",
        rows_in=rows,
        rows_out=rows,
        facts={"changed": changed},
        notes=[f"{changed:,} artist names changed"],
    )


def _cleaned(path: Path) -> Iterator[list[str]]:
    with reading_tsv(path) as tsv:
        artist = tsv.index("artist")
        for row in tsv:
            yield [*row[:artist], clean_artist(row[artist]), *row[artist + 1 :]]
