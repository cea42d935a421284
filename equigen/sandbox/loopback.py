"""An HTTP server on loopback that answers as a service would, and keeps a log."""

import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

from equigen.sandbox.handlers import HANG_UP, Hit, Hook, Reply

_POLL_S = 0.02
_STOP_TIMEOUT_S = 10.0
_Request = socket.socket | tuple[bytes, socket.socket]


class Loopback:
    """Serve a made-up service while the `with` block lasts; `answer` is the service's own.

    Attributes:
        base_url: the server's address, without a trailing slash; empty before the block.
        log: every request answered so far, oldest first; append, clear and copy are atomic.
        hook: a callable that sees each request and may replace its answer; may be exchanged at
            any time.
        most_body_bytes: the bytes that are read of what is posted.

    """

    most_body_bytes = 64 * 1024

    def __init__(
        self, *, latency_s: float, clock: Callable[[], float], hook: Hook | None = None
    ) -> None:
        """Take the seconds that each answer is waited for, and a clock of monotonic seconds."""
        self.base_url = ""
        self.log: list[Hit] = []
        self.hook = hook
        self._latency_s = latency_s
        self._clock = clock
        self._stopping = threading.Event()

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

    def answer(self, hit: Hit) -> Reply:
        """Return the service's answer to one request."""
        raise NotImplementedError

    def reply_to(self, hit: Hit) -> Reply:
        """Return the answer to one request, as the hook leaves it, and log it."""
        hit = replace(hit, time_s=self._clock())
        reply = self.answer(hit)
        hit = replace(hit, status=reply.status)
        injected = self.hook(hit) if self.hook is not None else None
        if injected is not None:
            reply = injected
        self.log.append(replace(hit, status=reply.status))
        return replace(reply, delay_s=reply.delay_s + self._latency_s)


class _Server(ThreadingHTTPServer):
    """Listen, and keep the open connections in order to close them at the end."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], sandbox: Loopback) -> None:
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
        """Answer one GET, or a HEAD."""
        self._answer(b"")

    do_HEAD = do_GET  # noqa: N815  (the library's name)

    def do_POST(self) -> None:
        """Answer one POST or PUT; none whose body is cut off."""
        length = int(self.headers.get("Content-Length", "0"))
        most = min(length, self.server.sandbox.most_body_bytes)
        body = self.rfile.read(most)
        if len(body) < most:
            self.close_connection = True
            return
        self._answer(body)

    do_PUT = do_POST  # noqa: N815  (the library's name)

    def _answer(self, body: bytes) -> None:
        address = urlsplit(self.path)
        kind = self.headers.get("Content-Type", "")
        is_form = kind.startswith("application/x-www-form-urlencoded")
        text = body.decode("utf-8", "replace") if is_form else ""
        hit = Hit(
            method=self.command,
            path=unquote(address.path),
            query=parse_qs(address.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            status=0,
            time_s=0.0,
            form=parse_qs(text, keep_blank_values=True),
            body=body,
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
        body = b"" if self.command == "HEAD" else reply.body[: reply.cut_after]
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
