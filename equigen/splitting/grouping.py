"""Which albums must stand in one set: those that share an artist, a picture or an id."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A group that is larger than this share of a genre, and than so many albums, is cut.
LARGEST_SHARE = 0.02
LARGEST_SPARED = 20


@dataclass(frozen=True, slots=True)
class Member:
    """An album with a cover: `path` names it, `genre` is its folder.

    `ties` are what it shares with all others of its set and with none of another. Where it
    `is_collaboration`, it ties artists to each other.
    """

    path: str
    genre: str
    ties: tuple[str, ...] = ()
    is_collaboration: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of a dataset, each a list of positions among its members, in their order.

    `loose` are the collaborations at which `cut` groups were cut: they are in no group.
    `largest_share` is the largest group's share of a genre before that, where it had several
    albums there; `largest_cut` that of those that were cut.
    """

    groups: tuple[tuple[int, ...], ...]
    loose: tuple[int, ...]
    cut: int
    largest_share: float
    largest_cut: float


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
    in_genre = Counter(member.genre for member in members)
    groups: list[tuple[int, ...]] = []
    loose: list[int] = []
    cut, shares, cut_shares = 0, [0.0], [0.0]
    for group in components(members, range(len(members))):
        if len(group) == 1:
            groups.append(group)
            continue
        sizes = Counter(members[at].genre for at in group)
        share = max((n / in_genre[genre] for genre, n in sizes.items() if n > 1), default=0.0)
        shares.append(share)
        is_large = any(
            n > largest_spared and n > largest_share * in_genre[genre] for genre, n in sizes.items()
        )
        joints = [at for at in group if members[at].is_collaboration] if is_large else []
        if joints:
            cut += 1
            cut_shares.append(share)
            loose += joints
            left = set(joints)
            groups += components(members, [at for at in group if at not in left])
        else:
            groups.append(group)
    return Grouping(tuple(sorted(groups)), tuple(sorted(loose)), cut, max(shares), max(cut_shares))


def components(members: Sequence[Member], positions: Iterable[int]) -> list[tuple[int, ...]]:
    """Return which of the members at some positions hang together by ties, nobody left out."""
    parents: list[int] = []
    numbers: dict[str, int] = {}
    alone: list[tuple[int, ...]] = []
    first_tie: dict[int, int] = {}

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for at in positions:
        own = []
        for tie in members[at].ties:
            own.append(numbers.setdefault(tie, len(parents)))
            if own[-1] == len(parents):
                parents.append(own[-1])
        if not own:
            alone.append((at,))
            continue
        first_tie[at] = own[0]
        for number in own[1:]:
            parents[root(number)] = root(own[0])
    by_root: dict[int, list[int]] = {}
    for at, number in first_tie.items():
        by_root.setdefault(root(number), []).append(at)
    return [*alone, *map(tuple, by_root.values())]
