"""Load covers into Hugging Face's datasets: all sets, with typed columns, no bytes copied."""

from typing import Any

import datasets
import polars as pl
import pyarrow as pa

from equigen.exports.rows import FILE, Gathered, huggingface_features, visible
from equigen.sources.base import restriction_of


def dataset_dict(gathered: Gathered) -> datasets.DatasetDict:
    """Return the sets of what is exported: `image` by the file's path, then the columns.

    Each tells its licences and, of covers that may not be passed on, how many there are and why:
    `push_to_hub` would upload them.
    """
    return datasets.DatasetDict({name: _dataset(gathered, name) for name in gathered.sets})


def _dataset(gathered: Gathered, name: str) -> datasets.Dataset:
    rows = gathered.of_set(name)
    columns = visible(rows)
    files = pa.array(rows[FILE].to_list(), pa.string())
    nothing = pa.nulls(len(rows), pa.binary())
    image = pa.StructArray.from_arrays([nothing, files], ["bytes", "path"])
    table: Any = columns.to_arrow(compat_level=pl.CompatLevel.oldest())
    features = {"image": {"_type": "Image"}, **huggingface_features(columns, gathered.labels)}
    # Its metadata has the types, which a `Dataset` takes from there.
    schema = datasets.Features.from_dict(features).arrow_schema
    licences = [each for each in columns["licence"].unique().sort() if each]
    private = "".join(
        f" {count:,} covers of {source} in all sets must not be passed on. {restriction_of(source)}"
        for source, count in gathered.private.items()
    )
    info = datasets.DatasetInfo(
        description=f"Album covers, which belong to their owners.{private}",
        license="; ".join(licences),
    )
    return datasets.Dataset(table.add_column(0, "image", image).cast(schema), info=info)
