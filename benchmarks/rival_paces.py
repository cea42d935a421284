"""Find the pace that suits img2dataset best: each mode with several threads and numbers of shards.

Usage: python benchmarks/rival_paces.py [--cases originals,slow] [--threads 4,8,16]
                                        [--shards 2,4,8] [--downloads 20000]

The best ones stand in bench/cases.py.
"""

import argparse
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

from bench import rival
from bench.cases import CASES, Case
from bench.contest import Arena, compete
from bench.errors import BenchError
from bench.machine import keep_to_two_cores
from bench.nginx import serving
from bench.pictures import Recipe, pictures
from bench.rival import Pace

CACHE = Path(__file__).parents[1] / ".bench"


def main() -> int:
    """Print a line of Markdown for each trial, once done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--threads", default="4,8,16")
    parser.add_argument("--shards", default="2,4,8")
    parser.add_argument("--downloads", type=int, default=20_000)
    parser.add_argument("--rival", type=Path, default=CACHE / "rival")
    parser.add_argument("--scratch", type=Path, default=Path("/dev/shm/equigen-bench"))  # noqa: S108  (tmpfs is the point)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    keep_to_two_cores()
    chosen = [case for case in CASES if case.name in options.cases.split(",")]
    paces = [
        Pace(int(threads), int(shards))
        for threads in options.threads.split(",")
        for shards in options.shards.split(",")
    ]
    folder = pictures(options.scratch, Recipe())
    work = options.scratch / f"paces-{os.getpid()}"
    work.mkdir()
    try:
        with serving(folder, work / "nginx") as site:
            arena = Arena(site, Recipe().count, work, rival.installed(options.rival))
            print("| case | mode | threads | shards | images/s |\n| --- | --- | --- | --- | --- |")
            for case in chosen:
                _try(case, paces, arena, options.downloads)
    except BenchError as err:
        print(f"rival_paces.py: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def _try(case: Case, paces: list[Pace], arena: Arena, downloads: int) -> None:
    for mode in case.rivals:
        for pace in paces:
            took = compete(case, replace(mode, pace=pace), arena, downloads)
            cells = [case.name, mode.mode, str(pace.threads), str(pace.shards)]
            print(f"| {' | '.join(cells)} | {downloads / took.wall_s:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
