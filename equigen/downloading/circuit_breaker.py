"""Circuit breaker: let a host rest that refuses several pictures in a row, for longer each time.

A host doesn't say why it refuses a picture: its URL may have expired, or the host may have had
enough of us. Several refusals in a row, of different pictures, are the latter. URLs that may have
expired are refreshed first. The ledger records rests, so that the next run leaves the host alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from equigen.downloading.jobs import ASK, FETCH, MAKE, MOVED, RENEW, RENEWALS, RESTS, JobResult
from equigen.downloading.plan import Worklist
from equigen.downloading.results import ResultRecorder
from equigen.downloading.scheduler import Scheduler
from equigen.downloading.url_refresh import UrlRefresher
from equigen.identity.pictures import host_of
from equigen.ledger.models import MISSING, OK, Rest
from equigen.output import tell

_IN_A_ROW: Final = 5
# With these a host refuses us, or one picture: https://www.rfc-editor.org/rfc/rfc9110#status.403
_REFUSALS: Final = frozenset({403, 429})
# Statuses of a URL that has expired, or whose picture is gone.
_EXPIRED: Final = frozenset({403, 404, 410})
_FIRST_REST = timedelta(hours=1)
_LONGEST_REST = timedelta(days=1)
_WHY = "it refused several covers in a row (403 or 429)"


@dataclass(slots=True)
class _Host:
    """Refusals of a host since its last other response.

    `doubtful` are those that may be about the picture or about us, by picture; `expired` are the
    pictures whose URLs are being refreshed, `renewing` counts the refreshes under way.
    """

    doubtful: dict[str, JobResult] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    renewing: int = 0

    def clear(self) -> Sequence[JobResult]:
        """Forget all refusals; return the doubtful ones."""
        doubtful = tuple(self.doubtful.values())
        self.doubtful.clear()
        self.expired.clear()
        return doubtful


@dataclass(slots=True)
class CircuitBreaker:
    """Decide whether refusals are about a picture, about its expired URL, or about us."""

    worklist: Worklist
    recorder: ResultRecorder
    refresher: UrlRefresher
    scheduler: Scheduler
    _hosts: dict[str, _Host] = field(default_factory=dict)
    _rests: dict[str, Rest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave hosts alone that still rest, unless the run retries settled covers."""
        self._rests = self.worklist.ledger.rests()
        for rest in self._rests.values():
            if self.worklist.retry is not None:
                self._rests[rest.host] = rest._replace(until=rest.since)
                self.worklist.ledger.record_rest(self._rests[rest.host])
            elif rest.left(self.worklist.context.now()):
                self._leave(rest)

    def decide(self, result: JobResult) -> Iterator[JobResult]:
        """Yield the results that are final now: this one, earlier doubtful ones, or none."""
        job, status = result.job, result.http_status
        if result.status == RESTS:  # the host said so itself: its jobs wait for another run
            pause_s = result.resumes_at_s - self.worklist.context.clock.unix()
            self._rest(job.host, max(0.0, pause_s), result.resumes_at_s, result.message)
        elif job.kind == MAKE or not (status or job.kind == RENEW):
            yield result  # no host was asked, or it didn't respond
        else:
            yield from self._judge(result)

    def _judge(self, result: JobResult) -> Iterator[JobResult]:
        job, status = result.job, result.http_status
        name = host_of(job.url)
        host = self._hosts.setdefault(name, _Host())
        # Those whose address had no signature weren't refused before.
        host.renewing = max(0, host.renewing - (job.kind == RENEW))
        if result.status == MOVED:  # no host refused the picture that the album has now
            host.expired.discard(job.picture)
            self.scheduler.paused.discard(name)
        if status in _REFUSALS and self.scheduler.is_resting(name):
            yield result  # it was under way when the host's rest began
        elif job.kind == FETCH and status in _EXPIRED and self.refresher.can_refresh(job):
            self._refresh(result, name, host)
            if status not in _REFUSALS:
                yield from self._close(name, host, is_good=False)
        elif status in _REFUSALS:
            host.doubtful[job.picture] = result
            if len(host.doubtful) >= _IN_A_ROW or name in self.scheduler.paused:
                yield from self._open(name, host)
        else:
            if status:
                yield from self._close(name, host, is_good=result.status == OK)
            elif not host.renewing and name in self.scheduler.paused:
                # Whether all these URLs had expired remains unknown.
                yield from self._open(name, host)
            yield result

    def undecided(self) -> Iterator[JobResult]:
        """Yield the refusals that stayed doubtful; the next run tries them again."""
        for host in self._hosts.values():
            yield from host.clear()

    def _refresh(self, result: JobResult, name: str, host: _Host) -> None:
        job, status = result.job, result.http_status
        self.worklist.renew(job, status, RENEWALS)
        self.scheduler.allow_one_more()
        host.renewing += 1
        if status in _REFUSALS:
            host.expired.add(job.picture)
            if len(host.expired) + len(host.doubtful) >= _IN_A_ROW:
                # Either all URLs expired or the host refuses us: a new URL will show.
                self.scheduler.paused.add(name)

    def _close(self, name: str, host: _Host, *, is_good: bool) -> Sequence[JobResult]:
        """Go on with a host that responded; return its refusals, each about one picture."""
        self.scheduler.paused.discard(name)
        decided = host.clear()
        if is_good and name in self._rests:
            del self._rests[name]
            self.worklist.ledger.end_rest(name)
        for result in decided:
            if result.http_status in _EXPIRED and result.job.kind != ASK:
                result.status = MISSING
        return decided

    def _open(self, name: str, host: _Host) -> Sequence[JobResult]:
        """Let a host rest, also in later runs; return its refusals."""
        before = self._rests.get(name)
        times = before.times + 1 if before else 1
        now = self.worklist.context.now()
        rests = min(_FIRST_REST * (1 << min(times - 1, 10)), _LONGEST_REST)
        since, until = (when.isoformat(timespec="seconds") for when in (now, now + rests))
        rest = self._rests[name] = Rest(name, since, until, times, _WHY)
        self.worklist.ledger.record_rest(rest)
        self._leave(rest)
        return host.clear()

    def _leave(self, rest: Rest) -> None:
        until = datetime.fromisoformat(rest.until).astimezone(UTC)
        why = f"{rest.host}: {rest.why}; it is left alone until {until:%Y-%m-%d %H:%M} UTC."
        left_s = rest.left(self.worklist.context.now()).total_seconds()
        self._rest(rest.host, left_s, until.timestamp(), why)
        tell("host rests", why, host=rest.host, until=rest.until, times=rest.times)

    def _rest(self, host: str, pause_s: float, resumes_at_s: float, why: str) -> None:
        self.scheduler.rest(host, pause_s)
        self.recorder.resumes_at_s.append(resumes_at_s)
        self.recorder.notes.append(why)
