"""Give the fields of features flat, and count albums by any field, such as "colour.brightness".

Numbers count in round bins, an album with several values in a list, such as its styles, for each.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from equigen.config.settings import suggest
from equigen.dataset.context import Context
from equigen.dataset.counting import NO_SET, By, Counts, count_albums
from equigen.dataset.feature_tables import STATE, FeatureTable, flat
from equigen.dataset.selecting import Column, columns_of, table_of
from equigen.errors import UsageError
from equigen.ledger.ledger import Ledger
from equigen.plugins import find_plugins
from equigen.schema import UNKNOWN

if TYPE_CHECKING:
    import polars as pl

# The columns of fields that aren't called so.
_COLUMN_OF: Final[Mapping[str, str]] = {
    By.LABEL: "labels", By.DECADE: "year", "style": "styles", "format": "formats",
}  # fmt: skip
_MOST_BINS: Final = 20
# Beyond these quantiles lies one bin at each end, so that a few far values don't empty the others.
_FIRST, _LAST = 0.01, 0.99
_NEAREST: Final = 3


def feature_fields(
    context: Context, ledger: Ledger | None, names: Sequence[str], *, lists: bool = False
) -> "pl.DataFrame":
    """Return the fields of features of all rows, in file order, by flat names ("colour.mean.red").

    Fields of an album that doesn't have the feature are NULL.

    Raises:
        UsageError: a feature is called like a column.
        MissingInputError, InputError: there is no TSV, or it is broken; or a feature's table.

    """
    import polars as pl  # noqa: PLC0415

    require_features(context, names)
    known = {column.name: column for column in columns_of(context)}
    columns = [known[name] for name in names]
    if called_so := [column.name for column in columns if not column.fields]:
        msg = f"{called_so[0]}: a column is called like this feature, so it can't be joined."
        raise UsageError(msg)
    own = [
        value.alias(name)
        for column in columns
        for name, value in flat(column.name, column.fields, lists=lists)
        if name.removeprefix(f"{column.name}.") not in STATE
    ]
    return table_of(context, ledger, columns).select(own) if columns else pl.DataFrame()


def require_features(context: Context, names: Iterable[str]) -> None:
    """Make sure that these features have a table.

    Raises:
        MissingInputError, InputError: one wasn't computed, or is broken.

    """
    for name in names:
        FeatureTable(context.features, name).read(STATE[:1])


def count_fields(context: Context, ledger: Ledger | None, names: Sequence[str]) -> Counts:
    """Count the albums by the values of these fields.

    What has no value, or a feature that isn't computed, is "unknown", an album without a set "in no
    set".

    Raises:
        UsageError: there is no such field; the message names the nearest.
        MissingInputError, InputError: there is no TSV, or it is broken; or a feature's table.

    """
    import polars as pl  # noqa: PLC0415

    if {*names} <= {*By}:
        return count_albums(context, ledger, list(map(By, names)))
    columns = {column.name: column for column in columns_of(context)}
    fields = {name: expr for column in columns.values() for name, expr in _countable(column)}
    of_features = {name for name, expr in fields.items() if columns[_root(expr)].fields}
    for name in names:
        if name not in {*By, *fields}:
            raise _no_field(name, [*By, *fields])
    asked = [fields[_COLUMN_OF.get(name, name)] for name in names]
    table = table_of(context, ledger, [columns[name] for name in dict.fromkeys(map(_root, asked))])
    found = [table.select(each.alias("value"))["value"] for each in asked]
    told = pl.DataFrame(
        {
            str(at): _told(name, values, empty="none" if name in of_features else "")
            for at, (name, values) in enumerate(zip(names, found, strict=True))
        }
    )
    every = told
    for name in told.columns:
        every = every.explode(name)
    of_each = [
        Counter(dict(told.select(pl.col(name).explode()).group_by(name).len().iter_rows()))
        for name in told.columns
    ]
    counts = {tuple(each): count for *each, count in every.group_by(pl.all()).len().iter_rows()}
    return Counts(Counter(counts), of_each, len(told))


def _root(expr: "pl.Expr") -> str:
    """Return the column that an expression is about."""
    (root,) = expr.meta.root_names()
    return root


def _countable(column: Column) -> "Iterator[tuple[str, pl.Expr]]":
    """Yield the fields that a column of the table gives, by which albums can be counted."""
    import polars as pl  # noqa: PLC0415

    if column.fields:
        yield from flat(column.name, column.fields)
    else:
        yield column.name, pl.col(column.name)
        yield from (
            (alias, pl.col(name)) for alias, name in _COLUMN_OF.items() if name == column.name
        )


def _no_field(name: str, known: Sequence[str]) -> UsageError:
    nearest = suggest(name, known, most=_NEAREST)
    feature = name.partition(".")[0]
    way = "`equigen select --columns` lists the others"
    if feature in find_plugins("equigen.features", "open_feature"):
        of_feature = [each for each in known if each.startswith(f"{feature}.")]
        way = (
            f"of {feature}: {', '.join(of_feature)}"
            if of_feature
            else f"those of {feature} come with `equigen features compute {feature}`"
        )
    usual = ", ".join((*By, "style", "format"))
    msg = f"there is no field {name!r}{nearest}; expected one of: {usual}; {way}."
    return UsageError(msg)


def _told(name: str, values: "pl.Series", *, empty: str) -> "pl.Series":
    """Return the values as lists of texts; what has none is unknown, an empty text is `empty`."""
    import polars as pl  # noqa: PLC0415

    value, unknown = pl.col("value"), NO_SET if name == By.SET else UNKNOWN
    cells = (_binned(values) if _is_binned(name, values) else values).to_frame("value")
    if name == By.DECADE:
        cells = cells.select((value // 10 * 10).cast(pl.String) + "s")
    if isinstance(values.dtype, pl.List):
        there = pl.element().filter(pl.element() != "").unique(maintain_order=True)
        lists = value.list.eval(there)
        of_none = pl.lit([unknown], pl.List(pl.String))
        return cells.select(
            pl.when(lists.list.len() > 0).then(lists).otherwise(of_none)
        ).to_series()
    texts = value.cast(pl.String).replace("", empty or unknown).fill_null(unknown)
    return cells.select(pl.concat_list(texts)).to_series()


def _is_binned(name: str, values: "pl.Series") -> bool:
    return values.dtype.is_numeric() and name not in {*By}


def _binned(values: "pl.Series") -> "pl.Series":
    """Return the names of the bins that numbers are in; what is no finite number has none.

    A bin has 1, 2 or 5 times a power of ten; whole numbers stand for themselves where they are few.
    """
    import polars as pl  # noqa: PLC0415

    is_whole, cells = values.dtype.is_integer(), values.cast(pl.Float64).to_frame("value")
    there = cells.filter(pl.col("value").is_finite())["value"]
    low, high = there.quantile(_FIRST, "lower"), there.quantile(_LAST, "higher")
    if low is None or high is None:
        return pl.Series("value", [None] * len(values), pl.String)
    size, digits = _round_size((high - low or abs(high)) / _MOST_BINS, is_whole=is_whole)
    # 0.3 / 0.1 is a bit less than 3.
    first, last = (math.floor(each / size + 1e-9) for each in (low, high))
    at = ((pl.col("value") / size) + 1e-9).floor().clip(first - 1, last + 1)
    bins = cells.select(pl.when(pl.col("value").is_finite()).then(at).cast(pl.Int64)).to_series()

    def named(number: int) -> str:
        start, end = (f"{each * size:.{digits}f}" for each in (number, number + 1))
        if number < first:
            return f"below {end}"
        if number > last:
            return f"{start} and more"
        if is_whole:
            return start if size == 1 else f"{start} to {int(end) - 1}"
        return f"{start} to {end}"

    numbers = bins.drop_nulls().unique()
    return bins.replace_strict(
        numbers, list(map(named, numbers)), return_dtype=pl.String, default=None
    )


def _round_size(size: float, *, is_whole: bool) -> tuple[float, int]:
    """Return the next round size of a bin, and how many digits behind the point it has."""
    if (is_whole and size <= 1) or size == 0:
        return 1, 0
    power = math.ceil(math.log10(size))
    share = next(each for each in (0.2, 0.5, 1) if each * 10.0**power >= size * (1 - 1e-9))
    return share * 10.0**power, max(0, -power if share == 1 else 1 - power)
