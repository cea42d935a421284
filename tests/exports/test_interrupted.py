"""Exports that are killed, or find no room: the export is the old one, the new one or not there."""

import shutil
import signal
from pathlib import Path

import pytest
from disks import Disk
from exported import albums, files_of, filled, run_export
from forks import Forks
from kills import Case, copy_over, kill_often


def content(out: Path) -> dict[str, bytes]:
    """Return the bytes of the files of an export, whatever lies beside it."""
    return {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file()
    }


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("args", "number", "kills"),
    [
        (("imagefolder", "out"), signal.SIGKILL, 20),
        (("imagefolder", "out", "--size", "16"), signal.SIGKILL, 20),
        (("imagefolder", "out"), signal.SIGTERM, 6),
        (("parquet", "out", "--shard-mb", "1"), signal.SIGKILL, 20),
        (("webdataset", "out", "--shard-mb", "1"), signal.SIGKILL, 20),
    ],
)
@pytest.mark.parametrize("is_refresh", [False, True])
def test_killed_at_any_moment(
    tmp_path: Path,
    forks: Forks,
    args: tuple[str, ...],
    number: int,
    kills: int,
    *,
    is_refresh: bool,
) -> None:
    """What lies in its place is whole; the next run ends what the kill cut off, and sweeps."""
    kept, folder, out = tmp_path / "kept", tmp_path / "data", tmp_path / "out"
    size, shard_mb = (int(flag in args) for flag in ("--size", "--shard-mb"))
    old = tmp_path / "old"
    filled(kept, albums(30))
    run_export(kept, old, args[0], size=16 * size, shard_mb=shard_mb)
    filled(kept, albums(60))
    if is_refresh:  # albums stay in their shards, so that it isn't what is made from nothing
        shutil.copytree(old, tmp_path / "new")
    run_export(kept, tmp_path / "new", args[0], size=16 * size, shard_mb=shard_mb)
    allowed = [files_of(tmp_path / "new"), *([files_of(old)] if is_refresh else [])]

    def restore() -> None:
        copy_over(kept, folder)
        for name in ("out", ".out.part", ".out.old"):
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        if is_refresh:
            shutil.copytree(old, out)

    def check() -> None:
        if out.exists():
            assert content(out) in allowed

    def compare() -> None:
        assert files_of(out) == allowed[0]

    case = Case(folder, ("export", *args), restore, check, compare)
    kill_often(forks, case, kills=kills, seed=20, number=number)


def test_a_full_disk_is_one_line_and_with_room_it_goes_on(tmp_path: Path, disk: Disk) -> None:
    """The earlier export stays as it was, however little room is left."""
    kept, new = tmp_path / "kept", tmp_path / "new"
    filled(kept, albums(40))
    run_export(kept, kept / "out", size=16)
    old = files_of(kept / "out")
    filled(kept, albums(80))
    args = ("export", "imagefolder", str(disk.data / "out"), "--size", "16")
    run_export(kept, new, size=16)
    failed = []
    for free_kb in (0, 8, 40, 120, 240):
        disk.mount(size_kb=16_384, content=kept)
        disk.fill(free_kb=free_kb)
        ended = disk.run(*args)
        now = content(disk.copy_out(tmp_path / "seen") / "out")
        if ended.code:
            failed.append(free_kb)
            (line,) = ended.err.splitlines()
            assert "no space left" in line.lower(), line
            assert "run the same command again" in line
            assert now == old
            disk.make_room()
            again = disk.run(*args)
            assert again.code == 0, again.err
            now = files_of(disk.copy_out(tmp_path / "seen") / "out")
        assert now == files_of(new)
        disk.unmount()
    assert len(failed) > 1, failed
