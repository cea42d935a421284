"""Threads that do jobs; more of them while hosts are slow and the processor idles."""

import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from equigen.fetcher import Fetcher
from equigen.jobs import ERROR, STOPPED, Job, Outcome

# Few threads share an interpreter best as long as answers come fast.
_FIRST_THREADS = 3
# With less than this share of a processor at work, it is the hosts that are waited for.
_IDLE_BELOW = 0.6
_LOOKED_AT_EVERY_S = 0.2


class Hands:
    """Does jobs in up to `most` threads and reports each one's outcome, in any order."""

    def __init__(self, fetcher: Fetcher, report: Callable[[Outcome], None], *, most: int) -> None:
        self._fetcher, self._report, self._most = fetcher, report, most
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._looked_s = time.monotonic()
        self._worked_s = time.process_time()

    def hand(self, jobs: Iterable[Job]) -> None:
        """Take jobs on."""
        for job in jobs:
            self._jobs.put(job)
        waiting = self._jobs.qsize()
        while waiting and len(self._threads) < min(_FIRST_THREADS, self._most):
            self._start()
            waiting -= 1

    def look(self) -> None:
        """Start more threads where that helps; to be called now and then."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOKED_AT_EVERY_S:
            return
        worked_s = time.process_time()
        share = (worked_s - self._worked_s) / (now_s - self._looked_s)
        self._looked_s, self._worked_s = now_s, worked_s
        if self._jobs.qsize() and share < _IDLE_BELOW:
            more = min(len(self._threads) // 2 + 1, self._most - len(self._threads))
            for _ in range(more):
                self._start()

    def stop(self) -> None:
        """Finish what is under way; what was not begun is reported as stopped."""
        self._stopped.set()
        for _ in self._threads:
            self._jobs.put(None)

    def join(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        thread = threading.Thread(target=self._loop, name="download", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._stopped.is_set():
                self._report(Outcome(job.ticket, STOPPED))
                continue
            try:
                outcome = self._fetcher.do(job)
            except BaseException:
                msg = f"{job.url}: the download stage failed there; what failed stands above."
                self._report(Outcome(job.ticket, ERROR, message=msg))
                raise
            self._report(outcome)
