"""Add up the figures of a report in one pass over the rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from equigen.dataset.counting import NO_SET, By
from equigen.dataset.covers import WantedCover
from equigen.identity.pictures import has_no_cover, host_of
from equigen.ledger.models import OK, Cover
from equigen.ledger.values import SplitGroups
from equigen.report.pictures import Sampler, ShownAlbum, lot_of
from equigen.report.tables import crosstab
from equigen.schema import SETS, decade_of, safe_text

if TYPE_CHECKING:
    import polars as pl

_MOST_SHOWN_CHARS = 160
_NO_HOST = "no address"


class Likeness(NamedTuple):
    """Bounds over the compared pairs of a group.

    `distance` is the most bits in which two hashes differ, `likeness` the least likeness of two
    pictures (1: none of their pixels differ).
    """

    distance: int = 0
    likeness: float = 1.0

    def and_also(self, distance: int, likeness: float) -> "Likeness":
        """Return the bounds with one pair more."""
        return Likeness(max(self.distance, distance), min(self.likeness, likeness))


@dataclass(slots=True)
class ReportTally:
    """Sums, a sample, and the albums whose covers look alike: little else grows with the rows.

    Of the ledger are, all empty where there is none: the name of a file's group by its sha256
    (`groups`), the `likeness` of each group, the paths of covers whose bytes another has as well
    (`identical`), the groups of the last `split`, the ratio that the sets were dealt by, and some
    `dates` by their names. `cells` counts albums by label and decade, `sets` covers by label and
    set, each album at each of its labels; `decades` and `in_sets` count it once. `causes` counts
    covers that aren't there by reason and host. `covers` are frames of the labels of each cover, by
    sha256, where features were computed.
    """

    sampler: Sampler
    has_ledger: bool = False
    were_compared: bool = False
    groups: Mapping[str, str] = field(default_factory=dict)
    likeness: Mapping[str, Likeness] = field(default_factory=dict)
    identical: frozenset[str] = frozenset()
    split: SplitGroups | None = None
    dealt_ratio: Sequence[float] = ()
    dates: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    waiting: int = 0
    size_bytes: int = 0
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    genres: set[str] = field(default_factory=set)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    sets: Counter[tuple[str, str]] = field(default_factory=Counter)
    decades: Counter[str] = field(default_factory=Counter)
    in_sets: Counter[str] = field(default_factory=Counter)
    alike: dict[str, dict[str, ShownAlbum]] = field(default_factory=dict)
    covers: "list[pl.DataFrame]" = field(default_factory=list)

    @property
    def covers_by_label(self) -> Mapping[str, int]:
        """The number of covers of each label, the largest first."""
        return crosstab(self.sets, By.LABEL, By.SET).row_totals

    def take(self, row: WantedCover, cover: Cover | None, set_name: str) -> None:
        """Count a row, and what became of its cover."""
        host, decade = host_of(row.url) or _NO_HOST, decade_of(row.year)
        self.rows += 1
        self.decades[decade] += 1
        for label in row.labels:
            self.cells[label, decade] += 1
        self.genres.add(row.genre)
        self.hosts[host] += 1
        if cover and cover.status == OK:
            self._take_cover(row, cover, set_name)
        elif cover:
            self.causes[cover.reason, host] += 1
        elif has_no_cover(row.url):
            self.causes["no picture", host] += 1
        else:
            self.waiting += 1

    def _take_cover(self, row: WantedCover, cover: Cover, set_name: str) -> None:
        self.size_bytes += cover.size_bytes
        self.in_sets[set_name or NO_SET] += 1
        shown = ShownAlbum(
            lot_of(row.album), row.path, _short(row.genre), row.label, _short(row.artist),
            _short(row.title), _short(row.year), decade_of(row.year), set_name,
            row.all_labels, cover.sha256,
        )  # fmt: skip
        for label in row.labels:
            self.sets[label, set_name or NO_SET] += 1
            self.sampler.offer(shown._replace(label=label))
        group = self.groups.get(cover.sha256)
        if group is None and row.path in self.identical:
            group = cover.sha256
        if group:
            self.alike.setdefault(group, {})[row.path] = shown

    def lookalike_groups(self) -> "list[LookalikeGroup]":
        """Return the groups of at least two albums, the largest first.

        Groups that stand in `groups` were found by looks, the others by bytes.
        """
        by_looks = frozenset(self.groups.values())
        groups = []
        for name, albums in sorted(self.alike.items()):
            ordered = sorted(
                albums.values(),
                key=lambda album: (album.label, album.genre, album.year, album.path),
            )
            if len(ordered) > 1:
                how = self.likeness.get(name, Likeness()) if name in by_looks else None
                groups.append(LookalikeGroup(tuple(ordered), how))
        return sorted(groups, key=lambda group: -len(group.albums))


def _short(text: str) -> str:
    """Return a cell on one line, cut where it is long."""
    text = safe_text(text)
    return text if len(text) <= _MOST_SHOWN_CHARS else f"{text[:_MOST_SHOWN_CHARS]}…"


@dataclass(frozen=True, slots=True)
class LookalikeGroup:
    """Group of albums whose covers look alike; `likeness` is None where they are one file."""

    albums: tuple[ShownAlbum, ...]
    likeness: Likeness | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of each album as a text; several are a conflict: one picture, two classes."""
        return tuple(sorted({album.labels for album in self.albums}))

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that its albums are in."""
        there = {album.set_name for album in self.albums}
        return tuple(name for name in SETS if name in there)
