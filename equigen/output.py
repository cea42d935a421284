"""Write results, complaints and events.

Standard output and standard error may be full, closed, or read by nobody. Events are for
`--verbose`, and for the log file that programs read: their names and fields are in docs/cron.md.
"""

import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from errno import EPIPE
from typing import NoReturn

from equigen.errors import OutputClosedError, OutputError, without_controls

Fact = str | float | Sequence[str] | Mapping[str, object] | None

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_log = logging.getLogger("equigen.events")


class _Stdout(io.TextIOWrapper):
    """Standard output that raises `OutputError`, and discards all text after the first error."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as err:
            self._give_up(err)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as err:
            self._give_up(err)

    def _give_up(self, err: OSError) -> NoReturn:
        # Buffered text would be written again, and fail again, when the process ends.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (a device, not a path of ours)
            os.dup2(nowhere.fileno(), self.fileno())
        if err.errno == EPIPE:
            msg = "standard output was closed by its reader"
            raise OutputClosedError(msg) from err
        msg = (
            f"standard output can't be written: {err.strerror or err}. What was done is kept; make"
            " room there, or send it elsewhere, then run again."
        )
        raise OutputError(msg) from err


def take_over_stdout() -> None:
    """Make standard output raise `OutputError`, and write any character.

    Where it, or standard error, was closed before we began, text for it is discarded, and no other
    file gets its descriptor.
    """
    for number in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:  # the lowest free number is taken: this one
            os.open(os.devnull, os.O_RDWR)
    sys.stderr = sys.stderr or io.TextIOWrapper(_raw(_STDERR), encoding="utf-8")
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    buffer = _raw(_STDOUT)
    sys.stdout = _Stdout(
        buffer, encoding=encoding, errors="backslashreplace", line_buffering=buffer.isatty()
    )


def _raw(number: int) -> io.BufferedWriter:
    return io.BufferedWriter(io.FileIO(number, "w", closefd=False))


def put(text: str) -> None:
    """Write a result to standard output, at once.

    Raises:
        OutputError: it can't be.

    """
    print(without_controls(text), flush=True)


def complain(text: str) -> None:
    """Write one line to standard error; ignore a standard error that can't be written.

    A text that points at a place by a line of carets keeps its lines.
    """
    if not any(set(line.strip()) == {"^"} for line in text.splitlines()):
        text = " ".join(text.split())
    with suppress(OSError):
        print(without_controls(text), file=sys.stderr, flush=True)


def tell(event: str, message: str, **facts: Fact) -> None:
    """Emit an event: a name of one or two words, a sentence for people, and its fields.

    Facts never hold credentials; addresses are those of `http.addresses.shown`.
    """
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", message, extra={"event": event, "facts": facts})
