"""Files and folders made, copied and moved so that no link that lies there leads elsewhere."""

import errno
import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final

from equigen.errors import StorageError
from equigen.storage.os_errors import translating_os_errors, translating_read_errors

_CHUNK_BYTES: Final = 1 << 20
# What a file is called on another disk until it is whole: hidden, and of no picture's kind.
_MOVED: Final = ".new-moved"


def open_new(path: str | Path) -> BinaryIO:
    """Open a file that wasn't there; what lay in its place, a link for instance, is gone."""
    # As strings: a path as an object takes longer than a small file.
    try:
        return open(path, "xb")  # noqa: PTH123
    except FileExistsError:
        os.unlink(path)  # noqa: PTH108
        return open(path, "xb")  # noqa: PTH123


def copy_file(source: Path, target: Path) -> None:
    """Copy a file with its dates to where none is; a link there is replaced, not followed."""
    with translating_read_errors(source):
        original = source.open("rb")
    with original, open_new(target) as copy:
        shutil.copyfileobj(original, copy, _CHUNK_BYTES)
    shutil.copystat(source, target)


def move_file(source: Path, target: Path) -> None:
    """Move a file in place of `target`, also from disk to disk; a link there is not followed."""
    try:
        source.replace(target)
    except OSError as err:
        if err.errno != errno.EXDEV:
            raise
        beside = target.with_name(_MOVED)
        copy_file(source, beside)
        beside.replace(target)
        source.unlink()


def make_folder(folder: Path, *, within: Path) -> None:
    """Make a folder below `within`, which may be a link to another disk; nothing below it may.

    Raises:
        StorageError: the folder is a link that leads out, or the disk refuses.

    """
    with translating_os_errors(folder):
        real, root = (Path(os.path.realpath(each)) for each in (folder, within))  # also in circles
        if not real.is_relative_to(root):
            msg = (
                f"{folder}: a symbolic link leads from there to {real}, out of {within}; expected a"
                f" folder. Nothing was written there. Remove the link; only {within} as a whole may"
                " be one."
            )
            raise StorageError(msg)
        folder.mkdir(parents=True, exist_ok=True)
