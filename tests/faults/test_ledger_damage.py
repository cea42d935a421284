"""A ledger that is damaged, or from a newer version: every command that reads it says so."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forks import Ended, Forks
from kills import TSV
from support import program_env, sandbox_env
from wholes import LEDGER, Whole, make_whole, small_catalogue

from equigen.errors import LedgerError, LockedError
from equigen.ledger.ledger import Ledger
from equigen.ledger.tables import VERSION

PAGE = 4096
COMMANDS: dict[str, tuple[str, ...]] = {
    "fetch": ("fetch", "--label", "Jazz", "--genre-limit", "14"),
    "covers": ("dedupe", "--covers"),
    "balance": ("balance", "--per-label", "3"),
    "counts": ("counts", "--by", "set"),
    "download": ("download",),
    "export": ("download", "--export", "manifest.tsv"),
    "split": ("split",),
    "report": ("report",),
    "status": ("status",),
    "run": ("run", "--label", "Jazz", "--genre-limit", "14"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset."""
    with small_catalogue() as sandbox:
        yield make_whole(tmp_path_factory.mktemp("whole"), sandbox)


def run(forks: Forks, folder: Path, whole: Whole, *args: str) -> Ended:
    """Run the program on a folder."""
    env = sandbox_env(whole.sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder))
    return forks.run(*args, cwd=folder.parent, env=program_env(**env))


def line_of(ended: Ended) -> str:
    """Return the one line with which a run failed."""
    assert ended.code == 1, ended
    assert "Traceback" not in ended.err, ended.err
    (line,) = [line for line in ended.err.splitlines() if line.startswith("equigen ")]
    return line


@pytest.mark.long_after(3)
@pytest.mark.parametrize("command", [*COMMANDS, "repair"])
def test_a_newer_ledger_is_refused_and_stays_as_it_is(
    tmp_path: Path, forks: Forks, whole: Whole, command: str
) -> None:
    """By every command: which format it has, which is read, what to do; no byte is changed."""
    folder = whole.copy(tmp_path / "data")
    with sqlite3.connect(folder / LEDGER) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    before = {file: file.read_bytes() for file in folder.rglob("*.*") if file.is_file()}
    line = line_of(run(forks, folder, whole, *COMMANDS.get(command, (command,))))
    assert f"format {VERSION + 1}, from a newer EquiGen" in line
    assert "Upgrade EquiGen; nothing was changed" in line
    passing = {".equigen.lock"}
    after = {
        file: file.read_bytes()
        for file in folder.rglob("*.*")
        if file.is_file() and file.name not in passing
    }
    assert {file: body for file, body in before.items() if file.name not in passing} == after


def zeroed_header(body: bytes) -> bytes:
    """Overwrite the header with zeroes."""
    return bytes(100) + body[100:]


def truncated(body: bytes) -> bytes:
    """Leave the first half."""
    return body[: len(body) // 2]


def no_sqlite(_body: bytes) -> bytes:
    """Put something else in its place."""
    return b"not a database at all\n" * 400


def empty(_body: bytes) -> bytes:
    """Leave nothing, as a power cut may."""
    return b""


def one_byte(body: bytes) -> bytes:
    """Leave one byte, which SQLite takes for none."""
    return body[:1]


DAMAGES = [zeroed_header, truncated, no_sqlite, empty, one_byte]


@pytest.mark.long_after(6)
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_a_damaged_ledger_is_told_with_the_way_out(
    tmp_path: Path, forks: Forks, whole: Whole, command: str, damage: Callable[[bytes], bytes]
) -> None:
    """By every command that reads it: one line that names `equigen repair`; the rest stays."""
    folder = whole.copy(tmp_path / "data")
    body = damage((folder / LEDGER).read_bytes())
    (folder / LEDGER).write_bytes(body)
    tsv = (folder / TSV).read_bytes()
    line = line_of(run(forks, folder, whole, *COMMANDS[command]))
    assert "`equigen repair`" in line
    assert str(folder / LEDGER) in line
    assert (folder / LEDGER).read_bytes() == body
    assert (folder / TSV).read_bytes() == tsv


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_bytes_overwritten_anywhere_never_end_in_a_trace(
    tmp_path: Path, forks: Forks, whole: Whole, seed: int
) -> None:
    """Each command ends well, not having needed what is damaged, or names `equigen repair`."""
    chance = random.Random(seed)
    body = bytearray((whole.folder / LEDGER).read_bytes())
    for _ in range(chance.randint(1, 5)):
        length = chance.choice([8, 100, 1000, PAGE])
        at = chance.randrange(len(body) - length)
        body[at : at + length] = chance.randbytes(length)
    for command, args in COMMANDS.items():
        folder = whole.copy(tmp_path / command)
        (folder / LEDGER).write_bytes(body)
        ended = run(forks, folder, whole, *args)
        assert "Traceback" not in ended.err, (command, ended.err)
        if ended.code:
            assert "`equigen repair`" in line_of(ended), command
        shutil.rmtree(folder)


@pytest.mark.long_after(2)
@pytest.mark.parametrize("has_copies", [True, False], ids=["copied", "not copied"])
@pytest.mark.parametrize("seed", range(6))
def test_a_torn_journal_is_an_older_ledger_or_told(
    tmp_path: Path, forks: Forks, whole: Whole, seed: int, *, has_copies: bool
) -> None:
    """What SQLite keeps beside the ledger, cut or overwritten: all ends well, or `repair` is named.

    Then `repair` and `download` leave each cover as it was.
    """
    folder = whole.copy(tmp_path / "data", has_copies=has_copies)
    chance = random.Random(seed)
    covers = {file: file.read_bytes() for file in folder.rglob("*.jpg")}
    db = sqlite3.connect(folder / LEDGER, isolation_level=None)
    db.execute("UPDATE covers SET tries = tries + 1")
    db.execute("UPDATE albums SET album_index = album_index")
    kept = tmp_path / "torn"
    kept.mkdir()
    for file in folder.glob(f"{LEDGER}*"):
        shutil.copyfile(file, kept / file.name)
    db.close()
    wal = kept / f"{LEDGER}-wal"
    body = bytearray(wal.read_bytes())
    at = chance.randrange(len(body))
    if seed % 2:
        wal.write_bytes(body[:at])
    else:
        body[at : at + 500] = chance.randbytes(len(body[at : at + 500]))
        wal.write_bytes(body)
    for file in kept.iterdir():
        shutil.copyfile(file, folder / file.name)
    (folder / f"{LEDGER}-shm").unlink(missing_ok=True)
    ended = run(forks, folder, whole, "status")
    assert not ended.code or "`equigen repair`" in line_of(ended)
    assert run(forks, folder, whole, "repair").code == 0
    assert run(forks, folder, whole, "download").code == 0
    assert {file: file.read_bytes() for file in folder.rglob("*.jpg")} == covers


def test_a_ledger_that_another_program_keeps_locked_is_told(tmp_path: Path) -> None:
    """An SQLite browser in the midst of an edit, say: who waits in vain says so."""
    path = tmp_path / LEDGER
    with Ledger(path):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with Ledger(path, wait_s=0.05) as hosts:
            with pytest.raises(LockedError, match="another program keeps the ledger locked"):
                hosts.end_rest("a.example")
    finally:
        other.close()


def test_a_table_that_is_gone_is_damage(tmp_path: Path) -> None:
    """What somebody dropped by hand is missed by who needs it."""
    path = tmp_path / LEDGER
    with Ledger(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE sets")
    db.close()
    with Ledger(path) as ledger, pytest.raises(LedgerError, match=r"no such table: sets.*repair"):
        ledger.sets()
