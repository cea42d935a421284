"""Collect what is exported: the albums whose covers may go out, as one table with typed columns."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import polars as pl

from equigen.dataset.context import Context
from equigen.dataset.counting import rows_with_covers
from equigen.dataset.covers import COLUMNS, dataset_labels, labels_in, wanted_by
from equigen.dataset.dataset import LISTS, Dataset
from equigen.dataset.feature_tables import STATE, FeatureTable, not_written
from equigen.dataset.layouts import cover_files, moved_covers
from equigen.dataset.selecting import ArrowTable
from equigen.dataset.table import read_table
from equigen.dataset.tsv import reading_tsv
from equigen.downloading.jobs import target_of
from equigen.errors import MissingInputError, UsageError
from equigen.identity.columns import hosts, picture_keys
from equigen.images.rendering import Rendering
from equigen.ledger.ledger import Ledger
from equigen.schema import SETS, join_list, split_list, year_of
from equigen.sources.base import PictureFrom, licence_of, restricting, restricting_by
from equigen.storage.below import read_regular
from equigen.storage.os_errors import READ, denial

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
# What is found out of a row before its cells are read: first its place in the TSV.
_AT: Final = "_at"
# Those of `OWN` that the cells tell.
_OF_CELLS: Final = frozenset({"label", "source", "licence"})
_OF_FILES: Final[Mapping[str, Any]] = {
    "picture": pl.String(),
    "path": pl.String(),
    **{name: OWN[name] for name in ("sha256", "size_bytes", "width_px", "height_px")},
    "url": pl.String(),
    "final_url": pl.String(),
}
_RESTRICTED: Final = "_restricted"
# The names that `datasets` gives to the sets.
SPLITS: Final[Mapping[str, str]] = {"train": "train", "val": "validation", "test": "test"}
_FIRST: Final = ("album_id", "artist", "album", "year", "genre")
_NUMBERS: Final[Mapping[str, Any]] = {
    "year": pl.Int16(), "album_index": pl.Int32(),
    "rating_count": pl.Int64(), "have": pl.Int64(), "want": pl.Int64(),
    "rating_average": pl.Float64(),
}  # fmt: skip
# Readers of image folders take such a column for the name of the picture's file.
_FILE_NAME: Final = "file_name"
_TAKEN: Final = frozenset({*OWN, *HIDDEN, "image", _FILE_NAME, "file_names"})
_ADDRESSES: Final = ("image_url", "more_images")
_KEY_DIGITS: Final = 20
# A group of rows is held as a whole.
_GROUP_ROWS: Final = 10_240
_BATCH: Final = 5_000
_BLOCK_BYTES: Final = 1 << 20
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

    def of_set(self, name: str, *columns: str) -> pl.DataFrame:
        """Return the rows of a set, in order of `KEY`, with some columns or all."""
        rows = self.table.select("set", *columns) if columns else self.table
        return rows.filter(pl.col("set") == name)


def gather(
    dataset: Dataset, *, size_px: int = 0, features: Sequence[str] = (), private_use: bool = False
) -> Gathered:
    """Collect the albums whose covers are there and in a set; where no set is, all as one.

    With `size_px`, the pictures are those of that size that a download made, or are to be made.
    Covers that their sources forbid to pass on are left out, and so are the addresses of such ones
    from the rows of others, unless they are for private use alone.

    Raises:
        UsageError: nothing is left, a size is larger than the files here, or a feature is called
            as a column.
        MissingInputError, InputError: a feature wasn't computed, or a table is broken.
        StorageError: the disk refuses.

    """
    context = dataset.context
    with reading_tsv(context.tsv) as tsv:
        columns = ("album_id", *(each for each in tsv.columns if each != "album_id"))
    for name in features:
        is_there = name in columns and not FeatureTable(context.features, name).exists()
        if is_there or name.lower() in _TAKEN:
            msg = (
                f"--with {name}: this is the name of a column; expected a feature's, as `equigen"
                " features list` shows them. Exports have the dataset's columns anyway."
            )
            raise UsageError(msg)
    named = _named(columns, features)
    rendering, place = _pictures_of(context, size_px)
    with dataset.reading_ledger() as ledger:
        found = _with_files(context, ledger)
    is_dealt = found["set_name"].is_in(SETS).any()
    dropped, rows = Counter[str](), len(found)

    def without(why: str, is_out: pl.Expr) -> None:
        nonlocal found
        before, found = len(found), found.filter(~is_out)
        dropped[why] = before - len(found)

    without(NO_COVER, pl.col(FILE).is_null())
    if is_dealt:
        without(IN_NO_SET, ~pl.col("set_name").is_in(SETS))
    else:
        found = found.with_columns(set_name=pl.lit(SETS[0]))
    found = found.with_columns(_restricted(found))
    restricted = dict[str, int]()
    if not private_use:
        restricted = _counted(found[_RESTRICTED])
        for name in restricted:
            without(f"forbidden to pass on: {name}", pl.col(_RESTRICTED) == name)
    sizes = _of_each(found[FILE], _size_of, pl.Int64()).alias("size_bytes")
    known = found["size_bytes"]
    found = found.with_columns(sizes)
    is_changed = (sizes < 0) | ((known != 0) & (known != sizes))
    without(_CHANGED, pl.lit(is_changed))
    dropped = +dropped
    if found.is_empty():
        raise _nothing(context, dropped, restricted)
    found = found.with_columns(
        _labels(context, found), _of_each(found["album"], key_of, pl.String()).alias(KEY)
    )
    own = found.with_columns(
        label_name=pl.col("labels").list.first(),
        set=pl.col("set_name"),
        **{IS_RAW: pl.lit(value=False)},
    ).select(_AT, *(name for name in (*OWN, *HIDDEN) if name not in _OF_CELLS))
    if rendering:
        placed = [place(file) for file in own[FILE]]
        own = own.with_columns(
            pl.Series(FILE, [file for file, _ in placed]),
            pl.Series(IS_RAW, [is_raw for _, is_raw in placed]),
        )
    own = _told_apart(own)
    order = own["labels"].explode().unique().sort().to_list()
    own = own.sort(pl.col("set").replace_strict(_ORDER, return_dtype=pl.Int8), KEY)
    typed = _typed(context, named, own, order, private_use=private_use)
    table = joined_with(context, typed, features)
    sets = [name for name in SETS if name in table["set"].unique()]
    return Gathered(
        table, order, sets, rows, dict(dropped), restricted,
        _counted(found[_RESTRICTED]), is_dealt, rendering,
    )  # fmt: skip


def _files(context: Context, ledger: Ledger) -> Iterator[pl.DataFrame]:
    """Yield the files of good covers that are there, by picture and path, with their covers."""
    there, images = set(cover_files(context.images)), context.images
    moved = moved_covers(context, there)
    left = ledger.good_files()
    while batch := list(islice(left, _BATCH)):
        rows = [row for row in batch if row[1] in there or row[1] in moved]
        columns = map(list, zip(*rows, strict=True))
        frame = pl.DataFrame(dict(zip(_OF_FILES, columns, strict=False)), _OF_FILES)
        files = [str(moved.get(row[1]) or f"{images}/{row[1]}") for row in rows]
        yield frame.with_columns(pl.Series(FILE, files, pl.String))


def _with_files(context: Context, ledger: Ledger | None) -> pl.DataFrame:
    """Return each row's cover and its file, null where none is there, set, labels and album.

    Of several files of one picture it is the one at the row's own path, or else the first.
    `album` is the album's key.
    """
    nothing = pl.DataFrame(schema={**_OF_FILES, FILE: pl.String()})
    files = pl.concat([nothing, *(_files(context, ledger) if ledger else ())])
    rows = rows_with_covers(
        context,
        ledger,
        ("album_id", "genre", "labels"),
        in_order=True,
        block_bytes=_BLOCK_BYTES,
    ).drop("host")
    several = files.filter(pl.col("picture").is_duplicated())
    first = files
    if len(several):
        first = files.unique("picture", keep="first", maintain_order=True)
    rows = rows.with_row_index(_AT).join(first, on="picture", how="left", maintain_order="left")
    rows = rows.with_columns(album=pl.col("album_id"))
    at = rows.select(
        (pl.col("album") == "") | pl.col("picture").is_in(several["picture"].implode())
    )
    odd = at.to_series().arg_true()
    if len(odd):
        by_path = {(picture, path): file for picture, path, *_, file in several.iter_rows()}
        wanted = list(wanted_by(context)(read_table(context.tsv, COLUMNS)[odd]))
        own = zip(wanted, rows[FILE].gather(odd), strict=True)
        shown = [by_path.get((each.picture, each.path), file) for each, file in own]
        albums = [each.album for each in wanted]
        rows = rows.with_columns(rows["album"].scatter(odd, albums), rows[FILE].scatter(odd, shown))
    return rows


def _restricted(rows: pl.DataFrame) -> pl.Series:
    """Return `restricting` of each row, by the addresses that its picture came from."""
    source = rows["album_id"].str.extract("^([^:]*)").alias("source")
    is_same = rows["url"] == rows["final_url"]
    return _restricting(source, rows["url"], rows["final_url"].set(is_same, ""))


def _restricting(sources: pl.Series, *urls: pl.Series) -> pl.Series:
    """Return `restricting` of albums of sources, worked out once for all that are alike in it."""
    told = [
        (hosts(each), picture_keys(each).str.extract("^([^:]*:)").fill_null("")) for each in urls
    ]
    columns = [sources, *(each for pair in told for each in pair)]
    alike = pl.DataFrame([each.alias(f"{at}") for at, each in enumerate(columns)])
    kinds = alike.unique()
    found = [
        restricting_by(own, *map(PictureFrom, shown[::2], shown[1::2]))
        for own, *shown in kinds.iter_rows()
    ]
    kinds = kinds.with_columns(pl.Series(_RESTRICTED, found, pl.String))
    return alike.join(kinds, on=alike.columns, how="left", maintain_order="left")[_RESTRICTED]


def _labels(context: Context, rows: pl.DataFrame) -> pl.Series:
    """Return all labels of each row, its own first."""
    pairs, named = rows.select("genre", "labels").unique(), dataset_labels(context)
    found = [list(labels_in(genre, cell, named)) for genre, cell in pairs.iter_rows()]
    pairs = pairs.with_columns(pl.Series("all", found, pl.List(pl.String)))
    joined = rows.select("genre", "labels").join(
        pairs, on=["genre", "labels"], how="left", maintain_order="left"
    )
    return joined["all"].alias("labels")


def _of_each(values: pl.Series, function: Callable[[str], object], kind: Any) -> pl.Series:  # noqa: ANN401
    """Return what a function makes of each value; few at a time are Python's objects."""
    frames = (each.to_series() for each in values.to_frame().iter_slices(_BATCH))
    parts = [pl.Series(list(map(function, each.to_list())), dtype=kind) for each in frames]
    return pl.concat([pl.Series(dtype=kind), *parts])


def _counted(names: pl.Series) -> dict[str, int]:
    """Return how often each name is there, by falling number."""
    counts = names.filter(names != "").value_counts()
    return dict(counts.sort("count", names.name, descending=[True, False]).iter_rows())


_ORDER: Final = {name: at for at, name in enumerate(SETS)}


def _nothing(
    context: Context, dropped: Mapping[str, int], restricted: Mapping[str, int]
) -> Exception:
    told = ", ".join(f"{count:,} {why}" for why, count in dropped.items() if count) or "no rows"
    if restricted:
        msg = (
            f"nothing is left to pass on of {context.tsv}: {told}. These covers may be"
            " used, not republished: for a copy that stays with you, add --private-use."
        )
        return UsageError(msg)
    msg = (
        f"there is nothing to export of {context.tsv}: {told}. Run `equigen download`, then"
        " `equigen split`."
    )
    return MissingInputError(msg)


def _named(columns: Sequence[str], features: Iterable[str]) -> dict[str, str]:
    """Return the names of the TSV's columns in an export, in their order there.

    One that a reader would take for the picture, or that is called as another column, of which some
    readers don't see the case, has underscores added.
    """
    taken = {*_TAKEN, *map(str.lower, features)}
    named = dict[str, str]()
    for column in sorted(columns, key=lambda each: (*_FIRST, each).index(each)):
        if column == "labels":  # which are among the export's own
            continue
        name = column
        while name.lower() in taken or name.endswith(("_file_name", "_file_names")):
            name += "_"
        taken.add(name.lower())
        named[column] = name
    return named


def _typed(
    context: Context,
    named: Mapping[str, str],
    own: pl.DataFrame,
    labels: list[str],
    *,
    private_use: bool,
) -> pl.DataFrame:
    """Return the table of the albums that were found: their cells, and the columns of `own`.

    Lists are split by polars, which takes a hundredth of the time that those of Python take.
    """
    cells = read_table(context.tsv, list(named), block_bytes=_BLOCK_BYTES)
    places = own[_AT]
    if not private_use:
        there = [name for name in _ADDRESSES if name in named]
        cells = cells.with_columns(_passed_on(cells[name]) for name in there)
    sources = cells["album_id"][places].str.extract("^(.*?):").fill_null("").alias("source")
    terms = {name: licence_of(f"{name}:") for name in sources.unique()}
    licences = sources.replace_strict(terms, return_dtype=pl.String).alias("licence")
    if "licence" in named:
        given = cells["licence"][places]
        licences = given.zip_with(given != "", licences)
    # Each goes as soon as it was taken: a dataset's cells are its largest part.
    typed = [
        _values(column, cells.drop_in_place(column)[places]).rename(name)
        for column, name in named.items()
    ]
    numbers = {label: at for at, label in enumerate(labels)}
    label = pl.col("label_name").replace_strict(numbers, return_dtype=pl.Int64)
    own = own.with_columns(sources, licences, label=label)
    return pl.DataFrame([*typed, *own.select(*OWN, *HIDDEN)])


def _passed_on(cells: pl.Series) -> pl.Series:
    """Return cells of addresses without those of pictures that may not be passed on."""
    urls = cells.str.split("|").to_frame("url").with_row_index(_AT).explode("url")
    nobodys = pl.repeat("", len(urls), eager=True)
    at = urls.filter(_restricting(nobodys, urls["url"]) != "")[_AT].unique().sort()
    free = [
        join_list([url for url in split_list(cell) if not restricting("", url)])
        for cell in cells.gather(at).to_list()
    ]
    return cells.clone().scatter(at, free) if free else cells


def _values(column: str, cells: pl.Series) -> pl.Series:
    """Return the values of a column's cells."""
    if column == "year":
        years = {cell: year_of(cell) for cell in cells.unique()}
        return cells.replace_strict(years, return_dtype=_NUMBERS["year"])
    if column in LISTS:
        return cells.to_frame().select(_split(column)).to_series()
    return cells.cast(_NUMBERS.get(column, pl.String()), strict=False)


def _split(column: str) -> pl.Expr:
    """Return the values of cells as `schema.split_list` has them."""
    cell = pl.col(column)
    nothing = pl.lit([], pl.List(pl.String))
    return pl.when(cell == "").then(nothing).otherwise(cell.str.split("|")).alias(column)


def _size_of(file: str) -> int:
    """Return the size of a cover's file, -1 where there is none."""
    try:
        return os.stat(file).st_size  # noqa: PTH116  (paths as objects take as long)
    except OSError:
        return -1


def key_of(album: str) -> str:
    """Return the name of an album's files in an export: hex digits, the same in each export."""
    return hashlib.sha256(album.encode("utf-8", "replace")).hexdigest()[:_KEY_DIGITS]


def _told_apart(rows: pl.DataFrame) -> pl.DataFrame:
    """Give the second row of an album, and further ones, keys of their own."""
    if not rows[KEY].is_duplicated().any():
        return rows
    again = pl.int_range(pl.len()).over(KEY)
    more = rows.select(KEY, again.alias("again")).with_row_index().filter(pl.col("again") > 0)
    for at, key, number in more.select("index", KEY, "again").iter_rows():
        rows[at, KEY] = key_of(f"{key} {number}")
    return rows


def _pictures_of(
    context: Context, size_px: int
) -> tuple[Rendering | None, Callable[[str], tuple[str, bool]]]:
    """Return the rendering of pictures made on the way, and a function from a cover's file.

    It returns the picture's file, and whether that is still to be made smaller.

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
    roots = (context.images, *(context.split / name for name in SETS))

    def place(file: str) -> tuple[str, bool]:
        if folder:
            cover = Path(file)
            root = next(each for each in roots if cover.is_relative_to(each))
            made_before = target_of(folder, cover.relative_to(root).as_posix(), wanted)
            if made_before.exists():
                return str(made_before), False
        return file, is_raw

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


def read_cover(path: str) -> bytes:
    """Return the bytes of a cover's file, which no link may stand for.

    Raises:
        StorageError: it can't be read.

    """
    try:
        return read_regular(path)
    except OSError as err:
        raise denial(err, Path(path), READ) from err


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
                f" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP_ROWS},"
                f" KV_METADATA {{huggingface: {told}}})"
            )
        except duckdb.IOException as err:
            raise not_written(path, err) from None
