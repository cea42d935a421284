"""Load covers into Hugging Face's datasets: all sets, with typed columns, no bytes copied."""

import json
from typing import Any

import datasets
import pyarrow as pa

from equigen.exports.rows import FILE, Gathered, huggingface_features, visible


def dataset_dict(gathered: Gathered) -> datasets.DatasetDict:
    """Return the sets of what is exported: `image` by the file's path, then the columns."""
    return datasets.DatasetDict({name: _dataset(gathered, name) for name in gathered.sets})


def _dataset(gathered: Gathered, name: str) -> datasets.Dataset:
    rows = gathered.table.filter(gathered.table["set"] == name)
    columns = visible(rows)
    files = pa.array(rows[FILE].to_list(), pa.string())
    nothing = pa.nulls(len(rows), pa.binary())
    image = pa.StructArray.from_arrays([nothing, files], ["bytes", "path"])
    table: Any = columns.to_arrow(compat_level=_plain())
    features = {"image": {"_type": "Image"}, **huggingface_features(columns, gathered.labels)}
    note = json.dumps({"info": {"features": features}})
    table = table.add_column(0, "image", image).replace_schema_metadata({"huggingface": note})
    wanted = datasets.Features.from_dict(features)
    return datasets.Dataset(table.cast(wanted.arrow_schema))


def _plain() -> Any:  # noqa: ANN401  (a class of polars' that it doesn't name in public)
    """Return polars' way to give Arrow strings that every reader knows, instead of views."""
    import polars as pl  # noqa: PLC0415

    return pl.CompatLevel.oldest()
