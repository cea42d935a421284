"""Albums from the Discogs API: https://www.discogs.com/developers/#page:database,header:database-search."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from equigen.config import Config
from equigen.errors import BadBodyError, ConfigError, CredentialsError
from equigen.rules.pacing import HostPolicy, is_loopback
from equigen.rules.paging import Query
from equigen.rules.pictures import picture_key
from equigen.rules.places import COUNTRIES, FORMATS
from equigen.schema import Listing, safe_text
from equigen.source_settings import DISCOGS_API_URL
from equigen.sources import Advice, Page, Request

SETTINGS: Final = ("discogs.entity",)

_ADVICE: Final = Advice(
    refused=(
        "Check DISCOGS_TOKEN (or DISCOGS_KEY and DISCOGS_SECRET) in .env, and discogs.user_agent."
    ),
    no_pictures="No result had a picture: without credentials Discogs leaves them out.",
)
_NO_ACCOUNT = (
    "Without an account: `equigen dumps get masters release-groups`, then"
    " `equigen run --source discogs-dump`."
)
_PAGE_SIZE = 100
# However many `items` a search reports, results beyond this are refused.
_REACH = 10_000
# More than Discogs will ever have of anything; what is larger is a torn number.
_MOST = 2**53
_TITLE_SEPARATOR = " - "
_KINDS: Mapping[str, str] = MappingProxyType({"master": "m", "release": "r"})
_FOLDERS: Mapping[str, str] = MappingProxyType({"m": "masters", "r": "releases"})
_ALBUM_ID = re.compile(r"discogs:(?P<kind>[mr])(?P<number>[0-9]{1,16})")
_OWN_PICTURE = "discogs:"
_ALBUM = "a master or a release"


@dataclass(frozen=True, slots=True)
class Discogs:
    """The search of the Discogs database; see `OnlineSource` for what it promises."""

    base_url: str
    entity: str
    user_agent: str
    policies: Mapping[str, HostPolicy]
    licence: str = ""
    advice: Advice = _ADVICE
    reach: int = _REACH
    page_size: int = _PAGE_SIZE

    def key(self, query: Query) -> str:
        """Return the query as it is asked, without host, page and page size."""
        return json.dumps(["discogs", *self._params(query)], ensure_ascii=False)

    def slices(self, query: Query) -> Sequence[Query]:
        """Cut a query by country, and one of a country by format."""
        if not query.country:
            return [replace(query, country=country) for country in COUNTRIES]
        if not query.format:
            return [replace(query, format=name) for name in FORMATS]
        return ()

    def request(self, query: Query, page: int) -> Request:
        """Return how a page is asked for: `format=album`, 100 a page."""
        paging = (("per_page", str(_PAGE_SIZE)), ("page", str(page)))
        return Request(f"{self.base_url}/database/search", (*self._params(query), *paging))

    def read(self, query: Query, body: bytes, *, url: str) -> Page:
        """Turn a search answer into a page; foreign or missing fields never break it.

        Raises:
            BadBodyError: the body isn't JSON, or has no list of results.

        """
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as err:
            what = f"{len(body)} bytes that are not JSON ({err})"
            raise _unexpected(url, what) from err
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise _unexpected(url, "JSON without a list of results")
        listings = [listing for result in results if (listing := _listing(result))]
        if query.format:
            # Asked by two formats at once, the service may heed one: what is no album stays out.
            listings = [item for item in listings if _is_album(item)]
        items = _whole_number(answer.get("pagination"), "items", default=len(results))
        all_pages = math.ceil(items / _PAGE_SIZE)
        pages = _whole_number(answer.get("pagination"), "pages", default=all_pages)
        return Page(
            items=items,
            pages=pages,
            listings=tuple(listings),
            others=len(results) - len(listings),
        )

    def renewal(self, album_id: str, picture: str) -> Request | None:
        """Return how a master or release is asked for, whose signed addresses are new ones."""
        signed = _ALBUM_ID.fullmatch(album_id)
        if not signed or not picture.startswith(_OWN_PICTURE):
            return None
        return Request(f"{self.base_url}/{_FOLDERS[signed['kind']]}/{signed['number']}", ())

    def renewed(self, picture: str, body: bytes, *, url: str) -> str:
        """Return the picture's address of today, or that of the primary picture in its place.

        Raises:
            BadBodyError: the body isn't JSON of a master or release.
            CredentialsError: it has pictures, but their addresses are for those who log in.

        """
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as err:
            what = f"{len(body)} bytes that are not JSON ({err})"
            raise _unexpected(url, what, wanted=_ALBUM) from err
        if not isinstance(answer, dict) or "id" not in answer:
            raise _unexpected(url, "JSON without an id", wanted=_ALBUM)
        images = [image for image in _list(answer, "images") if isinstance(image, dict)]
        addresses = [
            _text(image.get("uri")) or _text(image.get("resource_url")) for image in images
        ]
        if images and not any(addresses):
            msg = f"{url}: has pictures, but no addresses of them. {_ADVICE.refused}"
            raise CredentialsError(msg)
        # The primary one first, as a search shows it.
        ordered = sorted(
            (image.get("type") != "primary", at) for at, image in enumerate(images) if addresses[at]
        )
        found = [addresses[at] for _, at in ordered]
        same = (address for address in found if picture_key(address) == picture)
        return next(same, found[0] if found else "")

    def _params(self, query: Query) -> list[tuple[str, str]]:
        asked = [
            ("type", "" if self.entity == "all" else self.entity),
            ("genre", query.label.genre),
            ("style", query.label.style),
            ("year", str(query.year)),
            ("format", "album"),
            ("format", query.format),
            ("country", query.country),
        ]
        return [(name, value) for name, value in asked if value]


def open_source(config: Config) -> Discogs:
    """Open the Discogs API as the settings say.

    Raises:
        ConfigError: the real service is asked without a user agent or credentials, or credentials
            would go out unencrypted.

    """
    settings = config.settings.discogs
    authorization = config.credentials.discogs_authorization()
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    if not is_loopback(host) and not settings.user_agent:
        msg = (
            "discogs.user_agent: Discogs answers only programs that say who they are, and none is"
            ' set. Expected a name of your own such as "MyCovers/1.0 +https://example.org/me".'
            f" Put it into config.toml. {_NO_ACCOUNT}"
        )
        raise ConfigError(msg)
    if host == urlsplit(DISCOGS_API_URL).hostname and not authorization:
        msg = (
            "DISCOGS_TOKEN: Discogs searches only for those who have an account, and no credentials"
            " are set. Make a token at https://www.discogs.com/settings/developers and put"
            " DISCOGS_TOKEN=... (or DISCOGS_KEY and DISCOGS_SECRET) into .env."
            f" {_NO_ACCOUNT}"
        )
        raise ConfigError(msg)
    if authorization and parts.scheme != "https" and not is_loopback(host):
        msg = (
            f"discogs.base_url: {settings.base_url} would send your credentials unencrypted."
            " Expected an address that starts with https://. Mend it in config.toml."
        )
        raise ConfigError(msg)
    policy = HostPolicy(
        per_minute=settings.requests_per_minute,
        concurrency=8,
        headers={"Authorization": authorization} if authorization else {},
        ratelimit_prefix="X-Discogs-Ratelimit",
    )
    user_agent = settings.user_agent_sent
    return Discogs(settings.base_url, settings.entity, user_agent, {host: policy})


open_renewer = open_source


def _listing(result: object) -> Listing | None:
    if not isinstance(result, dict):
        return None
    kind = _KINDS.get(_text(result.get("type")))
    number, name = result.get("id"), result.get("title")
    if not kind or not _is_count(number) or not isinstance(name, str):
        return None
    artist, separator, title = safe_text(name).partition(_TITLE_SEPARATOR)
    if not separator:
        artist = artist.removesuffix(" -")
    names = [item.get("name") for item in _list(result, "formats") if isinstance(item, dict)]
    return Listing(
        artist=artist.strip(),
        title=title.strip(),
        year=_year(result.get("year")),
        image_url=safe_text(_text(result.get("cover_image"))),
        album_id=f"discogs:{kind}{number}",
        genres=_texts(_list(result, "genre")),
        styles=_texts(_list(result, "style")),
        country=safe_text(_text(result.get("country"))),
        formats=tuple(dict.fromkeys((*_texts(_list(result, "format")), *_texts(names)))),
    )


def _is_album(listing: Listing) -> bool:
    return any("album" in name.casefold() for name in listing.formats)


def _year(value: object) -> str:
    text = str(value).strip() if isinstance(value, (str, int)) else ""
    return text if len(text) == len("1999") and text.isdecimal() and text.isascii() else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(text for value in values if (text := safe_text(_text(value))))


def _list(result: Mapping[str, Any], name: str) -> list[Any]:
    value = result.get(name)
    return value if isinstance(value, list) else []


def _whole_number(pagination: object, name: str, *, default: int) -> int:
    value = pagination.get(name) if isinstance(pagination, dict) else None
    return value if _is_count(value) else default


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _unexpected(url: str, got: str, *, wanted: str = "a page of search results") -> BadBodyError:
    msg = (
        f"{url}: expected {wanted}, got {got}. Discogs answers like this to"
        " programs it doesn't know: check discogs.user_agent, then run again."
    )
    return BadBodyError(msg, url=url)
