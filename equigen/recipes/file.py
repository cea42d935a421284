"""Write a recipe, a dataset without its pictures in one file, and read one as a stranger's.

It is a zip archive. `recipe.json` tells how the dataset was made; `albums.tsv` has the rows of the
TSV, and `covers.tsv`, in the same order, what is known of each one's cover, its labels, its set and
what it is tied to. The same dataset makes the same bytes.
"""

import csv
import json
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import file_digest
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple

from equigen.dataset.covers import dataset_covers, set_of
from equigen.dataset.dataset import Dataset
from equigen.dataset.made_with import DEFINING, value_of
from equigen.dataset.table import map_table
from equigen.dataset.tsv import as_cell, as_lines, reading_tsv
from equigen.errors import InputError, MissingInputError
from equigen.http.addresses import lets_in, without_password
from equigen.identity.artists import artist_ids
from equigen.identity.pictures import clean_url, host_of, without_signature
from equigen.labels.taxonomy import load_taxonomy
from equigen.ledger.ledger import MADE_WITH
from equigen.ledger.values import read_by_name
from equigen.schema import (
    ASIDE,
    MAX_CELL_CHARS,
    RATING_COLUMNS,
    REQUIRED_COLUMNS,
    SETS,
    TAKEN_COLUMNS,
    join_list,
    split_list,
)
from equigen.sources.base import (
    PictureFrom,
    licence_of,
    may_republish,
    restricting,
    restricting_by,
    restriction_of,
)
from equigen.storage.atomic import in_place_of
from equigen.storage.below import open_regular
from equigen.storage.os_errors import translating_read_errors
from equigen.version import __version__

VERSION: Final = 1
_HEAD, _ALBUMS, _COVERS = "recipe.json", "albums.tsv", "covers.tsv"
_LAW: Final = (
    "This recipe has no pictures. They belong to their owners; each source's own terms decide what"
    " may be done with those that are fetched from it."
)
# What is kept of an album whose source's terms also cover its metadata: ids, and what is one's own.
_FREE: Final = frozenset(("album_id", "album_index", "genre", "labels", "artist_ids", "set_given"))
_COVER_COLUMNS: Final = (
    "labels", "set", "sha256", "phash", "size_bytes", "width_px", "height_px", "look", "ties",
)  # fmt: skip
# Between ties, since artists' names may hold anything that can be printed.
_BETWEEN: Final = "\x1f"
_SCHEMES: Final = ("https://", "http://")
# Paths on a machine, wherever they stand in a cell.
_PATH: Final = re.compile(r"""(?:^|[\s|"'=,;:(\[<])(?:file:|~?/\w|[A-Za-z]:[\\/]|\\\\\w)""")
_WORD: Final = re.compile(r"""[^\s|"'<>]*://[^\s|"'<>]*""")
_OURS: Final = frozenset((*TAKEN_COLUMNS, *RATING_COLUMNS))
# An album's tie to its own cover stands for itself: the cover built may have other bytes.
_TIE, _OWN = "cover ", "cover"
_LEVEL: Final = 2
_BATCH: Final = 1_000
_NO_COVER: Final = ("", "", 0, 0, 0)
_WAYS: Final = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
# A stranger's file may unpack to far more than it is.
_MOST_HEAD_BYTES, _MOST_ROW_BYTES, _MOST_BYTES, _MOST_TIMES = 4 << 20, 4 << 20, 64 << 20, 50
_MOST_COLUMNS, _MOST_ROWS = 1_000, 10_000_000
# Copies that were encoded anew or resized differ in up to 8 of the hash's 64 bits; so do 15 in a
# million pairs of drawn covers (docs/recipes.md has the measurement).
MOST_BITS: Final = 8
# So do flat covers, and one with another number: these differ in greys, which copies change by a
# few of 255 levels; 8.5 more are lost with a hex digit for each.
MOST_LEVELS: Final = 13
STEP_LEVELS: Final = 17
_SETS: Final = (*SETS, ASIDE)
# How the cells of covers look, and that in words.
_CELLS: Final = {
    name: (re.compile(pattern, re.ASCII), told)
    for names, pattern, told in (
        (("set",), "|".join(("", *_SETS)), f"{', '.join(_SETS)} or nothing"),
        (("sha256",), r"[0-9a-f]{64}|", "64 hex digits or nothing"),
        (("phash",), r"[0-9a-f]{16}|", "16 hex digits or nothing"),
        (("look",), r"[0-9a-f]{49}|", "49 hex digits or nothing"),
        (("size_bytes", "width_px", "height_px"), r"\d{1,12}", "a number"),
    )
    for name in names
}


class RecipeCover(NamedTuple):
    """A cover as it was: `sha256` and `phash` in hex, "" where there was none.

    `labels` are spelled as folders; `set_name` is that of the album, "aside" or "". `ties` are
    those by which it was dealt, with the cover's own. `look` has a hex digit for each of the levels
    of `levels_of`; "" where they aren't known.
    """

    labels: tuple[str, ...]
    set_name: str
    sha256: str
    phash: str
    size_bytes: int
    width_px: int
    height_px: int
    look: str
    ties: tuple[str, ...]


def bits_apart(phash: str, other: str) -> int | None:
    """Return the number of bits in which two perceptual hashes differ; None where one lacks."""
    return (int(phash, 16) ^ int(other, 16)).bit_count() if phash and other else None


def levels_in(look: str) -> list[int]:
    """Return the levels of a look in hex, each off by half a step at most."""
    return [int(digit, 16) * STEP_LEVELS for digit in look]


def levels_apart(levels: Sequence[float], others: Sequence[float]) -> float | None:
    """Return by how many of 255 levels two looks differ at most; None where one lacks."""
    apart = (abs(one - other) for one, other in zip(levels, others, strict=False))
    return max(apart, default=None)


def looks_in_hex(looks: Mapping[str, bytes]) -> dict[str, str]:
    """Return descriptors as a recipe has them, by the same keys."""
    from equigen.images.descriptor import levels_of  # noqa: PLC0415  (heavy, and needed here alone)

    known = {key: look for key, look in looks.items() if look}
    if not known:
        return {}
    levels = levels_of([*known.values()])
    return {
        key: row.tobytes().hex()[1::2]
        for key, row in zip(known, (levels / STEP_LEVELS).round().astype("u1"), strict=True)
    }


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe's file; `head` is its `recipe.json`, `sha256` (hex) that of the whole file."""

    path: Path
    sha256: str
    head: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that the dataset was made with, as far as they define it, by name."""
        given = self._table("settings")
        return {name: given[name] for names in DEFINING.values() for name in names if name in given}

    @property
    def taxonomy(self) -> Mapping[str, Any]:
        """The taxonomy, as its TOML file has it."""
        return self._table("taxonomy")

    @property
    def own_labels(self) -> Sequence[object]:
        """The queries that the dataset's own config.toml added to the taxonomy."""
        given = self.head.get("own_labels")
        return given if isinstance(given, list) else []

    def rows(self) -> Iterator[list[str]]:
        """Yield the TSV's header, then its rows, each as wide.

        Raises:
            InputError: the file is broken.

        """
        rows = self._read(_ALBUMS)
        header = next(rows, [])
        missing = [name for name in REQUIRED_COLUMNS if name not in header]
        if missing or len({*header}) < len(header) or len(header) > _MOST_COLUMNS:
            trouble = f"{_ALBUMS}: expected the header of a dataset's TSV"
            raise self._broken(trouble)
        yield header
        yield from rows

    def covers(self) -> Iterator[RecipeCover]:
        """Yield the cover of each row.

        Raises:
            InputError: the file is broken.

        """
        rows = self._read(_COVERS)
        if tuple(next(rows, ())) != _COVER_COLUMNS:
            trouble = f"{_COVERS}: expected the columns {', '.join(_COVER_COLUMNS)}"
            raise self._broken(trouble)
        for number, cells in enumerate(rows, start=1):
            by_name = dict(zip(_COVER_COLUMNS, cells, strict=True))
            for name, (pattern, told) in _CELLS.items():
                if not pattern.fullmatch(by_name[name]):
                    got = by_name[name][:40]
                    trouble = f"{_COVERS}, row {number:,}: {name}: expected {told}, got {got!r}"
                    raise self._broken(trouble)
            labels, set_name, sha256, phash, size_bytes, width_px, height_px, look, ties = cells
            own = (f"{_TIE}{sha256}" if tie == _OWN else tie for tie in ties.split(_BETWEEN) if tie)
            yield RecipeCover(
                split_list(labels), set_name, sha256, phash, int(size_bytes), int(width_px),
                int(height_px), look, tuple(own),
            )  # fmt: skip

    def both(self) -> Iterator[tuple[Mapping[str, str], RecipeCover]]:
        """Yield the cells of each row, by column, and its cover.

        Raises:
            InputError: the file is broken, or its tables differ in length.

        """
        rows = self.rows()
        header = next(rows)
        for row, cover in zip_longest(rows, self.covers()):
            if row is None or cover is None:
                trouble = f"{_ALBUMS} and {_COVERS} differ in length"
                raise self._broken(trouble)
            yield dict(zip(header, row, strict=True)), cover

    def _table(self, name: str) -> Mapping[str, Any]:
        given = self.head.get(name)
        return given if isinstance(given, dict) else {}

    def _read(self, name: str) -> Iterator[list[str]]:
        """Yield the rows of a table in the file, its header first; no more of it is held."""
        csv.field_size_limit(MAX_CELL_CHARS)
        with _translating(self.path), _opened(self.path) as file, file.open(name) as table:
            width, taken, all_bytes = 0, 0, 0
            most_bytes = max(_MOST_BYTES, _MOST_TIMES * self.path.stat().st_size)

            def lines() -> Iterator[str]:
                nonlocal taken, all_bytes
                while line := table.readline(_MOST_ROW_BYTES):
                    taken, all_bytes = taken + len(line), all_bytes + len(line)
                    if taken >= _MOST_ROW_BYTES or all_bytes > most_bytes:
                        trouble = f"{name}: larger than that of any dataset"
                        raise self._broken(trouble)
                    yield line.decode()

            rows, number = csv.reader(lines(), delimiter="\t", strict=True), -1
            try:
                for number, row in enumerate(rows):
                    taken, width = 0, width or len(row)
                    if len(row) != width or "\0" in "".join(row) or number > _MOST_ROWS:
                        trouble = f"{name}, row {number:,}: expected {width} cells of text"
                        raise self._broken(trouble)
                    yield row
            except (csv.Error, UnicodeError) as err:
                trouble = f"{name}, row {number + 1:,}: {err}"
                raise self._broken(trouble) from None

    def _broken(self, trouble: str) -> InputError:
        return _broken(self.path, trouble)


def read_recipe(path: Path) -> Recipe:
    """Open a recipe; its tables are read by its methods.

    Raises:
        MissingInputError: there is none.
        InputError: it is no recipe, a broken one, or of a newer version.

    """
    if not path.exists():
        msg = f"{path}: no such file; expected a recipe, which `equigen recipe write` makes."
        raise MissingInputError(msg)
    with _translating(path), _opened(path) as file, open_regular(path) as whole:
        members = file.infolist()
        names = sorted(each.filename for each in members)
        # Other ways to compress let a small file take gigabytes of memory.
        is_plain = {each.compress_type for each in members} <= _WAYS
        if names != sorted((_HEAD, _ALBUMS, _COVERS)) or not is_plain:
            trouble = f"expected {_HEAD}, {_ALBUMS} and {_COVERS} in it, deflated"
            raise _broken(path, trouble)
        with file.open(_HEAD) as opened:
            text = opened.read(_MOST_HEAD_BYTES + 1)
        head = json.loads(text) if len(text) <= _MOST_HEAD_BYTES else None
        if not isinstance(head, dict) or not isinstance(version := head.get("version"), int):
            trouble = f"{_HEAD}: expected an object with a number, version"
            raise _broken(path, trouble)
        if version > VERSION:
            msg = (
                f"{path}: a recipe of format {version}, and EquiGen {__version__} reads up to"
                f" {VERSION}. Install a newer one."
            )
            raise InputError(msg)
        return Recipe(path, file_digest(whole, "sha256").hexdigest(), head)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with open_regular(path) as opened, zipfile.ZipFile(opened) as file:
        yield file


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    """Translate all that a broken archive, or one that isn't any, leads to."""
    try:
        with translating_read_errors(path):
            yield
    except (
        zipfile.BadZipFile, zlib.error, csv.Error, EOFError, KeyError, NotImplementedError,
        RuntimeError, ValueError, OverflowError, struct.error,
    ) as err:  # fmt: skip
        raise _broken(path, str(err) or type(err).__name__) from None


def _broken(path: Path, trouble: str) -> InputError:
    msg = f"{path}: no whole recipe: {trouble[:200]}. Get a copy of it anew."
    return InputError(msg)


class Written(NamedTuple):
    """What a recipe has: its albums, those with a cover and those in sets; of what sources.

    `bare` counts the albums whose source's terms cover what it says of them, and `unaddressed` the
    covers whose address isn't told, `emptied` the cells of columns of one's own that aren't.
    """

    albums: int
    covers: int
    unaddressed: int
    sets: Mapping[str, int]
    sources: Mapping[str, int]
    bare: int
    emptied: int


def write_recipe(dataset: Dataset, out: Path) -> Written:
    """Write the recipe of a dataset; addresses are without signatures and passwords.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken.
        LedgerError: the ledger can't be read.
        StorageError: the disk refuses; an earlier file is still there.

    """
    sources = Counter[str]()
    covers, sets, emptied = Counter[bool](), Counter[str](), Counter[str]()
    with (
        in_place_of(out) as beside,
        zipfile.ZipFile(beside, "x", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as file,
    ):
        _write(file, _ALBUMS, _album_lines(dataset, sources, covers, emptied))
        _write(file, _COVERS, _cover_lines(dataset, covers, sets))
        bare = sum(n for name, n in sources.items() if not may_republish(f"{name}:"))
        done = Written(
            sources.total(), covers.total(), covers[False], dict(sets), dict(sources), bare,
            emptied.total(),
        )  # fmt: skip
        text = json.dumps(_head(dataset, done), ensure_ascii=False, indent=1)
        _write(file, _HEAD, [text.encode()])
    return done


def _head(dataset: Dataset, done: Written) -> Mapping[str, Any]:
    settings = dataset.context.settings
    with dataset.reading_ledger() as ledger:
        noted = (ledger.read(MADE_WITH, read_by_name) if ledger else None) or {}
    made_with = {}
    for names in DEFINING.values():
        for name in names:
            made_with[name] = noted.get(name, value_of(settings, name))
    taxonomy = Path(settings.fetch.taxonomy).name
    return {
        "version": VERSION,
        "equigen": __version__,
        "law": _LAW,
        "albums": done.albums,
        "covers": done.covers,
        "sets": {name: done.sets[name] for name in _SETS if name in done.sets},
        "sources": [
            {
                "name": name,
                "albums": count,
                "licence": licence_of(f"{name}:"),
                "terms": restriction_of(name) if restricting(f"{name}:") else "",
            }
            for name, count in sorted(done.sources.items())
        ],
        # A path on this machine is nobody's business: the taxonomy stands below.
        "settings": {**made_with, "fetch.taxonomy": taxonomy},
        "taxonomy": load_taxonomy(settings.fetch.taxonomy).model_dump(
            mode="json", exclude_defaults=True
        ),
        "own_labels": [
            each.model_dump(mode="json", exclude_defaults=True) for each in settings.fetch.label
        ],
    }


def _album_lines(
    dataset: Dataset, sources: Counter[str], covers: Counter[bool], emptied: Counter[str]
) -> Iterator[bytes]:
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    tsv = dataset.context.tsv
    with reading_tsv(tsv) as opened:
        columns = opened.columns
    yield "".join(as_lines([columns])).encode()
    for frame in map_table(tsv, columns, lambda chunk: chunk.frame.select(columns)):
        ids = frame["album_id"] if "album_id" in columns else pl.Series([""] * frame.height)
        of = [album_id.partition(":")[0] for album_id in ids]
        counts = Counter(of)
        sources.update(counts)
        addresses = [_public(url) for url in frame["image_url"]]
        untold = addresses.count("") - int((frame["image_url"] == "").sum())
        covers.update({True: -untold, False: untold})
        cells = {"image_url": pl.Series(addresses, dtype=pl.String)}
        if "more_images" in columns:
            more = [
                join_list(list(map(_public, split_list(cell)))) for cell in frame["more_images"]
            ]
            cells["more_images"] = pl.Series(more, dtype=pl.String)
        for name in columns:
            if name not in _OURS:
                own = [_free(cell) for cell in frame[name]]
                emptied[name] += own.count("") - int((frame[name] == "").sum())
                cells[name] = pl.Series(own, dtype=pl.String)
        if bare := [name for name in counts if not may_republish(f"{name}:")]:
            is_bare = pl.Series(of).is_in(bare)
            cells |= {
                name: pl.select(
                    pl.when(is_bare).then(pl.lit("")).otherwise(cells.get(name, frame[name]))
                ).to_series()
                for name in columns
                if name not in _FREE
            }
        table = frame.with_columns(**cells)
        yield table.write_csv(separator="\t", include_header=False).encode()


def _public(address: str) -> str:
    """Return an address without what is secret or expires; "" where nothing of it can be told.

    That are paths on this machine, addresses that let in whoever has them, and those of a source
    whose terms also cover them.
    """
    if not address.startswith(_SCHEMES) and not host_of(clean_url(address)):
        return ""
    if lets_in(address) or _is_withheld(host_of(address)):
        return ""
    return without_signature(without_password(address) if "@" in address else address)


@cache
def _is_withheld(host: str) -> bool:
    source = restricting_by("", PictureFrom(host, ""))
    return bool(source) and not may_republish(f"{source}:")


def _free(cell: str) -> str:
    """Return a cell of somebody's own column; "" where a path, or what isn't public, is in it."""
    is_told = all(_public(each) == each for each in _WORD.findall(cell))
    return cell if is_told and not _PATH.search(cell) else ""


def _cover_lines(dataset: Dataset, covers: Counter[bool], sets: Counter[str]) -> Iterator[bytes]:
    yield "".join(as_lines([_COVER_COLUMNS])).encode()
    with dataset.reading_ledger() as ledger:
        placed = {each.album: each for each in ledger.placements()} if ledger else {}
        figures = ledger.cover_figures(_COVER_COLUMNS[2:7], are_here=True) if ledger else ()
        known = {each[0]: each[1:] for each in figures}
        dealt = ledger.sets() if ledger else {}
        labels = cache(lambda names: as_cell(join_list(names)))
        is_bare = cache(lambda name: not may_republish(f"{name}:"))
        rows = dataset_covers(dataset.context)
        while batch := list(islice(rows, _BATCH)):
            lines = list[str]()
            digests = [known[row.picture][0] for row in batch if row.picture in known]
            looks = looks_in_hex(ledger.looks_of(digests)) if ledger else {}
            for row in batch:
                cover, place = known.get(row.picture), placed.get(row.album)
                name = set_of(row, dealt) or (place.set_name if place else "")
                sha256, phash, size_bytes, width_px, height_px = cover or _NO_COVER
                if cover:
                    covers[bool(row.url)] += 1
                    if name:
                        sets[name] += 1
                own, ties = f"{_TIE}{sha256}", place.ties if place else ()
                if ties and is_bare(row.album_id.partition(":")[0]):  # its artists aren't told
                    named = {*ties} - {f"artist {each}" for each in artist_ids(row.artist_ids)}
                    ties = tuple(tie for tie in ties if tie not in named or tie.startswith(_TIE))
                told = as_cell(_BETWEEN.join([_OWN if tie == own else tie for tie in ties]))
                lines.append(
                    f"{labels(row.labels)}\t{name}\t{sha256}\t{phash}\t{size_bytes}\t{width_px}"
                    f"\t{height_px}\t{looks.get(sha256, '')}\t{told}\n"
                )
            yield "".join(lines).encode()


def _write(file: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> None:
    """Write a member, compressed in a thread while the next part is made."""
    with (
        file.open(name, "w", force_zip64=True) as opened,  # dated 1980, so always the same
        ThreadPoolExecutor(1) as pool,
    ):
        before: Future[int] | None = None
        for part in parts:
            if before:
                before.result()
            before = pool.submit(opened.write, part)
        if before:
            before.result()
