"""Write files, never half or through a link; check the paths that users name."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from equigen.errors import InputError, UsageError
from equigen.storage.os_errors import translating_os_errors


def refuse_file(folder: Path) -> None:
    """Refuse a file in the place of a dataset's folder.

    Raises:
        InputError: it is a file.

    """
    if folder.exists() and not folder.is_dir():
        msg = (
            f"{folder}: this is a file; expected the dataset's folder. Move it away, or mend"
            " dataset.directory."
        )
        raise InputError(msg)


def refuse_link_out(path: Path, flag: str, folders: Collection[Path]) -> None:
    """Refuse an output file that is a link in one of the folders and leads out of it.

    Raises:
        UsageError: it is.

    """
    real = Path(os.path.realpath(path))
    above = (
        {os.path.realpath(each) for each in path.absolute().parents} if path.is_symlink() else ()
    )
    for folder in map(os.path.realpath, folders):
        if folder in above and not real.is_relative_to(folder):
            msg = (
                f"{flag} {path}: a link leads from there to {real}, out of {folder}. Nothing was"
                " done. Remove the link, or name the place that it leads to."
            )
            raise UsageError(msg)


def check_output(path: Path, flag: str, own: Collection[Path], folders: Collection[Path]) -> None:
    """Check the path of an output file that a user names, before anything else is done.

    `own` are the files of the dataset, which it may not be, by whatever name; no link in `folders`
    may lead it out of them.

    Raises:
        UsageError: it is a folder, is below a file, is one of `own`, or such a link.
        StorageError: the path can't be examined.

    """
    with translating_os_errors(path):
        refuse_link_out(path, flag, folders)
        if path.is_dir():
            msg = f"{flag} {path}: this is a folder; expected a file. Add a file's name to it."
            raise UsageError(msg)
        for file in own:
            are_there = path.exists() and file.exists()
            is_link = os.path.realpath(path) == os.path.realpath(file)
            if is_link or (are_there and path.samefile(file)):
                msg = (
                    f"{flag} {path}: this is a file of the dataset itself, {file}; expected another"
                    " one. Nothing was done. Give another name."
                )
                raise UsageError(msg)
        there = next(each for each in Path(os.path.realpath(path)).parents if each.exists())
    if not there.is_dir():
        msg = f"{flag} {path}: {there} is no folder. Name a file in a folder."
        raise UsageError(msg)


@contextmanager
def replacing(path: Path, *, keeps_link: bool = True) -> Iterator[TextIO]:
    """Open a UTF-8 text file beside `path` that replaces it when the block ends well.

    If the block raises, `path` stays as it was and nothing is left beside it.

    Raises:
        StorageError: the disk refuses: full, read-only, no permission.

    """
    with (
        in_place_of(path, keeps_link=keeps_link) as beside,
        beside.open("x", encoding="utf-8", newline="") as file,
    ):
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file in place of `path`, as `replacing` does.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    with replacing(path) as file:
        file.buffer.write(body)


@contextmanager
def in_place_of(path: Path, *, keeps_link: bool = True) -> Iterator[Path]:
    """Yield a path beside `path`: the file written there replaces `path` when the block ends well.

    A symbolic link stays one, and its target is replaced; without `keeps_link`, which is for names
    that no user gave, the link itself is. The yielded path is free: it can be opened as new.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    path = Path(os.path.realpath(path)) if keeps_link and path.is_symlink() else path
    beside = path.with_name(f".{path.name}.new")
    with translating_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        try:
            yield beside
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def open_new(path: str | Path) -> BinaryIO:
    """Open a new file for writing; a file or link in its place is removed first."""
    # As strings: a path as an object takes longer than a small file.
    try:
        return open(path, "xb")  # noqa: PTH123
    except FileExistsError:
        os.unlink(path)  # noqa: PTH108
        return open(path, "xb")  # noqa: PTH123
