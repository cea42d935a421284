"""Ctrl-C at a moment of our choosing: not between noting a thing and doing it."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from equigen.errors import EXIT_INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """The signals that came meanwhile."""

    def __init__(self) -> None:
        self.came: list[int] = []

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Keep a signal for later; who sends a second one doesn't want to wait."""
        if self.came:
            os._exit(EXIT_INTERRUPTED)
        self.came.append(number)


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Keep SIGINT and SIGTERM until the block ends, then let them do what they would have done.

    The block looks at `came` now and then, and ends early. Only the main thread can; elsewhere
    nothing changes.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {number: signal.signal(number, interrupts.note) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for came in interrupts.came:
        signal.raise_signal(came)
