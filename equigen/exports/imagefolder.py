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

from equigen.exports.base import Description, Job, Piece, link_or_copy, text_piece
from equigen.exports.rows import (
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
        rows = job.albums.of_set(name)
        by_label = rows.partition_by("label_name", as_dict=True, maintain_order=True)
        for label in labels:
            some = by_label.get((label,), rows.clear())
            folder = f"{name}/{_folder(label)}"
            files = dict(zip(job.names(some), some["sha256"], strict=True))
            made_of = job.digest(some.select(KEY, "sha256", IS_RAW), sorted(files))
            write = partial(_write_folder, job, folder, some)
            yield Piece(folder, made_of, write, files=files)
        yield Piece(
            f"{name}/{_METADATA}",
            job.digest(rows, job.names(rows).to_list()),
            partial(_write_table, job, rows),
        )


def _folder(label: str) -> str:
    """Return the folder of a class, which is its name, but for that of the table beside it."""
    return f"{label}_" if label == _METADATA else label


def _write_folder(job: Job, name: str, rows: pl.DataFrame, path: Path) -> str:
    """Write a class's pictures; one that was made smaller before is taken from there."""
    before = job.earlier.get(name) if job.is_alike else None
    there = (before and before.record["files"]) or {}
    needed = rows.select("sha256", *HIDDEN)
    for file, row in zip(job.names(rows), needed.iter_rows(named=True), strict=True):
        if before and row[IS_RAW] and there.get(file) == row["sha256"]:
            link_or_copy(before.path / file, path / file)
        else:
            job.place(row, f"{path}/{file}")
    return ""


def _write_table(job: Job, rows: pl.DataFrame, path: Path) -> str:
    both = zip(rows["label_name"], job.names(rows), strict=True)
    names = [f"{_folder(label)}/{name}" for label, name in both]
    table = visible(rows).insert_column(0, pl.Series(_NAME, names, dtype=pl.String))
    write_table(table, path, huggingface_features(table, job.albums.labels))
    return ""


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
