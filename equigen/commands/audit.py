"""Measure what leaks in a dataset of other people.

It is a folder of pictures, a table or an export, as `equigen import` takes them. Tells which
pictures and look-alikes are in several sets, and which artists, where they are known; which
pictures have several labels, what doesn't decode, and how even the classes are. The page audit.html
shows it with the covers. Nothing of the dataset is changed; docs/audit.md has the details.

Examples:
  equigen audit ~/album_covers
  equigen audit covers.csv --column label=genre --output covers.html
  equigen audit hub-export --strict
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from equigen.config.layers import Config
from equigen.config.settings import DatasetSettings, defaults
from equigen.config.source_settings import Credentials
from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset
from equigen.errors import LeakError, UsageError
from equigen.interrupts import deferred_interrupts
from equigen.schema import SETS, Link
from equigen.storage.atomic import replacing
from equigen.storage.lock import dataset_lock
from equigen.storage.os_errors import translating_os_errors
from equigen.summary import Summary, Table

if TYPE_CHECKING:
    from equigen.importing.auditing import Audit
    from equigen.importing.reading import Foreign

ORDER: Final = 78
SETTINGS: Final = ()
NEEDS_TRUST: Final = False
_UNREADABLE: Final = "broken or missing"


def run(
    context: Context,
    *,
    path: Annotated[Path, typer.Argument(help="The folder or table.")],
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=COLUMN", help="What a column is.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The page.")] = Path("audit.html"),
    covers: Annotated[int, typer.Option(min=0, max=500, help="Covers a label at most.")] = 12,
    strict: Annotated[bool, typer.Option("--strict", help="Fail where anything leaks.")] = False,
) -> Summary:
    """Import the dataset into a hidden folder, compare its covers, and write the page.

    Raises:
        UsageError: the page can't be written there, or a column isn't there.
        InputError: the path is no dataset.
        LeakError: with `strict`, something is in several sets; the page is written.
        StorageError: the disk refuses.

    """
    from equigen.importing.auditing import audit, described  # noqa: PLC0415  (heavy)
    from equigen.importing.reading import read_albums, read_columns  # noqa: PLC0415
    from equigen.importing.taking import take_albums  # noqa: PLC0415
    from equigen.report.gather import gather  # noqa: PLC0415
    from equigen.report.page import page  # noqa: PLC0415

    _check_output(context, output, path)
    albums = read_albums(path, read_columns(column or ()))
    with _hidden_folder(context, output) as folder:
        settings = defaults(dataset=DatasetSettings(directory=Path("data")))
        own = replace(context, config=Config(settings, Credentials(), folder=folder))
        with Dataset.writing(own, "audit") as dataset:
            take_albums(own, dataset, path, map(_titled, albums), Link.HARDLINK)
            found = audit(own, dataset, path if path.is_dir() else path.parent)
        shown = described(gather(own, covers=covers), found, path.resolve().name)
        with replacing(output) as opened:
            opened.write(page(shown, found))
    lines = list(found.told())
    if strict and found.leaks:
        msg = f"{path}: {lines[0]}. {output} shows them."
        raise LeakError(msg)
    return _summary(found, output, [*lines, f"The page is in {output}"])


@contextmanager
def _hidden_folder(context: Context, output: Path) -> Iterator[Path]:
    """Make an empty folder beside a page, where covers can be linked if all lies on one disk.

    It is removed at the end, and so is what an audit that was killed left there.
    """
    folder = _hidden_beside(output)
    with dataset_lock(folder, stage="audit", now=context.now()):
        data = folder / "data"
        with translating_os_errors(data), suppress(FileNotFoundError):
            shutil.rmtree(data)
        try:
            yield folder
        finally:
            with deferred_interrupts():
                shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Windows removes no lock that is held
        folder.rmdir()


def _hidden_beside(output: Path) -> Path:
    return output.with_name(f".equigen-audit-{output.name}")


def _titled(album: "Foreign") -> "Foreign":
    """Call an album without a title by its file, so that the page shows which one it is."""
    name = album.cells["album_id"].removeprefix("file:")
    return replace(
        album, cells=album.cells if album.cells.get("album") else {**album.cells, "album": name}
    )


def _check_output(context: Context, output: Path, path: Path) -> None:
    if output.suffix not in {".html", ".htm"}:
        msg = f"--output {output}: expected a name that ends in .html."
        raise UsageError(msg)
    if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
        msg = f"--output {output}: lies in {path}, where nothing is written. Name another place."
        raise UsageError(msg)
    if (hidden := _hidden_beside(output)).is_symlink():
        msg = f"{hidden}: a link; expected a folder of an earlier audit, or nothing. Remove it."
        raise UsageError(msg)
    context.check_output(output, "--output")


def _summary(found: "Audit", page: Path, notes: list[str]) -> Summary:
    in_sets = Counter(each.set_name for each in found.albums)
    names = [name for name in (*SETS, "") if in_sets[name]]
    labels = sorted({label for label, _ in found.classes})
    rows: list[tuple[str | int, ...]] = [
        (label, *(found.classes.get((label, name), 0) for name in names)) for label in labels
    ]
    return Summary(
        stage="audit",
        unit="albums",
        rows_in=len(found.albums),
        rows_out=len(found.albums) - len(found.broken),
        dropped={_UNREADABLE: len(found.broken)},
        facts={"page": str(page), **found.as_json()},
        table=Table(("label", *(name or "in no set" for name in names)), tuple(rows)),
        notes=notes,
    )
