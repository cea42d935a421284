"""A small disk of its own, seen by nobody else: filled up, made read-only, emptied again."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forks import APART, Ended, Forks
from support import program_env, sandbox_env

_FILLER = "filler"


def can_mount() -> bool:
    """Tell whether a process of ours may mount a disk for itself."""
    if not shutil.which(APART[0]):
        return False
    probe = "mount -t tmpfs tmpfs /mnt"
    done = subprocess.run([*APART, "sh", "-c", probe], capture_output=True, check=False)
    return not done.returncode


@dataclass
class Disk:
    """A disk at `place`, of some size; `data` on it is the dataset's folder."""

    forks: Forks
    place: Path
    base_url: str = "http://127.0.0.1:9"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The dataset's folder."""
        return self.place / "data"

    def mount(self, *, size_kb: int, content: Path | None = None) -> None:
        """Mount it anew, with what a folder holds as the dataset."""
        self.place.mkdir(exist_ok=True)
        # The last one is only hidden by the next: all go with the process that mounted them.
        self.forks.shell("mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", self.place)
        self.forks.shell("mkdir", self.data)
        if content:
            self.forks.shell("cp", "-a", f"{content}/.", self.data)

    def unmount(self) -> None:
        """Give its memory back."""
        self.forks.shell("umount", "-l", self.place)

    def fill(self, *, free_kb: int) -> None:
        """Leave so much room."""
        filler = self.place / _FILLER
        script = (
            f"dd if=/dev/zero of='{filler}' bs=4k 2>/dev/null; truncate -s -{free_kb}k '{filler}'"
        )
        self.forks.shell("sh", "-c", script)

    def make_room(self) -> None:
        """Take the filler away."""
        self.forks.shell("rm", self.place / _FILLER)

    def read_only(self, *, on: bool) -> None:
        """Let nobody write any more, or again."""
        self.forks.shell("mount", "-o", f"remount,{'ro' if on else 'rw'}", self.place)

    def copy_out(self, folder: Path) -> Path:
        """Return a copy of the dataset where everybody sees it."""
        shutil.rmtree(folder, ignore_errors=True)
        self.forks.shell("cp", "-a", self.data, folder)
        return folder

    def run(self, *args: str) -> Ended:
        """Run the program on it."""
        env = sandbox_env(self.base_url, EQUIGEN_DATASET__DIRECTORY=str(self.data), **self.settings)
        return self.forks.run(*args, cwd=self.place.parent, env=program_env(**env))
