"""What the tests of the split stage share: a dataset whose covers are all there, and its sets."""

import csv
import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from support import make_context, write_rows

from equigen.commands import split
from equigen.dataset.covers import dataset_covers
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover, FileOf
from equigen.schema import ASIDE, SETS, Group
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
GENRES = ("Jazz", "Rock", "Pop")
Row = Mapping[str, str]


def catalogue(count: int, seed: int = 1, first: int = 0) -> list[dict[str, str]]:
    """Return albums: most artists have some, some work together, one of the genres in each."""
    chance = random.Random(seed)
    rows = []
    for number in range(first, first + count):
        one, other = (f"Artist {int(chance.paretovariate(0.6))}" for _ in range(2))
        rows.append(
            {
                "artist": f"{one} & {other}" if chance.random() < 0.1 and one != other else one,
                "album": f"Album {number}",
                "album_index": str(number),
                "album_id": f"m{number}",
                "genre": chance.choice(GENRES),
                "year": "1999",
                "image_url": f"http://127.0.0.1:9/{number}.jpg",
            }
        )
    return rows


def fill(folder: Path, rows: Sequence[Row], same: Mapping[str, str] | None = None) -> None:
    """Write a dataset whose covers are all there; `same` names albums that show another's cover."""
    write_rows(folder / TSV, *rows, columns=list(rows[0]))
    context = make_context(folder)
    covers, files = [], []
    for row in dataset_covers(context):
        file = context.images / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        body = f"picture of {(same or {}).get(row.album_id, row.album_id)}".encode()
        file.write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        files.append(FileOf(row.picture, row.path))
        covers.append(Cover(row.picture, row.url, "ok", sha256=digest))
    with Ledger(context.ledger) as ledger:
        ledger.record_covers(covers, files=files)


def run_split(folder: Path, group: Group = Group.ARTIST_COVER, **flags: object) -> Summary:
    """Split in this process."""
    return split.run(make_context(folder, split={"group": group}), **flags)  # type: ignore[arg-type]


def sets_of(folder: Path) -> dict[str, str]:
    """Return the set of each album by its id, as split.tsv has it, and see that the files agree."""
    with (folder / "split" / "split.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    there = {
        f"{file.parent.name}/{file.name}": file.parent.parent.name
        for name in SETS
        for file in (folder / "split" / name).glob("*/*.jpg")
    }
    assert {row["file"]: row["set"] for row in rows if row["set"] != ASIDE} == there
    return {row["album_id"]: row["set"] for row in rows}
