"""A disk that may not be written, and files where folders belong: one line, and nothing is lost."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disks import Disk
from forks import Ended, Forks
from kills import IMAGES, TSV
from support import program_env, sandbox_env
from wholes import LEDGER, Whole, make_whole, small_catalogue

COMMANDS: dict[str, tuple[str, ...]] = {
    "fetch": ("fetch", "--label", "Jazz", "--genre-limit", "14"),
    "clean": ("clean",),
    "dedupe": ("dedupe",),
    "covers": ("dedupe", "--covers", "--drop"),
    "balance": ("balance", "--per-genre", "2"),
    "counts": ("counts", "--by", "set"),
    "download": ("download",),
    "processes": ("download", "--processes", "2"),
    "split": ("split",),
    "verify": ("split", "--verify"),
    "report": ("report",),
    "status": ("status",),
    "repair": ("repair",),
    "run": ("run", "--label", "Jazz", "--genre-limit", "14"),
}
# What changes nothing on the disk may do without writing to it.
READERS = {"counts", "verify", "status", "report"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset, but for one cover, which is to be fetched."""
    with small_catalogue() as sandbox:
        made = make_whole(tmp_path_factory.mktemp("whole"), sandbox)
        next((made.folder / IMAGES).glob("*/*.jpg")).unlink()
        yield made


def content(folder: Path) -> dict[str, bytes]:
    """Return all files but what SQLite and the lock keep."""
    passing = {f"{LEDGER}-wal", f"{LEDGER}-shm", ".equigen.lock", ".equigen.lock.holder"}
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in passing
    }


def refused(ended: Ended) -> str:
    """Return the one line of a run that was refused."""
    assert ended.code in {1, 2}, ended
    lines = [line for line in ended.err.splitlines() if line.startswith("equigen ")]
    assert len(lines) == 1, ended.err
    assert "Traceback" not in ended.err
    return lines[0]


def test_a_read_only_disk_is_one_line_for_every_command(
    tmp_path: Path, disk: Disk, whole: Whole
) -> None:
    """Nothing is changed, the message says why, and once it can be written all is done."""
    disk.base_url = whole.sandbox.base_url
    disk.mount(size_kb=8192, content=whole.folder)
    before = content(disk.copy_out(tmp_path / "seen"))
    for name, args in COMMANDS.items():
        disk.read_only(on=True)
        ended = disk.run(*args)
        if not (name in READERS and ended.code == 0):
            line = refused(ended)
            assert "read-only" in line.lower(), line
            assert str(disk.data) in line
        assert content(disk.copy_out(tmp_path / "seen")) == before
        disk.read_only(on=False)
        if name == "run":
            assert disk.run(*args).code == 0


def test_a_folder_without_permission_is_one_line(
    tmp_path: Path, forks: Forks, whole: Whole
) -> None:
    """For those who aren't root: the folder may be read, and not written."""
    if not os.geteuid():
        pytest.skip("root may write everywhere")
    folder = whole.copy(tmp_path / "data")
    before = content(folder)
    folder.chmod(0o500)
    try:
        for name, args in COMMANDS.items():
            ended = run(forks, folder, whole, *args)
            if not (name in READERS and ended.code == 0):
                assert "ermission" in refused(ended)
            assert content(folder) == before
    finally:
        folder.chmod(0o700)


def run(forks: Forks, folder: Path, whole: Whole, *args: str) -> Ended:
    """Run the program on a folder."""
    env = sandbox_env(whole.sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder))
    return forks.run(*args, cwd=folder.parent, env=program_env(**env))


def _in_place_of(name: str) -> Callable[[Path], None]:
    def put(folder: Path) -> None:
        there = folder / name
        (folder.parent / "kept").mkdir(exist_ok=True)
        if there.exists():
            shutil.move(there, folder.parent / "kept" / Path(name).name)
        there.write_text("a file\n")

    return put


def tsv_is_a_folder(folder: Path) -> None:
    """Put a folder where the rows belong."""
    (folder / TSV).unlink()
    (folder / TSV / "something").mkdir(parents=True)


def ledger_is_a_folder(folder: Path) -> None:
    """Put a folder where the ledger belongs."""
    (folder / LEDGER).unlink()
    (folder / LEDGER / "something").mkdir(parents=True)


WRONG = {
    "directory": None,
    "images": _in_place_of(IMAGES),
    "genre": _in_place_of(f"{IMAGES}/Jazz"),
    "split": _in_place_of("split"),
    "set": _in_place_of("split/train"),
    "tsv": tsv_is_a_folder,
    "ledger": ledger_is_a_folder,
}
# Who must say so; the others may get along without it.
MUST_SAY = {
    "directory": set(COMMANDS),
    "images": {"download", "processes", "split", "run"},
    "genre": {"download", "processes", "run"},
    "split": {"split", "run", "verify"},
    "set": {"split", "run"},
    "tsv": set(COMMANDS),
    "ledger": {"fetch", "download", "processes", "split", "covers", "status", "run", "repair"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_folder_or_no_file_is_one_line(
    tmp_path: Path, forks: Forks, whole: Whole, wrong: str
) -> None:
    """Every command ends well or says in one line what is in its way; nothing is lost."""
    make_wrong = WRONG[wrong]
    for name, args in COMMANDS.items():
        folder = tmp_path / name / "data"
        folder.parent.mkdir()
        if make_wrong is None:
            folder.write_text("a file\n")
            before = {}
        else:
            whole.copy(folder)
            make_wrong(folder)
            before = content(folder)
        ended = run(forks, folder, whole, *args)
        assert "Traceback" not in ended.err, (name, ended.err)
        if ended.code or name in MUST_SAY[wrong]:
            line = refused(ended)
            assert str(folder) in line, (name, line)
        if make_wrong is None:
            assert folder.read_text() == "a file\n"
            if name in {"status", "repair"}:
                assert "this is a file; expected the dataset's folder" in ended.err
        else:
            now = content(folder)
            kept = {file for file in before if file.startswith(("equigen_album_images", "kept"))}
            assert {file: now.get(file) for file in kept} == {file: before[file] for file in kept}
            assert name in {"clean", "balance", "run", "fetch"} or now.get(TSV) == before.get(TSV)
