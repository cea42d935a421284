"""Replace files so that none is ever seen half-written; check paths that users name."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from equigen.errors import InputError, UsageError
from equigen.storage.os_errors import translating_os_errors


def refuse_file(folder: Path) -> None:
    """Make sure that nothing else than a folder lies where a dataset is looked for.

    Raises:
        InputError: a file does.

    """
    if folder.exists() and not folder.is_dir():
        msg = (
            f"{folder}: this is a file; expected the dataset's folder. Move it away, or mend"
            " dataset.directory."
        )
        raise InputError(msg)


def check_output(path: Path, flag: str, own: Collection[Path]) -> None:
    """Make sure, before anything else is done, that a file that a user names can be one.

    `own` are the files that the dataset is: it may be none of them, by whatever name.

    Raises:
        UsageError: it is a folder, lies in what is none, or is one of `own`.
        StorageError: it can't be told.

    """
    with translating_os_errors(path):
        if path.is_dir():
            msg = f"{flag} {path}: this is a folder; expected a file. Add a file's name to it."
            raise UsageError(msg)
        for file in own:
            if _is_same(path, file):
                msg = (
                    f"{flag} {path}: this is a file of the dataset itself, {file}; expected another"
                    " one. Nothing was done. Give another name."
                )
                raise UsageError(msg)
        there = next(each for each in path.resolve().parents if each.exists())
    if not there.is_dir():
        msg = f"{flag} {path}: {there} is no folder. Name a file in a folder."
        raise UsageError(msg)


def _is_same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return one.exists() and other.exists() and one.samefile(other)


@contextmanager
def replacing(path: Path, *, keeps_link: bool = True) -> Iterator[TextIO]:
    """Open a UTF-8 text file beside `path` that takes its place when the block ends well.

    Where the block raises, `path` stays as it was and nothing is left beside it.

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
    with in_place_of(path) as beside, beside.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def in_place_of(path: Path, *, keeps_link: bool = True) -> Iterator[Path]:
    """Open a place beside `path`: the file that is put there takes its place, or none does.

    A symbolic link stays one, and what it leads to is replaced; without `keeps_link`, which is for
    names that no user gave, the link itself is. Nothing lies in the place: it can be opened as new.

    Raises:
        StorageError: the disk refuses; the old file is still there.

    """
    path = path.resolve() if keeps_link and path.is_symlink() else path
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
