"""Replies to single requests, without the network: search, items and pictures."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from equigen.sandbox.catalogue import Entry, Kind, details_of, formats_of, site_path
from equigen.sandbox.covers import draw_cover
from equigen.sandbox.search import (
    DEFAULT_PER_PAGE,
    PICTURES_PATH,
    SPACER_PATH,
    BadAddressError,
    Params,
    SearchRefusedError,
    Shelf,
    cover_path,
    read_path,
    show_page,
    thumb_path,
)

HANG_UP = 0
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One request: header names in lower case, `status` as answered, `time_s` by the clock.

    A hook sees the status that the sandbox is about to send, the log the status that was sent.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    status: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; Content-Length is that of `body` unless `headers` says otherwise.

    `cut_after` sends only that many bytes of the body and then closes the connection (a truncated
    answer). `close` ends the connection after a whole answer. `delay_s` is waited before the first
    byte, `drip_s` after each byte of the body. The status `HANG_UP` closes the connection without
    an answer; with `reset` it sends a TCP reset.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = field(default=None, kw_only=True)
    close: bool = field(default=False, kw_only=True)
    delay_s: float = field(default=0.0, kw_only=True)
    drip_s: float = field(default=0.0, kw_only=True)
    reset: bool = field(default=False, kw_only=True)


Hook = Callable[[Hit], Reply | None]


class RateLimit:
    """Count requests over a moving window of 60 seconds; refused ones do not count. Thread-safe."""

    def __init__(self, requests_per_minute: int, clock: Callable[[], float]) -> None:
        """Start with an empty window; `clock` returns monotonic seconds."""
        self._limit = requests_per_minute
        self._clock = clock
        self._times_s: deque[float] = deque()
        self._lock = threading.Lock()

    def admit(self) -> tuple[bool, dict[str, str]]:
        """Admit one request if the window has room; also return the three rate-limit headers."""
        with self._lock:
            now_s = self._clock()
            while self._times_s and self._times_s[0] <= now_s - _WINDOW_S:
                self._times_s.popleft()
            is_admitted = len(self._times_s) < self._limit
            if is_admitted:
                self._times_s.append(now_s)
            used = len(self._times_s)
        return is_admitted, {
            "X-Discogs-Ratelimit": str(self._limit),
            "X-Discogs-Ratelimit-Used": str(used),
            "X-Discogs-Ratelimit-Remaining": str(self._limit - used),
        }


_KEY = "sandbox-key"
_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but this server

_SITE_URL = "https://www.discogs.com"
_THUMB_SIZE_PX = 150
_SPACER = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_NO_USER_AGENT = b"<html><body><h1>403 Forbidden</h1>Please send a User-Agent.</body></html>"
_KINDS: Mapping[str, Kind] = {"masters": "master", "releases": "release"}
_NOT_FOUND = {"master": "Master Release not found.", "release": "Release not found."}


def is_picture_path(path: str) -> bool:
    """Tell whether a path belongs to the picture host, which has no rate limit and no login."""
    return path.startswith((PICTURES_PATH, "/images/"))


def is_authenticated(authorization: str, token: str) -> bool:
    """Tell whether an Authorization header holds the token, or the sandbox's key and secret."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.casefold() != "discogs":
        return False
    pairs = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return pairs.get("token") == token or (
        pairs.get("key") == _KEY and pairs.get("secret") == _SECRET
    )


def refuse_user_agent(user_agent: str) -> Reply | None:
    """Return the answer to a missing or a library's User-Agent, None for any other.

    The service answers the former with an HTML page, the latter with status 200 and no body.
    """
    if not user_agent.strip():
        return Reply(403, {"Content-Type": "text/html"}, _NO_USER_AGENT)
    if user_agent.startswith("python-requests/"):
        return Reply(200, {"Content-Type": "application/json"}, b"")
    return None


def answer_json(status: int, body: object) -> Reply:
    """Return an answer with a JSON body, its non-ASCII letters unescaped."""
    encoded = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, {"Content-Type": "application/json"}, encoded)


def answer_search(
    shelf: Shelf,
    query: Params,
    *,
    base_url: str,
    authenticated: bool,
    signing_key: bytes,
    result_limit: int,
) -> Reply:
    """Answer GET /database/search; a `page` or `per_page` that is no number counts as unset."""
    filters = {name: query[name] for name in query if name not in {"page", "per_page"}}
    try:
        body = show_page(
            shelf.find(filters),
            filters,
            page=_number(query, "page", 1),
            per_page=_number(query, "per_page", DEFAULT_PER_PAGE),
            base_url=base_url,
            authenticated=authenticated,
            signing_key=signing_key,
            result_limit=result_limit,
        )
    except SearchRefusedError as refusal:
        return answer_json(refusal.status, refusal.body)
    return answer_json(200, body)


def answer_item(
    shelf: Shelf, path: str, *, base_url: str, signing_key: bytes, cover_size_px: int
) -> Reply:
    """Answer GET /masters/ID and GET /releases/ID, and any other path with 404."""
    folder, _, number = path.removeprefix("/").partition("/")
    if folder not in _KINDS:
        return answer_json(404, {"message": "The requested resource was not found."})
    kind = _KINDS[folder]
    entry = shelf.by_id.get((kind, int(number))) if number.isdecimal() else None
    if entry is None:
        return answer_json(404, {"message": _NOT_FOUND[kind]})
    item = item_of(entry, base_url=base_url, signing_key=signing_key, cover_size_px=cover_size_px)
    return answer_json(200, item)


def item_of(
    entry: Entry, *, base_url: str, signing_key: bytes, cover_size_px: int
) -> dict[str, Any]:
    """Return the JSON object of one entry, reduced to the fields that a dataset may ask for.

    `year` is 0 when unknown, `images` is missing without a picture; `width` and `height` are the
    size in pixels in which the sandbox draws the picture.
    """
    own_url = f"{base_url}/{entry.kind}s/{entry.id}"
    item: dict[str, Any] = {
        "id": entry.id,
        "title": entry.title,
        "year": entry.year or 0,
        "resource_url": own_url,
        "uri": _SITE_URL + site_path(entry),
        "artists": [{"name": entry.artist, "anv": "", "join": "", "role": "", "tracks": ""}],
        "genres": list(entry.genres),
        "styles": list(entry.styles),
        "data_quality": "Correct",
    }
    if entry.picture is not None:
        url = base_url + cover_path(entry.picture, signing_key)
        item["images"] = [
            {
                "type": "primary",
                "uri": url,
                "resource_url": url,
                "uri150": base_url + thumb_path(entry.picture, signing_key),
                "width": cover_size_px,
                "height": cover_size_px,
            }
        ]
    if entry.kind == "master":
        item["main_release"] = entry.id + 1
        item["main_release_url"] = f"{base_url}/releases/{entry.id + 1}"
        item["versions_url"] = f"{own_url}/versions"
        return item
    item["status"] = "Accepted"
    item["country"] = entry.country
    item["formats"] = formats_of(entry)
    item["community"] = details_of(entry)["community"]
    if entry.master_id:
        item["master_id"] = entry.master_id
        item["master_url"] = f"{base_url}/masters/{entry.master_id}"
    return item


def answer_picture(shelf: Shelf, path: str, *, signing_key: bytes, cover_size_px: int) -> Reply:
    """Answer a picture address: its bytes, 403 for a wrong signature, 404 for a lost picture."""
    if path == SPACER_PATH:
        return _picture("image/gif", _SPACER)
    try:
        asked = read_path(path, signing_key)
    except BadAddressError as error:
        return Reply(403, {"Content-Type": "text/plain"}, str(error).encode())
    entry = shelf.by_picture.get(asked.picture)
    if entry is None:
        return Reply(404, {"Content-Type": "text/plain"}, b"no such picture")
    size_px = _THUMB_SIZE_PX if asked.is_thumb else cover_size_px
    return _picture(
        "image/jpeg", _drawn(asked.picture, entry.look, entry.artist, entry.title, size_px)
    )


def _picture(content_type: str, body: bytes) -> Reply:
    etag = hashlib.sha256(body).hexdigest()[:32]
    return Reply(200, {"Content-Type": content_type, "ETag": f'"{etag}"'}, body)


@lru_cache(maxsize=512)
def _drawn(picture: str, look: str, artist: str, title: str, size_px: int) -> bytes:
    return draw_cover(picture, look, artist, title, size_px)


def _number(query: Params, name: str, default: int) -> int:
    text = next(iter(query.get(name, ())), "")
    return int(text) if text.isdecimal() else default
