"""Hosts that refuse one picture after another rest, for longer each time; single ones are renewed.

Which refusals count is in `downloading/refusals.py`; that a host rests stands in the ledger, so
that the next run leaves it alone as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from equigen.downloading.jobs import ASK, FETCH, MAKE, MOVED, RENEW, Outcome
from equigen.downloading.plan import Worklist
from equigen.downloading.refusals import EXPIRED, IN_A_ROW, REFUSALS, rest_after
from equigen.downloading.results import Noting
from equigen.downloading.scheduler import Dispatcher, Done
from equigen.downloading.url_refresh import Renewing
from equigen.events import tell
from equigen.identity.pictures import host_of
from equigen.ledger.models import MISSING, OK, Rest

# The queue of covers whose addresses are asked for: no host is called so.
RENEWALS = "addresses to renew"
_WHY = "it refused several covers in a row (403 or 429)"


@dataclass(slots=True)
class _Host:
    """What is open with a host since it last gave an answer that is none of a refusal.

    `doubtful` are refusals of which nobody knows yet whether they are about the picture, by
    picture; `expired` are pictures whose addresses are asked for, `renewing` how many still are.
    """

    doubtful: dict[str, Done] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    renewing: int = 0


@dataclass(slots=True)
class Circuits:
    """Weighs what came of jobs: a refusal may be about a picture, its old address, or all of us.

    An address that may have expired is asked for anew, once.
    """

    worklist: Worklist
    noting: Noting
    renewing: Renewing
    dispatcher: Dispatcher
    _hosts: dict[str, _Host] = field(default_factory=dict)
    _rests: dict[str, Rest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leave those hosts alone that are to rest still; who retries what failed asks them."""
        self._rests = self.noting.ledger.rests()
        for rest in self._rests.values():
            if self.worklist.wishes.retry.settled:
                self._rests[rest.host] = rest._replace(until=rest.since)
                self.noting.ledger.record_rest(self._rests[rest.host])
            elif rest.left(self.noting.context.now()):
                self._leave(rest)

    def weigh(self, done: Done) -> Iterator[Done]:
        """Yield what is decided by what came of a job: itself, at times with others, or nothing."""
        job, status = done.job, done.outcome.http_status
        if job.kind == MAKE or not (status or job.kind == RENEW):
            yield done  # no host was asked, or it didn't say a word
            return
        name = host_of(job.url)
        host = self._hosts.setdefault(name, _Host())
        if job.kind == RENEW:
            self._renewed(done, name, host)
        if status in REFUSALS and self.dispatcher.is_resting(name):
            yield done  # under way when it became too much
        elif job.kind == FETCH and status in EXPIRED and self.renewing.can_renew(job):
            self._renew(done, name, host)
            if status not in REFUSALS:
                yield from self._answered(name, host, is_good=False)
        elif status in REFUSALS:
            host.doubtful[job.picture] = done
            if len(host.doubtful) >= IN_A_ROW or self.dispatcher.is_paused(name):
                yield from self._open(name, host)
        else:
            if status:
                yield from self._answered(name, host, is_good=done.outcome.status == OK)
            elif not host.renewing and self.dispatcher.is_paused(name):
                # Nobody can say whether all these addresses had expired.
                yield from self._open(name, host)
            yield done

    def undecided(self) -> Iterator[Done]:
        """Yield the refusals of which nobody came to know more: the next run asks again."""
        for host in self._hosts.values():
            yield from host.doubtful.values()
            host.doubtful.clear()

    def rests(self, outcome: Outcome) -> float:
        """Take note of a host that gives nothing more for now; return for how many seconds."""
        self.noting.notes.append(outcome.message)
        self.noting.resumes_at_s.append(outcome.resumes_at_s)
        return max(0.0, outcome.resumes_at_s - self.noting.context.clock.unix())

    def _renew(self, done: Done, name: str, host: _Host) -> None:
        job, status = done.job, done.outcome.http_status
        self.worklist.renew(job, status, RENEWALS)
        self.dispatcher.allow_one_more()
        host.renewing += 1
        if status in REFUSALS:
            host.expired.add(job.picture)
            if len(host.expired) + len(host.doubtful) >= IN_A_ROW:
                # Either all addresses expired or it is us: a new address will show.
                self.dispatcher.pause(name)

    def _renewed(self, done: Done, name: str, host: _Host) -> None:
        host.renewing -= 1
        if done.outcome.status == MOVED:  # nobody refused the picture that the album has now
            host.expired.discard(done.job.picture)
            self.dispatcher.resume(name)

    def _answered(self, name: str, host: _Host, *, is_good: bool) -> Sequence[Done]:
        """Return the refusals that are known now to be about one picture each."""
        self.dispatcher.resume(name)
        decided = tuple(host.doubtful.values())
        host.doubtful.clear()
        host.expired.clear()
        if is_good and name in self._rests:
            del self._rests[name]
            self.noting.ledger.end_rest(name)
        for done in decided:
            if done.outcome.http_status in EXPIRED and done.job.kind != ASK:
                done.outcome.status = MISSING
        return decided

    def _open(self, name: str, host: _Host) -> Sequence[Done]:
        """Let a host rest, also in the runs to come; return what it refused since."""
        refused = tuple(host.doubtful.values())
        host.doubtful.clear()
        host.expired.clear()
        before = self._rests.get(name)
        times = before.times + 1 if before else 1
        now = self.noting.context.now()
        since, until = (
            when.isoformat(timespec="seconds") for when in (now, now + rest_after(times))
        )
        rest = self._rests[name] = Rest(name, since, until, times, _WHY)
        self.noting.ledger.record_rest(rest)
        self._leave(rest)
        return refused

    def _leave(self, rest: Rest) -> None:
        until = datetime.fromisoformat(rest.until).astimezone(UTC)
        self.dispatcher.rest(rest.host, rest.left(self.noting.context.now()).total_seconds())
        self.noting.resumes_at_s.append(until.timestamp())
        why = f"{rest.host}: {rest.why}; it is left alone until {until:%Y-%m-%d %H:%M} UTC."
        self.noting.notes.append(why)
        tell("host rests", why, host=rest.host, until=rest.until, times=rest.times)
