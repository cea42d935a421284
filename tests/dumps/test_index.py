"""The index beside a dump: whole or not there, made once, by one run at a time."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from dumpsets import Master, dump_context, dumps_in, group, write_groups, write_masters
from support import NOON, posix_only, program_env

from equigen.dataset.context import Context
from equigen.dumps.archives import DumpCounts
from equigen.dumps.index import IndexKind, facts_of, index_of, reading
from equigen.errors import LockedError, StorageError
from equigen.storage.lock import dataset_lock

INTERIOR = 5  # the type of a table's page that has pages below it


def a_kind(asked: list[int], *, version: int = 1) -> IndexKind:
    """Return a a_kind that keeps a dump's bytes and notes each time that it is made."""

    def read(path: Path, *, counts: DumpCounts) -> Iterator[list[tuple[int]]]:
        asked.append(version)
        body = path.read_bytes()
        counts.rows = counts.read_bytes = len(body)
        yield [(byte,) for byte in body]

    table = "CREATE TABLE bodies (body INTEGER)"
    insert = "INSERT INTO bodies VALUES (?)"
    return IndexKind("bodies", version, table, insert, read, "bytes", "skipped")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A run whose dumps lie in a folder of their own."""
    return dump_context(tmp_path)


def test_an_index_is_made_once_and_anew_when_its_dump_or_recipe_changes(
    tmp_path: Path, context: Context
) -> None:
    """The counts taken while it is made can be read from it."""
    dump, made = tmp_path / "a.dump", list[int]()
    dump.write_bytes(b"one")
    index = index_of(dump, a_kind(made), context)
    assert index_of(dump, a_kind(made), context) == index
    assert (made, facts_of(index)) == ([1], {"bytes": 3, "skipped": 0})
    dump.write_bytes(b"three")
    index_of(dump, a_kind(made), context)
    assert (made, facts_of(index)) == ([1, 1], {"bytes": 5, "skipped": 0})
    index_of(dump, a_kind(made, version=2), context)
    assert made == [1, 1, 2]
    with reading(index, index) as db:
        assert db.execute("SELECT a.bodies.body, b.bodies.body FROM a.bodies, b.bodies").fetchall()
    names = sorted(file.name for file in tmp_path.glob("a.dump*"))
    assert names == ["a.dump", "a.dump.bodies.sqlite"]


def test_an_index_that_lacks_its_counts_is_made_anew(tmp_path: Path, context: Context) -> None:
    """As one of another program, or one that was edited."""
    dump, made = tmp_path / "a.dump", list[int]()
    dump.write_bytes(b"one")
    index = index_of(dump, a_kind(made), context)
    with sqlite3.connect(index) as db:
        db.execute("DELETE FROM stamp WHERE key = 'facts'")
    db.close()
    assert facts_of(index_of(dump, a_kind(made), context)) == {"bytes": 3, "skipped": 0}
    assert made == [1, 1]


def test_an_index_cannot_be_written_by_who_reads_it(tmp_path: Path, context: Context) -> None:
    """Several runs may read it at a time."""
    dump = tmp_path / "a.dump"
    dump.write_bytes(b"one")
    with (
        pytest.raises(StorageError, match=r"a\.dump"),
        reading(index_of(dump, a_kind([]), context)) as db,
    ):
        db.execute("DELETE FROM bodies")


def test_two_runs_do_not_make_an_index_at_a_time(tmp_path: Path, context: Context) -> None:
    """The second is told who is at work, and nothing is touched; getting dumps holds up nobody."""
    dumps = dumps_in(tmp_path)
    dump = dumps / "a.dump"
    dump.write_bytes(b"one")
    script = (
        "import sys, datetime, pathlib\n"
        "from equigen.storage.lock import dataset_lock\n"
        "now = datetime.datetime.now(datetime.UTC)\n"
        "lock = '.a.dump.bodies.sqlite.lock'\n"
        f"with dataset_lock(pathlib.Path({str(dumps)!r}), stage='fetch', now=now, name=lock):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=program_env()) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match="equigen fetch"):
            index_of(dump, a_kind([]), context)
        other.kill()
    assert not list(dumps.glob("*.sqlite"))
    with dataset_lock(dumps, stage="dumps get", now=NOON):
        assert index_of(dump, a_kind([]), context).exists()


def test_what_is_there_needs_no_lock(tmp_path: Path, context: Context) -> None:
    """Two datasets may share a folder of dumps."""
    dump = tmp_path / "a.dump"
    dump.write_bytes(b"one")
    index = index_of(dump, a_kind([]), context)
    with dataset_lock(tmp_path, stage="another", now=NOON):
        assert index_of(dump, a_kind([]), context) == index


@pytest.mark.long
@posix_only
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_while_it_makes_one_leaves_none(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The next one makes it from the start, and ends as if nothing had been."""
    masters = [Master(n) for n in range(1, 40_000)]
    write_masters(tmp_path, masters)
    write_groups(tmp_path, [group(n, master=n) for n in range(1, 100)])
    dumps = dumps_in(tmp_path)
    env = program_env(EQUIGEN_DATASET__DIRECTORY=str(tmp_path))
    words = [sys.executable, "-m", "equigen", "fetch", "--source", "discogs-dump", "--quiet"]
    words += ["--label", "Jazz"]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        while not list(dumps.glob(".*masters.sqlite.new")) and run.poll() is None:
            pass
        run.send_signal(number)
        run.communicate(timeout=60)
    assert run.returncode in ({-9} if number is signal.SIGKILL else {130})
    assert not list(dumps.glob("*.sqlite"))
    done = subprocess.run(words, env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"99 out" in done.stdout
    assert not list(dumps.glob(".*.new"))


def test_no_room_for_an_index_is_told(tmp_path: Path, context: Context) -> None:
    """A folder in its place is as good as a full disk: the message names it."""
    dump = tmp_path / "a.dump"
    dump.write_bytes(b"one")
    (tmp_path / "a.dump.bodies.sqlite").mkdir()
    with pytest.raises(StorageError, match=r"a\.dump\.bodies\.sqlite"):
        index_of(dump, replace(a_kind([])), context)


# ruff: noqa: S608
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
STRANGE = {
    "view": f"CREATE VIEW stamp AS {ENDLESS} SELECT max(i) AS key, 1 AS value FROM n",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON bodies BEGIN DELETE FROM bodies; END",
    "virtual table": "CREATE VIRTUAL TABLE found USING fts5(words)",
    "generated column": "CREATE TABLE stamp (key, value AS (hex(zeroblob(99999999))))",
}


@pytest.mark.parametrize("what", [*STRANGE, "pipe", "device", "link", "journal"])
def test_an_index_of_a_stranger_is_refused_at_once(
    tmp_path: Path, context: Context, what: str
) -> None:
    """It runs no code, and no run waits for it; the message says how it is made anew."""
    dump = tmp_path / "a.dump"
    dump.write_bytes(b"one")
    index = index_of(dump, a_kind([]), context)
    kept = tmp_path / "kept"
    if what in STRANGE:
        with closing(sqlite3.connect(index)) as db:
            if "stamp" in STRANGE[what]:
                db.execute("DROP TABLE stamp")
            db.execute(STRANGE[what])
            db.commit()
    elif what == "journal":
        Path(f"{index}-journal").touch()
    else:
        index.rename(kept)
        if what == "pipe":
            os.mkfifo(index)
        else:
            index.symlink_to(kept if what == "link" else "/dev/zero")
    for use in (partial(index_of, dump, a_kind([]), context), partial(facts_of, index)):
        with pytest.raises(StorageError) as caught:
            use()
        line = str(caught.value)
        assert line.startswith(str(index))
        assert line.endswith("it is made anew from its dump.")
        assert len(line.splitlines()) == 1


def test_an_index_whose_rows_never_end_is_made_anew(tmp_path: Path, context: Context) -> None:
    """Pages that all lead to one page below give its rows more often than anybody can read them."""
    dump = tmp_path / "a.dump"
    dump.write_bytes(b"one")
    index = index_of(dump, a_kind([]), context)
    with closing(sqlite3.connect(index)) as db:
        db.executescript("DROP TABLE stamp; CREATE TABLE stamp (key INTEGER PRIMARY KEY, value)")
        db.executemany("INSERT INTO stamp VALUES (1 + ?, ?)", ((n, "x" * 500) for n in range(4000)))
        db.commit()
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'stamp'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    body = bytearray(index.read_bytes())
    top, count = bytes(body[(root - 1) * size : root * size]), len(body) // size
    assert top[0] == INTERIOR
    for level in range(count + 1, count + 11):
        body += leading_to(level + 1 if level < count + 10 else int.from_bytes(top[8:12]), top)
    body[(root - 1) * size : root * size] = leading_to(count + 1, top)
    body[28:32] = (count + 10).to_bytes(4)
    index.write_bytes(body)
    assert facts_of(index_of(dump, a_kind([]), context)) == {"bytes": 3, "skipped": 0}


def leading_to(number: int, page: bytes) -> bytes:
    """Return an inner page of a table, of which each cell leads to one page.

    https://www.sqlite.org/fileformat2.html#b_tree_pages
    """
    body = bytearray(page)
    body[8:12] = number.to_bytes(4)
    for cell in range(int.from_bytes(page[3:5])):
        at = int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell])
        body[at : at + 4] = number.to_bytes(4)
    return bytes(body)
