"""Decide how fast a host may be sent requests; the headers that say so are parsed here too."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from fnmatch import fnmatchcase

WINDOW_S = 60.0
# The server's clock and ours differ a little: a request leaves the window somewhat later here.
_WINDOW_MARGIN_S = 0.5
# The server's count lags by a response and was seen to jump by two.
_RESERVE = 1
# With nothing left and none of our requests in the window, someone else uses the quota: ask again
# after so long.
_PROBE_S = 5.0
# A longer Retry-After is a mistake, and may overflow a date.
_LONGEST_REST_S = 366 * 24 * 3600.0
_MOST_DIGITS = 20
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine: no proxy is used, and plain http is safe."""
    return host in _LOOPBACK


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token that a host wants with each request, and that its owner gives for credentials.

    A form is posted to `url` with `client_id` and `secret` as Basic credentials; all three are
    secrets. https://www.rfc-editor.org/rfc/rfc6749#section-4.4 (client credentials). `refused` is
    advice for users whose credentials are refused.
    """

    url: str
    client_id: str = field(repr=False)
    secret: str = field(repr=False)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """Limits and headers of one host; 0 means no limit.

    `per_minute` counts requests in any 60 s, `per_day` requests per UTC day, `concurrency` requests
    at a time; `spacing_s` is the least time between two requests. `headers` and the `token` are
    sent to this host alone, with every request, and are treated as secrets. `ratelimit_prefix`
    names the headers with the server's own count: "X-Discogs-Ratelimit" for itself (the limit) and
    "-Remaining".
    """

    per_minute: int = 0
    per_day: int = 0
    concurrency: int = 8
    spacing_s: float = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ratelimit_prefix: str = ""
    token: TokenGrant | None = None


class PrivateAddresses(StrEnum):
    """Requests to addresses of this machine and its networks: by `same`, none from a public one."""

    SAME = "same"
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts, retries and redirects of the client: `[http]` of the settings.

    `tries` includes the first one. `max_wait_s` bounds each pause: where a host asks for a longer
    one, `HostRestsError` is raised.
    """

    connect_timeout_s: float = 10
    read_timeout_s: float = 30
    tries: int = 6
    max_wait_s: float = 120
    max_redirects: int = 5
    private_addresses: PrivateAddresses = PrivateAddresses.SAME

    @property
    def slowest_s(self) -> float:
        """Time that a whole response may take: ten read timeouts."""
        return 10 * self.read_timeout_s


def policy_for(host: str, policies: Mapping[str, HostPolicy]) -> HostPolicy:
    """Return the policy whose pattern ("i.discogs.com", "*.archive.org", "*") fits the host.

    The longest matching pattern wins; without any, the defaults of `HostPolicy` apply.
    """
    fitting = [pattern for pattern in policies if fnmatchcase(host, pattern)]
    return policies[max(fitting, key=len)] if fitting else HostPolicy()


def retry_after_s(value: str, now_s: float) -> float:
    """Parse a `Retry-After` header into seconds; 0 where it is empty or malformed.

    It is seconds or an HTTP date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    if (seconds := whole_number(value)) >= 0:
        return min(float(seconds), _LONGEST_REST_S)
    try:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:  # RFC 850's form is only read with a zone
            when = parsedate_to_datetime(f"{value} GMT")
        # One without a zone is UTC, as all dates of HTTP.
        pause_s = when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now_s
        return min(max(0.0, pause_s), _LONGEST_REST_S)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def whole_number(value: str) -> int:
    """Parse a header that holds a whole number; -1 where it doesn't."""
    value = value.strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < _MOST_DIGITS else -1


@dataclass(slots=True)
class Pace:
    """Rate limiter of one host, without waiting; times are seconds of one monotonic clock."""

    per_minute: int = 0
    spacing_s: float = 0
    _leaves_s: deque[float] = field(default_factory=deque)  # when each request leaves the window
    _left: int | None = None
    _under_way: int = 0
    _told_s: float = 0.0
    _rest_until_s: float = 0.0
    _spaced_until_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next request; 0 means it may be sent now."""
        if now_s < self._rest_until_s:
            return self._rest_until_s - now_s
        return max(0.0, self._window_s(now_s), self._spaced_until_s - now_s)

    def _window_s(self, now_s: float) -> float:
        """Return how long to wait until the moving window has room."""
        self._forget(now_s)
        full = self.per_minute and len(self._leaves_s) >= self.per_minute
        spent = self._left is not None and self._left <= _RESERVE
        if self._leaves_s and (full or spent):
            return self._leaves_s[0] - now_s
        if spent:
            return max(0.0, self._told_s + _PROBE_S - now_s)
        return 0.0

    def sent(self, now_s: float) -> None:
        """Record a request that is sent now."""
        self._leaves_s.append(now_s + WINDOW_S + _WINDOW_MARGIN_S)
        self._spaced_until_s = now_s + self.spacing_s
        self._under_way += 1
        if self._left is not None:
            self._left -= 1

    def answered(self, now_s: float, *, remaining: int | None = None) -> None:
        """Record the end of a request; `remaining` is the server's count, if it sent one."""
        self._under_way -= 1
        if remaining is not None:
            # The count may or may not include requests under way: assume that it doesn't.
            self._left, self._told_s = remaining - self._under_way, now_s

    def rest(self, until_s: float) -> None:
        """Allow no request before `until_s`."""
        self._rest_until_s = max(self._rest_until_s, until_s)

    def _forget(self, now_s: float) -> None:
        while self._leaves_s and self._leaves_s[0] <= now_s:
            sent_s = self._leaves_s.popleft() - WINDOW_S - _WINDOW_MARGIN_S
            # Requests older than the server's last count are included in it already.
            if self._left is not None and sent_s > self._told_s - WINDOW_S + _WINDOW_MARGIN_S:
                self._left += 1
