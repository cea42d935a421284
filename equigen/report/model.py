"""All that a report shows, as plain values: what is gathered on one side and drawn on the other."""

from dataclasses import dataclass
from typing import NamedTuple

from equigen.report.alike import Alike
from equigen.report.heat import HeatMap
from equigen.report.sampling import Shown


class Fact(NamedTuple):
    """A name and what it stands for, both for people to read."""

    name: str
    value: str


class Figure(NamedTuple):
    """An album and its small picture as a `data:` URI, or why there is none."""

    album: Shown
    source: str
    why_none: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some covers of a genre, and how many it has."""

    genre: str
    covers: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Pictured:
    """A group of look-alikes with the pictures of its first albums."""

    group: Alike
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why and where covers failed: `share` is that of all failures, `of_host` of its rows."""

    reason: str
    host: str
    count: int
    share: float
    of_host: float


@dataclass(frozen=True, slots=True)
class SetCount:
    """How many covers a set has; `share` is that of all covers in sets."""

    name: str
    count: int
    share: float

    @property
    def percent(self) -> int:
        """The share in whole percents."""
        return round(100 * self.share)


@dataclass(frozen=True, slots=True)
class SetRow:
    """A genre's covers by set; `aside` and `in_none` are in no set.

    `off` is how far its shares are from the wanted ones, where they are furthest.
    """

    genre: str
    sets: tuple[SetCount, ...]
    aside: int
    in_none: int
    off: float


@dataclass(frozen=True, slots=True)
class Balance:
    """The sets of each genre, largest first, of all together, and what to know of them."""

    wanted: tuple[Fact, ...]
    rows: tuple[SetRow, ...]
    total: SetRow
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """A whole report. `more_...` say how much is there that isn't shown."""

    name: str
    made_at: str
    version: str
    totals: tuple[Fact, ...]
    missing: tuple[str, ...]
    heat: HeatMap
    sheets: tuple[Sheet, ...]
    more_sheets: int
    groups: tuple[Pictured, ...]
    more_groups: int
    torn: int
    were_compared: bool
    conflicts: tuple[Alike, ...]
    more_conflicts: int
    failures: tuple[Failure, ...]
    more_failures: int
    balance: Balance
    versions: tuple[Fact, ...]
    dataset: tuple[Fact, ...]
    settings: tuple[Fact, ...]

    @property
    def pictures(self) -> int:
        """How many pictures are in it."""
        rows = [each.figures for each in self.sheets] + [each.figures for each in self.groups]
        return sum(bool(figure.source) for figures in rows for figure in figures)
