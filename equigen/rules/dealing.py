"""Which set each album goes to: shares hold in each genre, ties cross no sets, sets are kept."""

import hashlib
import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from equigen.rules.grouping import Grouping, Member
from equigen.rules.splitting import SETS


@dataclass(frozen=True, slots=True)
class Aside:
    """An album that is in no set: its ties lead to several, each named with the tie."""

    path: str
    ties: Mapping[str, str]
    was_in: str = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """An album that was dealt before: its set, what tied it then, and its paths now, if any."""

    set_name: str
    ties: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dealt:
    """The set of each album, by path, in the order of the members; and who is in none, and why."""

    sets: Mapping[str, str]
    aside: Sequence[Aside]


def deal(
    members: Sequence[Member],
    grouping: Grouping,
    *,
    ratio: tuple[float, float, float],
    seed: int,
    before: Sequence[Placed] = (),
) -> Dealt:
    """Deal albums into sets, group by group.

    `before` are the albums of earlier deals, oldest first: an album keeps its set, and who is tied
    to it joins it there, also while it is gone. Where ties lead to several sets, the album that
    came later is set aside. All other groups are dealt by `seed`: each goes to a set with room for
    it, a set with more room more often, albums by themselves last. So each genre's shares hold
    within one album, or within the size of its largest group where that is more.
    """
    dealing = _Dealing(members, dict(zip(SETS, ratio, strict=True)), seed)
    positions = {member.path: at for at, member in enumerate(members)}
    for placed in before:
        here = [positions[path] for path in placed.paths if path in positions]
        for at in here:
            dealing.keep(at, placed.set_name)
        if not here:
            dealing.remember(placed)
    tied = [at for group in grouping.groups if dealing.is_tied(group) for at in group]
    dealing.follow(tied)
    dealing.spread([group for group in grouping.groups if dealing.is_free(group)])
    # Who is left hangs together only by albums that are in no set, or is loose.
    dealing.follow([*tied, *grouping.loose], spread=True)
    return dealing.done()


@dataclass(slots=True)
class _Dealing:
    members: Sequence[Member]
    ratio: Mapping[str, float]
    seed: int
    _sets: dict[int, str] = field(default_factory=dict)
    _aside: dict[int, Aside] = field(default_factory=dict)
    _tied: dict[str, str] = field(default_factory=dict)
    _in_genre: Counter[str] = field(default_factory=Counter)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        self._in_genre.update(member.genre for member in self.members)

    def keep(self, at: int, name: str) -> None:
        """Leave an album where it was, unless an older one's ties forbid that."""
        if not self._is_open(at):
            return
        if set(self._ties_of(at).values()) <= {name}:
            self._put(at, name)
        else:
            self._set_aside(at, was_in=name)

    def remember(self, placed: Placed) -> None:
        """Keep a set for those who are tied to an album that is gone."""
        for tie in placed.ties:
            self._tied.setdefault(tie, placed.set_name)

    def is_tied(self, group: Sequence[int]) -> bool:
        """Tell whether a group has ties to a set, and albums that are in none."""
        return any(map(self._is_open, group)) and any(map(self._ties_of, group))

    def is_free(self, group: Sequence[int]) -> bool:
        """Tell whether a group has albums that are in no set, and no ties to any."""
        return any(map(self._is_open, group)) and not any(map(self._ties_of, group))

    def follow(self, positions: Iterable[int], *, spread: bool = False) -> None:
        """Let albums join what they are tied to, which may tie others; `spread` those left."""
        waiting = [at for at in positions if self._is_open(at)]
        by_tie: dict[str, list[int]] = {}
        for at in waiting:
            for tie in self.members[at].ties:
                by_tie.setdefault(tie, []).append(at)
        for first in waiting:
            if spread and self._is_open(first) and not self._ties_of(first):
                self.spread([(first,)])
            reached = deque([first])
            while reached:
                at = reached.popleft()
                if self._is_open(at):
                    self._join(at)
                if at in self._sets:
                    for tie in self.members[at].ties:
                        reached.extend(by_tie.pop(tie, ()))

    def spread(self, groups: Sequence[Sequence[int]]) -> None:
        """Deal groups that are tied to nothing; those of several albums while there is room."""
        ordered = sorted(groups, key=lambda group: (len(group) == 1, self._lot(group)))
        for group in ordered:
            name = self._room_for(group)
            for at in group:
                if self._is_open(at):
                    self._put(at, name)

    def done(self) -> Dealt:
        """Return what came of it, in the order of the members."""
        sets = {self.members[at].path: self._sets[at] for at in sorted(self._sets)}
        return Dealt(sets, [self._aside[at] for at in sorted(self._aside)])

    def _is_open(self, at: int) -> bool:
        return at not in self._sets and at not in self._aside

    def _join(self, at: int) -> None:
        names = set(self._ties_of(at).values())
        if len(names) == 1:
            self._put(at, names.pop())
        elif names:
            self._set_aside(at)

    def _ties_of(self, at: int) -> dict[str, str]:
        tied = self._tied
        return {tie: tied[tie] for tie in self.members[at].ties if tie in tied}

    def _put(self, at: int, name: str) -> None:
        member = self.members[at]
        self._sets[at] = name
        self._counts[member.genre, name] += 1
        for tie in member.ties:
            self._tied[tie] = name

    def _set_aside(self, at: int, *, was_in: str = "") -> None:
        member = self.members[at]
        self._aside[at] = Aside(member.path, self._ties_of(at), was_in)
        self._in_genre[member.genre] -= 1

    def _lot(self, group: Sequence[int]) -> bytes:
        """Draw a group's lot: the seed and its albums decide, and not the order of rows."""
        drawn = (f"{self.seed} {self.members[at].path}".encode() for at in group)
        return min(hashlib.blake2b(each, digest_size=8).digest() for each in drawn)

    def _room_for(self, group: Sequence[int]) -> str:
        """Return a set with room for a group in all of its genres, or the one that has most."""
        sizes = Counter(self.members[at].genre for at in group)
        room = {
            name: min(self._room(genre, name) - size for genre, size in sizes.items())
            for name, share in self.ratio.items()
            if share
        }
        fitting = {name: left + len(group) for name, left in room.items() if left >= 0}
        if not fitting:
            return max(room, key=room.__getitem__)
        return self._chance.choices(list(fitting), list(fitting.values()))[0]

    def _room(self, genre: str, name: str) -> float:
        return self.ratio[name] * self._in_genre[genre] - self._counts[genre, name]
