"""Deal the covers into train, val and test by split-folders.

The sets are those of `splitfolders.ratio(images, output, seed=..., ratio=...)`. A second run into
the same folder changes only what must change: no file is ever in two sets, and none stays whose
picture is gone.

Examples:
  equigen split
  equigen split --link hardlink --seed 7
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from splitfolders.split import list_dirs, setup_files, split_files

from equigen.context import Context
from equigen.errors import ConfigError, MissingInputError
from equigen.files import translating_os_errors
from equigen.ledger import SPLIT_LINK, Ledger
from equigen.lock import dataset_lock
from equigen.rules.splitting import SETS, Changes, Link, Place, changes
from equigen.summary import Summary, Table

ORDER: Final = 70
SETTINGS: Final = ("split.ratio", "split.seed")


# What a copy is called until it is whole.
_BESIDE = ".new-split"


class Group(StrEnum):
    """Which albums stay together in one set: `none` deals each album by itself."""

    NONE = "none"


def run(
    context: Context,
    *,
    link: Annotated[Link, typer.Option(help="How covers get into their sets.")] = Link.COPY,
    group: Annotated[Group, typer.Option(help="Which albums stay in one set.")] = Group.NONE,
) -> Summary:
    """Split the images folder.

    Raises:
        MissingInputError: there are no covers yet.
        ConfigError: the split folder and the images folder lie in each other.
        StorageError: the disk refuses.

    """
    images, split = context.images, context.split
    _refuse_nesting(images, split)
    if not context.directory.is_dir():
        raise _no_covers(images)
    with (
        dataset_lock(context.directory, stage="split", now=context.now()),
        Ledger(context.ledger) as ledger,
    ):
        if ledger.value(SPLIT_LINK) == Link.MOVE:
            _gather(images, split)
        wanted, laid_out = _deal(context), ledger.sets()
        # Before the first file moves: should the run be killed, it is known where they may be.
        ledger.remember(SPLIT_LINK, link)
        ledger.record_sets(wanted)
        there = [place for place in _files(split) if _is_ours(place, wanted, laid_out)]
        stale = [
            place
            for place in there
            if wanted.get(place.path) == place.set_name
            and not _shows(images / place.path, split / place.set_name / place.path, link)
        ]
        plan = changes(wanted, there, stale=stale)
        _carry_out(context, plan, link)
    sizes = Counter((path.partition("/")[0], set_name) for path, set_name in wanted.items())
    by_genre: list[tuple[str | int, ...]] = [
        (genre, *(sizes[genre, name] for name in SETS))
        for genre in sorted({genre for genre, _ in sizes})
    ]
    totals = Counter(wanted.values())
    return Summary(
        stage="split",
        unit="covers",
        rows_in=len(wanted),
        rows_out=sum(totals[name] for name in SETS),
        facts={
            "sets": {name: totals[name] for name in SETS},
            "group": str(group),
            "link": str(link),
            "added": len(plan.add),
            "removed": len(plan.remove),
            "folder": str(split),
        },
        table=Table(("genre", *SETS), (*by_genre, ("total", *(totals[name] for name in SETS)))),
    )


def _refuse_nesting(images: Path, split: Path) -> None:
    one, other = images.resolve(), split.resolve()
    if one == other or one in other.parents or other in one.parents:
        msg = (
            f"dataset.split: {split} and the images folder {images} lie in each other; expected two"
            " folders side by side. Mend dataset.split or dataset.images."
        )
        raise ConfigError(msg)


def _deal(context: Context) -> dict[str, str]:
    """Have split-folders deal the covers; return the set of each.

    Shuffling and cutting are the library's own; only the laying out of files is ours.
    """
    images, settings = context.images, context.settings.split
    train, val, _ = settings.ratio
    sets: dict[str, str] = {}
    state = random.getstate()  # split-folders seeds the generator that the whole process shares
    try:
        for genre in list_dirs(images) if images.is_dir() else ():
            files = setup_files(genre, settings.seed)
            train_ends = int(train * len(files))
            val_ends = train_ends + int(val * len(files))
            for part, name in split_files(files, train_ends, val_ends, use_test=True):
                sets |= {f"{genre.name}/{file.name}": name for file in part}
    finally:
        random.setstate(state)
    if not sets:
        raise _no_covers(images)
    return sets


def _no_covers(images: Path) -> MissingInputError:
    msg = f"{images}: no covers there. `equigen download` makes them: run that first."
    return MissingInputError(msg)


def _is_ours(place: Place, wanted: Mapping[str, str], laid_out: Mapping[str, str]) -> bool:
    """Tell whether a file in a set may be taken out of it: nothing is lost, or we put it there."""
    unfinished = place.path.rpartition("/")[2] == _BESIDE
    return unfinished or place.path in wanted or laid_out.get(place.path) == place.set_name


def _files(split: Path) -> Iterator[Place]:
    for name in SETS:
        folder = split / name
        if folder.is_dir():
            for genre in folder.iterdir():
                if genre.is_dir() and not genre.is_symlink():
                    for file in genre.iterdir():
                        if file.is_symlink() or not file.is_dir():
                            yield Place(name, f"{genre.name}/{file.name}")


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


def _gather(images: Path, split: Path) -> None:
    """Bring the covers that an earlier split moved back to where they came from."""
    for place in list(_files(split)):
        file, home = split / place.set_name / place.path, images / place.path
        if not home.exists() and not file.is_symlink() and not file.name.startswith("."):
            with translating_os_errors(home):
                home.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(file, home)


def _carry_out(context: Context, plan: Changes, link: Link) -> None:
    images, split = context.images, context.split
    with translating_os_errors(split):
        for place in plan.remove:
            (split / place.set_name / place.path).unlink()
        genres = {folder.name for folder in images.iterdir() if folder.is_dir()}
        for name in SETS:
            for genre in genres:
                (split / name / genre).mkdir(parents=True, exist_ok=True)
            for folder in (split / name).iterdir():
                if folder.is_dir() and folder.name not in genres and not any(folder.iterdir()):
                    folder.rmdir()
        with context.bar("split", len(plan.add), "cover") as bar:
            for place in plan.add:
                _put(images / place.path, split / place.set_name / place.path, link)
                bar.advance()


def _put(picture: Path, target: Path, link: Link) -> None:
    beside = target.with_name(_BESIDE)
    match link:
        case Link.COPY:
            shutil.copy2(picture, beside)
            beside.replace(target)
        case Link.SYMLINK:
            target.symlink_to(_relative(picture, target))
        case Link.HARDLINK:
            target.hardlink_to(picture)
        case Link.MOVE:
            shutil.move(picture, target)
