"""Write Parquet shards for the Hugging Face Hub: a row has a cover's bytes and all its fields.

`data/SET-00000.parquet` have a column `image`, a struct of the bytes and the name of the file, and
the columns of all exports; the types that `datasets` needs are in the files and on the card.
"""

import io
import json
from array import array
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

VERSION: Final = 2
OPTIONS: Final = shards.OPTIONS
NEEDS: Final = ("parquet",)
IMAGE: Final = "image"
# The Hub's viewer reads a whole row group for a page of 100 rows, and refuses one of 286 MiB.
_GROUP_ROWS: Final = 100
_GROUP_BYTES: Final = 100_000_000
# Rows whose cells are converted at a time, a multiple of a group's.
_ROWS: Final = 5_000
# Pages of cells are far smaller, those of pictures larger.
_BUFFER_BYTES: Final = 1 << 17


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
    file = shards.HashedFile(path)
    with io.BufferedWriter(file, _BUFFER_BYTES) as out:
        covers = shards.pictures(job, rows)
        write_rows(out, visible(rows), pl.Series(names), covers, _features(job, rows))
    return file.sha256


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

    image = pa.struct([("bytes", pa.binary()), ("path", pa.large_string())])
    fields = list(table.clear().to_arrow().schema)
    schema = pa.schema([(IMAGE, image), *fields])
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
        # Readers get texts with offsets of 32 bits, as `datasets` has them, not those of polars.
        store_schema=False,
    ) as writer:
        note = json.dumps({"info": {"features": features}}, ensure_ascii=False)
        writer.add_key_value_metadata({"huggingface": note})
        bodies, values = iter(covers), bytearray()
        # Many rows at once, since polars copies a whole column for each slice of it.
        for rows in table.with_columns(names.alias(IMAGE)).iter_slices(_ROWS):
            columns, at = rows.to_arrow().to_batches()[0].columns, 0
            for group in _groups(islice(bodies, len(rows)), values):
                *some, paths = (each.slice(at, len(group)) for each in columns)
                images = pa.StructArray.from_arrays([group, paths], fields=list(image))
                writer.write_table(pa.table([images, *some], schema=schema))
                at += len(group)
                del group, images  # since `values` can't grow while an array is on it


def _groups(covers: Iterable[bytes], values: bytearray) -> "Iterator[pa.BinaryArray]":
    """Yield the covers of each row group as one array, which lies in `values` until the next."""
    ends = [0]
    for cover in covers:
        end = ends[-1] + len(cover)
        if len(ends) > _GROUP_ROWS or (len(ends) > 1 and end > _GROUP_BYTES):
            yield _array(values, ends)
            ends, end = [0], len(cover)
        values[ends[-1] : end] = cover
        ends.append(end)
    if len(ends) > 1:
        yield _array(values, ends)


def _array(values: bytearray, ends: list[int]) -> "pa.BinaryArray":
    """Return an array on the bytes as they lie there, which may be 100 MB."""
    import pyarrow as pa  # noqa: PLC0415

    # Made of bytes, since `pa.array` looks for pandas first, which takes 20 MB.
    offsets = pa.py_buffer(array("i", ends))
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(ends) - 1, [None, offsets, pa.py_buffer(values)]
    )


def _leaves(field: "pa.Field") -> Iterator[str]:
    """Yield the paths of the columns of values that a field has, "genres.list.element"."""
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_large_list(field.type):
        inner = field.type.value_field.with_name("element")
        yield from (f"{field.name}.list.{leaf}" for leaf in _leaves(inner))
    elif pa.types.is_struct(field.type):
        yield from (f"{field.name}.{leaf}" for each in field.type for leaf in _leaves(each))
    else:
        yield field.name
