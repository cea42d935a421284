"""Schedule download jobs host by host, so that a slow or resting host holds up no other.

This process enforces all limits; a worker process that dies loses no job.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from queue import Empty
from typing import TYPE_CHECKING

from equigen.downloading.engines.processes import ProcessExecutor
from equigen.downloading.jobs import ELSEWHERE, ERROR, RESTS, STOPPED, Hold, Inbox, Job, JobResult
from equigen.downloading.queue import JobQueues
from equigen.errors import EquigenError, StorageError
from equigen.http.limits import HostPolicy, policy_for
from equigen.http.rate_limit import Clock
from equigen.ledger.models import FAILED

if TYPE_CHECKING:
    # Its decoders take a third of this process's memory: it is loaded for use alone.
    from equigen.downloading.engines.threads import ThreadExecutor
    from equigen.downloading.jobs import Executor

_BATCH_JOBS = 16
_TURN_S = 0.25
# When a run stops, the jobs under way have this long to end.
_STOP_WITHIN_S = 10.0
# More deaths of processes before they were ready, or more pictures in a row blamed for one, are
# neither chance nor the fault of pictures.
_MOST_STILLBORN = 3
_MOST_BLAMED = 3
# A picture is blamed after its process died this often while it had no other job.
_CRASHES_ALONE = 2
CRASHED = "crashed its process"


@dataclass(slots=True)
class Scheduler(AbstractContextManager["Scheduler"]):
    """Distribute queued jobs to executors and collect the results; a context that ends them.

    `shares` are the policies of each process (`share_out`). `make_local` and `make_process` create
    an executor when it is needed. At most `most` jobs are handed out, -1 for all. The queues in
    `served_here` are left to this process. Hosts in `paused` get no further jobs.
    """

    queues: JobQueues
    inbox: Inbox
    shares: Mapping[str, HostPolicy]
    make_local: "Callable[[], ThreadExecutor]"
    make_process: Callable[[], ProcessExecutor]
    clock: Clock
    most: int = -1
    served_here: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    _local: "ThreadExecutor | None" = None
    _processes: list[ProcessExecutor] = field(default_factory=list)
    _is_alone: bool = False
    _turns: int = 0
    _rests_until_s: dict[str, float] = field(default_factory=dict)
    _suspects: deque[Job] = field(default_factory=deque)
    _crashes: Counter[int] = field(default_factory=Counter)
    _stillborn: int = 0
    _blamed: int = 0
    _is_stopping: bool = False

    def __exit__(self, *_: object) -> None:
        for executor in self._executors():
            executor.close()

    def start_processes(self, count: int, *, worth: int) -> None:
        """Start processes, unless they run or have fewer than `worth` jobs to do."""
        counts = self.queues.counts().items()
        if not self._processes and worth <= sum(n for at, n in counts if not self._is_local(at)):
            self._processes.extend(self.make_process() for _ in range(count))

    def go_alone(self) -> None:
        """Without processes, run all jobs in this one, also those that would have waited."""
        if not self._processes:
            self._is_alone = True
            if self._local:
                self._local.serve_all()

    def rest(self, host: str, pause_s: float) -> None:
        """Leave a host alone for so long; jobs handed out already wait, too.

        The run doesn't wait for the host when nothing else is left to do.
        """
        self._rests_until_s[host] = self.clock.steady() + pause_s
        self.paused.discard(host)
        for executor in self._executors():
            executor.hold(host, pause_s)

    def is_resting(self, host: str) -> bool:
        """Tell whether a host is left alone."""
        return self._rests_until_s.get(host, 0.0) > self.clock.steady()

    def allow_one_more(self) -> None:
        """Hand out one job more than `most`, since one comes back."""
        if self.most >= 0:
            self.most += 1

    @property
    def is_busy(self) -> bool:
        """Whether any job is running, or waits for a host that doesn't rest."""
        running = any(executor.running for executor in self._executors())
        return running or bool(self._suspects or self._open_hosts())

    def turn(self, *, wait: bool) -> Iterator[JobResult]:
        """Hand out jobs as far as there is room, then yield results; `wait` for the first."""
        self._hand_out()
        if self._local:
            self._local.adjust()
        if wait and self.inbox.empty():
            yield from self._wait()
        while not self.inbox.empty():
            yield from self._receive(*self.inbox.get())

    def stop(self) -> Iterator[JobResult]:
        """Stop all executors, and yield the results of jobs that end in time."""
        self._is_stopping = True
        executors = self._executors()
        for executor in executors:
            executor.stop()
        by_s = time.monotonic() + _STOP_WITHIN_S
        left = len(executors)
        while left and (wait_s := by_s - time.monotonic()) > 0:
            with suppress(Empty):
                executor, messages = self.inbox.get(timeout=wait_s)
                left -= messages is None
                yield from self._receive(executor, messages)

    def waiting(self) -> Iterator[Job]:
        """Yield all jobs that are left for another run, also those that didn't end in time."""
        for executor in self._executors():
            yield from executor.running.values()
        yield from self._suspects
        yield from self.queues.take_all()

    def _executors(self) -> "list[Executor]":
        return [*([self._local] if self._local else []), *self._processes]

    def _here(self) -> "ThreadExecutor":
        if not self._local:
            self._local = self.make_local()
            if self._is_alone:
                self._local.serve_all()
        return self._local

    def _open_hosts(self) -> list[str]:
        """Return the hosts whose jobs can be handed out, starting with another one each time."""
        if not self.most:
            return []
        closed = {*self.paused, *filter(self.is_resting, self._rests_until_s)}
        hosts = [at for at, n in self.queues.counts().items() if n and at not in closed]
        self._turns += 1
        first = self._turns % len(hosts) if hosts else 0
        return hosts[first:] + hosts[:first]

    def _is_local(self, host: str) -> bool:
        has_no_share = not policy_for(host, self.shares).concurrency
        return self._is_alone or has_no_share or host in self.served_here

    def _hand_out(self) -> None:
        here, shared = list[str](), list[str]()
        for host in self._open_hosts():
            (here if self._is_local(host) else shared).append(host)
        while here and self._hand_to(self._here(), here):
            continue
        if self._suspects:
            # One of them killed a process: each runs alone, to find out which.
            for executor in self._processes:
                if self._suspects and not executor.running:
                    suspect = self._suspects.popleft()
                    executor.running[suspect.ticket] = suspect
                    executor.submit([suspect])
            return
        # In rounds, so that neither one host nor one process gets everything.
        while sum(self._hand_to(executor, shared) for executor in self._processes):
            continue

    def _hand_to(self, executor: "Executor", hosts: Sequence[str]) -> int:
        batch = list[Job]()
        for host in hosts:
            left = self.queues.count(host)
            # The last jobs are dealt out in small portions, so that all executors end together.
            fair = max(1, left // (2 * max(1, len(self._processes))))
            count = max(0, min(executor.capacity(host), left, fair, _BATCH_JOBS))
            if self.most >= 0:
                count = min(count, self.most)
                self.most -= count
            jobs = [self.queues.take(host) for _ in range(count)]
            executor.running.update((job.ticket, job) for job in jobs)
            batch += jobs
        if batch:
            executor.submit(batch)
        return len(batch)

    def _wait(self) -> Iterator[JobResult]:
        here = [host for host in self._open_hosts() if self._is_local(host)]
        closed_s = [self._here().wait_s(host) for host in here]
        if not closed_s or any(executor.running for executor in self._executors()):
            with suppress(Empty):
                message = self.inbox.get(timeout=max(min([_TURN_S, *closed_s]), 0.001))
                yield from self._receive(*message)
        elif (wait_s := min(closed_s)) > 0:
            # Not for long, so that interrupts are noticed.
            if self.clock.sleep:
                self.clock.sleep(wait_s)
            else:
                time.sleep(min(wait_s, _TURN_S))

    def _receive(
        self, executor: "Executor", messages: Sequence[JobResult | Hold] | None
    ) -> Iterator[JobResult]:
        if messages is None:
            yield from self._recover(executor)
        for message in messages or ():
            if isinstance(message, Hold):
                for each in self._executors():
                    each.hold(message.host, message.pause_s)
                continue
            job = executor.running.pop(message.job.ticket)
            self._blamed = 0
            if message.status == ERROR and not self._is_stopping:
                raise StorageError(message.message)
            if message.status not in {STOPPED, RESTS, ELSEWHERE, ERROR}:
                yield message
                continue
            if message.status == ELSEWHERE:
                # Its host redirects to one with rate limits, and so will its other jobs.
                self.served_here.add(job.host)
            self._give_back(job)
            if message.status == RESTS and not self.is_resting(job.host):
                yield message

    def _give_back(self, job: Job) -> None:
        self.queues.give_back(job)
        self.allow_one_more()

    def _recover(self, executor: "Executor") -> Iterator[JobResult]:
        """Take back the jobs of a process that died, and start another in its place."""
        if self._is_stopping or not isinstance(executor, ProcessExecutor):
            return
        self._processes.remove(executor)
        lost = list(executor.running.values())
        if not executor.is_ready:
            self._stillborn += 1
            for job in lost:
                self._give_back(job)
        elif len(lost) > 1:
            self._suspects.extend(lost)
        elif lost:
            (job,) = lost
            self._crashes[job.ticket] += 1
            if self._crashes[job.ticket] < _CRASHES_ALONE:
                self._suspects.appendleft(job)
            else:
                self._blamed += 1
                yield JobResult(job, FAILED, CRASHED)
        if self._stillborn > _MOST_STILLBORN or self._blamed > _MOST_BLAMED:
            msg = (
                "the processes that fetch die, whatever they are given; why may stand above. What"
                " was done is kept. Mend what they die of (memory, a library), then run again."
            )
            raise EquigenError(msg)
        self._processes.append(self.make_process())
