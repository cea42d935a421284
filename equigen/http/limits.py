"""How fast one host may be asked: a moving window, the server's own count, and rests."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

WINDOW_S = 60.0
# The server's clock and ours don't tick together: leave the window a little later than it ends.
_WINDOW_MARGIN_S = 0.5
# The server's count lags by an answer and was seen to jump by two.
_RESERVE = 1
# With nothing left and nothing of our own in the window, somebody else uses the quota: look again
# after as long as this.
_PROBE_S = 5.0


_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine: no proxy leads there, and nobody listens in."""
    return host in _LOOPBACK


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """How one host wants to be asked; 0 means no limit.

    `per_minute` is requests in any 60 s; `per_day` is requests a UTC day; `concurrency` is
    requests under way at a time; `spacing_s` is how long after a request the next one may go out.
    `headers` go to this host alone, on every request, and are treated as secrets.
    `ratelimit_prefix` names the headers in which the server counts for us: "X-Discogs-Ratelimit"
    stands for itself (the limit) and "-Remaining".
    """

    per_minute: int = 0
    per_day: int = 0
    concurrency: int = 8
    spacing_s: float = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ratelimit_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often the client tries.

    `tries` counts the first one; `max_wait_s` bounds each pause, and a host that asks for a longer
    one is left alone (`HostRestsError`).
    """

    connect_timeout_s: float = 10
    read_timeout_s: float = 30
    tries: int = 6
    max_wait_s: float = 120
    max_redirects: int = 5


def policy_for(host: str, policies: Mapping[str, HostPolicy]) -> HostPolicy:
    """Return the policy whose pattern ("i.discogs.com", "*.archive.org", "*") fits the host.

    The longest fitting pattern wins; without one, the defaults of `HostPolicy` hold.
    """
    fitting = [pattern for pattern in policies if fnmatchcase(host, pattern)]
    return policies[max(fitting, key=len)] if fitting else HostPolicy()


@dataclass(slots=True)
class Pace:
    """What is known of one host's patience. Times are seconds of one monotonic clock."""

    per_minute: int = 0
    spacing_s: float = 0
    _leaves_s: deque[float] = field(default_factory=deque)  # when each request leaves the window
    _left: int | None = None
    _under_way: int = 0
    _told_s: float = 0.0
    _rest_until_s: float = 0.0
    _spaced_until_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next request; 0 means it may go now."""
        if now_s < self._rest_until_s:
            return self._rest_until_s - now_s
        return max(0.0, self._window_s(now_s), self._spaced_until_s - now_s)

    def _window_s(self, now_s: float) -> float:
        """Return how long to wait for room in the window."""
        self._forget(now_s)
        full = self.per_minute and len(self._leaves_s) >= self.per_minute
        spent = self._left is not None and self._left <= _RESERVE
        if self._leaves_s and (full or spent):
            return self._leaves_s[0] - now_s
        if spent:
            return max(0.0, self._told_s + _PROBE_S - now_s)
        return 0.0

    def sent(self, now_s: float) -> None:
        """Take note that a request goes out."""
        self._leaves_s.append(now_s + WINDOW_S + _WINDOW_MARGIN_S)
        self._spaced_until_s = now_s + self.spacing_s
        self._under_way += 1
        if self._left is not None:
            self._left -= 1

    def answered(self, now_s: float, *, remaining: int | None = None) -> None:
        """Take note of an answer, or of none; `remaining` is what the server says is left."""
        self._under_way -= 1
        if remaining is not None:
            # Requests under way may or may not be counted in it yet: take them as not.
            self._left, self._told_s = remaining - self._under_way, now_s

    def rest(self, until_s: float) -> None:
        """Send nothing before `until_s`."""
        self._rest_until_s = max(self._rest_until_s, until_s)

    def _forget(self, now_s: float) -> None:
        while self._leaves_s and self._leaves_s[0] <= now_s:
            sent_s = self._leaves_s.popleft() - WINDOW_S - _WINDOW_MARGIN_S
            # One that was that old when the server last counted is in its count already.
            if self._left is not None and sent_s > self._told_s - WINDOW_S + _WINDOW_MARGIN_S:
                self._left += 1
