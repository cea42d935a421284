"""Choose the albums of a label that are kept: so many, even over decades, few of one artist."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import NamedTuple

from equigen.dataset.covers import WantedCover
from equigen.identity.artists import clean_artist
from equigen.identity.pictures import has_no_cover
from equigen.schema import by_age

_LOT_BYTES = 12
_LEAST_PRUNED = 10_000
_NONE: Container[int] = ()


class Surplus(StrEnum):
    """Reason why an album is not kept: there are enough of its label, or of its artist."""

    LABEL = "label"
    ARTIST = "artist"


class Candidate(NamedTuple):
    """Album of a label: its lot (see `lot_of`), its decade, and the keys of its artists."""

    lot: bytes
    decade: str
    artists: tuple[str, ...] = ()


def memento_of(album: str) -> bytes:
    """Return the digest by which the ledger remembers that an album was kept."""
    return _digest(album)


def old_memento_of(artist: str, title: str) -> bytes:
    """Return the digest of an album without an id in ledgers before format 6."""
    return _digest(f"{clean_artist(artist)}\0{title}")


def lot_of(album: str, *, seed: int, row: Sequence[str] = ()) -> bytes:
    """Draw an album's lot from the seed and its key, whatever the place of its row.

    The cells of the `row` decide only between rows of one album, and are needed only there.
    """
    lot = _digest(f"{seed}\0{album}")
    return lot + _digest("\0".join(row)) if row else lot


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_LOT_BYTES).digest()


def in_order(
    albums: Sequence[Candidate],
    *,
    per_artist: int,
    had: Container[int] = _NONE,
    kept: Container[int] = _NONE,
    most: int | None = None,
) -> list[int]:
    """Return the positions of all albums that a label can give, in the order of choice.

    With `most`, only the first so many are returned.

    The decades take turns, the oldest first and the unknown one last; each gives the album with
    the lowest lot that still fits. No artist has more than `per_artist` albums, 0 for no bound; an
    album of several counts for each of them. A label that shall give N albums
    gives the first N: so no decade that still has a fitting album is more than one below another.

    The positions `kept`, of an earlier choice, come before all others as far as the bound allows,
    whatever their lots; the others then fill up the decades that have fewest. The positions `had`,
    which other labels chose, come before even these.
    """
    lots = [album.lot for album in albums]
    by_lot = sorted(range(len(albums)), key=lots.__getitem__)
    bound, given = _Bound(per_artist), Counter[str]()
    tiers: list[list[int]] = [[], [], []]
    for at in by_lot:
        tiers[0 if at in had else 1 if at in kept else 2].append(at)
    turns = (_in_turn(albums, waiting, bound, given) for waiting in tiers)
    return list(islice(chain.from_iterable(turns), most))


def _in_turn(
    albums: Sequence[Candidate], waiting: Sequence[int], bound: "_Bound", given: Counter[str]
) -> Iterator[int]:
    """Yield the waiting albums that fit: next from the decade that has given least, or oldest."""
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
    albums: Sequence[Candidate], order: Sequence[int], *, per_label: int, per_artist: int
) -> list[Surplus | None]:
    """Keep the first `per_label` of an order that `in_order` made with the same `per_artist`.

    Return for each album the reason why it isn't kept, None where it is. The reason is its artist
    where one of its artists has as many kept albums as are allowed, else its label.
    """
    kept = {*order[:per_label]}
    if not per_artist:
        return [None if at in kept else Surplus.LABEL for at in range(len(albums))]
    bound = _Bound(per_artist)
    for at in kept:
        bound.take(albums[at])
    return [
        None if at in kept else Surplus.LABEL if bound.allows(album) else Surplus.ARTIST
        for at, album in enumerate(albums)
    ]


class _Bound:
    """Number of albums that each artist has so far, and the most that it may have."""

    def __init__(self, per_artist: int) -> None:
        self._per_artist = per_artist
        self._taken: Counter[str] = Counter()

    def allows(self, album: Candidate) -> bool:
        return not self._per_artist or all(
            self._taken[artist] < self._per_artist for artist in album.artists
        )

    def take(self, album: Candidate) -> None:
        if self._per_artist:
            self._taken.update(album.artists)

    def fitting(self, albums: Sequence[Candidate], waiting: Sequence[int]) -> Iterator[int]:
        """Yield and take, one by one, the waiting albums that fit when their turn comes."""
        for at in waiting:
            if self.allows(albums[at]):
                self.take(albums[at])
                yield at


def even_sample(rows: Iterable[WantedCover], count: int, *, seed: int) -> set[str]:
    """Draw the keys of so many pictures, evenly from the labels of their rows.

    The labels take turns, in an order that the seed draws; each gives the album with its lowest
    lot. So the same rows give the same sample, and a larger one contains it.
    """
    lots: defaultdict[str, list[tuple[bytes, str]]] = defaultdict(list)
    most = _LEAST_PRUNED + 2 * count
    for row in rows:
        if not has_no_cover(row.url):
            given = lots[row.label]
            given.append((_digest(f"{seed}\0{row.album}"), row.picture))
            if len(given) > most:  # of a million rows, a label holds no more than it can give
                lots[row.label] = _lowest(given, count)
    turns = [
        (turn, _digest(f"{seed}\0{label}"), picture)
        for label, given in lots.items()
        for turn, (_, picture) in enumerate(_lowest(given, count))
    ]
    pictures = dict.fromkeys(picture for *_, picture in sorted(turns))
    return set(islice(pictures, count))


def _lowest(lots: Iterable[tuple[bytes, str]], count: int) -> list[tuple[bytes, str]]:
    """Return the lowest lots of so many different pictures, in order."""
    lowest: dict[str, bytes] = {}
    for lot, picture in sorted(lots):
        lowest.setdefault(picture, lot)
        if len(lowest) == count:
            break
    return [(lot, picture) for picture, lot in lowest.items()]
