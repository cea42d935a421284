"""Keep features: a table each, `NAME.parquet` in `dataset.features`.

A row is a cover's, by `sha256`, or an album's, by `album_id`; that is the table's first column.

A run writes parts in a folder beside the table, and merges them into it at its end; the next run
merges those of a run that was killed.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from equigen.errors import InputError, MissingInputError, StorageError, UsageError
from equigen.schema import safe_text
from equigen.storage.atomic import in_place_of
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_os_errors, translating_read_errors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

# The first column by what a row is of, and the two that all tables have next.
KEYS: Final = {"cover": "sha256", "album": "album_id"}
STATE: Final = ("version", "reason")
# A function that gives a feature's own columns, by an album's sha256 and album_id.
Reads = Callable[[str, str], Mapping[str, Any]]
# The types of columns as DuckDB calls them, and as polars does; DuckDB reads halves as FLOAT.
TYPES: Final = {
    "VARCHAR": "String", "HALF": "Float16", "FLOAT": "Float32", "DOUBLE": "Float64",
    "BOOLEAN": "Boolean", "UTINYINT": "UInt8", "INTEGER": "Int32", "BIGINT": "Int64",
}  # fmt: skip
_SUFFIX: Final = ".parquet"
# No part of a path, also on Windows.
_NAME: Final = re.compile(r"[^./\\:\0][^/\\:\0]*")
# The end of the version of a row that is made of other rows: a digest of those.
_MADE_OF: Final = r" of=[0-9a-f]{8}$"
# Rows of histograms have 3 kB each, and a group is held as a whole.
_GROUP_ROWS: Final = 1_000
# Rows that are compared at a time: of 1,024 numbers each, 64 MB.
_COMPARED_ROWS: Final = 16_000


class FeatureTable:
    """The table of one feature; `version` is that of the feature and its settings.

    `reason` is "" for a cover or album that has the feature; one that can't have it has none of the
    feature's own columns.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Name the table of a feature in the folder of all tables.

        Raises:
            UsageError: the name leads to another folder, or to none.

        """
        if not _NAME.fullmatch(name):
            msg = f"{safe_text(name)!r}: expected the name of a feature, such as colour."
            raise UsageError(msg)
        self.name = name
        self._folder = folder
        self._parts = folder / f".{name}.parts"

    @property
    def file(self) -> Path:
        """The table's file."""
        return self._folder / f"{self.name}{_SUFFIX}"

    def exists(self) -> bool:
        """Tell whether there is a table; a link below the folder is none."""
        with translating_read_errors(self.file):
            return FileBelow(self._folder, self.file.name).exists()

    def read(self, columns: Sequence[str] = (), *, key: str = "") -> "pl.DataFrame":
        """Read the table, or its first column with some others, or the row of one cover or album.

        Raises:
            MissingInputError: there is none.
            InputError: it is broken, or another file.

        """
        import polars as pl  # noqa: PLC0415

        if not self.exists():
            there = ", ".join(names_of_tables(self._folder))
            msg = (
                f"{self.file}: there is no such table{f' ({there} are there)' if there else ''}."
                f" `equigen features compute {self.name}` makes it: run that first."
            )
            raise MissingInputError(msg)
        with _translating(self.file):
            table = _scanned([self.file])
            kinds = table.collect_schema()
            if not (first := key_in(kinds)):
                msg = f"it has no texts in columns sha256 or album_id, {' and '.join(STATE)}"
                raise pl.exceptions.SchemaError(msg)
            table = table.filter(pl.col(first) == key) if key else table
            return (table.select(first, *columns) if columns else table).collect()

    def reader(self) -> Reads:
        """Return a function that gives the feature's own columns by an album's sha256 and id.

        They are none where the album doesn't have the feature.

        Raises:
            MissingInputError, InputError: as `read` has it.

        """
        import polars as pl  # noqa: PLC0415

        table = self.read().filter(pl.col("reason") == "").drop(STATE)
        first = key_in(self.schema())
        rows = {key: at for at, key in enumerate(table[first])}
        table = table.drop(first)

        def read(sha256: str, album_id: str) -> Mapping[str, Any]:
            at = rows.get(album_id if first == KEYS["album"] else sha256)
            return {} if at is None else table.row(at, named=True)

        return read

    def fields(self) -> "pl.DataFrame":
        """Return the table's first column, and all others in one struct, called as the feature."""
        import polars as pl  # noqa: PLC0415

        table = self.read()
        first = table.columns[0]
        table = table.unique(first, keep="first", maintain_order=True)
        struct = pl.struct(pl.exclude(first)).alias(self.name)
        return _without_halves(table.lazy()).select(first, struct).collect()

    def schema(self) -> "pl.Schema":
        """Return the types of the columns of `fields`.

        Raises:
            InputError: the table is broken.

        """
        with _translating(self.file):
            return _without_halves(_scanned([self.file])).collect_schema()

    def known(self, version: str = "", *, failed: bool = True) -> dict[str, str]:
        """Return the rows of a version, or all, by key: their versions, with what they are made of.

        With `failed` those are among them that can't have the feature.
        """
        import polars as pl  # noqa: PLC0415

        if not self.exists():
            return {}
        rows = self.read(STATE)
        rows = rows.filter(_version() == version) if version else rows
        return dict((rows if failed else rows.filter(pl.col("reason") == ""))[:, :2].iter_rows())

    def versions(self) -> str:
        """Return the version of the rows; "" where there is no table."""
        if not self.exists():
            return ""
        return ", ".join(self.read(["version"]).select(_version()).to_series().unique().sort())

    def nearest(
        self, key: str, among: Collection[str], most: int, column: str = "vector"
    ) -> Sequence[tuple[str, float]]:
        """Return the keys of the rows most alike one by the cosine of a column of lists, with it.

        The most alike come first, of equal ones the first by key; the row itself isn't among them.

        Raises:
            MissingInputError: there is no such row, or it has no such list.
            InputError: the table is broken.

        """
        import numpy as np  # noqa: PLC0415
        import polars as pl  # noqa: PLC0415

        own = self.read((column, "reason"), key=key)
        if own.is_empty() or own["reason"][0]:
            why = f", since {own['reason'][0]}" if len(own) else ""
            msg = f"{key}: has no {self.name}{why}. Run `equigen features compute {self.name}`."
            raise MissingInputError(msg)
        vector = _unit(own[column])
        wanted = pl.Series(sorted({*among} - {key}), dtype=pl.String)
        table = _scanned([self.file]).select(own.columns[0], column)
        found: list[tuple[str, float]] = []
        with _translating(self.file):
            count = table.select(pl.len()).collect().item()
            for at in range(0, count, _COMPARED_ROWS):
                rows = table.slice(at, _COMPARED_ROWS).collect()
                is_like = pl.col(column).list.len() == vector.size
                rows = rows.filter(pl.col(rows.columns[0]).is_in(wanted.implode()) & is_like)
                if len(rows):
                    # Not by BLAS, whose kernels warn of what lies beside the numbers.
                    alike = np.einsum("ij,j->i", _unit(rows[column]), vector[0])
                    found += zip(rows.to_series(), alike.tolist(), strict=True)
                found = sorted(found, key=lambda each: (-each[1], each[0]))[:most]
        return found

    def add_part(self, number: int, rows: "pl.DataFrame") -> None:
        """Write a part of the table; parts in the order of their numbers are in order of the key.

        Raises:
            StorageError: the disk refuses.

        """
        part = self._parts / f"part-{number:06}{_SUFFIX}"
        with in_place_of(part, keeps_link=False) as beside, writing_table(part):
            rows.write_parquet(beside, statistics=False)

    def merge(self, version: str, schema: Mapping[str, Any]) -> None:
        """Merge the parts into the table; rows of another version are dropped.

        Raises:
            InputError: the table is broken.
            StorageError: the disk refuses.

        """
        import polars as pl  # noqa: PLC0415

        is_of_now = _version() == version
        with _translating(self.file):
            parts = self._alike(self._written(), schema)
            if parts:
                first = key_in(schema)
                rows = _scanned(parts).filter(is_of_now)
                new = rows.select(first).collect()[first]
                if self.exists() and self._alike([self.file], schema):
                    kept = is_of_now & ~pl.col(first).is_in(new.implode())
                    rows = _scanned([self.file]).filter(kept).merge_sorted(rows, key=first)
                with in_place_of(self.file, keeps_link=False) as beside, writing_table(self.file):
                    rows.sink_parquet(beside, row_group_size=_GROUP_ROWS, mkdir=False)
                    with beside.open("rb+") as written:
                        os.fsync(written.fileno())
        with translating_os_errors(self._parts):
            if self._parts.exists():
                shutil.rmtree(self._parts)

    def _written(self) -> list[Path]:
        """Return the files of parts; links, pipes and devices are none."""
        files = sorted(self._parts.glob(f"part-*{_SUFFIX}"))
        below = (FileBelow(self._folder, f"{self._parts.name}/{each.name}") for each in files)
        return [each for each, file in zip(files, below, strict=True) if file.exists()]

    def _alike(self, files: Sequence[Path], schema: Mapping[str, Any]) -> list[Path]:
        """Return the files with the columns of a schema: another version may have others."""
        return [each for each in files if _scanned([each]).collect_schema() == schema]


def key_in(schema: Mapping[str, Any]) -> str:
    """Return the name of a table's key, its first column; "" where it isn't a feature's table."""
    first, *others = [*schema, ""]
    is_one = first in KEYS.values() and {*STATE} <= {*others}
    return (
        first if is_one and all(str(schema[each]) == "String" for each in (first, *STATE)) else ""
    )


def made_of(version: str, parts: Sequence[object]) -> str:
    """Return the version of a row that is made of some parts."""
    digest = hashlib.sha256(json.dumps(parts).encode())
    return f"{version} of={digest.hexdigest()[:8]}"


def _version() -> "pl.Expr":
    """Return the version of a row without what it is made of."""
    import polars as pl  # noqa: PLC0415

    return pl.col("version").str.replace(_MADE_OF, "")


def _without_halves(table: "pl.LazyFrame") -> "pl.LazyFrame":
    """Make lists of halves lists of floats: DuckDB takes no halves from a frame."""
    import polars as pl  # noqa: PLC0415

    return table.cast({pl.List(pl.Float16): pl.List(pl.Float32)})


def _unit(lists: "pl.Series") -> "npt.NDArray[np.float32]":
    """Return lists of one length as rows of length 1; those of zeros stay."""
    import numpy as np  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    matrix = lists.explode().cast(pl.Float32).to_numpy().reshape(len(lists), -1)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = np.divide(matrix, lengths, where=lengths > 0, out=matrix.copy())
    return unit


def names_of_tables(folder: Path) -> list[str]:
    """Return the names of the features that have a table in a folder, sorted."""
    names = sorted(file.stem for file in folder.glob(f"[!.]*{_SUFFIX}"))
    return [name for name in names if _NAME.fullmatch(name) and FeatureTable(folder, name).exists()]


def flat(
    name: str, fields: Mapping[str, Any], *, lists: bool = False, of: "pl.Expr | None" = None
) -> "Iterator[tuple[str, pl.Expr]]":
    """Yield the fields of a struct by flat names, such as "colour.mean.red", with their values.

    The struct is the column `name`, or `of`. Lists are left out unless they are asked for.
    """
    import polars as pl  # noqa: PLC0415

    struct = pl.col(name) if of is None else of
    for field, kind in fields.items():
        value = struct.struct.field(field)
        if isinstance(kind, pl.Struct):
            inner = {each.name: each.dtype for each in kind.fields}
            yield from flat(f"{name}.{field}", inner, lists=lists, of=value)
        elif lists or not isinstance(kind, pl.List):
            yield f"{name}.{field}", value


def sql_type(kind: Any) -> str:  # noqa: ANN401  (polars has no common class for them)
    """Return the name of a type as DuckDB has it."""
    import polars as pl  # noqa: PLC0415

    if isinstance(kind, pl.List):
        return f"{sql_type(kind.inner)}[]"
    if isinstance(kind, pl.Struct):
        fields = (f"{field.name} {sql_type(field.dtype)}" for field in kind.fields)
        return f"STRUCT({', '.join(fields)})"
    if kind == pl.Float16:
        return "FLOAT"
    return next((name for name, known in TYPES.items() if known == str(kind)), str(kind).upper())


def _scanned(files: list[Path]) -> "pl.LazyFrame":
    import polars as pl  # noqa: PLC0415  (heavy)

    return pl.scan_parquet(files, glob=False)


@contextmanager
def _translating(file: Path) -> Iterator[None]:
    """Turn the errors of a file that isn't such a table into ours."""
    import polars as pl  # noqa: PLC0415

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as err:
        what = str(err).partition("\n")[0]
        msg = (
            f"{file}: expected a feature's table (Parquet), got one that can't be read: {what}."
            f" Remove it, then run `equigen features compute {file.stem}`."
        )
        raise InputError(msg) from None


@contextmanager
def writing_table(file: Path) -> Iterator[None]:
    """Turn polars' own errors while it writes into ours."""
    import polars as pl  # noqa: PLC0415

    try:
        yield
    except pl.exceptions.PolarsError as err:
        raise not_written(file, err) from None


def not_written(file: Path, err: Exception) -> StorageError:
    """Return the error of a table that a library can't write."""
    what = str(err).partition("\n")[0]
    msg = f"{file}: can't be written: {what}. Make room, then run the same command again."
    return StorageError(msg)
