"""Define the interface between the scheduler and the executors of download jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from equigen.downloading.jobs import Job, Result

THREADS_PER_PROCESS = 96


@dataclass(frozen=True, slots=True)
class Hold:
    """Request of a host to send nothing for `pause_s`, passed on to all executors."""

    host: str
    pause_s: float


class Executor(Protocol):
    """Run jobs, and put their results into the scheduler's inbox.

    `running` holds the submitted jobs by ticket; only the scheduler adds and removes them.
    `is_ready` is set once the executor has started far enough to accept jobs.
    """

    running: dict[int, Job]
    is_ready: bool

    def capacity(self, host: str) -> int:
        """Return how many more jobs of a host can be submitted now."""
        ...

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue jobs for execution."""
        ...

    def hold(self, host: str, pause_s: float) -> None:
        """Send a host no request for a while."""
        ...

    def adjust(self) -> None:
        """Start more threads where that helps; called regularly."""
        ...

    def stop(self) -> None:
        """Finish the requests under way, report their results, then report the end."""
        ...

    def close(self) -> None:
        """End at once."""
        ...


# Results and holds of an executor; None is its last message, when it has stopped or died.
Inbox = SimpleQueue[tuple[Executor, Sequence[Result | Hold] | None]]
