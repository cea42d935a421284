"""The service's rate limit: so many requests in any 60 seconds."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is let through, and where the window stands after it."""

    allowed: bool
    limit: int
    used: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The three headers that every API answer carries."""
        return {
            "X-Discogs-Ratelimit": str(self.limit),
            "X-Discogs-Ratelimit-Used": str(self.used),
            "X-Discogs-Ratelimit-Remaining": str(self.limit - self.used),
        }


class Allowance:
    """Counts requests over a moving window; refused ones do not count. Safe among threads."""

    def __init__(self, requests_per_minute: int, clock: Callable[[], float]) -> None:
        """Start with an empty window; `clock` gives seconds that never go back."""
        self._limit = requests_per_minute
        self._clock = clock
        self._times_s: deque[float] = deque()
        self._lock = threading.Lock()

    def ask(self) -> Verdict:
        """Let one request through if the window has room for it."""
        with self._lock:
            now_s = self._clock()
            while self._times_s and self._times_s[0] <= now_s - WINDOW_S:
                self._times_s.popleft()
            allowed = len(self._times_s) < self._limit
            if allowed:
                self._times_s.append(now_s)
            return Verdict(allowed, self._limit, len(self._times_s))
