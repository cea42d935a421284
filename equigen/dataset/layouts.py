"""The files of the sets: each cover in the folder of its set, and in no other."""

import hashlib
import os
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.tsv import reading_tsv
from equigen.errors import ConfigError, MissingInputError
from equigen.schema import ASIDE, SETS, Link
from equigen.storage.below import (
    UNFINISHED,
    FileBelow,
    entries_below,
    files_below,
    files_in,
    folders_below,
)
from equigen.storage.os_errors import (
    translating_link_errors,
    translating_os_errors,
    translating_read_errors,
)

# Columns that split.tsv must have; it may have others.
SET_COLUMNS: Final = ("album_id", "set", "group", "file", "sha256")
# Names of copies that a killed split left; earlier versions called them otherwise.
LEFT_OVER: Final = frozenset({UNFINISHED, ".new-split"})


@dataclass(frozen=True, slots=True)
class Changes:
    """Files to take out of their sets, and files to put in, in the order of sets and paths."""

    remove: tuple["Place", ...]
    add: tuple["Place", ...]


class Place(NamedTuple):
    """A file in a set; `path` is "Label/name.jpg"."""

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
    split = context.split
    there = [place for place in files_in_sets(split) if _is_ours(place, wanted, laid_out)]
    right = (place for place in there if wanted.get(place.path) == place.set_name)
    with translating_read_errors(split):
        stale = [at.place for at in _opened(context, right) if not _shows(at.cover, at.file, link)]
    plan = changes(wanted, there, stale=stale)
    try:
        _carry_out(context, plan, link)
    except BaseException:  # also a stop: half a copy only takes room
        for place in files_in_sets(split):
            if _name(place) in LEFT_OVER:
                in_set(split, place).remove()
        raise
    return plan


def sha256_of(file: FileBelow) -> str:
    """Return the sha256 (hex) of a file.

    Raises:
        StorageError: it can't be read.

    """
    with translating_read_errors(Path(file)), file.open() as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


class _Pair(NamedTuple):
    """A place in a set, the cover that it is to show, and the file there."""

    place: Place
    cover: FileBelow
    file: FileBelow


def _opened(context: Context, places: Iterable[Place]) -> Iterator[_Pair]:
    """Yield places with their files, each folder opened once where they stand by set and folder."""
    images, split = context.images, context.split
    for folder, some in groupby(places, lambda at: (at.set_name, at.path.rpartition("/")[0])):
        label = folder[1]
        with files_in(images, label) as cover_of, files_in(split, "/".join(folder)) as file_of:
            for place in some:
                name = place.path[len(label) + 1 :]
                yield _Pair(place, cover_of(name), file_of(name))


def in_set(split: Path, place: Place) -> FileBelow:
    """Return the file that stands in a place of a set."""
    return FileBelow(split, f"{place.set_name}/{place.path}")


def _name(place: Place) -> str:
    return place.path.rpartition("/")[2]


def _is_ours(place: Place, wanted: Mapping[str, str], laid_out: Mapping[str, str]) -> bool:
    """Tell whether a file in a set may be taken out of it: nothing is lost, or we put it there."""
    return (
        _name(place) in LEFT_OVER
        or place.path in wanted
        or laid_out.get(place.path) == place.set_name
    )


def no_covers(images: Path) -> MissingInputError:
    """Return the error of an images folder without covers."""
    msg = f"{images}: no covers there. `equigen download` makes them: run that first."
    return MissingInputError(msg)


class CoverState(NamedTuple):
    """Size and date of a cover's file."""

    size_bytes: int
    mtime_ns: int


Covers = Mapping[str, CoverState]


def cover_states(images: Path) -> Covers:
    """Return the state of each cover that `cover_files` yields, by its path.

    Raises:
        MissingInputError: there is none.
        StorageError: a folder can't be read.

    """
    found: dict[str, CoverState] = {}
    with translating_read_errors(images):
        for path, entry in entries_below(images):
            state = entry.stat(follow_symlinks=False)
            found[path] = CoverState(state.st_size, state.st_mtime_ns)
    if not found:
        raise no_covers(images)
    return found


def cover_files(images: Path) -> Iterator[str]:
    """Yield the path of each cover that lies in a label's folder, as split-folders finds them.

    Raises:
        StorageError: a folder can't be read.

    """
    with translating_read_errors(images):
        yield from files_below(images)


def restore_names(context: Context) -> None:
    """Give covers and sets back the names that they were written with, in Unicode NFC.

    Some disks and archives write names as NFD, and so the files under names that no row has.

    Raises:
        StorageError: the disk refuses.

    """
    for root, name in [(context.images, ""), *((context.split, name) for name in SETS)]:
        start = f"{name}/" if name else ""
        with translating_os_errors(root):
            labels = list(filter(_is_decomposed, folders_below(root, name)))
            for path in list(filter(_is_decomposed, files_below(root, name))):
                home = FileBelow(root, start + unicodedata.normalize("NFC", path))
                if not home.exists():
                    FileBelow(root, start + path).move(home)
            for label in labels:
                with suppress(OSError):  # what has a double stays there
                    (root / name / label).rmdir()


def _is_decomposed(name: str) -> bool:
    return not (name.isascii() or unicodedata.is_normalized("NFC", name))


def where_covers_are(context: Context) -> dict[str, FileBelow]:
    """Return the file of each cover by its path, also where `split` moved it into a set."""
    images = context.images
    where = {path: FileBelow(images, path) for path in cover_files(images)}
    return where | moved_covers(context, where)


def moved_covers(context: Context, there: Container[str]) -> dict[str, FileBelow]:
    """Return the files of covers in sets by their paths, but for those that are `there` as well."""
    where = dict[str, FileBelow]()
    for place in files_in_sets(context.split):
        file = in_set(context.split, place)
        if place.path not in there and place.path not in where and file.exists():
            where[place.path] = file
    return where


def files_in_sets(split: Path) -> Iterator[Place]:
    """Yield all files that stand in a set, also links, and those that no split put there.

    Raises:
        StorageError: a folder can't be read.

    """
    with translating_read_errors(split):
        for name in SETS:
            for label in folders_below(split, name):
                with os.scandir(split / name / label) as files:
                    for file in files:
                        if not file.is_dir(follow_symlinks=False):
                            yield Place(name, f"{label}/{file.name}")


def listed_sets(split: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of `split.tsv`.

    Raises:
        InputError: it is broken; says the line and the column.
        StorageError: it can't be read.

    """
    with reading_tsv(
        split / SPLIT_TSV, made_by="equigen split", required=SET_COLUMNS, follows_link=False
    ) as rows:
        places = [rows.index(column) for column in SET_COLUMNS]
        for row in rows:
            yield {name: row[at] for name, at in zip(SET_COLUMNS, places, strict=True)}


def was_remembered(row: Mapping[str, str]) -> bool:
    """Tell whether the deal remembered an album; one of `--group none` has neither id nor group."""
    return bool(row["album_id"] or row["group"]) or row["set"] == ASIDE


def _shows(picture: FileBelow, file: FileBelow, link: Link) -> bool:
    """Tell whether `file` is what `link` would make of `picture` now."""
    match link:
        case Link.SYMLINK:
            return file.link_text() == picture.relative_to(file)
        case Link.HARDLINK:
            return file.is_same_as(picture)
        case Link.COPY:
            one, other = file.state(), picture.state()
            if one is None or other is None or os.path.samestat(one, other):
                return False
            return (one.st_size, int(one.st_mtime)) == (other.st_size, int(other.st_mtime))
        case Link.MOVE:
            return False


def gather(images: Path, split: Path) -> None:
    """Bring the covers that an earlier split moved back to where they came from.

    Raises:
        StorageError: the disk refuses.

    """
    for place in list(files_in_sets(split)):
        file, home = in_set(split, place), FileBelow(images, place.path)
        if not home.exists() and file.exists() and not _name(place).startswith("."):
            with translating_os_errors(Path(home)):
                file.move(home)


def _carry_out(context: Context, plan: Changes, link: Link) -> None:
    images, split = context.images, context.split
    with translating_os_errors(split):
        labels = folders_below(images)
        for name in SETS:
            for label in labels:
                FileBelow(split, f"{name}/{label}/{UNFINISHED}").make_folder()
        for place in plan.remove:
            in_set(split, place).remove()
        for name in SETS:
            for label in reversed(folders_below(split, name)):  # those in MULTI before it
                folder = split / name / label
                if label not in labels and not any(folder.iterdir()):
                    folder.rmdir()
        with context.bar("split", len(plan.add), "cover") as bar:
            for at in _opened(context, plan.add):
                _put(at.cover, at.file, link)
                bar.advance()


def _put(picture: FileBelow, target: FileBelow, link: Link) -> None:
    match link:
        case Link.COPY:
            picture.copy(target)
        case Link.SYMLINK:
            with translating_link_errors(target, "symbolic links"):
                picture.symlink(target)
        case Link.HARDLINK:
            with translating_link_errors(target, "hard links"):
                picture.link(target)
        case Link.MOVE:
            picture.move(target)
