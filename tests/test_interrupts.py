"""Ctrl-C at a moment of our choosing."""

import signal
import threading

import pytest

from equigen.interrupts import interruptible


def test_work_returns_and_raises_as_if_it_were_done_here() -> None:
    """In a thread of its own, or in the caller's where no signal can come."""

    def fail() -> None:
        msg = "no"
        raise ValueError(msg)

    assert interruptible(threading.current_thread, lambda: None) is not threading.main_thread()
    with pytest.raises(ValueError, match="no"):
        interruptible(fail, lambda: None)
    seen: list[threading.Thread] = []
    caller = threading.Thread(
        target=lambda: seen.append(interruptible(threading.current_thread, lambda: None))
    )
    caller.start()
    caller.join()
    assert seen == [caller]


@pytest.mark.parametrize("ends", [True, False])
def test_an_interrupt_ends_work_that_can_and_leaves_work_that_cannot(*, ends: bool) -> None:
    """The signal does what it does elsewhere, once the work was told to stop."""
    told, over = threading.Event(), threading.Event()

    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        told.wait(60)
        (told if ends else over).wait(60)

    with pytest.raises(KeyboardInterrupt):
        interruptible(work, told.set)
    assert told.is_set()
    over.set()
