"""A disk that only this process and its children see: it can be full, or take no writes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

# A process in a namespace of its own is root there, and may mount disks that no other sees.
_APART = ("unshare", "--user", "--map-root-user", "--mount")
_IS_APART = "BENCH_IS_APART"
_SIZE = "8g"
_KIB = 1024


def go_apart() -> bool:
    """Start this program again where it may mount; tell whether it may, where it goes on."""
    if not os.environ.get(_IS_APART) and _may_go():
        words = [*_APART, sys.executable, *sys.argv]
        os.execvpe(words[0], words, {**os.environ, _IS_APART: "1"})  # noqa: S606  (itself)
    return bool(os.environ.get(_IS_APART))


def _may_go() -> bool:
    if not shutil.which(_APART[0]):
        return False
    words = [*_APART, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return not subprocess.run(words, capture_output=True, check=False).returncode


class OwnDisk:
    """A disk in memory, mounted at a folder while it is used as a context.

    What lies on it in the end stays in the folder.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> Self:
        self._place.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", self._place)
        return self

    def __exit__(self, *_: object) -> None:
        kept = self._place.with_name(f"{self._place.name}.kept")
        _run("cp", "-a", self._place, kept)
        _run("umount", self._place)
        self._place.rmdir()
        kept.rename(self._place)

    def leave(self, free_kib: int) -> None:
        """Leave so much room and no more."""
        disk = os.statvfs(self._place)
        used_kib = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // _KIB
        self._remount(f"size={used_kib + free_kib}k")

    def refuse_writes(self) -> None:
        """Take no writes from now on."""
        self._remount("ro")

    def mend(self) -> None:
        """Have all room again, and take writes."""
        self._remount(f"rw,size={_SIZE}")

    def _remount(self, options: str) -> None:
        _run("mount", "-o", f"remount,{options}", self._place)


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True)
