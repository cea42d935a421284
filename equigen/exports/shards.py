"""Share what formats of shards have in common: their files, pictures, and part of a card."""

import hashlib
import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from equigen.downloading.engines.processes import usable_cores
from equigen.exports.base import Job, Piece
from equigen.exports.rows import HIDDEN, KEY, SPLITS

OPTIONS: Final = ("size_px", "features", "shard_mb")
_SHARD_MB: Final = 500
_BYTES: Final = 1_000_000
# Pictures that a thread reads at a time.
_TOGETHER: Final = 16
# Writes whose bytes wait for their turn to be hashed.
_MOST_WAITING: Final = 4
# Bodies that any system takes in one call; Windows takes none so.
_MOST_TOGETHER: Final = 1_000
_writev: Final = getattr(os, "writev", lambda _opened, _bodies: 0)


class HashedFile(io.FileIO):
    """A new file for writing, with the sha256 of what was written, which a thread works out."""

    def __init__(self, path: Path) -> None:
        """Open it where nothing is.

        Raises:
            OSError: the disk refuses.

        """
        self._sha256, self._thread = hashlib.sha256(), ThreadPoolExecutor(1)
        self._waiting = deque[Future[None]]()
        super().__init__(path, "xb")

    def write(self, body: Any) -> int:  # noqa: ANN401  (whatever has bytes)
        """Write all of a body, which the system may take in parts."""
        self._hash(body if isinstance(body, bytes) else bytes(body))  # another's may change
        left = memoryview(body)
        while left:
            left = left[super().write(left) :]
        return len(body)

    def writelines(self, bodies: Iterable[Any]) -> None:
        """Write several bodies, which stay as they are, in one call of the system."""
        bodies = list(bodies)
        self._hash(*bodies)
        written = _writev(self.fileno(), bodies) if len(bodies) <= _MOST_TOGETHER else 0
        for body in bodies:
            left = memoryview(body)[written:]
            written = max(0, written - len(body))
            while left:
                left = left[super().write(left) :]

    def _hash(self, *bodies: bytes) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._update, bodies))

    def _update(self, bodies: Iterable[bytes]) -> None:
        for body in bodies:
            self._sha256.update(body)

    def close(self) -> None:
        """Close the file, and end the thread."""
        self._thread.shutdown()
        super().close()

    @property
    def sha256(self) -> str:
        """The sha256 (hex) of all that was written to the closed file."""
        return self._sha256.hexdigest()


def shards(
    job: Job,
    name: str,
    write: Callable[[str, int, pl.DataFrame, Path], str],
    *about: object,
) -> Iterator[Piece]:
    """Yield the shards of each set; `name` is a pattern of their names, with set and number.

    `write` gets a shard's name, number and rows, and a path. Rows are collected as they are
    written: all shards of a million albums together would take as much memory as the dataset.
    """
    for of_set in job.albums.sets:
        for number, rows in enumerate(job.shards(of_set, _most_bytes(job))):
            file, keys = name.format(of_set, number), rows[KEY].to_list()
            made = partial(_written, job, keys, partial(write, file, number))
            yield Piece(file, job.digest(rows, number, *about), made, set=of_set, keys=keys)


def count(job: Job, of_set: str) -> int:
    """Return the number of a set's shards."""
    return len(job.dealt(of_set, _most_bytes(job)))


def _most_bytes(job: Job) -> int:
    return (job.options.shard_mb or _SHARD_MB) * _BYTES


def _written(
    job: Job, keys: Sequence[str], write: Callable[[pl.DataFrame, Path], str], path: Path
) -> str:
    return write(job.of_keys(keys), path)


def pictures(job: Job, rows: pl.DataFrame) -> Iterator[bytes]:
    """Yield the bytes of the pictures of rows, which threads read and scale some rows ahead.

    Raises:
        EquigenError: as `Job.picture` has it.

    """

    def read(some: pl.DataFrame) -> list[bytes]:
        return list(map(job.picture, some.iter_rows(named=True)))

    cores, ahead = usable_cores(), deque[Future[list[bytes]]]()
    with ThreadPoolExecutor(cores) as pool:
        for some in rows.select("sha256", *HIDDEN).iter_slices(_TOGETHER):
            ahead.append(pool.submit(read, some))
            if len(ahead) > cores:
                yield from ahead.popleft().result()
        for each in ahead:
            yield from each.result()


def on_card(job: Job, features: Mapping[str, Any], files: str) -> dict[str, object]:
    """Return the types of columns, and the files of each set, as `datasets` reads them off a card.

    `files` is a pattern with the name of a set in it. A set that lacks a shard is refused.
    """
    told = job.albums.table.group_by("set").agg(pl.len(), pl.col("size_bytes").sum())
    counts = {name: (count, size_bytes) for name, count, size_bytes in told.iter_rows()}
    names = {name: SPLITS[name] for name in job.albums.sets}
    return {
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": files.format(name)} for name, split in names.items()
                ],
            }
        ],
        "dataset_info": {
            "features": [_typed(name, kind) for name, kind in features.items()],
            "splits": [
                {"name": split, "num_examples": counts[name][0], "num_bytes": counts[name][1]}
                for name, split in names.items()
            ],
        },
    }


def _typed(name: str, kind: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, **_type(kind)}


def _type(kind: Mapping[str, Any]) -> dict[str, Any]:
    """Return a type that a file has as JSON in the form in which a card has it."""
    match kind.get("_type"):
        case "ClassLabel":
            names = {str(number): name for number, name in enumerate(kind["names"])}
            return {"dtype": {"class_label": {"names": names}}}
        case "List":
            inner = _type(kind["feature"])
            return {"list": inner.get("dtype") or inner.get("struct") or inner}
        case "Image":
            return {"dtype": "image"}
        case "Value":
            return {"dtype": kind["dtype"]}
        case _:
            return {"struct": [_typed(name, each) for name, each in kind.items()]}
