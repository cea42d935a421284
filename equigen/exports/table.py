"""Write one table: CSV, TSV, Parquet or JSON lines, a row an album, without the pictures.

OUT's ending tells which: .csv, .tsv, .parquet or .jsonl. Besides the columns that every export has,
`path` is the cover's file below the images folder. Fields of features are columns by their flat
names, such as "colour.mean.red". In CSV and TSV, what is missing is empty, lists of texts have |
between their values, and other lists are JSON.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from equigen.config.settings import suggest
from equigen.dataset.feature_tables import FeatureTable, flat, writing_table
from equigen.errors import UsageError
from equigen.exports.base import Job, Piece
from equigen.exports.rows import (
    FILE,
    huggingface_features,
    joined_with,
    path_of,
    visible,
    write_table,
)
from equigen.schema import join_list

VERSION: Final = 1
ENDINGS: Final = (".csv", ".tsv", ".parquet", ".jsonl")
OPTIONS: Final = ("features", "columns", "labels", "like")
_LIST, _ONE_HOT = "list", "one-hot"
_MULTILABEL: Final = "multilabel"
_PATH: Final = "path"
# The columns of the published table of 14,302 Discogs masters, in its order.
_COLOURS: Final = {"dominant_r": "red", "dominant_g": "green", "dominant_b": "blue"}
_FEATURE: Final = "faces"
# With the fields of the feature that tell them; no feature guesses races.
_FACES: Final[Mapping[str, tuple[str, pl.DataType]]] = {
    "gender": ("gender_guess", pl.String()),
    "age": ("age_guess", pl.Int16()),
    "dominant_race": ("", pl.String()),
    "emotion": ("emotion_guess", pl.String()),
}
_GENRES: Final = (
    "Blues", "Brass & Military", "Children's", "Classical", "Electronic", "Folk, World, & Country",
    "Funk / Soul", "Hip Hop", "Jazz", "Latin", "Non-Music", "Pop", "Reggae", "Rock",
    "Stage & Screen",
)  # fmt: skip
_SPELLED: Final = {"Funk / Soul": "Funk&Soul"}
_BATCH: Final = 5_000


def open_export(job: Job) -> Iterator[Piece]:
    """Yield the table.

    Raises:
        UsageError: a column isn't there, or an option is none.
        MissingInputError, InputError: a feature wasn't computed.

    """
    options = job.options
    if options.labels not in {"", _LIST, _ONE_HOT}:
        msg = f"--labels {options.labels}: expected {_LIST} or {_ONE_HOT}."
        raise UsageError(msg)
    if options.like not in {"", _MULTILABEL}:
        msg = f"--like {options.like}: expected {_MULTILABEL}."
        raise UsageError(msg)
    for flag, given in (("--labels", options.labels), ("--with", options.features)):
        if given and options.like:
            msg = f"{flag}: --like {options.like} has columns of its own alone. Leave it out."
            raise UsageError(msg)
    table = _like_multilabel(job) if options.like else _table(job)
    for name in options.columns:
        if name not in table.columns:
            near, known = suggest(name, table.columns), ", ".join(table.columns)
            msg = f"--columns: there is no column {name!r}{near}; expected some of: {known}."
            raise UsageError(msg)
    table = table.select(options.columns) if options.columns else table
    yield Piece("", "", partial(_write, job, table))


def _table(job: Job) -> pl.DataFrame:
    """Return all columns: features flat, and labels as a list, or a column of 0 and 1 a class."""
    rows = job.albums.table
    table = visible(rows).insert_column(0, _paths(job))
    own = [name for name in table.columns if name not in job.options.features]
    fields = [
        value.alias(name)
        for feature in job.options.features
        for name, value in flat(feature, _fields(table.schema[feature]), lists=True)
    ]
    if job.options.labels == _ONE_HOT:
        own.remove("labels")
        fields += _one_hot("labels", _named(job.albums.labels, own))
    return table.select(*own, *fields)


def _fields(kind: Any) -> Mapping[str, Any]:  # noqa: ANN401  (a struct of polars')
    return {field.name: field.dtype for field in kind.fields}


def _paths(job: Job) -> pl.Series:
    files = job.albums.table[FILE]
    return pl.Series(_PATH, [path_of(job.context, Path(file)) for file in files], pl.String)


def _named(labels: Iterable[str], taken: Sequence[str]) -> dict[str, str]:
    """Return the columns of classes by their names, which get underscores where these are taken."""
    names = dict[str, str]()
    for label in labels:
        name = label
        while name in taken or name in names:
            name += "_"
        names[name] = label
    return names


def _one_hot(column: str, names: Mapping[str, str]) -> list[pl.Expr]:
    there = pl.col(column).list
    return [there.contains(value).cast(pl.UInt8).alias(name) for name, value in names.items()]


def _like_multilabel(job: Job) -> pl.DataFrame:
    """Return the 24 columns of the published table: colours, the first face, genres as 0 and 1.

    Its dominant colour is the mean of all pixels, and so is this one. What no feature tells of a
    face is empty, and so are genres where the TSV has no column of them.
    """
    own = job.albums.table.select("sha256", "album_id", FILE, pl.col("^genres$"))
    rows = joined_with(job.context, own, ["colour"])
    genres = {_SPELLED.get(name, name): name for name in _GENRES}
    colours = [
        pl.col("colour").struct["mean"].struct[name].alias(column)
        for column, name in _COLOURS.items()
    ]
    number = pl.col("album_id").str.extract(r"^discogs:m([0-9]+)$").cast(pl.Int64)
    return rows.select(
        number.alias("master_release"),
        _paths(job),
        *colours,
        *_first_face(job, rows),
        *(
            _one_hot("genres", genres)
            if "genres" in rows.columns
            else [pl.lit(None, pl.UInt8).alias(name) for name in genres]
        ),
    )


def _first_face(job: Job, rows: pl.DataFrame) -> list[pl.Expr]:
    """Return what the feature faces guesses of each cover's first face, which is the surest."""
    guessed: Mapping[str, Any] = {}
    if FeatureTable(job.context.features, _FEATURE).exists():
        face = joined_with(job.context, rows.select("sha256"), [_FEATURE])
        first = face.select(pl.col(_FEATURE).struct[_FEATURE].list.first())
        guessed = first.unnest(_FEATURE).to_dict()
    return [
        pl.lit(guessed.get(told)).cast(kind).alias(name) for name, (told, kind) in _FACES.items()
    ]


def _write(job: Job, table: pl.DataFrame, path: Path) -> str:
    ending = job.out.suffix.lower()
    if ending == ".parquet":
        write_table(table, path, huggingface_features(table, job.albums.labels))
        return ""
    with writing_table(path), path.open("xb") as file:
        for number, batch in enumerate(table.iter_slices(_BATCH)):
            if ending == ".jsonl":
                batch.write_ndjson(file)
            else:
                _as_texts(batch).write_csv(
                    file, include_header=not number, separator="\t" if ending == ".tsv" else ","
                )
    return ""


def _as_texts(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose lists are texts."""
    return table.with_columns(
        pl.Series(each.name, list(map(_joined, each.to_list())), pl.String)
        for each in table
        if isinstance(each.dtype, pl.List)
    )


def _joined(values: Sequence[Any] | None) -> str | None:
    if values is None or all(isinstance(each, str) for each in values):
        return None if values is None else join_list(values)
    return json.dumps(values, ensure_ascii=False)
