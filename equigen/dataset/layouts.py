"""The files of the sets: each cover in the folder of its set, and in no other."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.tsv import reading_tsv
from equigen.errors import ConfigError, MissingInputError
from equigen.schema import ASIDE, SETS, Link
from equigen.storage.atomic import copy_file, make_folder, move_file
from equigen.storage.os_errors import translating_os_errors, translating_read_errors

# Columns that split.tsv must have; it may have others.
SET_COLUMNS: Final = ("album_id", "set", "group", "file", "sha256")
# The name of a copy until it is whole.
UNFINISHED: Final = ".new-split"


@dataclass(frozen=True, slots=True)
class Changes:
    """Files to take out of their sets, and files to put in, in the order of sets and paths."""

    remove: tuple["Place", ...]
    add: tuple["Place", ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file in a set; `path` is "Genre/name.jpg"."""

    set_name: str
    path: str


def changes(
    wanted: Mapping[str, str], there: Iterable[Place], *, stale: Iterable[Place]
) -> Changes:
    """Tell how to get from the files that are there to the sets that are wanted.

    `wanted` maps each path to its set. `stale` are files that are in the right set but don't show
    the picture as it is now. Carried out removals first, no file is ever in two sets.
    """
    present, old = set(there), set(stale)
    right = {Place(set_name, path) for path, set_name in wanted.items()}
    return Changes(
        remove=tuple(sorted((present - right) | (present & old))),
        add=tuple(sorted(right - (present - old))),
    )


def refuse_nesting(images: Path, split: Path) -> None:
    """Make sure that covers and sets have folders of their own.

    Raises:
        ConfigError: they lie in each other.

    """
    one, other = images.resolve(), split.resolve()
    if one == other or one in other.parents or other in one.parents:
        msg = (
            f"dataset.split: {split} and the images folder {images} lie in each other; expected two"
            " folders side by side. Mend dataset.split or dataset.images."
        )
        raise ConfigError(msg)


def lay_out(
    context: Context, wanted: Mapping[str, str], laid_out: Mapping[str, str], link: Link
) -> Changes:
    """Bring the folders of the sets to what is wanted, and tell what had to change.

    `wanted` has the set of each cover, `laid_out` those of an earlier run: no other file is ever
    taken out of a set. No cover is in two sets at any moment.

    Raises:
        StorageError: the disk refuses.

    """
    images, split = context.images, context.split
    there = [place for place in files_in_sets(split) if _is_ours(place, wanted, laid_out)]
    stale = [
        place
        for place in there
        if wanted.get(place.path) == place.set_name
        and not _shows(images / place.path, split / place.set_name / place.path, link)
    ]
    plan = changes(wanted, there, stale=stale)
    try:
        _carry_out(context, plan, link)
    except BaseException:  # also a stop: half a copy only takes room
        for place in files_in_sets(split):
            if place.path.endswith(f"/{UNFINISHED}"):
                (split / place.set_name / place.path).unlink(missing_ok=True)
        raise
    return plan


def sha256_of(file: Path) -> str:
    """Return the sha256 (hex) of a file.

    Raises:
        StorageError: it can't be read.

    """
    with translating_read_errors(file), file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _is_ours(place: Place, wanted: Mapping[str, str], laid_out: Mapping[str, str]) -> bool:
    """Tell whether a file in a set may be taken out of it: nothing is lost, or we put it there."""
    unfinished = place.path.rpartition("/")[2] == UNFINISHED
    return unfinished or place.path in wanted or laid_out.get(place.path) == place.set_name


def no_covers(images: Path) -> MissingInputError:
    """Return the error of an images folder without covers."""
    msg = f"{images}: no covers there. `equigen download` makes them: run that first."
    return MissingInputError(msg)


def cover_files(images: Path) -> Iterator[str]:
    """Yield the path of each file in a genre's folder, "Genre/name.jpg", as split-folders does.

    Hidden files are left out. Folders are listed, since a stat for each of a million files takes
    three times as long.
    """
    with translating_read_errors(images):
        for genre in images.iterdir() if images.is_dir() else ():
            if genre.is_dir():
                # Another stage may be at work, and remove an empty folder.
                with suppress(FileNotFoundError), os.scandir(genre) as files:
                    for file in files:
                        if file.is_file() and not file.name.startswith("."):
                            yield f"{genre.name}/{file.name}"


def restore_names(context: Context) -> None:
    """Give covers and sets back the names that they were written with, in Unicode NFC.

    Some disks and archives write names as NFD, and so the files under names that no row has.

    Raises:
        StorageError: the disk refuses.

    """
    for folder in (context.images, *(context.split / name for name in SETS)):
        for genre in list(folder.iterdir()) if folder.is_dir() else ():
            if not genre.is_dir() or genre.is_symlink():
                continue
            home = genre.with_name(unicodedata.normalize("NFC", genre.name))
            with os.scandir(genre) as files:
                names = [each.name for each in files if home != genre or not each.name.isascii()]
            for name in names:
                file = home / unicodedata.normalize("NFC", name)
                if file != genre / name and not file.exists():
                    make_folder(home, within=folder)
                    with translating_os_errors(file):
                        move_file(genre / name, file)
            if home != genre:
                with suppress(OSError):  # what has a double stays there
                    genre.rmdir()


def where_covers_are(context: Context) -> dict[str, str]:
    """Return the file of each cover by its path, also where `split` moved it into a set."""
    where = {path: f"{context.images}/{path}" for path in cover_files(context.images)}
    for place in files_in_sets(context.split):
        file = context.split / place.set_name / place.path
        if place.path not in where and file.exists():  # a link may lead nowhere
            where[place.path] = str(file)
    return where


def files_in_sets(split: Path) -> Iterator[Place]:
    """Yield all files that stand in a set, also those that no split put there."""
    with translating_read_errors(split):
        for folder in (split / name for name in SETS):
            for genre in folder.iterdir() if folder.is_dir() else ():
                if genre.is_dir() and not genre.is_symlink():
                    for file in genre.iterdir():
                        if file.is_symlink() or not file.is_dir():
                            yield Place(folder.name, f"{genre.name}/{file.name}")


def listed_sets(split: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of `split.tsv`.

    Raises:
        InputError: it is broken; says the line and the column.
        StorageError: it can't be read.

    """
    with reading_tsv(split / SPLIT_TSV, made_by="equigen split", required=SET_COLUMNS) as rows:
        places = [rows.index(column) for column in SET_COLUMNS]
        for row in rows:
            yield {name: row[at] for name, at in zip(SET_COLUMNS, places, strict=True)}


def was_remembered(row: Mapping[str, str]) -> bool:
    """Tell whether the deal remembered an album; one of `--group none` has neither id nor group."""
    return bool(row["album_id"] or row["group"]) or row["set"] == ASIDE


def _shows(picture: Path, file: Path, link: Link) -> bool:
    """Tell whether `file` is what `link` would make of `picture` now."""
    try:
        match link:
            case Link.SYMLINK:
                return file.is_symlink() and file.readlink() == _relative(picture, file)
            case Link.HARDLINK:
                return not file.is_symlink() and file.samefile(picture)
            case Link.COPY:
                one, other = file.lstat(), picture.stat()
                alike = (one.st_size, int(one.st_mtime)) == (other.st_size, int(other.st_mtime))
                return alike and not file.is_symlink() and not file.samefile(picture)
            case Link.MOVE:
                return False
    except OSError:
        return False


def _relative(picture: Path, file: Path) -> Path:
    return Path(os.path.relpath(picture, file.parent))


def gather(images: Path, split: Path) -> None:
    """Bring the covers that an earlier split moved back to where they came from.

    Raises:
        StorageError: the disk refuses.

    """
    for place in list(files_in_sets(split)):
        file, home = split / place.set_name / place.path, images / place.path
        if not home.exists() and not file.is_symlink() and not file.name.startswith("."):
            make_folder(home.parent, within=images)
            with translating_os_errors(home):
                move_file(file, home)


def _carry_out(context: Context, plan: Changes, link: Link) -> None:
    images, split = context.images, context.split
    with translating_os_errors(split):
        genres = {folder.name for folder in images.iterdir() if folder.is_dir()}
        for genre in genres:
            make_folder(images / genre, within=images)
            for name in SETS:
                make_folder(split / name / genre, within=split)
        for place in plan.remove:
            (split / place.set_name / place.path).unlink()
        for name in SETS:
            for folder in (split / name).iterdir():
                if folder.is_dir() and folder.name not in genres and not any(folder.iterdir()):
                    folder.rmdir()
        with context.bar("split", len(plan.add), "cover") as bar:
            for place in plan.add:
                _put(images / place.path, split / place.set_name / place.path, link)
                bar.advance()


def _put(picture: Path, target: Path, link: Link) -> None:
    beside = target.with_name(UNFINISHED)
    match link:
        case Link.COPY:
            copy_file(picture, beside)
            beside.replace(target)
        case Link.SYMLINK:
            target.symlink_to(_relative(picture, target))
        case Link.HARDLINK:
            target.hardlink_to(picture)
        case Link.MOVE:
            move_file(picture, target)
