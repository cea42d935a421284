"""End a command at Ctrl-C and SIGTERM, or defer them to a moment at which nothing is half done."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from equigen.errors import EXIT_INTERRUPTED

STOPPED = "stopped. What was done is kept; run it again to go on."

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOKED_EVERY_S = 0.1
# Work that is told to stop ends at its next chunk; work that hangs at a silent host is left.
_GRACE_S = 0.5

T = TypeVar("T")
_heard: list[int] = []


def end_at_signals() -> None:
    """Raise KeyboardInterrupt at SIGINT and SIGTERM; a second one ends the process."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    _heard.append(number)
    for each in _SIGNALS:
        signal.signal(each, lambda *_: os._exit(EXIT_INTERRUPTED))
    raise KeyboardInterrupt(number)


def interrupted_by(err: BaseException) -> int:
    """Return the number of the signal that an error comes from; 0 for another error.

    Libraries that a signal comes upon may raise errors of their own.
    """
    if _heard:
        return _heard[0]
    return (err.args or [signal.SIGINT])[0] if isinstance(err, KeyboardInterrupt) else 0


@contextmanager
def deferred_interrupts() -> Iterator[list[int]]:
    """Defer SIGINT and SIGTERM until the block ends, then raise them; end at a second one.

    The block looks at the list of what came now and then, and ends early. Only the main thread can;
    elsewhere nothing changes.
    """
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if came:
            os._exit(EXIT_INTERRUPTED)
        came.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for each in came:
        signal.raise_signal(each)


def interruptible(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """Return the result of `work`, or raise its error; SIGINT and SIGTERM end it at any time.

    It is done in a thread, since an interrupt in the midst of a lock would leave that taken for
    ever. `stop` tells it to end; where it doesn't soon, it is left as it stands: it must be work
    that may be killed.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as err:  # noqa: BLE001  (raised where it is waited for)
            done.set_exception(err)

    with deferred_interrupts() as came:
        thread = threading.Thread(target=do, daemon=True)
        thread.start()
        while thread.is_alive() and not came:
            thread.join(_LOOKED_EVERY_S)
        if came:
            stop()
            thread.join(_GRACE_S)
    return done.result()
