"""Answers that trickle and never end: given up in time, while other covers arrive."""

import gzip
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from pathlib import Path

import pytest
from coverfaults import JPEG, WHOLE, chunk
from coverruns import run_again, run_covers
from support import Script, ScriptedServer

PAUSE_S = 0.05
READ_TIMEOUT_S = 0.3
GOOD = 6
OTHERS = 9
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = OK + b"Content-Encoding: gzip\r\n\r\n"
# A block of deflate that is nothing: it unpacks to no byte.
NOTHING = b"\0\0\0\xff\xff"
EMPTY_START = gzip.compress(b"")[:10]
# What comes first, and what follows it for ever, piece by piece.
DRIPS: Mapping[str, tuple[bytes, bytes]] = {
    "silence": (b"", b""),
    "silence after the head": (OK + b"Content-Length: 999\r\n\r\n", b""),
    "a status that never ends": (b"HTTP/1.1 200 O", b"K"),
    "a header that never ends": (OK + b"X: ", b"x"),
    "headers that never end": (OK, b"X: 1\r\n"),
    "interim answers that never end": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a body that never ends": (OK + b"\r\n" + JPEG[:100], b"x"),
    "a body of a length": (OK + b"Content-Length: 99999\r\n\r\n", b"x"),
    "chunks that never end": (CHUNKED, chunk(b"x")),
    "a chunk's size that never ends": (CHUNKED + b"5;", b"x"),
    "trailers that never end": (CHUNKED + chunk(JPEG) + b"0\r\n", b"X: 1\r\n"),
    "a gzip of nothing": (PACKED + EMPTY_START, NOTHING),
    "anything behind a gzip": (PACKED + gzip.compress(JPEG), b"x"),
    "deflate of nothing": (
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"")[:2],
        NOTHING,
    ),
    "a redirect whose page never ends": (
        b"HTTP/1.1 302 Found\r\nLocation: /nowhere\r\n\r\n",
        b"x",
    ),
}


def dripping(first: bytes, piece: bytes, is_over: threading.Event) -> Script:
    """Return an answer that trickles until the client hangs up, or the test is over."""

    def drip(connection: socket.socket) -> None:
        for each in chain([first], repeat(piece)):
            connection.sendall(each)
            if is_over.wait(PAUSE_S):
                return

    return Script(raw=drip)


@pytest.fixture
def is_over() -> Iterator[threading.Event]:
    """What ends all trickling with the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.long
@pytest.mark.parametrize("way", ["threads, full", "processes, sized"])
def test_what_never_ends_is_given_up_in_time(
    tmp_path: Path, is_over: threading.Event, way: str
) -> None:
    """After ten read timeouts an answer must be there; another run gets what came too slowly."""
    with ScriptedServer(Script(body=JPEG)) as server:
        server.by_path = {
            f"/{n}": dripping(first, piece, is_over)
            for n, (first, piece) in enumerate(DRIPS.values())
        }
        server.by_path["/nowhere"] = Script(404)
        slow = {name: f"{server.url}/{n}" for n, name in enumerate(DRIPS)}
        good = [f"{server.url}/good/{n}" for n in range(GOOD)]
        first = run_covers(
            tmp_path, way, [*slow.values(), *good], tries=1, read_timeout_s=READ_TIMEOUT_S
        )
        endings = {name: first.covers[url].reason for name, url in slow.items()}
        led_away = endings.pop("a redirect whose page never ends")
        assert set(endings.values()) == {"no connection"}, endings
        assert led_away == "HTTP 404"
        assert first.code == 3
        server.by_path.clear()
        second = run_again(tmp_path, way)
    assert {cover.url for cover in second.covers.values() if cover.status != "ok"} == {
        slow["a redirect whose page never ends"]
    }
    assert second.code == 0


@pytest.mark.long
def test_the_answer_after_a_hint_is_not_the_next_requests(tmp_path: Path) -> None:
    """A picture that comes long after a 103 stays the picture of its own cover."""
    others_came, other = threading.Semaphore(0), JPEG + b"\0"

    def hint(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        # Were 103 taken for the answer, these would be asked for over this connection.
        for _ in range(OTHERS):
            assert others_came.acquire(timeout=20)
        connection.sendall(WHOLE)

    def count(request: BaseHTTPRequestHandler) -> None:
        if request.path != "/hinted":
            others_came.release()

    with ScriptedServer(Script(body=other)) as server:
        server.by_path = {"/hinted": Script(raw=hint)}
        server.on_request = count
        hinted = f"{server.url}/hinted"
        others = [f"{server.url}/{n}" for n in range(OTHERS)]
        ran = run_covers(tmp_path, "threads, full", [hinted, *others])
    assert ran.file(hinted) == JPEG
    assert {ran.file(url) for url in others} == {other}
