"""A process with all of its descendants, and the memory that they hold, as Linux tells it."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_EVERY_S = 0.05
_ENDED = frozenset({"Z", "X"})
# Listing all processes costs 2 ms: who takes the time of a run is asked for them less often.
_LIST_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in MiB: `rss` counts a page once for each process that shares it, `pss` once."""

    rss_mib: float = 0.0
    pss_mib: float = 0.0

    def at_least(self, other: "Memory") -> "Memory":
        """Return the larger of each."""
        return Memory(max(self.rss_mib, other.rss_mib), max(self.pss_mib, other.pss_mib))


def descendants(root: int, parent_of: dict[int, int]) -> list[int]:
    """Return `root` and all processes below it; `parent_of` maps each process to its parent."""
    children: dict[int, list[int]] = {}
    for pid, parent in parent_of.items():
        children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:  # grows while it is walked
        found.extend(children.get(pid, ()))
    return found


def pss_of(rollup: str) -> Memory:
    """Read the text of a `smaps_rollup`: https://docs.kernel.org/filesystems/proc.html."""
    sizes = {"Rss:": 0, "Pss:": 0}
    for line in rollup.splitlines()[1:]:
        name, size_kib = line.split()[:2]
        if name in sizes:
            sizes[name] = int(size_kib)
    return Memory(sizes["Rss:"] / 1024, sizes["Pss:"] / 1024)


class PeakMemory(threading.Thread):
    """Watches the memory of a process and its descendants every 50 ms, until it is stopped.

    Without `pss` only resident pages are counted, which costs the watched nothing: with it, the
    kernel walks all their pages, which is right for a run that isn't timed. `samples` has all sums
    that were seen, in their order.
    """

    def __init__(self, root: int, *, pss: bool, every_s: float = _SAMPLE_EVERY_S) -> None:
        super().__init__(name="peak memory", daemon=True)
        self.peak = Memory()
        self.samples: list[Memory] = []
        self._every_s = every_s
        self._root = root
        self._pss = pss
        self._stopped = threading.Event()

    def stop(self) -> Memory:
        """End, and return the largest sums that were seen."""
        self._stopped.set()
        self.join()
        return self.peak

    def run(self) -> None:
        """Take samples, each at its time."""
        listed_at = -_LIST_EVERY_S
        pids: list[int] = []
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            if self._pss or now - listed_at >= _LIST_EVERY_S:
                pids, listed_at = descendants(self._root, parents()), now
            sizes = [_memory(pid, pss=self._pss) for pid in pids]
            total = Memory(sum(s.rss_mib for s in sizes), sum(s.pss_mib for s in sizes))
            self.peak = self.peak.at_least(total)
            self.samples.append(total)
            due = max(due + self._every_s, now)


def parents() -> dict[int, int]:
    """Return the parent of each process there is."""
    return {pid: int(words[1]) for pid, words in _stats()}


def alive_in_group(leader: int) -> list[int]:
    """Return the processes of a process group that haven't ended."""
    return [pid for pid, words in _stats() if int(words[2]) == leader and words[0] not in _ENDED]


def _stats() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it ended meanwhile
                continue
            # pid (any name, with spaces and brackets) state parent group ...
            yield int(entry.name), stat.rpartition(")")[2].split()


def _memory(pid: int, *, pss: bool) -> Memory:
    folder = Path("/proc") / str(pid)
    try:
        if pss:
            return pss_of((folder / "smaps_rollup").read_text())
        resident_pages = int((folder / "statm").read_text().split()[1])
    except (OSError, IndexError):  # it ended meanwhile
        return Memory()
    return Memory(rss_mib=resident_pages * _PAGE_BYTES / _MIB)
