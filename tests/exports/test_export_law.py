"""What may not be passed on stays out of exports: pictures by all addresses, and addresses."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from exported import ARCHIVE, albums, filled, metadata, run_export
from wholes import LEDGER

DISCOGS = "https://i.discogs.com/{}.jpg"


def test_the_end_of_the_redirects_counts_as_well(tmp_path: Path) -> None:
    """An address that leads to a picture of Discogs gives one of Discogs."""
    data, out = filled(tmp_path / "data", albums(8), sets=("train",)), tmp_path / "out"
    with closing(sqlite3.connect(data / LEDGER)) as db, db:
        for number, final in ((0, DISCOGS.format(1)), (1, ARCHIVE.format(9))):
            told = (final, ARCHIVE.format(number))
            assert db.execute("UPDATE covers SET final_url = ? WHERE url = ?", told).rowcount == 1
    summary = run_export(data, out)
    assert (summary.rows_out, summary.dropped) == (7, {"forbidden to pass on: discogs": 1})
    mine = run_export(data, out, private_use=True)
    assert (mine.rows_out, mine.facts["private"]) == (8, {"discogs": 1})


@pytest.mark.parametrize("name", ["imagefolder", "table"])
def test_addresses_of_what_may_not_be_passed_on_stay(tmp_path: Path, name: str) -> None:
    """They aren't among a row's further addresses, nor its own; others are kept, in order."""
    rows = albums(4)
    free, other = ARCHIVE.format(77), "https://b.example/1%7C2.jpg"
    rows[0]["more_images"] = "|".join((DISCOGS.format(1), free, "https://I.SCDN.CO/image/1", other))
    rows[1]["more_images"] = "https://i.scdn.co/image/ab67616d0000b273"
    rows[2]["image_url"] = DISCOGS.format(2)
    data = filled(tmp_path / "data", rows, sets=("train",))
    with closing(sqlite3.connect(data / LEDGER)) as db, db:  # the picture is another one's
        db.execute("UPDATE covers SET url = ? WHERE url = ?", (free, DISCOGS.format(2)))
    private = read(data, tmp_path / "private", name, private_use=True)
    assert private[0][1] == rows[0]["more_images"].split("|")
    assert read(data, tmp_path / "out", name) == [
        (ARCHIVE.format(0), [free, other]),
        (ARCHIVE.format(1), []),
        ("", []),
        (ARCHIVE.format(3), []),
    ]


def read(
    data: Path, out: Path, name: str, *, private_use: bool = False
) -> list[tuple[str, list[str]]]:
    """Return the addresses of each album that was exported."""
    if name == "imagefolder":
        run_export(data, out, private_use=private_use)
        rows = metadata(out, "train").to_dicts()
    else:
        out = out.with_suffix(".jsonl")
        run_export(data, out, name, private_use=private_use)
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: str(row["album_id"]))
    return [(row["image_url"], row["more_images"]) for row in rows]
