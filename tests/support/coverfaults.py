"""What picture hosts do wrong, each with what becomes of the cover: a good file, or a reason."""

import gzip
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

from coverpictures import (
    BOMBS,
    HTML,
    SIZE,
    animated,
    deep,
    dot,
    gzip_bomb,
    lying,
    nested_bomb,
    picture,
)
from support import Script

JPEG = picture()
TORN = JPEG[: len(JPEG) // 2]
_OK_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
_MOST_SENT = 1 << 31


@dataclass(frozen=True)
class Fault:
    """What a host answers, and how the cover ends.

    A good one has its original's `mode` and `size`, and its very bytes where `kept` has some.
    `by_structure` is the reason where a look at the JPEG's frame alone refuses what is good.
    """

    script: Script
    status: str
    reason: str = ""
    mode: str = "RGB"
    size: tuple[int, int] = SIZE
    kept: bytes = b""
    by_structure: str = ""


def good(body: bytes, mode: str = "RGB", **headers: str) -> Fault:
    """Return an answer that is odd but good; JPEGs keep their bytes."""
    return Fault(Script(body=body, headers=headers), "ok", mode=mode, kept=_kept(body))


def raw(*pieces: bytes) -> Script:
    """Return an answer that is these bytes, and then the end of the connection."""
    return Script(raw=lambda connection: connection.sendall(b"".join(pieces)))


def poured(
    head: bytes,
    pieces: Callable[[], Iterator[bytes]],
    sent: Callable[[int], None] = lambda _count: None,
) -> Script:
    """Return an answer of pieces until the client hangs up; `sent` is told how many bytes went."""

    def pour(connection: socket.socket) -> None:
        count = 0
        try:
            connection.sendall(head)
            for piece in pieces():
                connection.sendall(piece)
                count += len(piece)
                if count > _MOST_SENT:
                    break
        finally:
            sent(count)

    return Script(raw=pour)


def _reset(connection: socket.socket) -> None:
    connection.sendall(_OK_HEAD + b"Content-Length: %d\r\n\r\n" % len(JPEG) + TORN)
    # Closed with something to linger for: a reset, not an end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _kept(body: bytes) -> bytes:
    return body if body.startswith(b"\xff\xd8") else b""


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def chunk(body: bytes) -> bytes:
    """Return a body as one chunk."""
    return b"%x\r\n%b\r\n" % (len(body), body)


WHOLE = _OK_HEAD + _length(JPEG) + b"\r\n" + JPEG
_CHUNKED = _OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_GZIP = {"Content-Encoding": "gzip"}
_AS_JPEG = {"Content-Type": "image/jpeg"}


def _good_raw(*pieces: bytes) -> Fault:
    return Fault(raw(*pieces), "ok", kept=JPEG)


def _failed(script: Script, reason: str = "no connection") -> Fault:
    return Fault(script, "failed", reason)


def _refused(script: Script, reason: str) -> Fault:
    return Fault(script, "refused", reason)


def _status(status: int, ending: str = "failed") -> Fault:
    body = b"" if status in {204, 304} else HTML
    return Fault(Script(status, body, _AS_JPEG), ending, f"HTTP {status}")


STATUSES = {
    "400": _status(400, "missing"),
    "401": _status(401),
    "404": _status(404, "missing"),
    "410": _status(410, "missing"),
    "451": _status(451),
    "500 of HTML labelled image/jpeg": _status(500),
    "502": _status(502),
    "503": _status(503),
    "599": _status(599),
    "201 with a picture": Fault(Script(201, JPEG), "failed", "HTTP 201"),
    "204 unasked": _status(204),
    "204 with a body": Fault(raw(b"HTTP/1.1 204 No\r\n\r\n" + JPEG), "failed", "HTTP 204"),
    "206 unasked": Fault(Script(206, TORN), "failed", "HTTP 206"),
    "300 without an address": _status(300),
    "302 without an address": _status(302),
    "304 unasked": _status(304),
    "a status of four digits": _failed(raw(b"HTTP/1.1 2000 OK\r\n\r\n" + JPEG)),
    "no status at all": _failed(raw(b"\r\n\r\n")),
    "another protocol": _failed(raw(b"220 ftp.example ready\r\n")),
    "HTTP/2 bytes": _failed(raw(b"\0\0\x12\x04\0\0\0\0\0\0\3\0\0\0\x80")),
    "100, then the picture": _good_raw(b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE),
    "103, then the picture": _good_raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", WHOLE),
    "102 and 103, then the picture": _good_raw(
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3, WHOLE
    ),
    "101 unasked": _failed(raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), "HTTP 101"),
    "100 without end": _failed(poured(b"", lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))),
    "103 without end": _failed(poured(b"", lambda: repeat(b"HTTP/1.1 103 H\r\n\r\n" * 100))),
}

LENGTHS = {
    "an empty body": _refused(Script(body=b"", headers=_AS_JPEG), "empty"),
    "no body and no length": _refused(raw(_OK_HEAD + b"\r\n"), "empty"),
    "a length that is too long": _failed(Script(body=JPEG, announce=len(JPEG) + 10)),
    "a length that is too short": Fault(
        raw(_OK_HEAD + _length(TORN) + b"\r\n" + JPEG), "broken", "broken"
    ),
    "a length that is none": _good_raw(_OK_HEAD + b"Content-Length: many\r\n\r\n" + JPEG),
    "a length below zero": _good_raw(_OK_HEAD + b"Content-Length: -5\r\n\r\n" + JPEG),
    "two lengths": _failed(raw(_OK_HEAD + _length(JPEG) + _length(TORN) + b"\r\n" + JPEG)),
    "a length and chunks": _good_raw(
        _OK_HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunk(JPEG),
        chunk(b""),
    ),
    "HTTP/1.0 without a length": _good_raw(b"HTTP/1.0 200 OK\r\n\r\n" + JPEG),
    "HTTP/1.0 cut short": Fault(raw(b"HTTP/1.0 200 OK\r\n\r\n" + TORN), "broken", "broken"),
    "cut short with a fitting length": Fault(Script(body=TORN), "broken", "broken"),
    "cut short of its length": _failed(Script(body=TORN, announce=len(JPEG))),
    "a reset in the middle": _failed(Script(raw=_reset)),
    "the end before a word": _failed(raw()),
    "the end within the head": _failed(raw(_OK_HEAD + b"Content-Le")),
    "chunks": _good_raw(_CHUNKED, chunk(TORN), chunk(JPEG[len(TORN) :]), chunk(b"")),
    "chunks with trailers": _good_raw(_CHUNKED, chunk(JPEG), b"0\r\nX-Sum: 1\r\n\r\n"),
    "chunks cut short": _failed(raw(_CHUNKED, b"%x\r\n" % len(JPEG), TORN)),
    "chunks without the last": _failed(raw(_CHUNKED, chunk(JPEG))),
    "chunks that are none": _failed(raw(_CHUNKED, JPEG)),
    "a chunk of 16 EB": _failed(raw(_CHUNKED, b"f" * 15 + b"\r\n", TORN)),
    "chunks without end": _refused(
        poured(_CHUNKED, lambda: repeat(chunk(bytes(10_000)))), "too large"
    ),
    "a body without end": _refused(
        poured(_OK_HEAD + b"\r\n", lambda: repeat(bytes(10_000))), "too large"
    ),
    "2 GB announced": _refused(Script(body=b"x", announce=2 << 30), "too large"),
    "a length of 30 digits": _failed(raw(_OK_HEAD, b"Content-Length: ", b"9" * 30, b"\r\n\r\n")),
}

HEADS = {
    "a header line of 100 kB": _failed(raw(_OK_HEAD, b"X: ", b"x" * 100_000, b"\r\n\r\n")),
    "200 headers": _failed(raw(_OK_HEAD, b"X: 1\r\n" * 200, _length(JPEG), b"\r\n", JPEG)),
    "headers without end": _failed(poured(_OK_HEAD, lambda: repeat(b"X-A: 1\r\n" * 100))),
    "a header line without end": _failed(poured(_OK_HEAD + b"X: ", lambda: repeat(b"x" * 999))),
    "trailers of 100 kB in a line": _failed(raw(_CHUNKED, chunk(JPEG), b"0\r\n", b"x" * 100_000)),
    "headers that are no headers": _good_raw(
        _OK_HEAD, _length(JPEG), b"\xff\xfe\0 rubbish\r\n: \r\n\r\n", JPEG
    ),
    "an ETag of bytes": good(JPEG, ETag="\xff\xfe\t'\"", **{"Last-Modified": "\xe9 yesterday"}),
    "a rest of no number": Fault(
        Script(503, HTML, {"Retry-After": "soon\xff"}), "failed", "HTTP 503"
    ),
}

PACKED = {
    "gzip": Fault(Script(body=gzip.compress(JPEG), headers=_GZIP), "ok", kept=JPEG),
    "gzip twice": Fault(
        Script(body=gzip.compress(gzip.compress(JPEG)), headers={"Content-Encoding": "gzip, gzip"}),
        "ok",
        kept=JPEG,
    ),
    "deflate": Fault(
        Script(body=zlib.compress(JPEG), headers={"Content-Encoding": "deflate"}), "ok", kept=JPEG
    ),
    "an encoding that nobody knows": good(JPEG, **{"Content-Encoding": "x-none"}),
    "gzip that is none": _failed(Script(body=JPEG, headers=_GZIP), "torn on the way"),
    "gzip cut short": Fault(
        Script(body=gzip.compress(JPEG)[: len(JPEG) // 2], headers=_GZIP), "broken", "broken"
    ),
    "gzip that is damaged": _failed(
        Script(body=gzip.compress(JPEG)[:-8] + bytes(8), headers=_GZIP), "torn on the way"
    ),
    "gzip a hundred times": _failed(
        Script(body=JPEG, headers={"Content-Encoding": ", ".join(["gzip"] * 100)}),
        "torn on the way",
    ),
    "a gzip bomb": _refused(Script(body=gzip_bomb(), headers=_GZIP), "too large"),
    "a gzip bomb, chunked": _refused(
        raw(
            _OK_HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunk(gzip_bomb()),
            chunk(b""),
        ),
        "too large",
    ),
    "a gzip bomb in a gzip": _refused(
        Script(body=nested_bomb(), headers={"Content-Encoding": "gzip, gzip"}), "too large"
    ),
    "a gzip bomb on a 404": Fault(Script(404, nested_bomb(), _GZIP), "missing", "HTTP 404"),
}

BODIES = {
    "a JPEG as text/html": good(JPEG, **{"Content-Type": "text/html"}),
    "a JPEG without a type": good(JPEG),
    "HTML with 200": _refused(
        Script(body=HTML, headers={"Content-Type": "text/html"}), "not a picture"
    ),
    "HTML as image/jpeg": _refused(Script(body=HTML, headers=_AS_JPEG), "not a picture"),
    "JSON as image/jpeg": _refused(
        Script(body=b'{"message": "no"}', headers=_AS_JPEG), "not a picture"
    ),
    "SVG": _refused(Script(body=b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not a picture"),
    "zeros": _refused(Script(body=bytes(5000), headers=_AS_JPEG), "not a picture"),
    "PNG": good(picture("PNG")),
    "GIF": good(picture("GIF", "P")),
    "WebP": good(picture("WEBP")),
    "grey JPEG": good(picture("JPEG", "L"), "L"),
    "progressive JPEG": good(picture(progressive=True)),
    "CMYK JPEG": good(picture("JPEG", "CMYK"), "CMYK"),
    "16-bit PNG": good(deep(), "L"),
    "PNG with transparency": good(picture("PNG", "RGBA")),
    "animated GIF": good(animated("GIF")),
    "animated WebP": good(animated("WEBP")),
    "animated PNG": good(animated("PNG")),
    "a JPEG on its side": good(lying()),
    "a PNG on its side": Fault(Script(body=lying("PNG")), "ok", size=SIZE[::-1]),
    "a JPEG with a page behind it": Fault(
        Script(body=JPEG + HTML), "ok", kept=JPEG + HTML, by_structure="broken"
    ),
    "a JPEG with zeros behind it": good(JPEG + bytes(9000)),
    **{
        f"a single pixel as {kind}": _refused(Script(body=dot(kind)), "too small")
        for kind in ("GIF", "PNG", "JPEG", "WEBP")
    },
    **{
        f"20,000 x 20,000 pixels as {kind}": _refused(Script(body=bomb()), "too many pixels")
        for kind, bomb in BOMBS.items()
    },
}


def redirects(base_url: str, elsewhere: str) -> Mapping[str, Fault]:
    """Return the redirects that a host may answer with; `/whole` must be a picture at both."""

    def to(where: str, status: int = 302, body: bytes = b"", **more: str) -> Script:
        return Script(status, body, {"Location": where, **more})

    packed = {"Content-Encoding": "gzip"}
    return {
        "a redirect in a loop": _refused(to("/loop"), "bad address"),
        "a redirect to a file": _refused(to("file:///etc/passwd"), "bad address"),
        "a redirect to ftp": _refused(to("ftp://127.0.0.1/a.jpg"), "bad address"),
        "a redirect to data": _refused(to("data:image/png;base64,aaaa"), "bad address"),
        "a redirect to no address": _refused(to("http://[::1"), "bad address"),
        "a redirect to no port": _refused(to("http://127.0.0.1:99999/"), "bad address"),
        "a redirect to nobody": _failed(to("http://127.0.0.1:9/a.jpg")),
        "a redirect to another host": Fault(to(f"{elsewhere}/whole"), "ok", kept=JPEG),
        "a redirect with a password": Fault(
            to(f"{elsewhere}/whole".replace("//", "//user:secret@")), "ok", kept=JPEG
        ),
        "a redirect to a page": Fault(to("/404"), "missing", "HTTP 404"),
        "a redirect with a torn page": Fault(
            Script(302, HTML, {"Location": "/whole"}, announce=len(HTML) + 9), "ok", kept=JPEG
        ),
        "a redirect with a page that is no gzip": Fault(
            Script(302, HTML, {"Location": "/whole", **packed}), "ok", kept=JPEG
        ),
        "a redirect with a gzip bomb": Fault(
            Script(302, nested_bomb(), {"Location": "/whole", **packed}), "ok", kept=JPEG
        ),
        **{
            f"a redirect {status}": Fault(to(f"{base_url}/whole", status), "ok", kept=JPEG)
            for status in (301, 303, 307, 308)
        },
    }


FAULTS: Mapping[str, Fault] = {**STATUSES, **LENGTHS, **HEADS, **PACKED, **BODIES}
REDIRECT_IDS = tuple(redirects("", ""))
