"""Run a command and say what it took: time, processor and memory of all of its processes."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.processes import PeakMemory

_LONGEST_S = 3600
_SHOWN_LINES = 12
_DONE = frozenset({0})


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a command took, from its start to its end, with all processes that it started.

    `cpu_s` is user and system time. `peak_pss_mib` is 0 where it wasn't asked for.
    """

    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    peak_pss_mib: float


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, where it runs, its whole environment, and where its words go."""

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]

    @property
    def output(self) -> Path:
        """The file of its standard output."""
        return self.folder / "stdout.log"

    @property
    def talk(self) -> Path:
        """The file of its standard error."""
        return self.folder / "stderr.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Start it as the leader of a process group of its own."""
        with self.output.open("wb") as output, self.talk.open("wb") as talk:
            return subprocess.Popen(
                list(self.words),
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=talk,
                start_new_session=True,
            )


def measured(command: Command, *, pss: bool = False, done: frozenset[int] = _DONE) -> Measurement:
    """Run a command to its end and measure it; nothing of it is left running.

    `pss` tells to measure shared memory as well, `done` are the codes that it may end with.

    Raises:
        BenchError: it ended with another code, or not within an hour.

    """
    started_at = time.perf_counter()
    process = command.start()
    memory = PeakMemory(process.pid, pss=pss)
    memory.start()
    too_long = threading.Timer(_LONGEST_S, kill_all_of, [process.pid])
    too_long.daemon = True
    too_long.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started_at
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        too_long.cancel()
        kill_all_of(process.pid)
        peak = memory.stop()
    if process.returncode not in done:
        msg = f"`{' '.join(command.words)}` ended with {process.returncode}: {_last_words(command)}"
        raise BenchError(msg)
    return Measurement(wall_s, usage.ru_utime + usage.ru_stime, peak.rss_mib, peak.pss_mib)


def kill_all_of(leader: int) -> None:
    """Kill whatever is left of the process group that `leader` started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _last_words(command: Command) -> str:
    lines = [*_lines(command.output), *_lines(command.talk)]
    return "\n  ".join(["", *lines[-_SHOWN_LINES:]])


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()
