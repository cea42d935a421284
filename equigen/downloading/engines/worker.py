"""Worker process of `ProcessExecutor`: receive jobs on stdin, send results on stdout.

Files are laid beside their targets; the parent process places them. Rate limits are enforced by the
parent alone: a worker only asks hosts without any, and reports hosts that ask for a rest.
"""

import gc
import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

from equigen.downloading.engines.processes import THREADS_PER_PROCESS
from equigen.downloading.engines.threads import ThreadExecutor
from equigen.downloading.jobs import ExecutorSettings, Hold, Inbox, JobResult

# A thread releases the interpreter many times per cover, whenever it reads, decodes or writes;
# switching in between, every 5 ms by default, only costs time.
_SWITCH_S = 0.05
_ADJUST_EVERY_S = 0.1
# Results are gathered for so long into one message, since each wakes the parent process.
_GATHERED_FOR_S = 0.015


def main() -> None:
    """Run jobs until told to stop; exit at once when the parent process is gone."""
    gc.freeze()  # modules are no garbage: looking for some among them takes 0.08 s
    gc.enable()
    # A Ctrl-C reaches every process of the terminal; the parent decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_S)
    settings: ExecutorSettings = _receive()
    if settings.is_verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if settings.join_log:
        settings.join_log()
    outbox: Inbox = SimpleQueue()
    executor = ThreadExecutor(settings, outbox, THREADS_PER_PROCESS)
    sender = threading.Thread(target=_send_results, args=(outbox, executor), daemon=True)
    sender.start()
    while (message := _receive()) is not None:
        if isinstance(message, Hold):
            executor.hold(message.host, message.pause_s)
        else:
            executor.submit(message)
    executor.stop()
    sender.join()
    executor.close()
    gc.freeze()


def _receive() -> Any:  # noqa: ANN401  (one of the messages that `processes` names)
    try:
        return pickle.load(sys.stdin.buffer)  # noqa: S301  (from the parent process)
    except (EOFError, pickle.UnpicklingError):
        os._exit(1)  # the parent process is gone: nobody would place these files


def _send_results(outbox: Inbox, executor: ThreadExecutor) -> None:
    pipe, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing else is printed into the pipe
    _send([], pipe)  # ready
    is_over = False
    while not is_over:
        with suppress(Empty):
            batch = [outbox.get(timeout=_ADJUST_EVERY_S)]
            if batch[0][1] is not None:
                time.sleep(_GATHERED_FOR_S)
            while not outbox.empty():
                batch.append(outbox.get())
            is_over = batch[-1][1] is None
            if results := [each for _, messages in batch for each in messages or ()]:
                _send(results, pipe)
        executor.adjust()


def _send(messages: Sequence[JobResult | Hold], pipe: BinaryIO) -> None:
    try:
        pipe.write(pickle.dumps(messages))
        pipe.flush()
    except BrokenPipeError:
        os._exit(1)  # the parent process is gone
