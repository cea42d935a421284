"""The folder of the dumps: where it is, what lies in it, and which dump of a kind is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from equigen.dataset.context import Context
from equigen.dumps.names import Kind, newest
from equigen.errors import MissingInputError, StorageError


def dumps_folder(context: Context) -> Path:
    """Return where dumps lie."""
    return context.directory / context.settings.dumps.directory.expanduser()


def files_in(folder: Path) -> Mapping[str, int]:
    """Return the sizes in bytes of all files in the folder, by name; nothing where there is none.

    Raises:
        StorageError: it is no folder, or can't be read.

    """
    try:
        return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    except FileNotFoundError:
        return {}
    except OSError as err:
        msg = (
            f"{folder}: can't be read: {err.strerror or err}. Expected the folder of the dumps."
            " Mend `dumps.directory` or its permissions."
        )
        raise StorageError(msg) from err


def dumps_of(context: Context, kinds: Mapping[Kind, str]) -> Sequence[Path]:
    """Return the newest dump of each kind, or the one of the date (YYYYMMDD) that is given with it.

    Raises:
        MissingInputError: some are not there; says which command gets each.
        StorageError: the folder can't be read.

    """
    folder = dumps_folder(context)
    files = files_in(folder)
    names = {kind: newest(files, kind, date) for kind, date in kinds.items()}
    if missing := [kind for kind, name in names.items() if not name]:
        dated = [kind for kind in missing if kinds[kind]]
        others = [kind for kind in missing if not kinds[kind]]
        flag = f" --date {kinds[dated[0]]}" if dated else ""
        commands = [f"`equigen dumps get {' '.join(others)}`"] if others else []
        commands += [f"`equigen dumps get {' '.join(dated)}{flag}`"] if dated else []
        msg = (
            f"{folder}: no dump of {' and none of '.join(missing)}"
            f"{f' of {kinds[dated[0]]}' if dated else ''} lies there."
            f" {' and '.join(commands)} {'downloads' if len(commands) == 1 else 'download'}"
            f" {'it' if len(missing) == 1 else 'them'};"
            " one that you have can be put there under its own name."
        )
        raise MissingInputError(msg)
    return [folder / name for name in names.values()]
