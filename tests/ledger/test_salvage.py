"""Reading a damaged ledger: it ends, whatever is damaged, and brings what can be read."""

import json
import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from equigen.ledger.salvage import Rows, salvage
from equigen.schema import COLUMNS

ALBUMS = 4_000
PAGE_BYTES = 4096
SPAN_BYTES = 3 * PAGE_BYTES
# A table that is damaged is read in full, then from both ends of each damaged place.
MOST_READ = 12 * ALBUMS
# At most four pages are hit, and such rows take at least 26 bytes.
MOST_LOST = 4 * PAGE_BYTES // 26
# What pages that lead to other pages begin with: https://www.sqlite.org/fileformat2.html
INTERIOR = {2, 5}
CELLS = ["a cell"] * len(COLUMNS)
ROWS: Mapping[str, Callable[[int], tuple[object, ...]]] = {
    "albums": lambda n: (n, f"m{n}", "Ann", f"Album {n}", "p", "Jazz", 1, json.dumps(CELLS)),
    "pages": lambda n: (f"q{n // 999}", n % 999, 1999, 9, 9, None, 0, 0, "2026-01-01", 1, "[]"),
    "sets": lambda n: (f"Jazz/{n:05}_cover.jpg", "train"),
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ledger with a table whose keys are texts, and one whose keys are numbers."""
    path = tmp_path_factory.mktemp("whole") / "ledger.sqlite"
    with Rows(path) as rows:
        tables = {table.name: table for table in rows.tables()}
        names = [f"{number * 7919 % 10_007:05}" for number in range(ALBUMS)]
        rows.put(tables["sets"], [(f"Jazz/{name}_cover.jpg", "train") for name in names])
        rows.put(
            tables["placements"],
            [(seq, f"m{name}", "train", f'["artist:{name}"]') for seq, name in enumerate(names)],
        )
    return path.read_bytes()


def salvaged(damaged: Path, body: bytes) -> int:
    """Return how many rows come of a damaged ledger, if it doesn't read for ever."""
    damaged.write_bytes(body)
    read = 0

    def count(rows: int) -> None:
        nonlocal read
        read += rows
        assert read <= MOST_READ, "it reads the same rows again and again"

    with Rows(damaged.with_name("new.sqlite")) as new:
        came = salvage(damaged, new, count)
        tables = [table for table in new.tables() if table.name in {"sets", "placements"}]
        assert all(not new.senseless(table, lambda _: None) for table in tables)
    return sum(table.kept for table in came.values())


def overwritten(body: bytes, seed: int, least: int, most: int) -> bytes:
    """Return a ledger with zeroes or anything from a place between two, wherever pages begin."""
    chance = random.Random(seed)
    at = chance.randrange(least, most)
    span = bytes(SPAN_BYTES) if seed % 3 else chance.randbytes(SPAN_BYTES)
    return body[:at] + span + body[at + SPAN_BYTES :]


@pytest.mark.parametrize("seed", range(120))
def test_pages_that_were_overwritten_cost_the_rows_on_them(
    tmp_path: Path, ledger: bytes, seed: int
) -> None:
    """Whatever stands there now, what lies behind it is found again."""
    roots = roots_of(tmp_path, ledger) * PAGE_BYTES
    body = overwritten(ledger, seed, roots, len(ledger) - SPAN_BYTES)
    kept = salvaged(tmp_path / "ledger.sqlite", body)
    assert 2 * ALBUMS - MOST_LOST <= kept <= 2 * ALBUMS


@pytest.mark.parametrize("seed", range(60))
def test_it_ends_also_where_tables_are_lost(tmp_path: Path, ledger: bytes, seed: int) -> None:
    """In the first pages each table has its root."""
    roots = roots_of(tmp_path, ledger) * PAGE_BYTES
    salvaged(tmp_path / "ledger.sqlite", overwritten(ledger, seed, 0, roots))


def roots_of(folder: Path, ledger: bytes) -> int:
    """Return how many pages from the start have the roots of all tables."""
    file = folder / "whole.sqlite"
    file.write_bytes(ledger)
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute("SELECT MAX(rootpage) FROM sqlite_schema").fetchone()[0])


@pytest.mark.parametrize("table", ["albums", "pages", "sets"])
def test_a_page_that_holds_a_copy_of_another_is_noticed(tmp_path: Path, table: str) -> None:
    """Each row of it makes sense, and those that it held are lost: that table is not whole."""
    file, new = tmp_path / "ledger.sqlite", tmp_path / "new.sqlite"
    with Rows(file) as rows:
        tables = {each.name: each for each in rows.tables()}
        for name, make in ROWS.items():
            rows.put(tables[name], [make(number) for number in range(ALBUMS)])
    body = file.read_bytes()
    leaves = leaves_of(body, root_of(file, table))
    for copied, lost in [(3, 4), (4, 3), (0, -1), (-1, 0)]:
        at, of = leaves[lost] * PAGE_BYTES, leaves[copied] * PAGE_BYTES
        file.write_bytes(body[:at] + body[of : of + PAGE_BYTES] + body[at + PAGE_BYTES :])
        with Rows(new) as ledger:
            came = salvage(file, ledger, lambda _: None)
        new.unlink()
        assert came[table].kept < ALBUMS
        assert {name for name, each in came.items() if not each.is_whole} == {table}


def root_of(file: Path, table: str) -> int:
    """Return the first page of a table, from 0."""
    sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    with closing(sqlite3.connect(file)) as db:
        return int(db.execute(sql, (table,)).fetchone()[0]) - 1


def leaves_of(body: bytes, page: int) -> list[int]:
    """Return which pages, from 0, hold the rows below a page, in order."""
    head = body[page * PAGE_BYTES :]
    if head[0] not in INTERIOR:
        return [page]
    count = int.from_bytes(head[3:5])
    places = [int.from_bytes(head[at : at + 2]) for at in range(12, 12 + 2 * count, 2)]
    below = [int.from_bytes(head[at : at + 4]) - 1 for at in [*places, 8]]
    return [leaf for each in below for leaf in leaves_of(body, each)]


def test_a_whole_ledger_comes_whole(tmp_path: Path, ledger: bytes) -> None:
    """Each row of it."""
    assert salvaged(tmp_path / "ledger.sqlite", ledger) == 2 * ALBUMS
