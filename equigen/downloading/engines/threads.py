"""Run download jobs in threads of this process."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue

from equigen.downloading.fetcher import Fetcher
from equigen.downloading.jobs import ERROR, STOPPED, ExecutorSettings, Hold, Inbox, Job, JobResult
from equigen.errors import EquigenError, NotServedError
from equigen.http.client import Client
from equigen.http.limits import HostPolicy, policy_for
from equigen.http.rate_limit import Clock, RequestCounter

# While responses are fast, few threads share an interpreter best.
_FIRST_THREADS = 2
# Hosts are the bottleneck where threads spend more than this share of their time on requests, or
# keep the processor busy for less than that share. With instant responses and nothing to decode,
# threads spend up to 0.85 on requests and keep the processor busy for 0.6.
_REQUESTING_ABOVE = 0.88
_IDLE_BELOW = 0.45
_ADJUSTED_EVERY_S = 0.1
_MOST_THREADS_A_HOST = 32


class ThreadExecutor:
    """Thread pool of this process that grows while hosts are slow or the processor idles.

    It has `most` threads at most. `whole` are the policies to apply where no processes share the
    hosts (`serve_all`); `renew` asks a job's source for a new URL.
    """

    def __init__(  # noqa: PLR0913  (a worker needs the first three alone)
        self,
        settings: ExecutorSettings,
        inbox: Inbox,
        most: int = 64,
        *,
        whole: Mapping[str, HostPolicy] | None = None,
        counter: RequestCounter | None = None,
        clock: Clock | None = None,
        renew: Callable[[Job], str] = lambda _job: "",
    ) -> None:
        self.running: dict[int, Job] = {}
        self.is_ready = True
        self._policies, self._whole = settings.policies, whole or settings.policies
        self._inbox, self._most = inbox, most
        self._client = Client(
            settings.policies,
            user_agent=settings.user_agent,
            patience=settings.patience,
            counter=counter,
            clock=clock,
        )
        self._gates = self._client.gates
        self._gates.on_rest = lambda host, pause_s, _: self._report(Hold(host, pause_s))
        self._fetcher = Fetcher(self._client, settings, renew)
        self._waiting: dict[str, deque[Job]] = {}
        self._busy: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        # One token per job: to wait for one takes a tenth of the time of a condition variable.
        self._tokens: SimpleQueue[int] = SimpleQueue()
        # Tokens of jobs whose hosts have as many threads as they may.
        self._kept_back = 0
        self._lock = threading.Lock()
        self._is_stopped = False
        self._adjusted_s = time.monotonic()
        self._requesting_s = 0.0
        self._working_s = time.process_time()
        self._was_slow = False
        self._ended = 0
        self._limits: dict[str, int] = {}

    def capacity(self, host: str) -> int:
        """Return how many more jobs of a host can be submitted; 0 while it rests.

        A host gets at most half of the threads that other hosts leave, so that some remain for the
        next one.
        """
        policy = policy_for(host, self._policies)
        busy = sum(job.host == host for job in self.running.values())
        left = self._most - (len(self.running) - busy)
        room = min(policy.concurrency, _MOST_THREADS_A_HOST, (left + 1) // 2) - busy
        return room if self.wait_s(host) <= 0 else 0

    def serve_all(self) -> None:
        """Apply the whole limits of all hosts, since no processes share them."""
        self._policies = self._gates.policies = self._whole

    def wait_s(self, host: str) -> float:
        """Return how long the host's rate limit allows no request."""
        try:
            return self._gates.at(host).wait_s()
        except NotServedError:
            return 0.0

    def hold(self, host: str, pause_s: float) -> None:
        """Send a host no request for a while."""
        self._gates.hold(host, pause_s)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue jobs, and start the first threads."""
        with self._lock:
            for job in jobs:
                self._waiting.setdefault(job.host, deque()).append(job)
            new = min(len(jobs), min(_FIRST_THREADS, self._most) - len(self._threads))
            self._start(new)
        for _ in jobs:
            self._tokens.put(1)

    def adjust(self) -> None:
        """Start more threads where that helps; called regularly."""
        now_s = time.monotonic()
        passed_s = now_s - self._adjusted_s
        if passed_s < _ADJUSTED_EVERY_S:
            return
        requesting_s, working_s = self._gates.inside_s(), time.process_time()
        requesting = (requesting_s - self._requesting_s) / (passed_s * max(1, len(self._threads)))
        working = (working_s - self._working_s) / passed_s
        self._adjusted_s, self._requesting_s, self._working_s = now_s, requesting_s, working_s
        hosts_are_slow, is_idle = requesting > _REQUESTING_ABOVE, working < _IDLE_BELOW
        was_slow, self._was_slow = self._was_slow, hosts_are_slow or is_idle
        with self._lock:
            # A host waits while other hosts, which don't respond, have all threads.
            is_stuck = not self._ended and any(not self._busy[host] for host in self._waiting)
            self._ended = 0
            is_certain = hosts_are_slow and is_idle
            if is_certain or (was_slow and self._was_slow) or is_stuck:
                more = len(self._threads) if is_certain else len(self._threads) // 2 + 1
                useful = sum(min(len(jobs), self._room(at)) for at, jobs in self._waiting.items())
                self._start(min(more, self._most - len(self._threads), useful))

    def stop(self) -> None:
        """Finish the requests under way; report jobs not begun as stopped, and at last the end."""
        self._client.stop()
        with self._lock:
            left = [job for jobs in self._waiting.values() for job in jobs]
            self._waiting.clear()
            self._is_stopped = True  # no thread starts after the others were told to end
        for _ in self._threads:
            self._tokens.put(0)
        for job in left:
            self._report(JobResult(job, STOPPED))

        def report_end() -> None:
            for thread in self._threads:
                thread.join()
            self._inbox.put((self, None))

        try:
            threading.Thread(target=report_end, daemon=True).start()
        except RuntimeError:  # no room for one more
            report_end()

    def close(self) -> None:
        """Close all connections; threads that still wait end with the process."""
        self._client.close()

    def _report(self, message: JobResult | Hold) -> None:
        self._inbox.put((self, (message,)))

    def _start(self, count: int) -> None:
        for _ in range(0 if self._is_stopped else count):
            thread = threading.Thread(target=self._loop, name="download", daemon=True)
            try:
                thread.start()
            except RuntimeError as err:  # no memory for its stack, or no more threads (`ulimit`)
                self._most = len(self._threads)
                if not self._threads:
                    msg = f"no download can begin: {err}. Raise `ulimit -v` or `ulimit -u`."
                    raise EquigenError(msg) from err
                return
            self._threads.append(thread)

    def _loop(self) -> None:
        job = self._next(None)
        while job:
            try:
                result = self._fetcher.do(job)
            except BaseException:
                msg = f"{job.url}: the download stage failed there; what failed stands above."
                self._report(JobResult(job, ERROR, message=msg))
                raise
            self._report(result)
            job = self._next(job)

    def _next(self, done: Job | None) -> Job | None:
        """Wait for the next job, of the host with the fewest threads; None ends the thread."""
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
                        self._waiting[host] = jobs  # behind the other hosts
                    return job
                # The next thread that ends a job takes the token; or the pool was stopped.
                self._kept_back += 1
            token = 0
        return None

    def _room(self, host: str) -> int:
        """Return how many more threads a host may have; more would only wait at its gate."""
        if host not in self._limits:  # asked for each job, while others wait
            limit = self._most
            with suppress(NotServedError):
                limit = self._gates.at(host).policy.concurrency
            # Some threads are left for other hosts, whatever the limit of this one.
            self._limits[host] = min(limit, max(1, self._most - self._most // 4))
        return self._limits[host] - self._busy[host]
