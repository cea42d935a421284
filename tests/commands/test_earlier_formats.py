"""A dataset that format 5 left: it opens, goes on, and nothing is fetched, moved or lost."""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from downloads import files_of, ledger_of, run_download
from formats import make_format_5
from lookalikes import saved, scene
from splits import run_split
from support import Script, ScriptedServer, make_context, write_rows

from equigen.commands import balance, clean, counts, report, status
from equigen.dataset.balancing import memento_of, old_memento_of
from equigen.dataset.counting import By
from equigen.dataset.covers import dataset_covers
from equigen.dataset.dataset import Dataset
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.schema import Link

TSV = "equigen_dataset.tsv"
COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url", "album_id")
PICTURES = 36
LOST = 3  # which two albums show


def rows_at(url: str) -> list[dict[str, str]]:
    """Return albums with and without ids, some of which share a picture, an id or an artist."""
    rows = [
        {
            "artist": f"Artist {number // 2} ({number})" if number % 5 == 0 else f"Solo {number}",
            "album": f"Album {number}",
            "album_index": str(number),
            "genre": ("Jazz", "Rock", "Salsa (World)")[number % 3],
            "year": "1999",
            "image_url": f"{url}/{number % PICTURES}.jpg",
            "album_id": f"discogs:m{number}" if number % 2 else "",
        }
        for number in range(40)
    ]
    return [*rows, {**rows[1], "genre": "Pop"}]  # one album in two labels


def write(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write the dataset."""
    write_rows(folder / TSV, *rows, columns=COLUMNS)


def said_of(folder: Path) -> dict[str, object]:
    """Return what the commands that only read say of a dataset."""
    context = make_context(folder)
    return {
        "status": status.run(context).facts,
        "counts": counts.run(context, by=[By.SET]).facts["counts"],
        "report": report.run(context).facts,
    }


def tree_of(folder: Path) -> dict[str, bytes]:
    """Return all files of the dataset but the ledger and the page."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(("equigen_ledger", "report"))
    }


@pytest.fixture
def host() -> Iterator[ScriptedServer]:
    """Serve covers, all but one."""
    with ScriptedServer(Script(status=404)) as server:
        server.by_path = {
            f"/{number}.jpg": Script(body=saved(scene(number)))
            for number in range(PICTURES)
            if number != LOST
        }
        yield server


@pytest.mark.long_after(1)
@pytest.mark.parametrize("link", [Link.COPY, Link.MOVE])
def test_a_dataset_of_format_5_goes_on(tmp_path: Path, host: ScriptedServer, link: Link) -> None:
    """Nothing is fetched anew, every file stays, and each album stays in its set."""
    rows = rows_at(host.url)
    write(tmp_path, rows)
    run_download(tmp_path)
    run_split(tmp_path, link=link)
    tree, known, said = tree_of(tmp_path), ledger_of(tmp_path), said_of(tmp_path)
    asked = len(host.seen)
    make_format_5(tmp_path)
    assert said_of(tmp_path) == said
    assert ledger_of(tmp_path) == known
    summary = run_download(tmp_path)
    assert summary.rows_out == len(rows) - 2
    assert dict(summary.dropped) == {"HTTP 404": 2}
    run_split(tmp_path, link=link)
    run_split(tmp_path, verify=True)
    assert len(host.seen) == asked
    assert tree_of(tmp_path) == tree
    assert said_of(tmp_path) == said
    with Ledger(tmp_path / LEDGER_NAME) as ledger:
        dealt = {each.album for each in ledger.placements()}
        assert set(ledger.sets()) >= dealt
    assert dealt == {row.album for row in dataset_covers(make_context(tmp_path))
                     if row.picture != f"{host.url}/{LOST}.jpg"}  # fmt: skip


def test_labels_that_change_move_covers_and_no_sets(tmp_path: Path, host: ScriptedServer) -> None:
    """Rows of format 5 that are cleaned and go to another label keep their covers and sets."""
    rows = rows_at(host.url)
    write(tmp_path, rows)
    run_download(tmp_path)
    run_split(tmp_path)
    before = sets_by_picture(tmp_path)
    asked = len(host.seen)
    make_format_5(tmp_path)
    moved = [{**row, "genre": "Blues" if row["genre"] == "Jazz" else row["genre"]} for row in rows]
    write(tmp_path, moved)
    summary = run_download(tmp_path)
    assert summary.rows_out == len(rows) - 2
    run_split(tmp_path)
    clean.run(make_context(tmp_path))
    run_download(tmp_path)
    run_split(tmp_path)
    run_split(tmp_path, verify=True)
    assert sets_by_picture(tmp_path) == before
    assert len(host.seen) == asked
    labels = {path.partition("/")[0] for path in files_of(tmp_path)}
    assert labels == {"Blues", "Pop", "Rock", "World"}


def test_covers_with_dots_in_their_names_are_named_anew(
    tmp_path: Path, host: ScriptedServer
) -> None:
    """Names had dots of their own once: they are read so, and the next download renames them."""
    rows = [
        {**row, "artist": f"St. {row['artist']}", "album": f"Now! Vol. {row['album']} 1.5"}
        for row in rows_at(host.url)[:LOST]
    ]
    write(tmp_path, rows)
    run_download(tmp_path)
    tree, examples = tree_of(tmp_path), list(Dataset(make_context(tmp_path)).examples())
    with closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as db, db:
        for file in make_context(tmp_path).images.rglob("*.jpg"):
            old = file.name.replace("St ", "St. ").replace("Vol ", "Vol. ").replace("1_5", "1.5")
            file.rename(file.with_name(old))
            paths = (f"{file.parent.name}/{old}", f"{file.parent.name}/{file.name}")
            assert db.execute("UPDATE files SET path = ? WHERE path = ?", paths).rowcount == 1
    assert tree_of(tmp_path).keys() != tree.keys()
    found = list(Dataset(make_context(tmp_path)).examples())
    assert [each.sha256 for each in found] == [each.sha256 for each in examples]
    assert all(each.cover.is_file() for each in found)
    assert run_download(tmp_path).rows_out == len(rows)
    assert len(host.seen) == len(rows)
    assert tree_of(tmp_path) == tree


def test_what_balance_kept_is_remembered(tmp_path: Path, host: ScriptedServer) -> None:
    """Albums without an id were known otherwise before format 6; those that were kept stay."""
    rows = rows_at(host.url)[:30]
    write(tmp_path, rows)
    context = make_context(tmp_path, balance={"per_label": 4})
    balance.run(context)
    kept = (tmp_path / TSV).read_text()
    make_format_5(tmp_path)
    with closing(sqlite3.connect(tmp_path / LEDGER_NAME)) as db, db:
        db.execute("DELETE FROM balanced")
        mementos = [
            memento_of(row.album_id) if row.album_id else old_memento_of(row.artist, row.title)
            for row in dataset_covers(context)
        ]
        db.executemany("INSERT INTO balanced VALUES (?)", [(each,) for each in mementos])
    write(tmp_path, [*rows, *rows_at(host.url)[30:40]])
    balance.run(context)
    assert (tmp_path / TSV).read_text() == kept


def sets_by_picture(folder: Path) -> dict[str, set[str]]:
    """Return in which sets each picture is, by its sha256."""
    found: dict[str, set[str]] = {}
    with (folder / "split" / "split.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["sha256"], set()).add(row["set"])
    return found
