"""Jobs that wait, on disk: of a million, memory holds but their places, host by host."""

import json
import tempfile
from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from equigen.downloading.jobs import JOBS, Job
from equigen.storage.os_errors import translating_os_errors


class Spool:
    """Keeps values that JSON can hold in a file that nobody sees; close it after use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._size_bytes = 0
        self._at_end = True
        with translating_os_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".equigen-")  # noqa: SIM115  (closed by close)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def add(self, value: Sequence[Any]) -> int:
        """Keep a value and return the place where it is."""
        line = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with translating_os_errors(self._folder):
            if not self._at_end:
                self._file.seek(self._size_bytes)
                self._at_end = True
            self._file.write(line)
        place = self._size_bytes
        self._size_bytes += len(line)
        return place

    def get(self, place: int) -> list[Any]:
        """Return the value at a place."""
        self._at_end = False
        with translating_os_errors(self._folder):
            self._file.seek(place)
            line = self._file.readline()
        value: list[Any] = json.loads(line.decode("utf-8", "surrogatepass"))
        return value


@dataclass(slots=True)
class _HostQueue:
    """The jobs of one host that wait, by their places: those never tried before go first."""

    _fresh: "array[int]" = field(default_factory=lambda: array("q"))
    _tried: "array[int]" = field(default_factory=lambda: array("q"))
    _fresh_taken: int = 0
    _tried_taken: int = 0
    _returned: deque[int] = field(default_factory=deque)

    def __len__(self) -> int:
        waiting = len(self._fresh) - self._fresh_taken + len(self._tried) - self._tried_taken
        return waiting + len(self._returned)

    def add(self, place: int, *, tried_before: bool) -> None:
        """Let a job wait."""
        (self._tried if tried_before else self._fresh).append(place)

    def give_back(self, place: int) -> None:
        """Let a job wait that was taken and not done."""
        self._returned.append(place)

    def take(self) -> int:
        """Return the next job's place.

        Raises:
            IndexError: none waits.

        """
        if self._returned:
            return self._returned.popleft()
        if self._fresh_taken < len(self._fresh):
            self._fresh_taken += 1
            return self._fresh[self._fresh_taken - 1]
        self._tried_taken += 1
        return self._tried[self._tried_taken - 1]


class JobQueues:
    """The jobs of all hosts that wait; use it as a context."""

    def __init__(self, folder: Path) -> None:
        self._spool = Spool(folder)
        self._queues: dict[str, _HostQueue] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def counts(self) -> Mapping[str, int]:
        """Return how many jobs of each host wait, hosts in the order in which they came."""
        return {host: len(queue) for host, queue in self._queues.items()}

    def count(self, host: str) -> int:
        """Return how many jobs of a host wait."""
        return len(self._queues[host]) if host in self._queues else 0

    def add(self, job: Job, *, tried_before: bool = False) -> None:
        """Let a job wait; its place is its ticket."""
        job.ticket = self._spool.add(JOBS.values(job))
        self._queues.setdefault(job.host, _HostQueue()).add(job.ticket, tried_before=tried_before)

    def give_back(self, job: Job) -> None:
        """Let a job wait that was taken and not done."""
        self._queues[job.host].give_back(job.ticket)

    def take(self, host: str) -> Job:
        """Return the host's next job: those never tried before go first.

        Raises:
            IndexError: none waits.

        """
        ticket = self._queues[host].take()
        job = Job(*self._spool.get(ticket))
        job.ticket = ticket
        return job

    def take_all(self) -> Iterator[Job]:
        """Take all jobs that wait."""
        for host, queue in self._queues.items():
            while queue:
                yield self.take(host)
