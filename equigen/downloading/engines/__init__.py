"""Define the interface between the scheduler and the executors of download jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from equigen.downloading.jobs import Result

THREADS_PER_PROCESS = 96


@dataclass(frozen=True, slots=True)
class Hold:
    """Request of a host to send nothing for `pause_s`, passed on to all executors."""

    host: str
    pause_s: float


if TYPE_CHECKING:
    from equigen.downloading.engines.processes import ProcessExecutor
    from equigen.downloading.engines.threads import ThreadExecutor

    # `running` holds the submitted jobs by ticket; only the scheduler adds and removes them.
    # `is_ready` is set once the executor has started far enough to accept jobs.
    Executor: TypeAlias = ThreadExecutor | ProcessExecutor

# Results and holds of an executor; None is its last message, when it has stopped or died.
Inbox = SimpleQueue[tuple["Executor", Sequence[Result | Hold] | None]]
