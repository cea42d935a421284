"""A store for tests: a folder that fails so often as it is told, in a way that it is told."""

import os
from collections import Counter
from pathlib import Path
from typing import ClassVar, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

FAULTS: Final = ("refused", "torn", "spoilt", "lost", "unlisted", "kept")


class Shaky(LocalFileSystem):
    """A store in which so many calls fail as `faults` has, by the way; `put` counts all sent."""

    protocol = "shaky"
    faults: ClassVar[Counter[str]] = Counter()
    put: ClassVar[Counter[str]] = Counter()
    most_put: ClassVar[int] = 1_000_000

    @classmethod
    def reset(cls, *, most_put: int = 1_000_000, **faults: int) -> None:
        """Count anew, with these faults, and with none that is sent after so many files."""
        cls.faults.clear()
        cls.faults.update(faults)
        cls.put.clear()
        cls.most_put = most_put

    def _fails(self, how: str) -> bool:
        self.faults[how] -= 1
        return self.faults[how] >= 0

    def put_file(self, path1: str, path2: str, callback: object = None, **more: object) -> None:
        """Copy a file, or a part of it, or other bytes."""
        self.put[Path(path2).name] += 1
        if self._fails("refused") or self.put.total() > self.most_put:
            raise OSError
        super().put_file(path1, path2, callback, **more)
        size_bytes = Path(path2).stat().st_size
        if self._fails("torn"):
            os.truncate(path2, size_bytes // 2)
            raise TimeoutError
        if self._fails("spoilt"):
            Path(path2).write_bytes(bytes(size_bytes))
        if self._fails("lost"):
            raise ConnectionResetError

    def find(self, path: str, *args: object, **more: object) -> object:
        """List the files, or fail."""
        if self._fails("unlisted"):
            raise ConnectionAbortedError
        return super().find(path, *args, **more)

    def rm_file(self, path: str) -> None:
        """Remove a file, or fail."""
        if self._fails("kept"):
            raise OSError
        super().rm_file(path)


fsspec.register_implementation("shaky", Shaky, clobber=True)
