"""A disk without room: one line that says so, nothing torn, and with room all goes on."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from disks import Disk
from kills import IMAGES, TSV, check_ledger, temporary_files
from splits import catalogue, fill
from support import THOROUGH, make_context, read_rows, write_rows
from wholes import LABELS, LEDGER, LIMITS, small_catalogue, tables_of

from equigen.commands import download, fetch
from equigen.ledger.backup import copies_of
from equigen.repairing.damage import find_damage
from equigen.sandbox.server import Sandbox

FLAGS = tuple(flag for label in LABELS for flag in ("--label", label))
# So much room is left, in kB, when a stage begins.
ROOM_KB = (0, 4, 16, 40, 64, 96, 160, 320, 512)
ALBUMS = 60
# The damages of no, one or two copies that are whole.
WHOLE: tuple[list[str], ...] = ([], [""], ["", ""])
COPIES = tuple(copy.name for copy in copies_of(Path(LEDGER)))


@dataclass(frozen=True)
class Stage:
    """A command, what it starts from, and how large the disk must be for all of it."""

    args: tuple[str, ...]
    prepare: Callable[[Path, Sandbox], None]
    size_kb: int = 8192


def some_rows(folder: Path, sandbox: Sandbox) -> None:
    """Fetch a few albums of each label."""
    few = {**LIMITS, "genre_limit": 4, "world_limit": 3}
    fetch.run(make_context(folder, base_url=sandbox.base_url, fetch=few))


def all_rows(folder: Path, sandbox: Sandbox) -> None:
    """Fetch all albums."""
    fetch.run(make_context(folder, base_url=sandbox.base_url, fetch=LIMITS))


def marked_rows(folder: Path, sandbox: Sandbox) -> None:
    """Write rows that are to be cleaned, half of them to be dropped as well."""
    all_rows(folder, sandbox)
    rows = read_rows(folder / TSV)
    more = [
        {**row, "artist": f"{row['artist']} ({number})", "album_id": f"x{number}-{row['album_id']}"}
        for number in range(2, 80)
        for row in rows
    ]
    write_rows(folder / TSV, *more, columns=list(rows[0]))


def all_covers(folder: Path, sandbox: Sandbox) -> None:
    """Download all covers, half of them twice, by others."""
    all_rows(folder, sandbox)
    rows = read_rows(folder / TSV)
    copies = [{**row, "artist": f"{row['artist']} II", "album_id": ""} for row in rows[::2]]
    write_rows(folder / TSV, *rows, *copies, columns=list(rows[0]))
    download.run(make_context(folder))
    with sqlite3.connect(folder / LEDGER) as db:  # as before anybody looked at them
        db.execute("DELETE FROM looks")
    db.close()


def dealable(folder: Path, _: Sandbox) -> None:
    """Have covers that are in no set yet."""
    fill(folder, catalogue(ALBUMS))
    for file in (folder / IMAGES).rglob("*.jpg"):  # pictures of some size
        file.write_bytes(file.read_bytes() * 500)
    (folder / LEDGER).unlink()


STAGES = {
    "fetch": Stage(("fetch", *FLAGS, "--genre-limit", "12", "--world-limit", "6"), some_rows),
    "clean": Stage(("clean",), marked_rows),
    "dedupe": Stage(("dedupe",), marked_rows),
    "covers": Stage(("dedupe", "--covers", "--drop"), all_covers),
    "download": Stage(("download",), all_rows),
    "processes": Stage(("download", "--processes", "2"), all_rows),
    "features": Stage(("features", "compute", "colour", "histogram"), all_covers, 16_384),
    "split": Stage(("split",), dealable),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """What is fetched from."""
    with small_catalogue() as opened:
        yield opened


def content(folder: Path) -> dict[str, bytes]:
    """Return the rows, the covers, the features and the sets of a dataset."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not file.name.startswith((LEDGER, *COPIES))
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    }


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", STAGES)
def test_a_full_disk_is_one_line_and_with_room_all_goes_on(
    tmp_path: Path, sandbox: Sandbox, disk: Disk, name: str
) -> None:
    """However little room is left, what was there stays whole, and nothing is left beside it."""
    stage, kept, seen = STAGES[name], tmp_path / "kept", tmp_path / "seen"
    kept.mkdir()
    stage.prepare(kept, sandbox)
    disk.base_url = sandbox.base_url
    before = content(kept)
    disk.mount(size_kb=stage.size_kb, content=kept)
    ended = disk.run(*stage.args)
    assert ended.code == 0, ended.err
    whole = content(disk.copy_out(seen))
    assert whole != before
    failed = []
    for free_kb in ROOM_KB if THOROUGH else ROOM_KB[::3]:
        disk.unmount()
        disk.mount(size_kb=stage.size_kb, content=kept)
        disk.fill(free_kb=free_kb)
        ended = disk.run(*stage.args)
        now = content(disk.copy_out(seen))
        check_ledger(seen)
        journal = {seen / f"{LEDGER}-wal", seen / f"{LEDGER}-shm"}  # may hold what is noted
        assert set(temporary_files(seen)) <= journal, (free_kb, ended.err)
        assert [find_damage(seen / copy) for copy in COPIES if (seen / copy).exists()] in WHOLE
        if ended.code:
            failed.append(free_kb)
            assert ended.code == 1, ended.err
            (line,) = ended.err.splitlines()
            assert "no space left" in line.lower(), line
            assert str(disk.data) in line
            assert "ake room" in line
            assert "run the same command again" in line
            # What was there is there still, and what came is whole.
            for file, body in now.items():
                assert body in (before.get(file), whole.get(file)) or file == TSV, file
            assert whole.get(TSV, b"").startswith(now[TSV]) or now[TSV] == before[TSV]
            assert before.keys() <= now.keys()
        disk.make_room()
        again = disk.run(*stage.args)
        assert again.code == 0, again.err
        assert content(disk.copy_out(seen)) == whole, free_kb
        assert not temporary_files(seen)
        if name != "clean":  # which leaves the ledger alone
            assert tables_of(seen / COPIES[0]) == tables_of(seen / LEDGER)
    assert failed[0] == 0
    assert len(failed) > 1, failed
