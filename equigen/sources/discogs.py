"""Search the Discogs API for albums: https://www.discogs.com/developers/#page:database,header:database-search."""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from equigen.config.layers import Config
from equigen.config.source_settings import DISCOGS_API_URL, OWN_USER_AGENT
from equigen.errors import BadBodyError, ConfigError, CredentialsError
from equigen.http.limits import HostPolicy, is_loopback
from equigen.identity.pictures import has_no_cover, picture_key
from equigen.labels.taxonomy import MatchBy, Query, Rule, fits
from equigen.ledger.models import Rating
from equigen.schema import MAX_CELL_CHARS, Listing, safe_text, short_text, split_list
from equigen.sources.base import Advice, Page, Request, Search, key_of_shared, read_json

SETTINGS: Final = ("discogs.entity",)
# https://support.discogs.com/hc/en-us/articles/360009334593-API-Terms-of-Use
RESTRICTED_HOSTS: Final = ("discogs.com",)
RESTRICTION: Final = (
    "Discogs' API terms make its pictures Restricted Data, never to be republished."
)

_ADVICE: Final = Advice(
    refused=(
        "check DISCOGS_TOKEN (or DISCOGS_KEY and DISCOGS_SECRET) in .env, and discogs.user_agent."
    ),
    no_pictures="No result had a picture: without credentials Discogs leaves them out.",
)
_NO_ACCOUNT = (
    "Without an account: `equigen dumps get masters release-groups`, then"
    " `equigen run --source discogs-dump`."
)
_PAGE_SIZE = 100
# Results beyond this are refused, even if `items` is higher.
_REACH = 10_000
# A larger count is a damaged number.
_MOST = 2**53
_TITLE_SEPARATOR = " - "
# Longer picture URLs and lists of genres or formats are damaged.
_MOST_ADDRESS_CHARS = 4_000
_MOST_VALUES = 100
_COUNT = re.compile(r"[0-9]{1,16}(?:\.0)?")
_KINDS: Mapping[str, str] = MappingProxyType({"m": "master", "r": "release"})
_ALBUM_ID = re.compile(r"discogs:(?P<kind>[mr])(?P<number>[0-9]{1,16})")
_ALBUM = "a master or a release"
_BEST_RATING = 5

_SLICES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
GENRES: Sequence[str] = _SLICES["genres"]
COUNTRIES: Sequence[str] = _SLICES["countries"]
FORMATS: Sequence[str] = _SLICES["formats"]


@dataclass(frozen=True, slots=True)
class Discogs:
    """The Discogs database: an `OnlineSource`, a `Renewer`, a `Rater` and a `Lookup`."""

    base_url: str
    entity: str
    user_agent: str
    policies: Mapping[str, HostPolicy]
    licence: str = ""
    advice: Advice = _ADVICE
    reach: int = _REACH
    page_size: int = _PAGE_SIZE

    def key(self, search: Search) -> str:
        """Return the search's parameters without host, page and page size."""
        asked = ["discogs", *self._params(search), *key_of_shared(search.query)]
        return json.dumps(asked, ensure_ascii=False)

    def asked(self, query: Query) -> Sequence[Query]:
        """Return the query with all its terms, but for genres that Discogs doesn't have."""
        asked = query.asked()
        by = MatchBy.NAMES if query.rule and query.rule.by is MatchBy.NAMES else MatchBy.WORDS
        known = [
            each
            for each in asked
            if not each.genre or Rule(any_genre=(each.genre,), by=by).matches(GENRES, ())
        ]
        return known or asked

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album of these genres and styles belongs to the query."""
        return fits(query, genres, styles)

    def slices(self, search: Search) -> Sequence[Search]:
        """Slice a search by country, and that of a country by format."""
        if not search.country:
            return [replace(search, country=country) for country in COUNTRIES]
        if not search.format:
            return [replace(search, format=name) for name in FORMATS]
        return ()

    def request(self, search: Search, page: int) -> Request:
        """Return the request for a page of 100 results with `format=album`."""
        paging = (("per_page", str(_PAGE_SIZE)), ("page", str(page)))
        return Request(f"{self.base_url}/database/search", (*self._params(search), *paging))

    def read(self, search: Search, body: bytes, *, url: str) -> Page:
        """Turn a search answer into a page; unexpected or missing fields never break it.

        Raises:
            BadBodyError: the body isn't JSON, or has no list of results.

        """
        try:
            answer = read_json(body)
        except ValueError as err:
            what = f"{len(body)} bytes that are not JSON ({err})"
            raise _unexpected(url, what) from err
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise _unexpected(url, "JSON without a list of results")
        if len(results) > 10 * _PAGE_SIZE:
            raise _unexpected(
                url, f"{len(results):,} results, though it was asked for {_PAGE_SIZE}"
            )
        listings = [listing for result in results if (listing := _listing(result))]
        if search.format:
            # With two format parameters, the service may apply only one of them.
            listings = [item for item in listings if _is_album(item)]
        pagination = answer.get("pagination")
        told = pagination if isinstance(pagination, dict) else {}
        counted, pages = _count(told.get("items")), _count(told.get("pages"))
        items = len(results) if counted is None else counted
        return Page(
            items=items,
            pages=math.ceil(items / _PAGE_SIZE) if pages is None else pages,
            listings=tuple(listings),
            others=len(results) - len(listings),
            torn=sum(map(_is_torn, results)),
            is_counted=counted is not None,
        )

    def matches(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album matches the query's rule, as the search would."""
        return fits(query, genres, styles)

    def renewal(self, album_id: str, picture: str) -> Request | None:
        """Return the request for a master or release, whose answer has freshly signed URLs."""
        return self._item_request(album_id) if picture.startswith("discogs:") else None

    def renewed(self, picture: str, body: bytes, *, url: str) -> str:
        """Return the picture's new URL, or else that of the primary picture.

        The answer's id must be that in `url`, the address after redirects to a merged album.

        Raises:
            BadBodyError: the body isn't JSON of the master or release at `url`.
            CredentialsError: it has pictures without URLs, as without credentials.

        """
        found = _pictures(_item(body, url), url)
        same = (address for address in found if picture_key(address) == picture)
        return next(same, found[0] if found else "")

    def album_request(self, album_id: str) -> Request | None:
        """Return the request for a master or a release."""
        return self._item_request(album_id)

    def read_album(self, body: bytes, *, url: str) -> Listing:
        """Return the master or release at a URL; a release is also known as its master.

        Raises:
            BadBodyError: the body isn't JSON of the master or release at `url`.
            CredentialsError: it has pictures without URLs, as without credentials.

        """
        from equigen.dumps.extract import credit, ids_cell  # noqa: PLC0415  (lxml)

        answer = _item(body, url)
        is_master = urlsplit(url).path.rpartition("/")[0].endswith("/masters")
        kind, other = ("m", "r") if is_master else ("r", "m")
        same = _count(answer.get("main_release" if is_master else "master_id"))
        artists = [
            {key: f"{each[key]}" for key in ("name", "anv", "join", "id") if each.get(key)}
            for each in _list(answer, "artists")
            if isinstance(each, dict)
        ]
        formats = [each for each in _list(answer, "formats") if isinstance(each, dict)]
        named = [
            name for each in formats for name in (each.get("name"), *_list(each, "descriptions"))
        ]
        return Listing(
            artist=short_text(credit(artists)),
            title=short_text(_text(answer.get("title"))),
            year=_year(answer.get("year")),
            image_url=next(map(_address, _pictures(answer, url)), ""),
            album_id=f"discogs:{kind}{_count(answer.get('id'))}",
            genres=_texts(_list(answer, "genres")),
            styles=_texts(_list(answer, "styles")),
            country=short_text(_text(answer.get("country"))),
            formats=tuple(dict.fromkeys(_texts(named))),
            artist_ids=split_list(ids_cell(artists)),
            also_known_as=(f"discogs:{other}{same}",) if same else (),
        )

    def rating_request(self, album_id: str) -> Request | None:
        """Return the request for a release, or for a master, which leads to its main release."""
        return self._item_request(album_id)

    def read_rating(self, body: bytes, *, url: str) -> Rating | Request:
        """Return a release's rating, or the request for the main release of a master.

        Only releases are rated. A figure that is missing or damaged is unknown.

        Raises:
            BadBodyError: the body isn't JSON of the master or release at `url`.

        """
        answer = _item(body, url)
        if urlsplit(url).path.rpartition("/")[0].endswith("/masters"):
            main = _count(answer.get("main_release"))
            return Request(f"{self.base_url}/releases/{main}", ()) if main else Rating()
        community = _table(answer, "community")
        rating = _table(community, "rating")
        count, average = _count(rating.get("count")), rating.get("average")
        if not (count and isinstance(average, (int, float)) and 0 < average <= _BEST_RATING):
            average = None
        return Rating(
            count,
            average if average is None else float(average),
            _count(community.get("have")),
            _count(community.get("want")),
        )

    def _item_request(self, album_id: str) -> Request | None:
        found = _ALBUM_ID.fullmatch(album_id)
        if not found:
            return None
        return Request(f"{self.base_url}/{_KINDS[found['kind']]}s/{found['number']}", ())

    def _params(self, search: Search) -> list[tuple[str, str]]:
        asked = [
            ("type", "" if self.entity == "all" else self.entity),
            ("genre", search.query.genre),
            ("style", search.query.style),
            ("year", str(search.year)),
            ("format", "album"),
            ("format", search.format),
            ("country", search.country),
        ]
        return [(name, value) for name, value in asked if value]


def open_source(config: Config) -> Discogs:
    """Open the Discogs API as the settings say.

    Raises:
        ConfigError: the user agent or the credentials for the real service are missing, or the
            credentials would go out unencrypted.

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
    user_agent = settings.user_agent or OWN_USER_AGENT
    return Discogs(settings.base_url, settings.entity, user_agent, {host: policy})


open_renewer = open_rater = open_lookup = open_source


def _pictures(item: Mapping[str, Any], url: str) -> list[str]:
    """Return the URLs of an album's pictures, that of the primary one first, as in a search.

    Raises:
        CredentialsError: it has pictures without URLs, as without credentials.

    """
    images = [image for image in _list(item, "images") if isinstance(image, dict)]
    images.sort(key=lambda image: image.get("type") != "primary")
    addresses = [_text(image.get("uri")) or _text(image.get("resource_url")) for image in images]
    if images and not any(addresses):
        msg = f"{url}: has pictures, but no addresses of them. {_ADVICE.refused}"
        raise CredentialsError(msg)
    return [address for address in addresses if not has_no_cover(address)]


def _item(body: bytes, url: str) -> dict[str, Any]:
    """Read the master or release at a URL.

    Raises:
        BadBodyError: the body is no JSON, or that of another one.

    """
    try:
        answer = read_json(body)
    except ValueError as err:
        what = f"{len(body)} bytes that are not JSON ({err})"
        raise _unexpected(url, what, wanted=_ALBUM) from err
    given = _count(answer.get("id")) if isinstance(answer, dict) else None
    asked = urlsplit(url).path.rpartition("/")[2]
    if given is None or given != _count(asked):
        got = "JSON with no id" if given is None else f"one with the id {given}"
        msg = f"{url}: expected {_ALBUM} with the id {asked}, got {got}. Run again to ask anew."
        raise BadBodyError(msg, url=url)
    return dict(answer)


def _listing(result: object) -> Listing | None:
    if not isinstance(result, dict):
        return None
    kind = _text(result.get("type"))
    number, name = _count(result.get("id")), result.get("title")
    if kind not in _KINDS.values() or number is None or not isinstance(name, str):
        return None
    # A name longer than a cell is cut after it is split, since the title comes last.
    name = safe_text(name) if len(name) <= MAX_CELL_CHARS else name
    artist, separator, title = name.partition(_TITLE_SEPARATOR)
    if not separator:
        artist = artist.removesuffix(" -")
    names = [item.get("name") for item in _list(result, "formats") if isinstance(item, dict)]
    return Listing(
        artist=short_text(artist),
        title=short_text(title),
        year=_year(result.get("year")),
        image_url=_address(result.get("cover_image")),
        album_id=f"discogs:{kind[0]}{number}",
        genres=_texts(_list(result, "genre")),
        styles=_texts(_list(result, "style")),
        country=short_text(_text(result.get("country"))),
        formats=tuple(dict.fromkeys((*_texts(_list(result, "format")), *_texts(names)))),
    )


def _is_torn(result: object) -> bool:
    """Tell whether a result lacks a field that all results have, also those of artists."""
    if not isinstance(result, dict):
        return True
    texts = [result.get(name) for name in ("type", "title", "cover_image")]
    return _count(result.get("id")) is None or not all(isinstance(text, str) for text in texts)


def _is_album(listing: Listing) -> bool:
    return any("album" in name.casefold() for name in listing.formats)


def _year(value: object) -> str:
    text = str(value).strip() if isinstance(value, (str, int, float)) else ""
    text = text.removesuffix(".0")
    return text if len(text) == len("1999") and text.isdecimal() and text.isascii() else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    texts = (text for value in values if (text := short_text(_text(value))))
    return tuple(islice(texts, _MOST_VALUES))


def _address(value: object) -> str:
    address = safe_text(_text(value))
    return address if len(address) <= _MOST_ADDRESS_CHARS else ""


def _list(result: Mapping[str, Any], name: str) -> list[Any]:
    value = result.get(name)
    return value if isinstance(value, list) else []


def _table(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    """Parse a count, also as a text or with ".0"; return None for anything else."""
    if isinstance(value, (str, float)) and _COUNT.fullmatch(text := str(value).strip()):
        value = int(text.removesuffix(".0"))
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return value
    return None


def _unexpected(url: str, got: str, *, wanted: str = "a page of search results") -> BadBodyError:
    msg = (
        f"{url}: expected {wanted}, got {got}. Discogs answers like this to"
        " programs it doesn't know: check discogs.user_agent, then run again."
    )
    return BadBodyError(msg, url=url)
