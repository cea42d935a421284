"""Which albums must stand in one set: those of one artist, and those that show one picture."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

# A group that is larger than this share of a genre, and than so many albums, is cut.
LARGEST_SHARE = 0.02
LARGEST_SPARED = 20


@dataclass(frozen=True, slots=True)
class Member:
    """An album with a cover: `path` names it, `genre` is its folder.

    `artists` are those that it is tied to, itself first; `cover` names its picture where others
    show it as well, else "".
    """

    path: str
    genre: str
    artists: tuple[str, ...] = ()
    cover: str = ""

    @property
    def ties(self) -> Iterator[str]:
        """What it shares with all others of its set, and with none of another."""
        yield from (f"artist {name}" for name in self.artists)
        if self.cover:
            yield f"cover {self.cover}"

    @property
    def is_collaboration(self) -> bool:
        """Whether it ties artists to each other."""
        return len(self.artists) > 1


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of a dataset, each a list of positions among its members, in their order.

    `loose` are the collaborations at which too large groups were cut: they are in no group.
    `largest_share` is the largest group's share of a genre before any was cut; `cut` how many were.
    """

    groups: tuple[tuple[int, ...], ...]
    loose: tuple[int, ...]
    cut: int
    largest_share: float


@dataclass(slots=True)
class _Forest:
    """Which ties hang together (union by size, paths halved)."""

    _parents: list[int] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, tie: str) -> int:
        number = self._numbers.setdefault(tie, len(self._parents))
        if number == len(self._parents):
            self._parents.append(number)
            self._sizes.append(1)
        return number

    def root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            if self._sizes[one] < self._sizes[other]:
                one, other = other, one
            self._parents[other] = one
            self._sizes[one] += self._sizes[other]


def grouped(
    members: Sequence[Member],
    *,
    largest_share: float = LARGEST_SHARE,
    largest_spared: int = LARGEST_SPARED,
) -> Grouping:
    """Return which members must stand in one set, directly or through others.

    Collaborations can chain a large part of a genre into one group. A group of more than
    `largest_share` of a genre, and of more than `largest_spared` of its albums, is taken apart:
    its collaborations tie nobody any more and become loose. What one artist made alone, and what
    shows one picture, stays together however much it is.
    """
    whole = _components(members, range(len(members)))
    in_genre = Counter(member.genre for member in members)
    groups: list[tuple[int, ...]] = []
    loose: list[int] = []
    cut, share = 0, 0.0
    for group in whole:
        sizes = Counter(members[at].genre for at in group)
        share = max(share, *(size / in_genre[genre] for genre, size in sizes.items()))
        is_large = any(
            size > largest_spared and size > largest_share * in_genre[genre]
            for genre, size in sizes.items()
        )
        joints = [at for at in group if members[at].is_collaboration] if is_large else []
        if joints:
            cut += 1
            loose += joints
            left = set(joints)
            groups += _components(members, [at for at in group if at not in left])
        else:
            groups.append(group)
    return Grouping(tuple(sorted(groups)), tuple(sorted(loose)), cut, share)


def _components(members: Sequence[Member], positions: Iterable[int]) -> list[tuple[int, ...]]:
    forest = _Forest()
    first_tie: dict[int, int] = {}
    groups: list[list[int]] = []
    for at in positions:
        numbers = [forest.number(tie) for tie in members[at].ties]
        if not numbers:
            groups.append([at])
            continue
        first_tie[at] = numbers[0]
        for number in numbers[1:]:
            forest.join(numbers[0], number)
    by_root: dict[int, list[int]] = {}
    for at, number in first_tie.items():
        by_root.setdefault(forest.root(number), []).append(at)
    return [tuple(group) for group in (*groups, *by_root.values())]
