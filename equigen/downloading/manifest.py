"""Write the manifest: one row a cover with all that is known of it, as a TSV or a Parquet file."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from equigen.dataset.context import Context
from equigen.dataset.covers import dataset_covers
from equigen.dataset.fields import feature_fields, require_features
from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.downloading.policy import NO_PICTURE
from equigen.errors import UsageError
from equigen.identity.pictures import has_no_cover
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import MISSING, WAITING, Cover, FileOf
from equigen.schema import join_list
from equigen.storage.atomic import in_place_of

if TYPE_CHECKING:
    import polars as pl

COLUMNS = (
    "path", "artist", "album", "genre", "label", "year", "country", "album_id", "image_url",
    "final_url", "status", "reason", "http_status", "tries", "size_bytes", "width_px", "height_px",
    "sha256", "phash", "grey", "rendering", "fetched_at",
)  # fmt: skip
_NUMBERS = frozenset({"http_status", "tries", "size_bytes", "width_px", "height_px"})
_LABELS = "labels"
_Cell = str | int | bytes | tuple[str, ...] | float | None
_BATCH_ROWS = 10_000
_TSV, _PARQUET = ".tsv", ".parquet"


def check_manifest(path: Path, context: Context, features: Sequence[str] = ()) -> None:
    """Make sure, before anything else is done, that a manifest can be written there.

    Raises:
        MissingInputError, InputError: one of the features has no table, or a broken one.
        UsageError: its name says neither TSV nor Parquet, `Context.check_output`
            refuses it, or Parquet can't be written here.

    """
    if path.suffix not in {_TSV, _PARQUET}:
        msg = f"--export {path}: expected a name that ends in {_TSV} or {_PARQUET}."
        raise UsageError(msg)
    context.check_output(path, "--export")
    if path.suffix == _PARQUET and not find_spec("pyarrow"):
        msg = (
            f"--export {path}: Parquet needs pyarrow, which isn't installed. Run"
            " `pip install 'equigen[parquet]'`, or choose a name that ends in .tsv."
        )
        raise UsageError(msg)
    require_features(context, features)


def write_manifest(
    path: Path, context: Context, ledger: Ledger, features: Sequence[str] = ()
) -> None:
    """Write what is known of each row's cover, in the dataset's order.

    `grey` is in hex in a TSV and bytes in Parquet; covers that were never asked for have the status
    "waiting". A dataset with albums of several labels has all of these in a further column: a list.
    The last columns are those of the features, such as "colour.mean.red", but no lists.

    Raises:
        StorageError: the disk refuses; a file that was there before still is.

    """
    with reading_tsv(context.tsv) as tsv:
        columns = (*COLUMNS, _LABELS) if _LABELS in tsv.columns else COLUMNS
    more = feature_fields(context, ledger, features)
    further = more.iter_rows() if more.width else repeat(())
    rows = (
        (*row[: len(columns)], *cells)
        for row, cells in zip(_rows(context, ledger), further, strict=False)
    )
    if path.suffix == _PARQUET:
        _write_parquet(path, columns, rows, more)
    else:
        write_tsv(path, (*columns, *more.columns), (list(map(_text, row)) for row in rows))


def _text(cell: _Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, bytes):
        return cell.hex()
    return join_list(cell) if isinstance(cell, tuple) else str(cell)


def _rows(context: Context, ledger: Ledger) -> Iterator[Sequence[_Cell]]:
    from equigen.images.descriptor import read_descriptor  # noqa: PLC0415  (heavy, and most downloads export nothing)

    wanted = dataset_covers(context)
    while batch := list(islice(wanted, _BATCH_ROWS)):
        known = ledger.covers_at(FileOf(row.picture, row.path) for row in batch)
        looks = ledger.looks_of(cover.sha256 for cover in known.values())
        for row in batch:
            cover = known.get(row.path)
            if cover is None and has_no_cover(row.url):
                cover = Cover(row.picture, row.url, MISSING, NO_PICTURE, tries=0)
            cover = cover or Cover(row.picture, row.url, WAITING, tries=0)
            views = read_descriptor(looks.get(cover.sha256, b""))
            grey = views["grey"][0].tobytes() if len(views) else b""
            yield (
                row.path, row.artist, row.title, row.genre, row.label, row.year, row.country,
                row.album_id, row.url, cover.final_url, cover.status, cover.reason,
                cover.http_status, cover.tries, cover.size_bytes, cover.width_px, cover.height_px,
                cover.sha256, cover.phash, grey, cover.rendering, cover.fetched_at,
                row.labels,
            )  # fmt: skip


def _write_parquet(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[_Cell]], more: "pl.DataFrame"
) -> None:
    import pyarrow as pa  # noqa: PLC0415  (optional, and heavy)
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = {name: pa.int64() for name in _NUMBERS} | {"grey": pa.binary()}
    kinds[_LABELS] = pa.list_(pa.string())
    kinds |= {each.name: each.type for each in more.head(0).to_arrow().schema}
    names = (*columns, *more.columns)
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    with (
        in_place_of(path) as beside,
        beside.open("xb") as file,
        pq.ParquetWriter(file, schema) as writer,
    ):
        rows = iter(rows)
        while batch := list(islice(rows, _BATCH_ROWS)):
            writer.write_table(pa.table(list(zip(*batch, strict=True)), schema=schema))
