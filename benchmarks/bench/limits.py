"""What EquiGen alone must hold to: memory, the time to its first request, and nothing to do."""

import json
import os
import shutil
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench import ours
from bench.cases import Served
from bench.contest import Arena, look_at
from bench.errors import BenchError
from bench.filled import filled
from bench.listener import Listener
from bench.measure import kill_all_of, measured

CONCURRENCY = 32
_PICTURE_BYTES = 62_000  # one of ours on tmpfs, with what its file takes besides
_DONE_OR_LIMITED = frozenset({0, 3})
_SPARE_BYTES = 3 * 1024**3


@dataclass(frozen=True, slots=True)
class Limit:
    """What was measured, once a run, and the most it may be."""

    name: str
    what: str
    unit: str
    values: list[float]
    demanded: float


def memory(arena: Arena, rows: int, *, runs: int) -> list[Limit]:
    """Measure the peak memory of all processes while that many rows are downloaded.

    Where the pictures would not fit into memory, on tmpfs, as many are fetched as do; all rows are
    read in any case.
    """
    fits = _room_for(arena.work)
    flags = ("--check", "full", *(() if rows <= fits else ("--limit", str(fits))))
    expected = min(rows, fits)
    took = []
    for _ in range(runs):
        with arena.fresh("memory") as folder:
            ours.write_tsv(folder / ours.TSV_NAME, arena.urls(Served.HTTP, rows))
            command = ours.download(folder, flags, concurrency=CONCURRENCY)
            took.append(measured(command, pss=True, done=_DONE_OR_LIMITED))
            look_at(folder, expected, 600)
    shown = f"{rows:,} rows" if expected == rows else f"{rows:,} rows, {expected:,} fetched"
    return [
        Limit(f"memory-{rows}-pss", f"peak memory, {shown}, shared pages counted once (PSS)",
              "MiB", [one.peak_pss_mib for one in took], 200),
        Limit(f"memory-{rows}-rss", f"peak memory, {shown}, sum of all processes (RSS)",
              "MiB", [one.peak_rss_mib for one in took], 200),
    ]  # fmt: skip


def start(arena: Arena, rows: int, *, runs: int) -> list[Limit]:
    """Measure the time from the start of the process to its first request, nothing done before."""
    values = []
    with arena.fresh("start") as folder, Listener() as listener:
        urls = (f"{listener.url}/{number}.jpg" for number in range(rows))
        ours.write_tsv(folder / "whole.tsv", urls)
        for _ in range(runs):
            dataset = folder / "dataset"
            dataset.mkdir()
            (folder / "whole.tsv").rename(dataset / ours.TSV_NAME)
            values.append(_first_request_s(dataset, listener))
            (dataset / ours.TSV_NAME).rename(folder / "whole.tsv")
            shutil.rmtree(dataset)
    what = f"start to first request, {rows:,} rows"
    return [Limit(f"start-{rows}", what, "s", values, 1.5)]


def nothing_to_do(
    arena: Arena, cache: Path, rows: int, demanded_s: float, *, runs: int
) -> list[Limit]:
    """Measure a run in which every cover is there already, and see that it asks for nothing.

    Raises:
        BenchError: it fetched something, or missed a cover that is there.

    """
    dataset = filled(cache, rows)
    took = []
    for _ in range(runs):
        with arena.fresh("nothing") as folder:
            command = ours.download(dataset, ("--json",), concurrency=CONCURRENCY)
            command = replace(command, folder=folder)
            took.append(measured(command))
            told = json.loads(command.output.read_text())
            if told["rows_out"] != rows or told["fetched"]:
                msg = f"{dataset}: expected {rows} covers and no request, got {told}"
                raise BenchError(msg)
    what = f"nothing to do, {rows:,} rows, 0 requests"
    return [
        Limit(f"nothing-{rows}", what, "s", [one.wall_s for one in took], demanded_s),
        Limit(f"nothing-{rows}-rss", f"peak memory, {what}", "MiB",
              [one.peak_rss_mib for one in took], 500),
    ]  # fmt: skip


def _first_request_s(dataset: Path, listener: Listener) -> float:
    command = ours.download(dataset, concurrency=CONCURRENCY)
    started_at_s = time.perf_counter()
    process = command.start()
    try:
        asked_at_s = listener.first_request_at_s()
        process.send_signal(signal.SIGTERM)
    finally:
        kill_all_of(process.pid)
        process.wait()
        listener.forget()
    if not asked_at_s:
        msg = f"{dataset}: no request came: {command.talk.read_text()[-500:]}"
        raise BenchError(msg)
    return asked_at_s - started_at_s


def _room_for(folder: Path) -> int:
    """Return how many pictures fit where `folder` lies, and into memory, with some to spare."""
    free = os.statvfs(folder)
    words = Path("/proc/meminfo").read_text().split()
    available = int(words[words.index("MemAvailable:") + 1]) * 1024
    room = min(free.f_bavail * free.f_frsize, available) - _SPARE_BYTES
    return max(1, room // _PICTURE_BYTES)
