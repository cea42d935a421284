"""Make another dataset one of ours: a TSV, its pictures in the images folder, all noted."""

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.dataset import Dataset, are_covers_there
from equigen.dataset.tsv import write_tsv
from equigen.errors import UsageError
from equigen.importing.reading import Foreign
from equigen.interrupts import deferred_interrupts
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import IMPORTING, Ledger
from equigen.repairing.inventory import CoverCounts, take_inventory
from equigen.schema import COLUMNS, EXTRA_COLUMNS, Link
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_os_errors, translating_read_errors

# Pictures that lay in a table, until it is known where they belong; hidden, as it is no label.
_UNPACKED = ".imported"


def require_room(context: Context, path: Path) -> None:
    """Refuse to import into a dataset, or into what is imported; one that was killed goes on.

    Raises:
        UsageError: there is a dataset, or the two folders lie in each other.
        LedgerError: there is a ledger that can't be read.

    """
    ours, theirs = context.directory.resolve(), path.resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(context.images.resolve()):
        msg = (
            f"{path}: it and {context.directory}, where it would go, lie in each other; expected a"
            " folder apart. Name another with --directory."
        )
        raise UsageError(msg)
    has_tsv = context.tsv.exists()
    is_free = not has_tsv and not are_covers_there(context)
    if has_tables(context.ledger):
        with Ledger(context.ledger, read_only=True) as ledger:
            # One that knows nothing is of a run that was killed before it noted what it is of.
            knows = ledger.knows_covers() or any(True for _ in ledger.taken())
            begun = ledger.value(IMPORTING)
        is_free = begun == str(theirs) or (not has_tsv if begun else is_free and not knows)
    if is_free:
        return
    msg = (
        f"{context.directory}: holds a dataset already; expected none. Name another folder with"
        " --directory."
    )
    raise UsageError(msg)


def take_albums(
    context: Context, dataset: Dataset, path: Path, albums: Iterable[Foreign], link: Link
) -> CoverCounts:
    """Write the TSV of albums, put their pictures in their places, decode and note them all.

    Raises:
        EquigenError: as reading the albums has it.
        StorageError: the disk refuses.

    """
    ledger, images = dataset.ledger, context.images
    ledger.remember(IMPORTING, str(path.resolve()))
    sources, rows = list[FileBelow | None](), list[tuple[str, ...]]()
    columns = (*COLUMNS, *EXTRA_COLUMNS)
    counts = Counter[str]()
    with context.bar("read", 0, "album") as bar:
        for each in albums:
            counts[genre := each.cells.get("genre", "")] += 1
            cells = {**each.cells, "album_index": str(counts[genre])}
            rows.append(tuple(cells.get(name, "") for name in columns))
            sources.append(each.file)
            if each.body is not None:
                sources[-1] = unpacked = FileBelow(images, f"{_UNPACKED}/{len(rows)}")
                with translating_os_errors(Path(unpacked)), unpacked.create() as out:
                    out.write(each.body)
            bar.advance()
    used = [at for at, name in enumerate(columns) if name in COLUMNS or any(r[at] for r in rows)]
    write_tsv(context.tsv, [columns[at] for at in used], ([r[at] for at in used] for r in rows))
    with context.bar("take", len(rows), "cover") as bar, deferred_interrupts() as came:
        for wanted, source in zip(dataset_covers(context), sources, strict=True):
            if came:
                break
            if source:
                _put(source, FileBelow(images, wanted.path), link)
            bar.advance()
    found = take_inventory(context, ledger, mends=True)
    with suppress(OSError):
        (images / _UNPACKED).rmdir()
    ledger.remember(IMPORTING, "")
    return found


def _put(source: FileBelow, target: FileBelow, link: Link) -> None:
    """Put a picture in its place; what isn't there, or no file, is left out."""
    with translating_os_errors(Path(target)):
        if source.root == target.root:
            source.move(target)
        elif source.exists():
            if not os.access(source, os.R_OK):  # which a hard link would hide until it is decoded
                with translating_read_errors(Path(source)):
                    source.open().close()
            if link is Link.HARDLINK:
                with suppress(OSError):
                    source.link(target)
                    return
            source.copy(target)
