"""Ledgers of a folder that somebody else made: what SQLite would run or obey is refused."""

import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from downloads import run_download
from lookalikes import saved, scene
from splits import run_split
from support import Script, ScriptedServer, make_context, posix_only, write_rows

import equigen
from equigen.commands import download, repair, report, status
from equigen.errors import EquigenError, ForeignLedgerError, LedgerError
from equigen.ledger import database
from equigen.ledger.backup import copies_of
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import is_cover_path

# https://www.sqlite.org/fileformat2.html#the_rollback_journal
MAGIC = bytes.fromhex("d9d505f920a163d7")
PAGE_BYTES, SECTOR_BYTES = 4096, 512
ALBUMS = 6


def run_all(folder: Path) -> list[Callable[[], object]]:
    """Return runs of what opens a ledger: for reading, for writing, to mend it."""
    context = make_context(folder)
    return [
        lambda: status.run(context),
        lambda: report.run(context),
        lambda: equigen.open(folder).covers(),
        lambda: download.run(context),
        lambda: run_split(folder),
        lambda: repair.run(context),
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with covers and sets, made once."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    with ScriptedServer(Script(status=404)) as server:
        rows = [
            {
                "artist": f"Artist {number}",
                "album": f"Album {number}",
                "genre": "Jazz",
                "image_url": f"{server.url}/{number}.jpg",
                "album_id": f"discogs:m{number}",
            }
            for number in range(ALBUMS)
        ]
        server.by_path = {f"/{n}.jpg": Script(body=saved(scene(n))) for n in range(ALBUMS)}
        write_rows(folder / "equigen_dataset.tsv", *rows)
        run_download(folder)
    run_split(folder)
    return folder


@pytest.fixture
def made(tmp_path: Path, whole: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "data"))


def journal_that_names(victim: Path) -> bytes:
    """Return a hot journal of SQLite's rollback mode, with a super-journal's name at its end."""
    header = MAGIC + struct.pack(">IIIII", 0, 1, 1, SECTOR_BYTES, PAGE_BYTES)
    name = os.fsencode(victim)
    lock_page = 2**30 // PAGE_BYTES + 1
    end = struct.pack(">I", lock_page) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
    return header.ljust(SECTOR_BYTES, b"\0") + end


@posix_only
def test_a_strange_journal_deletes_no_file(made: Path, tmp_path: Path) -> None:
    """SQLite would delete the file that a rollback journal names; it never sees that journal."""
    victim = tmp_path / "precious.txt"
    victim.write_text("keep")
    journal = journal_that_names(victim)
    bare = shutil.copy(made / LEDGER_NAME, tmp_path / "bare.sqlite")
    Path(f"{bare}-journal").write_bytes(journal)
    with closing(sqlite3.connect(bare)) as db, suppress(sqlite3.DatabaseError):
        db.execute("SELECT count(*) FROM covers").fetchone()
    assert not victim.exists()  # that is what it does where nothing is in its way
    victim.write_text("keep")
    beside = made / f"{LEDGER_NAME}-journal"
    beside.write_bytes(journal)
    for run in run_all(made):
        with pytest.raises(ForeignLedgerError, match="a rollback journal lies beside the ledger"):
            run()
    assert victim.read_text() == "keep"
    assert beside.read_bytes() == journal
    beside.rename(tmp_path / "aside")
    assert status.run(make_context(made)).facts["covers"] == ALBUMS


def test_no_ledger_is_made_by_such_a_journal(tmp_path: Path) -> None:
    """A new ledger never has one beside it, so that a killed run leaves none."""
    path = tmp_path / LEDGER_NAME
    (tmp_path / f"{LEDGER_NAME}-journal").mkdir()  # SQLite can make none here
    with pytest.raises(ForeignLedgerError):
        Ledger(path)
    (tmp_path / f"{LEDGER_NAME}-journal").rmdir()
    with closing(sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None)) as db:
        (tmp_path / "new.sqlite-journal").mkdir()
        db.execute("PRAGMA journal_mode = MEMORY")
        assert db.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)


# ruff: noqa: S608
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
CODE = {
    "view": f"ALTER TABLE covers RENAME TO kept; CREATE VIEW covers AS {ENDLESS} SELECT kept.*"
    " FROM kept, n",
    "trigger": f"CREATE TRIGGER t AFTER INSERT ON meta BEGIN INSERT INTO meta {ENDLESS}"
    " SELECT hex(randomblob(9)), i FROM n; END",
    "virtual table": "CREATE VIRTUAL TABLE found USING fts5(words)",
    "generated column": "ALTER TABLE covers ADD COLUMN much TEXT AS (hex(zeroblob(99999999)))",
    "expression": "CREATE INDEX much ON covers (hex(zeroblob(99999)))",
    "condition": "CREATE INDEX some ON covers (url) WHERE length(hex(zeroblob(99999))) > 1",
}


@pytest.mark.parametrize("what", CODE)
def test_a_ledger_that_brings_code_is_refused(made: Path, what: str) -> None:
    """In one line, by what reads as by what writes and mends; nothing is changed."""
    with closing(sqlite3.connect(made / LEDGER_NAME)) as db:
        db.executescript(CODE[what])
    before = (made / LEDGER_NAME).read_bytes()
    for run in run_all(made):
        with pytest.raises(ForeignLedgerError, match="that EquiGen doesn't make") as caught:
            run()
        assert len(str(caught.value).splitlines()) == 1
    assert (made / LEDGER_NAME).read_bytes() == before


def test_a_copy_that_brings_code_is_not_restored(made: Path) -> None:
    """A repair without a ledger takes no copy that brings code; the files tell it all."""
    for copy in copies_of(made / LEDGER_NAME):
        shutil.copy(made / LEDGER_NAME, copy)
        with closing(sqlite3.connect(copy)) as db:
            db.executescript(CODE["view"])
    (made / LEDGER_NAME).unlink()
    with pytest.raises(EquigenError, match="that EquiGen doesn't make"):
        repair.run(make_context(made))


def test_no_statement_runs_for_ever(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes all checks and doesn't end is stopped, with an error."""
    monkeypatch.setattr(database, "_MOST_STEPS", 3_000_000)
    with Ledger(made / LEDGER_NAME) as ledger:
        with pytest.raises(LedgerError, match="took more than 3,000,000 steps"):
            with ledger._rows(f"{ENDLESS} SELECT max(i) FROM n") as rows:  # noqa: SLF001
                next(rows)
        assert ledger.knows_covers()


@posix_only
@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("what", ["pipe", "device", "link"])
def test_what_is_no_file_is_refused_at_once(made: Path, what: str, end: str) -> None:
    """A ledger, or what lies beside it, that is a pipe, a device or a link is not opened."""
    place, kept = made / f"{LEDGER_NAME}{end}", made.parent / "kept"
    shutil.copy(made / LEDGER_NAME, kept)
    place.unlink(missing_ok=True)
    if what == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero" if what == "device" else kept)
    for run in run_all(made):
        with pytest.raises(ForeignLedgerError):
            run()


NAMES = ("../../../x/photo.jpg", "Jazz/../x.jpg", "/etc/passwd", "Jazz/a/b.jpg", "x.jpg", "../x")


@pytest.mark.long_after(3)
@pytest.mark.parametrize("name", NAMES)
def test_paths_that_lead_out_are_damage(made: Path, tmp_path: Path, name: str) -> None:
    """A file that the ledger places outside of the folders is neither moved nor read."""
    photo = tmp_path.joinpath("x", "photo.jpg")
    photo.parent.mkdir()
    photo.write_bytes(b"mine")
    assert not is_cover_path(name)
    with closing(sqlite3.connect(made / LEDGER_NAME)) as db, db:
        sql = "UPDATE files SET path = ? WHERE path = (SELECT min(path) FROM files)"
        db.execute(sql, (name,))
    outside = {file for file in tmp_path.rglob("*") if made not in file.parents}
    done = 0
    for run in run_all(made)[:5]:
        with suppress(LedgerError):
            run()
            done += 1
    assert done <= 2  # what looks up the paths of rows alone meets no other path
    assert {file for file in tmp_path.rglob("*") if made not in file.parents} == outside
    assert photo.read_bytes() == b"mine"
    repair.run(make_context(made))
    assert download.run(make_context(made)).rows_out == ALBUMS


@pytest.mark.parametrize("table", ["sets", "placements"])
def test_sets_that_lead_out_are_damage(made: Path, table: str) -> None:
    """A set that isn't one of the three is no folder to put covers into."""
    with closing(sqlite3.connect(made / LEDGER_NAME)) as db, db:
        db.execute(f"UPDATE {table} SET set_name = '../../../x'")
    with pytest.raises(LedgerError, match="the ledger is damaged"):
        run_split(made)
    repair.run(make_context(made))
    run_split(made)
    run_split(made, verify=True)


def test_a_schema_that_is_no_text_is_damage(made: Path) -> None:
    """SQLite quotes it in its own errors, which are no text then."""
    ledger = made / LEDGER_NAME
    body = ledger.read_bytes()
    mark = b"sqlite_autoindex_placements_1"
    ledger.write_bytes(body.replace(mark + b"p", b"sqlite_autoindex_placements\xef\xbb\xbfp"[:30]))
    assert ledger.read_bytes() != body
    with pytest.raises(LedgerError, match="the ledger is damaged"):
        status.run(make_context(made))
