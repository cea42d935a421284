"""Publish an export: to the Hugging Face Hub, or a store of files.

`hub ORG/NAME` makes the dataset called so what the export is, with one commit; an address such as
s3://bucket/covers the place there. Files that are there already aren't sent again, those of an
earlier publication that are gone are removed, and a run that was killed goes on. Without --export,
an export in the --format is made (or brought up to date) beside the dataset. An export for private
use is refused. --dry-run shows what would be sent, and asks nobody. The token is that of HF_TOKEN,
or of `hf auth login`; of a store, its library finds the credentials.

Examples:
  equigen publish hub my-lab/album-covers --dry-run
  equigen publish hub my-lab/album-covers --private
  equigen publish hub my-lab/album-covers --export covers-hub --gated
  equigen publish s3://bucket/covers --format webdataset
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from equigen.dataset.context import Context
from equigen.errors import UsageError
from equigen.summary import Summary, Table

if TYPE_CHECKING:
    from equigen.exports.publishing import Outcome, Publication

ORDER: Final = 75
SETTINGS: Final = ()
_HUB: Final = "hub"
_USUAL_FORMAT: Final = "parquet"
_MOST_SHOWN: Final = 50


def run(  # noqa: PLR0913  (each is a flag)
    context: Context,
    *,
    target: Annotated[str, typer.Argument(metavar="hub|URL", help="The Hub, or a store.")],
    name: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The dataset on the Hub.")] = "",
    export: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The export; else one is made.")
    ] = None,
    format: Annotated[  # noqa: A002  (its name for users)
        str, typer.Option(metavar="NAME", help="The format of an export that is made: parquet.")
    ] = "",
    private: Annotated[
        bool, typer.Option("--private", help="Only you, or your organization, see it.")
    ] = False,
    gated: Annotated[
        bool, typer.Option("--gated", help="Who wants it tells the Hub who they are.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show files, bytes and card; send nothing.")
    ] = False,
) -> Summary:
    """Publish an export.

    Raises:
        UsageError: a wrong target or flag, or covers that may not be passed on.
        EquigenError: as `read_publication`, `publish_to_hub` and `publish_to_store` have it.

    """
    # As `equigen export` has it.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from equigen.exports.hub import check_name, publish_to_hub  # noqa: PLC0415  (polars)
    from equigen.exports.publishing import read_publication  # noqa: PLC0415
    from equigen.exports.stores import check_url, publish_to_store  # noqa: PLC0415

    is_hub = target == _HUB
    if is_hub:
        check_name(name)
    else:
        check_url(target)
        if name or private or gated:
            msg = f"publish {target}: a store takes no {name or '--private and no --gated'}."
            raise UsageError(msg)
    if export and format:
        msg = "--format is that of an export that is made; with --export, leave it out."
        raise UsageError(msg)
    publication = read_publication(export or _made(context, format or _USUAL_FORMAT))
    if dry_run:
        return _planned(publication, f"{target} {name}".strip())
    if not is_hub:
        return _summary(publication, publish_to_store(context, publication, target))
    done = publish_to_hub(context, publication, name, private=private, gated=gated)
    return _summary(publication, done)


def _made(context: Context, name: str) -> Path:
    """Make an export beside the dataset, or bring it up to date.

    Raises:
        UsageError: the format is one of a file, or an export with other options is there.
        EquigenError: as `export_dataset` has it.

    """
    from equigen.exports.base import Options, find_format, noted_options  # noqa: PLC0415  (polars)
    from equigen.exports.building import Place, export_dataset  # noqa: PLC0415

    if find_format(name).endings:
        msg = f"--format {name}: this is a file; expected a format that is a folder: parquet."
        raise UsageError(msg)
    dataset = Path(os.path.realpath(context.directory))
    out = dataset.with_name(f"{dataset.name}-{name}")
    noted = Place(out).noted()
    if noted and noted.get("options") != noted_options(Options()):
        msg = (
            f"{out}: an export that was made with other options is there; publish it by --export"
            f" {out}, or move it away. Nothing was sent."
        )
        raise UsageError(msg)
    return export_dataset(context, name, out, Options()).out


def _planned(publication: "Publication", place: str) -> Summary:
    files = list(publication.files.values())
    rows = [(each.name, each.size_bytes) for each in files[:_MOST_SHOWN]]
    if more := len(files) - len(rows):
        rows.append(
            (f"... and {more:,} more", sum(each.size_bytes for each in files[_MOST_SHOWN:]))
        )
    size_bytes = publication.size_bytes
    told = f"{len(files):,} files, {size_bytes / 1e6:,.1f} MB would go to {place}"
    return Summary(
        stage="publish",
        unit="files",
        rows_in=len(files),
        rows_out=0,
        dropped={"not sent: a dry run": len(files)},
        facts={
            "place": place, "export": str(publication.folder), "size_bytes": size_bytes,
            "files": {each.name: each.size_bytes for each in files}, "card": publication.card,
        },
        table=Table(("file", "bytes"), tuple(rows)),
        notes=[
            f"The card, README.md:\n\n{publication.card}",
            f"{publication.folder}: {told}. Nothing was sent.",
        ],
    )  # fmt: skip


def _summary(publication: "Publication", done: "Outcome") -> Summary:
    sent_bytes = sum(each.size_bytes for each in done.sent)
    files = len(publication.files)
    note = f"{done.place}: {len(done.sent):,} of {files:,} files sent, {sent_bytes / 1e6:,.1f} MB"
    return Summary(
        stage="publish",
        unit="files",
        rows_in=files,
        rows_out=files,
        facts={
            "place": done.place, "export": str(publication.folder), "revision": done.revision,
            "sent": [each.name for each in done.sent], "sent_bytes": sent_bytes,
            "removed": list(done.removed), "size_bytes": publication.size_bytes,
        },
        notes=[
            f"{note}; the others were there already, and {len(done.removed):,} were removed"
            if len(done.sent) < files or done.removed else note
        ],
    )  # fmt: skip
