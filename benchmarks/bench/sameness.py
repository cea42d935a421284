"""Whether two folders hold the same dataset: rows, covers, what became of the others, and sets."""

import csv
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from equigen.identity.pictures import picture_key
from equigen.ledger.ledger import LEDGER_NAME

TSV_NAME = "equigen_dataset.tsv"
IMAGES_NAME = "equigen_album_images"
_SPLIT_TSV = "split/split.tsv"
_ID, _URL = "album_id", "image_url"
_SHOWN = 3
# A cover's status in the ledger.
_GOOD = "ok"


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a folder holds, each by what it is called, as text that can be compared.

    `rows` are by album, with the picture's key in place of its address, which may be signed anew.
    `covers` are what the ledger says of each, `files` the digests of the pictures that lie there,
    `sets` the lines of split.tsv. `names` are all files below the folder.
    """

    rows: Mapping[str, str]
    covers: Mapping[str, str]
    files: Mapping[str, str]
    sets: Mapping[str, str]
    names: Mapping[str, str]


def read_dataset(folder: Path) -> Dataset:
    """Read a dataset; each cover is decoded.

    Raises:
        OSError, csv.Error, sqlite3.Error: something there can't be read.

    """
    return Dataset(
        rows={row[_ID]: _shown(row) for row in rows_of(folder)},
        covers=_covers(folder),
        files={name: _digest(file) for name, file in _files(folder / IMAGES_NAME)},
        sets={row["file"]: "\t".join(row.values()) for row in _read(folder / _SPLIT_TSV)},
        names={name: "there" for name, _ in _files(folder)},
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of the TSV, none where there is no TSV yet.

    Raises:
        ValueError, csv.Error: a row is half a row, or an album stands there twice.

    """
    file = folder / TSV_NAME
    rows = list(_read(file)) if file.exists() else []
    if any(None in row or None in row.values() for row in rows):
        msg = f"{file}: a row has another number of cells than the header"
        raise ValueError(msg)
    if len({row[_ID] for row in rows}) < len(rows):
        msg = f"{file}: an album stands there twice"
        raise ValueError(msg)
    return rows


def differences(one: Dataset, other: Dataset) -> list[str]:
    """Return what differs, a sentence each; `one` is the dataset as it should be."""
    return [
        each
        for name in Dataset.__slots__
        for each in _different(name, getattr(one, name), getattr(other, name))
    ]


def contradictions(dataset: Dataset) -> list[str]:
    """Return what contradicts itself in one dataset, a sentence each.

    The files of the covers must be those that the ledger has as good, by their SHA-256, which a
    file that doesn't decode has none of; and each of them must have its line in split.tsv.
    """
    known = {path: told.split(" ") for path, told in dataset.covers.items()}
    good = {path: words[-1] for path, words in known.items() if words[1] == _GOOD}
    dealt = dict.fromkeys(dataset.sets, "dealt")
    return [
        *_different("files, by the ledger", good, dataset.files),
        *_different("sets, by the ledger", dict.fromkeys(good, "dealt"), dealt),
    ]


def _different(name: str, here: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    kinds = {
        "missing": sorted(here.keys() - there.keys()),
        "too many": sorted(there.keys() - here.keys()),
        "different": [
            f"{key}: {there[key]!r} instead of {here[key]!r}"
            for key in sorted(here.keys() & there.keys())
            if here[key] != there[key]
        ],
    }
    for what, keys in kinds.items():
        if keys:
            yield f"{name}: {len(keys):,} {what}, such as {'; '.join(keys[:_SHOWN])}"


def ledger_complaint(folder: Path) -> str:
    """Return what SQLite says against the ledger, "" where it says nothing."""
    file = folder / LEDGER_NAME
    if not file.exists():
        return ""
    with closing(sqlite3.connect(file)) as db:
        said = "; ".join(row[0] for row in db.execute("PRAGMA integrity_check"))
    return "" if said == "ok" else f"{file}: {said}"


def _shown(row: Mapping[str, str]) -> str:
    return "\t".join({**row, _URL: picture_key(row[_URL])}.values())


def _covers(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / LEDGER_NAME)) as db:
        found = db.execute(
            "SELECT ifnull(path, picture), picture, status, reason, sha256"
            " FROM covers LEFT JOIN files USING (picture)"
        )
        return {path: " ".join(known) for path, *known in found}


def _digest(file: Path) -> str:
    try:
        with Image.open(file) as picture:
            picture.load()
    except (OSError, SyntaxError) as err:
        return f"doesn't decode: {err}"
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in folder.rglob("*"):
        if not file.is_dir():
            yield str(file.relative_to(folder)), file


def _read(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t", strict=True)
