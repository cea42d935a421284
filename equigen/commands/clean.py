"""Take the marks of Discogs' bookkeeping off artists' names.

"Prince (2)" becomes "Prince", "Björk*" becomes "Björk", white space is folded, Unicode is NFC. A
name that would become empty stays. Running it twice changes nothing more, and a file that needs no
change is not rewritten.

Example:
  equigen clean
"""

from typing import Final

from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.table import Chunk, Edit, map_table, splice, stamp_of
from equigen.identity.columns import clean_artists
from equigen.summary import Summary

ORDER: Final = 30
SETTINGS: Final = ()


def run(context: Context) -> Summary:
    """Clean the TSV in place; rows that need no change keep their bytes.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken; it stays untouched.

    """
    with Dataset.writing(context, "clean", Need.TSV):
        rows, edits, stamp = 0, list[Edit](), stamp_of(context.tsv)
        for count, found in map_table(context.tsv, ["artist"], _cleaned):
            rows += count
            edits += found
        if edits:
            splice(context.tsv, edits, since=stamp)
    return Summary(
        stage="clean",
        unit="rows",
        rows_in=rows,
        rows_out=rows,
        facts={"changed": len(edits)},
        notes=[f"{len(edits):,} artist names changed"],
    )


def _cleaned(chunk: Chunk) -> tuple[int, list[Edit]]:
    names = chunk.frame["artist"]
    cleaned = clean_artists(names)
    changed = (cleaned != names).arg_true()
    new = cleaned.gather(changed).to_list()
    return len(chunk), [
        chunk.replacing(row, "artist", name)
        for row, name in zip(changed.to_list(), new, strict=True)
    ]
