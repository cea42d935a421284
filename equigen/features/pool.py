"""Call a function in worker processes, each of which opens it once."""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from queue import SimpleQueue
from typing import IO, Any, Final, cast

from equigen.downloading.engines.processes import WORKER_ENV
from equigen.errors import EquigenError

_START: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from equigen.features.pool import work; work()"
)
# Documents and rows have no reference cycles; looking for them takes a tenth of the time.
_ALLOCATIONS_BETWEEN_GC: Final = 100_000
# Documents have some 60 KB; with a small pipe, both sides wait for each other.
_PIPE_BYTES: Final = 1 << 20
Function = Callable[[Any], Any]


@contextmanager
def in_processes(
    count: int, opening: Callable[..., Function], *setup: object
) -> Iterator[Function]:
    """Give the function that `opening(*setup)` returns, as one for `count` threads to call.

    Each call is carried out by one of so many processes, or by this one if it is one or none.
    `opening` is a function of a module; all values can be pickled.

    Raises:
        EquigenError: `opening` raises it; while calling: a process ends too early.

    """
    if count <= 1:
        yield opening(*setup)
        return
    free = SimpleQueue[subprocess.Popen[bytes]]()
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-X", "utf8", "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pipesize=_PIPE_BYTES,
                env={**WORKER_ENV, **os.environ},
                process_group=0,  # Ctrl-C goes to this process alone, which ends the workers
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            with suppress(OSError):  # one that has died is found by its first part
                _send(process.stdin, (opening.__module__, opening.__name__, setup))
            free.put(process)

        def call(value: object) -> object:
            process = free.get()
            try:
                _send(process.stdin, value)
                output = cast("IO[bytes]", process.stdout)
                answer = pickle.load(output)  # noqa: S301  (our own process)
            except (OSError, EOFError, pickle.UnpicklingError):
                code = process.wait()
                msg = (
                    f"a process ended {f'by signal {-code}' if code < 0 else code}, maybe for want"
                    " of memory. Finished parts are kept: run the same command again, with fewer"
                    " processes (features.processes)."
                )
                raise EquigenError(msg) from None
            finally:
                free.put(process)
            if isinstance(answer, EquigenError):
                raise answer
            return answer

        yield call


def work() -> None:
    """Run as a worker process: receive what opens the function, then values; send its answers."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else is printed into the pipe
    gc.set_threshold(_ALLOCATIONS_BETWEEN_GC)
    # The parent process has closed the pipe, or is gone.
    with suppress(EOFError, BrokenPipeError):
        module, name, setup = pickle.load(sys.stdin.buffer)  # noqa: S301  (from the parent process)
        function: Function | None = None
        while True:
            value = pickle.load(sys.stdin.buffer)  # noqa: S301  (as above)
            try:
                function = function or getattr(import_module(module), name)(*setup)
                answer = function(value)
            except EquigenError as err:
                answer = err
            _send(pipe, answer)


def _send(pipe: IO[bytes] | None, message: object) -> None:
    if pipe:
        pickle.dump(message, pipe)
        pipe.flush()
