"""The folder of the dumps: which file of a kind is read."""

from pathlib import Path

from equigen.context import Context
from equigen.errors import MissingInputError
from equigen.rules.dump_names import Kind, newest


def dumps_folder(context: Context) -> Path:
    """Return where dumps lie."""
    return context.directory / context.settings.dumps.directory.expanduser()


def dump_of(context: Context, kind: Kind, date: str = "") -> Path:
    """Return the newest dump of a kind, or the one of a date (YYYYMMDD).

    Raises:
        MissingInputError: there is none.

    """
    folder = dumps_folder(context)
    names = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    name = newest(names, kind, date)
    if not name:
        of_that_day = f" of {date}" if date else ""
        flag = f" --date {date}" if date else ""
        msg = (
            f"{folder}: no dump of {kind}{of_that_day} lies there. `equigen dumps get {kind}{flag}`"
            " downloads it; one that you have can be put there under its own name."
        )
        raise MissingInputError(msg)
    return folder / name
