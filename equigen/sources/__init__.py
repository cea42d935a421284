"""Origins of albums: one file each, found by its name, loaded when it is used.

A source declares how its hosts want to be asked and turns a page of foreign JSON into listings. It
never sleeps, retries or opens a connection. To add one, write `equigen/sources/NAME.py` with a
function `open_source(config: Config) -> Source`; `equigen fetch --source NAME` then finds it.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from equigen.config import Config
from equigen.errors import UsageError
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
    """

    items: int
    pages: int
    listings: tuple[Listing, ...]
    others: int


class Source(Protocol):
    """What the fetch stage needs of an origin of albums that is asked page by page."""

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
