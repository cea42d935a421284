"""Datasets of drawn covers, and their features, as the tests of features make them."""

from pathlib import Path

from lookalikes import saved, scene
from reports import fill, row
from support import make_context

from equigen.commands import features
from equigen.commands.features import FeaturesAction
from equigen.summary import Summary

BOTH = ("colour", "histogram")
TORN = saved(scene(1))[:-99]


def picture(number: int) -> bytes:
    """Return a cover that differs from all others."""
    return saved(scene(number % 5).resize((40 + number, 60)))


def filled(folder: Path, *numbers: int, **others: bytes) -> Path:
    """Write a dataset of some covers; `others` are the bytes of further ones, by their ids."""
    ids = [*(f"m{number}" for number in numbers), *others]
    bodies = dict(enumerate([*map(picture, numbers), *others.values()]))
    fill(folder, [row(at, album_id=each) for at, each in enumerate(ids)], pictures=bodies)
    return folder


def at(folder: Path) -> dict[str, str]:
    """Return the settings of a dataset in a folder."""
    return {"EQUIGEN_DATASET__DIRECTORY": str(folder)}


def compute(folder: Path, *names: str, retry: bool = False, **settings: object) -> Summary:
    """Compute features, in this process or with `processes` others."""
    context = make_context(folder, features={"processes": 1, **settings})
    action = FeaturesAction.COMPUTE
    return features.run(context, action=action, names=list(names or BOTH), retry_failed=retry)


def tables_of(folder: Path) -> dict[str, bytes]:
    """Return the files of all tables; nothing else lies there."""
    files = sorted((folder / "features").rglob("*"))
    assert all(file.suffix == ".parquet" for file in files)
    return {file.name: file.read_bytes() for file in files}
