"""The sets of a dataset, and what must change for the files on disk to show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

SETS = ("train", "val", "test")
# What stands for a set where an album is in none, since its ties lead to several.
ASIDE = "aside"


class Group(StrEnum):
    """Which albums stay together in one set; with `none`, each cover is dealt by itself."""

    ARTIST_COVER = "artist+cover"
    ARTIST = "artist"
    COVER = "cover"
    NONE = "none"

    def uses(self, tie: str) -> bool:
        """Tell whether a tie ("artist ...", "cover ..." or "album ...") counts."""
        kind = tie.partition(" ")[0]
        return kind == "album" or kind in self.value.split("+")


class Link(StrEnum):
    """How a cover gets into its set: `move` leaves it nowhere else."""

    COPY = "copy"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Changes:
    """Which files to take out of which set and which to put in, as (set, path) in path order."""

    remove: tuple["Place", ...]
    add: tuple["Place", ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file in a set; `path` is "Genre/name.jpg"."""

    set_name: str
    path: str


def changes(
    wanted: Mapping[str, str], there: Iterable[Place], *, stale: Iterable[Place]
) -> Changes:
    """Tell how to get from the files that are there to the sets that are wanted.

    `wanted` maps each path to its set. `stale` are files that are in the right set but don't show
    the picture as it is now. Carried out removals first, no file is ever in two sets.
    """
    present, old = set(there), set(stale)
    right = {Place(set_name, path) for path, set_name in wanted.items()}
    return Changes(
        remove=tuple(sorted((present - right) | (present & old))),
        add=tuple(sorted(right - (present - old))),
    )
