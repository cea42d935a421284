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
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson

from equigen.dumps.archives import (
    DAMAGED,
    Batch,
    DumpCounts,
    DumpError,
    DumpFile,
    Row,
    checked_rows,
    opened,
    stamp_of,
)
from equigen.dumps.parse import BLOCK_BYTES, RecordKind, batches
from equigen.errors import EquigenError, InputError

PROCESSES = 2
# A worker takes a tenth of a second to start; reading this much takes as long.
_SMALL_BYTES = 1 << 20
# A worker may run this far ahead of its turn: about fifty batches.
_AHEAD_BYTES = 1 << 20
# A worker searches rows and elements for reference cycles rarely, since they have none.
_ALLOCATIONS_BETWEEN_GC = 100_000
# The worker has the module path of this process, without its working folder; like it, it runs in
# UTF-8 whatever the locale says.
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from equigen.dumps.discogs import KINDS;"
    " from equigen.dumps.pool import work; work(sys.argv[1], KINDS)"
)
_UNPACK = (
    "import sys; sys.path[:] = sys.argv[2:]; from equigen.dumps.archives import unpack; unpack()"
)


def read_dump(
    path: Path,
    kind: RecordKind,
    *,
    processes: int = PROCESSES,
    small_bytes: int = _SMALL_BYTES,
    block_bytes: int = BLOCK_BYTES,
    counts: DumpCounts | None = None,
) -> Generator[Sequence[Row], None, None]:
    """Open a Discogs dump; return a generator of batches of rows.

    A dump of less than `small_bytes` is read in this process. Closing the generator, or dropping
    it, ends all worker processes.

    Raises:
        MissingInputError: there is no such file.
        InputError: it can't be opened; while iterating: it isn't whole, or is of another kind.

    """
    with opened(path, kind=kind.root):
        is_small = path.stat().st_size < small_bytes
    if is_small or processes < 1:
        source = _in_this_process(path, kind, block_bytes)
    else:
        source = _by_workers(path, kind.root, processes, block_bytes)
    return checked_rows(source, path, kind=kind.root, counts=counts)


def _in_this_process(
    path: Path, kind: RecordKind, block_bytes: int
) -> Generator[Batch, None, None]:
    with opened(path, kind=kind.root) as dump:
        yield from batches(dump, kind, block_bytes=block_bytes)


def _by_workers(
    path: Path, name: str, processes: int, block_bytes: int
) -> Generator[Batch, None, None]:
    """Yield the batches of the worker processes, each in its turn.

    Raises:
        DumpError: a worker found an error in the dump.
        EquigenError: a worker ended too early.

    """
    workers: list[subprocess.Popen[bytes]] = []
    stamp = stamp_of(path.stat())
    try:
        for index in range(processes):
            setup: list[str | int] = [str(path), stamp, name, index, processes, block_bytes]
            workers.append(_started(_START, repr(setup)))
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
    code: str, setup: str = "", *, stdin: IO[bytes] | int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        [sys.executable, "-X", "utf8", "-c", code, setup, *sys.path],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=None if stdin == subprocess.DEVNULL else subprocess.PIPE,
        # With a small pipe, both sides wait for each other and end up on one core.
        pipesize=_AHEAD_BYTES,
        # Ctrl-C goes to the parent process alone, which ends the workers.
        process_group=0,
    )


@contextmanager
def unpacked(dump: DumpFile, path: Path) -> Iterator[IO[bytes]]:
    """Open the content of a dump, which a worker process decompresses ahead, if it isn't small.

    Of two threads one would wait for the interpreter lock most of the time. The dump's position is
    that of the worker, which shares its file. Reading raises the errors of the dump.
    """
    if path.stat().st_size < _SMALL_BYTES:
        yield cast("IO[bytes]", dump)
        return
    worker = _started(_UNPACK, stdin=dump.file)
    try:
        yield cast("IO[bytes]", _Content(worker, path))
    finally:
        _end([worker])
        cast("IO[bytes]", worker.stderr).close()


@dataclass(frozen=True, slots=True)
class _Content:
    worker: subprocess.Popen[bytes]
    path: Path

    def read(self, size: int) -> bytes:
        data = _output(self.worker).read(size)
        if len(data) < size and self.worker.wait():
            if self.worker.returncode == DAMAGED:
                raise DumpError(cast("IO[bytes]", self.worker.stderr).read().decode())
            raise _ended(self.worker, self.path)
        return data


def _received(process: subprocess.Popen[bytes], path: Path) -> list[Any]:
    """Return the next message of a worker: a batch, or an empty list at the end."""
    line = _output(process).readline()
    if not line.endswith(b"\n"):
        process.wait()
        raise _ended(process, path)
    message: list[Any] | str = orjson.loads(line)
    if isinstance(message, str):
        raise DumpError(message)
    return message


def _ended(process: subprocess.Popen[bytes], path: Path) -> EquigenError:
    code = process.returncode
    msg = (
        f"{path}: a process that read it ended {f'by signal {-code}' if code < 0 else code},"
        " maybe for want of memory. What was read is not taken for the whole: run the same"
        " command again."
    )
    return EquigenError(msg)


def _end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()
        _output(process).close()


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", process.stdout)  # each worker is started with a pipe


def work(setup: str, kinds: Mapping[str, RecordKind]) -> None:
    """Run as a worker process: read this worker's blocks and write their rows to stdout.

    `setup` is the `repr` of path, stamp, root element, index, number of workers, bytes a block.
    """
    path, stamp, name, index, readers, block_bytes = ast.literal_eval(setup)
    gc.set_threshold(_ALLOCATIONS_BETWEEN_GC)
    try:
        with opened(Path(path), kind=name) as dump:
            if dump.stamp != stamp:  # another worker may have opened another file
                _send("it was changed while it was being opened")
                return
            kind = kinds[name]
            for batch in batches(dump, kind, index=index, readers=readers, block_bytes=block_bytes):
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
