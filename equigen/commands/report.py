"""Show the whole dataset on one page, as HTML.

Counts, some covers of each label, look-alikes side by side, label conflicts, failures and
the balance of the sets, in a single file that needs no network. The covers in it belong to
their owners: keep it to yourself. Nothing else is changed; docs/report.md has the details.

Examples:
  equigen report
  equigen report --output /tmp/covers.html --covers 12
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.dataset.context import Context
from equigen.errors import UsageError
from equigen.report.gather import gather
from equigen.report.page import page
from equigen.storage.atomic import replacing
from equigen.summary import Summary

ORDER: Final = 75
SETTINGS: Final = ()
REPORT_NAME: Final = "report.html"


def run(
    context: Context,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The file. [default: report.html in the dataset's folder]", show_default=False
        ),
    ] = None,
    covers: Annotated[int, typer.Option(min=0, max=500, help="Covers a label at most.")] = 24,
) -> Summary:
    """Gather, draw and write the report.

    Raises:
        UsageError: the file's name doesn't say that it is a page, or it can't be a file.
        MissingInputError, InputError: there is no dataset, or it is broken.
        LedgerError: the ledger can't be read.
        LockedError: the dataset changed each time that it was read.
        StorageError: the disk refuses.

    """
    file = output or context.directory / REPORT_NAME
    if file.suffix not in {".html", ".htm"}:
        msg = f"--output {file}: expected a name that ends in .html."
        raise UsageError(msg)
    context.check_output(file, "--output", keeps_link=output is not None)
    found = gather(context, covers=covers)
    text = page(found)
    with replacing(file, keeps_link=output is not None) as opened:
        opened.write(text)
    return Summary(
        stage="report",
        done="shown",
        unit="rows",
        rows_in=found.tally.rows,
        rows_out=found.tally.rows,
        facts={
            "file": str(file),
            "size_bytes": len(text.encode()),
            "pictures": found.pictures,
            "look_alike_groups": len(found.groups),
            "label_conflicts": len(found.conflicts),
            "groups_in_several_sets": found.torn,
        },
        notes=[f"The report is in {file}", *found.missing],
    )
