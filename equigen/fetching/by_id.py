"""Ask for albums by their ids: each is in its source's index here, or is had by a request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple

from equigen.dataset.context import Context
from equigen.errors import (
    ConfigError,
    CredentialsError,
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    InputError,
    UsageError,
    refused,
)
from equigen.http.client import Client
from equigen.labels.matches import Fits
from equigen.ledger.ledger import Ledger
from equigen.schema import Listing
from equigen.sources.base import (
    Catalogue,
    Lookup,
    Request,
    client_of,
    local_sources,
    open_lookup,
    rule_of,
)

SUCH_IDS: Final = (
    "one such as discogs:m123, discogs:r123, musicbrainz:MBID, musicbrainz-release:MBID, mumu:ASIN,"
    " msd-i:123 or spotify:ID"
)
_UNAUTHORIZED, _GONE = 401, frozenset({400, 404, 410})
# An answer may lead on to another one, as that of a release to its group.
_MOST_REQUESTS = 3
# So many albums in a row that can't be had mean that their source is down.
_MOST_FAILURES = 5
_AT_ONCE = 1_000


class FoundAlbum(NamedTuple):
    """An album as a source tells of it, and the rule by which the source matches queries.

    `asked` is the id that it was asked for by.
    """

    asked: str
    source: str
    listing: Listing
    fits: Fits


@dataclass(slots=True)
class AlbumsById:
    """Sources asked for albums: `wrong` and `failed` have the reasons why some can't be had, by id.

    No album has a `wrong` id; those that `failed` may be had later, and `left` counts those for
    which the time was up. `rests` is the ledger that remembers which hosts rest. `stack` closes the
    connections.
    """

    context: Context
    rests: Ledger
    stack: ExitStack
    reads_indexes: bool = True
    wrong: dict[str, str] = field(default_factory=dict)
    failed: dict[str, EquigenError] = field(default_factory=dict)
    left: int = 0
    _services: dict[str, tuple[Lookup, Client] | EquigenError | None] = field(default_factory=dict)

    @property
    def notes(self) -> Sequence[str]:
        """The reasons why albums failed, a sentence each."""
        reasons = Counter(map(str, self.failed.values()))
        return [f"{n:,} can't be had now: {why}" for why, n in reasons.items()]

    @property
    def resumes_at(self) -> datetime | None:
        """The time from which the albums that failed can be had, where their hosts all rest."""
        rests = [each for each in self.failed.values() if isinstance(each, HostRestsError)]
        if not rests or len(rests) < len(self.failed) + self.left:
            return None
        return datetime.fromtimestamp(min(each.resumes_at_s for each in rests), UTC)

    def find(self, ids: Sequence[str]) -> Iterator[FoundAlbum]:
        """Yield the albums that can be had, in the order of their ids, each once it is known."""
        here, failures = self._found_here(ids), 0
        with self.context.bar("fetch", len(ids), "album") as bar:
            for album_id in ids:
                if self.context.time_is_up:
                    self.left += 1
                    continue
                found = here.get(album_id)
                try:
                    found = found or self._asked(album_id)
                    failures = 0
                except (
                    FetchError, CredentialsError, ConfigError, HostRestsError, InputError
                ) as err:  # fmt: skip
                    self.failed[album_id] = err
                    failures += isinstance(err, FetchError)
                    if failures >= _MOST_FAILURES or not isinstance(err, FetchError):
                        self._services[_source_of(album_id)] = err
                except UsageError as err:
                    self.wrong[album_id] = str(err)
                if found:
                    yield found
                bar.advance(1)

    def _found_here(self, ids: Sequence[str]) -> dict[str, FoundAlbum]:
        """Return the albums that local sources have, without any request.

        Of a source that can be asked as well, an index that is there is read at most. What the
        first source of several tells of an album counts.
        """
        found: dict[str, FoundAlbum] = {}
        for name in dict.fromkeys(map(_source_of, ids)):
            asked = [each for each in ids if _source_of(each) == name]
            for own, source in local_sources(asked[0], self.context.config).items():
                service = self._service(asked[0])
                is_alone = not isinstance(service, tuple)
                try:
                    if is_alone or (self.reads_indexes and source.is_indexed(self.context)):
                        with source.open(self.context) as catalogue:
                            for each in _listings(catalogue, asked):
                                for album_id in {each.album_id, *each.also_known_as} & {*asked}:
                                    album = FoundAlbum(album_id, own, each, catalogue.fits)
                                    found.setdefault(album_id, album)
                except InputError as err:
                    if service is None:
                        self._services[name] = err
        return found

    def _service(self, album_id: str) -> tuple[Lookup, Client] | EquigenError | None:
        name = _source_of(album_id)
        if name not in self._services:
            self._services[name] = None
            try:
                if lookup := open_lookup(album_id, self.context.config):
                    client = self.stack.enter_context(client_of(lookup, self.context, self.rests))
                    self._services[name] = lookup, client
            except ConfigError as err:
                self._services[name] = err
        return self._services[name]

    def _asked(self, album_id: str) -> FoundAlbum:
        """Ask an album's source for it.

        Raises:
            UsageError: there is no such source, or no such album.
            EquigenError: the source can't be asked, or gave no answer.

        """
        service = self._service(album_id)
        if isinstance(service, EquigenError):
            raise service
        if service is None:
            msg = f"{album_id}: no source has an album with this id; expected {SUCH_IDS}."
            raise UsageError(msg)
        lookup, client = service
        found: Listing | Request | None = lookup.album_request(album_id)
        if found is None:
            msg = f"{album_id}: {_source_of(album_id)} has no ids like this; expected {SUCH_IDS}."
            raise UsageError(msg)
        for _ in range(_MOST_REQUESTS):
            if isinstance(found, Request):
                found = self._answer(album_id, lookup, client, found)
        if isinstance(found, Request):
            msg = f"{album_id}: {found.url} leads on and on. Run again to ask anew."
            raise FetchError(msg, url=found.url)
        return FoundAlbum(album_id, _source_of(album_id), found, rule_of(lookup))

    def _answer(
        self, album_id: str, lookup: Lookup, client: Client, request: Request
    ) -> Listing | Request:
        try:
            return client.get(
                request.url,
                lambda answer: lookup.read_album(answer.body, url=answer.url),
                params=request.params,
            )
        except HttpStatusError as err:
            if err.status in _GONE:
                msg = f"{album_id}: {_source_of(album_id)} has no such album (HTTP {err.status})."
                raise UsageError(msg) from None
            if err.status == _UNAUTHORIZED:
                raise refused(err, lookup.advice.refused) from None
            raise


def _source_of(album_id: str) -> str:
    return album_id.partition(":")[0]


def _listings(catalogue: Catalogue, ids: Sequence[str]) -> Iterator[Listing]:
    """Yield the albums of a catalogue that may have one of the ids, or all of them."""
    if find := getattr(catalogue, "numbers", None):
        numbers = iter(find(ids))
    else:
        numbers = (offer.number for offer in catalogue.offers())
    while some := list(islice(numbers, _AT_ONCE)):
        yield from catalogue.listings(some)
