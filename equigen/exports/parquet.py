"""Write Parquet shards for the Hugging Face Hub: a row has a cover's bytes and all its fields.

`data/SET-00000.parquet` have a column `image`, a struct of the bytes and the name of the file, and
the columns of all exports; the types that `datasets` needs are in the files and on the card.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import polars as pl

from equigen.exports import shards
from equigen.exports.base import Description, Job, Piece
from equigen.exports.rows import huggingface_features, visible

if TYPE_CHECKING:
    import pyarrow as pa

VERSION: Final = 1
OPTIONS: Final = shards.OPTIONS
NEEDS: Final = ("parquet",)
IMAGE: Final = "image"
# The Hub's viewer reads a whole row group for a page of 100 rows, and refuses one of 286 MiB.
_GROUP_ROWS: Final = 100
_GROUP_BYTES: Final = 100_000_000
# Rows whose cells are converted at a time, a multiple of a group's.
_ROWS: Final = 5_000


def open_export(job: Job) -> Iterator[Piece]:
    """Return the shards of each set.

    Raises:
        ImportError: pyarrow isn't installed.

    """
    from pyarrow import __version__ as version  # noqa: PLC0415  (an extra, and heavy)

    # Another version of the library may lay the same rows out in another way.
    return shards.shards(job, "data/{}-{:05}.parquet", partial(_write, job), version)


def describe(job: Job) -> Description:
    """Tell how the shards are read."""
    yaml = shards.on_card(job, _features(job, job.albums.table), "data/{}-*.parquet")
    return Description(_LOADING, yaml)


_LOADING: Final = """\
```python
from datasets import load_dataset

sets = load_dataset("path/to/this/folder")  # or the name of the dataset on the Hub
```
"""


def _features(job: Job, table: pl.DataFrame) -> dict[str, Any]:
    """Return the types of all columns as `datasets` has them."""
    return {IMAGE: {"_type": "Image"}, **huggingface_features(visible(table), job.albums.labels)}


def _write(job: Job, _file: str, _number: int, rows: pl.DataFrame, path: Path) -> str:
    names = job.names(rows).to_list()
    with shards.HashedFile(path) as out:
        covers = shards.pictures(job, rows)
        write_rows(out, visible(rows), pl.Series(names), covers, _features(job, rows))
    return out.sha256


def write_rows(
    out: BinaryIO,
    table: pl.DataFrame,
    names: pl.Series,
    covers: Iterable[bytes],
    features: Mapping[str, Any],
) -> None:
    """Write a shard: each cover's bytes and the name of its file (`IMAGE`), then its row.

    `features` are the types of all columns as `datasets` has them.
    """
    import pyarrow as pa  # noqa: PLC0415  (an extra, and heavy)
    import pyarrow.parquet as pq  # noqa: PLC0415

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [field.with_type(_narrowed(field.type)) for field in table.clear().to_arrow().schema]
    note = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    schema = pa.schema([(IMAGE, image), *fields], metadata={"huggingface": note})
    leaves = [leaf for field in fields for leaf in _leaves(field)]
    with pq.ParquetWriter(
        pa.PythonFile(out, mode="w"),
        schema,
        # Pictures don't get any smaller, and a reader may take them out by their offsets.
        compression={f"{IMAGE}.bytes": "none", **dict.fromkeys([f"{IMAGE}.path", *leaves], "zstd")},
        use_dictionary=leaves,
        write_statistics=leaves,
        write_page_index=True,
        use_content_defined_chunking=True,
    ) as writer:
        bodies = iter(covers)
        kinds = [field.type for field in (*fields, image.field("path"))]
        # Many rows at once, since polars copies a whole column for each slice of it.
        for rows in table.with_columns(names.alias(IMAGE)).iter_slices(_ROWS):
            cells = zip(rows.to_arrow().to_batches()[0].columns, kinds, strict=True)
            columns, at = [cell.cast(to) for cell, to in cells], 0
            for values in _groups(islice(bodies, len(rows))):
                *some, paths = (each.slice(at, len(values)) for each in columns)
                images = pa.StructArray.from_arrays([values, paths], fields=list(image))
                writer.write_table(pa.table([images, *some], schema=schema))
                at += len(values)


def _groups(covers: Iterable[bytes]) -> "Iterator[pa.BinaryArray]":
    """Yield the covers of each row group as one array."""
    values, ends = bytearray(), [0]
    for cover in covers:
        if len(ends) > _GROUP_ROWS or (values and len(values) + len(cover) > _GROUP_BYTES):
            yield _array(values, ends)
            values, ends = bytearray(), [0]
        values += cover
        ends.append(len(values))
    if len(ends) > 1:
        yield _array(values, ends)


def _array(values: bytearray, ends: list[int]) -> "pa.BinaryArray":
    """Return an array on the bytes as they lie there, which may be 100 MB."""
    import pyarrow as pa  # noqa: PLC0415

    offsets = pa.array(ends, pa.int32()).buffers()[1]
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(ends) - 1, [None, offsets, pa.py_buffer(values)]
    )


def _narrowed(kind: "pa.DataType") -> "pa.DataType":
    """Return a type of polars with offsets of 32 bits, as `datasets` has it."""
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_large_list(kind):
        return pa.list_(_narrowed(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_narrowed(field.type)) for field in kind])
    return pa.string() if pa.types.is_large_string(kind) else kind


def _leaves(field: "pa.Field") -> Iterator[str]:
    """Yield the paths of the columns of values that a field has, "genres.list.element"."""
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_list(field.type):
        inner = field.type.value_field.with_name("element")
        yield from (f"{field.name}.list.{leaf}" for leaf in _leaves(inner))
    elif pa.types.is_struct(field.type):
        yield from (f"{field.name}.{leaf}" for each in field.type for leaf in _leaves(each))
    else:
        yield field.name
