"""Which albums of a genre are kept: so many, even over decades, few of one artist."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from equigen.dataset.decades import by_age
from equigen.identity.artists import clean_artist

_LOT_BYTES = 12
_NONE: Container[int] = ()


class Surplus(StrEnum):
    """Why an album is not kept: there are enough of its genre, or of its artist."""

    GENRE = "genre"
    ARTIST = "artist"


class Candidate(NamedTuple):
    """An album of a genre: its lot (see `lot_of`), its decade, and the keys of its artists."""

    lot: bytes
    decade: str
    artists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Balanced:
    """What became of a genre's albums: why each is not kept, None where it is, in their order.

    `can_give` is how many could be kept under the bound on artists alone.
    """

    surplus: Sequence[Surplus | None]
    can_give: int


def memento_of(album: str) -> bytes:
    """Return what is remembered of an album that was kept: a digest of its key."""
    return _digest(album)


def old_memento_of(artist: str, title: str) -> bytes:
    """Return what ledgers before format 6 remembered of an album without an id."""
    return _digest(f"{clean_artist(artist)}\0{title}")


def lot_of(album: str, *, row: Sequence[str], seed: int) -> bytes:
    """Draw an album's lot: the seed and its key decide, and not where its row stands.

    Only among rows of one album do the cells of the `row` decide.
    """
    return _digest(f"{seed}\0{album}") + _digest("\0".join(row))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_LOT_BYTES).digest()


def in_order(
    albums: Sequence[Candidate], *, per_artist: int, kept: Container[int] = _NONE
) -> list[int]:
    """Return the positions of all albums that a genre can give, in the order of their choice.

    The decades take turns, the oldest first and the unknown one last; each gives the album with
    the lowest lot that still fits. No artist has more than `per_artist` albums, 0 for no bound; an
    album of several counts for each of them. The first N are what a genre gives when N are asked
    for: so no decade that still has a fitting album is ever more than one below another.

    The positions `kept` are those that an earlier choice kept: they come before all others, which
    then fill up the decades that have fewest. Each of them that the bound allows is among the
    first, whatever lots the others have.
    """
    by_lot = sorted(range(len(albums)), key=lambda at: albums[at])
    bound, given = _Bound(per_artist), Counter[str]()
    before = [at for at in by_lot if at in kept]
    others = [at for at in by_lot if at not in kept]
    return [*_in_turn(albums, before, bound, given), *_in_turn(albums, others, bound, given)]


def _in_turn(
    albums: Sequence[Candidate], waiting: Sequence[int], bound: "_Bound", given: Counter[str]
) -> Iterator[int]:
    """Yield what fits of the waiting: the decade that has given least is next, then the oldest."""
    by_decade: dict[str, list[int]] = {}
    for at in waiting:
        by_decade.setdefault(albums[at].decade, []).append(at)
    fitting = {decade: bound.fitting(albums, there) for decade, there in by_decade.items()}
    turns = [(given[decade], by_age(decade), decade) for decade in by_decade]
    heapq.heapify(turns)
    while turns:
        _, _, decade = turns[0]
        chosen = next(fitting[decade], None)
        if chosen is None:
            # It never has a fitting album again: artists only come nearer their bound.
            heapq.heappop(turns)
            continue
        given[decade] += 1
        heapq.heapreplace(turns, (given[decade], by_age(decade), decade))
        yield chosen


def balanced(
    albums: Sequence[Candidate], order: Sequence[int], *, per_genre: int, per_artist: int
) -> Balanced:
    """Keep the first `per_genre` of an order that `in_order` made with the same `per_artist`.

    What is not kept is the artist's surplus where as many as are allowed of one of its artists are
    kept, else the genre's.
    """
    kept = {*order[:per_genre]}
    bound = _Bound(per_artist)
    for at in kept:
        bound.take(albums[at])
    surplus = [
        None if at in kept else Surplus.GENRE if bound.allows(album) else Surplus.ARTIST
        for at, album in enumerate(albums)
    ]
    return Balanced(surplus, len(order))


class _Bound:
    """How many albums each artist has so far, and may have."""

    def __init__(self, per_artist: int) -> None:
        self._per_artist = per_artist
        self._taken: Counter[str] = Counter()

    def allows(self, album: Candidate) -> bool:
        return not self._per_artist or all(
            self._taken[artist] < self._per_artist for artist in album.artists
        )

    def take(self, album: Candidate) -> None:
        self._taken.update(album.artists)

    def fitting(self, albums: Sequence[Candidate], waiting: Sequence[int]) -> Iterator[int]:
        """Yield, one by one, those of the waiting that fit when their turn comes, and take them."""
        for at in waiting:
            if self.allows(albums[at]):
                self.take(albums[at])
                yield at
