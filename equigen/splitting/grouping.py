"""Group albums that must be in one set: those that share an artist, a picture or an id.

`grouped` makes the groups. `forest`, `to_earlier` and `crossing` choose which look-alikes tie
albums: as few as hold all of them together, and those that a deal showed to be missing.
`showing_examples` finds those that may be in no set.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from equigen.dataset.covers import WantedCover
from equigen.dataset.examples import Examples
from equigen.identity.albums import names_key, title_key
from equigen.identity.disjoint_sets import DisjointSets

# A group that is larger than this share of a label, and than so many albums, is cut.
LARGEST_SHARE = 0.02
LARGEST_SPARED = 20
# Two covers that look alike, by their sha256.
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Member:
    """Album with a cover: `album` is its key, `path` where its cover is.

    `ties` are shared only within one set. A collaboration ties artists to each other.
    """

    path: str
    labels: tuple[str, ...]
    album: str
    ties: tuple[str, ...] = ()
    is_collaboration: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of a dataset, each as positions among its members, in their order.

    `loose` are the collaborations at which `cut` groups were cut; they are in no group.
    `largest_share` is the largest share of a label that a group of several of its albums had before
    that; `largest_cut` is the largest among the groups that were cut.
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
    """Group the members that must be in one set, directly or through others.

    Collaborations can chain a large part of a label into one group. A group of more than
    `largest_share` of a label, and of more than `largest_spared` of its albums, is taken apart:
    its collaborations tie nothing any more and become loose. Albums of one artist alone, and albums
    with one picture, stay together however many they are.
    """
    in_label = Counter(label for member in members for label in member.labels)
    groups: list[tuple[int, ...]] = []
    loose: list[int] = []
    cut, shares, cut_shares = 0, [0.0], [0.0]
    for group in components(members, range(len(members))):
        if len(group) == 1:
            groups.append(group)
            continue
        sizes = Counter(label for at in group for label in members[at].labels)
        share = max((n / in_label[label] for label, n in sizes.items() if n > 1), default=0.0)
        shares.append(share)
        is_large = any(
            n > largest_spared and n > largest_share * in_label[label] for label, n in sizes.items()
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


def components(members: Sequence[Member], positions: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the members at some positions by connected component; one without ties is alone."""
    alone: list[tuple[int, ...]] = []
    joined = DisjointSets()
    tied: list[int] = []
    for at in positions:
        ties = members[at].ties
        if not ties:
            alone.append((at,))
            continue
        tied.append(at)
        for tie in ties[1:]:
            joined.join(ties[0], tie)
    by_root: dict[int, list[int]] = {}
    for at in tied:
        by_root.setdefault(joined.root(members[at].ties[0]), []).append(at)
    return [*alone, *map(tuple, by_root.values())]


def _equally(_cover: str) -> int:
    return 0


def forest(
    pairs: Iterable[Edge], looseness: Callable[[str], int] = _equally
) -> dict[str, list[str]]:
    """Return the edges of a minimum spanning forest: each cover's neighbours in it.

    An edge weighs as much as the looser of its two covers. So when the covers of the highest
    `looseness` are taken out, those that were connected without them still are.
    """

    def firmest_first(pair: Edge) -> tuple[int, Edge]:
        return max(map(looseness, pair)), pair

    joined = DisjointSets()
    tied: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in sorted(pairs, key=firmest_first):
        if joined.join(one, other):
            tied[one].append(other)
            tied[other].append(one)
    return dict(tied)


def to_earlier(
    alike: Mapping[str, Iterable[str]], since: Mapping[str, int]
) -> dict[str, list[str]]:
    """Keep of each tie the end that was dealt later, so that new covers move no earlier one.

    `since` has the order in which covers were dealt. Ties between covers that never were keep both
    ends.
    """
    never = len(since)
    return {
        cover: sorted(each for each in others if since.get(each, never) <= since.get(cover, never))
        for cover, others in alike.items()
    }


def crossing(pairs: Iterable[Edge], set_of: Mapping[str, str]) -> list[Edge]:
    """Return the pairs whose covers are in different sets; `set_of` has the covers in sets."""
    return [
        (one, other)
        for one, other in pairs
        if one in set_of and other in set_of and set_of[one] != set_of[other]
    ]


def showing_examples(
    examples: Examples,
    rows: Sequence[WantedCover],
    elsewhere: Mapping[str, Sequence[str]],
    digests: Mapping[str, str],
    pairs: Iterable[Edge],
) -> set[str]:
    """Return the covers, by path, that are the same album or the same picture as an example.

    That is also what is the same as such a cover. `digests` has the sha256 of each cover, `rows`
    the album of those that have one, `elsewhere` further ids of albums, `pairs` the look-alikes
    among the covers and the examples'.
    """
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        alike[one].append(other)
        alike[other].append(one)
    covers = set[str]()
    reached, left = list(examples.covers), [(row, title_key(row.title)) for row in rows]
    while True:
        while reached:
            if (cover := reached.pop()) not in covers:
                covers.add(cover)
                reached += alike.get(cover, ())
        # To make a key of names takes long, and few albums have a title of these.
        titles = {each.partition("\0")[2] for each in examples.names}
        is_one = [
            digests[row.path] in covers
            or bool(examples.shared((row.album_id, *elsewhere.get(row.album_id, ()))))
            or (title in titles and names_key(row.artist, row.title) in examples.names)
            for row, title in left
        ]
        if not any(is_one):
            return {path for path, each in digests.items() if each in covers}
        found = [row for row, _ in compress(left, is_one)]
        examples = examples.joined(
            ((row.album_id, *elsewhere.get(row.album_id, ())) for row in found),
            (names_key(row.artist, row.title) for row in found),
        )
        reached += (digests[row.path] for row in found)
        left = [each for each, one in zip(left, is_one, strict=True) if not one]
