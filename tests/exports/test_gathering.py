"""What exports gather by columns is what the dataset tells row by row."""

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
from exported import ARCHIVE, albums, filled
from reports import jpeg
from support import make_context
from wholes import LEDGER

import equigen
from equigen.dataset.dataset import Dataset
from equigen.exports.rows import FILE, KEY, gather, key_of
from equigen.identity.columns import hosts
from equigen.identity.pictures import host_of
from equigen.sources.base import restricting

DISCOGS = "https://i.discogs.com/{}.jpg"
STRANGE = (
    "", "x", "HTTP://A.Example/1", "http://a.example./1", "http://st.discogs.com", "https://[::1",
    "http://ä.example/1", "https://a.example:80/?x#y", "ftp://a.example/1",
)  # fmt: skip


def strange(folder: Path) -> Path:
    """Write a dataset of rows that columns alone don't tell: without id, address, file or set."""
    rows = albums(24)
    for number in range(0, 24, 3):
        rows[number]["album_id"] = ""
    rows[1]["image_url"] = "nothing"
    rows[2]["image_url"] = rows[5]["image_url"]  # one picture, in two folders
    rows[4] |= {"album_id": "spotify:4"}
    rows[7] |= {"genre": "", "labels": "Rock|Jazz"}
    rows[8] |= {"album_id": rows[11]["album_id"]}
    rows[9] |= {"image_url": DISCOGS.format(9)}
    filled(folder, rows)
    with closing(sqlite3.connect(folder / LEDGER)) as db, db:
        db.execute(
            "UPDATE covers SET final_url = ? WHERE url = ?", (DISCOGS.format(1), ARCHIVE.format(10))
        )
        db.execute("UPDATE covers SET status = 'refused' WHERE url = ?", (ARCHIVE.format(13),))
        db.execute("UPDATE covers SET final_url = url WHERE url = ?", (ARCHIVE.format(14),))
        paths = [path for (path,) in db.execute("SELECT path FROM files ORDER BY path")]
        db.execute("DELETE FROM sets WHERE path = ?", (paths[3],))
    images = make_context(folder).images
    (images / paths[5]).unlink()
    (images / paths[8]).write_bytes(jpeg(3) + b"longer")
    return folder


def test_rows_are_those_that_the_dataset_tells(tmp_path: Path) -> None:
    """Files, sets, labels and keys, and what is left out."""
    context = make_context(strange(tmp_path))
    for private_use in (False, True):
        gathered = gather(Dataset(context), private_use=private_use)
        told = {}
        for row, cover, file, name in equigen.open(tmp_path).shown():
            whose = restricting(row.album_id, *((cover.url, cover.final_url) if cover else ()))
            is_same = file and cover and Path(file).stat().st_size == cover.size_bytes
            if name and is_same and (private_use or not whose):
                told[file, row.album_id, row.title] = (
                    key_of(row.album), row.label, list(row.labels), name, cover and cover.sha256,
                )  # fmt: skip
        table = gathered.table.select(
            FILE, "album_id", "album", KEY, "label_name", "labels", "set", "sha256"
        )
        found = {each[:3]: each[3:] for each in table.iter_rows()}
        assert found.keys() == told.keys()
        twice = table.filter(pl.col("album_id").is_duplicated())["album"].to_list()
        for key, values in told.items():
            first = 1 if key[2] in twice else 0  # the key of the second one has a number
            assert found[key][first:] == values[first:]
        assert gathered.rows == 24 == len(table) + sum(gathered.dropped.values())
        assert gathered.restricted == ({} if private_use else {"discogs": 2, "spotify": 1})
        assert gathered.private == ({"discogs": 2, "spotify": 1} if private_use else {})


def test_hosts_of_a_column_are_those_of_its_addresses() -> None:
    """Also of what is no address."""
    urls = [*STRANGE, ARCHIVE.format(1), DISCOGS.format(1)]
    assert hosts(pl.Series(urls)).to_list() == list(map(host_of, urls))
