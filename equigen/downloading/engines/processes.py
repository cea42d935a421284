"""Where jobs are done: threads of this process, or processes of their own.

Hosts with limits are asked by this process alone, where one set of gates counts for all. The rest
is shared among the processes, each with its part of a host's concurrency.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from time import monotonic
from typing import Protocol

from equigen.downloading.engines.protocol import STOP_LINE, hold_line
from equigen.downloading.jobs import JOBS, OUTCOMES, Job, Outcome
from equigen.http.limits import HostPolicy, policy_for

MOST_THREADS_A_PROCESS = 96
# Jobs handed to a process beyond each host's share: while it gathers outcomes to tell them
# together, none of its threads waits for the next job.
_AHEAD = 32
# Hosts that stand still keep their shares of these, and others have theirs all the same.
_MOST_UNDER_WAY = 8 * MOST_THREADS_A_PROCESS
# One thread for each numeric library in a process that does many things at once already. glibc
# keeps the memory of 64 threads in two places instead of sixteen. What pictures are scaled in is
# kept for the next one: new pages for each would take as long as some of the scaling.
_WORKER_ENV = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "2000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000",
    "PILLOW_BLOCKS_MAX": "8",
    "PILLOW_BLOCK_SIZE": "512k",
}
# The same modules as here, and none that happen to lie in the working folder.
_START = (
    "import sys; sys.path[:] = sys.argv[1:];"
    " from equigen.downloading.engines.worker import main; main()"
)


@dataclass(frozen=True, slots=True)
class News:
    """What a station has to tell: what came of jobs, or that it is gone."""

    station: "Station"
    outcomes: tuple[Outcome, ...] = ()
    is_gone: bool = False


class Station(Protocol):
    """Does jobs and tells of them.

    `under_way` are those that it has, by ticket: who hands them notes them there. `was_ready` says
    that it came as far as to take some.
    """

    under_way: dict[int, Job]
    was_ready: bool

    def room_for(self, host: str) -> int:
        """Return how many more jobs of a host it takes now."""
        ...

    def hand(self, jobs: list[Job]) -> None:
        """Take jobs on."""
        ...

    def hold(self, host: str, pause_s: float) -> None:
        """Let a host rest."""
        ...

    def look(self) -> None:
        """See to it that it has as many threads as help; to be called now and then."""
        ...

    def stop(self) -> None:
        """Finish what is under way, tell of it, then be gone."""
        ...

    def end(self) -> None:
        """Be gone at once."""
        ...


class Local(Station, Protocol):
    """The station of this process, which keeps the limits of the hosts that have some."""

    def serve_all(self) -> None:
        """Take over what the processes would have had of each host: there are none."""
        ...

    def wait_s(self, host: str) -> float:
        """Return how long a host must not be asked."""
        ...

    def sleep(self, wait_s: float) -> None:
        """Wait as everything waits that talks to hosts."""
        ...


class ProcessStation:
    """A process of its own: it asks only hosts that have no limit but their concurrency."""

    def __init__(
        self,
        setup: bytes,
        shares: Mapping[str, HostPolicy],
        news: SimpleQueue[News],
    ) -> None:
        self.under_way: dict[int, Job] = {}
        self.was_ready = False
        self._shares, self._news = shares, news
        self._telling = threading.Lock()
        self._room: dict[str, int] = {}
        self._held_until_s: dict[str, float] = {}
        with _without_signals():
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**_WORKER_ENV, **os.environ},
            )
        self._tell(setup)
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def room_for(self, host: str) -> int:
        """Return room for its share of the host's concurrency, and a few ahead."""
        if self._held_until_s.get(host, 0.0) > monotonic():
            return 0
        if not self._share(host):
            return 0
        busy = Counter(job.host for job in self.under_way.values())
        ahead = sum(max(0, count - self._share(at)) for at, count in busy.items())
        room = max(0, self._share(host) - busy[host]) + max(0, _AHEAD - ahead)
        return min(room, _MOST_UNDER_WAY - len(self.under_way))

    def _share(self, host: str) -> int:
        if host not in self._room:
            concurrency = policy_for(host, self._shares).concurrency
            self._room[host] = min(concurrency, MOST_THREADS_A_PROCESS)
        return self._room[host]

    def hand(self, jobs: list[Job]) -> None:
        """Take jobs on."""
        self._tell(JOBS.write(jobs))

    def hold(self, host: str, pause_s: float) -> None:
        """Let a host rest."""
        self._held_until_s[host] = monotonic() + pause_s
        self._tell(hold_line(host, pause_s))

    def look(self) -> None:
        """Do nothing: it looks after its threads itself."""

    def stop(self) -> None:
        """Finish what is under way."""
        self._tell(STOP_LINE)

    def end(self) -> None:
        """Be gone at once, and leave nothing of the process behind."""
        self._process.kill()
        self._process.wait()

    def _tell(self, line: bytes) -> None:
        # Where nobody listens any more, `_listen` notices as well.
        with self._telling, suppress(OSError, ValueError):
            if self._process.stdin:
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def _listen(self) -> None:
        if self._process.stdout:
            for line in self._process.stdout:
                self.was_ready = True
                with suppress(ValueError):  # half a line, from a process that was killed
                    self._news.put(News(self, tuple(OUTCOMES.read(json.loads(line)))))
            self._process.stdout.close()
        self._process.wait()
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        self._news.put(News(self, is_gone=True))


@contextmanager
def _without_signals() -> Iterator[None]:
    """Let a process that is started here never see what is meant for the one that leads it."""
    if not hasattr(signal, "pthread_sigmask"):  # not on this system
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1
