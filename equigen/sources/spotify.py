"""Crawl Spotify: genre names, their artists, their albums: https://developer.spotify.com/documentation/web-api."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from equigen.config.layers import Config
from equigen.config.source_settings import OWN_USER_AGENT, SpotifySettings
from equigen.errors import BadBodyError, ConfigError
from equigen.http.limits import HostPolicy, TokenGrant, is_loopback
from equigen.ledger.models import CrawlPage, Lead
from equigen.schema import Listing, safe_text, short_text, year_of
from equigen.sources.base import Advice, Request, read_json
from equigen.storage.below import open_regular

SETTINGS: Final = (
    "spotify.genres_file", "spotify.artists_per_genre", "spotify.album_type", "spotify.market",
)  # fmt: skip
TAXONOMY: Final = "spotify-16"
# https://developer.spotify.com/policy and https://developer.spotify.com/terms (May 2023)
LICENCE: Final = (
    "Spotify's developer terms forbid to train models on its content, to download it, and to crop"
    " or alter its covers; where a cover is shown, they ask for Spotify's name and a link to the"
    " album."
)
MAY_REPUBLISH: Final = False
RESTRICTED_HOSTS: Final = ("scdn.co", "spotifycdn.com")
RESTRICTION: Final = "Spotify's developer terms forbid to pass its covers on."

_OF_A_ROW: Final = (
    "Spotify's terms: no training of models, no download, no cropping; name and link where shown."
)
_ADVICE: Final = Advice(
    refused="check SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET in .env.",
    no_pictures="No album had a picture.",
)
_GENRES: Final = Path(__file__).with_name("spotify_genres.txt")
_MOST_GENRES_BYTES = 1_000_000
_ARTISTS, _ALBUMS = "artists", "albums"
# 11 is refused since 2026: "Invalid limit".
_PAGE_SIZE = 10
# The last offset that the service takes of a search, and more than any artist has albums.
_LAST: Mapping[str, int] = MappingProxyType({_ARTISTS: 1000, _ALBUMS: 20_000})
_ID_CHARS = 22
# Longer URLs and lists of names are damaged.
_MOST_ADDRESS_CHARS = 4_000
_MOST_VALUES = 100


class _Task(NamedTuple):
    """A page of a genre's artists, or of an artist's albums, by name or id."""

    kind: str
    of: str
    offset: int
    album_type: str
    market: str

    @property
    def key(self) -> str:
        return json.dumps(["spotify", *self], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Spotify:
    """Spotify's Web API, a `CrawlSource` and a `Lookup`; `genres` are what artists are found by."""

    settings: SpotifySettings
    genres: Sequence[str]
    policies: Mapping[str, HostPolicy]
    user_agent: str = OWN_USER_AGENT
    licence: str = LICENCE
    advice: Advice = _ADVICE

    def seeds(self) -> Sequence[Lead]:
        """Return the first page of each genre's artists."""
        kind, market = self.settings.album_type, self.settings.market
        return [Lead(_Task(_ARTISTS, name, 0, kind, market).key) for name in self.genres]

    def wants(self, task: str) -> bool:
        """Tell whether a page of artists is below the limit, and has albums of the type."""
        asked = _task(task)
        return asked.kind == _ALBUMS or asked.offset < self.settings.artists_per_genre

    def request(self, task: str) -> Request:
        """Return the request for a page of 10."""
        kind, of, offset, album_type, market = _task(task)
        base_url = self.settings.base_url
        url = f"{base_url}/search" if kind == _ARTISTS else f"{base_url}/artists/{of}/albums"
        asked = [
            *([("q", f'genre:"{of}"'), ("type", "artist")] if kind == _ARTISTS else ()),
            *([("include_groups", album_type)] if kind == _ALBUMS else ()),
            *([("market", market)] if market else ()),
            ("limit", str(_PAGE_SIZE)),
            ("offset", str(offset)),
        ]
        return Request(url, tuple(asked))

    def read(self, task: str, body: bytes, *, url: str) -> CrawlPage:
        """Turn an answer into albums, or into leads to artists' albums, and to the next page.

        Raises:
            BadBodyError: the body isn't JSON, or has no list of items.

        """
        asked = _task(task)
        try:
            answer = read_json(body)
        except ValueError as err:
            raise _unexpected(url, f"{len(body)} bytes that are not JSON ({err})") from err
        page = _table(answer, "artists") if asked.kind == _ARTISTS else answer
        items = page.get("items") if isinstance(page, dict) else None
        if not isinstance(items, list):
            raise _unexpected(url, "JSON without a list of items")
        if len(items) > 10 * _PAGE_SIZE:
            got = f"{len(items):,} items, though it was asked for {_PAGE_SIZE}"
            raise _unexpected(url, got)
        listings, leads = list[Listing](), list[Lead]()
        if asked.kind == _ARTISTS:
            leads = [
                Lead(asked._replace(kind=_ALBUMS, of=found, offset=0).key, genres or (asked.of,))
                for found, genres in _artists(items)
            ]
        else:
            listings = [each for item in items if (each := self.listing(item))]
        others = len(items) - len(listings) - len(leads)
        if _leads_on(page, asked):
            leads.append(Lead(asked._replace(offset=asked.offset + _PAGE_SIZE).key))
        return CrawlPage(tuple(listings), tuple(leads), others)

    def album_request(self, album_id: str) -> Request | None:
        """Return the request for an album."""
        if not (found := _id({"id": album_id.partition(":")[2]}, "album")):
            return None
        market = self.settings.market
        url = f"{self.settings.base_url}/albums/{found}"
        return Request(url, (("market", market),) if market else ())

    def read_album(self, body: bytes, *, url: str) -> Listing:
        """Return an album, whose genres Spotify leaves empty.

        Raises:
            BadBodyError: the body isn't JSON of an album.

        """
        try:
            found = self.listing(read_json(body))
        except ValueError as err:
            raise _unexpected(url, f"{len(body)} bytes that are not JSON ({err})") from err
        if not found:
            raise _unexpected(url, "JSON of something else")
        return found

    def listing(self, album: object) -> Listing | None:
        """Read an album, simplified or whole; None for what is none."""
        found, name = _id(album, "album"), _text(album, "name")
        if not (found and isinstance(album, dict)):
            return None
        artists = [item for item in _list(album, "artists") if isinstance(item, dict)]
        ids = (_id(item, "artist") for item in artists)
        return Listing(
            artist=short_text(", ".join(filter(None, (_text(item, "name") for item in artists)))),
            title=short_text(name),
            year=_year(album.get("release_date")),
            image_url=_picture(_list(album, "images"), self.settings.cover_px),
            album_id=f"spotify:{found}",
            genres=_names(album),
            styles=(),
            country="",
            formats=tuple(filter(None, [short_text(_text(album, "album_type"))])),
            artist_ids=tuple(f"spotify:{each}" for each in dict.fromkeys(ids) if each),
            licence=_OF_A_ROW,
        )


def open_source(config: Config) -> Spotify:
    """Open Spotify's Web API as the settings say.

    Raises:
        ConfigError: its terms aren't accepted, the credentials for it are missing, or would go out
            unencrypted, or the file of genres can't be read.

    """
    settings, credentials = config.settings.spotify, config.credentials
    if not settings.accept_terms:
        msg = (
            f"spotify.accept_terms: {LICENCE} Nothing is asked of Spotify until you say that you"
            " may use it all the same, by a right of your own: then put accept_terms = true under"
            " [spotify] into config.toml. https://developer.spotify.com/policy"
        )
        raise ConfigError(msg)
    client_id = credentials.spotipy_client_id.get_secret_value()
    secret = credentials.spotipy_client_secret.get_secret_value()
    if not (client_id and secret):
        msg = (
            "SPOTIPY_CLIENT_ID, SPOTIPY_CLIENT_SECRET: Spotify answers only applications that are"
            " registered, and no credentials are set. Make an application at"
            " https://developer.spotify.com/dashboard and put both into .env."
        )
        raise ConfigError(msg)
    for key in "base_url", "accounts_url":
        parts = urlsplit(url := getattr(settings, key))
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            msg = (
                f"spotify.{key}: {url} would send your credentials unencrypted. Expected an address"
                " that starts with https://. Mend it in config.toml."
            )
            raise ConfigError(msg)
    grant = TokenGrant(settings.accounts_url, client_id, secret, _ADVICE.refused)
    # Evenly spaced, since the service counts over 30 seconds that move.
    spacing_s = 60 / settings.requests_per_minute if settings.requests_per_minute else 0
    policy = HostPolicy(concurrency=4, spacing_s=spacing_s, token=grant)
    host = urlsplit(settings.base_url).hostname or ""
    return Spotify(
        settings, _genres(config.file_of("spotify.genres_file") or _GENRES), {host: policy}
    )


open_lookup = open_source


def _genres(file: Path) -> list[str]:
    """Read a list of genre names, one a line, in UTF-8 or Latin-1; # begins a comment.

    Raises:
        ConfigError: it can't be read, or has none.

    """
    try:
        with open_regular(file) as opened:
            text = opened.read(_MOST_GENRES_BYTES + 1)
    except OSError as err:
        msg = f"spotify.genres_file: {file}: can't be read: {err.strerror or err}."
        raise ConfigError(msg) from err
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = text.decode("latin-1").splitlines()
    names = [short_text(line.replace('"', " ")) for line in lines if not line.startswith("#")]
    found = {each.casefold(): each for each in reversed(names) if each}
    if not found or len(text) > _MOST_GENRES_BYTES:
        got = f"more than {_MOST_GENRES_BYTES:,} bytes" if found else "none"
        msg = f"spotify.genres_file: {file}: expected names of genres, one a line, got {got}."
        raise ConfigError(msg)
    return [*reversed(found.values())]


def _task(key: str) -> _Task:
    return _Task(*json.loads(key)[1:])


def _leads_on(page: Mapping[str, Any], asked: _Task) -> bool:
    """Tell whether a page has a next one, by its address or by the count: either may be wrong."""
    offset, total = asked.offset + _PAGE_SIZE, page.get("total")
    counts_more = isinstance(total, (int, float)) and total > offset
    has_next = bool(page.get("items")) and (counts_more or bool(_text(page, "next")))
    return has_next and offset <= _LAST[asked.kind]


def _artists(items: Sequence[object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for item in items:
        if found := _id(item, "artist"):
            yield found, _names(item)


def _id(item: object, kind: str) -> str:
    """Return an item's id; "" for an item of another kind, or with none."""
    found = _text(item, "id")
    is_id = found.isascii() and found.isalnum() and len(found) == _ID_CHARS
    return found if is_id and _text(item, "type") in {kind, ""} else ""


def _names(item: object) -> tuple[str, ...]:
    """Return an item's genres, which Spotify leaves out, leaves empty, or gives."""
    genres = _list(item, "genres")
    texts = (text for each in genres if isinstance(each, str) and (text := short_text(each)))
    return tuple(islice(texts, _MOST_VALUES))


def _picture(images: Sequence[object], wanted_px: int) -> str:
    """Return the address of the size that is nearest to the wanted one; "" where there is none."""
    found = dict[str, int]()
    for image in images:
        address = safe_text(_text(image, "url"))
        if address.startswith(("http://", "https://")) and len(address) <= _MOST_ADDRESS_CHARS:
            sizes = [image.get(side) for side in ("width", "height")]  # type: ignore[attr-defined]
            found[address] = max((size for size in sizes if isinstance(size, int)), default=0)
    return min(found, key=lambda address: abs(found[address] - wanted_px), default="")


def _year(date: object) -> str:
    """Return the year of a date, "1998", "1998-05" or "1998-05-23", or an object as of 2013."""
    text = (
        str(date.get("year")) if isinstance(date, dict) else date if isinstance(date, str) else ""
    )
    return text[:4] if year_of(text[:4]) else ""


def _text(item: object, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""


def _list(item: object, name: str) -> list[Any]:
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, list) else []


def _table(item: object, name: str) -> Mapping[str, Any]:
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, dict) else {}


def _unexpected(url: str, got: str) -> BadBodyError:
    msg = f"{url}: expected a page of artists or albums, got {got}. Run again."
    return BadBodyError(msg, url=url)
