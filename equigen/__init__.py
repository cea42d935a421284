"""EquiGen: genre-balanced album-cover datasets that can be trusted for machine learning.

    import equigen

    with equigen.open("data") as dataset:
        frame = dataset.albums()
        for example in dataset.examples("train"):
            ...
        pictures = dataset.torch("train", size_px=128)
    equigen.run("download", directory="data", sizes=[256])

What `__all__` names is the public API; all other modules may change with any release.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from equigen.errors import EquigenError
from equigen.version import __version__

if TYPE_CHECKING:
    import os

    from equigen.cli.runner import Result
    from equigen.dataset.dataset import Example
    from equigen.loaders.dataset import TrainingDataset as Dataset

_CLASSES = {
    "Dataset": "equigen.loaders.dataset:TrainingDataset",
    "Example": "equigen.dataset.dataset:Example",
    "Result": "equigen.cli.runner:Result",
}

__all__ = ["Dataset", "EquigenError", "Example", "Result", "__version__", "open", "run"]


def open(  # noqa: A001  (as gzip and PIL call theirs)
    path: "str | os.PathLike[str] | None" = None, *, config: "str | os.PathLike[str] | None" = None
) -> "Dataset":
    """Open a dataset for reading: nothing is locked, nothing is changed.

    `path` is the dataset's folder; without it, the setting `dataset.directory` says where it lies.
    `config` is a config.toml; without it, that of the working directory counts where there is one.

    Raises:
        MissingInputError: there is no such folder, or no such config.
        InputError: the folder is a file.
        ConfigError: a setting is wrong.

    """
    from equigen.cli.runner import open_dataset  # noqa: PLC0415  (`import equigen` stays light)

    return open_dataset(path, config)


def run(
    stage: str,
    *,
    directory: "str | os.PathLike[str] | None" = None,
    config: "str | os.PathLike[str] | None" = None,
    progress: bool | None = None,
    **settings: Any,  # noqa: ANN401  (flags and settings of any type)
) -> "Result":
    """Run a command such as "fetch", "download" or "run", as the command line does.

    `settings` are the command's flags with underscores (`retry_failed=True`), lists where a flag
    may be given several times (`labels=["Jazz"]`, `sizes=[256]`), and any setting as
    `table__key=value` (`http__tries=3`). `progress` shows bars and talk on stderr, or bars in a
    notebook; by default where stderr is a terminal or a notebook runs.

    Returns:
        The fields that `--json` prints, as a mapping; `str` of it is what the command prints.

    Raises:
        EquigenError: as the command line's error: `exit_code` is its code.
        UsageError: there is no such command, flag or setting.

    """
    from equigen.cli.runner import run_stage  # noqa: PLC0415

    return run_stage(stage, directory, config, settings, progress=progress)


def __getattr__(name: str) -> object:
    """Load the classes of the public API at their first use."""
    if name in _CLASSES:
        module, _, named = _CLASSES[name].partition(":")
        return getattr(import_module(module), named)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
