"""Define jobs, their results, and the settings of a download: all of it can be pickled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from equigen.http.limits import HostPolicy, Patience
from equigen.images.rendering import Demands, Rendering
from equigen.storage.below import FileBelow

if TYPE_CHECKING:
    from equigen.downloading.engines.processes import ProcessExecutor
    from equigen.downloading.engines.threads import ThreadExecutor

    # `running` holds the submitted jobs by ticket; only the scheduler adds and removes them.
    # `is_ready` is set once the executor has started far enough to accept jobs.
    Executor: TypeAlias = ThreadExecutor | ProcessExecutor

# Kinds of jobs.
FETCH = "fetch"  # download a missing cover
MAKE = "make"  # make further sizes of an original that is here, at `source`
ASK = "ask"  # ask the host whether a cover that is here has changed
RENEW = "renew"  # ask the source for a new URL of a cover, then download it

# Queue of the jobs that need a new URL; no host has this name.
RENEWALS = "addresses to renew"

# Statuses of results, in addition to those of a cover in the ledger.
UNCHANGED = "unchanged"  # the host still has the picture that is here
RESTS = "rests"  # the host gives nothing more for now; the job waits for another run
ELSEWHERE = "elsewhere"  # the job led to a host that this executor must not ask
SPOILT = "spoilt"  # the original that sizes were to be made of has changed
GONE = "gone"  # the source has no URL for the picture any more
MOVED = "moved"  # the source has another picture now, at `url`
STOPPED = "stopped"  # the job was not begun before the executor stopped
ERROR = "error"  # the run can't go on: the disk refuses

# Prefix of files that are complete but not yet in their place.
UNPLACED = ".new-"


class _Compact:
    """Pickle a dataclass as its values, in order: half the bytes and time of names and values."""

    __slots__: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), _getter_of(self.__slots__)(self)


@cache
def _getter_of(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    return attrgetter(*names)


@dataclass(slots=True)
class Job(_Compact):
    """One picture to fetch; `ticket` is unique within a run.

    `path` is relative to the images folders, and so are `links`, where the picture is to be found
    as well. `host` is the queue that the job waits in, `kind` one of
    the kinds above. `sha256`, `etag` and `last_modified` describe the picture that is here, if one
    is; `refused` is the HTTP status with which its URL was refused.
    """

    ticket: int
    path: str
    picture: str
    url: str
    host: str
    kind: str = FETCH
    source: FileBelow | None = None
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    album_id: str = ""
    refused: int = 0
    links: tuple[str, ...] = ()


@dataclass(slots=True)
class JobResult(_Compact):
    """Outcome of a job; `status` is that of a cover, or one of the statuses above.

    With status "ok" the files lie beside their targets (`beside`). `received_bytes` is the length
    of the body, `resumes_at_s` (Unix time) goes with `RESTS`, `url` is the picture's new URL.
    """

    job: Job
    status: str
    reason: str = ""
    message: str = ""
    http_status: int = 0
    tries: int = 1
    received_bytes: int = 0
    size_bytes: int = 0
    width_px: int = 0
    height_px: int = 0
    sha256: str = ""
    final_url: str = ""
    etag: str = ""
    last_modified: str = ""
    phash: str = ""
    look: bytes = b""
    resumes_at_s: float = 0.0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Request of a host to send nothing for `pause_s`, passed on to all executors."""

    host: str
    pause_s: float


# Results and holds of an executor; None is its last message, when it has stopped or died.
Inbox = SimpleQueue[tuple["Executor", Sequence[JobResult | Hold] | None]]


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """Settings of a run's downloads, for threads and processes alike.

    `policies` are limits by host pattern; `folders` has one folder for each of `renderings`. `run`
    is part of the names of unplaced files, to tell them from those of other runs. `refused` are the
    sha256 (hex) of bytes that are no covers. The last two are for processes: print requests to
    stderr, and join the run's log.
    """

    policies: Mapping[str, HostPolicy]
    user_agent: str
    patience: Patience
    demands: Demands
    renderings: tuple[Rendering, ...]
    folders: tuple[Path, ...]
    max_bytes: int
    run: str
    refused: frozenset[str] = frozenset()
    is_verbose: bool = False
    join_log: Callable[[], None] | None = None


def beside(target: FileBelow, run: str, ticket: int) -> FileBelow:
    """Return the hidden file beside a target that waits there until the ledger has its cover."""
    label = target.path.rpartition("/")[0]
    return FileBelow(target.root, f"{label}/{UNPLACED}{run}-{ticket}", target.folder)


def target_of(folder: Path, path: str, rendering: Rendering) -> FileBelow:
    """Return a cover's file in a rendering."""
    return FileBelow(folder, f"{path.rpartition('.')[0]}{rendering.suffix}")
