"""Queue jobs on disk, one queue per host; memory holds only their positions in a file."""

import pickle
import tempfile
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from equigen.downloading.jobs import Job
from equigen.storage.os_errors import translating_os_errors


@dataclass(slots=True)
class _HostQueue:
    """Waiting jobs of one host, by position: returned ones first, then new, then tried before."""

    fresh: "array[int]" = field(default_factory=lambda: array("q"))
    tried: "array[int]" = field(default_factory=lambda: array("q"))
    fresh_taken: int = 0
    tried_taken: int = 0
    returned: deque[int] = field(default_factory=deque)

    def __len__(self) -> int:
        waiting = len(self.fresh) - self.fresh_taken + len(self.tried) - self.tried_taken
        return waiting + len(self.returned)

    def take(self) -> int:
        """Remove and return the next job's position; an IndexError says that none waits."""
        if self.returned:
            return self.returned.popleft()
        if self.fresh_taken < len(self.fresh):
            self.fresh_taken += 1
            return self.fresh[self.fresh_taken - 1]
        self.tried_taken += 1
        return self.tried[self.tried_taken - 1]


class JobQueues(AbstractContextManager["JobQueues"]):
    """Queues of all hosts in one unnamed file below `folder`; use it as a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._size_bytes = 0
        self._is_at_end = True
        self._queues: dict[str, _HostQueue] = {}
        with translating_os_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".equigen-")  # noqa: SIM115  (closed by __exit__)

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def counts(self) -> Mapping[str, int]:
        """Return the number of waiting jobs per host, in the order in which hosts were added."""
        return {host: len(queue) for host, queue in self._queues.items()}

    def count(self, host: str) -> int:
        """Return the number of waiting jobs of a host."""
        return len(self._queues[host]) if host in self._queues else 0

    def add(self, job: Job, *, tried_before: bool = False) -> None:
        """Append a job to its host's queue; its position becomes its ticket."""
        record = pickle.dumps(job)
        job.ticket = self._size_bytes
        with translating_os_errors(self._folder):
            if not self._is_at_end:
                self._file.seek(self._size_bytes)
                self._is_at_end = True
            self._file.write(record)
        self._size_bytes += len(record)
        queue = self._queues.setdefault(job.host, _HostQueue())
        (queue.tried if tried_before else queue.fresh).append(job.ticket)

    def give_back(self, job: Job) -> None:
        """Put a job that was taken and not done back to the front of its queue."""
        self._queues[job.host].returned.append(job.ticket)

    def take(self, host: str) -> Job:
        """Remove and return the host's next job; an IndexError says that none waits."""
        ticket = self._queues[host].take()
        self._is_at_end = False
        with translating_os_errors(self._folder):
            self._file.seek(ticket)
            job: Job = pickle.load(self._file)  # noqa: S301  (written by `add`)
        job.ticket = ticket
        return job

    def take_all(self) -> Iterator[Job]:
        """Remove and yield all waiting jobs."""
        for host, queue in self._queues.items():
            while queue:
                yield self.take(host)
