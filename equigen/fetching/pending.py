"""Load the albums taken before, and write those that wait in the ledger to the TSV."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from equigen.dataset.context import Context
from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.errors import MissingInputError
from equigen.fetching.selection import Selection
from equigen.identity.albums import Identity
from equigen.identity.artists import clean_artist
from equigen.identity.pictures import picture_key
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import PendingRow, Taken
from equigen.schema import COLUMNS, REQUIRED_COLUMNS

_MOST_DIGITS = 12


def known_albums(context: Context, ledger: Ledger) -> Selection:
    """Return a selection with the TSV's albums and those that only the ledger has.

    Raises:
        MissingInputError: there is no TSV, but the ledger has albums that were written to it.
        InputError: the TSV is broken.

    """
    selection = Selection()
    if context.tsv.exists():
        for album in albums_of(context.tsv):
            selection.remember(
                album.identity,
                album_index=album.album_index,
                in_dataset=True,
                year=_number(album.year),
            )
    for taken in ledger.taken():
        if selection.knows(taken.identity.album_id):
            continue
        if not taken.pending and not context.tsv.exists():
            raise _tsv_is_gone(context)
        selection.remember(
            taken.identity,
            album_index=taken.album_index,
            in_dataset=taken.pending,
            year=_number(taken.year),
        )
    return selection


def albums_of(tsv: Path) -> Iterator[Taken]:
    """Yield the albums of the TSV's rows in the form of the ledger's taken albums.

    Raises:
        MissingInputError, InputError: the TSV is missing or broken.

    """
    with reading_tsv(tsv) as rows:
        artist, title, number, genre, year, url = map(rows.index, REQUIRED_COLUMNS)
        identity_at = rows.index("album_id")
        for row in rows:
            identity = Identity(
                album_id=row[identity_at] if identity_at >= 0 else "",
                artist=clean_artist(row[artist]),
                title=row[title],
                picture=picture_key(row[url]) if row[url] else "",
                genre=row[genre],
            )
            yield Taken(identity, _number(row[number]), pending=False, year=row[year])


def _number(cell: str) -> int:
    """Parse an index or a year, also as other tools write it ("7.0"); return 0 for others."""
    whole = cell.strip().removesuffix(".0")
    return int(whole) if whole.isdecimal() and len(whole) <= _MOST_DIGITS else 0


def write_pending(context: Context, ledger: Ledger) -> None:
    """Write the ledger's pending rows to the TSV, each once.

    Raises:
        StorageError: the disk refuses; the ledger keeps the rows for the next run.

    """
    last = ledger.last_pending()
    if not last and context.tsv.exists():
        return
    # Closed here also after an error, since the cursor must not outlive the ledger.
    with closing(ledger.pending_rows()) as pending:
        if not context.tsv.exists():
            write_tsv(context.tsv, COLUMNS, (row.cells for row in pending))
        else:
            with reading_tsv(context.tsv) as tsv:
                columns = (*tsv.columns, *(name for name in COLUMNS if name not in tsv.columns))
            write_tsv(context.tsv, columns, _joined(context.tsv, columns, pending))
    ledger.mark_written(last)


def _joined(
    path: Path, columns: tuple[str, ...], pending: Iterable[PendingRow]
) -> Iterator[Sequence[str]]:
    there: set[str] = set()
    with reading_tsv(path) as tsv:
        identity_at = tsv.index("album_id")
        empty = [""] * (len(columns) - len(tsv.columns))
        for row in tsv:
            if identity_at >= 0:
                there.add(row[identity_at])
            yield [*row, *empty]
    for new in pending:
        # A run killed between writing the file and noting it has written the row already.
        if new.album_id not in there:
            cells = dict(zip(COLUMNS, new.cells, strict=True))
            yield [cells.get(name, "") for name in columns]


def _tsv_is_gone(context: Context) -> MissingInputError:
    msg = (
        f"{context.tsv}: no such file, but {context.ledger.name} beside it remembers albums that"
        f" were written to it. Put a copy of the file back. To begin anew, move {context.ledger},"
        f" {context.images} and {context.split} away."
    )
    return MissingInputError(msg)
