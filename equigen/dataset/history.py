"""Record in the ledger how runs end, for `status` and monitors.

A run is a `run`, a `fetch` or a `download`. A killed run leaves the record of its start.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime

from equigen.dataset.context import Context
from equigen.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    ConfigError,
    EquigenError,
    LedgerError,
    LockedError,
    UsageError,
)
from equigen.interrupts import interrupted_by
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import LAST_RUN, LAST_SUCCESS, RUN_UNDER_WAY, Ledger
from equigen.ledger.values import Begun, PastRun, read_begun
from equigen.schema import safe_text
from equigen.storage.lock import dataset_lock, read_holder
from equigen.summary import Summary, as_iso, left_by_unit, resumption

RUNS = frozenset({"run", "fetch", "download"})
STOPPED = "stopped"
_OUTCOMES = {EXIT_DONE: "done", EXIT_PARTLY: "partly"}
_FAILED = "failed"
# https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getexitcodeprocess
_MAY_ASK, _STILL_ACTIVE, _ACCESS_DENIED = 0x1000, 259, 5


@contextmanager
def noted(context: Context, command: str, summaries: Sequence[Summary]) -> Iterator[None]:
    """Record the start of the run that the block carries out, and its end by its `summaries`.

    Where there is no ledger yet, only the end is recorded, if the run made one. A run that found
    the dataset locked, and wrong usage, are not recorded; a ledger that can't be written is
    ignored here.

    Raises:
        LockedError: another run is under way.

    """
    began_at, began_s = context.now(), context.clock.steady()

    def note(code: int, error: str) -> None:
        ended = PastRun(
            command, _OUTCOMES.get(code, _FAILED), code, error, _iso(began_at),
            _iso(context.now()), round(context.clock.steady() - began_s, 1),
            dict(left_by_unit(summaries)), as_iso(resumption(summaries)),
        )  # fmt: skip
        values = {LAST_RUN: json.dumps(asdict(ended)), RUN_UNDER_WAY: ""}
        if code in _OUTCOMES:
            values[LAST_SUCCESS] = ended.ended_at
        _remember(context, values)

    before = ""
    with ExitStack() as stack:
        if has_tables(context.ledger):
            stack.enter_context(dataset_lock(context.directory, stage=command, now=began_at))
            begun = {"command": command, "pid": os.getpid(), "since": _iso(began_at)}
            with suppress(LedgerError), Ledger(context.ledger) as ledger:
                before = ledger.value(RUN_UNDER_WAY)
                ledger.remember(RUN_UNDER_WAY, json.dumps(begun))
        try:
            yield
        except BaseException as err:
            wrong_usage = isinstance(err, UsageError) and not isinstance(err, ConfigError)
            wrong_usage &= not interrupted_by(err)
            if not (wrong_usage or isinstance(err, LockedError)):
                note(*_ending(err))
            elif not isinstance(err, LockedError):
                _remember(context, {RUN_UNDER_WAY: before})
            raise
        partly = any(summary.partly for summary in summaries)
        note(EXIT_PARTLY if partly else EXIT_DONE, "")


def _ending(err: BaseException) -> tuple[int, str]:
    """Return the exit code and the error in one line."""
    if number := interrupted_by(err):
        return EXIT_INTERRUPTED, f"{STOPPED} by {signal.Signals(number).name}"
    line = safe_text(str(err))
    if isinstance(err, EquigenError):
        return err.exit_code, line
    return EXIT_FAILED, f"{type(err).__name__}: {line}"


def _remember(context: Context, values: Mapping[str, str]) -> None:
    if not has_tables(context.ledger):
        return
    with suppress(LedgerError), Ledger(context.ledger) as ledger:
        for key, value in values.items():
            ledger.remember(key, value)


def begun_run(context: Context, ledger: Ledger) -> Begun | None:
    """Return the run that is under way, or that was killed after the last one ended.

    Raises:
        LedgerError: what was noted of it makes no sense.

    """
    begun = ledger.read(RUN_UNDER_WAY, read_begun) or _holder(context)
    return replace(begun, alive=_is_alive(begun.pid)) if begun else None


def _holder(context: Context) -> Begun | None:
    """Return the holder of the lock: a dataset's first run has no ledger to be recorded in."""
    try:
        held = read_holder(context.directory)
        since = datetime.strptime(str(held["since"]), "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
        begun = {"command": held["stage"], "pid": held["pid"], "since": _iso(since)}
        return read_begun(json.dumps(begun)) if held["stage"] in RUNS else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    """Return whether a process has this id on this machine; ids are reused."""
    if sys.platform == "win32":  # where signal 0 is Ctrl-C
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        opened = kernel.OpenProcess(_MAY_ASK, 0, pid)
        if not opened:
            return ctypes.get_last_error() == _ACCESS_DENIED  # it belongs to another user
        process, code = ctypes.c_void_p(opened), ctypes.c_ulong()
        kernel.GetExitCodeProcess(process, ctypes.byref(code))
        kernel.CloseHandle(process)
        return code.value == _STILL_ACTIVE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
