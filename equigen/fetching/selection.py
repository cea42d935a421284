"""Select the listings that the dataset takes: quotas, exclusive artists, no duplicates."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from equigen.identity.albums import Identity, names_key
from equigen.identity.artists import artist_key, parts_of, sides_of
from equigen.identity.pictures import has_no_cover
from equigen.labels.taxonomy import Query, label_of
from equigen.schema import Album, Listing

_CASSETTE = "cassette"


class Skip(StrEnum):
    """The reasons for skipping a listing; their texts appear in summaries."""

    CASSETTE = "cassette"
    PLACEHOLDER = "no picture"
    NAMELESS = "neither artist nor title"
    RULE = "doesn't match the query's rule"
    KNOWN_ALBUM = "album is there already"
    KNOWN_PICTURE = "picture is there already"
    OTHER_QUERY = "artist belongs to another query"


@dataclass(slots=True)
class Selection:
    """The state of the selection: the albums, pictures and artists taken so far.

    The first query that takes an album of an artist owns the artist, in all spellings that have the
    same key and under all names of the same id, so the order matters. Each part of a joint credit
    may be an artist of its own: an album by it, before or later, is of the same query, so that
    `split` finds nobody in two queries. The state hangs on calls of `remember` and `judge` alone.
    `labels` maps genre cells to the labels whose quota they count for.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set)
    _albums: set[str] = field(default_factory=set)
    _pictures: set[str] = field(default_factory=set)
    _owners: dict[str, str] = field(default_factory=dict)
    _genres_of_parts: dict[str, set[str]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _of_labels: Counter[str] = field(default_factory=Counter)
    _years: Counter[tuple[str, int]] = field(default_factory=Counter)
    _last_index: Counter[str] = field(default_factory=Counter)

    def remember(
        self, identity: Identity, *, album_index: int, in_dataset: bool, year: int = 0
    ) -> None:
        """Add an album that was taken before; `year` is 0 where none is known.

        An album that has left the dataset since (`in_dataset` false) isn't taken again, and its
        index isn't used again, but it doesn't count for the quota.
        """
        if identity.album_id:
            self._ids.add(identity.album_id)
        if key := names_key(identity.artist, identity.title):
            self._albums.add(key)
        if identity.picture:
            self._pictures.add(identity.picture)
        for artist in _artists(identity):
            self._owners.setdefault(artist, identity.genre)
        for part in parts_of(identity.artist):
            self._genres_of_parts.setdefault(part, set()).add(identity.genre)
        genre = identity.genre
        self._counts[genre] += in_dataset
        self._of_labels[label_of(genre, self.labels)] += in_dataset
        self._years[genre, year] += in_dataset
        self._last_index[genre] = max(self._last_index[genre], album_index)

    def knows(self, album_id: str) -> bool:
        """Tell whether an album of this id was ever taken."""
        return album_id in self._ids

    def missing(self, query: Query, *, promised: int = 0) -> int:
        """Return the number of albums that the query, and the label it shares, may still take.

        `promised` albums of the label are for other queries.
        """
        missing = query.limit - self._counts[query.cell]
        if query.label_limit:
            left = query.label_limit - self._of_labels[query.label]
            missing = min(missing, left - promised)
        return max(0, missing)

    def count(self, query: Query) -> int:
        """Return the number of the query's albums in the dataset."""
        return self._counts[query.cell]

    def count_of_year(self, query: Query, year: int) -> int:
        """Return the number of the query's albums of a year in the dataset."""
        return self._years[query.cell, year]

    def judge(self, listing: Listing, query: Query, *, year_asked: int) -> Album | Skip:
        """Take the listing as the query's next album, or return the reason to skip it.

        The quota isn't checked here, but by `missing`. An unknown year becomes `year_asked`.
        """
        identity = Identity.of(listing, query.cell)
        if skip := _unfit(listing) or self._taken(identity):
            return skip
        album_index = self._last_index[identity.genre] + 1
        year = listing.year or str(year_asked)
        self.remember(identity, album_index=album_index, in_dataset=True, year=int(year))
        return Album(listing, album_index=album_index, genre=identity.genre, year=year)

    def _taken(self, identity: Identity) -> Skip | None:
        names = names_key(identity.artist, identity.title)
        if identity.album_id in self._ids or names in self._albums:
            return Skip.KNOWN_ALBUM
        if identity.picture in self._pictures:
            return Skip.KNOWN_PICTURE
        artists = _artists(identity)
        named = [*artists, *parts_of(identity.artist)]
        genres = {self._owners.get(artist, identity.genre) for artist in named}
        genres.update(*(self._genres_of_parts.get(artist, ()) for artist in artists))
        return Skip.OTHER_QUERY if genres - {identity.genre} else None


def _artists(identity: Identity) -> list[str]:
    """Return all by which an album's artists are known: keys, and the ids of its source."""
    key = artist_key(identity.artist)
    return [*([key] if key else ()), *sides_of(identity.artist), *identity.artist_ids]


def _unfit(listing: Listing) -> Skip | None:
    if any(_CASSETTE in value.casefold() for value in listing.formats):
        return Skip.CASSETTE
    if has_no_cover(listing.image_url):
        return Skip.PLACEHOLDER
    if not listing.artist and not listing.title:
        return Skip.NAMELESS
    return None
