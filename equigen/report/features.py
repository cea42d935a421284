"""Gather what computed features tell of the covers: colours by label, hues, numbers of faces."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.counting import By
from equigen.dataset.feature_tables import FeatureTable
from equigen.features.base import find_features
from equigen.report.tables import HeatMap, crosstab, heat_map

if TYPE_CHECKING:
    import polars as pl

_COLOURS: Final = 8
_MEANS: Final = ("brightness", "saturation", "colourfulness")
# Covers whose palettes are spread out at a time.
_BATCH: Final = 10_000
_BIN_SHIFT: Final = 4  # as in the palettes of covers: 16 levels of a channel are one bin
_MOST_LABELS: Final = 100
_FACES, _MOST_FACES = "faces", 4
# In Lab, a palette whose colours have less chroma than this on the mean is grey to the eye.
_GREY: Final = 8.0
# The hue of sRGB's red is 40 degrees; the row of hues begins between it and pink.
_FIRST_HUE: Final = 10.0


class Swatch(NamedTuple):
    """A colour ("#rrggbb") and its share; it begins at `start`, both from 0 to 100."""

    colour: str
    start: float
    share: float


class LabelColours(NamedTuple):
    """The colours of a label's covers, and the means of their `brightness` and the like."""

    label: str
    covers: int
    swatches: Sequence[Swatch]
    means: Mapping[str, float]


class FeatureFindings(NamedTuple):
    """Colours of all covers and of each label, and covers by label and number of faces found.

    `others` is the number of labels that are too many to be shown.
    """

    all_colours: LabelColours | None = None
    colours: Sequence[LabelColours] = ()
    others: int = 0
    faces: HeatMap | None = None


def has_features(context: Context) -> bool:
    """Return whether there are tables of which a report tells."""
    return _colours_of(context) is not None or _faces_of(context) is not None


def gather_features(context: Context, covers: "Sequence[pl.DataFrame]") -> FeatureFindings:
    """Return what the tables of colours and of faces tell; nothing where there are none.

    `covers` are frames of the covers that are there, a row an album: `sha256` and `labels`, a text
    with | between them.

    Raises:
        InputError: a table is broken.

    """
    import polars as pl  # noqa: PLC0415

    if not covers:
        return FeatureFindings()
    rows = pl.concat(covers)
    found, colour, faces = FeatureFindings(), _colours_of(context), _faces_of(context)
    if colour is not None and (of_labels := _by_label(rows, colour)):
        every, *each = of_labels
        found = FeatureFindings(every, each[:_MOST_LABELS], max(0, len(each) - _MOST_LABELS))
    if faces is not None:
        table = faces.read(["reason", "found"]).filter(pl.col("reason") == "")
        found = found._replace(faces=_faces(rows.join(table, on="sha256")))
    return found


def palettes_of(
    context: Context, covers: Iterable[str]
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the palettes of covers, given by sha256; of those that have one."""
    import polars as pl  # noqa: PLC0415

    colour = _colours_of(context)
    if colour is None:
        return {}
    table = colour.read(["palette"]).filter(pl.col("sha256").is_in([*covers]))
    return {sha256: palette for sha256, palette in table.iter_rows() if palette}


def hue_order(palette: Sequence[Mapping[str, Any]]) -> tuple[bool, float]:
    """Return the sort key of a cover by hue: from red over green and blue to pink, then greys.

    The hue is that of the colour which has the largest share of the palette's chroma; greys are
    ordered by their lightness.
    """
    chroma = [each["share"] * math.hypot(each["a"], each["b"]) for each in palette]
    if sum(chroma) < _GREY:
        return True, sum(each["share"] * each["lightness"] for each in palette)
    strongest = palette[chroma.index(max(chroma))]
    hue = math.degrees(math.atan2(strongest["b"], strongest["a"]))
    return False, (hue - _FIRST_HUE) % 360


def _colours_of(context: Context) -> FeatureTable | None:
    """Return the table of colours, where it has the columns of this version."""
    table = FeatureTable(context.features, "colour")
    (feature,) = find_features(context.config, ["colour"])
    return table if table.exists() and table.schema() == feature.schema else None


def _faces_of(context: Context) -> FeatureTable | None:
    """Return the table of faces, where it tells how many were found."""
    import polars as pl  # noqa: PLC0415

    table = FeatureTable(context.features, "faces")
    is_told = table.exists() and table.schema().get("found", pl.String()).is_integer()
    return table if is_told else None


def _by_label(rows: "pl.DataFrame", colour: FeatureTable) -> list[LabelColours]:
    """Return the colours of all covers, each once, and of each label, the largest first."""
    import numpy as np  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    from equigen.features.colour import clusters, to_srgb  # noqa: PLC0415

    table = colour.read(["reason", "palette", *_MEANS]).filter(pl.col("reason") == "")
    rows = rows.select("sha256", "labels").join(table.select("sha256"), on="sha256")
    if rows.is_empty():
        return []
    # Palettes are spread out once for each cover, not for each of its labels.
    means = rows.join(table.drop("palette"), on="sha256").group_by("labels")
    share, lab, levels = pl.col("share"), ("lightness", "a", "b"), ("red", "green", "blue")
    bins = [
        rows.join(part.select("sha256", "palette"), on="sha256")
        .select("labels", "palette")
        .explode("palette")
        .unnest("palette")
        .group_by("labels", *(pl.col(each).cast(pl.Int32) // (1 << _BIN_SHIFT) for each in levels))
        .agg(share.sum(), *(pl.col(each).mul(share).sum() for each in lab))
        for part in table.iter_slices(_BATCH)
    ]
    of_label = {
        label: (covers, {name: total / covers for name, total in zip(_MEANS, totals, strict=True)})
        for label, covers, *totals in _each_and_all(
            means.agg(pl.len().alias("covers"), pl.col(_MEANS).sum())
        ).iter_rows()
    }
    found = []
    for (label,), part in _each_and_all(pl.concat(bins), *levels).group_by(["label"]):
        weights = part["share"].to_numpy().astype(np.float64)
        points = part.select(lab).to_numpy().T.astype(np.float64) / weights
        colours, shares = clusters(points, weights, _COLOURS)
        named = ["#" + bytes(to_srgb(each)).hex() for each in colours]
        covers, of_covers = of_label[label]
        swatches = _swatches(named, shares.tolist())
        found.append(LabelColours(str(label or ""), covers, swatches, of_covers))
    return sorted(found, key=lambda each: (each.label != "", -each.covers, each.label))


def _each_and_all(sums: "pl.DataFrame", *keys: str) -> "pl.DataFrame":
    """Return sums by `labels` (those of a cover, with | between them) and keys for each label.

    The label of all covers is NULL.
    """
    import polars as pl  # noqa: PLC0415

    each = sums.with_columns(pl.col("labels").str.split("|").alias("label")).explode("label")
    every = sums.with_columns(pl.lit(None, pl.String).alias("label"))
    both = pl.concat([each, every]).drop("labels")
    by = ["label", *keys]
    return both.group_by(by).agg(pl.all().sum()).sort(by)


def _swatches(colours: Sequence[str], shares: Sequence[float]) -> list[Swatch]:
    """Return swatches side by side, as wide as their shares."""
    percents = [100 * share for share in shares]
    starts = [0.0, *accumulate(percents)]
    return list(map(Swatch, colours, starts, percents))


def _faces(rows: "pl.DataFrame") -> HeatMap:
    import polars as pl  # noqa: PLC0415

    found, albums = pl.col("found").clip(0, _MOST_FACES), Counter[str]()
    for faces, count in rows.group_by(found).len().iter_rows():
        albums[_told(faces)] += count
    rows = rows.with_columns(pl.col("labels").str.split("|").alias("label")).explode("label")
    counts = {
        (label, _told(faces)): count
        for label, faces, count in rows.group_by("label", found).len().iter_rows()
    }
    # All columns are there, also those of which no cover has so many.
    every = {
        (label, _told(faces)): 0
        for label in rows["label"].unique()
        for faces in range(_MOST_FACES + 1)
    }
    table = crosstab(every | counts, By.LABEL, _FACES, column_albums=albums)
    return heat_map(
        table, most_rows=_MOST_LABELS + 1, most_columns=_MOST_FACES + 1, others="other labels"
    )


def _told(faces: int) -> str:
    return f"{faces} and more" if faces == _MOST_FACES else str(faces)
