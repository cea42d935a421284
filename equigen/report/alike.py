"""Covers that look alike, or hold the same bytes: their groups, and those that labels divide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from equigen.report.sampling import Shown
from equigen.schema import SETS


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike the covers of a group are, where they were compared.

    `distance` is the most bits in which two hashes differ, `likeness` the least that two pictures
    have of it (1: none of their pixels differ).
    """

    distance: int = 0
    likeness: float = 1.0

    def and_also(self, distance: int, likeness: float) -> "Likeness":
        """Return what holds with one pair more."""
        return Likeness(max(self.distance, distance), min(self.likeness, likeness))


@dataclass(frozen=True, slots=True)
class Alike:
    """A group of albums whose covers look alike; `likeness` is None where they are one file."""

    albums: tuple[Shown, ...]
    likeness: Likeness | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it has."""
        return tuple(sorted({album.label for album in self.albums}))

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets that it stands in."""
        there = {album.set_name for album in self.albums}
        return tuple(name for name in SETS if name in there)


def alike_groups(
    members: Mapping[str, Mapping[str, Shown]],
    likeness: Mapping[str, Likeness],
    names: Iterable[str],
) -> list[Alike]:
    """Return the groups of at least two albums, the largest first.

    `members` are the albums by group and path; those groups that stand in `names` were found by
    looks, the others by bytes.
    """
    by_looks = frozenset(names)
    groups = []
    for name, albums in sorted(members.items()):
        ordered = tuple(
            sorted(
                albums.values(),
                key=lambda album: (album.genre, album.label, album.year, album.path),
            )
        )
        if len(ordered) > 1:
            how = likeness.get(name, Likeness()) if name in by_looks else None
            groups.append(Alike(ordered, how))
    return sorted(groups, key=lambda group: -len(group.albums))


def conflicts(groups: Sequence[Alike]) -> list[Alike]:
    """Return the groups with several labels, be it in one genre: one picture, two classes."""
    return [group for group in groups if len(group.labels) > 1]


def torn(groups: Sequence[Alike]) -> list[Alike]:
    """Return the groups that stand in several sets: what was learned is in the test."""
    return [group for group in groups if len(group.sets) > 1]
