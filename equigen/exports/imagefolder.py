"""Write folders of pictures, one a class in each set, as datasets and torchvision read them.

`SET/CLASS/KEY.jpg` are hard links to the covers, or copies where the disk has none.
`metadata.parquet` in each set has a row a picture, with the types that `datasets` needs. Every
class has its folder in every set, since torchvision numbers the classes by the folders that it
sees; `classes.txt` lists them in that order.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from equigen.exports.base import Description, Job, Piece, is_linked, link_or_copy, text_piece
from equigen.exports.rows import (
    FILE,
    HIDDEN,
    IS_RAW,
    KEY,
    SPLITS,
    huggingface_features,
    visible,
    write_table,
)

VERSION: Final = 1
OPTIONS: Final = ("size_px", "features")
_METADATA: Final = "metadata.parquet"
_NAME: Final = "file_name"
_LOADING: Final = """\
```python
from datasets import load_dataset

sets = load_dataset("path/to/this/folder")  # streaming=True reads one picture after another
sets["{split}"].features["label"].names  # the classes; year, artist and all else are there as well
```

```python
from torchvision.datasets import ImageFolder

pictures = ImageFolder("path/to/this/folder/{first}"{allow})  # numbered as in classes.txt
```
"""


def open_export(job: Job) -> Iterator[Piece]:
    """Yield the folder of each class in each set, and the table of each set."""
    labels = job.albums.labels
    yield text_piece("classes.txt", "".join(f"{_folder(label)}\n" for label in labels))
    for name in job.albums.sets:
        # All columns twice would take as much memory again as the dataset.
        needed = job.albums.of_set(name, "label_name", "sha256", "size_bytes", *HIDDEN)
        needed = needed.with_columns(job.names(needed).alias(_NAME))
        by_label = needed.partition_by("label_name", as_dict=True, maintain_order=True)
        for label in labels:
            some = by_label.get((label,), needed.clear())
            folder = f"{name}/{_folder(label)}"
            yield Piece(
                folder,
                job.digest(some.select(KEY, "sha256", IS_RAW, _NAME)),
                partial(_write_folder, job, folder, some),
                files=dict(zip(some[_NAME], some["sha256"], strict=True)),
                size_bytes=-1 if job.albums.rendering else int(some["size_bytes"].sum()),
            )
        yield Piece(
            f"{name}/{_METADATA}",
            job.digest(_table(job, name)),
            partial(_write_table, job, name),
        )


def _folder(label: str) -> str:
    """Return the folder of a class, which is its name, but for that of the table beside it."""
    return f"{label}_" if label == _METADATA else label


def _write_folder(job: Job, name: str, rows: pl.DataFrame, path: Path) -> str:
    """Write a class's pictures; one that was made smaller before is taken from there."""
    before = job.earlier.get(name) if job.is_alike else None
    there = (before and before.record["files"]) or {}
    for row in rows.iter_rows(named=True):
        file, at = row[_NAME], f"{path}/{row[_NAME]}"
        if before and row[IS_RAW] and there.get(file) == row["sha256"]:
            link_or_copy(before.path / file, at)
        elif row[IS_RAW] or not is_linked(row[FILE], at):
            Path(at).write_bytes(job.picture(row))
    return ""


def _write_table(job: Job, name: str, path: Path) -> str:
    table = _table(job, name)
    write_table(table, path, huggingface_features(table, job.albums.labels))
    return ""


def _table(job: Job, name: str) -> pl.DataFrame:
    """Return the table of a set: the path of each picture below its folder, then the columns."""
    rows = job.albums.of_set(name)
    folders = rows["label_name"].replace({label: _folder(label) for label in job.albums.labels})
    return visible(rows).insert_column(0, (folders + "/" + job.names(rows)).alias(_NAME))


def describe(job: Job) -> Description:
    """Tell how the folders are read."""
    rows = job.albums.table
    empty = [
        f"{label} ({name})"
        for name in job.albums.sets
        for label in job.albums.labels
        if rows.filter(set=name, label_name=label).is_empty()
    ]
    note = f"No picture here is of: {', '.join(empty)}. These folders are empty." if empty else ""
    files = [{"split": SPLITS[name], "path": f"{name}/**"} for name in job.albums.sets]
    loading = _LOADING.format(
        first=job.albums.sets[0],
        split=SPLITS[job.albums.sets[0]],
        allow=", allow_empty=True" if empty else "",
    )
    return Description(
        f"{loading}\n{note}\n" if note else loading,
        {"configs": [{"config_name": "default", "data_files": files}]},
    )
