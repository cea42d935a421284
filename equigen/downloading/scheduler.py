"""Who does which job next: each host's apart, so that a slow or resting one holds up no other.

All limits are kept here, in one process (`stations.py`); a process that dies takes no job with it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Self

from equigen.downloading.engines.processes import Local, News, Station
from equigen.downloading.jobs import ELSEWHERE, ERROR, HOLD, RESTS, STOPPED, Job, Outcome
from equigen.downloading.queue import JobQueues
from equigen.errors import EquigenError, StorageError
from equigen.http.limits import HostPolicy, policy_for
from equigen.ledger.models import FAILED

_AT_ONCE = 16
_TURN_S = 0.25
# What is under way when a run is told to stop has this long to end.
_STOP_WITHIN_S = 10.0
# So many processes may die before they did anything, and so many pictures in a row be blamed for
# the death of one, until it is neither chance nor the pictures.
_MOST_STILLBORN = 3
_MOST_BLAMED = 3
# A process may die of something else than the picture that it has.
_CRASHES_ALONE = 2
CRASHED = "crashed its process"


@dataclass(frozen=True, slots=True)
class Done:
    """A job, and what came of it."""

    job: Job
    outcome: Outcome


@dataclass(slots=True)
class Dispatcher:
    """Hands jobs out and takes what comes of them; use it as a context, which ends all stations.

    `shares` is what each process may ask (`rate_shares.py`). `make_local` and `make_process` make
    a station when there is something for it to do; `most` bounds how many jobs are handed out, -1
    for all. Hosts of `served_here` are left to this process. `steady_s` is a clock that never
    jumps. `on_rest` is told of each host that gives nothing more for now, and returns for how many
    seconds; it may be replaced.
    """

    queues: JobQueues
    news: SimpleQueue[News]
    shares: Mapping[str, HostPolicy]
    make_local: Callable[[], Local]
    make_process: Callable[[], Station]
    most: int = -1
    served_here: set[str] = field(default_factory=set)
    steady_s: Callable[[], float] = monotonic
    on_rest: Callable[[Outcome], float] = lambda _outcome: 0.0
    _local: Local | None = None
    _processes: list[Station] = field(default_factory=list)
    _is_alone: bool = False
    _turns: int = 0
    _rests_until_s: dict[str, float] = field(default_factory=dict)
    _paused: set[str] = field(default_factory=set)
    _suspects: deque[Job] = field(default_factory=deque)
    _crashes: Counter[int] = field(default_factory=Counter)
    _stillborn: int = 0
    _blamed: int = 0
    _stopping: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for station in self._stations():
            station.end()

    @property
    def has_processes(self) -> bool:
        """Whether processes were started."""
        return bool(self._processes)

    def count_shareable(self) -> int:
        """Return how many jobs wait that processes could do."""
        counts = self.queues.counts().items()
        return sum(count for host, count in counts if not self._is_local(host))

    def start_processes(self, count: int) -> None:
        """Let processes do what has no limits."""
        self._processes.extend(self.make_process() for _ in range(count))

    def go_alone(self) -> None:
        """Let threads of this process do all; without processes, what has no limits waits else."""
        self._is_alone = True
        if self._local:
            self._local.serve_all()

    def rest(self, host: str, pause_s: float) -> None:
        """Leave the jobs of a host for so long, also those that were handed out already.

        A run that has nothing else to do doesn't wait for it.
        """
        self._rests_until_s[host] = self.steady_s() + pause_s
        self._paused.discard(host)
        for station in self._stations():
            station.hold(host, pause_s)

    def is_resting(self, host: str) -> bool:
        """Tell whether a host is left alone."""
        return self._rests_until_s.get(host, 0.0) > self.steady_s()

    def allow_one_more(self) -> None:
        """Hand out one job more than `most`: one that was done comes again as another."""
        if self.most >= 0:
            self.most += 1

    def pause(self, host: str) -> None:
        """Hand out nothing of a host until `resume` or `rest`, while other jobs are under way."""
        self._paused.add(host)

    def resume(self, host: str) -> None:
        """Go on with a host."""
        self._paused.discard(host)

    def is_paused(self, host: str) -> bool:
        """Tell whether nothing of a host is handed out."""
        return host in self._paused

    @property
    def is_busy(self) -> bool:
        """Whether any job is under way, or waits for a host that doesn't rest."""
        return self._under_way() or bool(self._suspects or self._open_hosts())

    def turn(self, *, wait: bool) -> Iterator[Done]:
        """Hand out what there is room for, then yield what has been done; `wait` until some is.

        Raises:
            StorageError: the disk refuses.

        """
        self._hand_out()
        for station in self._stations():
            station.look()
        for news in self._next_news(wait=wait):
            yield from self._heard(news)

    def stop(self) -> Iterator[Done]:
        """Let what is under way end, and yield it."""
        self._stopping = True
        stations = self._stations()
        for station in stations:
            station.stop()
        by_s = monotonic() + _STOP_WITHIN_S
        left = set(map(id, stations))
        while left and (wait_s := by_s - monotonic()) > 0:
            with suppress(Empty):
                news = self.news.get(timeout=wait_s)
                if news.is_gone:
                    left.discard(id(news.station))
                yield from self._heard(news)

    def waiting(self) -> Iterator[Job]:
        """Yield all jobs that are left, for another run."""
        yield from self._suspects
        yield from self.queues.take_all()

    def _stations(self) -> list[Station]:
        return [*([self._local] if self._local else []), *self._processes]

    def _here(self) -> Local:
        if not self._local:
            self._local = self.make_local()
            if self._is_alone:
                self._local.serve_all()
        return self._local

    def _under_way(self) -> bool:
        return any(station.under_way for station in self._stations())

    def _open_hosts(self) -> list[str]:
        """Return the hosts with jobs that can be done in this run, another one first each time."""
        if not self.most:
            return []
        counts = self.queues.counts().items()
        hosts = [host for host, count in counts if count and not self._is_closed(host)]
        self._turns += 1
        first = self._turns % len(hosts) if hosts else 0
        return hosts[first:] + hosts[:first]

    def _is_closed(self, host: str) -> bool:
        return host in self._paused or (bool(self._rests_until_s) and self.is_resting(host))

    def _hand_out(self) -> None:
        hosts = self._open_hosts()
        here = [host for host in hosts if self._is_local(host)]
        while here and self._hand_to(self._here(), here):
            continue
        shared = [host for host in hosts if not self._is_local(host)]
        if self._suspects:
            self._hand_out_suspects()
            return
        # In rounds, so that neither one host nor one process takes all.
        while sum(self._hand_to(station, shared) for station in self._processes):
            continue

    def _hand_out_suspects(self) -> None:
        # One of them killed a process: each alone, so that it shows which.
        for station in self._processes:
            if self._suspects and not station.under_way:
                suspect = self._suspects.popleft()
                station.under_way[suspect.ticket] = suspect
                station.hand([suspect])

    def _hand_to(self, station: Station, hosts: Sequence[str]) -> int:
        batch = [job for host in hosts for job in self._taken(station, host)]
        if batch:
            station.hand(batch)
        return len(batch)

    def _taken(self, station: Station, host: str) -> list[Job]:
        left = self.queues.count(host)
        # The last ones are dealt out one by one, so that all stations end at the same time.
        fair = max(1, left // (2 * max(1, len(self._processes))))
        count = min(station.room_for(host), left, fair, _AT_ONCE)
        if self.most >= 0:
            count = min(count, self.most)
            self.most -= max(count, 0)
        jobs = [self.queues.take(host) for _ in range(count)]
        station.under_way.update((job.ticket, job) for job in jobs)
        return jobs

    def _is_local(self, host: str) -> bool:
        no_share = not policy_for(host, self.shares).concurrency
        return self._is_alone or no_share or host in self.served_here

    def _next_news(self, *, wait: bool) -> Iterator[News]:
        if wait and self.news.empty():
            here = [host for host in self._open_hosts() if self._is_local(host)]
            closed_s = [self._here().wait_s(host) for host in here]
            if self._under_way() or not closed_s:
                with suppress(Empty):
                    yield self.news.get(timeout=max(min([_TURN_S, *closed_s]), 0.001))
            elif (wait_s := min(closed_s)) > 0:
                self._here().sleep(wait_s)
        while not self.news.empty():
            yield self.news.get()

    def _heard(self, news: News) -> Iterator[Done]:
        if news.is_gone:
            yield from self._gone(news.station)
        for outcome in news.outcomes:
            if outcome.status == HOLD:
                for station in self._stations():
                    station.hold(outcome.host, outcome.pause_s)
                continue
            job = news.station.under_way.pop(outcome.ticket)
            self._blamed = 0
            if outcome.status == ERROR and not self._stopping:
                raise StorageError(outcome.message)
            if outcome.status in {STOPPED, RESTS, ELSEWHERE, ERROR}:
                self._give_back(job, outcome)
            else:
                yield Done(job, outcome)

    def _give_back(self, job: Job, outcome: Outcome) -> None:
        if outcome.status == ELSEWHERE:
            # Its host leads to one with limits, and so will the rest of its jobs.
            self.served_here.add(job.host)
        self._return(job)
        if outcome.status == RESTS and not self.is_resting(job.host):
            self.rest(job.host, self.on_rest(outcome))

    def _return(self, job: Job) -> None:
        self.queues.give_back(job)
        self.allow_one_more()

    def _gone(self, station: Station) -> Iterator[Done]:
        """Take the jobs of a process that died again, and start another in its place."""
        if self._stopping or station not in self._processes:
            return
        self._processes.remove(station)
        lost = list(station.under_way.values())
        if not station.was_ready:
            self._stillborn += 1
            for job in lost:
                self._return(job)
        elif len(lost) > 1:
            self._suspects.extend(lost)
        for job in lost if station.was_ready and len(lost) == 1 else ():
            self._crashes[job.ticket] += 1
            if self._crashes[job.ticket] < _CRASHES_ALONE:
                self._suspects.appendleft(job)
            else:
                self._blamed += 1
                yield Done(job, Outcome(job.ticket, FAILED, CRASHED))
        if self._stillborn > _MOST_STILLBORN or self._blamed > _MOST_BLAMED:
            msg = (
                "the processes that fetch die, whatever they are given; why may stand above. What"
                " was done is kept. Mend what they die of (memory, a library), then run again."
            )
            raise EquigenError(msg)
        self._processes.append(self.make_process())
