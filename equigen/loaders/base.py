"""Collect the albums of a set for training: as arrays, which processes share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.dataset import Dataset
from equigen.dataset.feature_tables import flat
from equigen.dataset.layouts import listed_sets
from equigen.errors import InputError, PictureError, UsageError
from equigen.exports.rows import FILE, Gathered, gather, path_of, read_cover
from equigen.identity.artists import credit_key
from equigen.images.check import drawn_picture
from equigen.images.rendering import Fit, Rendering
from equigen.schema import SETS

if TYPE_CHECKING:
    import polars as pl

_KINDS: Final = ("single", "multi")


class Texts:
    """Many texts, as bytes in two arrays, which processes that are forked share."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Keep these texts, in their order."""
        bodies = [text.encode("utf-8", "surrogateescape") for text in texts]
        self._ends = np.cumsum([0, *map(len, bodies)], dtype=np.int64)
        self._bytes = np.frombuffer(b"".join(bodies), np.uint8)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: int) -> str:
        body = self._bytes[self._ends[at] : self._ends[at + 1]].tobytes()
        return body.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Samples:
    """The albums of a set, as arrays of one entry an album.

    `label` is the number of the first class in `classes`; `has` (albums x classes, bool) tells all
    of them. `group` is the number of the group that a split keeps together, such as an artist's
    albums. `features` has float32 arrays (albums, or albums x values) by full names. With
    `size_px` pictures are squares of so many pixels.
    """

    files: Texts
    classes: tuple[str, ...]
    label: npt.NDArray[np.int64]
    has: npt.NDArray[np.bool_]
    group: npt.NDArray[np.int64]
    size_px: int
    max_pixels: int
    is_multi: bool
    features: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def picture(self, at: int) -> npt.NDArray[np.uint8]:
        """Decode an album's cover: rows x columns x 3, sRGB.

        Raises:
            StorageError: it can't be read.
            InputError: it doesn't decode any more.

        """
        body = read_cover(self.files[at])
        try:
            return drawn_picture(body, self.max_pixels, Rendering(self.size_px, Fit.CROP))
        except PictureError as err:
            msg = f"{self.files[at]}: {err}. Run `equigen download --verify`, which mends it."
            raise InputError(msg) from None

    def target(self, at: int) -> Any:  # noqa: ANN401  (an int or an array)
        """Return the number of an album's class, or an array of 0 and 1 where it may have several.

        The array is float32, as losses of several labels take it.
        """
        return self.has[at].astype(np.float32) if self.is_multi else int(self.label[at])


def rows_of(gathered: Gathered, name: str) -> "pl.DataFrame":
    """Return the albums of a set.

    Raises:
        UsageError: there is no such set, or it is empty.

    """
    if name not in SETS:
        msg = f"there is no set {name!r}; expected one of: {', '.join(SETS)}."
        raise UsageError(msg)
    rows = gathered.of_set(name)
    if rows.is_empty():
        there = ", ".join(gathered.sets)
        msg = f"the set {name!r} is empty; those with covers: {there}. `equigen split` deals them."
        raise UsageError(msg)
    return rows


def samples_of(
    dataset: Dataset, name: str, labels: str, features: Iterable[str], size_px: int
) -> Samples:
    """Collect a set's albums.

    Raises:
        UsageError: no such set, feature or kind of labels.
        MissingInputError, InputError: there is no TSV or no cover, or a file is broken.

    """
    if labels not in _KINDS:
        msg = f"labels={labels!r}: expected one of: {', '.join(_KINDS)}."
        raise UsageError(msg)
    context = dataset.context
    asked = [features] if isinstance(features, str) else list(features)
    read_px = made_px(dataset, size_px)
    roots = dict.fromkeys(each.partition(".")[0] for each in asked)
    gathered = gather(dataset, size_px=read_px, features=list(roots), private_use=True)
    rows = rows_of(gathered, name)
    numbers = {label: at for at, label in enumerate(gathered.labels)}
    has = np.zeros((len(rows), len(numbers)), np.bool_)
    for at, names in enumerate(rows["labels"]):
        has[at, [numbers[each] for each in names]] = True
    return Samples(
        files=Texts(rows[FILE]),
        classes=tuple(gathered.labels),
        label=rows["label"].to_numpy().astype(np.int64),
        has=has,
        group=_groups(context, rows, is_dealt=gathered.is_dealt),
        size_px=size_px,
        max_pixels=context.settings.download.max_pixels,
        is_multi=labels == "multi",
        features=_numbers(rows, asked),
    )


def made_px(dataset: Dataset, size_px: int) -> int:
    """Return the size of the files to read: the one asked for, unless all files are smaller."""
    if size_px < 0:
        msg = f"size_px={size_px}: expected pixels, or 0 for the cover's own size."
        raise UsageError(msg)
    largest_px = dataset.context.settings.download.renderings()[0].size_px
    return size_px if not largest_px or size_px <= largest_px else 0


def _groups(context: Context, rows: "pl.DataFrame", *, is_dealt: bool) -> npt.NDArray[np.int64]:
    """Return the number of each row's group: that of the split, before one the artist's."""
    known = dict[str, str]()
    if is_dealt and (context.split / SPLIT_TSV).is_file():
        known = {row["file"]: row["group"] for row in listed_sets(context.split)}
    numbers = dict[str, int]()
    names = (
        (known.get(path_of(context, Path(file)), "") if known else credit_key(artist)) or file
        for file, artist in zip(rows[FILE], rows["artist"], strict=True)
    )
    return np.fromiter((numbers.setdefault(each, len(numbers)) for each in names), np.int64)


def _numbers(rows: "pl.DataFrame", asked: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Return the numbers of features by full names, NaN where a row has none.

    Raises:
        UsageError: there is no such field, or it has no numbers of one length.

    """
    import polars as pl  # noqa: PLC0415

    found = dict[str, npt.NDArray[np.float32]]()
    for name in asked:
        root = name.partition(".")[0]
        kind = rows.schema[root]
        assert isinstance(kind, pl.Struct)  # noqa: S101  (as `gather` joins them)
        fields = {each.name: each.dtype for each in kind.fields}
        values = {
            full: array
            for full, expr in flat(root, fields, lists=True)
            if name in {root, full} or full.startswith(f"{name}.")
            if (array := _array(rows.select(expr.alias("value"))["value"])) is not None
        }
        if not values:
            fields_told = ", ".join(full for full, _ in flat(root, fields, lists=True))
            msg = (
                f"features: {name!r} has no numbers; expected a feature or one of its fields with"
                f" numbers, or lists of one length, of: {fields_told}."
            )
            raise UsageError(msg)
        found.update(values)
    return found


def _array(values: "pl.Series") -> npt.NDArray[np.float32] | None:
    """Return numbers as an array; None for texts, and for lists of several lengths."""
    import polars as pl  # noqa: PLC0415

    kind = values.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        return values.cast(pl.Float32).fill_null(float("nan")).to_numpy()
    if not isinstance(kind, pl.List | pl.Array) or not kind.inner.is_numeric():
        return None
    lists = values.cast(pl.List(pl.Float32))
    lengths = lists.list.len().drop_nulls().unique()
    if len(lengths) != 1:
        return None
    array = np.full((len(values), int(lengths[0])), np.nan, np.float32)
    is_there = lists.is_not_null().to_numpy()
    array[is_there] = lists.drop_nulls().explode().to_numpy().reshape(-1, array.shape[1])
    return array
