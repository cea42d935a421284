"""A program's lives: started again and again, and ended in the middle, until one ends by itself."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from bench.measure import Command, kill_all_of
from bench.processes import Memory, PeakMemory, alive_in_group, descendants, parents

_SAMPLE_EVERY_S = 0.25
_LOOK_EVERY_S = 0.02
# A process whose parent is gone, or that is told to stop, has this long to end.
_ORPHANS_END_WITHIN_S = 5.0
_STOPS_WITHIN_S = 30.0
_REFUSED_WITHIN_S = 15.0
# Interrupted, too early to hear it, or just then done.
_INTERRUPTED = 130
_STOPPED = frozenset({_INTERRUPTED, -signal.SIGTERM, 0, 3})
_LOCKED = 1
_SAYS_LOCKED = "is at work there"
_HOLDER = ".equigen.lock.holder"
_SHOWN_CHARS = 400


class End(StrEnum):
    """How a life ended, or what else happened in it."""

    ITSELF = "ended by itself"
    KILLED = "SIGKILL"
    STOPPED = "SIGTERM"
    WORKER = "SIGKILL of one of its processes, then of itself"
    SECOND = "a second run beside it, then SIGKILL"


# Of ten lives so many end so.
_ENDS = (*[End.KILLED] * 6, End.STOPPED, End.STOPPED, End.WORKER, End.SECOND)


@dataclass(frozen=True, slots=True)
class Life:
    """One run of the program: how it ended, with which code (-1 for none), and its memory."""

    end: End
    code: int
    wall_s: float
    samples: Sequence[Memory]


@dataclass(slots=True)
class Program:
    """The program under test in a folder: `talks` has a file of words for each of its commands."""

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]

    def command(self, *words: str) -> Command:
        """Return one of its commands."""
        return Command([*self.words, *words], self.folder, self.environment)

    def to_its_end(self, *words: str) -> Life:
        """Run one of its commands until it ends by itself."""
        return Lives(self, self.folder).until(words, None, End.ITSELF)

    def said(self) -> str:
        """Return the end of what its last command said."""
        texts = [(self.folder / name).read_text(errors="replace") for name in _TALKS]
        return " ".join(" ".join(texts).split())[-_SHOWN_CHARS:]


_TALKS = ("stdout.log", "stderr.log")


@dataclass(slots=True)
class Lives:
    """Lives of a program whose dataset is in `directory`; `findings` are what should never be."""

    program: Program
    directory: Path
    findings: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def one(self, words: Sequence[str], span_s: float, rng: Random) -> Life:
        """Live once for `span_s`, or until it ends by itself; draw how it ends else."""
        return self.until(words, span_s, rng.choice(_ENDS))

    def until(self, words: Sequence[str], span_s: float | None, end: End) -> Life:
        """Live once for `span_s`, or for ever, and end so, or by itself before."""
        began_s = time.monotonic()
        process = self.program.command(*words).start()
        memory = PeakMemory(process.pid, pss=True, every_s=_SAMPLE_EVERY_S)
        memory.start()
        try:
            came = self._ended(process, words, span_s, end)
        finally:
            memory.stop()
            left = self._left_over(process.pid)
            kill_all_of(process.pid)
            code = process.wait()
        if left:
            self.findings.append(f"{left} processes were left after {came}")
        self.ends[came] += 1
        return Life(came, max(code, -1), time.monotonic() - began_s, memory.samples)

    def _ended(
        self,
        process: subprocess.Popen[bytes],
        words: Sequence[str],
        span_s: float | None,
        end: End,
    ) -> End:
        half_s = span_s / 2 if span_s else None
        if _ends_within(process, half_s):
            return End.ITSELF
        if end is End.WORKER:
            self._kill_a_worker(process.pid)
        elif end is End.SECOND:
            self._start_a_second(process, words)
        if _ends_within(process, half_s):
            return End.ITSELF
        if end is not End.STOPPED:
            process.kill()
            process.wait()
            return end
        process.terminate()
        if not _ends_within(process, _STOPS_WITHIN_S):
            self.findings.append(f"SIGTERM didn't end it within {_STOPS_WITHIN_S:.0f} s")
        elif process.returncode not in _STOPPED:
            code, said = process.returncode, self.program.said()
            self.findings.append(f"SIGTERM ended it with {code}, not {_INTERRUPTED}: {said}")
        return end

    def _kill_a_worker(self, leader: int) -> None:
        for worker in descendants(leader, parents())[1:2]:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    def _start_a_second(self, first: subprocess.Popen[bytes], words: Sequence[str]) -> None:
        """Start another run; while the first one holds the dataset, it must be refused."""
        if self._holder() != first.pid:
            return
        command = self.program.command(*words)
        second = subprocess.Popen(
            command.words,
            cwd=command.folder,
            env=dict(command.environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            _, said = second.communicate(timeout=_REFUSED_WITHIN_S)
        except subprocess.TimeoutExpired:
            said = "is still at it"
        finally:
            kill_all_of(second.pid)
        code = second.wait()
        # Where the first one has ended meanwhile, the second one may go on.
        if (code != _LOCKED or _SAYS_LOCKED not in said) and first.poll() is None:
            self.findings.append(f"a second run wasn't refused: {code}, {said[-_SHOWN_CHARS:]}")

    def _holder(self) -> int:
        """Return which process says that it holds the dataset, 0 for none."""
        try:
            return int(json.loads((self.directory / _HOLDER).read_text())["pid"])
        except (OSError, ValueError):  # nobody does, or just begins to
            return 0

    def _left_over(self, leader: int) -> int:
        """Wait for the processes that it started to end by themselves; return how many don't."""
        by_s = time.monotonic() + _ORPHANS_END_WITHIN_S
        moment = threading.Event()
        while (left := alive_in_group(leader)) and time.monotonic() < by_s:
            moment.wait(_LOOK_EVERY_S)
        return len(left)


def highest(samples: Sequence[Memory]) -> tuple[float, float]:
    """Return the most (PSS, MiB) in the first third of some samples, and in the last third."""
    third = max(1, len(samples) // 3)
    sizes = [round(sample.pss_mib, 1) for sample in samples]
    return max(sizes[:third], default=0.0), max(sizes[-third:], default=0.0)


def _ends_within(process: subprocess.Popen[bytes], wait_s: float | None) -> bool:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True
