"""Read a Discogs dump with a pool of worker processes; read a small one in this process.

Each worker decompresses the whole dump and parses every n-th block: that costs less than passing
blocks between processes, and the rows come back in the order of the dump. A worker writes a line of
JSON for each batch, then an empty list, or a text with the error that it found in the dump.
"""

import ast
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Generic, Self, TypeVar

import orjson

from equigen.dumps.blocks import DumpError, opened, stamp_of
from equigen.dumps.parse import BLOCK_BYTES, Batch, Cell, RecordKind, Turn, batches
from equigen.errors import EquigenError, InputError

# A worker takes a tenth of a second to start; reading this much takes as long.
SMALL_BYTES = 1 << 20
# A worker may run this far ahead of its turn: about fifty batches.
_AHEAD_BYTES = 1 << 20
# A worker searches rows and elements for reference cycles rarely, since they have none.
_ALLOCATIONS_BETWEEN_GC = 100_000
# The worker has the module path of this process, without its working folder.
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from equigen.dumps.discogs import KINDS;"
    " from equigen.dumps.pool import work; work(sys.argv[1], KINDS)"
)
Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class Effort:
    """The number of worker processes, and the size below which a dump is read without any."""

    processes: int = 2
    small_bytes: int = SMALL_BYTES
    block_bytes: int = BLOCK_BYTES


@dataclass(slots=True)
class _Tally:
    """Counts of what was read so far."""

    records: int = 0
    skipped: int = 0
    position: int = 0


class Reading(Generic[Named]):
    """An iterator over the batches of rows of a dump.

    `close`, the end of a `with` block, or dropping the iterator ends all worker processes.
    """

    def __init__(
        self,
        path: Path,
        kind: RecordKind,
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
            source = _in_this_process(path, kind, effort.block_bytes)
        else:
            source = _by_workers(path, name, effort)
        self._tally = _Tally()
        # The generator holds no reference to this object, so it ends when this object is dropped.
        self._batches = _named(source, self._tally, make, on_read, path, name)

    @property
    def skipped(self) -> int:
        """The number of records so far that have no number, and so no row."""
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
        """End at once, with all worker processes."""
        self._batches.close()


def _named(
    source: Generator[Batch, None, None],
    tally: _Tally,
    make: Callable[[Iterable[Cell]], Named],
    on_read: Callable[[int], None],
    path: Path,
    name: str,
) -> Generator[list[Named], None, None]:
    """Yield the batches as named rows, and report progress.

    Raises:
        InputError: the dump isn't whole, or is of another kind.

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


def _in_this_process(
    path: Path, kind: RecordKind, block_bytes: int
) -> Generator[Batch, None, None]:
    with opened(path, made_by=_made_by(kind.markup.root)) as dump:
        yield from batches(dump, kind, block_bytes=block_bytes)


def _by_workers(path: Path, name: str, effort: Effort) -> Generator[Batch, None, None]:
    """Yield the batches of the worker processes, each in its turn.

    Raises:
        DumpError: a worker found an error in the dump.
        EquigenError: a worker ended too early.

    """
    workers: list[subprocess.Popen[bytes]] = []
    stamp = stamp_of(path.stat())
    try:
        for index in range(effort.processes):
            workers.append(_started(path, stamp, name, index, effort))  # noqa: PERF401  (ended also if one fails)
        turn = 0
        while message := _received(workers[turn % len(workers)], path):
            batch = Batch(*message)
            if batch.is_rest and len(workers) > 1:
                workers, others = [workers[turn % len(workers)]], [*workers]
                _end(each for each in others if each not in workers)
            yield batch
            turn += 1
    finally:
        _end(workers)


def _started(
    path: Path, stamp: str, name: str, index: int, effort: Effort
) -> subprocess.Popen[bytes]:
    setup = [str(path), stamp, name, index, effort.processes, effort.block_bytes]
    return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        [sys.executable, "-c", _START, repr(setup), *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # With a small pipe, both sides wait for each other and end up on one core.
        pipesize=_AHEAD_BYTES,
        # Ctrl-C goes to the parent process alone, which ends the workers.
        process_group=0,
    )


def _received(process: subprocess.Popen[bytes], path: Path) -> list[Any]:
    """Return the next message of a worker: a batch, or an empty list at the end."""
    line = _output(process).readline()
    if not line.endswith(b"\n"):
        code = process.wait()
        msg = (
            f"{path}: a process that read it ended {f'by signal {-code}' if code < 0 else code},"
            " maybe for want of memory. What was read is not taken for the whole: run the same"
            " command again."
        )
        raise EquigenError(msg)
    message = orjson.loads(line)
    if isinstance(message, str):
        raise DumpError(message)
    batch: list[Any] = message
    return batch


def _end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        _output(process).close()


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:  # never: each worker is started with a pipe
        msg = "a process without its output"
        raise EquigenError(msg)
    return process.stdout


def work(setup: str, kinds: Mapping[str, RecordKind]) -> None:
    """Run as a worker process: read this worker's blocks and write their rows to stdout.

    `setup` is the `repr` of path, stamp, root element, index, number of workers, bytes a block.
    """
    path, stamp, name, index, readers, block_bytes = ast.literal_eval(setup)
    gc.set_threshold(_ALLOCATIONS_BETWEEN_GC)
    try:
        with opened(Path(path), made_by="") as dump:
            if dump.stamp != stamp:  # another worker may have opened another file
                _send("it was changed while it was being opened")
                return
            turn = Turn(index, readers)
            for batch in batches(dump, kinds[name], turn=turn, block_bytes=block_bytes):
                _send(tuple(batch))
        _send(())
    except (DumpError, InputError) as err:
        _send(str(err))


def _send(message: object) -> None:
    try:
        sys.stdout.buffer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(1)  # the parent process is gone
