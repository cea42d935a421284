"""Enforce the limits of hosts: requests per minute, per day and at a time, and rests."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from equigen.errors import HostRestsError, NotServedError, StoppedError
from equigen.http.limits import WINDOW_S, HostPolicy, Pace, policy_for
from equigen.output import tell

_ASKED = "it asked for a rest"


class RequestCounter(Protocol):
    """Counter of requests per host and UTC day that outlasts a run; the ledger is one."""

    def requests_on(self, host: str, day: str) -> int: ...  # noqa: D102
    def count_request(self, host: str, day: str) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Clock:
    """Clock and sleep, in seconds: `steady` is monotonic, `unix` is wall time.

    Without `sleep`, waits end early after `Gates.stop`.
    """

    steady: Callable[[], float] = time.monotonic
    unix: Callable[[], float] = time.time
    sleep: Callable[[float], None] | None = None


@dataclass(slots=True)
class Passage:
    """One request under way; set `remaining` to the server's count, if the response has one."""

    remaining: int | None = None


@dataclass(slots=True)
class Gate:
    """Rate limiter of one host; safe for use from several threads."""

    host: str
    policy: HostPolicy
    _gates: "Gates"
    _pace: Pace
    _slots: threading.BoundedSemaphore
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _inside: int = 0
    _inside_s: float = 0.0
    _why: str = _ASKED

    @contextmanager
    def passing(self) -> Iterator[Passage]:
        """Wait until a request may be sent, and count it as under way during the block.

        Raises:
            HostRestsError: the day's quota is spent, or the host asked for a long rest.
            StoppedError: `Gates.stop` was called during the wait.

        """
        self._count_inside(1)
        passage = Passage()
        try:
            with self._slots:
                self._admit()
                try:
                    yield passage
                finally:
                    with self._lock:
                        now_s = self._gates.clock.steady()
                        self._pace.answered(now_s, remaining=passage.remaining)
        finally:
            self._count_inside(-1)

    def wait_s(self) -> float:
        """Return how long a request would wait for the rate limit now."""
        with self._lock:
            return self._pace.wait_s(self._gates.clock.steady())

    def inside_s(self) -> float:
        """Return the seconds that all requests together spent in the gate or under way so far."""
        with self._lock:
            return self._inside_s + self._inside * self._gates.clock.steady()

    def hold(self, pause_s: float, why: str) -> None:
        """Send no request for a while, because the host asked another client for a rest."""
        with self._lock:
            self._pace.rest(self._gates.clock.steady() + pause_s)
            self._why = why

    def rest(self, pause_s: float, *, why: str) -> None:
        """Send no request for a while, and call `Gates.on_rest`.

        Raises:
            HostRestsError: the rest is longer than `max_wait_s`; `why` is in the message.

        """
        self._gates.rest(self.host, pause_s, why)
        tell("host asked to wait", f"{self.host}: {why}", host=self.host, wait_s=pause_s)
        if pause_s > self._gates.max_wait_s:
            raise self._rests(self._gates.clock.unix() + pause_s, why)

    def raise_if_resting(self) -> None:
        """Raise a `HostRestsError` while the host rests for longer than a request waits."""
        wait_s = self.wait_s()
        if wait_s > max(self._gates.max_wait_s, 2 * WINDOW_S):
            raise self._rests(self._gates.clock.unix() + wait_s, self._why)

    def _admit(self) -> None:
        clock = self._gates.clock
        while True:
            with self._lock:
                now_s = clock.steady()
                wait_s = self._pace.wait_s(now_s)
                if wait_s <= 0:
                    self._count()
                    self._pace.sent(now_s)
                    return
            self.raise_if_resting()
            self._gates.sleep(wait_s)

    def _count_inside(self, by: int) -> None:
        with self._lock:
            self._inside += by
            # The sum of all ends less the sum of all beginnings is the time inside.
            self._inside_s -= by * self._gates.clock.steady()

    def _count(self) -> None:
        per_day, counter = self.policy.per_day, self._gates.counter
        if not per_day or counter is None:
            return
        today = datetime.fromtimestamp(self._gates.clock.unix(), UTC)
        day = today.date().isoformat()
        if counter.requests_on(self.host, day) >= per_day:
            midnight = today.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            raise self._rests(midnight.timestamp(), f"its {per_day} requests a day are spent")
        counter.count_request(self.host, day)

    def _rests(self, resumes_at_s: float, why: str) -> HostRestsError:
        at = datetime.fromtimestamp(resumes_at_s, UTC)
        when = f"{at:%Y-%m-%d %H:%M} UTC"
        msg = f"{self.host}: {why}. Run the same command again after {when}; what was done is kept."
        tell("host rests", msg, host=self.host, until=at.isoformat(timespec="seconds"))
        return HostRestsError(msg, host=self.host, resumes_at_s=resumes_at_s)


@dataclass(slots=True)
class Gates:
    """Gates of all hosts, created on first use with the `policies` (by host pattern) of that time.

    A rest longer than `max_wait_s` is an error, not a wait.
    """

    policies: Mapping[str, HostPolicy]
    clock: Clock
    max_wait_s: float
    counter: RequestCounter | None = None
    # Callback for a host that asks for a rest of some seconds, and why; may be replaced.
    on_rest: Callable[[str, float, str], None] = lambda _host, _pause_s, _why: None
    _gates: dict[str, Gate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def sleep(self, wait_s: float) -> None:
        """Wait; raise a `StoppedError` after `stop`, unless the clock sleeps by itself."""
        if self.clock.sleep:
            self.clock.sleep(wait_s)
        else:
            self._stopped.wait(wait_s)
            self.raise_if_stopped()

    def at(self, host: str) -> Gate:
        """Return the host's gate.

        Raises:
            NotServedError: its concurrency is 0, since another client enforces its limits.

        """
        host = host.rstrip(".")
        with self._lock:
            if host not in self._gates:
                policy = policy_for(host, self.policies)
                if not policy.concurrency:
                    msg = f"{host}: its limits are kept elsewhere"
                    raise NotServedError(msg, host=host)
                slots = threading.BoundedSemaphore(policy.concurrency)
                pace = Pace(policy.per_minute, policy.spacing_s)
                self._gates[host] = Gate(host, policy, self, pace, slots)
            return self._gates[host]

    def hold(self, host: str, pause_s: float, why: str = _ASKED) -> None:
        """Send a host no request for a while; does nothing for a host served by another client."""
        with suppress(NotServedError):
            self.at(host).hold(pause_s, why)

    def rest(self, host: str, pause_s: float, why: str = _ASKED) -> None:
        """Send a host no request for a while, and call `on_rest`."""
        self.hold(host, pause_s, why)
        self.on_rest(host, pause_s, why)

    def inside_s(self) -> float:
        """Return the seconds that all requests to all hosts spent in gates so far."""
        with self._lock:
            return sum(gate.inside_s() for gate in self._gates.values())

    def stop(self) -> None:
        """End all waits, now and later, with `StoppedError`."""
        self._stopped.set()

    def raise_if_stopped(self) -> None:
        """Raise a `StoppedError` after `stop`; called during long transfers."""
        if self._stopped.is_set():
            msg = "stopped while waiting for a host; what was done is kept"
            raise StoppedError(msg)
