"""A dump read by a few processes, each taking its turn with the blocks; small ones without any.

Each process decompresses all of the dump and parses its own blocks: that costs less than passing
blocks between them, and their rows come back in the order of the dump.
"""

import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Generic, Self, TypeVar

import orjson

from equigen.dumps.decompress import DumpError, opened, stamp_of
from equigen.dumps.parse import BLOCK_BYTES, Batch, Cell, Kind, batches
from equigen.errors import EquigenError, InputError

# Processes take a tenth of a second to start: meanwhile one reads as much as this.
SMALL_BYTES = 1 << 20
# What a process may tell before it is its turn: some fifty batches. It needs no more than this.
_AHEAD_BYTES = 1 << 20
# The same modules as here, and none that happen to lie in the working folder.
_START = (
    "import sys; sys.path[:] = sys.argv[2:];"
    " from equigen.dumps.worker import main; main(sys.argv[1])"
)
Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class Effort:
    """How a dump is read: by how many processes, and in this one where it is small."""

    processes: int = 2
    small_bytes: int = SMALL_BYTES
    block_bytes: int = BLOCK_BYTES


@dataclass(slots=True)
class _Tally:
    """What was read so far."""

    records: int = 0
    skipped: int = 0
    position: int = 0


class Reading(Generic[Named]):
    """A dump that is being read: iterate over it, once, for batches of rows.

    Whoever looks away ends it, with all processes; so does `close`, or the end of a `with` block.
    """

    def __init__(
        self,
        path: Path,
        kind: Kind,
        make: Callable[[Iterable[Cell]], Named],
        *,
        effort: Effort,
        on_read: Callable[[int], None],
    ) -> None:
        name = kind.markup.root
        with opened(path, made_by=_made_by(name)):
            pass
        is_small = path.stat().st_size < effort.small_bytes
        if is_small or effort.processes < 1:
            source = _here(path, kind, effort.block_bytes)
        else:
            source = _crew(path, name, effort)
        self._tally = _Tally()
        # Nothing of it leads back here, so that it ends as soon as this is let go.
        self._batches = _told(source, self._tally, make, on_read, path, name)

    @property
    def skipped(self) -> int:
        """How many records so far have no number, and so no row."""
        return self._tally.skipped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Named]:
        return next(self._batches)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End at once, with all processes."""
        self._batches.close()


def _told(
    source: Generator[Batch, None, None],
    tally: _Tally,
    make: Callable[[Iterable[Cell]], Named],
    on_read: Callable[[int], None],
    path: Path,
    name: str,
) -> Generator[list[Named], None, None]:
    """Yield rows as they are named, and tell how far it got.

    Raises:
        InputError: the dump isn't whole, or isn't what it should be.

    """
    try:
        for batch in source:
            tally.skipped += batch.skipped
            tally.records += len(batch.rows) + batch.skipped
            on_read(batch.position - tally.position)
            tally.position = batch.position
            if batch.rows:
                yield list(map(make, batch.rows))
    except DumpError as err:
        msg = (
            f"{path}: {err}. Expected a whole dump of Discogs' {name}; {tally.records:,} {name}"
            f" were read before, which are not taken for the whole. `{_made_by(name)}` gets it"
            " anew."
        )
        raise InputError(msg) from None
    finally:
        source.close()


def _made_by(name: str) -> str:
    return f"equigen dumps get {name}"


def _here(path: Path, kind: Kind, block_bytes: int) -> Generator[Batch, None, None]:
    with opened(path, made_by=_made_by(kind.markup.root)) as dump:
        yield from batches(dump, kind, block_bytes=block_bytes)


def _crew(path: Path, name: str, effort: Effort) -> Generator[Batch, None, None]:
    """Yield what processes tell, each in its turn.

    Raises:
        DumpError: what one of them raised.
        EquigenError: one ended before it should.

    """
    crew: list[subprocess.Popen[bytes]] = []
    stamp = stamp_of(path.stat())
    try:
        for index in range(effort.processes):
            crew.append(_started(path, stamp, name, index, effort))  # noqa: PERF401  (ended also if one fails)
        turn = 0
        while said := _heard(crew[turn % len(crew)], path):
            batch = Batch(*said)
            if batch.is_rest and len(crew) > 1:
                crew, others = [crew[turn % len(crew)]], [*crew]
                _end(each for each in others if each not in crew)
            yield batch
            turn += 1
    finally:
        _end(crew)


def _started(
    path: Path, stamp: str, name: str, index: int, effort: Effort
) -> subprocess.Popen[bytes]:
    setup = [str(path), stamp, name, index, effort.processes, effort.block_bytes]
    return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        [sys.executable, "-c", _START, repr(setup), *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # Who waits for the other at each batch shares a core with it, whatever cores are free.
        pipesize=_AHEAD_BYTES,
        # A Ctrl-C is for the process that leads: it ends the others.
        process_group=0,
    )


def _heard(process: subprocess.Popen[bytes], path: Path) -> list[Any]:
    """Return what a process says next: a batch, or nothing at the end."""
    line = _output(process).readline()
    if not line.endswith(b"\n"):
        code = process.wait()
        msg = (
            f"{path}: a process that read it ended {f'by signal {-code}' if code < 0 else code},"
            " maybe for want of memory. What was read is not taken for the whole: run the same"
            " command again."
        )
        raise EquigenError(msg)
    said = orjson.loads(line)
    if isinstance(said, str):
        raise DumpError(said)
    batch: list[Any] = said
    return batch


def _end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        _output(process).close()


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:  # they are all started with one
        msg = "a process without its output"
        raise EquigenError(msg)
    return process.stdout
