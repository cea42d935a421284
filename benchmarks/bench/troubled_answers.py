"""The bytes of an answer: as it should be, or with a trouble that it has in transit."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum, auto

from bench.troubles import Trouble

JPEG, JSON, HTML, TEXT = "image/jpeg", "application/json", "text/html", "text/plain"
OK = 200
_REASONS = {200: "OK", 302: "Found", 403: "Forbidden", 404: "Not Found", 410: "Gone"}
_TOO_MANY = b'{"message": "You are making requests too quickly."}'
_BROKEN = b'{"message": "An internal server error occurred."}'
_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
_PAGE = b"<!DOCTYPE html><html><body><h1>Just a moment...</h1></body></html>"
_DATE_IN_S = 2


class Manner(Enum):
    """How an answer's bytes go out."""

    WELL = auto()
    THEN_CLOSE = auto()
    RESET = auto()
    SILENCE = auto()
    SLOWLY = auto()
    WITHOUT_END = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of an answer, head and body, and how they go out."""

    data: bytes = b""
    manner: Manner = Manner.WELL


@dataclass(frozen=True, slots=True)
class Well:
    """A right answer: what it is when nothing goes wrong."""

    body: bytes
    content_type: str = JSON
    status: int = OK
    location: str = ""
    is_endless: bool = False
    announced_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Instead:
    """What comes in an answer's place, whatever that is."""

    status: int
    body: bytes
    content_type: str = JSON
    more: Mapping[str, str] = field(default_factory=dict)


_INSTEAD = {
    Trouble.TOO_MANY: _Instead(429, _TOO_MANY),
    Trouble.TOO_MANY_WAIT: _Instead(429, _TOO_MANY, more={"Retry-After": "1"}),
    Trouble.SERVER_ERROR: _Instead(500, _BROKEN),
    Trouble.ERROR_AS_PICTURE: _Instead(500, _BROKEN.ljust(170), JPEG),
    Trouble.BAD_GATEWAY: _Instead(502, _GATEWAY, HTML),
    Trouble.UNAVAILABLE: _Instead(503, _PAGE, HTML, {"Retry-After": "1"}),
    Trouble.EMPTY: _Instead(OK, b"", JPEG),
    Trouble.PAGE: _Instead(OK, _PAGE, HTML),
}
_MANNERS = {
    Trouble.RESET: Manner.RESET,
    Trouble.HANG_UP: Manner.THEN_CLOSE,
    Trouble.SILENCE: Manner.SILENCE,
}


def plain(well: Well) -> Answer:
    """Return a right answer."""
    if well.is_endless:
        length = {"Transfer-Encoding": "chunked"}
        if well.announced_bytes:
            length = {"Content-Length": str(well.announced_bytes)}
        return Answer(_head(OK, well.content_type, length), Manner.WITHOUT_END)
    more = {"Location": well.location} if well.location else {}
    return Answer(_http(well.status, well.body, well.content_type, more))


def troubled(trouble: Trouble, well: Well) -> Answer:  # noqa: PLR0911  (a case a trouble)
    """Return what becomes of a right answer."""
    if manner := _MANNERS.get(trouble):
        return Answer(manner=manner)
    if came := _INSTEAD.get(trouble):
        return Answer(_http(came.status, came.body, came.content_type, came.more))
    body, kind, half = well.body, well.content_type, len(well.body) // 2
    match trouble:
        case Trouble.TOO_MANY_DATE:
            date = formatdate(time.time() + _DATE_IN_S, usegmt=True)
            return Answer(_http(429, _TOO_MANY, JSON, {"Retry-After": date}))
        case Trouble.CUT:
            return Answer(_announced(len(body) + 1, kind) + body[:half], Manner.THEN_CLOSE)
        case Trouble.TORN:
            return Answer(_http(OK, body[:half], kind))
        case Trouble.TOO_LITTLE_ANNOUNCED:
            # Not the very bytes of a torn one, which would then seem to be the host's own.
            return Answer(_announced(half // 2, kind) + body)
        case Trouble.CHUNKS_CUT:
            head = _head(OK, kind, {"Transfer-Encoding": "chunked"})
            return Answer(b"%s%x\r\n%s" % (head, len(body) + 1, body[:half]), Manner.THEN_CLOSE)
        case Trouble.BAD_GZIP:
            return Answer(_http(OK, body or _PAGE, kind, {"Content-Encoding": "gzip"}))
        case _:  # slowly
            right = plain(well)
            return right if well.is_endless else Answer(right.data, Manner.SLOWLY)


def _http(
    status: int, body: bytes, kind: str = JSON, more: Mapping[str, str] | None = None
) -> bytes:
    return _head(status, kind, {"Content-Length": str(len(body)), **(more or {})}) + body


def _announced(length: int, kind: str) -> bytes:
    return _head(OK, kind, {"Content-Length": str(length)})


def _head(status: int, kind: str, more: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Trouble')}", f"Content-Type: {kind}"]
    lines += [f"{name}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
