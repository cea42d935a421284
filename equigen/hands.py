"""Threads that do jobs; more of them while hosts are slow and the processor idles."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from equigen.fetcher import Fetcher
from equigen.jobs import ERROR, STOPPED, Job, Outcome

# Few threads share an interpreter best as long as answers come fast.
_FIRST_THREADS = 2
# With less than this share of a processor at work, it is the hosts that are waited for.
_IDLE_BELOW = 0.6
_LOOKED_AT_EVERY_S = 0.2


class Hands:
    """Does jobs in up to `most` threads and reports each one's outcome, in any order."""

    def __init__(self, fetcher: Fetcher, report: Callable[[Outcome], None], *, most: int) -> None:
        self._fetcher, self._report, self._most = fetcher, report, most
        self._waiting: dict[str, deque[Job]] = {}
        self._busy: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        # One token a job: waiting for one costs a tenth of waiting for a condition.
        self._tokens: SimpleQueue[int] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = False
        self._looked_s = time.monotonic()
        self._worked_s = time.process_time()

    def hand(self, jobs: Iterable[Job]) -> None:
        """Take jobs on."""
        jobs = list(jobs)
        with self._lock:
            for job in jobs:
                self._waiting.setdefault(job.host, deque()).append(job)
        for _ in jobs:
            self._tokens.put(1)
        new = min(len(jobs), min(_FIRST_THREADS, self._most) - len(self._threads))
        for _ in range(new):
            self._start()

    def look(self) -> None:
        """Start more threads where that helps; to be called now and then."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOKED_AT_EVERY_S:
            return
        worked_s = time.process_time()
        share = (worked_s - self._worked_s) / (now_s - self._looked_s)
        self._looked_s, self._worked_s = now_s, worked_s
        if self._tokens.qsize() and share < _IDLE_BELOW:
            more = min(len(self._threads) // 2 + 1, self._most - len(self._threads))
            with self._lock:
                for _ in range(0 if self._stopped else more):
                    self._start()

    def stop(self) -> None:
        """Finish what is under way; what was not begun is reported as stopped."""
        with self._lock:
            left = [job for jobs in self._waiting.values() for job in jobs]
            self._waiting.clear()
            self._stopped = True  # no thread starts after the others were told to end
        for _ in self._threads:
            self._tokens.put(0)
        for job in left:
            self._report(Outcome(job.ticket, STOPPED))

    def join(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self._loop, name="download", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self) -> None:
        job = self._next(None)
        while job:
            try:
                outcome = self._fetcher.do(job)
            except BaseException:
                msg = f"{job.url}: the download stage failed there; what failed stands above."
                self._report(Outcome(job.ticket, ERROR, message=msg))
                raise
            self._report(outcome)
            job = self._next(job)

    def _next(self, done: Job | None) -> Job | None:
        """Wait for the next job: of the host that has the fewest threads, so that none has all."""
        if done:
            with self._lock:
                self._busy[done.host] -= 1
        while self._tokens.get():
            with self._lock:
                hosts = [host for host, jobs in self._waiting.items() if jobs]
                if hosts:  # none is left where they were told to stop
                    host = min(hosts, key=self._busy.__getitem__) if len(hosts) > 1 else hosts[0]
                    self._busy[host] += 1
                    return self._waiting[host].popleft()
        return None
