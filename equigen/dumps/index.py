"""What is needed of a dump, in an SQLite file beside it: made once, then read by every run."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from equigen.dataset.context import Context
from equigen.errors import StorageError
from equigen.storage.atomic import in_place_of
from equigen.storage.lock import dataset_lock

# What an index is made for; another size or time means another dump.
_FACTS = "facts"
_STAMP = "CREATE TABLE stamp (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
# Nobody reads it before it is whole, and one that isn't is thrown away: no journal is needed.
_UNGUARDED = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one kind of index is made.

    `name` tells it from others of the same dump; `version` changes whenever it would be made
    otherwise. `fill(db, dump, on_read)` reads the dump into the tables of `schema`, calls `on_read`
    with each number of bytes read, and returns counts by name, for `facts_of`.
    """

    name: str
    version: int
    schema: str
    fill: Callable[[sqlite3.Connection, Path, Callable[[int], None]], Mapping[str, int]]


def index_of(dump: Path, recipe: Recipe, context: Context) -> Path:
    """Return the index of a dump, made anew where there is none or the dump has changed.

    A run that is killed while it makes one leaves none; nothing is resumed.

    Raises:
        MissingInputError, InputError: there is no dump, or it is damaged.
        LockedError: another run makes this index.
        StorageError: the disk refuses.

    """
    index = dump.with_name(f"{dump.name}.{recipe.name}.sqlite")
    stamp = _stamp(dump, recipe)
    if _known_stamp(index) == stamp:
        return index
    # Of its own: other indexes may be made in the same folder, and dumps got into it, meanwhile.
    lock = f".{index.name}.lock"
    with dataset_lock(dump.parent, stage="fetch", now=context.now(), name=lock):
        if _known_stamp(index) != stamp:  # another run may have been faster
            _make(index, dump, recipe, context, stamp)
    return index


def facts_of(index: Path) -> Mapping[str, int]:
    """Return the counts that were taken while the index was made."""
    with reading(index) as db:
        (facts,) = db.execute("SELECT value FROM stamp WHERE key = ?", (_FACTS,)).fetchone()
    counts: dict[str, int] = json.loads(facts)
    return counts


@contextmanager
def reading(*indexes: Path) -> Iterator[sqlite3.Connection]:
    """Open indexes for reading, as databases called `a`, `b`, `c` ... in their order.

    Raises:
        StorageError: one can't be read.

    """
    opened = sqlite3.connect("", isolation_level=None, uri=True)
    with _translated(indexes[0]), closing(opened) as db:
        for at, index in enumerate(indexes):
            db.execute(f"ATTACH ? AS {chr(ord('a') + at)}", (_read_only(index),))
        yield db


def _make(
    index: Path, dump: Path, recipe: Recipe, context: Context, stamp: Mapping[str, str]
) -> None:
    size_bytes = int(stamp["bytes"])
    with (
        in_place_of(index) as beside,
        context.bar(f"read {recipe.name}", size_bytes, "B") as bar,
    ):
        beside.unlink(missing_ok=True)  # of a run that was killed
        with _translated(index), closing(sqlite3.connect(beside, isolation_level=None)) as db:
            db.executescript(f"{_UNGUARDED}; {_STAMP}; {recipe.schema}")
            db.execute("BEGIN")
            facts = recipe.fill(db, dump, bar.advance)
            rows = {**stamp, _FACTS: json.dumps(facts)}
            db.executemany("INSERT INTO stamp VALUES (?, ?)", rows.items())
            db.execute("COMMIT")


def _stamp(dump: Path, recipe: Recipe) -> dict[str, str]:
    try:
        stat = dump.stat()
    except OSError:
        return {"bytes": "0"}  # who reads it says what is wrong with it
    version = f"{recipe.name} {recipe.version}"
    file = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}"
    return {"bytes": str(stat.st_size), "file": file, "made as": version}


def _known_stamp(index: Path) -> dict[str, str]:
    try:
        with closing(sqlite3.connect(_read_only(index), uri=True)) as db:
            known = dict(db.execute("SELECT key, value FROM stamp"))
    except sqlite3.Error:  # none, or a damaged one: it is made anew
        return {}
    return known if known.pop(_FACTS, "") else {}


def _read_only(index: Path) -> str:
    return f"{index.resolve().as_uri()}?mode=ro"


@contextmanager
def _translated(index: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as err:
        msg = (
            f"{index}: this index of a dump can't be used: {err}. Expected room on the disk and a"
            " file that can be read. Make room or remove the index, then run again."
        )
        raise StorageError(msg) from err
