"""What one pass over the rows adds up for a report, whatever their number."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from equigen.dataset.covers import WantedCover
from equigen.dataset.decades import UNKNOWN, decade_of
from equigen.identity.pictures import has_no_cover, host_of
from equigen.ledger.models import OK, Cover
from equigen.report.heat import Cell
from equigen.report.proportions import InSet
from equigen.report.sampling import Sampler, Shown
from equigen.schema import safe_text

_MOST_SHOWN_CHARS = 160
NO_HOST = "no address"


class Cause(NamedTuple):
    """Why a cover isn't there, and who was to give it."""

    reason: str
    host: str


@dataclass(slots=True)
class Tally:
    """Sums, a sample, and the albums whose covers look alike: nothing else grows with the rows.

    `groups` has the name of a file's group by its sha256; `identical` are the paths of covers
    whose bytes another has as well.
    """

    sampler: Sampler
    groups: Mapping[str, str]
    identical: frozenset[str]
    rows: int = 0
    waiting: int = 0
    size_bytes: int = 0
    cells: Counter[Cell] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    decades: set[str] = field(default_factory=set)
    causes: Counter[Cause] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    sets: Counter[InSet] = field(default_factory=Counter)
    alike: dict[str, dict[str, Shown]] = field(default_factory=dict)

    @property
    def covers(self) -> int:
        """How many covers are there."""
        return self.sets.total()

    def take(self, row: WantedCover, cover: Cover | None, set_name: str) -> None:
        """Count a row, and what became of its cover."""
        when = decade_of(row.year)
        host = host_of(row.url) or NO_HOST
        self.rows += 1
        self.cells[Cell(row.genre, when)] += 1
        self.labels.add(row.label)
        self.hosts[host] += 1
        if when != UNKNOWN:
            self.decades.add(when)
        if cover and cover.status == OK:
            self._take_cover(row, cover, set_name)
        elif cover:
            self.causes[Cause(cover.reason, host)] += 1
        elif has_no_cover(row.url):
            self.causes[Cause("no picture", host)] += 1
        else:
            self.waiting += 1

    def _take_cover(self, row: WantedCover, cover: Cover, set_name: str) -> None:
        self.size_bytes += cover.size_bytes
        self.sets[InSet(row.genre, set_name)] += 1
        shown = Shown(
            row.path, row.genre, _short(row.label), _short(row.artist), _short(row.title),
            _short(row.year), decade_of(row.year), set_name,
        )  # fmt: skip
        self.sampler.offer(shown)
        group = self.groups.get(cover.sha256)
        if group is None and row.path in self.identical:
            group = cover.sha256
        if group:
            self.alike.setdefault(group, {})[row.path] = shown


def _short(text: str) -> str:
    """Return a cell as it can be shown: on one line, and not without end."""
    text = safe_text(text)
    return text if len(text) <= _MOST_SHOWN_CHARS else f"{text[:_MOST_SHOWN_CHARS]}…"
