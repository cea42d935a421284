"""Read the albums of other people's datasets: folders of pictures, tables, exports in Parquet.

A dataset comes from strangers: its files are read through no link, and none outside of its folder.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, Final

from equigen.config.settings import suggest
from equigen.dumps.archives import DumpError, opened
from equigen.dumps.texts import Torn, table
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.identity.pictures import clean_url, picture_key
from equigen.ledger.ledger import LEDGER_NAME
from equigen.schema import PICTURES, SETS, join_list, safe_text, short_text, split_list
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_read_errors

# The column of a table that names a picture's file.
FILE: Final = "file"
# The names that tables give to columns, the surest first; those of the TSV are its own.
COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "genre": ("label_name", "genre_label", "genre", "label", "class", "class_name", "category"),
    "set_given": ("set", "split", "subset", "set_given"),
    "image_url": ("image_url", "cover_url", "cover_image", "artwork_url", "img_url", "url"),
    FILE: ("file_name", "filename", "file", "image_path", "path", "image", "cover"),
    "artist": ("artist", "artist_name", "artists"),
    "album": ("album", "album_name", "album_title", "title"),
    "year": ("year", "release_year"),
    **{
        name: (name,)
        for name in ("album_id", "artist_ids", "genres", "styles", "country", "formats", "labels")
    },
}
# What `--column` calls them.
_MEANINGS: Final = {"label": "genre", "set": "set_given", "url": "image_url", "title": "album"}
_SETS: Final = {
    **dict(zip(SETS, SETS, strict=True)),
    "training": "train", "valid": "val", "validation": "val", "dev": "val", "eval": "val",
    "evaluation": "val", "testing": "test", "holdout": "test",
}  # fmt: skip
_SET_IN_NAME: Final = re.compile(rf"(?:^|[/._-])({'|'.join(_SETS)})(?=[/._-])", re.IGNORECASE)
_METADATA: Final = frozenset(("metadata.csv", "metadata.jsonl", "metadata.parquet"))
_PARQUET: Final = ".parquet"
# Columns of which a row needs one, or a picture in it.
_NAMING: Final = frozenset((FILE, "image_url", "album_id", "artist", "album"))
_KINDS: Final = "a folder of pictures, or a table: .csv, .tsv (also .gz), .jsonl or .parquet"
# Rows with pictures in them: a group of rows of the Hub's exports, unless their pictures are large.
_ROWS_TOGETHER: Final = 100
_BYTES_TOGETHER: Final = 64_000_000
# Pictures hardly get smaller in a table: what grows more is made to fill the disk.
_MOST_TIMES: Final = 50
# Folders above those of the sets.
_MOST_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class Foreign:
    """Album of another dataset: its cells by the TSV's columns, and its picture, if it is there.

    `body` has the bytes of a picture that lies in a table, `file` is the file of any other one.
    """

    cells: Mapping[str, str]
    file: FileBelow | None = None
    body: bytes | None = None


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """Parse what `--column` gives, such as "label=genre": the table's names by the TSV's columns.

    Raises:
        UsageError: one is no such pair, or names no column of ours.

    """
    columns = {}
    for each in given:
        name, _, theirs = each.partition("=")
        ours = _MEANINGS.get(name, name)
        if ours not in COLUMNS or not theirs:
            known = [*_MEANINGS, *(each for each in COLUMNS if each not in _MEANINGS.values())]
            msg = (
                f"--column {each}: expected NAME=COLUMN, where NAME is one of:"
                f" {', '.join(known)}{suggest(name, known)}."
            )
            raise UsageError(msg)
        columns[ours] = theirs
    return columns


def read_albums(path: Path, columns: Mapping[str, str]) -> Iterator[Foreign]:
    """Yield the albums of a dataset, a row or a picture each, in a fixed order.

    `columns` has the names that a table gives to columns of ours, where they aren't told by
    `COLUMNS`.

    Raises:
        MissingInputError: there is no such file or folder.
        InputError: it is no dataset, or a table of it is broken.
        UsageError: a table has no such column.
        StorageError: the disk refuses.

    """
    with translating_read_errors(path):
        if not path.exists():
            msg = f"{path}: no such file or folder; expected {_KINDS}."
            raise MissingInputError(msg)
        if not path.is_dir() and not path.is_file():
            msg = f"{path}: expected {_KINDS}."
            raise InputError(msg)
        if (path / LEDGER_NAME).exists():
            msg = (
                f"{path}: this is a dataset of EquiGen; expected one of other people. `equigen"
                " report` shows it, `equigen split --verify` proves that nothing leaks in it."
            )
            raise InputError(msg)
        files = sorted(_walked(path)) if path.is_dir() else [path.name]
    root = path if path.is_dir() else path.parent
    pictures = [each for each in files if PurePosixPath(each).suffix.lower() in PICTURES]
    known = [each for each in files if PurePosixPath(each).name in _METADATA]
    shards = [each for each in files if each.endswith(_PARQUET) and each not in known]
    if not path.is_dir():
        found = _of_table(root, path.name, columns)
    elif pictures and (
        packed := next((each for each in shards if _columns_of_pictures(root / each)), "")
    ):
        msg = (
            f"{path}: it has pictures both as files ({pictures[0]}) and in tables ({packed}), which"
            " may be the same ones. Name the folder of either, or one table."
        )
        raise InputError(msg)
    elif pictures:
        found = _of_pictures(root, pictures, known, columns)
    elif shards:
        found = chain.from_iterable(_of_table(root, each, columns) for each in shards)
    else:
        msg = f"{path}: no pictures and no Parquet files there; expected {_KINDS}."
        raise InputError(msg)
    yield from _with_ids(path, found)


def _walked(root: Path) -> Iterator[str]:
    """Yield the path of each regular file below a folder, hidden ones and links left out."""

    def refuse(err: OSError) -> None:
        raise err

    for folder, below, files in os.walk(root, onerror=refuse):
        below[:] = [each for each in below if not each.startswith(".")]
        within = Path(folder).relative_to(root)
        for name in files:
            # A pipe would be waited for.
            if not name.startswith(".") and stat.S_ISREG(Path(folder, name).lstat().st_mode):
                yield (within / name).as_posix()


def _with_ids(path: Path, albums: Iterator[Foreign]) -> Iterator[Foreign]:
    """Yield albums, each with an id and a picture of its own.

    An id that an earlier row has gets the row's number. Where rows with different files have one
    address, as of an artist's page, it is no picture's.

    Raises:
        InputError: there are none.

    """
    first = dict[str, str]()  # the sets of rows by their ids
    shown = dict[str, str]()  # the files of rows by the pictures that their addresses are of
    for number, each in enumerate(albums, start=1):
        cells = dict(each.cells)
        album_id, url = cells.get("album_id", ""), cells.get("image_url", "")
        has_picture = each.file is not None or each.body is not None
        if has_picture and url:
            file = str(each.file or number)
            if shown.setdefault(picture_key(url), file) != file:
                cells["image_url"] = url = ""
        if album_id in first:
            # Rows of one address are told apart by their pictures and labels.
            is_another = has_picture or not url or cells["set_given"] != first[album_id]
            cells["album_id"] = f"{album_id}#{number}" if is_another and album_id else ""
        first.setdefault(album_id, cells.get("set_given", ""))
        yield replace(each, cells=cells)
    if not first:
        msg = f"{path}: expected rows, got none."
        raise InputError(msg)


def _of_pictures(
    root: Path, pictures: Sequence[str], tables: Sequence[str], columns: Mapping[str, str]
) -> Iterator[Foreign]:
    """Yield the pictures of folders: `SET/CLASS/name.jpg`, or `CLASS/name.jpg` without sets."""
    told = dict[str, Mapping[str, str]]()
    for name in tables:
        folder = PurePosixPath(name).parent
        for cells, _ in _read(root / name, columns):
            if cells.get(FILE):
                told[(folder / cells.pop(FILE)).as_posix()] = cells
    at = _depth_of_sets(pictures)
    for path in dict.fromkeys(chain(pictures, told)):  # of a table, also those that aren't there
        *folders, _ = path.split("/")
        given = _SETS.get(folders[at].lower(), "") if 0 <= at < len(folders) else ""
        if given:
            above, folders = folders[:at], folders[at + 1 :]
            folders = folders or above[len(_shared(pictures)) :]
        label = short_text(folders[0]) if folders else ""
        there = {name: cell for name, cell in told.get(path, {}).items() if cell}
        if label and there.get("genre", "").isdecimal():  # the folder's name says more
            del there["genre"]
        cells = {"set_given": given, "genre": label, "album_id": f"file:{safe_text(path)}", **there}
        yield Foreign(cells, FileBelow(root, path))


def _depth_of_sets(pictures: Sequence[str]) -> int:
    """Return how many folders are above those of the sets; -1 where no folders are of sets.

    They are where all folders are called so, or those of two sets.
    """
    folders = [each.split("/")[:-1] for each in pictures]
    for depth in range(_MOST_DEPTH):
        names = {each[depth].lower() for each in folders if len(each) > depth}
        sets = {_SETS[each] for each in names if each in _SETS}
        if len(sets) > 1 or (sets and not depth and names <= _SETS.keys()):
            return depth
    return -1


def _shared(paths: Sequence[str]) -> Sequence[str]:
    """Return the folders that all paths have in common."""
    first, last = (path.split("/")[:-1] for path in (min(paths), max(paths)))
    return [one for one, other in zip(first, last, strict=False) if one == other]


def _of_table(root: Path, name: str, columns: Mapping[str, str]) -> Iterator[Foreign]:
    """Yield the rows of a table: with a picture's bytes, the name of its file, or its address."""
    given = _set_in(name)
    for number, (cells, body) in enumerate(_read(root / name, columns), start=1):
        path = cells.pop(FILE, "")
        cells["set_given"] = cells.get("set_given") or given
        if body is not None:
            own_id = f"file:{safe_text(name)}/{number}"
        elif path and "://" not in path:
            own_id = f"file:{safe_text(path)}"
        else:
            own_id = ""
            cells["image_url"] = cells.get("image_url") or clean_url(safe_text(path))
        cells["album_id"] = cells.get("album_id") or own_id
        is_file = own_id and body is None
        yield Foreign(cells, FileBelow(root, path.removeprefix("./")) if is_file else None, body)


def _set_in(path: str) -> str:
    """Return the set that a file's name tells, or else its folders; "" where they tell several."""
    folders, _, name = path.rpartition("/")
    for text in (name, f"{folders}/"):
        told = {_SETS[each.lower()] for each in _SET_IN_NAME.findall(text)}
        if told:
            return told.pop() if len(told) == 1 else ""
    return ""


def _read(file: Path, columns: Mapping[str, str]) -> Iterator[tuple[dict[str, str], bytes | None]]:
    """Yield the cells of each row of a table, and the bytes of the picture in it, if any."""
    theirs = dict[str, str]()
    for row in _rows(file):
        theirs = theirs or _theirs(file, row, columns)
        yield _cells(row, theirs), _bytes_in(row)


def _theirs(file: Path, row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, str]:
    """Return a table's names of our columns and of `FILE`, by its first row.

    Raises:
        UsageError: there is no such column as one in `columns`.
        InputError: no column tells which album or picture a row is of.

    """
    by_fold = {each.lower(): each for each in reversed([*row])}
    found = {}
    for ours, names in COLUMNS.items():
        wanted = [columns[ours]] if ours in columns else names
        there = [by_fold[each.lower()] for each in wanted if each.lower() in by_fold]
        if ours in columns and not there:
            known = ", ".join(map(safe_text, row))
            msg = (
                f"{file}: there is no column {columns[ours]!r}{suggest(columns[ours], [*row])};"
                f" expected one of: {known}."
            )
            raise UsageError(msg)
        if there:
            found[ours] = there[0]
    if not (_NAMING & found.keys() or _bytes_in(row) is not None):
        msg = (
            f"{file}: no column tells which pictures its rows are of; its columns are:"
            f" {', '.join(map(safe_text, row))}. Name one by --column file=COLUMN or --column"
            " url=COLUMN."
        )
        raise InputError(msg)
    return found


def _cells(row: Mapping[str, Any], theirs: Mapping[str, str]) -> dict[str, str]:
    """Return a row's cells by the TSV's columns, and by `FILE`."""
    cells = {}
    for ours, name in theirs.items():
        # A file is called by its very bytes.
        value = row[name]
        is_path = ours == FILE and isinstance(value, str) and "\0" not in value
        cells[ours] = value if is_path else _text(value)
    if "genre" in cells and len(labels := split_list(cells["genre"])) > 1:
        cells |= {"genre": labels[0], "labels": cells["genre"]}
    cells["set_given"] = _SETS.get(cells.get("set_given", "").lower(), "")
    return cells


def _text(value: object) -> str:
    """Return a value as a cell: a list as one of several values, a picture as its file's name."""
    if isinstance(value, dict):
        value = value.get("path")
    if isinstance(value, list):
        return safe_text(join_list([_text(each) for each in value]))
    return "" if value is None else safe_text(str(value))


def _bytes_in(row: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of the first picture in a row, as `datasets` writes them."""
    found = (each.get("bytes") for each in row.values() if isinstance(each, dict))
    return next((each for each in found if isinstance(each, bytes)), None)


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table by column.

    Raises:
        InputError: it is broken, or of another kind.

    """
    name = path.name.lower()
    if name.endswith(_PARQUET):
        return _of_parquet(path)
    if name.endswith(".jsonl"):
        return _of_json_lines(path)
    if name.removesuffix(".gz").endswith((".csv", ".tsv")):
        return _of_lines(path, "," if name.removesuffix(".gz").endswith(".csv") else "\t")
    msg = f"{path}: expected {_KINDS}."
    raise InputError(msg)


def _of_lines(path: Path, delimiter: str) -> Iterator[Mapping[str, str]]:
    try:
        with opened(path, kind="table") as text:
            for row in table(text, columns=(), delimiter=delimiter):
                if isinstance(row, Torn):  # one that a dump may have
                    msg = f"{path}: {row.name}: {row.why}. Mend the row, then run again."
                    raise InputError(msg)
                yield row
    except DumpError as err:
        msg = f"{path}: {err}. Expected {_KINDS}."
        raise InputError(msg) from None


def _of_json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    import polars as pl  # noqa: PLC0415  (it starts threads)

    with _translating(path):
        rows = pl.read_ndjson(path, infer_schema_length=None)
        yield from rows.iter_rows(named=True)


def _of_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import polars as pl  # noqa: PLC0415

    with _translating(path):
        classes = _classes(pl.read_parquet_metadata(path).get("huggingface", ""))
        rows = pl.scan_parquet(path, glob=False)
        for at, count in _slices(path):
            for row in rows.slice(at, count).collect().iter_rows(named=True):
                yield row | {name: _named(row.get(name), names) for name, names in classes.items()}


def _slices(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the first row and the number of rows that are read at a time.

    Raises:
        InputError: the pictures in the file are many times as large as the file.

    """
    import polars as pl  # noqa: PLC0415

    sizes = [pl.col(name).struct.field("bytes").bin.size() for name in _columns_of_pictures(path)]
    size_bytes = pl.sum_horizontal(pl.lit(0, pl.UInt64), *(each.fill_null(0) for each in sizes))
    rows = pl.scan_parquet(path, glob=False)
    if not sizes:
        count = rows.select(pl.len()).collect().item()
        yield from ((at, _ROWS_TOGETHER) for at in range(0, count, _ROWS_TOGETHER))
        return
    per_row = rows.select(size_bytes).collect().to_series().to_list()
    file_bytes = path.stat().st_size
    if sum(per_row) > _BYTES_TOGETHER + _MOST_TIMES * file_bytes:
        msg = (
            f"{path}: its {file_bytes:,} bytes have pictures of {sum(per_row):,} bytes in them;"
            f" expected {_MOST_TIMES} times as many at most. Nothing was unpacked."
        )
        raise InputError(msg)
    at = total = 0
    for number, size in enumerate(per_row):
        if number > at and (number - at == _ROWS_TOGETHER or total + size > _BYTES_TOGETHER):
            yield at, number - at
            at, total = number, 0
        total += size
    if at < len(per_row):
        yield at, len(per_row) - at


def _columns_of_pictures(path: Path) -> list[str]:
    """Return the columns of pictures in a Parquet file, as `datasets` writes them."""
    import polars as pl  # noqa: PLC0415

    with _translating(path):
        kinds = pl.read_parquet_schema(path)
    return [
        name
        for name, kind in kinds.items()
        if isinstance(kind, pl.Struct) and kind.to_schema().get("bytes") == pl.Binary
    ]


def _classes(note: str) -> Mapping[str, Sequence[str]]:
    """Return the names of the classes in each column of them, as `datasets` notes them."""
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        features = json.loads(note)["info"]["features"]
        # Of a list of classes, that of its members; older versions have a list in their place.
        kinds = {
            name: of[0] if isinstance(of, list) else of.get("feature", of)
            for name, of in features.items()
        }
        return {
            name: [str(each) for each in of["names"]]
            for name, of in kinds.items()
            if of.get("_type") == "ClassLabel"
        }
    return {}


def _named(value: object, names: Sequence[str]) -> object:
    """Return the name of a class by its number, those of a list of numbers, or what is no class.

    A number below 0 stands for none.
    """
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    if isinstance(value, int) and value < 0:
        return None
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


@contextmanager
def _translating(file: Path) -> Iterator[None]:
    """Turn the errors of a file that isn't such a table into ours."""
    import polars as pl  # noqa: PLC0415

    try:
        with translating_read_errors(file):
            yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as err:
        what = str(err).partition("\n")[0]
        msg = f"{file}: expected a table, got one that can't be read: {what}."
        raise InputError(msg) from None
