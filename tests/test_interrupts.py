"""Ctrl-C at a moment of our choosing."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from downloads import linux_only
from support import program_env

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


# Gets a signal where modules are loaded: in one of ours, or where the program has begun and one
# has code made for it from text.
AMID_LOADING = """\
import signal, sys

def stop(frame, event, what):
    file, name = frame.f_code.co_filename, frame.f_code.co_name
    if name == "<module>" and file.endswith(PLACE):
        heard = getattr(signal.getsignal(signal.SIGTERM), "__name__", "")
        if PLACE != "<string>" or heard == "_interrupt":
            sys.settrace(None)
            signal.raise_signal(NUMBER)

sys.settrace(stop)
from equigen.__main__ import main
main()
"""


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["<string>", "equigen/cli/app.py", "equigen/cli/runner.py"])
def test_a_signal_while_modules_load_ends_with_130_all_the_same(
    tmp_path: Path, place: str, number: signal.Signals
) -> None:
    """Python would end itself by it, where one came before the program began or in a dataclass."""
    script = AMID_LOADING.replace("PLACE", repr(place)).replace("NUMBER", str(int(number)))
    (tmp_path / "amid_loading.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "amid_loading", "status"],
        cwd=tmp_path, env=program_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.startswith("equigen: stopped. ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 130


# A library that a signal comes upon: what it raises says nothing of the signal.
AMID_A_LIBRARY = """\
import sys
import equigen.commands.{command} as command
from equigen.cli.app import main

def run(context):
    import signal
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        raise {error} from None

command.run.__code__ = run.__code__
sys.argv = ["equigen", "{command}", "--json"]
main()
"""


@pytest.mark.parametrize(
    "error", ["AttributeError('_lock')", "OSError(5, 'no')", "BaseException('a panic')"]
)
def test_an_error_that_a_signal_became_is_an_interrupt(tmp_path: Path, error: str) -> None:
    """Whatever a library makes of it, the command says that it was stopped, and ends with 130."""
    ended = subprocess.run(
        [sys.executable, "-c", AMID_A_LIBRARY.format(command="status", error=error)],
        cwd=tmp_path, env=program_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.startswith("equigen status: stopped. What was done is kept")
    assert "Traceback" not in ended.stderr
