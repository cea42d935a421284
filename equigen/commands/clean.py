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
from equigen.dataset.table import rewrite_column
from equigen.summary import Summary

ORDER: Final = 30
SETTINGS: Final = ()


def run(context: Context) -> Summary:
    """Clean the TSV in place; rows that need no change keep their bytes.

    Raises:
        EquigenError: as `Dataset.writing` has it; the TSV stays untouched.

    """
    from equigen.identity.columns import clean_artists  # noqa: PLC0415  (polars starts a thread)

    with Dataset.writing(context, "clean", Need.TSV) as dataset:
        rows, changed = rewrite_column(context.tsv, "artist", clean_artists)
        dataset.note_done("clean")
    return Summary(
        stage="clean",
        unit="rows",
        rows_in=rows,
        rows_out=rows,
        facts={"changed": changed},
        notes=[f"{changed:,} artist names changed"],
    )
