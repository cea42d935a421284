"""Copies of the ledger: made at the end of good runs, whole or not at all."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from wholes import tables_of

from equigen.errors import StorageError
from equigen.ledger.backup import back_up, copies_of, knows_covers
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import OK, Cover, FileOf
from equigen.repairing.damage import copy_sound, find_damage
from equigen.storage.lock import dataset_lock

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PAGE = 4096
COVERS = 500


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger that knows some covers."""
    path = tmp_path / "equigen_ledger.sqlite"
    with Ledger(path) as new:
        files = [FileOf(f"p{number}", f"Jazz/{number}.jpg") for number in range(COVERS)]
        new.record_covers([cover(number) for number in range(COVERS)], files=files)
    return path


def cover(number: int) -> Cover:
    """Return a cover of a number."""
    sha256 = f"{number:064x}"
    return Cover(f"p{number}", f"http://a/{number}", OK, sha256=sha256)


def backed_up(ledger: Path) -> str:
    """Copy a ledger as a run does."""
    return back_up(ledger, command="download", now=NOW)


def content(file: Path) -> dict[str, tuple[object, ...]]:
    """Return the covers that a file knows, and leave it as it is."""
    db = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        return {row[0]: row for row in db.execute("SELECT * FROM covers")}
    finally:
        db.close()


def test_a_copy_holds_all_rows_and_has_the_ledgers_date(ledger: Path) -> None:
    """Nothing else lies beside it, and a ledger that did not change is not copied again."""
    last, earlier = copies_of(ledger)
    assert (last.name, earlier.name) == (
        "equigen_ledger.backup.sqlite",
        "equigen_ledger.backup-2.sqlite",
    )
    assert backed_up(ledger) == ""
    assert content(last) == content(ledger)
    assert last.stat().st_mtime_ns == ledger.stat().st_mtime_ns
    assert sorted(file.name for file in ledger.parent.iterdir() if "lock" not in file.name) == [
        last.name,
        ledger.name,
    ]
    made = last.stat().st_ino
    with Ledger(ledger, read_only=True) as same:
        same.sets()
    assert backed_up(ledger) == ""
    assert last.stat().st_ino == made
    assert not earlier.exists()


def test_of_single_values_no_whole_copy_is_made(ledger: Path) -> None:
    """They are put into the last one, as a run that finds nothing to do changes no other."""
    last, earlier = copies_of(ledger)
    assert backed_up(ledger) == ""
    made = last.stat().st_ino
    with Ledger(ledger) as changed:
        changed.remember("last_success", "2026-06-15T12:00:00+00:00")
        changed.end_fetch(ended_at="2026-06-15T12:00:00+00:00")
    assert backed_up(ledger) == ""
    assert last.stat().st_ino == made
    assert not earlier.exists()
    assert tables_of(last) == tables_of(ledger)
    assert last.stat().st_mtime_ns == ledger.stat().st_mtime_ns
    with Ledger(ledger) as changed:
        changed.count_request("a.example", "2026-06-15")
    assert backed_up(ledger) == ""
    assert tables_of(last) == tables_of(ledger)
    assert earlier.stat().st_ino == made
    assert not list(ledger.parent.glob("*backup*-*wal*"))


def test_the_copy_before_is_kept(ledger: Path) -> None:
    """As the earlier one; a third one is not."""
    last, earlier = copies_of(ledger)
    for number in range(COVERS, COVERS + 3):
        with Ledger(ledger) as more:
            more.record_covers([cover(number)])
        assert backed_up(ledger) == ""
    assert (len(content(last)), len(content(earlier))) == (COVERS + 3, COVERS + 2)
    assert len(list(ledger.parent.glob("*backup*"))) == len(copies_of(ledger))


def test_what_is_only_in_the_journal_is_copied(ledger: Path) -> None:
    """While another program reads, rows stay there, and the ledger's date does not change."""
    assert backed_up(ledger) == ""
    with Ledger(ledger, read_only=True) as reader:
        reader.sets()
        with Ledger(ledger) as writer:
            writer.record_covers([cover(COVERS)])
        assert backed_up(ledger) == ""
        assert len(content(copies_of(ledger)[0])) == COVERS + 1


def torn_page(body: bytes) -> bytes:
    """Overwrite a page in the midst with noise."""
    at = len(body) // PAGE // 2 * PAGE
    return body[:at] + os.urandom(PAGE) + body[at + PAGE :]


def cut_off(body: bytes) -> bytes:
    """Leave 60 %."""
    return body[: len(body) * 6 // 10]


def no_first_page(body: bytes) -> bytes:
    """Overwrite the first page with zeroes."""
    return bytes(PAGE) + body[PAGE:]


@pytest.mark.parametrize("damage", [torn_page, cut_off, no_first_page], ids=lambda d: d.__name__)
def test_a_damaged_ledger_is_not_copied(ledger: Path, damage: Callable[[bytes], bytes]) -> None:
    """The last copy stays, and the note names the repair."""
    last, earlier = copies_of(ledger)
    assert backed_up(ledger) == ""
    kept = last.read_bytes()
    with Ledger(ledger) as more:
        more.record_covers([cover(COVERS)])
    ledger.write_bytes(damage(ledger.read_bytes()))
    note = backed_up(ledger)
    assert note.startswith("no copy of the ledger was made")
    assert "`equigen repair`" in note
    assert last.read_bytes() == kept
    assert not earlier.exists()
    assert not list(ledger.parent.glob(".*.new*"))


def test_neither_an_empty_nor_a_strange_file_is_copied(tmp_path: Path) -> None:
    """Nothing is there, or another program's file, or an empty one."""
    path = tmp_path / "equigen_ledger.sqlite"
    assert backed_up(path) == ""
    path.touch()
    assert backed_up(path) == ""
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    assert "no copy of the ledger was made" in backed_up(path)
    assert not list(tmp_path.glob("*backup*"))


@contextmanager
def small_files(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_room_the_old_copies_stay(ledger: Path) -> None:
    """The note says so, nothing is raised, and no part of a copy is left."""
    last, earlier = copies_of(ledger)
    for number in range(COVERS, COVERS + 2):
        with Ledger(ledger) as more:
            more.record_covers([cover(number)])
        assert backed_up(ledger) == ""
    kept = last.read_bytes(), earlier.read_bytes()
    with Ledger(ledger) as more:
        more.record_covers([cover(COVERS + 2)])
    with small_files(ledger.stat().st_size // 2):
        note = backed_up(ledger)
    assert note.startswith("no copy of the ledger was made; the last one, if any, is kept: ")
    assert "\n" not in note
    assert (last.read_bytes(), earlier.read_bytes()) == kept
    assert not list(ledger.parent.glob(".*.new*"))
    assert backed_up(ledger) == ""
    assert len(content(last)) == COVERS + 3


def test_another_run_makes_the_copy(ledger: Path) -> None:
    """Where one is at work already, it copies the ledger at its end."""
    program = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path;"
        "from equigen.ledger.backup import back_up;"
        "print(repr(back_up(Path(sys.argv[1]), command='split', now=datetime.now(UTC))))"
    )
    with dataset_lock(ledger.parent, stage="download", now=NOW):
        done = subprocess.run(
            [sys.executable, "-c", program, str(ledger)], capture_output=True, text=True, check=True
        )
    assert done.stdout == "''\n"
    assert not copies_of(ledger)[0].exists()


def test_copies_of_a_ledger_that_knows_no_cover_are_not_kept_as_earlier_ones(
    tmp_path: Path,
) -> None:
    """So they don't push out one that does."""
    path = tmp_path / "equigen_ledger.sqlite"
    last, earlier = copies_of(path)
    assert not knows_covers(last)
    for host in ("one.example", "two.example"):
        with Ledger(path) as new:
            new.count_request(host, "2026-06-15")
        assert backed_up(path) == ""
    assert last.exists()
    assert not earlier.exists()


SENSELESS = {
    "meta": ["INSERT INTO meta VALUES ('last_run', '{}')", "INSERT INTO meta VALUES ('X', '')"],
    "pages": [
        "INSERT INTO pages VALUES ('q', 1, 1999, 9, 9, '[1', 0, 0, '2026-01-01', 1, '[]')",
        "INSERT INTO pages VALUES ('q', 1, 1999, 9, 9, '[[1]]', 0, 0, '2026-01-01', 1, '[]')",
        "INSERT INTO pages VALUES ('q', 1, 1999, 9, 9, '[]', 0, 1, '2026-01-01', 1, '[]')",
        "INSERT INTO pages VALUES ('q', 1, 1999, 9, 9, NULL, 0, 0, 'then', 1, '[]')",
        "INSERT INTO pages VALUES ('q', 1, 1999, 9, 9, NULL, 0, 0, '2026-01-01', 1, '[2]')",
        "INSERT INTO pages VALUES ('q', -1, 1999, 9, 9, NULL, 0, 0, '2026-01-01', 1, '[]')",
    ],
    "additions": ["INSERT INTO additions VALUES (1, 'discogs:m1', '[\"a field\"]')"],
    "crawl": [
        "INSERT INTO crawl VALUES ('t', '[]', '[]', '2026-01-01T00:00:00+00:00', 2)",
        "INSERT INTO crawl VALUES ('t', '[]', '[]', '2026-01-01', 0)",
        "INSERT INTO crawl VALUES ('t', '[[1]]', '[]', '2026-01-01T00:00:00+00:00', 0)",
        "INSERT INTO crawl VALUES ('t', '[]', '[[]]', '2026-01-01T00:00:00+00:00', 0)",
        "INSERT INTO crawl VALUES ('t', '[]', '[[\"a\", 1]]', '2026-01-01T00:00:00+00:00', 0)",
        "INSERT INTO crawl VALUES ('t', '[]', '{\"a\": 1}', '2026-01-01T00:00:00+00:00', 0)",
    ],
    "albums": [
        "INSERT INTO albums VALUES (1, 'm1', 'Ann', 'One', 'p', 'Jazz', 1, '[\"a cell\"]')",
        "INSERT INTO albums VALUES (1, 'm1', CAST(x'ff' AS TEXT), 'One', 'p', 'Jazz', 1, NULL)",
        "INSERT INTO albums VALUES (1, 'm1', 'A' || char(0), 'One', 'p', 'Jazz', 1, NULL)",
        "INSERT INTO albums VALUES (1, 'm1', 'Ann', 'One', 'p', 'Jazz', 'none', NULL)",
    ],
    "covers": [
        "UPDATE covers SET status = 'so so' WHERE picture = 'p1'",
        "UPDATE covers SET sha256 = substr(sha256, 2) WHERE picture = 'p1'",
        "UPDATE covers SET phash = 'xyz' WHERE picture = 'p1'",
        "UPDATE covers SET fetched_at = 'then' WHERE picture = 'p1'",
        "UPDATE covers SET rendering = 'round' WHERE picture = 'p1'",
        "UPDATE covers SET url = x'aa' WHERE picture = 'p1'",
    ],
    "files": [
        "UPDATE files SET path = '../1.jpg' WHERE picture = 'p1'",
        "UPDATE files SET path = 'a/b/c.jpg' WHERE picture = 'p1'",
    ],
    "renewals": ["INSERT INTO renewals VALUES ('u', CAST(x'ff' AS TEXT))"],
    "looks": [
        "INSERT INTO looks VALUES (1, 'none', x'')",
        "INSERT INTO looks VALUES (1, '{0}', x'00')",
    ],
    "sets": [
        "INSERT INTO sets VALUES ('m1', 'noslash', 'train')",
        "INSERT INTO sets VALUES ('m1', 'Jazz/1.jpg', 'fourth')",
    ],
    "placements": [
        "INSERT INTO placements VALUES (1, 'm1', 'fourth', '[]')",
        "INSERT INTO placements VALUES (1, 'm1', 'train', '[\"art')",
    ],
    "pairs": [
        "INSERT INTO pairs VALUES ('none', '{0}', 1, 0.5, 1)",
        "INSERT INTO pairs VALUES ('{1}', '{0}', 1, 0.5, 2)",
        "INSERT INTO pairs VALUES ('{1}', '{0}', 1, 9e999, 1)",
    ],
    "alike": ["INSERT INTO alike VALUES ('{1}', 'group one')"],
    "balanced": ["INSERT INTO balanced VALUES (x'00')"],
    "requests": ["INSERT INTO requests VALUES ('h', '2026-02-30', 1)"],
    "rests": [
        "INSERT INTO rests VALUES ('h', '2026-06-15T11:00:00', '2026-06-15T13:00:00Z', 1, '-')"
    ],
    "ratings": [
        "INSERT INTO ratings VALUES ('discogs:m1', 9, 55.5, 1, 1, '2026-06-15T11:00:00Z')",
        "INSERT INTO ratings VALUES ('discogs:m1', -9, 3.5, 1, 1, '2026-06-15T11:00:00Z')",
        "INSERT INTO ratings VALUES ('discogs:m1', 9, 3.5, 1, 1, 'then')",
    ],
}


def test_each_table_is_looked_at(ledger: Path) -> None:
    """A table that is new to the ledger is to be checked as well."""
    with sqlite3.connect(ledger) as db:
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    db.close()
    assert {name for (name,) in names} == {*SENSELESS}


@pytest.mark.parametrize(
    ("table", "sql"), [(table, sql) for table, sqls in SENSELESS.items() for sql in sqls]
)
def test_rows_that_make_no_sense_are_found_and_not_copied(
    ledger: Path, tmp_path: Path, table: str, sql: str
) -> None:
    """SQLite finds nothing wrong with them, but no run writes such a row."""
    assert find_damage(ledger) == ""
    rows = copy_sound(ledger, tmp_path / "one.sqlite")
    assert rows is not None
    assert rows["covers"] == COVERS
    with sqlite3.connect(ledger) as db:
        db.execute(sql.replace("{0}", "0" * 64).replace("{1}", "1" * 64))
    db.close()
    assert find_damage(ledger) == f"1 rows of {table} make no sense"
    less = copy_sound(ledger, tmp_path / "other.sqlite")
    assert less == {
        **rows,
        "covers": COVERS - (table == "covers"),
        "files": COVERS - (table in {"covers", "files"}),
    }
    assert find_damage(tmp_path / "other.sqlite") == ""


def test_a_table_without_a_column_is_damage(ledger: Path, tmp_path: Path) -> None:
    """As somebody with an SQLite tool may leave it: nothing is copied of such a ledger."""
    with sqlite3.connect(ledger) as db:
        db.execute("ALTER TABLE covers DROP COLUMN phash")
    db.close()
    assert find_damage(ledger) == "no such column: phash"
    assert copy_sound(ledger, tmp_path / "other.sqlite") is None


def test_without_room_a_copy_is_not_restored_in_part(ledger: Path, tmp_path: Path) -> None:
    """The disk's refusal is told as such, and not taken for damage of the copy."""
    with small_files(PAGE * 2), pytest.raises(StorageError):
        copy_sound(ledger, tmp_path / "other.sqlite")
