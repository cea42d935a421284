"""Threads that do jobs; more of them while hosts are slow or the processor idles."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue

from equigen.downloading.fetcher import Fetcher
from equigen.downloading.jobs import ERROR, STOPPED, Job, Outcome
from equigen.errors import NotServedError

# Few threads share an interpreter best as long as answers come fast.
_FIRST_THREADS = 2
# It is hosts that are waited for where threads spend more than this share of their time on
# requests, or keep a processor at work for less than that one. Where answers come at once, and
# nothing is decoded, they spend up to 0.85 on requests and keep a processor at work for 0.6.
_ASKING_ABOVE = 0.88
_IDLE_BELOW = 0.45
_LOOKED_AT_EVERY_S = 0.1


class Hands:
    """Does jobs in up to `most` threads and reports each one's outcome, in any order."""

    def __init__(self, fetcher: Fetcher, report: Callable[[Outcome], None], *, most: int) -> None:
        self._fetcher, self._report, self._most = fetcher, report, most
        self._waiting: dict[str, deque[Job]] = {}
        self._busy: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        # One token a job: waiting for one costs a tenth of waiting for a condition.
        self._tokens: SimpleQueue[int] = SimpleQueue()
        # Tokens of jobs whose hosts have as many threads as they may.
        self._kept_back = 0
        self._lock = threading.Lock()
        self._stopped = False
        self._looked_s = time.monotonic()
        self._asked_s = 0.0
        self._worked_s = time.process_time()
        self._is_slow = False
        self._ended = 0
        self._limits: dict[str, int] = {}

    def hand(self, jobs: Iterable[Job]) -> None:
        """Take jobs on."""
        jobs = list(jobs)
        with self._lock:
            for job in jobs:
                self._waiting.setdefault(job.host, deque()).append(job)
            new = min(len(jobs), min(_FIRST_THREADS, self._most) - len(self._threads))
            for _ in range(0 if self._stopped else new):
                self._start()
        for _ in jobs:
            self._tokens.put(1)

    def look(self) -> None:
        """Start more threads where that helps; to be called now and then."""
        now_s = time.monotonic()
        passed_s = now_s - self._looked_s
        if passed_s < _LOOKED_AT_EVERY_S:
            return
        asked_s, worked_s = self._fetcher.client.gates.inside_s(), time.process_time()
        asking = (asked_s - self._asked_s) / (passed_s * max(1, len(self._threads)))
        working = (worked_s - self._worked_s) / passed_s
        self._looked_s, self._asked_s, self._worked_s = now_s, asked_s, worked_s
        hosts_are_slow, is_idle = asking > _ASKING_ABOVE, working < _IDLE_BELOW
        was_slow, self._is_slow = self._is_slow, hosts_are_slow or is_idle
        with self._lock:
            stand_still = not self._ended and self._is_held_up()
            self._ended = 0
            beyond_doubt = hosts_are_slow and is_idle
            if beyond_doubt or (was_slow and self._is_slow) or stand_still:
                more = len(self._threads) if beyond_doubt else len(self._threads) // 2 + 1
                more = min(more, self._most - len(self._threads))
                useful = sum(min(len(jobs), self._room(at)) for at, jobs in self._waiting.items())
                for _ in range(0 if self._stopped else min(more, useful)):
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

    def _is_held_up(self) -> bool:
        """Tell whether a host waits while other hosts have all threads."""
        return any(not self._busy[host] for host in self._waiting)

    def _next(self, done: Job | None) -> Job | None:
        """Wait for the next job: of the host that has the fewest threads, so that none has all."""
        token = 0
        if done:
            with self._lock:
                self._ended += 1
                self._busy[done.host] -= 1
                if self._kept_back:
                    token, self._kept_back = 1, self._kept_back - 1
        while token or self._tokens.get():
            with self._lock:
                hosts = [at for at in self._waiting if self._room(at) > 0]
                if hosts:
                    host = min(hosts, key=self._busy.__getitem__) if len(hosts) > 1 else hosts[0]
                    self._busy[host] += 1
                    jobs = self._waiting.pop(host)
                    job = jobs.popleft()
                    if jobs:
                        self._waiting[host] = jobs  # behind the others
                    return job
                # Whoever ends a job takes it up again; or none is left, and all were told to stop.
                self._kept_back += 1
            token = 0
        return None

    def _room(self, host: str) -> int:
        """Return how many more threads a host may have; others would only wait at its gate."""
        if host not in self._limits:
            limit = self._most
            with suppress(NotServedError):
                limit = self._fetcher.client.gates.at(host).policy.concurrency
            # Some are left for others also where a host may have more than there are.
            self._limits[host] = min(limit, max(1, self._most - self._most // 4))
        return self._limits[host] - self._busy[host]
