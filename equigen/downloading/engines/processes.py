"""Run download jobs in worker processes, each with its share of every host's concurrency.

The protocol is pickled messages over pipes. To a worker (`worker.py`): its `ExecutorSettings`
first, then lists of `Job`, `Hold`, and None to stop. From a worker: lists of `JobResult` and
`Hold`; an empty one first, when it is ready.

A worker is a fresh interpreter, not one of multiprocessing: it imports nothing of the caller's
__main__, needs no guard there, and inherits neither locks nor files.
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from time import monotonic

from equigen.downloading.jobs import ExecutorSettings, Hold, Inbox, Job
from equigen.http.limits import HostPolicy, policy_for

THREADS_PER_PROCESS = 96
# Jobs submitted beyond each host's share, so that no thread waits for the next job while a worker
# gathers results into one message.
_AHEAD = 32
# Hosts that don't respond keep their shares; the others still have room for theirs.
_MOST_RUNNING = 8 * THREADS_PER_PROCESS
# A worker's numeric libraries use one thread each. glibc keeps the memory of 64 threads in two
# arenas instead of sixteen, and buffers of scaled pictures are reused: to map new pages for each
# would take as long as some of the scaling.
WORKER_ENV = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "2000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000",
    "PILLOW_BLOCKS_MAX": "8",
    "PILLOW_BLOCK_SIZE": "512k",
}
# The worker has this process's module path, without the working folder that -c adds; like it, it
# names files in UTF-8 whatever the locale says.
_START = (
    "import gc, sys; gc.disable(); sys.path[:] = sys.argv[1:];"
    " from equigen.downloading.engines.worker import main; main()"
)


class ProcessExecutor:
    """Executor in a worker process, for hosts without other limits than their concurrency."""

    def __init__(self, settings: ExecutorSettings, inbox: Inbox) -> None:
        self.running: dict[int, Job] = {}
        self.is_ready = False
        self._inbox = inbox

        @cache
        def share(host: str) -> int:
            return min(policy_for(host, settings.policies).concurrency, THREADS_PER_PROCESS)

        self._share = share
        self._held_until_s: dict[str, float] = {}
        self._sending = threading.Lock()
        with _signals_blocked():
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-X", "utf8", "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**WORKER_ENV, **os.environ},
            )
        self._send(settings)
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def capacity(self, host: str) -> int:
        """Return the room in its share of the host's concurrency, and for a few jobs ahead."""
        share = self._share(host)
        if not share or self._held_until_s.get(host, 0.0) > monotonic():
            return 0
        busy = Counter(job.host for job in self.running.values())
        ahead = sum(max(0, count - self._share(at)) for at, count in busy.items())
        room = max(0, share - busy[host]) + max(0, _AHEAD - ahead)
        return min(room, _MOST_RUNNING - len(self.running))

    def submit(self, jobs: Sequence[Job]) -> None:
        """Send jobs to the worker."""
        self._send(jobs)

    def hold(self, host: str, pause_s: float) -> None:
        """Send a host no request for a while."""
        self._held_until_s[host] = monotonic() + pause_s
        self._send(Hold(host, pause_s))

    def stop(self) -> None:
        """Let the worker finish the requests under way and end."""
        self._send(None)

    def close(self) -> None:
        """Kill the worker, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def _send(self, message: ExecutorSettings | Sequence[Job] | Hold | None) -> None:
        data = pickle.dumps(message)
        # A worker that has died is reported by `_listen`.
        with self._sending, suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.write(data)
                self._process.stdin.flush()

    def _listen(self) -> None:
        if output := self._process.stdout:
            # A worker that is killed may leave half a message.
            with output, suppress(EOFError, pickle.UnpicklingError):
                while True:
                    messages = pickle.load(output)  # noqa: S301  (our own process)
                    self.is_ready = True
                    self._inbox.put((self, messages))
        self._process.wait()
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._inbox.put((self, None))


def share_out(
    policies: Mapping[str, HostPolicy], workers: int
) -> tuple[dict[str, HostPolicy], dict[str, HostPolicy]]:
    """Divide hosts' limits into the policies of this process and those of each of its workers.

    A rate can be enforced in one place only, so hosts with one are left to this process; a
    concurrency is divided. A concurrency of 0 means that the worker must not ask the host. This
    process keeps a little of every host, since redirects may lead its own requests there.
    """
    here, each = dict(policies), {}
    for pattern, policy in policies.items():
        is_limited = policy.per_minute or policy.per_day or policy.spacing_s or not workers
        part = 0 if is_limited else (policy.concurrency - 1) // workers
        each[pattern] = replace(policy, concurrency=part)
        here[pattern] = replace(policy, concurrency=policy.concurrency - workers * part)
    return here, each


def usable_cores() -> int:
    """Return how many cores this process may use."""
    cores = os.cpu_count() or 1
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    return cores


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM, so that a process started meanwhile never receives them."""
    if sys.platform == "win32":  # which has no masks
        yield
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
