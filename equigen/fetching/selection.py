"""Select the listings that the dataset takes: quotas, exclusive artists, no duplicates."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from typing import Final, NamedTuple

from equigen.config.settings import Several
from equigen.identity.albums import Identity, ids_elsewhere, is_track, names_key
from equigen.identity.artists import artist_key, parts_of, sides_of
from equigen.identity.pictures import has_no_cover
from equigen.labels.taxonomy import Query, label_of
from equigen.ledger.models import Addition
from equigen.schema import Album, Listing

_CASSETTE = "cassette"
# Albums of one name whose years are further apart are two, such as those named for their band.
_YEARS_APART: Final = 1
# Stands for the years between two albums of which one has none: after those of a year.
_UNDATED: Final = _YEARS_APART + 0.5
_MOST_CONFLICTS: Final = 1_000


class Skip(StrEnum):
    """The reasons for skipping a listing; their texts appear in summaries."""

    CASSETTE = "cassette"
    PLACEHOLDER = "no picture"
    NAMELESS = "neither artist nor title, nor an artist's id"
    RULE = "doesn't match the query's rule"
    KNOWN_ALBUM = "album is there already"
    KNOWN_PICTURE = "picture is there already"
    ADDED = "album is there already, and got what this source knows of it"
    OTHER_QUERY = "artist belongs to another query"
    SEVERAL_LABELS = "matches several labels"
    EXAMPLE = "is an example"


class Conflict(NamedTuple):
    """Label of an album's row, and that which the album has by another source's genres."""

    album_id: str
    label: str
    other_id: str
    other_label: str


class _Row(NamedTuple):
    genre: str
    label: str
    year: int


@dataclass(slots=True)
class Selection:
    """The state of the selection: the albums, pictures and artists taken so far.

    The first query that takes an album of an artist owns the artist, in all spellings that have the
    same key and under all names of the same id, so the order matters. Each part of a joint credit
    may be an artist of its own: an album by it, before or later, is of the same query, so that
    `split` finds nobody in two queries. Where albums have several labels (`Several.MULTI`), nobody
    is owned, since one artist's albums may well differ in them; `split` keeps artists together.
    The state hangs on calls of `remember` and `judge` alone. `labels` maps genre cells to the
    labels whose quota they count for; `matched` returns the labels that an album of some genres
    and styles matches. `pairs` counts the albums left out (`Several.STRICT`) by two such labels,
    those of three at each of their pairs. Albums for which `is_example` holds are never taken.

    An album that another source has too is one: it is known by a shared id, by half of its row's
    tracks, by its names, unless its years are apart, or by its picture. `conflicts` are the first
    of those of whose labels the sources think differently, and `at_odds` counts all by both labels.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    several: Several = Several.FIRST
    matched: Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...]] = lambda *_: ()
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    at_odds: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: list[Conflict] = field(default_factory=list)
    is_example: Callable[[Listing], bool] = lambda _: False
    _queries_of: Counter[str] = field(init=False)
    _left_out: set[str] = field(default_factory=set)
    # The ids of rows by all that an album is known by; "" for albums that have no row any more.
    _ids: dict[str, str] = field(default_factory=dict)
    _albums: dict[str, str] = field(default_factory=dict)
    _namesakes: dict[str, list[str]] = field(default_factory=dict)
    _pictures: dict[str, str] = field(default_factory=dict)
    _rows: dict[str, _Row] = field(default_factory=dict)
    _like: dict[_Row, _Row] = field(default_factory=dict)
    _elsewhere: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _credits: set[tuple[str, str]] = field(default_factory=set)
    _owners: dict[str, str] = field(default_factory=dict)
    _genres_of_parts: dict[str, set[str]] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _of_labels: Counter[str] = field(default_factory=Counter)
    _further: Counter[str] = field(default_factory=Counter)
    _years: Counter[tuple[str, int]] = field(default_factory=Counter)
    _further_years: Counter[tuple[str, int]] = field(default_factory=Counter)
    _last_index: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Count the queries of each label."""
        self._queries_of = Counter(self.labels.values())

    def remember(
        self,
        identity: Identity,
        *,
        album_index: int,
        in_dataset: bool,
        year: int = 0,
        labels: Sequence[str] = (),
        known_as: Sequence[str] = (),
    ) -> None:
        """Add an album that was taken before; `year` is 0 where none is known.

        It counts for the label of its genre and for its further `labels`; `known_as` are its ids
        in other sources. An album that has left the dataset since (`in_dataset` false) isn't taken
        again, and its index isn't used again, but it doesn't count for the quota.
        """
        genre, row = identity.genre, identity.album_id if in_dataset else ""
        first = label_of(genre, self.labels)
        if row:
            like = _Row(genre, first, year)
            self._rows[row] = self._like.setdefault(like, like)
            if known_as:
                self._elsewhere[row] = tuple(known_as)
        for each in filter(None, (identity.album_id, *known_as)):
            self._ids.setdefault(each, row)
        if names := _names_of(identity):
            first_row = self._albums.setdefault(names, row)
            if row and first_row != row:
                self._namesakes.setdefault(names, [first_row] if first_row else []).append(row)
        if identity.picture:
            self._pictures.setdefault(identity.picture, row)
        self._remember_artists(identity, genre)
        self._counts[genre] += in_dataset
        self._of_labels[first] += in_dataset
        for label in {*labels} - {first} if in_dataset and labels else ():
            self._of_labels[label] += 1
            self._further[label] += 1
            self._further_years[label, year] += 1
        self._years[genre, year] += in_dataset
        self._last_index[genre] = max(self._last_index[genre], album_index)

    def _remember_artists(self, identity: Identity, genre: str) -> None:
        if identity.single:
            self._owners.setdefault(identity.single, genre)
        elif (identity.artist, genre) not in self._credits:
            self._credits.add((identity.artist, genre))
            for artist in _credited(identity):
                self._owners.setdefault(artist, genre)
            for part in parts_of(identity.artist):
                self._genres_of_parts.setdefault(part, set()).add(genre)
        for artist in identity.artist_ids:
            self._owners.setdefault(artist, genre)

    def knows(self, album_id: str) -> bool:
        """Tell whether an album of this id was ever taken."""
        return album_id in self._ids

    @property
    def has_rows(self) -> bool:
        """Tell whether the dataset has albums."""
        return bool(self._rows)

    def lacks_source_of(self, listings: Sequence[Listing]) -> bool:
        """Tell whether some row has no album yet of the source of these listings."""
        own = {_source(each.album_id) for each in listings}
        return any(
            own.isdisjoint(map(_source, (row, *self._elsewhere.get(row, ())))) for row in self._rows
        )

    def missing(self, query: Query, *, promised: int = 0) -> int:
        """Return the number of albums that the query, and the label it shares, may still take.

        `promised` albums of the label are for other queries.
        """
        missing = query.limit - self.count(query)
        if query.label_limit:
            left = query.label_limit - self._of_labels[query.label]
            missing = min(missing, left - promised)
        return max(0, missing)

    def count(self, query: Query) -> int:
        """Return the number of albums in the dataset that count for the query's quota.

        Albums that have its label beside that of another query count where it is the label's only
        query.
        """
        is_alone = self._queries_of[query.label] == 1
        return self._of_labels[query.label] if is_alone else self._counts[query.cell]

    def count_of_label(self, label: str) -> int:
        """Return the number of albums in the dataset that have the label."""
        return self._of_labels[label]

    def above_quota(self, query: Query) -> int:
        """Return the number of albums by which the query's label is above its quota.

        Those are albums of other queries that have the label as well.
        """
        is_alone = self._queries_of[query.label] == 1
        most = query.limit if is_alone else query.label_limit or query.limit
        label = query.label
        return max(0, min(self._of_labels[label] - most, self._further[label]))

    def count_of_year(self, query: Query, year: int) -> int:
        """Return the number of albums of a year in the dataset that `count` counts."""
        is_alone = self._queries_of[query.label] == 1
        further = self._further_years[query.label, year] if is_alone else 0
        return self._years[query.cell, year] + further

    def judge(self, listing: Listing, query: Query, *, year_asked: int) -> Album | Addition | Skip:
        """Take the listing as the query's next album, or return the reason to skip it.

        One that another source brought before is an addition to its row.

        The quota isn't checked here, but by `missing`. An unknown year becomes `year_asked`,
        unless that is 0.
        """
        identity = Identity.of(listing, query.cell)
        if skip := _unfit(listing):
            return skip
        if addition := self.addition(listing, identity):
            return addition
        if skip := self._known(identity, listing):
            return skip
        labels: tuple[str, ...] = ()
        if self.several is not Several.FIRST:
            matched = self.matched(listing.genres, listing.styles)
            labels = tuple(dict.fromkeys((query.label, *matched)))
        if self.several is Several.STRICT and len(labels) > 1:
            self._leave_out(identity.album_id, labels)
            return Skip.SEVERAL_LABELS
        if self.several is not Several.MULTI:
            labels = ()
            if self._is_of_others(identity):
                return Skip.OTHER_QUERY
        album_index = self._last_index[identity.genre] + 1
        year = listing.year or (str(year_asked) if year_asked else "")
        self.remember(
            identity,
            album_index=album_index,
            in_dataset=True,
            year=int(year or 0),
            labels=labels,
            known_as=ids_elsewhere(listing.also_known_as, listing.tracks),
        )
        return Album(
            listing, album_index=album_index, genre=identity.genre, year=year, labels=labels
        )

    def _leave_out(self, album_id: str, labels: Sequence[str]) -> None:
        # Each of its queries shows it, and those that several years and slices have in common.
        if album_id not in self._left_out:
            self._left_out.add(album_id)
            self.pairs.update(combinations(sorted(labels), 2))

    def addition(self, listing: Listing, identity: Identity | None = None) -> Addition | None:
        """Return what a listing of another source adds to the row of its album; None for nothing.

        It is something where the row gets a new id. Its `also_known_as` are all new ids, and it has
        no `image_url` that the row has. A row has one album of each source: of two editions there
        only the first is added.
        """
        identity = identity or Identity.of(listing)
        ids = (listing.album_id, *ids_elsewhere(listing.also_known_as, listing.tracks))
        for row in self._rows_of(listing, ids, identity):
            elsewhere = self._elsewhere.get(row, ())
            known = (row, *elsewhere)
            if listing.album_id not in known and _source(listing.album_id) in map(_source, known):
                continue
            new = [each for each in ids if each not in known and self._ids.get(each, row) == row]
            if not new:
                return None
            self._elsewhere[row] = (*elsewhere, *new)
            self._ids.update(dict.fromkeys(new, row))
            self._compare_labels(row, listing)
            if self.several is not Several.MULTI:
                self._remember_artists(identity, self._rows[row].genre)
            named = (listing.album_id, *listing.also_known_as)
            also_known_as = tuple(each for each in new if each in named)
            is_shown = self._pictures.get(identity.picture) == row
            image_url = "" if is_shown else listing.image_url
            found = replace(listing, also_known_as=also_known_as, image_url=image_url)
            return Addition(row, found)
        return None

    def _rows_of(self, listing: Listing, ids: Sequence[str], identity: Identity) -> Iterator[str]:
        """Yield the ids of the rows that may be a listing's album, the most certain first.

        `ids` are all of it, those of tracks too: a row is meant by these where at least half of its
        own are among them, the one with the most first. Names tell nothing of an album by nobody.
        """
        for each in (listing.album_id, *listing.also_known_as):
            if row := self._ids.get(each):
                yield row
        if listing.tracks:
            shared = Counter(row for each in ids if is_track(each) and (row := self._ids.get(each)))
            for row, count in shared.most_common():
                if 2 * count >= sum(map(is_track, self._elsewhere[row])):
                    yield row
        names = _names_of(identity)
        rows = self._namesakes.get(names) or [*filter(None, [self._albums.get(names)])]
        if rows and (identity.single or artist_key(identity.artist)):
            yield from self._of_time(rows, listing.year)
        if row := self._pictures.get(identity.picture):
            yield row

    def _of_time(self, rows: Sequence[str], year: str) -> list[str]:
        """Return the rows of about a year or of none, those of the same year first."""
        apart = [
            (abs(int(year) - there) if year and (there := self._rows[row].year) else _UNDATED, at)
            for at, row in enumerate(rows)
        ]
        return [rows[at] for years, at in sorted(apart) if years <= _UNDATED]

    def _compare_labels(self, row: str, listing: Listing) -> None:
        matched = self.matched(listing.genres, listing.styles)
        label = self._rows[row].label
        if matched and label not in matched:
            self.at_odds[label, matched[0]] += 1
            if len(self.conflicts) < _MOST_CONFLICTS:
                self.conflicts.append(Conflict(row, label, listing.album_id, matched[0]))

    def _known(self, identity: Identity, listing: Listing) -> Skip | None:
        ids = (listing.album_id, *listing.also_known_as)
        if _names_of(identity) in self._albums or any(each in self._ids for each in ids):
            return Skip.KNOWN_ALBUM
        if identity.picture in self._pictures:
            return Skip.KNOWN_PICTURE
        return Skip.EXAMPLE if self.is_example(listing) else None

    def _is_of_others(self, identity: Identity) -> bool:
        artists = _artists(identity)
        named = [*artists, *parts_of(identity.artist)]
        genres = {self._owners.get(artist, identity.genre) for artist in named}
        genres.update(*(self._genres_of_parts.get(artist, ()) for artist in artists))
        return bool(genres - {identity.genre})


def _source(album_id: str) -> str:
    """Return the source of an id; one has albums by their groups and by single releases."""
    return album_id.partition(":")[0].removesuffix("-release")


def _artists(identity: Identity) -> list[str]:
    """Return all by which an album's artists are known: keys, and the ids of its source."""
    return [*_credited(identity), *identity.artist_ids]


def _names_of(identity: Identity) -> str:
    names = identity.names
    return names_key(identity.artist, identity.title) if names is None else names


def _credited(identity: Identity) -> list[str]:
    key = artist_key(identity.artist)
    return [*([key] if key else ()), *sides_of(identity.artist)]


def _unfit(listing: Listing) -> Skip | None:
    if any(_CASSETTE in value.casefold() for value in listing.formats):
        return Skip.CASSETTE
    if has_no_cover(listing.image_url):
        return Skip.PLACEHOLDER
    if not (listing.artist or listing.title or listing.artist_ids):
        return Skip.NAMELESS
    return None
