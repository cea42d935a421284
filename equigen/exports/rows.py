"""Collect what is exported: the albums whose covers may go out, as one table with typed columns."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import polars as pl

from equigen.dataset.context import Context
from equigen.dataset.dataset import LISTS, Dataset, Example
from equigen.dataset.feature_tables import STATE, FeatureTable, not_written
from equigen.dataset.selecting import ArrowTable
from equigen.dataset.tsv import reading_tsv
from equigen.downloading.jobs import target_of
from equigen.errors import MissingInputError, UsageError
from equigen.images.rendering import Rendering
from equigen.schema import SETS, split_list, year_of
from equigen.sources.base import licence_of, restricting

# Columns of the table that formats use and don't write: the name of a row's files, the file that
# its picture is taken from, and whether that is to be made smaller on the way.
KEY, FILE, IS_RAW = "_key", "_file", "_is_raw"
HIDDEN: Final = (KEY, FILE, IS_RAW)
# The columns that an export has whatever the TSV has; the other ones are those of the TSV.
OWN: Final[Mapping[str, Any]] = {
    "label": pl.Int64(),
    "label_name": pl.String(),
    "labels": pl.List(pl.String()),
    "set": pl.String(),
    "source": pl.String(),
    "licence": pl.String(),
    "sha256": pl.String(),
    "size_bytes": pl.Int64(),
    "width_px": pl.Int32(),
    "height_px": pl.Int32(),
}
_FIRST: Final = ("album_id", "artist", "album", "year", "genre")
_NUMBERS: Final[Mapping[str, Any]] = {
    "year": pl.Int16(), "album_index": pl.Int32(),
    "rating_count": pl.Int64(), "have": pl.Int64(), "want": pl.Int64(),
    "rating_average": pl.Float64(),
}  # fmt: skip
# Readers of image folders take such a column for the name of the picture's file.
_FILE_NAME: Final = "file_name"
_TAKEN: Final = frozenset({*OWN, *HIDDEN, "image", _FILE_NAME, "file_names"})
_KEY_DIGITS: Final = 20
_BATCH: Final = 5_000
NO_COVER: Final = "without a cover"
IN_NO_SET: Final = "in no set"
_CHANGED: Final = "file gone or changed since the download"


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is exported: `table` has a row an album, in the order of sets, then of `KEY`.

    `labels` are all classes, sorted: `label` is a place among them. `sets` has the sets that are
    exported, `rows` the number of the TSV's rows, and `dropped` those that are left out, by reason;
    `restricted` is the number of those that a source forbids to pass on, by the source's name, and
    `private` of those that are there for all that. `rendering` is that of pictures made on the way.
    """

    table: pl.DataFrame
    labels: Sequence[str]
    sets: Sequence[str]
    rows: int
    dropped: Mapping[str, int]
    restricted: Mapping[str, int]
    private: Mapping[str, int]
    is_dealt: bool
    rendering: Rendering | None


def gather(
    dataset: Dataset, *, size_px: int = 0, features: Sequence[str] = (), private_use: bool = False
) -> Gathered:
    """Collect the albums whose covers are there and in a set; where no set is, all as one.

    With `size_px`, the pictures are those of that size that a download made, or are to be made.
    Covers that their sources forbid to pass on are left out, unless they are for private use alone.

    Raises:
        UsageError: nothing is left, or a size is larger than the files here.
        MissingInputError, InputError: a feature wasn't computed, or a table is broken.
        StorageError: the disk refuses.

    """
    context = dataset.context
    with reading_tsv(context.tsv) as tsv:
        columns = ("album_id", *(each for each in tsv.columns if each != "album_id"))
    is_dealt = any(dataset.sets.values())
    named = _named(columns, features)
    rendering, place = _pictures_of(context, size_px)
    dropped, restricted, private = Counter[str](), Counter[str](), Counter[str]()
    repeated = Counter[str]()

    def wanted() -> Iterator[Example]:
        for each in dataset.rows():
            name = each.set if is_dealt else SETS[0]
            source = restricting(each.album.get("album_id", ""), each.url)
            if not each.sha256:
                dropped[NO_COVER] += 1
            elif not name:
                dropped[IN_NO_SET] += 1
            elif source and not private_use:
                restricted[source] += 1
            elif (size_bytes := _size_of(each)) < 0:
                dropped[_CHANGED] += 1
            else:
                private[source] += bool(source)
                yield replace(each, set=name, size_bytes=size_bytes)

    labels, schema = set[str](), _schema(named)
    frames, found = [], wanted()
    while batch := list(islice(found, _BATCH)):
        labels.update(label for each in batch for label in each.labels)
        cells = {
            name: [_cell(column, each.album.get(column, "")) for each in batch]
            for column, name in named.items()
        }
        own = {
            "label": [0] * len(batch),
            "label_name": [each.label for each in batch],
            "labels": [list(each.labels) for each in batch],
            "set": [each.set for each in batch],
            "source": [_source(each.album.get("album_id", "")) for each in batch],
            "licence": [_licence(each.album) for each in batch],
            **{
                name: [getattr(each, name) for each in batch]
                for name in ("sha256", "size_bytes", "width_px", "height_px")
            },
        }
        hidden = dict(zip(HIDDEN, zip(*(place(each, repeated) for each in batch)), strict=True))  # noqa: B905
        frames.append(pl.DataFrame({**cells, **own, **hidden}, schema=schema))
    dropped.update({f"forbidden to pass on: {name}": n for name, n in restricted.items()})
    if not frames:
        raise _nothing(context, dropped, restricted)
    order = sorted(labels)
    table = pl.concat(frames, rechunk=True)
    numbers = dict(zip(order, range(len(order)), strict=True))
    table = table.with_columns(
        pl.col("label_name").replace_strict(numbers, return_dtype=pl.Int64).alias("label")
    )
    table = joined_with(context, table, features)
    sets = [name for name in SETS if name in table["set"].unique()]
    table = table.sort(pl.col("set").replace_strict(_ORDER, return_dtype=pl.Int8), KEY)
    return Gathered(
        table, order, sets, len(table) + dropped.total(), dict(dropped), dict(restricted),
        {name: n for name, n in private.items() if n}, is_dealt, rendering,
    )  # fmt: skip


_ORDER: Final = {name: at for at, name in enumerate(SETS)}


def _nothing(
    context: Context, dropped: Mapping[str, int], restricted: Mapping[str, int]
) -> Exception:
    told = ", ".join(f"{count:,} {why}" for why, count in dropped.items() if count) or "no rows"
    if restricted:
        msg = (
            f"export: nothing is left to pass on of {context.tsv}: {told}. These covers may be"
            " used, not republished: for a copy that stays with you, add --private-use."
        )
        return UsageError(msg)
    msg = (
        f"export: there is nothing to export of {context.tsv}: {told}. Run `equigen download`, then"
        " `equigen split`."
    )
    return MissingInputError(msg)


def _named(columns: Sequence[str], features: Iterable[str]) -> dict[str, str]:
    """Return the names of the TSV's columns in an export, in their order there.

    One that a reader would take for the picture, or that is called as an export's own column, has
    underscores added.
    """
    taken = {*_TAKEN, *features}
    named = dict[str, str]()
    for column in sorted(columns, key=lambda each: (*_FIRST, each).index(each)):
        if column == "labels":  # which are among the export's own
            continue
        name = column
        while name in taken or name.endswith(("_file_name", "_file_names")):
            name += "_"
        taken.add(name)
        named[column] = name
    return named


def _schema(named: Mapping[str, str]) -> dict[str, Any]:
    texts = pl.List(pl.String())
    cells = {
        name: _NUMBERS.get(column) or (texts if column in LISTS else pl.String())
        for column, name in named.items()
    }
    return {**cells, **OWN, KEY: pl.String(), FILE: pl.String(), IS_RAW: pl.Boolean()}


def _cell(column: str, cell: str) -> object:
    if column == "year":
        return year_of(cell)
    if column in LISTS:
        return list(split_list(cell))
    kind = _NUMBERS.get(column)
    if kind is None:
        return cell
    try:
        return float(cell) if kind.is_float() else int(cell)
    except ValueError:
        return None


def _source(album_id: str) -> str:
    return album_id.partition(":")[0] if ":" in album_id else ""


def _licence(album: Mapping[str, str]) -> str:
    return album.get("licence") or licence_of(album.get("album_id", ""))


def _size_of(example: Example) -> int:
    """Return the size of a cover's file, -1 where that isn't what was downloaded."""
    try:
        size_bytes = example.cover.stat().st_size
    except OSError:
        return -1
    return size_bytes if example.size_bytes in (0, size_bytes) else -1


def key_of(album: str) -> str:
    """Return the name of an album's files in an export: hex digits, the same in each export."""
    return hashlib.sha256(album.encode("utf-8", "replace")).hexdigest()[:_KEY_DIGITS]


def _pictures_of(
    context: Context, size_px: int
) -> tuple[Rendering | None, Callable[[Example, Counter[str]], tuple[str, str, bool]]]:
    """Return the rendering of pictures made on the way, and a function that places an album's.

    It returns the album's key, the picture's file, and whether that is still to be made smaller.

    Raises:
        UsageError: the files here are smaller.

    """
    download = context.settings.download
    renderings = download.renderings()
    largest_px = renderings[0].size_px
    if largest_px and size_px > largest_px:
        msg = (
            f"--size {size_px}: the covers here have {largest_px} pixels; expected no more. Choose"
            " a smaller size, or download larger ones (`equigen download --size`)."
        )
        raise UsageError(msg)
    wanted = Rendering(size_px, download.fit, download.quality, download.format)
    made = dict(zip(renderings, context.image_folders, strict=True))
    is_raw = bool(size_px) and wanted != renderings[0]
    folder = made.get(wanted) if is_raw else None

    def place(example: Example, repeated: Counter[str]) -> tuple[str, str, bool]:
        repeated[example.key] += 1
        again = repeated[example.key]
        key = key_of(f"{example.key}\0{again}" if again > 1 else example.key)
        if folder:
            file = target_of(folder, path_of(context, example.cover), wanted)
            if file.exists():
                return key, str(file), False
        return key, str(example.cover), is_raw

    return (wanted if is_raw else None), place


def joined_with(context: Context, table: pl.DataFrame, features: Iterable[str]) -> pl.DataFrame:
    """Return a table with a column of structs for each feature; it is null where there is none.

    Raises:
        MissingInputError, InputError: a feature wasn't computed, or its table is broken.

    """
    for name in dict.fromkeys(each for each in features if each not in table.columns):
        feature = _feature(context, name)
        table = table.join(feature, on=feature.columns[0], how="left", maintain_order="left")
    return table


def path_of(context: Context, file: Path) -> str:
    """Return the path of a cover's file below the images folder, wherever a split moved it."""
    roots = (context.images, *(context.split / name for name in SETS))
    root = next((each for each in roots if file.is_relative_to(each)), file.parent)
    return file.relative_to(root).as_posix()


def _feature(context: Context, name: str) -> pl.DataFrame:
    """Return a feature as one column of structs, by sha256 or album_id; only what has it."""
    table = FeatureTable(context.features, name).read().filter(pl.col("reason") == "").drop(STATE)
    first = table.columns[0]
    rows = table.unique(first, keep="first", maintain_order=True)
    return rows.select(first, pl.struct(pl.exclude(first)).alias(name))


def visible(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table without the columns that no format writes."""
    return table.drop(HIDDEN, strict=False)


def huggingface_features(table: pl.DataFrame, labels: Sequence[str]) -> dict[str, Any]:
    """Return the types of a table's columns as `datasets` writes them: `label` is a ClassLabel."""
    return {
        name: {"names": list(labels), "_type": "ClassLabel"} if name == "label" else _type(kind)
        for name, kind in table.schema.items()
    }


def _type(kind: Any) -> Any:  # noqa: ANN401  (polars has no common class for types)
    if isinstance(kind, pl.List):
        return {"feature": _type(kind.inner), "_type": "List"}
    if isinstance(kind, pl.Struct):
        return {field.name: _type(field.dtype) for field in kind.fields}
    return {"dtype": _NAMES.get(str(kind), str(kind).lower()), "_type": "Value"}


_NAMES: Final = {"Boolean": "bool"}


def write_table(table: pl.DataFrame, path: Path, features: Mapping[str, Any]) -> None:
    """Write a Parquet file that is the same each time, with the `features` of `datasets` in it.

    Polars stores a schema of its own in a file, in which readers by pyarrow don't find these.

    Raises:
        StorageError: the disk refuses.

    """
    import duckdb  # noqa: PLC0415  (heavy, and few formats need it)

    note = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    told, target = ("'" + text.replace("'", "''") + "'" for text in (note, str(path)))
    # In a column in which nothing is missing nothing could be: for readers that is another type.
    options: dict[str, Any] = {"threads": 1, "disabled_optimizers": "statistics_propagation"}
    with duckdb.connect(config=options) as db:
        db.register("albums", ArrowTable(table))
        try:
            db.execute(
                f"COPY (FROM albums) TO {target}"
                f" (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{huggingface: {told}}})"
            )
        except duckdb.IOException as err:
            raise not_written(path, err) from None
