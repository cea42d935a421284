"""Define requests and replies, the admission of requests, and the JSON object of an entry."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from equigen.sandbox.catalogue import Entry, formats_of
from equigen.sandbox.search import picture_path

HANG_UP = 0
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One request: header names in lower case, `status` as answered, `time_s` by the clock.

    `body` is what was posted or put, `form` that of a form. A hook sees the status that the sandbox
    is about to send, the log the status that was sent.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    status: int
    time_s: float
    form: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; Content-Length is that of `body` unless `headers` says otherwise.

    `cut_after` sends only that many bytes of the body and then closes the connection (a truncated
    answer). `delay_s` is waited before the first byte, `drip_s` after each byte of the body. The
    status `HANG_UP` closes the connection without an answer; with `reset` it sends a TCP reset.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = field(default=None, kw_only=True)
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


def answer_json(status: int, body: object) -> Reply:
    """Return an answer with a JSON body, its non-ASCII letters unescaped."""
    encoded = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, {"Content-Type": "application/json"}, encoded)


def item_of(
    entry: Entry, *, base_url: str, signing_key: bytes, cover_size_px: int
) -> dict[str, Any]:
    """Return the JSON object of one entry, reduced to the fields that a dataset may ask for.

    `year` is 0 when unknown, `images` is missing without a picture; `width` and `height` are the
    size in pixels in which the sandbox draws the picture.
    """
    item: dict[str, Any] = {
        "id": entry.id,
        "title": entry.title,
        "year": entry.year or 0,
        "resource_url": f"{base_url}/{entry.kind}s/{entry.id}",
        "artists": [{"name": entry.artist, "anv": "", "join": "", "role": "", "tracks": ""}],
        "genres": list(entry.genres),
        "styles": list(entry.styles),
    }
    if entry.picture is not None:
        url = base_url + picture_path(entry.picture, signing_key)
        item["images"] = [
            {
                "type": "primary",
                "uri": url,
                "resource_url": url,
                "uri150": base_url + picture_path(entry.picture, signing_key, is_thumb=True),
                "width": cover_size_px,
                "height": cover_size_px,
            }
        ]
    if entry.kind == "release":
        item |= {
            "country": entry.country,
            "formats": formats_of(entry),
            "community": community_of(entry),
        }
        if entry.master_id:
            item |= {
                "master_id": entry.master_id,
                "master_url": f"{base_url}/masters/{entry.master_id}",
            }
    return item


def main_release_of(release: Entry, *, base_url: str) -> dict[str, Any]:
    """Return the fields of a master that name its main release."""
    return {"main_release": release.id, "main_release_url": f"{base_url}/releases/{release.id}"}


def community_of(release: Entry) -> dict[str, Any]:
    """Return a release's collectors and rating, drawn by its id: few have many."""
    rng = Random(f"community/{release.id}")
    have = int(10 ** rng.uniform(0.5, 3.5))
    count = int(have * rng.uniform(0.02, 0.2))
    average = round(rng.uniform(3, 5), 2) if count else 0
    return {
        "have": have,
        "want": int(have * rng.uniform(0.1, 1.5)),
        "rating": {"count": count, "average": average},
        "data_quality": "Needs Vote",
        "status": "Accepted",
    }


def answer_picture(content_type: str, body: bytes) -> Reply:
    """Return an answer with a picture and its ETag."""
    etag = hashlib.sha256(body).hexdigest()[:32]
    return Reply(200, {"Content-Type": content_type, "ETag": f'"{etag}"'}, body)
