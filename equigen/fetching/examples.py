"""Fetch albums by id into the examples: each from its source's index, or by a request."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from equigen.config.settings import Several, taxonomy_of
from equigen.dataset.context import Context
from equigen.dataset.examples import context_of_examples, known_examples
from equigen.dataset.tsv import reading_tsv
from equigen.errors import (
    ConfigError,
    CredentialsError,
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    InputError,
    MissingInputError,
    UsageError,
)
from equigen.fetching.pending import albums_of, write_pending
from equigen.http.client import Client
from equigen.labels.matches import Fits
from equigen.labels.several import labels_matched
from equigen.labels.taxonomy import Query, load_taxonomy
from equigen.ledger.ledger import Ledger
from equigen.output import tell
from equigen.schema import Album, Listing
from equigen.sources.base import (
    Catalogue,
    Lookup,
    Request,
    client_of,
    licence_of,
    local_sources,
    open_lookup,
    rule_of,
)
from equigen.storage.below import open_regular
from equigen.storage.os_errors import translating_read_errors
from equigen.summary import Summary

_COLUMN = "album_id"
_SUCH = (
    "one such as discogs:m123, discogs:r123, musicbrainz:MBID, musicbrainz-release:MBID, mumu:ASIN,"
    " msd-i:123 or spotify:ID"
)
_UNAUTHORIZED, _GONE = 401, frozenset({400, 404, 410})
# An answer may lead on to another one, as that of a release to its group.
_MOST_REQUESTS = 3
# So many albums in a row that can't be had mean that their source is down.
_MOST_FAILURES = 5
_AT_ONCE = 1_000
_HERE, _WRONG, _FAILED = "is an example already", "no album has this id", "left for the next run"


def ids_given(albums: Sequence[str], file: Path | None) -> list[str]:
    """Return the ids of albums as flags give them, then those of a file, each once.

    The file is a TSV with a column `album_id`, or has one id a line; blank lines, and what stands
    behind a "#", count for nothing.

    Raises:
        MissingInputError, InputError: the file isn't there, or can't be read.
        UsageError: there is no id.

    """
    ids = [*albums, *(_ids_in(file) if file else ())]
    ids = list(dict.fromkeys(filter(None, map(str.strip, ids))))
    if not ids:
        msg = f"{file or '--album'}: no id there; expected one such as discogs:m123."
        raise UsageError(msg)
    return ids


def _ids_in(file: Path) -> list[str]:
    if not file.exists():
        msg = f"{file}: no such file; expected one with the id of an album a line, {_SUCH}."
        raise MissingInputError(msg)
    try:
        with translating_read_errors(file), open_regular(file) as opened:
            lines = opened.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        msg = f"{file}: expected the id of an album a line, in UTF-8. Save it so."
        raise InputError(msg) from None
    if lines and _COLUMN in lines[0].split("\t"):
        with reading_tsv(file, required=(_COLUMN,)) as rows:
            at = rows.index(_COLUMN)
            return [row[at] for row in rows]
    return [line.partition("#")[0] for line in lines]


class _Found(NamedTuple):
    """An album as a source tells of it, and the rule by which the source matches queries."""

    source: str
    listing: Listing
    fits: Fits


@dataclass(slots=True)
class ExampleFetch:
    """One run: `wrong` and `failed` have the reasons why albums can't be had, by id.

    `ledger` is that of the examples; `rests` is the one that remembers which hosts rest.
    """

    context: Context
    ledger: Ledger
    rests: Ledger
    stack: ExitStack
    taken: int = 0
    here: int = 0
    wrong: dict[str, str] = field(default_factory=dict)
    failed: dict[str, EquigenError] = field(default_factory=dict)
    left: int = 0
    _known: set[str] = field(default_factory=set)
    _services: dict[str, tuple[Lookup, Client] | EquigenError | None] = field(default_factory=dict)

    def fetch(self, ids: Sequence[str]) -> Summary:
        """Fetch the albums that are no examples yet; each has its row before the next is asked for.

        Raises:
            UsageError: no album has any of the ids.
            EquigenError: none of the albums could be had.

        """
        write_pending(context_of_examples(self.context), self.ledger)  # of a killed run
        self._known |= known_examples(self.context).ids
        wanted = [each for each in ids if each not in self._known]
        self.here = len(ids) - len(wanted)
        here, failures = self._found_here(wanted), 0
        with self.context.bar("fetch", len(wanted), "album") as bar:
            for album_id in wanted:
                if self.context.time_is_up:
                    self.left += 1
                    continue
                try:
                    self._take(album_id, here.get(album_id) or self._asked(album_id))
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
                bar.advance(1)
        for album_id, why in {**self.wrong, **self.failed}.items():
            tell("album left", f"{why}", album_id=album_id)
        if not (self.taken or self.here or self.left):
            raise self._nothing(ids)
        return self._summary(ids)

    def _found_here(self, ids: Sequence[str]) -> dict[str, _Found]:
        """Return the albums that local sources have, without any request.

        Of a source that can be asked as well, only an index that is there is read. What the first
        source of several tells of an album counts.
        """
        found: dict[str, _Found] = {}
        for name in dict.fromkeys(map(_source_of, ids)):
            asked = [each for each in ids if _source_of(each) == name]
            for own, source in local_sources(asked[0], self.context.config).items():
                service = self._service(asked[0])
                is_alone = not isinstance(service, tuple)
                try:
                    if is_alone or source.is_indexed(self.context):
                        with source.open(self.context) as catalogue:
                            for each in _listings(catalogue, asked):
                                album = _Found(own, each, catalogue.fits)
                                for album_id in {each.album_id, *each.also_known_as} & {*asked}:
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

    def _asked(self, album_id: str) -> _Found:
        """Ask an album's source for it.

        Raises:
            UsageError: there is no such source, or no such album.
            EquigenError: the source can't be asked, or gave no answer.

        """
        service = self._service(album_id)
        if isinstance(service, EquigenError):
            raise service
        if service is None:
            msg = f"{album_id}: no source has an album with this id; expected {_SUCH}."
            raise UsageError(msg)
        lookup, client = service
        found: Listing | Request | None = lookup.album_request(album_id)
        if found is None:
            msg = f"{album_id}: {_source_of(album_id)} has no ids like this; expected {_SUCH}."
            raise UsageError(msg)
        for _ in range(_MOST_REQUESTS):
            if isinstance(found, Request):
                found = self._answer(album_id, lookup, client, found)
        if isinstance(found, Request):
            msg = f"{album_id}: {found.url} leads on and on. Run again to ask anew."
            raise FetchError(msg, url=found.url)
        return _Found(_source_of(album_id), found, rule_of(lookup))

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
                msg = f"{err} The service refuses the credentials. {lookup.advice.refused}"
                raise CredentialsError(msg) from None
            raise

    def _take(self, asked: str, found: _Found) -> None:
        """Make an album an example, labelled by the first query that it matches, if any."""
        listing, own = found.listing, context_of_examples(self.context)
        if listing.album_id in self._known:  # that it was merged into
            self.here += 1
            return
        if asked not in {listing.album_id, *listing.also_known_as}:
            listing = replace(listing, also_known_as=(*listing.also_known_as, asked))
        settings = self.context.settings.fetch
        queries = self._queries(found.source)
        matches = (
            each.cell for each in queries if found.fits(each, listing.genres, listing.styles)
        )
        genre, labels = next(matches, ""), tuple[str, ...]()
        if settings.several is Several.MULTI:
            labels = labels_matched(queries, listing.genres, listing.styles, found.fits)
        there = albums_of(own.tsv) if own.tsv.exists() else ()
        last = max((each.album_index for each in there if each.identity.genre == genre), default=0)
        album = Album(listing, last + 1, genre, listing.year, labels)
        self.ledger.use_pages((), taken=[album])
        write_pending(own, self.ledger)
        self._known |= {listing.album_id, *listing.also_known_as}
        self.taken += 1

    def _queries(self, source: str) -> Sequence[Query]:
        """Return the queries of the dataset, or a source's own while there is none."""
        fetch = self.context.settings.fetch
        if "taxonomy" in fetch.model_fields_set or self.context.tsv.exists():
            return fetch.known_queries()
        return load_taxonomy(taxonomy_of(source)).queries(
            genre_limit=fetch.genre_limit, world_limit=fetch.world_limit, own=fetch.label
        )

    def _nothing(self, ids: Sequence[str]) -> EquigenError:
        """Return the error of a run that got no album, once each wrong id was told."""
        if self.failed:
            return next(iter(self.failed.values()))
        first, *others = self.wrong.values()
        for each in others:
            self.context.say(each)
        return UsageError(f"none of these {len(ids):,} ids is that of an album. {first}")

    def _summary(self, ids: Sequence[str]) -> Summary:
        own, left = context_of_examples(self.context), len(self.failed) + self.left
        rests = [each for each in self.failed.values() if isinstance(each, HostRestsError)]
        reasons = Counter(map(str, self.failed.values()))
        licences = dict.fromkeys(licence_of(each) for each in ids if each not in self.wrong)
        return Summary(
            stage="fetch",
            unit="albums",
            rows_in=len(ids),
            rows_out=self.taken,
            dropped={_HERE: self.here, _WRONG: len(self.wrong), _FAILED: left},
            put_off=(_FAILED,),
            facts={
                "examples": str(own.tsv),
                "wrong": self.wrong,
                "failed": {album_id: str(err) for album_id, err in self.failed.items()},
            },
            notes=[
                *self.wrong.values(),
                *(f"{n:,} can't be had now: {why}" for why, n in reasons.items()),
                *filter(None, licences),
            ],
            partly=bool(self.wrong or left),
            left=left,
            left_unit="albums",
            resumes_at=(
                datetime.fromtimestamp(min(each.resumes_at_s for each in rests), UTC)
                if rests and len(rests) == left
                else None
            ),
        )


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
