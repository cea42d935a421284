"""The Discogs-compatible HTTP server on loopback."""

import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

from equigen.sandbox.catalogue import Entry, Kind, make_catalogue
from equigen.sandbox.covers import draw_cover
from equigen.sandbox.handlers import (
    HANG_UP,
    Hit,
    Hook,
    RateLimit,
    Reply,
    answer_json,
    answer_picture,
    item_of,
    main_release_of,
)
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

_POLL_S = 0.02
_STOP_TIMEOUT_S = 10.0
_THUMB_SIZE_PX = 150
_drawn = lru_cache(maxsize=512)(draw_cover)
_SPACER = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
_KEY_AND_SECRET = "Discogs key=sandbox-key, secret=sandbox-secret"  # noqa: S105  (no real one)
_NO_USER_AGENT = b"<html><body><h1>403 Forbidden</h1>Please send a User-Agent.</body></html>"
_Request = socket.socket | tuple[bytes, socket.socket]
_KINDS: Mapping[str, Kind] = {"masters": "master", "releases": "release"}
_NOT_FOUND = {"master": "Master Release not found.", "release": "Release not found."}


class Sandbox:
    """Serve a catalogue in the manner of Discogs while the `with` block lasts.

    Attributes:
        base_url: the server's address, without a trailing slash; empty before the block.
        token: the token that `Authorization: Discogs token=...` must hold.
        log: every request answered so far, oldest first; append, clear and copy are atomic.
        hook: a callable that sees each request and may replace its answer; may be exchanged at
            any time.

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
        self.base_url = ""
        self.token = token
        self.log: list[Hit] = []
        self.hook = hook
        self._shelf = CatalogueShelf(make_catalogue() if entries is None else entries)
        self._latency_s = latency_s
        self._clock = clock
        self._rate_limit = RateLimit(requests_per_minute, clock)
        self._signing_key = secrets.token_bytes(16) if signing_key is None else signing_key
        self._result_limit = result_limit
        self._cover_size_px = cover_size_px
        self._stopping = threading.Event()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The catalogue being served; may be replaced at any time."""
        return self._shelf.entries

    @entries.setter
    def entries(self, entries: Sequence[Entry]) -> None:
        self._shelf = CatalogueShelf(entries)

    def __enter__(self) -> Self:
        """Start to listen, and return at once."""
        self._server = _Server(("127.0.0.1", 0), self)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="sandbox", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop listening, close every connection, and wait for the last thread."""
        self._stopping.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(_STOP_TIMEOUT_S)

    def wait(self, seconds: float) -> None:
        """Wait in a request's thread, at most until the `with` block ends."""
        if seconds > 0:
            self._stopping.wait(seconds)

    def reply_to(self, hit: Hit) -> Reply:
        """Return the answer to one request, as the hook leaves it, and log it."""
        hit = replace(hit, time_s=self._clock())
        # The picture host has no rate limit and no login.
        is_picture = hit.path.startswith((PICTURES_PATH, "/images/"))
        reply = self._picture(hit.path) if is_picture else self._api(hit)
        hit = replace(hit, status=reply.status)
        injected = self.hook(hit) if self.hook is not None else None
        if injected is not None:
            reply = injected
        self.log.append(replace(hit, status=reply.status))
        return replace(reply, delay_s=reply.delay_s + self._latency_s)

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
        body = _drawn(picture, entry.look, entry.artist, entry.title, size_px)
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


class _Server(ThreadingHTTPServer):
    """Listen, and keep the open connections in order to close them at the end."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the name of 127.0.0.1, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: _Request, client_address: object) -> None:
        with self._changed:
            self._open.add(cast("socket.socket", request))
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Request) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(cast("socket.socket", request))
            self._changed.notify_all()

    def hang_up(self) -> None:
        """Close every connection and wait until their threads end."""
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # its client closed it first
            self._changed.wait_for(lambda: not self._open, _STOP_TIMEOUT_S)

    def handle_error(self, request: _Request, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Turn bytes into a `Hit`, and a `Reply` into bytes."""

    protocol_version = "HTTP/1.1"
    server_version = "EquigenSandbox"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server

    def do_GET(self) -> None:
        """Answer one GET."""
        address = urlsplit(self.path)
        hit = Hit(
            method=self.command,
            path=unquote(address.path),
            query=parse_qs(address.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            status=0,
            time_s=0.0,
        )
        reply = self.server.sandbox.reply_to(hit)
        self.server.sandbox.wait(reply.delay_s)
        self._send(reply)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing: the sandbox keeps its own log."""

    def _send(self, reply: Reply) -> None:
        self.close_connection |= reply.cut_after is not None
        if reply.status == HANG_UP:
            self.close_connection = True
            if reply.reset:
                self._reset()
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        body = reply.body[: reply.cut_after]
        if not reply.drip_s:
            self.wfile.write(body)
            return
        for at in range(len(body)):
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
            self.server.sandbox.wait(reply.drip_s)

    def _reset(self) -> None:
        # SO_LINGER with a timeout of 0 makes close() send a TCP reset.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
