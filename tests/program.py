"""The program in this process: its command line as a user gives it, what it said, how it ended."""

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from equigen import cli


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def program(*args: str | Path) -> Ran:
    """Run the command line without a process of its own, for tests that run very many commands."""
    out, err = io.StringIO(), io.StringIO()
    with _command_line("equigen", *map(str, args)), redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return Ran(code, out.getvalue(), err.getvalue())


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
