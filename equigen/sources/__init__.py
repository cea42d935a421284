"""Origins of albums: one file each, found by its name, loaded when it is used.

There are two kinds. An `OnlineSource` is asked page by page: it declares how its hosts want to be
asked and turns a page of foreign JSON into listings, but never sleeps, retries or opens a
connection. A `LocalSource` lies on the disk as a whole. To add one, write
`equigen/sources/NAME.py` with a function `open_source(config: Config)` that returns either, and
`SETTINGS`, the settings that are also flags of `fetch`; `fetch --source NAME` then finds it.
"""

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from equigen.config import Config
from equigen.context import Context
from equigen.errors import UsageError
from equigen.rules.labels import Label
from equigen.rules.pacing import HostPolicy
from equigen.rules.paging import Query
from equigen.schema import Listing


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


def settings() -> tuple[str, ...]:
    """Return the settings that the sources name as theirs, without loading one."""
    found: list[str] = []
    for module in sorted(Path(__path__[0]).glob("[a-z]*.py")):
        for node in ast.parse(module.read_bytes()).body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "SETTINGS":
                found += ast.literal_eval(node.value) if node.value else ()
    return tuple(dict.fromkeys(found))


def open_source(name: str, config: Config) -> Source:
    """Load the source called `name` (hyphens and underscores are the same) and open it.

    Raises:
        UsageError: there is no such source.
        ConfigError: a setting that the source needs is missing.

    """
    module = name.replace("-", "_")
    known = sorted(found.name for found in pkgutil.iter_modules(__path__))
    if module not in known:
        names = ", ".join(each.replace("_", "-") for each in known)
        msg = f"fetch.source: no source is called {name!r}; expected one of: {names}."
        raise UsageError(msg)
    return cast("Source", importlib.import_module(f"{__name__}.{module}").open_source(config))


def open_renewer(album_id: str, config: Config) -> Renewer | None:
    """Return what renews the addresses of an album's pictures; None where its source doesn't.

    Sources that do have a function `open_renewer(config)`.

    Raises:
        ConfigError: a setting that the source needs is missing.

    """
    name = album_id.partition(":")[0]
    if name not in {found.name for found in pkgutil.iter_modules(__path__)}:
        return None
    module = importlib.import_module(f"{__name__}.{name}")
    opened = getattr(module, "open_renewer", None)
    return cast("Renewer", opened(config)) if opened else None
