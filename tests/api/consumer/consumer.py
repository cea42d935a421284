"""A project that uses the public API, checked by mypy in strict mode against the built wheel."""

from pathlib import Path

import equigen
from equigen import Dataset, EquigenError, Example, Result


def first_cover(folder: Path) -> Path | None:
    """Use all that a training script does."""
    with_defaults: Dataset = equigen.open()
    dataset = equigen.open(folder, config=folder / "config.toml")
    frame = dataset.albums()
    years: list[int] = frame["year"].dropna().astype(int).tolist()
    sets: dict[str, int] = dict(dataset.sets)
    rows = dataset.summary()["rows"]
    print(with_defaults.path, years, sets, rows, dataset.covers().shape, dataset.counts("label"))
    with equigen.open(folder) as opened:
        for example in opened.examples("train"):
            return shown(example)
    return None


def shown(example: Example) -> Path:
    """Use the fields of an example."""
    labels: tuple[str, ...] = example.labels
    artist: str = example.album["artist"]
    print(labels, artist, example.label, example.set, example.sha256)
    return example.cover


def fetch(folder: str) -> int:
    """Run a stage, and take its error."""
    try:
        result: Result = equigen.run("fetch", directory=folder, genre_limit=5, progress=False)
    except EquigenError as err:
        return err.exit_code
    return int(result["rows_out"])


print(equigen.__version__.split("."))
