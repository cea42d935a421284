"""The Spotify-compatible HTTP server on loopback, with the limits of 2026."""

import base64
import hashlib
import re
import secrets
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from equigen.sandbox.catalogue import Entry, make_catalogue
from equigen.sandbox.covers import draw_cover
from equigen.sandbox.handlers import Hit, Hook, Reply, answer_json, answer_picture
from equigen.sandbox.loopback import Loopback

TOKEN_PATH: Final = "/api/token"  # noqa: S105  (an address)
API: Final = "/v1"
_MOST_A_PAGE, _USUAL_A_PAGE, _LAST_OFFSET = 10, 5, 1000
_WINDOW_S, _DAY_S = 30.0, 86_400.0
_GENRE = re.compile(r'genre:"([^"]*)"')
_ID = re.compile(rf"{API}/artists/([0-9A-Za-z]{{22}})/albums")
_ALBUM_ID = re.compile(rf"{API}/albums/([0-9A-Za-z]{{22}})")
_PICTURE = re.compile(r"/image/ab67616d0000(b273|1e02|4851)([0-9a-f]{24})")
_SIZES: Mapping[str, int] = MappingProxyType({"b273": 640, "1e02": 300, "4851": 64})
# Of a dozen albums, one is credited to the artist before as well, one is another one's single, and
# one stands in the list a second time, for another market.
_EVERY, _JOINT, _SINGLE, _TWICE = 12, 5, 7, 9
_MARK_OF_DISCOGS = re.compile(r"( \(\d+\)|\*)$")
_PRECISIONS = (("year", "{}"), ("month", "{}-06"), ("day", "{}-06-15"))
_drawn = lru_cache(maxsize=512)(draw_cover)


@dataclass(frozen=True, slots=True)
class _Album:
    """An album of the catalogue, with the names of its artists."""

    id: str
    entry: Entry
    artists: tuple[str, ...]
    album_type: str


class SpotifySandbox(Loopback):
    """Serve a catalogue in the manner of Spotify while the `with` block lasts.

    `client_id` and `client_secret` get a token. `quota_told` tells whether a spent day's quota is
    told by `Retry-After`, or by the body alone.
    """

    def __init__(  # noqa: PLR0913  (the service's own parameters, all with defaults)
        self,
        entries: Sequence[Entry] | None = None,
        *,
        latency_s: float = 0.0,
        requests_per_window: int = 100_000,
        requests_per_day: int = 0,
        token_life_s: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
        hook: Hook | None = None,
    ) -> None:
        """Take the catalogue (the default one when None) and the service's parameters.

        `requests_per_window` is of 30 seconds, `requests_per_day` of a day of the clock, 0 for no
        limit; neither counts tokens, pictures and refused requests.
        """
        super().__init__(latency_s=latency_s, clock=clock, hook=hook)
        self.client_id, self.client_secret = "sandbox-client", "sandbox-secret"
        self.quota_told = True
        self.requests_per_window, self.requests_per_day = requests_per_window, requests_per_day
        self._token_life_s = token_life_s
        self._tokens: dict[str, float] = {}
        self._times_s: deque[float] = deque()
        self._days: Counter[int] = Counter()
        self._lock = threading.Lock()
        albums = _albums(make_catalogue() if entries is None else entries)
        self.albums = {each.id: each for album in albums for each in _editions(album)}
        self._pictures = {_hash(album.entry): album.entry for album in albums}
        self._albums_of: dict[str, list[_Album]] = defaultdict(list)
        self._genres: dict[str, dict[str, None]] = defaultdict(dict)
        self.artists_of: dict[str, list[str]] = defaultdict(list)
        for album in albums:
            for name in album.artists:
                self._albums_of[_base62(name)].append(album)
            for genre in _genres_of(album.entry):
                self._genres[album.artists[0]][genre] = None
        for name, genres in self._genres.items():
            for genre in genres:
                self.artists_of[genre].append(name)

    @property
    def accounts_url(self) -> str:
        """The address of tokens."""
        return self.base_url + TOKEN_PATH

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return self.base_url + API

    def expire_tokens(self) -> None:
        """Let no token that was given so far count any more."""
        self._tokens.clear()

    def answer(self, hit: Hit) -> Reply:
        """Answer as the picture host, the accounts or the API."""
        if found := _PICTURE.fullmatch(hit.path):
            return self._picture(found[1], found[2])
        if hit.path == TOKEN_PATH:
            return self._token(hit)
        _, _, token = hit.headers.get("authorization", "").partition("Bearer ")
        if self._clock() >= self._tokens.get(token, 0.0):
            return _error(401, "The access token expired" if token else "No token provided")
        return self._refusal() or self._asked(hit)

    def _asked(self, hit: Hit) -> Reply:
        if (alone := _ALBUM_ID.fullmatch(hit.path)) and alone[1] in self.albums:
            return answer_json(200, self._album(self.albums[alone[1]]) | {"genres": []})
        pages = {"limit": _USUAL_A_PAGE, "offset": 0}
        for name in pages:
            text = hit.query.get(name, [str(pages[name])])[0]
            pages[name] = int(text) if text.isdecimal() else -1
        limit, offset = pages.values()
        if not 1 <= limit <= _MOST_A_PAGE:
            return _error(400, "Invalid limit")
        if hit.path == f"{API}/search":
            if not 0 <= offset <= _LAST_OFFSET:
                return _error(400, "Invalid offset")
            genre = _GENRE.fullmatch(hit.query.get("q", [""])[0])
            names = self.artists_of.get(genre[1].casefold(), []) if genre else []
            found = [self._artist(name) for name in names]
            return answer_json(200, {"artists": self._page(hit, found, limit, offset)})
        asked = _ID.fullmatch(hit.path)
        if not asked or asked[1] not in self._albums_of:
            return _error(404, "Resource not found")
        kinds = hit.query.get("include_groups", ["album,single,compilation"])[0].split(",")
        listed = [each for each in self._albums_of[asked[1]] if each.album_type in kinds]
        # Each market has its own edition of some albums; without one, all are listed.
        if not hit.query.get("market"):
            listed = [each for album in listed for each in _editions(album)]
        albums = [self._album(each) for each in listed]
        return answer_json(200, self._page(hit, albums, limit, offset))

    def _page(self, hit: Hit, items: Sequence[object], limit: int, offset: int) -> dict[str, Any]:
        asked = {name: values[0] for name, values in hit.query.items()}
        following = urlencode(asked | {"offset": str(offset + limit)})
        is_last = offset + limit >= len(items)
        return {
            "href": f"{self.base_url}{hit.path}?{urlencode(asked)}",
            "items": items[offset : offset + limit],
            "limit": limit,
            "next": None if is_last else f"{self.base_url}{hit.path}?{following}",
            "offset": offset,
            "previous": None,
            "total": len(items),
        }

    def _artist(self, name: str) -> dict[str, Any]:
        """Return an artist, whose genres are missing, empty or given: they are deprecated."""
        found = self._simple_artist(name)
        genres: list[object] = [None, [], list(self._genres[name])]
        told = genres[_number(name) % len(genres)]
        return found | ({} if told is None else {"genres": told})

    def _simple_artist(self, name: str) -> dict[str, Any]:
        found = _base62(name)
        return {
            "external_urls": {"spotify": f"https://open.spotify.com/artist/{found}"},
            "href": f"{self.api_url}/artists/{found}",
            "id": found,
            "name": name,
            "type": "artist",
            "uri": f"spotify:artist:{found}",
        }

    def _album(self, album: _Album) -> dict[str, Any]:
        entry = album.entry
        precision, form = _PRECISIONS[entry.id % len(_PRECISIONS)]
        images = [
            {"height": px, "width": px, "url": f"{self.base_url}{_picture_path(entry, size)}"}
            for size, px in _SIZES.items()
        ]
        return {
            "album_type": album.album_type,
            "artists": [self._simple_artist(name) for name in album.artists],
            "external_urls": {"spotify": f"https://open.spotify.com/album/{album.id}"},
            "id": album.id,
            "images": images if entry.picture else [],
            "name": entry.title,
            "release_date": form.format(entry.year),
            "release_date_precision": precision,
            "total_tracks": 10,
            "type": "album",
            "uri": f"spotify:album:{album.id}",
        }

    def _picture(self, size: str, shared: str) -> Reply:
        entry = self._pictures.get(shared)
        if entry is None or entry.picture is None:
            return Reply(404, {"Content-Type": "text/plain"}, b"no such picture")
        body = _drawn(entry.picture, entry.look, entry.artist, entry.title, _SIZES[size])
        return answer_picture("image/jpeg", body)

    def _token(self, hit: Hit) -> Reply:
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        is_ours = hit.headers.get("authorization") == f"Basic {basic}"
        if hit.method != "POST" or not is_ours:
            return answer_json(400, {"error": "invalid_client"})
        if hit.form.get("grant_type") != ["client_credentials"]:
            return answer_json(400, {"error": "unsupported_grant_type"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self._clock() + self._token_life_s
        told = {"access_token": token, "token_type": "Bearer", "expires_in": self._token_life_s}
        return answer_json(200, told)

    def _refusal(self) -> Reply | None:
        """Return the refusal of a request that is too much; count any other."""
        with self._lock:
            now_s = self._clock()
            day = int(now_s // _DAY_S)
            if self.requests_per_day and self._days[day] >= self.requests_per_day:
                left_s = (day + 1) * _DAY_S - now_s
                body = {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}
                headers = {"retry-after": str(int(left_s) + 1)} if self.quota_told else {}
                return replace(answer_json(429, {"error": body}), headers=headers)
            while self._times_s and self._times_s[0] <= now_s - _WINDOW_S:
                self._times_s.popleft()
            if len(self._times_s) >= self.requests_per_window:
                left_s = self._times_s[0] + _WINDOW_S - now_s
                headers = {"Retry-After": str(int(left_s) + 1)}
                return replace(_error(429, "API rate limit exceeded"), headers=headers)
            self._times_s.append(now_s)
            self._days[day] += 1
            return None


def _albums(entries: Iterable[Entry]) -> list[_Album]:
    """Return the masters with a year as albums, some of them of two artists, or singles."""
    found = list[_Album]()
    before = ""
    for each in entries:
        if each.kind != "master" or not (each.year and each.title) or each.artist == "Various":
            continue
        entry = replace(each, artist=_MARK_OF_DISCOGS.sub("", each.artist))
        place = len(found) % _EVERY
        is_joint = place == _JOINT and before not in {"", entry.artist}
        artists = (entry.artist, before) if is_joint else (entry.artist,)
        kind = "single" if place == _SINGLE else "album"
        found.append(_Album(_base62(f"album {entry.id}"), entry, artists, kind))
        before = entry.artist
    return found


def _editions(album: _Album) -> list[_Album]:
    if _number(album.id) % _EVERY != _TWICE:
        return [album]
    return [album, replace(album, id=_base62(f"edition {album.id}"))]


def _genres_of(entry: Entry) -> tuple[str, ...]:
    also = ("classical",) if "Classical" in entry.genres else ()
    return tuple(each.casefold() for each in (entry.look, *entry.styles, *also))


def _picture_path(entry: Entry, size: str) -> str:
    return f"/image/ab67616d0000{size}{_hash(entry)}"


def _hash(entry: Entry) -> str:
    return hashlib.sha256(f"{entry.picture}".encode()).hexdigest()[:24]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def _base62(text: str) -> str:
    """Return an id of 22 letters and digits, the same for the same text."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number, found = _number(text), ""
    for _ in range(22):
        number, at = divmod(number, len(digits))
        found += digits[at]
    return found


def _error(status: int, message: str) -> Reply:
    return answer_json(status, {"error": {"status": status, "message": message}})
