"""What Windows does otherwise, as far as another system can show it."""

import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from splits import catalogue, fill
from support import make_context

from equigen.commands import repair
from equigen.dataset import history
from equigen.ledger.ledger import LEDGER_NAME
from equigen.logfile import LogFile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows shows it itself")


@pytest.mark.parametrize(
    ("handle", "exit_code", "alive"), [(0, 0, False), (7, 259, True), (7, 1, False)]
)
def test_a_process_is_asked_after_and_never_killed(
    monkeypatch: pytest.MonkeyPatch, handle: int, exit_code: int, *, alive: bool
) -> None:
    """`os.kill(pid, 0)` is Ctrl-C there, which would stop the other run, or this one."""
    closed: list[ctypes.c_void_p] = []

    def code_of(_handle: int, code: object) -> int:
        code._obj.value = exit_code  # type: ignore[attr-defined]  # noqa: SLF001  (of a byref)
        return 1

    def opened(*_: object) -> int:
        return handle

    def kill(*_: object) -> None:
        pytest.fail("a signal was sent")

    kernel = SimpleNamespace(
        OpenProcess=opened, GetExitCodeProcess=code_of, CloseHandle=closed.append
    )
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 0, raising=False)
    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(sys, "platform", "win32")
    assert history._is_alive(4321) is alive  # noqa: SLF001  (what differs there)
    assert [each.value for each in closed] == [handle] * bool(handle)


def test_a_process_is_alive_until_it_ends() -> None:
    """Here, by a signal that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert history._is_alive(process.pid)  # noqa: SLF001
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not history._is_alive(process.pid)  # noqa: SLF001


def test_a_log_needs_no_flag_of_posix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left out where the system has none."""
    for name in ("O_CLOEXEC", "O_NONBLOCK", "set_blocking"):
        monkeypatch.delattr(os, name)
    log = LogFile(tmp_path / "log", "fetch")
    log.tell_error("none")
    log.close()
    assert (tmp_path / "log").read_bytes().count(b"\n") == 1


def test_only_files_open_for_writing_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses others."""
    fill(tmp_path, catalogue(12))
    sync = os.fsync
    synced: list[int] = []

    def fsync(number: int) -> None:
        synced.append(number)
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        sync(number)

    (tmp_path / LEDGER_NAME).unlink()
    monkeypatch.setattr(os, "fsync", fsync)
    repair.run(make_context(tmp_path))
    assert synced
    assert (tmp_path / LEDGER_NAME).is_file()
