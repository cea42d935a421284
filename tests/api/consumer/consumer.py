"""A project that uses the public API, checked by mypy in strict mode against the built wheel."""

from pathlib import Path

import equigen
from equigen import Dataset, EquigenError, Result


def first_cover(folder: Path) -> Path | None:
    """Use all that a training script does."""
    with_defaults: Dataset = equigen.open()
    dataset = equigen.open(folder, config=folder / "config.toml")
    frame = dataset.albums()
    years: list[int] = frame["year"].dropna().astype(int).tolist()
    sets: dict[str, int] = dict(dataset.sets)
    rows = dataset.summary()["rows"]
    print(with_defaults.path, years, sets, rows, dataset.covers().shape, dataset.counts("label"))
    for example in dataset.examples("train"):
        labels: tuple[str, ...] = example.labels
        artist: str = example.album["artist"]
        print(labels, artist, example.label, example.set, example.sha256)
        return example.cover
    return None


def fetch(folder: str) -> int:
    """Run a stage, and take its error."""
    try:
        result: Result = equigen.run("fetch", directory=folder, genre_limit=5, progress=False)
    except EquigenError as err:
        return err.exit_code
    return int(result["rows_out"])


print(equigen.__version__.split("."))
