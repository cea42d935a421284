"""A disk that may not be written, and files where folders belong: one line, and nothing is lost."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disks import Disk
from forks import UNPRIVILEGED, Ended, Forks
from kills import IMAGES, TSV
from reports import jpeg
from support import program_env, sandbox_env
from wholes import LEDGER, Whole, make_whole, small_catalogue

COMMANDS: dict[str, tuple[str, ...]] = {
    "fetch": ("fetch", "--label", "Jazz", "--genre-limit", "14"),
    "clean": ("clean",),
    "dedupe": ("dedupe",),
    "covers": ("dedupe", "--covers", "--drop"),
    "balance": ("balance", "--per-label", "2"),
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


@pytest.mark.long
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


@pytest.fixture(scope="module")
def unprivileged() -> Iterator[Forks]:
    """Runs that permissions keep out; root's do as well, where root can give its rights away."""
    is_root = hasattr(os, "geteuid") and not os.geteuid()
    if is_root and not shutil.which(UNPRIVILEGED[0]):
        pytest.skip("permissions don't keep root out, and there is no setpriv")
    with Forks(within=UNPRIVILEGED if is_root else ()) as opened:
        yield opened


def test_a_folder_without_permission_is_one_line(
    tmp_path: Path, unprivileged: Forks, whole: Whole
) -> None:
    """The folder may be read, and not written."""
    folder = whole.copy(tmp_path / "data")
    before = content(folder)
    for name, args in COMMANDS.items():
        with closed(folder, 0o500):
            ended = run(unprivileged, folder, whole, *args)
        if not (name in READERS and ended.code == 0):
            assert "ermission" in refused(ended)
        assert content(folder) == before


@contextmanager
def closed(place: Path, mode: int = 0) -> Iterator[None]:
    """Let a file or folder have other permissions meanwhile."""
    before = place.stat().st_mode
    place.chmod(mode)
    try:
        yield
    finally:
        place.chmod(before)


COVERS = {"covers", "download", "processes", "split", "run", "repair", "report"}
SPLITS = {"covers", "split", "run", "verify"}
# Commands that must say that they are kept out; the others may do without that folder.
KEPT_OUT = {
    "..": set(COMMANDS),
    ".": set(COMMANDS),
    IMAGES: COVERS,
    f"{IMAGES}/Jazz": COVERS,
    "split": SPLITS,
    "split/train": SPLITS,
    "split/train/Jazz": SPLITS,
}


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("name", "has_ledger"),
    [*((name, True) for name in KEPT_OUT), *((name, False) for name in (IMAGES, "split"))],
)
def test_a_folder_that_may_not_be_entered_is_one_line(
    tmp_path: Path, unprivileged: Forks, whole: Whole, name: str, *, has_ledger: bool
) -> None:
    """No command takes what it can't see for what isn't there; the line names the folder."""
    for command, args in COMMANDS.items():
        folder = tmp_path / command / "data"
        folder.parent.mkdir()
        whole.copy(folder)
        place = (folder / name).resolve()
        if not has_ledger:
            (folder / LEDGER).unlink()
        own = {LEDGER, TSV} if command == "run" else {LEDGER}  # stages that come before may write
        before = {file: body for file, body in content(folder).items() if file not in own}
        with closed(place):
            ended = run(unprivileged, folder, whole, *args, cwd=tmp_path)
        assert "Traceback" not in ended.err, (command, ended.err)
        if ended.code and "the ledger is missing" not in ended.err:
            line = refused(ended)
            assert "ermission" in line, (command, line)
            assert str(place) in line, (command, line)
        if has_ledger:
            assert ended.code or command not in KEPT_OUT[name], command
        if ended.code:
            now = content(folder)
            assert {file: now.get(file) for file in before} == before, command


FILES = {
    "row": (TSV, {"clean", "download", "counts", "status", "repair", "report"}, "can't be read"),
    "cover": (f"{IMAGES}/Jazz/*.jpg", {"repair"}, "can't be read"),
    "in a set": ("split/train/Jazz/*.jpg", {"verify"}, "can't be read"),
    "sets": ("split/split.tsv", {"verify"}, "can't be read"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_may_not_be_read_is_said_to_be_so(
    tmp_path: Path, unprivileged: Forks, whole: Whole, kind: str
) -> None:
    """It isn't a lack of room: the line says to mend the permissions, and nothing is replaced."""
    pattern, commands, words = FILES[kind]
    folder = whole.copy(tmp_path / "data")
    file = min(folder.glob(pattern))
    before = content(folder)
    for command in sorted(commands):
        with closed(file):
            line = refused(run(unprivileged, folder, whole, *COMMANDS[command]))
        assert words in line
        assert "ermission" in line
        assert "room" not in line
        assert str(file) in line
        assert {**content(folder), LEDGER: b""} == {**before, LEDGER: b""}
    if kind == "cover":
        with closed(file):
            line = refused(run(unprivileged, folder, whole, "download", "--verify"))
        assert str(file) in line
        assert file.read_bytes() == before[str(file.relative_to(folder))]


def test_sets_that_are_read_again_need_permission(
    tmp_path: Path, unprivileged: Forks, whole: Whole
) -> None:
    """A repair without a ledger reads split.tsv, or else the sets: neither is taken for nothing."""
    for name in ("split", "split/split.tsv"):
        folder = whole.copy(tmp_path / name.replace("/", " "))
        (folder / LEDGER).unlink()
        with closed(folder / name):
            line = refused(run(unprivileged, folder, whole, "repair"))
        assert str(folder / name) in line
        assert "permissions" in line
        assert not (folder / LEDGER).exists()


def test_settings_that_may_not_be_reached_are_one_line(
    tmp_path: Path, unprivileged: Forks, whole: Whole
) -> None:
    """The folder of config.toml may not be entered."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "config.toml").write_text("")
    with closed(tmp_path / "closed"):
        ended = run(
            unprivileged, tmp_path / "data", whole, "status", "--config", "closed/config.toml"
        )
    assert "closed/config.toml: can't be used: Permission denied" in refused(ended)


def run(forks: Forks, folder: Path, whole: Whole, *args: str, cwd: Path | None = None) -> Ended:
    """Run the program on a folder."""
    env = sandbox_env(whole.sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder))
    return forks.run(*args, cwd=cwd or folder.parent, env=program_env(**env))


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
# Commands that must say so; the others may do without it.
MUST_SAY = {
    "directory": set(COMMANDS),
    "images": {"download", "processes", "split", "run"},
    "genre": {"download", "processes", "run"},
    "split": {"split", "run", "verify"},
    "set": {"split", "run"},
    "tsv": set(COMMANDS),
    "ledger": {"fetch", "download", "processes", "split", "covers", "status", "run", "repair"},
}


@pytest.mark.long
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


def test_a_picture_of_others_that_may_not_be_read_is_named(
    tmp_path: Path, unprivileged: Forks
) -> None:
    """Not its hard link, which an audit and an import make first."""
    file = tmp_path / "theirs" / "Jazz" / "a.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(jpeg(1))
    env = program_env(**sandbox_env("http://127.0.0.1:9"))
    with closed(file):
        for args in (("audit", "theirs"), ("import", "theirs", "--directory", "ours")):
            line = refused(unprivileged.run(*args, cwd=tmp_path, env=env))
            assert ": theirs/Jazz/a.jpg: can't be read" in line
