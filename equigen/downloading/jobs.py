"""What passes between the download stage and those who fetch for it, in threads or processes.

Both are flat and of JSON's own types, so that a pipe carries them as they are.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

from equigen.images.rendering import Demands, Rendering

# What a job is for.
FETCH = "fetch"  # a cover that isn't there
MAKE = "make"  # further sizes of an original that is here, at `source`
ASK = "ask"  # whether a cover that is there has changed at its host
RENEW = "renew"  # a cover whose address was refused, by the one that its source has for it now

# How a job ended, beside those that the ledger knows as a cover's status.
UNCHANGED = "unchanged"  # the host still has the picture that we have
RESTS = "rests"  # its host gives nothing more for now
ELSEWHERE = "elsewhere"  # it leads to a host that this one must not ask
SPOILT = "spoilt"  # the original that sizes were to be made of isn't what it was
GONE = "gone"  # its source has no other address for it
MOVED = "moved"  # its source has another picture now, at `url`
STOPPED = "stopped"
ERROR = "error"  # the run can't go on: the disk refuses
HOLD = "hold"  # no job's end: `host` asks everybody to wait for `pause_s`


@dataclass(slots=True)
class Job:
    """One picture to fetch: `ticket` tells it from all others of its run.

    `path` is below the images folders; `host` the one that it is counted against; `kind` one of the
    words above. `sha256`, `etag` and `last_modified` are of the picture that is there, if one is;
    `refused` is the status with which its address was refused.
    """

    ticket: int
    path: str
    picture: str
    url: str
    host: str
    kind: str = FETCH
    source: str = ""
    sha256: str = ""
    etag: str = ""
    last_modified: str = ""
    album_id: str = ""
    refused: int = 0


@dataclass(slots=True)
class Outcome:
    """How a job ended: `status` is a cover's, or one of the words above.

    Where it is "ok", the files lie beside their targets (`beside`). `host`, `message` and
    `resumes_at_s`, in Unix time, go with the words above; `received_bytes` is the length of the
    body; `url` is the picture's new address, where it has one.
    """

    ticket: int
    status: str
    reason: str = ""
    message: str = ""
    host: str = ""
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
    look: str = ""
    pause_s: float = 0.0
    resumes_at_s: float = 0.0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Making:
    """What is made of a picture and where: `folders` has one for each of `renderings`.

    `run` tells this run's files from those of any other, while they lie beside their targets.
    """

    demands: Demands
    renderings: tuple[Rendering, ...]
    folders: tuple[Path, ...]
    max_bytes: int
    run: str


T = TypeVar("T", Job, Outcome)


class Lines(Generic[T]):
    """Writes many of a kind as one line of JSON, and reads them back."""

    def __init__(self, kind: type[T]) -> None:
        self._kind: type[T] = kind
        self._values = attrgetter(*(field.name for field in fields(kind)))

    def values(self, item: T) -> tuple[Any, ...]:
        """Return an item as JSON has it."""
        values: tuple[Any, ...] = self._values(item)
        return values

    def write(self, items: Iterable[T]) -> bytes:
        """Return the line, with its end."""
        return json.dumps([self._values(item) for item in items]).encode() + b"\n"

    def read(self, values: list[list[Any]]) -> list[T]:
        """Return what was written, from the line's parsed JSON."""
        return [self._kind(*each) for each in values]


JOBS = Lines(Job)
OUTCOMES = Lines(Outcome)


# What files are called that never came to their place, should a run be killed.
UNPLACED = ".new-"


def beside(target: str, run: str, ticket: int) -> str:
    """Return where a file lies until the ledger knows of it: hidden, and of no picture's kind."""
    return f"{target.rpartition('/')[0]}/{UNPLACED}{run}-{ticket}"


def target_of(folder: Path, path: str, rendering: Rendering) -> str:
    """Return where a cover's file of a rendering belongs."""
    if path.endswith(rendering.suffix):
        return f"{folder}/{path}"
    return f"{folder}/{path.rpartition('.')[0]}{rendering.suffix}"
