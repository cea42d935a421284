"""A file of which not all may be there: NAME.part beside its place, until its bytes are proven.

NAME.part.json says which version of the file the bytes are of, so that another run knows whether it
can go on with them. It is written before the first of them.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from equigen.dumps.ranges import Version
from equigen.errors import StorageError
from equigen.storage.atomic import write_bytes
from equigen.storage.os_errors import translating_os_errors

PART = ".part"
_WRONG = ".wrong"
_BLOCK_BYTES = 1024 * 1024


class Part:
    """What is there of `target`, a file that must have a SHA-256; made anew, it reads what is.

    `advance` hears of each count of bytes as they are read or written, and of minus all of them
    where they are given up.
    """

    def __init__(self, target: Path, sha256: str, advance: Callable[[int], None]) -> None:
        self.target, self.sha256 = target, sha256
        self.version = Version()
        self.size_bytes = 0
        self._advance = advance
        self._path, self._notes = _beside(target)
        self._hash = hashlib.sha256()
        self._take_up()

    @property
    def is_whole(self) -> bool:
        """Whether as many bytes are there as the host announced."""
        return self.size_bytes == self.version.size_bytes

    @property
    def has_sha256(self) -> bool:
        """Whether the bytes that are there are the whole file and the right one."""
        return self.size_bytes > 0 and self.got() == self.sha256

    def got(self) -> str:
        """Return the SHA-256 of what is there."""
        return self._hash.hexdigest()

    def begin(self, version: Version) -> None:
        """Give up what is there: bytes of `version` follow.

        Raises:
            StorageError: the disk refuses, or has surely no room for all of it.

        """
        self.discard()
        with translating_os_errors(self._path):
            self._path.touch()
        told = {"sha256": self.sha256, **version._asdict()}
        write_bytes(self._notes, json.dumps(told, indent=2).encode())
        self.version = version
        try:
            self.require_room()
        except StorageError:
            self.discard()  # nothing of it came
            raise

    def require_room(self) -> None:
        """Make sure that the disk can hold what is still to come, as far as that is known.

        Raises:
            StorageError: it surely can't.

        """
        missing = self.version.size_bytes - self.size_bytes
        with translating_os_errors(self._path):
            free = shutil.disk_usage(self._path.parent).free
        if missing > free:
            msg = (
                f"{self._path}: {missing:,} more bytes are expected, but only {free:,} are free on"
                " its disk. Make room, or set dumps.directory to another disk, then run again."
            )
            raise StorageError(msg)

    @contextmanager
    def writing(self) -> Iterator[Callable[[bytes], None]]:
        """Open the part and give a function that adds bytes to it; what was added stays there.

        Raises:
            StorageError: the disk refuses: full, or no permission.

        """
        with translating_os_errors(self._path), self._path.open("ab") as file:

            def add(chunk: bytes) -> None:
                file.write(chunk)
                self._hash.update(chunk)
                self.size_bytes += len(chunk)
                self._advance(len(chunk))

            yield add
            file.flush()
            os.fsync(file.fileno())

    def put_in_place(self) -> None:
        """Let the part, whose SHA-256 must be right, become the file.

        A file that is there already, a wrong one then, is kept as NAME.wrong.
        """
        with translating_os_errors(self.target):
            if self.target.exists():
                self.target.replace(self.target.with_name(self.target.name + _WRONG))
            self._path.replace(self.target)
        remove_part(self.target)

    def discard(self) -> None:
        """Give up what is there, if anything is."""
        remove_part(self.target)
        self._advance(-self.size_bytes)
        self._hash = hashlib.sha256()
        self.size_bytes, self.version = 0, Version()

    def _take_up(self) -> None:
        version = self._noted()
        if version and self._path.is_file():
            self.version = version
            self.size_bytes = _read(self._path, self._hash.update, self._advance)
        is_wrong = self.is_whole and not self.has_sha256
        if not version or is_wrong or 0 <= self.version.size_bytes < self.size_bytes:
            self.discard()

    def _noted(self) -> Version | None:
        """Return the version of which a part is there; `None` where that isn't sure."""
        try:
            told: dict[str, object] = json.loads(self._notes.read_bytes())
            etag, last_modified, size_bytes = (told[name] for name in Version._fields)
            ours = told["sha256"] == self.sha256
        except (OSError, ValueError, KeyError, TypeError):
            return None
        texts = isinstance(etag, str) and isinstance(last_modified, str)
        if not (ours and texts and isinstance(size_bytes, int)):
            return None
        return Version(str(etag), str(last_modified), size_bytes)


def remove_part(target: Path) -> None:
    """Remove the part of a file that isn't needed any more, if there is one.

    Raises:
        StorageError: the disk refuses.

    """
    path, notes = _beside(target)
    with translating_os_errors(path):
        notes.unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def sha256_of(path: Path, advance: Callable[[int], None]) -> str:
    """Return a file's SHA-256; `advance` hears of each count of bytes read.

    Raises:
        StorageError: it can't be read.

    """
    digest = hashlib.sha256()
    _read(path, digest.update, advance)
    return digest.hexdigest()


class _Places(NamedTuple):
    part: Path
    notes: Path


def _beside(target: Path) -> _Places:
    part = target.with_name(target.name + PART)
    return _Places(part, part.with_name(part.name + ".json"))


def _read(path: Path, use: Callable[[bytes], None], advance: Callable[[int], None]) -> int:
    size_bytes = 0
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK_BYTES):
                use(block)
                size_bytes += len(block)
                advance(len(block))
    except OSError as err:
        msg = f"{path}: can't be read: {err.strerror or err}. Check the disk, then run again."
        raise StorageError(msg) from err
    return size_bytes
