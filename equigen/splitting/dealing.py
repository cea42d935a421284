"""Deal albums into sets: shares hold in each label, no tie crosses sets, earlier sets are kept."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

from equigen.schema import ASIDE, SETS
from equigen.splitting.grouping import Grouping, Member


@dataclass(frozen=True, slots=True)
class Earlier:
    """Album that was dealt before: its set or "aside", its ties then, its paths now, if any."""

    set_name: str
    ties: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aside:
    """Album that is in no set, since its ties lead to several; `ties` has the set of each.

    `was_in` is the set that it was in before, "aside", or "" for a new album.
    """

    path: str
    ties: Mapping[str, str]
    was_in: str = ""


@dataclass(frozen=True, slots=True)
class Dealt:
    """The set of each album by path, in the order of the members, and the albums in none."""

    sets: Mapping[str, str]
    aside: Sequence[Aside]


def deal(
    members: Sequence[Member],
    grouping: Grouping,
    *,
    ratio: tuple[float, float, float],
    seed: int,
    before: Sequence[Earlier] = (),
    given: Mapping[str, str] = MappingProxyType({}),
) -> Dealt:
    """Deal albums into sets, group by group.

    `before` are the albums of earlier deals, oldest first: an album keeps its set, and albums tied
    to it join it there, also while it is gone. Where ties lead to several sets, the album whose
    ties are new, else the one that came later, is set aside, for ever.

    `given` has the set that the dataset gives an album, by its path. Where ties lead elsewhere, the
    album is set aside: test is filled before val and train, so that it loses none to these.

    All other groups are dealt by `seed`: each goes to a set with room for it in all of its labels,
    a set with more room more often, albums by themselves last, of these the ones of several labels
    first. So each label's shares hold within one album, or within
    the size of its largest group where that is more. A group that would take more than half of some
    set is dealt before the others, and never into a set that would be half of it.
    """
    dealing = _Dealing(members, dict(zip(SETS, ratio, strict=True)), seed)
    dealing.keep(before)
    dealing.give(given)
    tied = [at for group in grouping.groups if dealing.is_tied(group) for at in group]
    dealing.follow(tied)
    dealing.spread([group for group in grouping.groups if dealing.is_free(group)])
    # Albums that are left are connected only through albums that are in no set, or are loose.
    dealing.settle([*tied, *grouping.loose])
    return dealing.done()


@dataclass(slots=True)
class _Dealing:
    members: Sequence[Member]
    ratio: Mapping[str, float]
    seed: int
    _sets: dict[int, str] = field(default_factory=dict)
    _aside: dict[int, Aside] = field(default_factory=dict)
    _set_of_tie: dict[str, str] = field(default_factory=dict)
    _in_label: Counter[str] = field(default_factory=Counter)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance.seed(self.seed)
        self._in_label.update(label for member in self.members for label in member.labels)

    def keep(self, before: Sequence[Earlier]) -> None:
        """Keep albums where they were, unless ties forbid that; remember the sets of those gone."""
        positions = {member.path: at for at, member in enumerate(self.members)}
        changed: list[tuple[int, str]] = []
        for earlier in before:
            here = [positions[path] for path in earlier.paths if path in positions]
            for at in here:
                if earlier.set_name == ASIDE or not set(self.members[at].ties) <= {*earlier.ties}:
                    changed.append((at, earlier.set_name))
                else:
                    self._leave(at, earlier.set_name)
            if not here and earlier.set_name != ASIDE:
                for tie in earlier.ties:
                    self._set_of_tie.setdefault(tie, earlier.set_name)
        for at, name in changed:
            self._leave(at, name)

    def give(self, given: Mapping[str, str]) -> None:
        """Put albums that are in no set into the one given, unless ties lead elsewhere."""
        for name in reversed(SETS):
            for at, member in enumerate(self.members):
                if given.get(member.path) == name:
                    self._leave(at, name, was_in="")

    def is_tied(self, group: Sequence[int]) -> bool:
        """Tell whether a group has ties to a set, and albums that are in none."""
        return any(map(self._is_open, group)) and any(map(self._sets_of_ties, group))

    def is_free(self, group: Sequence[int]) -> bool:
        """Tell whether a group has albums that are in no set, and no ties to any."""
        return any(map(self._is_open, group)) and not any(map(self._sets_of_ties, group))

    def follow(self, positions: Iterable[int]) -> None:
        """Put albums into the sets that they are tied to, which may tie others."""
        waiting = [at for at in positions if self._is_open(at)]
        by_tie: dict[str, list[int]] = {}
        for at in waiting:
            for tie in self.members[at].ties:
                by_tie.setdefault(tie, []).append(at)
        reached = deque(waiting)
        while reached:
            at = reached.popleft()
            self._join(at)
            if at in self._sets:
                for tie in self.members[at].ties:
                    reached.extend(by_tie.pop(tie, ()))

    def settle(self, positions: Iterable[int]) -> None:
        """Deal what is left one by one: into the set of its ties, or like single albums."""
        left = filter(self._is_open, positions)
        for at in sorted(left, key=lambda at: self._lot((at,))):
            self._join(at)
            if self._is_open(at):
                self.spread([(at,)])

    def spread(self, groups: Sequence[Sequence[int]]) -> None:
        """Deal groups without ties to a set: very large ones first, single albums last."""
        for group in sorted(groups, key=self._turn):
            name = self._room_for(group)
            for at in group:
                if self._is_open(at):
                    self._put(at, name)

    def done(self) -> Dealt:
        """Return the result, in the order of the members."""
        sets = {self.members[at].path: self._sets[at] for at in sorted(self._sets)}
        return Dealt(sets, [self._aside[at] for at in sorted(self._aside)])

    def _is_open(self, at: int) -> bool:
        return at not in self._sets and at not in self._aside

    def _sets_of_ties(self, at: int) -> dict[str, str]:
        known = self._set_of_tie
        return {tie: known[tie] for tie in self.members[at].ties if tie in known}

    def _leave(self, at: int, name: str, *, was_in: str | None = None) -> None:
        if not self._is_open(at):  # a second album of the same id
            return
        if name != ASIDE and set(self._sets_of_ties(at).values()) <= {name}:
            self._put(at, name)
        else:
            self._set_aside(at, was_in=name if was_in is None else was_in)

    def _join(self, at: int) -> None:
        if self._is_open(at):
            names = set(self._sets_of_ties(at).values())
            if len(names) == 1:
                self._put(at, names.pop())
            elif names:
                self._set_aside(at)

    def _put(self, at: int, name: str) -> None:
        member = self.members[at]
        self._sets[at] = name
        for label in member.labels:
            self._counts[label, name] += 1
        for tie in member.ties:
            self._set_of_tie[tie] = name

    def _set_aside(self, at: int, *, was_in: str = "") -> None:
        member = self.members[at]
        self._aside[at] = Aside(member.path, self._sets_of_ties(at), was_in)
        self._in_label.subtract(member.labels)

    def _turn(self, group: Sequence[int]) -> tuple[int, int, bytes, str]:
        """Return the sort key that decides when a group is dealt.

        Albums of one label come last, since they fill its sets; before them those of several, by
        their rarest label (iterative stratification: doi.org/10.1007/978-3-642-23808-6_10).
        """
        sizes = self._sizes(group)
        if len(group) == 1:
            rarest = min(map(self._in_label.__getitem__, sizes)) if len(sizes) > 1 else 0
            return 1 + (len(sizes) == 1), rarest, *self._lot(group)
        is_small = all(self._is_small(sizes, share) for share in self.ratio.values() if share)
        return 0 if is_small else -len(group), 0, *self._lot(group)

    def _lot(self, group: Sequence[int]) -> tuple[bytes, str]:
        """Draw a group's lot from the seed and its albums, between covers of one by their paths."""
        members = [self.members[at] for at in group]
        drawn = (blake2b(f"{self.seed} {each.album}".encode(), digest_size=8) for each in members)
        return min((lot.digest(), each.path) for lot, each in zip(drawn, members, strict=True))

    def _room_for(self, group: Sequence[int]) -> str:
        """Return a set with room for a group in all of its labels, or the one with the most."""
        sizes = self._sizes(group)
        room: dict[str, float] = {}
        fitting: dict[str, float] = {}
        for name, share in self.ratio.items():
            if share:
                room[name] = min(self._room(label, name) - n for label, n in sizes.items())
                if room[name] >= 0 and self._is_small(sizes, share):
                    fitting[name] = room[name] + 1
        if not fitting:
            return max(room, key=room.__getitem__)
        return self._chance.choices(list(fitting), list(fitting.values()))[0]

    def _sizes(self, group: Sequence[int]) -> Counter[str]:
        return Counter(label for at in group for label in self.members[at].labels)

    def _room(self, label: str, name: str) -> float:
        return self.ratio[name] * self._in_label[label] - self._counts[label, name]

    def _is_small(self, sizes: Mapping[str, int], share: float) -> bool:
        return all(n == 1 or 2 * n <= share * self._in_label[label] for label, n in sizes.items())
