"""Append events to a log file for programs: one JSON object a line."""

import errno
import json
import logging
import math
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from equigen.errors import UsageError
from equigen.http.addresses import Censor
from equigen.output import complain

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTE = "note"
_MODE = 0o666  # less the user's umask
# The start of all our lines, also of one that was cut off; no TSV, TOML or ledger starts so.
_START = b'{"'
# Standard output and standard error may be sent to the file that the log is written to.
_TOLD = (1, 2)
_ours = logging.getLogger("equigen")


class LogFile(logging.Handler):
    """Appends events to a file, each by a single write, so that several processes may share it.

    A file that was moved away, as logrotate does, is made anew. What can't be written is lost, and
    said once on stderr where `complains`: no log ends a run.
    """

    def __init__(self, path: Path, command: str, *, complains: bool = True) -> None:
        """Open the file.

        Raises:
            UsageError: it can't be opened, or is another kind of file, which lines would spoil.

        """
        super().__init__(logging.INFO)
        self.path, self.command = path.absolute(), command
        self._complains = complains
        self._censor = Censor()
        self._is_torn = False
        try:
            self._file = self._open()
        except OSError as err:
            msg = (
                f"--log-file: {path}: can't be opened: {_why(err)}. Expected a file that can be"
                " written, in a folder that is there. Nothing was done."
            )
            raise UsageError(msg) from err
        if not self._is_log():
            os.close(self._file)
            msg = (
                f"--log-file: {path}: there is another file that is no such log: its first line is"
                " no JSON object. Nothing was done, and it stays. Name another, or move it away."
            )
            raise UsageError(msg)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these secrets in all further lines, in whatever form they appear."""
        self._censor = Censor(secrets)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            self._write(as_line(record, self.command, self._censor))
        except OSError as err:
            if self._complains:
                self._complains = False
                complain(
                    f"{self.path}: the log can't be written: {err.strerror or err}. The run goes"
                    " on; events are lost until it can."
                )

    def tell_error(self, message: str, **facts: str | int) -> None:
        """Write the error that ends a command to the log, not to stderr."""
        more = {"event": "error", "facts": facts}
        self.handle(
            _ours.makeRecord(_ours.name, logging.ERROR, "", 0, message, (), None, extra=more)
        )

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self._file)
        super().close()

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        # A pipe without a reader fails with ENXIO instead of blocking. Windows has some of these.
        for name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY"):
            flags |= getattr(os, name, 0)
        file = os.open(self.path, flags, _MODE)
        kind = os.fstat(file).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)):
            os.close(file)
            raise OSError(errno.EINVAL, "neither a file nor a terminal")
        if set_blocking := getattr(os, "set_blocking", None):
            set_blocking(file, True)
        return file

    def _is_log(self) -> bool:
        """Return whether a file that is there may be a log; an unreadable one may be."""
        here = os.fstat(self._file)
        if not stat.S_ISREG(here.st_mode):
            return True
        if any(os.path.samestat(here, os.fstat(number)) for number in _TOLD):  # as /dev/stdout
            return True
        try:
            with self.path.open("rb") as file:
                start = file.read(len(_START))
        except OSError:
            return True
        return _START.startswith(start)

    def _write(self, line: str) -> None:
        self._follow()
        # A line that a full disk cut off is ended first, so that it spoils no other.
        raw = ("\n" * self._is_torn + line + "\n").encode("ascii")
        written = os.write(self._file, raw)
        self._is_torn = 0 < written < len(raw) or (self._is_torn and not written)
        if written < len(raw):
            raise OSError(None, "only a part of a line could be written")

    def _follow(self) -> None:
        """Open the file anew where it is no longer the one at its path."""
        try:
            is_there = os.path.samestat(self.path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            is_there = False
        if not is_there:
            new = self._open()
            os.close(self._file)
            self._file, self._is_torn = new, False


def _why(err: OSError) -> str:
    return "a pipe that nobody reads" if err.errno == errno.ENXIO else err.strerror or str(err)


def as_line(record: logging.LogRecord, command: str, censor: Censor) -> str:
    """Return a log record as one line of JSON in ASCII; a record that isn't an event is a note."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    facts: Mapping[str, object] = getattr(record, "facts", {})
    line = {
        "time": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", _NOTE),
        "message": _clean(record.getMessage(), censor),
        "command": command,
        "pid": record.process or os.getpid(),
        "facts": _clean(facts, censor),
    }
    return json.dumps(line, allow_nan=False)


def _clean(value: object, censor: Censor) -> object:
    """Return a value that JSON can hold: no lone surrogates, no infinities, no secrets."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(_clean(str(key), censor)): _clean(item, censor) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item, censor) for item in value]
    text = str(value).encode("utf-8", "backslashreplace").decode("utf-8")
    return censor.clean(text)


@contextmanager
def logging_to(path: Path | None, command: str) -> "Iterator[LogFile | None]":
    """Write the events of the block to a file; without a path, to none.

    Raises:
        UsageError: the file can't be opened.

    """
    if path is None:
        yield None
        return
    log = LogFile(path, command)
    before = _ours.level
    _ours.setLevel(logging.INFO)
    _ours.addHandler(log)
    try:
        yield log
    finally:
        _ours.removeHandler(log)
        _ours.setLevel(before)
        log.close()


def log_under_way() -> LogFile | None:
    """Return the log file of this process, for those that it starts."""
    return next((each for each in _ours.handlers if isinstance(each, LogFile)), None)


def join_log(path: str, command: str, secrets: Iterable[str]) -> None:
    """Write the events of this process, too, to the log file of the one that started it."""
    with suppress(UsageError):  # the process that started this one reports it
        log = LogFile(Path(path), command, complains=False)
        log.hide(secrets)
        _ours.addHandler(log)
        _ours.setLevel(logging.INFO)
