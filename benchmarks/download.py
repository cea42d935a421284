"""`equigen download` against img2dataset, side by side on one machine: `make bench-download`.

README.md beside this file says what is compared, how, and what came of it.
"""

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from bench import ceilings, limits, report, rival
from bench.cases import CASES, Served, Trusted
from bench.contest import Arena, hold
from bench.errors import BenchError
from bench.machine import about, keep_to_two_cores
from bench.nginx import nginx_version, serving
from bench.pictures import Recipe, pictures

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
CACHE = ROOT / ".bench"
ALONE = ("memory", "start", "nothing", "ceilings")
NAMES = (*(case.name for case in CASES), *ALONE)
THREADS = (1, 4, 8)
RUNS = 5
WORK = "work-"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done: downloads a case, rows of the smaller and larger datasets."""

    runs: int
    downloads: dict[str, int]
    few: int = 5_000
    many: int = 200_000
    million: int = 1_000_000


def main() -> int:
    """Run the cases asked for and write the report; 0 where all that is demanded is met."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    keep_to_two_cores()
    try:
        figures = _run(options)
    except BenchError as err:
        print(f"download.py: {err}", file=sys.stderr)
        return 1
    print(report.markdown(figures))
    return 0 if report.all_met(figures) else 1


def _run(options: argparse.Namespace) -> report.Figures:
    plan = _plan(options)
    nginx = nginx_version()
    program = rival.installed(options.rival)
    scratch: Path = options.scratch
    work = scratch / f"{WORK}{os.getpid()}"
    recipe = Recipe()
    _say(f"drawing {recipe.count} pictures, unless they are in {scratch}")
    folder = pictures(scratch, recipe)
    figures = report.Figures(about(rival.versions(program), nginx), plan.runs)
    _clear(scratch)
    work.mkdir()
    try:
        with serving(folder, work / "nginx") as site:
            arena = Arena(site, recipe.count, work, program, keep=options.keep)
            for name in options.cases:
                _say(f"{name}: {plan.runs} rounds")
                try:
                    _steps(plan, arena, scratch, folder)[name](figures)
                except BenchError as err:
                    _say(f"{name}: {err}")
                    figures.failures.append(f"{name}: {str(err).splitlines()[0]}")
                _write(figures, options)
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    return figures


Step = Callable[[report.Figures], None]


def _steps(plan: Plan, arena: Arena, cache: Path, folder: Path) -> dict[str, Step]:
    def contest(case_name: str, figures: report.Figures) -> None:
        case = next(case for case in CASES if case.name == case_name)
        downloads = plan.downloads[case_name]
        figures.contests.append(hold(case, arena, runs=plan.runs, downloads=downloads))

    def memory(figures: report.Figures) -> None:
        figures.limits += limits.memory(arena, plan.few, runs=plan.runs)
        figures.limits += limits.memory(arena, plan.many, runs=1)  # takes minutes; once tells

    def start(figures: report.Figures) -> None:
        figures.limits += limits.start(arena, plan.many, runs=plan.runs)

    def nothing(figures: report.Figures) -> None:
        for rows, most_s in ((plan.many, 3), (plan.million, 10)):
            figures.limits += limits.nothing_to_do(arena, cache, rows, most_s, runs=plan.runs)

    def highest(figures: report.Figures) -> None:
        figures.ceilings = _ceilings(arena, folder, plan.runs)

    own: dict[str, Step] = dict(zip(ALONE, (memory, start, nothing, highest), strict=True))
    return {case.name: partial(contest, case.name) for case in CASES} | own


def _ceilings(arena: Arena, folder: Path, runs: int) -> dict[str, list[float]]:
    files = sorted(folder.iterdir())
    trusted = arena.trusted(Trusted.ONE)
    urls = {served: list(arena.urls(served, len(files))) for served in (Served.HTTP, Served.HTTPS)}
    rates: dict[str, list[float]] = {
        report.DECODE: [],
        report.FETCH_HTTP: [],
        report.FETCH_HTTPS: [],
    }
    for _ in range(runs):
        rates[report.DECODE].append(ceilings.decoding(files))
        for name, served in ((report.FETCH_HTTP, Served.HTTP), (report.FETCH_HTTPS, Served.HTTPS)):
            tried = [
                ceilings.fetching(
                    urls[served], threads=count, trusted=trusted if served is Served.HTTPS else None
                )
                for count in THREADS
            ]
            rates[name].append(max(tried))
    return rates


def _clear(scratch: Path) -> None:
    """Remove what runs that were killed, or told to keep it, have left."""
    for folder in scratch.glob(f"{WORK}*"):
        if not (Path("/proc") / folder.name.removeprefix(WORK)).exists():
            shutil.rmtree(folder)


def _write(figures: report.Figures, options: argparse.Namespace) -> None:
    """Write what is there so far; only a whole run goes where it is kept."""
    whole = _is_whole(options)
    folder = HERE / "results" if whole else CACHE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    text = report.markdown(figures)
    (folder / "download.md").write_text(text, encoding="utf-8")
    (folder / "download.json").write_text(
        json.dumps(asdict(figures), indent=1) + "\n", encoding="utf-8"
    )
    if whole:
        readme = HERE / "README.md"
        readme.write_text(report.fill(readme.read_text(encoding="utf-8"), text), encoding="utf-8")


def _is_whole(options: argparse.Namespace) -> bool:
    little = options.quick or options.downloads or options.runs < RUNS
    return not little and set(options.cases) == set(NAMES)


def _plan(options: argparse.Namespace) -> Plan:
    usual = 2_000 if options.quick else 20_000
    counts = {case.name: usual for case in CASES}
    for given in options.downloads:
        name, _, count = given.rpartition("=")
        for case in [name] if name else counts:
            counts[case] = int(count)
    if options.quick:
        return Plan(1, counts, few=1_000, many=20_000, million=50_000)
    return Plan(options.runs, counts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cases",
        type=_cases,
        default=list(NAMES),
        metavar="A,B",
        help=f"only these of {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--runs", type=int, default=RUNS, help=f"rounds of each case (default: {RUNS})"
    )
    parser.add_argument(
        "--downloads",
        type=_downloads,
        action="append",
        default=[],
        metavar="[CASE=]N",
        help="downloads in a case, or in all (default: 20000)",
    )
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument("--keep", action="store_true", help="leave what the last rounds made")
    parser.add_argument(
        "--rival",
        type=Path,
        default=CACHE / "rival",
        metavar="FOLDER",
        help="virtual environment of img2dataset, made where it is missing",
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: pictures, datasets, what comes out",
    )
    return parser.parse_args()  # fmt: skip


def _cases(text: str) -> list[str]:
    names = text.split(",")
    if wrong := [name for name in names if name not in NAMES]:
        msg = f"no case is called {wrong[0]!r}; there are: {', '.join(NAMES)}"
        raise argparse.ArgumentTypeError(msg)
    return names


def _downloads(text: str) -> str:
    name, _, count = text.rpartition("=")
    if not count.isdigit() or (name and name not in {case.name for case in CASES}):
        msg = f"expected a number, or CASE=NUMBER, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return text


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _leave(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
