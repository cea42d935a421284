"""What goes in and out of the sandbox: one request as seen, one answer as sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

HANG_UP = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """One request: header names in lower case, `status` as answered, `time_s` by the clock.

    A hook sees the status that the sandbox means to answer, the log the one that was sent.
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

    `cut_after` sends only that many bytes of the body and then closes the connection, so that the
    answer is torn. `close` ends the connection after a whole answer. `delay_s` is waited before
    the first byte, `drip_s` after each byte of the body. The status `HANG_UP` closes the connection
    without a word, or where `reset` is set cuts it off.
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
