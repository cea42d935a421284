"""What the tests of exports share: datasets whose covers are pictures, and exports as files."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from reports import fill, jpeg, row
from support import make_context

from equigen.commands import export
from equigen.exports.rows import key_of
from equigen.summary import Summary

GENRES = ("Jazz", "Rock", "Pop")
ARCHIVE = "https://coverartarchive.org/release-group/{:08x}-0000-4000-8000-000000000000/front-500"


def albums(count: int, first: int = 0, **cells: str) -> list[dict[str, str]]:
    """Return albums of some genres, whose covers are the Cover Art Archive's."""
    return [
        row(
            number,
            GENRES[number % len(GENRES)],
            **{
                "album_id": f"musicbrainz:{number}",
                "image_url": ARCHIVE.format(number),
                "genres": "Jazz|Rock",
                **cells,
            },
        )
        for number in range(first, first + count)
    ]


def filled(
    folder: Path,
    rows: list[dict[str, str]],
    sets: Sequence[str] = ("train", "train", "val", "test"),
) -> Path:
    """Write a dataset whose covers are there, each another picture; two of four are in train."""
    pictures = {at: jpeg(int(each["artist"].rpartition(" ")[2])) for at, each in enumerate(rows)}
    fill(folder, rows, pictures=pictures, sets=sets)
    return folder


def run_export(
    folder: Path,
    out: Path,
    name: str = "imagefolder",
    *,
    tables: Mapping[str, Any] | None = None,
    **flags: object,
) -> Summary:
    """Export in this process; `tables` are settings."""
    return export.run(make_context(folder, **(tables or {})), format=name, out=out, **flags)  # type: ignore[arg-type]


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files by their paths; nothing lies beside the folder."""
    left = [each.name for each in folder.parent.glob(f".{folder.name}.*")]
    assert not left
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def metadata(out: Path, name: str) -> pl.DataFrame:
    """Return the table of a set, by itself."""
    return pl.read_parquet(out / name / "metadata.parquet")


def key(number: int) -> str:
    """Return the key of an album's files."""
    return key_of(f"musicbrainz:{number}")


def digest(body: bytes) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(body).hexdigest()


def snippets(out: Path) -> list[str]:
    """Return the Python that an export's card shows, with the folder's own path in it."""
    card = (out / "README.md").read_text(encoding="utf-8")
    blocks = re.findall("```python\n(.*?)```", card, re.DOTALL)
    return [each.replace("path/to/this/folder", out.as_posix()) for each in blocks]
