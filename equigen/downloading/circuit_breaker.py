"""Circuit breaker: let a host rest that refuses several pictures in a row, for longer each time.

`policy.py` decides which refusals count. The ledger records rests, so that the next run leaves
the host alone as well. URLs that may have expired are refreshed first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from equigen.downloading.jobs import ASK, FETCH, MAKE, MOVED, RENEW, Result
from equigen.downloading.plan import Worklist
from equigen.downloading.policy import EXPIRED, IN_A_ROW, REFUSALS, rest_after
from equigen.downloading.results import Noting
from equigen.downloading.scheduler import Scheduler
from equigen.downloading.url_refresh import UrlRefresher
from equigen.events import tell
from equigen.identity.pictures import host_of
from equigen.ledger.models import MISSING, OK, Rest

# Queue of the jobs that need a new URL; no host has this name.
RENEWALS = "addresses to renew"
_WHY = "it refused several covers in a row (403 or 429)"


@dataclass(slots=True)
class _Host:
    """Refusals of a host since its last other response.

    `doubtful` are those that may be about the picture or about us, by picture; `expired` are the
    pictures whose URLs are being refreshed, `renewing` counts the refreshes under way.
    """

    doubtful: dict[str, Result] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    renewing: int = 0

    def clear(self) -> Sequence[Result]:
        """Forget all refusals; return the doubtful ones."""
        doubtful = tuple(self.doubtful.values())
        self.doubtful.clear()
        self.expired.clear()
        return doubtful


@dataclass(slots=True)
class CircuitBreaker:
    """Decide whether refusals are about a picture, about its expired URL, or about us.

    A URL that may have expired is refreshed once.
    """

    worklist: Worklist
    noting: Noting
    refresher: UrlRefresher
    scheduler: Scheduler
    _hosts: dict[str, _Host] = field(default_factory=dict)
    _rests: dict[str, Rest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave hosts alone that still rest, unless the run retries settled covers."""
        self._rests = self.noting.ledger.rests()
        for rest in self._rests.values():
            if self.worklist.wishes.retry.settled:
                self._rests[rest.host] = rest._replace(until=rest.since)
                self.noting.ledger.record_rest(self._rests[rest.host])
            elif rest.left(self.noting.context.now()):
                self._leave(rest)

    def decide(self, result: Result) -> Iterator[Result]:
        """Yield the results that are final now: this one, earlier doubtful ones, or none."""
        job, status = result.job, result.http_status
        if job.kind == MAKE or not (status or job.kind == RENEW):
            yield result  # no host was asked, or it didn't respond
            return
        name = host_of(job.url)
        host = self._hosts.setdefault(name, _Host())
        host.renewing -= job.kind == RENEW
        if result.status == MOVED:  # no host refused the picture that the album has now
            host.expired.discard(job.picture)
            self.scheduler.paused.discard(name)
        if status in REFUSALS and self.scheduler.is_resting(name):
            yield result  # it was under way when the host's rest began
        elif job.kind == FETCH and status in EXPIRED and self.refresher.can_refresh(job):
            self._refresh(result, name, host)
            if status not in REFUSALS:
                yield from self._close(name, host, is_good=False)
        elif status in REFUSALS:
            host.doubtful[job.picture] = result
            if len(host.doubtful) >= IN_A_ROW or name in self.scheduler.paused:
                yield from self._open(name, host)
        else:
            if status:
                yield from self._close(name, host, is_good=result.status == OK)
            elif not host.renewing and name in self.scheduler.paused:
                # Whether all these URLs had expired remains unknown.
                yield from self._open(name, host)
            yield result

    def undecided(self) -> Iterator[Result]:
        """Yield the refusals that stayed doubtful; the next run tries them again."""
        for host in self._hosts.values():
            yield from host.clear()

    def on_rest(self, result: Result) -> float:
        """Note that a host gives nothing more for now; return for how many seconds."""
        self.noting.notes.append(result.message)
        self.noting.resumes_at_s.append(result.resumes_at_s)
        return max(0.0, result.resumes_at_s - self.noting.context.clock.unix())

    def _refresh(self, result: Result, name: str, host: _Host) -> None:
        job, status = result.job, result.http_status
        self.worklist.renew(job, status, RENEWALS)
        self.scheduler.allow_one_more()
        host.renewing += 1
        if status in REFUSALS:
            host.expired.add(job.picture)
            if len(host.expired) + len(host.doubtful) >= IN_A_ROW:
                # Either all URLs expired or the host refuses us: a new URL will show.
                self.scheduler.paused.add(name)

    def _close(self, name: str, host: _Host, *, is_good: bool) -> Sequence[Result]:
        """Go on with a host that responded; return its refusals, each about one picture."""
        self.scheduler.paused.discard(name)
        decided = host.clear()
        if is_good and name in self._rests:
            del self._rests[name]
            self.noting.ledger.end_rest(name)
        for result in decided:
            if result.http_status in EXPIRED and result.job.kind != ASK:
                result.status = MISSING
        return decided

    def _open(self, name: str, host: _Host) -> Sequence[Result]:
        """Let a host rest, also in later runs; return its refusals."""
        before = self._rests.get(name)
        times = before.times + 1 if before else 1
        now = self.noting.context.now()
        since, until = (
            when.isoformat(timespec="seconds") for when in (now, now + rest_after(times))
        )
        rest = self._rests[name] = Rest(name, since, until, times, _WHY)
        self.noting.ledger.record_rest(rest)
        self._leave(rest)
        return host.clear()

    def _leave(self, rest: Rest) -> None:
        until = datetime.fromisoformat(rest.until).astimezone(UTC)
        self.scheduler.rest(rest.host, rest.left(self.noting.context.now()).total_seconds())
        self.noting.resumes_at_s.append(until.timestamp())
        why = f"{rest.host}: {rest.why}; it is left alone until {until:%Y-%m-%d %H:%M} UTC."
        self.noting.notes.append(why)
        tell("host rests", why, host=rest.host, until=rest.until, times=rest.times)
