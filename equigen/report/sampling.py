"""Which covers of a genre are shown where not all can be: drawn by lot, from all decades and sets.

The lot is a digest of the cover's path, so that the same dataset always shows the same covers,
whatever the order of its rows.
"""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

# Pictures in one report: what of them is for the look-alikes, the contact sheets can't have.
MOST_PICTURES: Final = 600


class Shown(NamedTuple):
    """An album with a cover, as it is shown: its cover's path, and where it is.

    `genre` is the folder it is in, `label` its class: ten world styles share a folder. `set_name`
    is a set, "aside", or "" where it is in none.
    """

    path: str
    genre: str
    label: str
    artist: str
    title: str
    year: str
    decade: str
    set_name: str


class Sampler:
    """Keeps, of all albums that it is offered, the lowest lots of each genre, decade and set.

    Of each it keeps as many as `covers_a_genre` shows of that many genres, so all genres together
    hold no more than `MOST_PICTURES` of a decade and a set, or one each where they are more.
    """

    def __init__(self, wanted: int) -> None:
        """Keep at most `wanted` albums for each genre, decade and set."""
        self._wanted = self._most = wanted
        self._drawn: dict[str, dict[tuple[str, str], _Drawn]] = {}

    @property
    def held(self) -> int:
        """How many albums it holds."""
        return sum(len(each.lots) for strata in self._drawn.values() for each in strata.values())

    def offer(self, album: Shown) -> None:
        """Take an album, or leave it."""
        if not self._wanted:
            return
        if album.genre not in self._drawn:
            self._make_room()
        strata = self._drawn.setdefault(album.genre, {})
        drawn = strata.setdefault((album.decade, album.set_name), _Drawn([], {}))
        drawn.offer(album, self._most)

    def _make_room(self) -> None:
        """Leave each genre what it can show when there is one genre more."""
        most = covers_a_genre(self._wanted, genres=len(self._drawn) + 1, reserved=0)
        if most < self._most:
            self._most = most
            for strata in self._drawn.values():
                for drawn in strata.values():
                    drawn.shrink(most)

    def sample(self, genre: str, count: int) -> list[Shown]:
        """Return so many of a genre's albums in order of year; fewer where it holds no more.

        They are taken in turn from its decades, and in those from their sets.
        """
        by_decade: dict[str, list[list[Shown]]] = {}
        for (decade, _), drawn in sorted(self._drawn.get(genre, {}).items()):
            by_decade.setdefault(decade, []).append(drawn.in_order())
        decades = [
            _in_turn(sorted(sets, key=lambda albums: lot(albums[0].path)))
            for sets in by_decade.values()
        ]
        taken = _in_turn(decades)[: min(count, self._most)]
        return sorted(taken, key=lambda album: (album.decade, album.year, album.path))


class _Drawn(NamedTuple):
    """The lowest lots so far: a heap whose first is the highest of them, and their albums."""

    lots: list[tuple[int, str]]
    albums: dict[str, Shown]

    def offer(self, album: Shown, most: int) -> None:
        if album.path in self.albums:
            return
        entry = (-lot(album.path), album.path)
        if len(self.lots) < most:
            heapq.heappush(self.lots, entry)
        elif entry > self.lots[0]:
            del self.albums[heapq.heapreplace(self.lots, entry)[1]]
        else:
            return
        self.albums[album.path] = album

    def shrink(self, most: int) -> None:
        while len(self.lots) > most:
            del self.albums[heapq.heappop(self.lots)[1]]

    def in_order(self) -> list[Shown]:
        return [self.albums[path] for _, path in sorted(self.lots, reverse=True)]


def lot(path: str) -> int:
    """Return the number that decides whether a cover is shown."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest())


def covers_a_genre(wanted: int, *, genres: int, reserved: int) -> int:
    """Return how many covers each genre can show, one at least, so that `reserved` are left."""
    return max(1, min(wanted, (MOST_PICTURES - reserved) // max(1, genres))) if wanted else 0


def _in_turn(lists: Iterable[Sequence[Shown]]) -> list[Shown]:
    """Return the first of each, then the second of each, and so on."""
    return [album for turn in zip_longest(*lists) for album in turn if album is not None]
