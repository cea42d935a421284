"""Tell by an SQL condition which rows of the TSV are wanted.

DuckDB evaluates it over one table, `albums`, in memory: it opens no file, no network and no
extension, and its settings can't be changed:
https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.counting import rows_with_covers
from equigen.dataset.covers import dataset_labels, labels_in
from equigen.dataset.feature_tables import FeatureTable, key_in, names_of_tables
from equigen.dataset.reserve import left_out_by
from equigen.dataset.table import read_table
from equigen.dataset.tsv import reading_tsv
from equigen.errors import UsageError
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import WAITING
from equigen.schema import RATING_COLUMNS, year_of

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    _Flags = NDArray[np.bool_]

_TEXT, _LIST, _INTEGER, _REAL = "VARCHAR", "VARCHAR[]", "BIGINT", "DOUBLE"
_STRUCT = "STRUCT"  # of a feature
# https://duckdb.org/docs/stable/configuration/overview
_SETTINGS: Final[Mapping[str, bool | str]] = MappingProxyType(
    {
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": "1GB",
        "temp_directory": "",
    }
)
# How an error names its place; the condition begins in the second line of our statement.
_PLACE = re.compile(r"^LINE (\d+): (.*)\n( *)(\^+)$", re.MULTILINE)
_AGGREGATE = 'column "place" must appear in the GROUP BY clause'
_CLAUSES = (
    "where_clause", "group_expressions", "having", "qualify", "sample", "modifiers",
)  # fmt: skip
_REAL_CELL = r"^[0-9]{1,9}(?:\.[0-9]{1,9})?$"
_ALL_COLUMNS = frozenset({"STAR", "POSITIONAL_REFERENCE"})
_BATCH: Final = 5_000


class Column(NamedTuple):
    """A column of the table that conditions are about, its type in SQL, and its meaning.

    That of a feature is a struct, of which `fields` are a column each, "colour.brightness".
    """

    name: str
    type: str
    meaning: str
    fields: "Mapping[str, pl.DataType]" = MappingProxyType({})


_OF_TSV: Final = (
    Column("artist", _TEXT, "as the TSV has it"),
    Column("album", _TEXT, "its title"),
    Column("album_index", _INTEGER, "its number in its genre"),
    Column("genre", _TEXT, 'the TSV\'s cell, such as "Salsa (World)"'),
    Column("year", _INTEGER, "from 1860 to 2099, else NULL"),
    Column("image_url", _TEXT, "where its picture is"),
    Column("album_id", _TEXT, 'such as "discogs:m123"'),
    Column("genres", _LIST, "the source's own genres"),
    Column("styles", _LIST, "the source's own styles"),
    Column("country", _TEXT, "as the source spells it"),
    Column("formats", _LIST, 'such as "Vinyl", "LP", "Album"'),
    Column("artist_ids", _LIST, "the source's ids of its artists"),
    Column("labels", _LIST, "all its classes; the first is its label"),
    Column("also_known_as", _LIST, "its ids in other sources"),
    Column("tracks", _LIST, "the ids of each of its tracks, with a blank between"),
    Column("set_given", _TEXT, 'the set that its source deals it to, else ""'),
    Column("more_images", _LIST, "further addresses of its cover"),
    Column("licence", _TEXT, 'its own terms, else ""'),
    Column("rating_count", _INTEGER, "ratings of Discogs' users (`equigen rate`)"),
    Column("rating_average", _REAL, "their average, up to 5"),
    Column("have", _INTEGER, "collectors who have it"),
    Column("want", _INTEGER, "collectors who want it"),
)
_OF_COVER: Final = (
    Column("status", _TEXT, "its cover: ok, missing, refused, broken, failed or waiting"),
    Column("sha256", _TEXT, 'of the cover\'s bytes, "" without one'),
    Column("width_px", _INTEGER, "of the cover as it came, else NULL"),
    Column("height_px", _INTEGER, "of the cover as it came, else NULL"),
    Column("size_bytes", _INTEGER, "of the cover, else NULL"),
)
_SET: Final = Column("set", _TEXT, 'train, val, test or aside; "" in none')
_OWN: Final = (
    Column("place", _INTEGER, "the row's place in the TSV, from 1"),
    Column("label", _TEXT, "its class, as its folder is called"),
)
_KNOWN: Final = (*_OWN, *_OF_TSV, *_OF_COVER, _SET)
_NOT_OF_TSV: Final = frozenset(each.name for each in (*_OWN, *_OF_COVER, _SET))


class Choice(NamedTuple):
    """The places (from 0) of the rows that a condition leaves out of so many `rows`.

    The condition is false for the `unfulfilled`, and NULL for the `unknown`, which lack a value.
    `of_reserve` are places there, of rows that balance left out and that don't fulfil it either.
    """

    rows: int
    unfulfilled: Sequence[int]
    unknown: Sequence[int]
    of_reserve: Sequence[int] = ()


def columns_of(context: Context) -> list[Column]:
    """Return the columns of the table, with those of other tools that the TSV has.

    A column of another tool that is called like one of ours, in any case, can't be asked for.

    Raises:
        InputError: the TSV is broken.

    """
    found = {column.name.casefold(): column for column in _KNOWN}
    for name in names_of_tables(context.features):
        fields = {**FeatureTable(context.features, name).schema()}
        if key := key_in(fields):  # else it is another file
            del fields[key]
            found.setdefault(name.casefold(), Column(name, _STRUCT, "", fields))
    if context.tsv.exists():
        with reading_tsv(context.tsv) as tsv:
            for name in tsv.columns:
                found.setdefault(name.casefold(), Column(name, _TEXT, "another tool's"))
    return list(found.values())


class Condition:
    """A condition on rows; `columns` are those of the table that it needs."""

    def __init__(self, text: str, columns: Sequence[Column]) -> None:
        """Check a condition against the columns of the table.

        Raises:
            UsageError: it is none; the message shows the place.

        """
        self._sql = f"SELECT place, (\n{text}\n) AS fits FROM albums"  # noqa: S608  (the user's own)
        with _translating(), _database(_frame({}, columns)) as db:
            words, has_all = _words_of(_parsed(db, text))
            with _translating():
                described = db.execute(f"DESCRIBE {self._sql}").fetchall()
        _, *kinds = (kind for _, kind, *_ in described)
        if kinds != ["BOOLEAN"]:
            got = f"a value of the type {kinds[0]}" if len(kinds) == 1 else f"{len(kinds)} values"
            msg = f"expected a condition, true or false, such as year >= 1970; got {got}: {text}."
            raise _refusal(msg)
        words.add("place")
        self.columns = [each for each in columns if has_all or each.name.casefold() in words]
        self._words = words

    def choose(
        self, context: Context, ledger: Ledger | None, *, judges_reserve: bool = False
    ) -> Choice:
        """Tell the rows of the TSV that the condition leaves out.

        With `judges_reserve` also those of the rows that balance left out, judged among all rows.

        Raises:
            MissingInputError, InputError: there is no TSV, or it is broken.
            UsageError: the condition fails for a row, or needs a column that the TSV lacks.

        """
        import polars as pl  # noqa: PLC0415

        self._require_ratings(context)
        table = table_of(context, ledger, self.columns)
        is_false, is_unknown = self._judged(table)
        choice = Choice(len(table), _places(is_false), _places(is_unknown))
        left_out = left_out_by(context, "balance") if judges_reserve else ()
        if not left_out:
            return choice
        more = table_of(context, ledger, self.columns, context.reserve)[left_out]
        more = more.with_columns(place=pl.int_range(1, len(more) + 1) + len(table))
        is_false, is_unknown = self._judged(pl.concat([table, more]))
        gone = _places((is_false | is_unknown)[len(table) :])
        return choice._replace(of_reserve=[left_out[at] for at in gone])

    def _judged(self, table: "pl.DataFrame") -> "tuple[_Flags, _Flags]":
        """Tell for which rows of a table the condition is false, and for which NULL."""
        import numpy as np  # noqa: PLC0415

        with _translating(), _database(table) as db:
            found: Mapping[str, Any] = db.execute(self._sql).fetchnumpy()
        at, fits = found["place"] - 1, found["fits"]
        if len(at) != len(table) or len(np.unique(at)) != len(table):
            msg = (
                "expected one value for each row, got several for some. Ask lists with"
                " list_contains(genres, 'Jazz') in place of unnest."
            )
            raise _refusal(msg)
        fits = fits[np.argsort(at)]
        is_unknown = np.ma.getmaskarray(fits)
        return ~is_unknown & ~np.ma.getdata(fits), is_unknown

    def _require_ratings(self, context: Context) -> None:
        with reading_tsv(context.tsv) as tsv:
            lacking = [name for name in RATING_COLUMNS if name not in tsv.columns]
        if unrated := [name for name in lacking if name in self._words]:
            msg = (
                f"the TSV has no column {unrated[0]} yet. `equigen rate` asks Discogs for ratings:"
                " run that first."
            )
            raise _refusal(msg)


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """A table as DuckDB reads it without pyarrow, which would import it for a frame of polars."""

    frame: "pl.DataFrame"

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


@contextmanager
def _database(table: "pl.DataFrame") -> "Iterator[duckdb.DuckDBPyConnection]":
    """Open DuckDB with a table, cut off from all else."""
    import duckdb  # noqa: PLC0415  (heavy, and no other stage needs it)

    with duckdb.connect(":memory:", config=dict(_SETTINGS)) as db:
        db.register("albums", ArrowTable(table))
        db.execute("SET lock_configuration = true")
        yield db


@contextmanager
def _translating() -> Iterator[None]:
    """Turn DuckDB's errors into ours, with the place in the condition.

    Raises:
        UsageError: DuckDB refuses the condition.

    """
    import duckdb  # noqa: PLC0415

    try:
        yield
    except duckdb.Error as err:
        if _AGGREGATE in str(err):  # which names a column that isn't in the condition
            msg = "an aggregate, such as count(*), belongs into a subquery, or before OVER (...)."
            raise _refusal(msg) from None
        raise _refusal(_PLACE.sub(_placed, str(err))) from None


def _placed(found: re.Match[str]) -> str:
    """Return an error's place with the lines counted from the condition's first."""
    line = int(found[1]) - 1
    before, after = f"LINE {found[1]}: ", f"LINE {line}: "
    carets = f"{found[3][: len(found[3]) - len(before) + len(after)]}{found[4]}"
    return f"{after}{found[2]}\n{carets}" if line else ""


def _refusal(said: str) -> UsageError:
    msg = f"--where: {said.strip()}\nNothing was changed. Columns: `equigen select --columns`."
    return UsageError(msg)


def _parsed(db: "duckdb.DuckDBPyConnection", text: str) -> object:
    """Return the syntax tree of a condition.

    Raises:
        UsageError: it is no single expression.

    """
    sql = f"SELECT (\n{text}\n)"
    with _translating():
        (answer,) = db.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
    told = json.loads(answer)
    if told["error"] and "position" in told:
        raise _refusal(_syntax_error(sql, told))
    statements = [each["node"] for each in told.get("statements", ())]
    node = statements[0] if statements else {}
    if (
        len(statements) != 1
        or node["type"] != "SELECT_NODE"
        or len(node["select_list"]) > 1
        or node["from_table"]["type"] != "EMPTY"
        or any(node[name] for name in _CLAUSES)
        or node["cte_map"]["map"]
    ):
        msg = f"expected one condition, such as year >= 1970, got a part of a statement: {text}"
        raise _refusal(msg)
    return node["select_list"]


def _syntax_error(sql: str, told: Mapping[str, str]) -> str:
    """Return an error of the parser in the form that DuckDB gives to others."""
    before = sql.encode()[: int(told.get("position", 0))].decode("utf-8", "ignore")
    lines, line = sql.split("\n"), before.count("\n")
    column = len(before.rpartition("\n")[2])
    if line == len(lines) - 1:  # the bracket of ours that follows
        line, column = line - 1, len(lines[line - 1])
    head = f"LINE {line}: "
    carets = " " * (len(head) + column) + "^"
    return f"Parser Error: {told['error_message']}\n\n{head}{lines[line]}\n{carets}"


def _words_of(tree: object) -> tuple[set[str], bool]:
    """Return all texts in a syntax tree, folded, and whether it may mean all columns."""
    words, has_all, left = set[str](), False, [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            is_row = node.get("class") == "COLUMN_REF" and node["column_names"] == ["albums"]
            has_all |= (
                is_row or node.get("class") in _ALL_COLUMNS or node.get("ref_type") == "NATURAL"
            )
            left += node.values()
        elif isinstance(node, list):
            left += node
        elif isinstance(node, str):
            words.add(node.casefold())
    return words, has_all


def _frame(cells: "Mapping[str, pl.Series]", columns: Sequence[Column]) -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    kinds = {
        _TEXT: pl.String(),
        _LIST: pl.List(pl.String),
        _INTEGER: pl.Int64(),
        _REAL: pl.Float64(),
    }
    schema: dict[str, pl.DataType] = {
        each.name: pl.Struct({**each.fields}) if each.fields else kinds[each.type]
        for each in columns
    }
    return pl.DataFrame(cells, schema)


def _places(flags: "_Flags") -> list[int]:
    return flags.nonzero()[0].tolist()


def table_of(
    context: Context, ledger: Ledger | None, columns: Sequence[Column], path: Path | None = None
) -> "pl.DataFrame":
    """Return columns of all rows of the TSV, or of another one at `path`, in the file's order.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken.

    """
    import polars as pl  # noqa: PLC0415

    names = {each.name for each in columns}
    tables = {
        each.name: FeatureTable(context.features, each.name).fields()
        for each in columns
        if each.fields
    }
    keys = {fields.columns[0] for fields in tables.values()}
    of_tsv = ({each.name for each in columns if not each.fields} | keys) - {*_NOT_OF_TSV}
    cells = read_table(path or context.tsv, sorted(of_tsv | {"genre"}))
    found = {
        each.name: _typed(cells[each.name], each) for each in columns if each.name in cells.columns
    }
    label_of = dataset_labels(context)
    if "label" in names:
        found["label"] = _of_each(cells["genre"], label_of, pl.String)
    if "labels" in names:
        found["labels"] = _all_labels(cells, label_of)
    found["place"] = pl.int_range(1, len(cells) + 1, eager=True)
    of_covers = [each.name for each in _OF_COVER if each.name in names | keys]
    if of_covers or _SET.name in names:
        rows = rows_with_covers(
            context, ledger, ("album_id",), sets=_SET.name in names, in_order=True, path=path
        )
        found["set"] = rows["set_name"]
        found |= _covers(ledger, rows.select("picture"), of_covers).to_dict()
    for name, fields in tables.items():
        key = fields.columns[0]
        of_rows = found if key in found else cells
        of_rows = of_rows if key in of_rows else {key: pl.repeat("", len(cells), eager=True)}
        rows = pl.DataFrame({key: of_rows[key]})
        found[name] = rows.join(fields, on=key, how="left", maintain_order="left")[name]
    return _frame({each.name: found[each.name] for each in columns}, columns)


def _covers(ledger: Ledger | None, rows: "pl.DataFrame", columns: Sequence[str]) -> "pl.DataFrame":
    """Return columns of what the ledger knows of each row's cover."""
    import polars as pl  # noqa: PLC0415

    kinds = {each.name: pl.String() if each.type == _TEXT else pl.Int64() for each in _OF_COVER}
    schema = {"picture": pl.String(), **{name: kinds[name] for name in columns}}
    known = [pl.DataFrame(schema=schema)]
    left = iter(ledger.cover_figures(columns) if ledger and columns else ())
    while batch := list(islice(left, _BATCH)):
        cells = dict(zip(schema, map(list, zip(*batch, strict=True)), strict=True))
        known.append(pl.DataFrame(cells, schema))
    found = rows.join(pl.concat(known), on="picture", how="left", maintain_order="left")
    of_none = {"status": WAITING, "sha256": ""}
    return found.select(
        pl.col(name).fill_null(of_none[name])
        if name in of_none
        else pl.when(pl.col(name) > 0).then(name)
        for name in columns
    )


def _typed(cells: "pl.Series", column: Column) -> "pl.Series":
    import polars as pl  # noqa: PLC0415

    if column.name == "year":
        return _of_each(cells, year_of, pl.Int64)
    if column.type == _LIST:
        lists = pl.when(cells != "").then(cells.str.split("|"))
        return pl.select(lists.otherwise(pl.lit([], pl.List(pl.String)))).to_series()
    if column.type == _TEXT:
        return cells
    form, kind = (
        (r"^-?[0-9]{1,18}$", pl.Int64) if column.type == _INTEGER else (_REAL_CELL, pl.Float64)
    )
    numbers = cells.to_frame("cell").select(pl.when(pl.col("cell").str.contains(form)).then("cell"))
    return numbers.to_series().cast(kind)


def _all_labels(cells: "pl.DataFrame", label_of: Callable[[str], str]) -> "pl.Series":
    """Return all labels of each row, each once, its own first."""
    import polars as pl  # noqa: PLC0415

    pairs = cells.select("genre", "labels").unique()
    found = [list(labels_in(genre, cell, label_of)) for genre, cell in pairs.iter_rows()]
    pairs = pairs.with_columns(pl.Series("all", found, pl.List(pl.String)))
    both = ["genre", "labels"]
    return cells.select(both).join(pairs, on=both, how="left", maintain_order="left")["all"]


def _of_each(
    cells: "pl.Series", value_of: Callable[[str], object], kind: "type[pl.DataType]"
) -> "pl.Series":
    values = cells.unique()
    found = [value_of(each) for each in values.to_list()]
    return cells.replace_strict(values, found, return_dtype=kind)
