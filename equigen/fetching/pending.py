"""Load the albums taken before, and write those that wait in the ledger to the TSV."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from equigen.dataset.context import Context
from equigen.dataset.examples import known_examples
from equigen.dataset.table import append_rows, change_cells, map_table, rewrite_columns
from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.errors import MissingInputError
from equigen.fetching.selection import Selection
from equigen.identity.albums import Identity, ids_elsewhere, joined_tracks
from equigen.identity.artists import artist_ids
from equigen.identity.pictures import has_no_cover
from equigen.labels.matches import Fits
from equigen.labels.several import labels_matched
from equigen.labels.taxonomy import fits, labels_by_genre
from equigen.ledger.ledger import STAGES_DUE, Ledger
from equigen.ledger.models import Addition, PendingRow, Taken
from equigen.schema import (
    COLUMNS,
    EXTRA_COLUMNS,
    REQUIRED_COLUMNS,
    TAKEN_COLUMNS,
    Listing,
    join_list,
    split_list,
)
from equigen.sources.base import licence_of, may_republish

if TYPE_CHECKING:
    from equigen.dataset.table_reader import Chunk

_MOST_DIGITS = 12
_LISTS = ("labels", "also_known_as", "tracks")
_FILLED = ("artist", "album", "year", "country", "formats", "artist_ids", "image_url")
# Of the optional columns, those that another source may fill.
_FURTHER = ("also_known_as", "tracks", "set_given", "licence")
# So many are in memory at a time; for each such part the TSV is written anew.
_MOST_ADDED = 500_000
# Most albums share their genres and styles with others.
_CACHED = 50_000


def known_albums(context: Context, ledger: Ledger, fits: Fits = fits) -> Selection:
    """Return a selection with the TSV's albums, the reserve's, and those that only the ledger has.

    By `fits` it tells which labels of the chosen queries that have a quota an album matches.

    Raises:
        MissingInputError: there is no TSV, but the ledger has albums that were written to it.
        InputError: the TSV is broken.

    """
    settings = context.settings.fetch
    selection = Selection(labels_by_genre(settings.known_queries()), settings.several)
    selection.is_example = known_examples(context).has
    queries = [query for query in settings.chosen_queries() if query.limit]

    @lru_cache(_CACHED)
    def matched(genres: tuple[str, ...], styles: tuple[str, ...]) -> tuple[str, ...]:
        return labels_matched(queries, genres, styles, fits)

    selection.matched = matched
    for tsv in filter(Path.exists, (context.tsv, context.reserve)):
        for album in albums_of(tsv):
            selection.remember(
                album.identity,
                album_index=album.album_index,
                in_dataset=True,
                year=_number(album.year),
                labels=album.labels,
                known_as=album.known_as,
            )
    for taken in ledger.taken():
        if selection.knows(taken.identity.album_id):
            continue
        if not taken.pending and not context.tsv.exists():
            msg = (
                f"{context.tsv}: no such file, but {context.ledger.name} beside it remembers albums"
                " that were written to it. Put a copy of the file back. To begin anew, move"
                f" {context.ledger}, {context.images} and {context.split} away."
            )
            raise MissingInputError(msg)
        selection.remember(
            taken.identity,
            album_index=taken.album_index,
            in_dataset=taken.pending,
            year=_number(taken.year),
            labels=taken.labels,
            known_as=taken.known_as,
        )
    return selection


def albums_of(tsv: Path) -> Iterator[Taken]:
    """Yield the albums of the TSV's rows in the form of the ledger's taken albums.

    Raises:
        MissingInputError, InputError: the TSV is missing or broken.

    """
    for rows in map_table(tsv, (*REQUIRED_COLUMNS, "album_id", "artist_ids", *_LISTS), _told):
        for own, artist, title, picture, genre, ids, names, single, number, year, *lists in rows:
            artists = tuple(artist_ids(ids))
            identity = Identity(own, artist, title, picture, genre, artists, names, single)
            labels, others, tracks = map(split_list, lists)
            known_as = ids_elsewhere(others, tracks) if others or tracks else ()
            yield Taken(identity, _number(number), False, year, labels, known_as)  # noqa: FBT003


def _told(chunk: "Chunk") -> list[tuple[str, ...]]:
    from equigen.identity.columns import identities  # noqa: PLC0415  (polars)

    found = chunk.frame.drop("artist").hstack(identities(chunk.frame))
    own = ("album_id", "artist", "album", "picture", "genre", "artist_ids", "names", "single")
    return found.select(*own, "album_index", "year", *_LISTS).rows()


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
        _write_additions(context, ledger)
        return
    ledger.remember(STAGES_DUE, "clean dedupe balance")
    # Closed here also after an error, since the cursor must not outlive the ledger.
    with closing(ledger.pending_rows()) as pending:
        if not context.tsv.exists():
            columns = (*COLUMNS, *ledger.pending_columns())
            places = [TAKEN_COLUMNS.index(name) for name in columns]
            rows = ([row.cells[place] for place in places] for row in pending)
            write_tsv(context.tsv, columns, rows)
        else:
            _append(context, list(pending))
    ledger.mark_written(last)
    _write_additions(context, ledger)


def _write_additions(context: Context, ledger: Ledger) -> None:
    """Write what other sources know of albums into their rows, in the TSV or the reserve.

    Cells that a row has stay. Lists are joined; the other source's cover comes after the row's.
    """
    while some := ledger.additions(_MOST_ADDED):
        write_additions(context, (each for _, each in some))
        ledger.forget_additions(some[-1][0])


def write_additions(context: Context, additions: Iterable[Addition]) -> int:
    """Write albums of another source into the rows that they belong to; return their number.

    Raises:
        InputError: the TSV is broken.
        StorageError: the disk refuses; some are written, and writing one again changes nothing.

    """
    count, left = 0, iter(additions)
    while some := list(islice(left, _MOST_ADDED)):
        count += len(some)
        added = defaultdict[str, list[Listing]](list)
        for album_id, listing in some:
            added[album_id].append(listing)
        for tsv in filter(Path.exists, (context.tsv, context.reserve)):
            _add_to_rows(tsv, added)
    return count


def _add_to_rows(tsv: Path, added: Mapping[str, Sequence[Listing]]) -> None:
    every = [*chain.from_iterable(added.values())]
    used = [name for name in _FURTHER if any(getattr(each, name) for each in every)]
    some = (each for each in every if each.image_url or each.more_images)
    used += ["more_images"] if any(may_republish(each.album_id) for each in some) else []
    columns = (*_FILLED, *used)

    def change(album_id: str, row: tuple[str, ...]) -> Sequence[str]:
        listings = added.get(album_id)
        if not listings:
            return row
        cells = dict(zip(columns, row, strict=True))
        for each in listings:
            _merge(cells, each)
            if each.licence and each.licence not in cells["licence"]:
                before = cells["licence"] or licence_of(album_id)
                cells["licence"] = f"{before} {each.licence}".strip()
        return tuple(cells.values())

    change_cells(tsv, "album_id", columns, change)


def _merge(row: dict[str, str], other: Listing) -> None:
    """Fill the cells that a row lacks, and join those that are lists."""
    for name, cell in (
        ("artist", other.artist),
        ("album", other.title),
        ("year", other.year),
        ("country", other.country),
        ("set_given", other.set_given),
    ):
        if cell and not row[name]:
            row[name] = cell
    # A source that forbids to pass on any of its pictures puts none beside those of another one.
    images = (other.image_url, *other.more_images) if may_republish(other.album_id) else ()
    new = [url for url in images if url != row["image_url"] and not has_no_cover(url)]
    for name, values in (
        ("formats", other.formats),
        ("artist_ids", other.artist_ids),
        ("also_known_as", other.also_known_as),
        ("tracks", other.tracks),
        ("more_images", [url.replace("|", "%7C") for url in new]),
    ):
        if values:
            every = (*split_list(row[name]), *values)
            join = joined_tracks if name == "tracks" else dict.fromkeys
            row[name] = join_list([*join(every)])


def _append(context: Context, pending: Sequence[PendingRow]) -> None:
    # A run killed between writing the file and noting it has written rows already.
    path, ids, there = context.tsv, [row.album_id for row in pending], set[str]()
    for file in filter(Path.exists, (path, context.reserve)):
        for found in map_table(file, ["album_id"], lambda chunk: chunk.frame["album_id"]):
            there.update(found.filter(found.is_in(ids)).to_list())
    new = [row.cells for row in pending if row.album_id not in there]
    at = {name: place for place, name in enumerate(TAKEN_COLUMNS)}
    with reading_tsv(path) as tsv:
        columns = tsv.columns
    needed = [name for name in EXTRA_COLUMNS if any(row[at[name]] for row in new)]
    lacking = [name for name in (*COLUMNS, *needed) if name not in columns]
    if lacking:
        columns = (*columns, *lacking)
        rewrite_columns(path, columns)
    places = [at.get(name, -1) for name in columns]
    append_rows(path, (["" if place < 0 else row[place] for place in places] for row in new))
