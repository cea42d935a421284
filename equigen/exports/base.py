"""Define a format of exports: one file each, found by its name, imported when it is used.

A format is a module `equigen/exports/NAME.py` with

- a docstring, whose first line says what it is;
- `open_export(job: Job)`, which yields the export's `Piece`s: a folder's files in their order, or
  of a format that is one file that file alone, whose name is "";
- `VERSION`, a number that grows where its bytes change;
- `ENDINGS`, of a format that is one file, how its name may end;
- `OPTIONS`, the names of the `Options` that it takes;
- `NEEDS`, the extras of EquiGen whose packages it imports;
- `describe(job: Job)`, of a format that is a folder: a `Description` for the dataset card.

Then `equigen export NAME` finds it. A piece is made once: the next run takes it over where all that
it is made of is the same. So the bytes of a piece may depend on nothing else, least of all a date.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypedDict, cast

import polars as pl

from equigen.config.settings import suggest
from equigen.dataset.context import Context
from equigen.errors import InputError, PictureError, UsageError
from equigen.exports.rows import FILE, IS_RAW, KEY, Gathered, read_cover
from equigen.images.rendering import Demands
from equigen.plugins import find_plugins
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import NO_LINKS

# Rows that are turned into text at a time.
_BATCH: Final = 500
# Windows has no such flag.
_NO_FOLLOW: Final = {"follow_symlinks": False} if os.link in os.supports_follow_symlinks else {}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an export; a format takes those that its `OPTIONS` name.

    `size_px` 0 takes the covers as they are. `shard_mb` is how large a shard may grow, in millions
    of bytes. `columns` chooses some; `labels` is "list" or "one-hot", `like` a published table's
    name. `files` is the folder of another export.
    """

    size_px: int = 0
    features: tuple[str, ...] = ()
    private_use: bool = False
    shard_mb: int = 0
    columns: tuple[str, ...] = ()
    labels: str = ""
    like: str = ""
    files: Path | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """The part of the dataset card that a format writes.

    `loading` is Markdown that shows how the export is read; `yaml` further keys of the card's head.
    `no_year` is what stands for a year that isn't known.
    """

    loading: str
    yaml: Mapping[str, object] = field(default_factory=dict)
    no_year: str = "empty"


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of an export, or a folder of files; `name` is its path there.

    `made_of` is a digest of all that its bytes depend on (`Job.digest`). `write` makes it at a path
    where nothing is, and returns the sha256 (hex) of a file where it knows it, else "". Of a
    folder, `files` has the names, each with a digest of what the file is made of, and `size_bytes`
    the sum of their sizes, -1 where that isn't known before. A shard has the `set` and the `keys`
    of its rows, so that these stay in it.
    """

    name: str
    made_of: str
    write: Callable[[Path], str]
    files: Mapping[str, str] | None = None
    size_bytes: int = -1
    set: str = ""
    keys: Sequence[str] = ()


class Record(TypedDict):
    """A finished piece, as `export.json` lists it."""

    name: str
    made_of: str
    sha256: str
    size_bytes: int
    files: Mapping[str, str] | None
    set: str
    keys: Sequence[str]


def noted_options(options: "Options", rendering: str = "") -> dict[str, str]:
    """Return options as `export.json` notes them; `rendering` says how covers were made smaller."""
    every = asdict(replace(options, private_use=False))
    return {name: str(value) for name, value in every.items() if value} | {"rendering": rendering}


def digest_of_files(digests: Mapping[str, str]) -> str:
    """Return one SHA-256 of the files of a folder, by their names and SHA-256."""
    lines = (f"{sha256} {name}\n" for name, sha256 in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Format:
    """A format whose module is loaded."""

    name: str
    module: ModuleType

    @property
    def endings(self) -> Sequence[str]:
        """The endings of a format that is one file; none of one that is a folder."""
        return cast("Sequence[str]", getattr(self.module, "ENDINGS", ()))

    def check(self, options: Options) -> None:
        """Refuse options that it doesn't take.

        Raises:
            UsageError: it takes another one alone.

        """
        takes = {"private_use", *getattr(self.module, "OPTIONS", ())}
        for name, default in asdict(Options()).items():
            if asdict(options)[name] != default and name not in takes:
                flag = _FLAGS.get(name, name.replace("_", "-"))
                msg = f"--{flag}: the format {self.name} doesn't take it. Leave it out."
                raise UsageError(msg)

    def pieces(self, job: "Job") -> Iterator[Piece]:
        """Yield the export's pieces.

        Raises:
            UsageError: a package that it needs isn't installed, or the options make no sense.

        """
        try:
            yield from cast("Iterable[Piece]", self.module.open_export(job))
        except ImportError as err:
            needs = ",".join(getattr(self.module, "NEEDS", ()))
            msg = (
                f"{self.name}: needs {err.name}, which isn't installed. Install it:"
                f" `pip install 'equigen[{needs}]'`."
            )
            raise UsageError(msg) from err

    def describe(self, job: "Job") -> Description:
        """Return what it tells on the card."""
        return cast("Description", self.module.describe(job))


_FLAGS: Final = {"size_px": "size", "features": "with"}


def find_format(name: str) -> Format:
    """Load the format called `name`.

    Raises:
        UsageError: there is no such format.

    """
    found = find_plugins("equigen.exports", "open_export")
    if name not in found:
        known = ", ".join(sorted(found))
        msg = f"there is no format {name!r}{suggest(name, list(found))}; expected one of: {known}."
        raise UsageError(msg)
    return Format(name, found[name].load())


@dataclass(frozen=True, slots=True)
class Earlier:
    """A piece of an earlier run that may be taken over: its record, and where it lies."""

    record: Record
    path: Path


@dataclass(frozen=True, slots=True)
class Job:
    """The albums and options of an export, and the pieces that an earlier run left.

    Of `albums.table` a row has the columns that are written, and those in `HIDDEN`: `KEY`, which
    names its files and is the same in each export; `picture` takes these and `sha256`. `earlier`
    has the pieces of the export that is replaced, by name; it `is_alike` where it was made with the
    same options. `out` is the place that the user named.
    """

    context: Context
    format: Format
    options: Options
    albums: Gathered
    earlier: Mapping[str, Earlier] = field(default_factory=dict)
    is_alike: bool = False
    out: Path = Path()

    @property
    def about(self) -> Mapping[str, object]:
        """The format, its version and the options: what `export.json` notes."""
        made = self.albums.rendering.key if self.albums.rendering else ""
        version = getattr(self.format.module, "VERSION", 1)
        return {
            "format": self.format.name,
            "version": version,
            "options": noted_options(self.options, made),
        }

    def of_keys(self, keys: Sequence[str]) -> pl.DataFrame:
        """Return the rows with some keys, in their order."""
        rows, wanted = self.albums.table, pl.DataFrame({KEY: keys})
        return wanted.join(rows, on=KEY, how="left", maintain_order="left").select(rows.columns)

    def digest(self, rows: pl.DataFrame, *more: object) -> str:
        """Return a digest of all that a piece with some rows depends on, and of what is named."""
        about = [self.about, list(self.albums.labels), more]
        digest = hashlib.sha256(json.dumps(about, default=str).encode())
        told = rows.drop(FILE, strict=False)
        for batch in told.iter_slices(_BATCH):
            digest.update(batch.write_ndjson().encode())
        return digest.hexdigest()

    def names(self, rows: pl.DataFrame) -> pl.Series:
        """Return the names of rows' pictures: `KEY` and an ending, such as ".jpg"."""
        ending = pl.col(FILE).str.extract(r"(\.[^./]*)$").str.to_lowercase()
        if made := self.albums.rendering:
            ending = pl.when(IS_RAW).then(pl.lit(made.suffix)).otherwise(ending)
        return rows.select(pl.col(KEY) + ending).to_series()

    def picture(self, row: Row) -> bytes:
        """Return the bytes of a row's picture, as they are exported.

        Raises:
            StorageError: it can't be read.
            InputError: it isn't the cover that was downloaded, or doesn't decode.

        """
        file, made = row[FILE], self.albums.rendering
        body = read_cover(file)
        is_cover = row[IS_RAW] or not made
        if is_cover and row["sha256"] not in ("", hashlib.sha256(body).hexdigest()):
            msg = (
                f"{file}: changed since the download: its SHA-256 is another one. Run `equigen"
                " download --verify`, which mends it, then the same command again."
            )
            raise InputError(msg)
        if not row[IS_RAW]:
            return body
        from equigen.images.check import check_picture  # noqa: PLC0415  (heavy)

        demands = Demands(1, self.context.settings.download.max_pixels)
        try:
            return check_picture(body, demands, [made] if made else ()).files[0]
        except PictureError as err:
            msg = f"{file}: {err}. Run `equigen download --verify`, which mends it."
            raise InputError(msg) from err

    def shards(self, set_name: str, most_bytes: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of each shard of a set: those that were exported before stay in theirs."""
        yield from map(self.of_keys, self.dealt(set_name, most_bytes))

    def dealt(self, set_name: str, most_bytes: int) -> list[list[str]]:
        """Return the keys of each shard of a set."""
        rows = self.albums.of_set(set_name, KEY, "size_bytes")
        before = [
            each.record["keys"]
            for each in self.earlier.values()
            if each.record["set"] == set_name and self.is_alike
        ]
        sizes = rows["size_bytes"].to_list()
        if self.albums.rendering:
            sizes = [min(each, self.albums.rendering.size_px**2) for each in sizes]
        known = dict(zip(rows[KEY].to_list(), sizes, strict=True))
        return deal_shards(before, known, most_bytes)


def deal_shards(
    before: Sequence[Sequence[str]], rows: Mapping[str, int], most_bytes: int
) -> list[list[str]]:
    """Deal rows into shards: the keys of each shard.

    `before` has the keys of the shards that are there, `rows` the size in bytes of each row that is
    to be in one, in order. Rows stay in their shards, and those that are gone are left out; a shard
    that is empty then gets the rows of the last one. New rows fill the last shard, then new ones.
    A key that several have stays in the first.
    """
    new = dict(rows)
    shards = [[key for key in shard if new.pop(key, None) is not None] for shard in before]
    for at in range(len(shards)):
        while shards and not shards[-1]:
            shards.pop()
        if at < len(shards) and not shards[at]:
            shards[at] = shards.pop()
    left = most_bytes - sum(rows[key] for key in shards[-1]) if shards else 0
    for key, size_bytes in new.items():
        if not shards or size_bytes > left:
            shards.append([])
            left = most_bytes
        shards[-1].append(key)
        left -= size_bytes
    return shards


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Make a hard link to a file, or copy it where that can't be.

    Raises:
        OSError: the disk refuses.

    """
    if not is_linked(source, target):
        one, other = Path(source), Path(target)
        FileBelow(one.parent, one.name).copy(FileBelow(other.parent, other.name))


def is_linked(source: str | Path, target: str | Path) -> bool:
    """Make a hard link to a file; return False where that can't be."""
    try:
        os.link(source, target, **_NO_FOLLOW)
    except OSError as err:
        if err.errno not in NO_LINKS:
            raise
        return False
    return True


def text_piece(name: str, text: str) -> Piece:
    """Return the piece of a small text file."""

    def write(path: Path) -> str:
        path.write_text(text, encoding="utf-8", newline="\n")
        return ""

    return Piece(name, hashlib.sha256(text.encode()).hexdigest(), write)
