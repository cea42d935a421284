"""The program in this process: its command line as a user gives it, what it said, how it ended."""

import io
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from equigen.cli import app


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def program(*args: str | Path) -> Ran:
    """Run the command line without a process of its own, for tests that run very many commands."""
    err = io.StringIO()
    with _command_line("equigen", *map(str, args)), _stdout() as out, redirect_stderr(err):
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        sys.stdout.flush()
        out.seek(0)
        said = out.read().decode("utf-8")
    return Ran(code, said, err.getvalue())


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    """Let standard output be a file: the program takes the descriptor, whatever Python has."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with tempfile.TemporaryFile() as out, redirect_stdout(sys.stdout):  # which puts it back
            os.dup2(out.fileno(), 1)
            yield out
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _command_line(*args: str) -> Iterator[None]:
    before = sys.argv
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    sys.argv = list(args)
    try:
        yield
    finally:
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if sys.platform != "win32":  # where the program blocks it in the end
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
