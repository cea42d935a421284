"""Define a source of albums: one file each, found by its name, imported when it is used.

There are three kinds. An `OnlineSource` is paged through: it declares the limits of its hosts and
turns a page of foreign JSON into listings, but never sleeps, retries or opens a connection. A
`CrawlSource` does so, too, but what is asked next comes out of its answers. A `LocalSource` lies on
the disk as a whole. To add one, write `equigen/sources/NAME.py` with

- `open_source(config: Config)`, which returns one of them;
- `SETTINGS`, the settings that are also flags of `fetch`;
- `LICENCE`, a note on the licence of its rows, if users must know one;
- `MAY_REPUBLISH = False`, if no picture of its albums may be passed on;
- `RESTRICTED_HOSTS`, the domains of the pictures that its terms forbid to pass on, whatever album
  shows them, and `RESTRICTION`, a sentence with these terms;
- `TAXONOMY`, the name of the taxonomy that its albums are labelled by unless users choose one;
- `open_renewer(config: Config)`, which returns a `Renewer`, if its picture URLs expire;
- `open_rater(config: Config)`, which returns a `Rater`, if its users rate albums;
- `open_lookup(config: Config)`, which returns a `Lookup`, if it tells of single albums by id;
- `IDS`, of a local source, the start of its albums' ids where that isn't its own name; a tuple of
  them where there are several.

Then `fetch --source NAME` finds it.
"""

import ast
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast, runtime_checkable

from equigen.config.layers import Config
from equigen.config.settings import FetchSettings
from equigen.dataset.context import Context
from equigen.errors import UsageError
from equigen.http.limits import HostPolicy, Patience
from equigen.identity.pictures import host_of, picture_key
from equigen.labels.matches import Fits
from equigen.labels.taxonomy import Query, fits
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import CrawlPage, Lead, Rating, Rest
from equigen.ledger.values import TsvFacts
from equigen.plugins import Plugin, find_plugins
from equigen.schema import Listing

if TYPE_CHECKING:
    from equigen.http.client import Client

# A page of 100 results has some thousands.
_MOST_VALUES: Final = 200_000
# Longer numbers are damaged; Python refuses to parse those of 4,300 digits.
_MOST_DIGITS: Final = 400


def read_json(body: bytes) -> Any:  # noqa: ANN401  (whatever a service says)
    """Parse JSON from a stranger; nothing is parsed that would take far more memory than its bytes.

    Raises:
        ValueError: it is no JSON, or has too many values.

    """
    if sum(map(body.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        msg = f"more than {_MOST_VALUES:,} values"
        raise ValueError(msg)
    try:
        return json.loads(body, parse_int=_read_int)
    except RecursionError as err:
        raise ValueError(err) from err


def _read_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


@dataclass(frozen=True, slots=True)
class Search:
    """A search to a source: one query in one year, or a slice of it.

    `country` and `format` are "" where the search isn't sliced by them; `part` is the slice of a
    source that slices by something else, in words of its own.
    """

    query: Query
    year: int
    country: str = ""
    format: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A URL and its parameters, in order, not yet encoded; it never holds credentials."""

    url: str
    params: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results.

    `items` and `pages` are the service's counts for the whole search; `listings` are the page's
    albums in its order. `others` counts results that are no albums (artists, labels, damaged rows),
    `torn` those among the results that lack required fields. `is_counted` is false where the
    service gave no count. A repeated request may give a better page.
    """

    items: int
    pages: int
    listings: tuple[Listing, ...]
    others: int
    torn: int = 0
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice for users where a source gives nothing: a sentence each, or "".

    `refused` is for failed authentication, `no_pictures` for results without any picture.
    """

    refused: str = ""
    no_pictures: str = ""


class Service(Protocol):
    """A service on the network, and the ways in which it wants to be asked."""

    @property
    def user_agent(self) -> str:
        """The User-Agent for the service."""
        ...

    @property
    def policies(self) -> Mapping[str, HostPolicy]:
        """The limits and headers of each host, by host pattern; the client enforces them."""
        ...


class OnlineSource(Service, Protocol):
    """A source of albums that the fetch stage pages through."""

    @property
    def licence(self) -> str:
        """A note on the licence of the rows; "" where none is needed."""
        ...

    @property
    def advice(self) -> Advice:
        """The advice for users where it gives nothing."""
        ...

    @property
    def reach(self) -> int:
        """The most results of one search that the service gives out."""
        ...

    @property
    def page_size(self) -> int:
        """The number of results of a full page."""
        ...

    def key(self, search: Search) -> str:
        """Return the ledger's key of a search; it must never change."""
        ...

    def asked(self, query: Query) -> Sequence[Query]:
        """Return the query with the terms of each search that it takes to find its albums."""
        ...

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album of these genres and styles belongs to the query."""
        ...

    def slices(self, search: Search) -> Sequence[Search]:
        """Slice a search that has too many results; return () where it can't be sliced."""
        ...

    def request(self, search: Search, page: int) -> Request:
        """Return the request for a page."""
        ...

    def read(self, search: Search, body: bytes, *, url: str) -> Page:
        """Turn an answer's body into a page.

        Raises:
            BadBodyError: the body has another form; the message names `url`.

        """
        ...

    def matches(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album that another query found matches the query as well.

        Asked where albums may have several labels; a source without it matches by the rules.
        """
        ...


@runtime_checkable
class CrawlSource(Service, Protocol):
    """A source whose answers lead on to further requests, until none is left."""

    @property
    def licence(self) -> str:
        """A note on the licence of the rows; "" where none is needed."""
        ...

    @property
    def advice(self) -> Advice:
        """The advice for users where it gives nothing."""
        ...

    def seeds(self) -> Sequence[Lead]:
        """Return the first tasks, in order.

        The key of a task is a JSON list that begins with the source's name.
        """
        ...

    def wants(self, task: str) -> bool:
        """Tell whether a task that an answer leads to is wanted, by the settings of now."""
        ...

    def request(self, task: str) -> Request:
        """Return the request for a task, by its key."""
        ...

    def read(self, task: str, body: bytes, *, url: str) -> CrawlPage:
        """Turn an answer's body into its albums, and the tasks that it leads to.

        Raises:
            BadBodyError: the body has another form; the message names `url`.

        """
        ...


def key_of_shared(query: Query) -> list[str]:
    """Return what a search's key needs beside its terms: a query's name, where others have them.

    The rows of a page are used once, so that each query has pages of its own.
    """
    return [f"label {query.name}"] if query.shares_terms else []


class Offer(NamedTuple):
    """An album of a catalogue: its number there, and the fields that decide its query.

    `year` is 0 where it isn't known.
    """

    number: int
    year: int
    genres: tuple[str, ...]
    styles: tuple[str, ...]


class Catalogue(Protocol):
    """All albums of a local source, each with a number of its own.

    One that has `numbers`, which returns the numbers of the albums with some ids (a sequence of
    texts), isn't read as a whole where albums are looked up.
    """

    @property
    def size(self) -> int:
        """The approximate number of offers."""
        ...

    @property
    def facts(self) -> Mapping[str, int]:
        """Counts by name for the summary, such as "masters": 500."""
        ...

    def offers(self) -> Iterator[Offer]:
        """Yield every album that has a picture, in the order of their numbers."""
        ...

    def listings(self, numbers: Sequence[int]) -> Sequence[Listing]:
        """Return some albums in full, in the order of their numbers."""
        ...

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an offer with these genres and styles belongs to the query."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A source of albums that lies on the disk as a whole, such as a dump.

    `open` yields the catalogue, after it has indexed new files with a progress bar, which takes
    long unless `is_indexed` is true; both raise an `InputError` where the files are missing.
    `licence` and `advice` are as for an `OnlineSource`. Where it `takes_undated`, albums of no
    known year are taken after those of all years.
    """

    open: Callable[[Context], AbstractContextManager[Catalogue]]
    is_indexed: Callable[[Context], bool] = lambda _: False
    licence: str = ""
    advice: Advice = Advice()
    takes_undated: bool = False


Source = OnlineSource | LocalSource | CrawlSource


class Renewer(Service, Protocol):
    """A source that gives a picture a new URL when the old one has expired."""

    def renewal(self, album_id: str, picture: str) -> Request | None:
        """Return the request for an album's picture URLs; None where the album isn't the source's.

        `picture` is the picture's key (`equigen.identity.pictures.picture_key`).
        """
        ...

    def renewed(self, picture: str, body: bytes, *, url: str) -> str:
        """Return a picture's new URL from an answer, or else that of the album's main picture.

        Returns "" where the album has no picture any more.

        Raises:
            BadBodyError: the body has another form; the message names `url`.
            CredentialsError: the service gives URLs only with credentials.

        """
        ...


class Rater(Service, Protocol):
    """A source whose users rate albums."""

    @property
    def advice(self) -> Advice:
        """The advice for users where it refuses the credentials."""
        ...

    def rating_request(self, album_id: str) -> Request | None:
        """Return the first request for an album's rating; None where the album isn't the source's.

        An answer of 404 or 410 means that the album has no rating.
        """
        ...

    def read_rating(self, body: bytes, *, url: str) -> Rating | Request:
        """Return the rating that an answer has, or the request that leads on to it.

        Raises:
            BadBodyError: the body has another form; the message names `url`.

        """
        ...


class Lookup(Service, Protocol):
    """A source that tells of a single album, asked for by its id."""

    @property
    def advice(self) -> Advice:
        """The advice for users where it refuses the credentials."""
        ...

    def album_request(self, album_id: str) -> Request | None:
        """Return the first request for an album; None where that is no id of the source's.

        An answer of 400, 404 or 410 means that there is no such album.
        """
        ...

    def read_album(self, body: bytes, *, url: str) -> Listing | Request:
        """Return the album that an answer has, or the request that leads on to it.

        The album of an id that was merged into another one has that other id.

        Raises:
            BadBodyError: the body has another form; the message names `url`.
            CredentialsError: the service tells the whole only with credentials.

        """
        ...


def client_of(service: Service, context: Context, ledger: Ledger | None = None) -> "Client":
    """Return a client that asks a service as it wants; close it.

    Where a host asks for a longer rest than a run waits, the ledger remembers it, and the clients
    of later runs obey it without a request.
    """
    from equigen.http.client import Client  # noqa: PLC0415  (heavy, and `status` asks nobody)

    client = Client(
        service.policies,
        user_agent=service.user_agent,
        patience=Patience(**context.settings.http.model_dump()),
        clock=context.clock,
    )
    if ledger:
        for rest in ledger.service_rests().values():
            if left := rest.left(context.now()):
                client.gates.hold(rest.host, left.total_seconds(), rest.why)
        client.gates.on_rest = partial(_record_rest, context, ledger)
    return client


def _record_rest(context: Context, ledger: Ledger, host: str, pause_s: float, why: str) -> None:
    if pause_s > context.settings.http.max_wait_s:
        now = context.now().astimezone(UTC)
        since, until = (
            moment.isoformat(timespec="seconds")
            for moment in (now, now + timedelta(seconds=pause_s))
        )
        ledger.record_rest(Rest(host, since, until, times=0, why=why))


def fetch_settings() -> tuple[str, ...]:
    """Return the settings that are flags of `fetch`: its own, and those that sources declare.

    No source is imported.
    """
    found = [f"fetch.{name}" for name in FetchSettings.model_fields if name != "label"]
    for source in _sources().values():
        named = source.constant("SETTINGS")
        found += ast.literal_eval(named) if named else ()
    return tuple(dict.fromkeys(found))


def declaring(setting: str) -> str:
    """Return the name of the source that declares a setting; "" where none does."""
    for name, source in _sources().items():
        named = source.constant("SETTINGS")
        if named and setting in ast.literal_eval(named):
            return name
    return ""


def open_named(name: str, config: Config) -> Source:
    """Load the source called `name` (hyphens and underscores are the same) and open it.

    Raises:
        UsageError: there is no such source.
        ConfigError: a required setting of the source is missing.

    """
    known = _sources()
    source = known.get(name.replace("_", "-"))
    if source is None:
        msg = f"fetch.source: no source is called {name!r}; expected one of: {', '.join(known)}."
        raise UsageError(msg)
    return cast("Source", source.load().open_source(config))


def rule_of(source: OnlineSource | CrawlSource | Lookup) -> Fits:
    """Return the function by which a source matches albums to all queries."""
    return cast("Fits", getattr(source, "matches", fits))


def licence_of(album_id: str) -> str:
    """Return the licence note that an album's source declares in `LICENCE`; "" for none.

    The source is the part of the id before the colon; it is not imported.
    """
    return str(_declared("LICENCE", album_id) or "")


def licences_of(facts: TsvFacts) -> Counter[str]:
    """Return the licence notes of a dataset, with the number of rows for which each holds.

    They are those of its rows' own cells, and for other rows those of their sources.
    """
    notes = Counter(facts.licences)
    for source, count in facts.sources.items():
        if licence := licence_of(f"{source}:"):
            notes[licence] += count
    return notes


def may_republish(album_id: str) -> bool:
    """Tell whether an album's picture may be passed on, unless its source forbids all of them.

    The source declares that in `MAY_REPUBLISH`; it is not imported.
    """
    return _declared("MAY_REPUBLISH", album_id) is not False


def restricting(album_id: str, *urls: str) -> str:
    """Return the name of the source whose terms forbid to pass a picture on; "" where none does.

    That is the album's own, or the one whose picture it is by an address that it came from: the one
    that was asked for, or the end of its redirects. Where no address is known, an album of a source
    with such pictures is taken to show one.
    """
    own = album_id.partition(":")[0]
    shown = (PictureFrom(host_of(url), picture_key(url)) for url in dict.fromkeys(urls) if url)
    return restricting_by(own, *shown)


class PictureFrom(NamedTuple):
    """Part of a picture's address that tells whose it is: `key` as `picture_key`, or its start."""

    host: str
    key: str


def restricting_by(own: str, *shown: PictureFrom) -> str:
    """Return what `restricting` does of an album of the source `own`."""
    if not may_republish(f"{own}:"):
        return own
    for name, ends in _restricted().items():
        if name == own and not any(host for host, _ in shown):
            return name
        if any(f".{host}".endswith(ends) or key.startswith(f"{name}:") for host, key in shown):
            return name
    return ""


def restriction_of(source: str) -> str:
    """Return the terms that forbid to pass a source's pictures on, in a sentence."""
    return str(_constant_of(source, "RESTRICTION") or f"The terms of {source} forbid it.")


@cache
def _restricted() -> Mapping[str, tuple[str, ...]]:
    """Return the ends of hosts, ".discogs.com", whose pictures may not be passed on, by source."""
    found = {name: _constant_of(name, "RESTRICTED_HOSTS") for name in _sources()}
    some = {name: cast("Sequence[str]", domains) for name, domains in found.items() if domains}
    return {name: tuple(f".{domain}" for domain in domains) for name, domains in some.items()}


def _declared(constant: str, album_id: str) -> object:
    return _constant_of(album_id.partition(":")[0], constant)


@cache
def _constant_of(name: str, constant: str) -> object:
    source = _sources().get(name)
    declared = source.constant(constant) if source else None
    return ast.literal_eval(declared) if declared else None


def open_renewer(album_id: str, config: Config) -> Renewer | None:
    """Open the renewer of an album's picture URLs; None where its source has none.

    Raises:
        ConfigError: a required setting of the source is missing.

    """
    return cast("Renewer | None", _opened("open_renewer", album_id, config))


def open_rater(album_id: str, config: Config) -> Rater | None:
    """Open the rater of an album; None where its source has none.

    Raises:
        ConfigError: a required setting of the source is missing.

    """
    return cast("Rater | None", _opened("open_rater", album_id, config))


def open_lookup(album_id: str, config: Config) -> Lookup | None:
    """Open the lookup of an album; None where its source has none.

    Raises:
        ConfigError: a required setting of the source is missing.

    """
    return cast("Lookup | None", _opened("open_lookup", album_id, config))


def local_sources(album_id: str, config: Config) -> dict[str, LocalSource]:
    """Open the local sources, by name, whose albums have ids of this kind."""
    opened: dict[str, object] = {}
    for name, source in _sources().items():
        declared = source.constant("IDS")
        ids = ast.literal_eval(declared) if declared else name
        if album_id.partition(":")[0] in ((ids,) if isinstance(ids, str) else ids):
            with suppress(UsageError):  # an online source whose settings are missing
                opened[name] = source.load().open_source(config)
    return {name: each for name, each in opened.items() if isinstance(each, LocalSource)}


def _opened(by: str, album_id: str, config: Config) -> object:
    source = _sources().get(album_id.partition(":")[0])
    opened = getattr(source.load(), by, None) if source else None
    return opened(config) if opened else None


def _sources() -> dict[str, Plugin]:
    return dict(sorted(find_plugins("equigen.sources", "open_source").items()))
