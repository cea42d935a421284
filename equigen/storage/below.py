"""Read, move, copy, link and remove files below a folder, through no link.

A dataset's folder may come from a stranger. A link in the place of a label's folder or of a cover
would lead a copy to a secret, and a move out of the dataset. So the names of a path are opened one
after another, each in the folder opened before (openat), and none may be a link: what another
process puts into the place between a check and its use changes nothing. Where the system has no
such calls (Windows), each name is looked at before it is used.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from equigen.schema import MULTI

# The name of a copy until it is whole: hidden, and with no picture's suffix.
UNFINISHED: Final = ".new-copy"
_CHUNK_BYTES: Final = 1 << 20
_USED: Final = {os.open, os.stat, os.mkdir, os.rmdir, os.unlink, os.rename, os.link, os.symlink}
_HAS_DIR_FD: Final = os.supports_dir_fd >= _USED
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_COMMON: Final = getattr(os, "O_CLOEXEC", 0) | _NO_FOLLOW
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _COMMON
# A pipe without a writer would be waited for.
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _COMMON
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | _COMMON
_APPEND: Final = _NEW & ~os.O_EXCL | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_MODE = 0o777
# Windows' other kind of link, which Python knows since 3.12.
_is_junction: Final = getattr(os.path, "isjunction", lambda _: False)


class Entry(NamedTuple):
    """Name in an open folder (a file descriptor), or a whole path where `folder` is None."""

    folder: int | None
    name: str

    def stat(self) -> os.stat_result:
        """Return the state of what has the name, a link's own."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)

    def beside(self, name: str) -> "Entry":
        """Return another name in the same folder."""
        is_open = self.folder is not None
        return Entry(self.folder, name if is_open else str(Path(self.name).with_name(name)))

    def remove(self) -> None:
        """Remove the file or link that has the name, if any."""
        with suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self.folder)

    def replace(self, target: "Entry") -> None:
        """Give the file another name, of which the file or link there is replaced."""
        os.replace(self.name, target.name, src_dir_fd=self.folder, dst_dir_fd=target.folder)


@dataclass(frozen=True, slots=True)
class FileBelow:
    """A file below a folder: `root` may be a link as a whole, no name of `path` may be one.

    `path` has slashes between its names; `folder` is the folder of the last one where that is open
    (`files_in`). All methods raise `OSError`; a link that is in the way is
    one of errno ELOOP, anything but a regular file one of EINVAL.
    """

    root: Path
    path: str
    folder: int | None = field(default=None, repr=False, compare=False)

    def __fspath__(self) -> str:
        return f"{self.root}/{self.path}"

    def __str__(self) -> str:
        """Return the whole path."""
        return f"{self.root}/{self.path}"

    def open(self) -> BufferedReader:
        """Open the file for reading."""
        with self.entry() as entry:
            self._require_regular(entry.stat())
            opened = _regular(os.open(entry.name, _READ, dir_fd=entry.folder), self)
        return os.fdopen(opened, "rb")

    def create(self) -> BinaryIO:
        """Open a new file for writing; a file or link in its place is removed first."""
        with self.entry(makes=True) as entry:
            try:
                made = os.open(entry.name, _NEW, dir_fd=entry.folder)
            except FileExistsError:
                entry.remove()
                made = os.open(entry.name, _NEW, dir_fd=entry.folder)
        return os.fdopen(made, "wb")

    def append(self) -> BinaryIO:
        """Open the file, or a new one, for writing at its end."""
        with self.entry(makes=True) as entry:
            with suppress(FileNotFoundError):
                self._require_regular(entry.stat())
            opened = _regular(os.open(entry.name, _APPEND, dir_fd=entry.folder), self)
        return os.fdopen(opened, "ab")

    def read(self) -> bytes:
        """Return the bytes of the file."""
        with self.open() as file:
            return file.read()

    def stat(self) -> os.stat_result:
        """Return the state of the file."""
        with self.entry() as entry:
            found = entry.stat()
        self._require_regular(found)
        return found

    def size_bytes(self) -> int:
        """Return the size of the file, -1 where there is none, or anything else in its place.

        Raises:
            OSError: it may be there: no permission, a disk that fails.

        """
        found = self.state()
        return found.st_size if found else -1

    def exists(self) -> bool:
        """Tell whether there is such a file."""
        return self.size_bytes() >= 0

    def link_text(self) -> str:
        """Return the text of a symbolic link that lies in the file's place, "" where none does."""
        try:
            with self.entry() as entry:
                return os.readlink(entry.name, dir_fd=entry.folder)
        except OSError as err:
            if err.errno in {errno.EINVAL, *_ABSENT}:
                return ""
            raise

    def state(self) -> os.stat_result | None:
        """Return the state of the file, None where there is none, or anything else in its place."""
        try:
            return self.stat()
        except OSError as err:
            if err.errno in {errno.EINVAL, *_ABSENT}:
                return None
            raise

    def is_same_as(self, other: "FileBelow") -> bool:
        """Tell whether two files are one, by hard links."""
        one, two = self.state(), other.state()
        return one is not None and two is not None and os.path.samestat(one, two)

    def make_folder(self) -> None:
        """Make the folder that the file is to lie in."""
        with self.entry(makes=True):
            pass

    def remove(self) -> None:
        """Remove the file, or the link that lies in its place, if any."""
        with suppress(FileNotFoundError), self.entry() as entry:
            entry.remove()

    def move(self, to: "FileBelow") -> None:
        """Move the file, also to another disk; what lies at the target is replaced."""
        with self.entry() as source, to.entry(makes=True) as target:
            self._require_regular(source.stat())
            try:
                source.replace(target)
            except OSError as err:
                if err.errno != errno.EXDEV:
                    raise
            else:
                return
        self.copy(to)
        self.remove()

    def copy(self, to: "FileBelow") -> None:
        """Copy the file with its date and mode; what lies at the target is replaced at once."""
        with self.open() as source, to.entry(makes=True) as target:
            beside = target.beside(UNFINISHED)
            beside.remove()
            with os.fdopen(os.open(beside.name, _NEW, dir_fd=beside.folder), "wb") as copy:
                shutil.copyfileobj(source, copy, _CHUNK_BYTES)
                copy.flush()
                was = os.fstat(source.fileno())
                if hasattr(os, "fchmod"):
                    os.fchmod(copy.fileno(), stat.S_IMODE(was.st_mode) & _MODE)
            times = (was.st_atime_ns, was.st_mtime_ns)
            os.utime(beside.name, ns=times, dir_fd=beside.folder, follow_symlinks=False)
            beside.replace(target)

    def link(self, to: "FileBelow") -> None:
        """Make a hard link to the file; what lies at the target is replaced at once."""
        with self.entry() as source, to.entry(makes=True) as target:
            beside = target.beside(UNFINISHED)
            beside.remove()
            os.link(
                source.name, beside.name,
                src_dir_fd=source.folder, dst_dir_fd=beside.folder, follow_symlinks=False,
            )  # fmt: skip
            try:
                self._require_regular(beside.stat())
                beside.replace(target)
            finally:
                beside.remove()  # renamed onto a link to the same file, the name stays

    def symlink(self, to: "FileBelow") -> None:
        """Make a relative symbolic link to the file; nothing may lie at the target."""
        with to.entry(makes=True) as target:
            os.symlink(self.relative_to(to), target.name, dir_fd=target.folder)

    def relative_to(self, place: "FileBelow") -> str:
        """Return the text of a symbolic link in another file's place that leads to this one."""
        return os.path.relpath(self, Path(place).parent)

    @contextmanager
    def entry(self, *, makes: bool = False) -> Iterator[Entry]:
        """Open the folder that the file lies in; with `makes`, make it."""
        *folders, name = self.path.split("/")
        if not name or any(each in {"", ".", ".."} for each in (*folders, name)):
            raise OSError(errno.EINVAL, "expected a path of plain names", str(self))
        if not _HAS_DIR_FD:
            if makes:
                self.root.mkdir(parents=True, exist_ok=True)
            yield Entry(None, self._looked_at(folders, name, makes=makes))
            return
        opened = self._opened_root(makes=makes) if self.folder is None else self.folder
        try:
            for number, folder in enumerate(folders if self.folder is None else (), start=1):
                try:
                    inner = _opened_folder(folder, opened, makes=makes)
                except OSError as err:
                    raise self._in_the_way(err, folders[:number]) from err
                os.close(opened)
                opened = inner
            yield Entry(opened, name)
        except OSError as err:  # which names what was opened, in a folder that it doesn't name
            names = {name, UNFINISHED}
            if err.filename in names:
                err.filename = str(self)
            if err.filename2 in names:
                err.filename2 = str(self)
            raise
        finally:
            if self.folder is None:
                os.close(opened)

    def _opened_root(self, *, makes: bool) -> int:
        """Open the root, which as a whole may be a link."""
        try:
            return os.open(self.root, _FOLDER & ~_NO_FOLLOW)
        except FileNotFoundError:
            if not makes:
                raise
        self.root.mkdir(parents=True, exist_ok=True)
        return os.open(self.root, _FOLDER & ~_NO_FOLLOW)

    def _looked_at(self, folders: list[str], name: str, *, makes: bool) -> str:
        place = self.root
        for folder in folders:
            place /= folder
            if makes:
                place.mkdir(exist_ok=True)
            if place.is_symlink() or _is_junction(place):
                raise _link_error(place, self.root)
        return str(place / name)

    def _in_the_way(self, err: OSError, folders: list[str]) -> OSError:
        place = self.root.joinpath(*folders)
        if err.errno in {errno.ENOTDIR, errno.ELOOP} and place.is_symlink():
            return _link_error(place, self.root)
        return OSError(err.errno, err.strerror, str(place))

    def _require_regular(self, found: os.stat_result) -> None:
        if stat.S_ISLNK(found.st_mode):
            raise _link_error(Path(self), self.root)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(self))


@contextmanager
def files_in(root: Path, folder: str) -> Iterator[Callable[[str], FileBelow]]:
    """Open a folder below another one once for many of its files; give the file of each name."""
    with FileBelow(root, f"{folder}/{UNFINISHED}").entry() as entry:
        yield lambda name: FileBelow(root, f"{folder}/{name}", entry.folder)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, at a path that the user chose: links are followed.

    Raises:
        OSError: it can't be opened, or is a pipe, a device or a folder (errno EINVAL).

    """
    return os.fdopen(_regular(os.open(path, _READ & ~_NO_FOLLOW), path), "rb")


def read_regular(path: str) -> bytes:
    """Return the bytes of a regular file, which no link may stand for.

    Raises:
        OSError: it can't be read, or is a link (errno ELOOP), a pipe or a folder (EINVAL).

    """
    opened = _regular(os.open(path, _READ), path)
    try:
        size_bytes = os.fstat(opened).st_size
        parts = [os.read(opened, size_bytes + 1)]
        if len(parts[0]) != size_bytes:  # the system doesn't tell it, or it is being written
            while more := os.read(opened, _CHUNK_BYTES):
                parts.append(more)
    finally:
        os.close(opened)
    return b"".join(parts) if len(parts) > 1 else parts[0]


def _regular(opened: int, path: str | os.PathLike[str]) -> int:
    """Return an open file, and refuse all but a regular one."""
    if stat.S_ISREG(os.fstat(opened).st_mode):
        return opened
    number = errno.EISDIR if stat.S_ISDIR(os.fstat(opened).st_mode) else errno.EINVAL
    os.close(opened)
    raise OSError(number, "not a regular file", str(path))


def _opened_folder(name: str, within: int, *, makes: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=within)
    except FileNotFoundError:
        if not makes:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=within)
    return os.open(name, _FOLDER, dir_fd=within)


def files_below(root: Path, within: str = "") -> Iterator[str]:
    """Return the path of each regular file in the folders of a folder, "Label/name.jpg".

    Links, and files whose names begin with a dot, are left out. Folders are listed, since a stat
    for each of a million files takes three times as long.

    Raises:
        OSError: as `folders_below` has it.

    """
    return (path for path, _ in entries_below(root, within))


def entries_below(root: Path, within: str = "") -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield what `files_below` does, and the file's entry in its folder."""
    for label in folders_below(root, within):
        # Another stage may be at work, and remove an empty folder.
        with suppress(FileNotFoundError), os.scandir(root / within / label) as files:
            for file in files:
                if file.is_file(follow_symlinks=False) and not file.name.startswith("."):
                    yield f"{label}/{file.name}", file


def folders_below(root: Path, within: str = "") -> list[str]:
    """Return the names of the folders in `root`, or in the folder called `within` there, sorted.

    The folders in the one called `MULTI` are named as well, "multi/name".

    Raises:
        OSError: a folder can't be read; one is a link (errno ELOOP).

    """
    place = root / within
    if within and place.is_symlink():
        raise _link_error(place, root)
    names = []
    for above in ("", f"{MULTI}/"):
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place / above) as found:
            for each in found:
                if each.is_dir() and each.is_symlink():
                    raise _link_error(Path(each.path), root)
                if each.is_dir():
                    names.append(above + each.name)
    return sorted(names)


def _link_error(place: Path, root: Path) -> OSError:
    why = (
        f"a symbolic link leads from there to {os.path.realpath(place)}; expected none below"
        f" {root}, which may be one as a whole"
    )
    return OSError(errno.ELOOP, why, str(place))
