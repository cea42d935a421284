"""Define what a feature is: a module with `open_feature(config)` and some constants.

`open_feature` returns the function that computes it, once a process. The constants are:
`VERSION`, a number that grows where results change; `COLUMNS`, the columns by name; and where they
apply
- `KIND`: "cover" (the default), with a row for each different cover, or "album", with one for each
  `album_id` of the TSV;
- `SCALE_PX`, the size of the pictures that it is given; without it, it is given albums;
- `CELLS`, the columns of the TSV that albums come with, and `USES`, other features that they bring:
  a row with these is computed anew where they, its cells or its labels change;
- `SETTINGS`, the paths of the settings that change results;
- `NEEDS`, the extras of EquiGen whose packages it imports, `LICENCE`, that of its weights, and
  `COST_MS`, the milliseconds that a cover or an album takes on one core, None where that depends on
  a model;
- `CARD`, a sentence that a dataset card with the feature must have;
and some functions, if it has them: `prepare(context)` makes, before anything is computed, what
processes share, `version_of(config)` returns what else changes results in a text, such as the
digest of a model's file, and `uses(config)` what stands in `USES`, where that hangs on settings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equigen.config.layers import Config
from equigen.config.settings import suggest
from equigen.dataset.context import Context
from equigen.dataset.feature_tables import KEYS, STATE, TYPES, FeatureTable
from equigen.errors import UsageError
from equigen.plugins import find_plugins

# A column's type in SQL: "FLOAT"; [kind] is a list, {name: kind} a struct.
Kind = Any


class Column(NamedTuple):
    """A column of a feature: its type (`Kind`), and its meaning with its unit."""

    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Album:
    """An album as a feature gets it, or the first of those that have a cover.

    `cells` are those of its row that `CELLS` names, by column ("" where the TSV has no such
    column), `labels` its classes, `set` is "train", "val", "test" or "". `features` has the columns
    of each feature that `USES` names, by its name: none where it wasn't computed, or has a reason.
    """

    album_id: str
    cells: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[str] = ()
    set: str = ""
    features: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A cover as a feature gets it: its key, its file, and its pixels (rows x columns x 3, sRGB).

    The longer side has `SCALE_PX` pixels or more, but less than twice as many, unless the file
    itself has fewer.
    """

    sha256: str
    path: Path
    pixels: npt.NDArray[np.uint8]
    album: Album = Album("")


# A row for each picture or album, in their order, with values by the names of the columns; or the
# reason why it has none; "" for one to try again by the next run.
Compute = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature whose module is loaded; its own packages needn't be there."""

    name: str
    about: str
    module: ModuleType
    config: Config

    @property
    def key(self) -> str:
        """The column that its rows are known by."""
        return KEYS[self.unit]

    @property
    def unit(self) -> str:
        """The noun for what a row is of."""
        return str(self.told("KIND", "cover"))

    @property
    def uses(self) -> Sequence[str]:
        """The other features that it is computed of."""
        uses: Callable[[Config], Sequence[str]] = self.told("uses", lambda _: self.told("USES"))
        return uses(self.config)

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name."""
        columns: Mapping[str, Column] = self.module.COLUMNS
        return columns

    @property
    def schema(self) -> Mapping[str, Any]:
        """The types of the table's columns, as polars has them."""
        return {
            **{name: _dtype("VARCHAR") for name in (self.key, *STATE)},
            **{name: _dtype(column.kind) for name, column in self.columns.items()},
        }

    def told(self, constant: str, default: Any = ()) -> Any:  # noqa: ANN401  (whatever it is)
        """Return a constant or function of the module that may be missing."""
        return getattr(self.module, constant, default)

    def version(self, folder: Path) -> str:
        """Return the version of its rows, as they are computed now beside the tables of a folder.

        Raises:
            InputError: the table of a feature that it uses is broken.

        """
        settings = self.config.settings
        values = {path: _value(settings, path) for path in self.told("SETTINGS")}
        used = {name: FeatureTable(folder, name).versions() for name in self.uses}
        more = self.told("version_of", lambda _: "")(self.config)
        parts = [
            str(self.module.VERSION),
            *(f"{name}={value}" for name, value in values.items()),
            *(f"{name}({version})" for name, version in used.items() if version),
            more,
        ]
        return " ".join(filter(None, parts))

    def prepare(self, context: Context) -> None:
        """Make what its processes share.

        Raises:
            EquigenError: as the feature has it.

        """
        self._importing(self.told("prepare", lambda _: None), context)

    def opened(self) -> Compute:
        """Return the function that computes it.

        Raises:
            UsageError: a package that it needs isn't installed.

        """
        compute: Compute = self._importing(self.module.open_feature, self.config)
        return compute

    def _importing(self, function: Callable[[Any], Any], value: object) -> Any:  # noqa: ANN401
        try:
            return function(value)
        except ImportError as err:
            needs = ",".join(self.told("NEEDS"))
            way = f"`pip install 'equigen[{needs}]'`" if needs else "its package anew"
            msg = f"{self.name}: needs {err.name}, which isn't installed. Install it: {way}."
            raise UsageError(msg) from err


def find_features(config: Config, names: Sequence[str] = ()) -> list[Feature]:
    """Return the features of these names, or all that there are.

    Raises:
        UsageError: there is no such feature.

    """
    found = find_plugins("equigen.features", "open_feature")
    for name in names:
        if name not in found:
            msg = (
                f"there is no feature {name!r}{suggest(name, list(found))}; expected one or more"
                f" of: {', '.join(found)}."
            )
            raise UsageError(msg)
    return [
        Feature(name, found[name].summary, found[name].load(), config)
        for name in dict.fromkeys(names or found)
    ]


def _value(settings: object, path: str) -> object:
    table, _, key = path.partition(".")
    return getattr(getattr(settings, table), key)


def _dtype(kind: Kind) -> Any:  # noqa: ANN401  (polars has no common class for them)
    import polars as pl  # noqa: PLC0415  (no worker needs it)

    if isinstance(kind, list):
        return pl.List(_dtype(kind[0]))
    if isinstance(kind, Mapping):
        return pl.Struct({name: _dtype(each) for name, each in kind.items()})
    return getattr(pl, TYPES[kind])()
