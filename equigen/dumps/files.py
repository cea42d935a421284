"""Find the dumps in their folder by name.

Discogs' dumps are called `discogs_YYYYMMDD_masters.xml.gz`. MusicBrainz's dump has no date in its
name, but in that of its folder; here it is `musicbrainz_YYYYMMDD-HHMMSS_release-group.tar.xz`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from equigen.dataset.context import Context
from equigen.errors import MissingInputError, StorageError

GROUPS_FILE = "release-group.tar.xz"
# A browser saves MusicBrainz's under the name that it has there.
_NAME = re.compile(
    r"discogs_(?P<date>\d{8})_(?P<kind>masters|releases)\.xml\.gz"
    r"|(?:musicbrainz_(?P<stamp>\d{8}-\d{6})_)?release-group\.tar\.xz"
)


class Kind(StrEnum):
    """The kinds of dumps, by their records."""

    MASTERS = "masters"
    RELEASES = "releases"
    GROUPS = "release-groups"


class DumpName(NamedTuple):
    """The parts of a dump's file name.

    `stamp` begins with the date (YYYYMMDD) and sorts by time; "" where the name has none.
    """

    name: str
    kind: Kind
    stamp: str


def read_name(name: str) -> DumpName | None:
    """Parse the name of a file; return None for one that isn't a known dump."""
    if found := _NAME.fullmatch(name):
        kind = Kind(found["kind"] or Kind.GROUPS)
        return DumpName(name, kind, found["date"] or found["stamp"] or "")
    return None


def dumps_among(names: Iterable[str], kind: Kind, date: str = "") -> Sequence[DumpName]:
    """Return the dumps of a kind among file names, newest first; with `date`, only those of it.

    A dump without a date in its name counts as the oldest.
    """
    read = (found for name in names if (found := read_name(name)))
    fitting = [found for found in read if found.kind == kind and found.stamp.startswith(date)]
    return sorted(fitting, key=lambda found: found.stamp, reverse=True)


def groups_name(stamp: str) -> str:
    """Return the local name of MusicBrainz's dump of a folder (YYYYMMDD-HHMMSS)."""
    return f"musicbrainz_{stamp}_{GROUPS_FILE}"


def dumps_folder(context: Context) -> Path:
    """Return the folder of the dumps."""
    return context.config.dumps


def files_in(folder: Path) -> Mapping[str, int]:
    """Return the sizes in bytes of all files in the folder, by name; empty for a missing folder.

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
    """Return the newest dump of each kind, or the one of the date (YYYYMMDD) given for the kind.

    Raises:
        MissingInputError: some are missing; the message names the commands that get them.
        StorageError: the folder can't be read.

    """
    folder = dumps_folder(context)
    files = files_in(folder)
    found = {kind: dumps_among(files, kind, date) for kind, date in kinds.items()}
    if missing := [kind for kind, dumps in found.items() if not dumps]:
        dates = sorted({kinds[kind] for kind in missing})
        commands = [
            f"`equigen dumps get {' '.join(kind for kind in missing if kinds[kind] == date)}"
            f"{f' --date {date}' if date else ''}`"
            for date in dates
        ]
        msg = (
            f"{folder}: no dump of {' and none of '.join(missing)}"
            f"{f' of {dates[-1]}' if dates[-1] else ''} lies there."
            f" {' and '.join(commands)} {'downloads' if len(commands) == 1 else 'download'}"
            f" {'it' if len(missing) == 1 else 'them'};"
            " one that you have can be put there under its own name."
        )
        raise MissingInputError(msg)
    return [folder / dumps[0].name for dumps in found.values()]
