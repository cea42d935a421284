"""Requests as the sandbox sees them, replies as it sends them, and its rate limit."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
