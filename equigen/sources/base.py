"""Origins of albums: one file each, found by its name, loaded when it is used.

There are two kinds. An `OnlineSource` is asked page by page: it declares how its hosts want to be
asked and turns a page of foreign JSON into listings, but never sleeps, retries or opens a
connection. A `LocalSource` lies on the disk as a whole. To add one, write
`equigen/sources/NAME.py` with a function `open_source(config: Config)` that returns either, and
`SETTINGS`, the settings that are also flags of `fetch`; `fetch --source NAME` then finds it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from equigen.dataset.context import Context
from equigen.http.limits import HostPolicy
from equigen.labels.builtin import Label
from equigen.schema import Listing
from equigen.sources.paging import Query


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: a URL and its parameters, in order, not yet encoded. Never credentials."""

    url: str
    params: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results.

    `items` and `pages` are what the service says of the whole query; `listings` are the page's
    albums in its order. `others` counts results that are no albums (artists, labels, torn rows).
    `torn` counts results that lack what each has; `is_counted` is false where the service didn't
    say how many results there are. Either may be better when the page is asked for again.
    """

    items: int
    pages: int
    listings: tuple[Listing, ...]
    others: int
    torn: int = 0
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class Advice:
    """What the user can do where a source gives nothing: a sentence each, or "" for nothing.

    `refused` is for a service that refuses who we say we are, `no_pictures` for albums of which not
    one has a picture.
    """

    refused: str = ""
    no_pictures: str = ""


class OnlineSource(Protocol):
    """What the fetch stage needs of an origin of albums that is asked page by page."""

    @property
    def licence(self) -> str:
        """What must be known of the licence before the rows are used; "" for nothing."""
        ...

    @property
    def advice(self) -> Advice:
        """What to do where it gives nothing."""
        ...

    @property
    def reach(self) -> int:
        """How many results of one query the service gives out."""
        ...

    @property
    def page_size(self) -> int:
        """How many results a page has."""
        ...

    @property
    def user_agent(self) -> str:
        """Who the service is told that we are."""
        ...

    @property
    def policies(self) -> Mapping[str, HostPolicy]:
        """How each host wants to be asked, by host pattern; the client enforces it."""
        ...

    def key(self, query: Query) -> str:
        """Return a name of the query that stays the same for ever: the ledger's key."""
        ...

    def slices(self, query: Query) -> Sequence[Query]:
        """Cut a query that has too many results; nothing where it can't be cut any further."""
        ...

    def request(self, query: Query, page: int) -> Request:
        """Return how a page is asked for."""
        ...

    def read(self, query: Query, body: bytes, *, url: str) -> Page:
        """Turn an answer's body into a page.

        Raises:
            BadBodyError: it isn't what such an answer looks like; `url` is named in the message.

        """
        ...


class Offer(NamedTuple):
    """One album of a catalogue: its number there, and what decides for which label it is.

    `year` is 0 where it isn't known.
    """

    number: int
    year: int
    genres: tuple[str, ...]
    styles: tuple[str, ...]


class Catalogue(Protocol):
    """All that a local source has, each album by a number of its own."""

    @property
    def size(self) -> int:
        """How many offers there are, about."""
        ...

    @property
    def facts(self) -> Mapping[str, int]:
        """How many of what the source holds, and what of it is offered: "masters": 500, ..."""
        ...

    def offers(self) -> Iterator[Offer]:
        """Yield every album that has a picture, in the order of their numbers."""
        ...

    def listings(self, numbers: Sequence[int]) -> Sequence[Listing]:
        """Return some albums in full, in the order of their numbers."""
        ...

    def fits(self, label: Label, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an offer with these genres and styles is one for the label."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSource:
    """An origin of albums that lies on the disk as a whole, such as a dump.

    `open` reads what it hasn't read before, with a bar, and yields the catalogue; it raises an
    `InputError` where the files are missing or damaged. `licence` and `advice` are as for an
    `OnlineSource`.
    """

    open: Callable[[Context], AbstractContextManager[Catalogue]]
    licence: str = ""
    advice: Advice = Advice()


Source = OnlineSource | LocalSource


class Renewer(Protocol):
    """What is needed of a source whose pictures' addresses expire: asked for one picture each."""

    @property
    def user_agent(self) -> str:
        """Who the service is told that we are."""
        ...

    @property
    def policies(self) -> Mapping[str, HostPolicy]:
        """How each host wants to be asked, by host pattern."""
        ...

    def renewal(self, album_id: str, picture: str) -> Request | None:
        """Return how an album's pictures are asked for; None where that one isn't the source's.

        `picture` is what stays the same of its address (`rules.pictures.picture_key`).
        """
        ...

    def renewed(self, picture: str, body: bytes, *, url: str) -> str:
        """Return the address that the answer has for a picture: its own, or that of the main one.

        "" means that the album has none any more.

        Raises:
            BadBodyError: it isn't what such an answer looks like; `url` is named in the message.
            CredentialsError: the service gives addresses only to those who say who they are.

        """
        ...
