"""The Discogs-compatible HTTP server on loopback."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from equigen.sandbox.catalogue import Entry, Kind, make_catalogue
from equigen.sandbox.covers import draw_cover, draw_edition
from equigen.sandbox.handlers import (
    Hit,
    Hook,
    RateLimit,
    Reply,
    answer_json,
    answer_picture,
    item_of,
    main_release_of,
)
from equigen.sandbox.loopback import Loopback
from equigen.sandbox.search import (
    DEFAULT_PER_PAGE,
    PICTURES_PATH,
    RESULT_LIMIT,
    SPACER_PATH,
    CatalogueShelf,
    RefusedError,
    read_path,
    show_page,
)

__all__ = ["Hit", "Hook", "Reply", "Sandbox"]

_THUMB_SIZE_PX = 150
_drawn = lru_cache(maxsize=512)(draw_cover)
_SPACER = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_KEY_AND_SECRET = "Discogs key=sandbox-key, secret=sandbox-secret"  # noqa: S105  (no real one)
_NO_USER_AGENT = b"<html><body><h1>403 Forbidden</h1>Please send a User-Agent.</body></html>"
_KINDS: Mapping[str, Kind] = {"masters": "master", "releases": "release"}
_NOT_FOUND = {"master": "Master Release not found.", "release": "Release not found."}


class Sandbox(Loopback):
    """Serve a catalogue in the manner of Discogs while the `with` block lasts.

    `token` is what `Authorization: Discogs token=...` must hold.
    """

    def __init__(  # noqa: PLR0913 - the service's own parameters, all with defaults
        self,
        entries: Sequence[Entry] | None = None,
        *,
        token: str = "sandbox-token",  # noqa: S107 - opens nothing but this server
        latency_s: float = 0.0,
        requests_per_minute: int = 6000,
        clock: Callable[[], float] = time.monotonic,
        hook: Hook | None = None,
        signing_key: bytes | None = None,
        result_limit: int = RESULT_LIMIT,
        cover_size_px: int = 300,
    ) -> None:
        """Take the catalogue (the default one when None) and the service's parameters.

        Pictures are signed with `signing_key`, by default a fresh random one. `result_limit` is
        the number of results that search can be paged to. The rate limit does not count pictures.
        """
        super().__init__(latency_s=latency_s, clock=clock, hook=hook)
        self.token = token
        self._shelf = CatalogueShelf(make_catalogue() if entries is None else entries)
        self._rate_limit = RateLimit(requests_per_minute, clock)
        self._signing_key = secrets.token_bytes(16) if signing_key is None else signing_key
        self._result_limit = result_limit
        self._cover_size_px = cover_size_px

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The catalogue being served; may be replaced at any time."""
        return self._shelf.entries

    @entries.setter
    def entries(self, entries: Sequence[Entry]) -> None:
        self._shelf = CatalogueShelf(entries)

    def answer(self, hit: Hit) -> Reply:
        """Answer from the picture host, which has no rate limit and no login, or from the API."""
        is_picture = hit.path.startswith((PICTURES_PATH, "/images/"))
        return self._picture(hit.path) if is_picture else self._api(hit)

    def _picture(self, path: str) -> Reply:
        """Answer with a picture's bytes, 403 for a wrong signature, 404 for a lost picture."""
        if path == SPACER_PATH:
            return answer_picture("image/gif", _SPACER)
        try:
            picture, is_thumb = read_path(path, self._signing_key)
        except RefusedError as refusal:
            return Reply(refusal.status, {"Content-Type": "text/plain"}, str(refusal).encode())
        entry = self._shelf.by_picture.get(picture)
        if entry is None:
            return Reply(404, {"Content-Type": "text/plain"}, b"no such picture")
        size_px = _THUMB_SIZE_PX if is_thumb else self._cover_size_px
        original = self._shelf.by_picture.get(entry.edition_of, entry)
        name = original.picture or picture
        body = _drawn(name, original.look, original.artist, original.title, size_px)
        if original is not entry:
            body = draw_edition(body)
        return answer_picture("image/jpeg", body)

    def _api(self, hit: Hit) -> Reply:
        user_agent = hit.headers.get("user-agent", "").strip()
        if not user_agent:
            return Reply(403, {"Content-Type": "text/html"}, _NO_USER_AGENT)
        if user_agent.startswith("python-requests/"):  # as Discogs does
            return Reply(200, {"Content-Type": "application/json"}, b"")
        is_admitted, headers = self._rate_limit.admit()
        if not is_admitted:
            reply = answer_json(429, {"message": "You are making requests too quickly."})
        elif hit.path == "/database/search":
            reply = self._search(hit)
        else:
            reply = self._item(hit.path)
        return replace(reply, headers={**reply.headers, **headers})

    def _search(self, hit: Hit) -> Reply:
        """Answer a search; a `page` or `per_page` that is no number counts as unset."""
        if hit.headers.get("authorization") not in {f"Discogs token={self.token}", _KEY_AND_SECRET}:
            message = "You must authenticate to access this resource."
            return answer_json(401, {"message": message})
        paging = {"page": 1, "per_page": DEFAULT_PER_PAGE}
        filters = {name: values for name, values in hit.query.items() if name not in paging}
        for name in paging.keys() & hit.query.keys():
            if (text := hit.query[name][0]).isdecimal():
                paging[name] = int(text)
        try:
            body = show_page(
                self._shelf.find(filters),
                filters,
                **paging,
                base_url=self.base_url,
                signing_key=self._signing_key,
                result_limit=self._result_limit,
            )
        except RefusedError as refusal:
            return answer_json(refusal.status, {"message": str(refusal)})
        return answer_json(200, body)

    def _item(self, path: str) -> Reply:
        """Answer /masters/ID and /releases/ID, and any other path with 404."""
        folder, _, number = path.removeprefix("/").partition("/")
        if folder not in _KINDS:
            return answer_json(404, {"message": "The requested resource was not found."})
        kind = _KINDS[folder]
        entry = self._shelf.item(kind, int(number)) if number.isdecimal() else None
        if entry is None:
            return answer_json(404, {"message": _NOT_FOUND[kind]})
        item = item_of(
            entry,
            base_url=self.base_url,
            signing_key=self._signing_key,
            cover_size_px=self._cover_size_px,
        )
        if kind == "master":
            item |= main_release_of(self._shelf.main_release(entry), base_url=self.base_url)
        return answer_json(200, item)
