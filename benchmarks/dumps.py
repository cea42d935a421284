"""Discogs' dumps to rows, against discogs-xml2db and Python's own iterparse: `make bench-dumps`.

README.md beside this file says what is compared, how, and what came of it.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench.dump_files import dump_file
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.report import keep, spread, table

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
CACHE = ROOT / ".bench"
SCRIPT = "dumps.py"
RUNS = 5
OURS, TABLE, STANDARD, RIVAL = "rows", "sqlite", "iterparse", "xml2db"
CEILINGS = ("decompress", "parse", "regex")
SHOWN = {
    OURS: "equigen, to rows",
    TABLE: "equigen, to a table of SQLite",
    STANDARD: "Python's iterparse over gzip, the same fields",
    RIVAL: "discogs-xml2db, all its tables as CSV",
    "decompress": "decompressing alone (isal)",
    "parse": "lxml makes trees of the same trimmed blocks: the parser's ceiling",
    "regex": "expressions on the same trimmed blocks, with decompressing and cutting; no parser",
}
MOST_MIB = 150


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of dump, how many records it has, and how many times faster equigen must be."""

    kind: str
    records: int
    demanded: float


CASES = (Case("master", 300_000, 5.0), Case("release", 100_000, 8.0))
QUICK = (Case("master", 20_000, 0.0), Case("release", 8_000, 0.0))


@dataclass(slots=True)
class Result:
    """What a case took, by contestant, the n-th of each from one round.

    `ceilings` are seconds in one process. `memory` is ours, shared pages counted once as well.
    """

    case: Case
    compressed_bytes: int
    runs: dict[str, list[Measurement]] = field(default_factory=dict)
    ceilings: dict[str, list[float]] = field(default_factory=dict)
    memory: Measurement | None = None


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen", "lxml", "isal", "orjson"))}
    rival = options.xml2db if (options.xml2db / "run.py").is_file() else None
    skipped = (
        ""
        if rival
        else f"Not measured: discogs-xml2db ({options.xml2db} has no run.py; name its folder"
        " with `--xml2db`, with what it needs in a `.venv` there)."
    )
    try:
        if rival:
            about["discogs-xml2db"] = _rival_versions(rival)
        cases = QUICK if options.quick else CASES
        results = [_held(case, options.runs, rival) for case in cases]
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    parts = [
        table(["machine", ""], [[name, value] for name, value in about.items()]),
        f"Medians of {options.runs} (least to most), contestants in turns. {skipped}".rstrip(),
        *(part for result in results for part in (_contest(result), _ceiling(result))),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    whole = options.runs >= RUNS and not options.quick and rival is not None
    raw = {"about": about, "results": [asdict(result) for result in results]}
    keep(SCRIPT, text, raw, whole=whole)
    return 0 if all(_is_met(result) for result in results) else 1


def _held(case: Case, runs: int, rival: Path | None) -> Result:
    file = dump_file(CACHE / "dumps", case.kind, case.records)
    result = Result(case, file.stat().st_size)
    ways = [OURS, TABLE, STANDARD, *([RIVAL] if rival else [])]
    for number in range(runs):
        for way in ways:
            _say(f"{case.records:,} {case.kind}s, {way}: round {number + 1} of {runs}")
            command = _command(way, case, file, rival)
            result.runs.setdefault(way, []).append(measured(command))
            _check(command, way, case)
        for way in CEILINGS:
            command = _command(way, case, file, None)
            measured(command)
            result.ceilings.setdefault(way, []).append(_told(command)["seconds"])
    result.memory = measured(_command(OURS, case, file, None), pss=True)
    return result


def _command(way: str, case: Case, file: Path, rival: Path | None) -> Command:
    folder = CACHE / "dumps" / "out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if way == RIVAL and rival:
        words = [_python(rival), str(rival / "run.py"), f"--output={folder}"]
        return Command([*words, str(file.parent), f"--export={case.kind}"], folder, environment({}))
    words = [sys.executable, str(HERE / "bench" / "one_dump.py"), way, case.kind, str(file)]
    return Command(words, folder, environment({}))


def _told(command: Command) -> dict[str, float]:
    told: dict[str, float] = json.loads(command.output.read_text())
    return told


def _check(command: Command, way: str, case: Case) -> None:
    """Make sure that all records came out.

    Raises:
        BenchError: there are more or fewer.

    """
    if way == RIVAL:
        with (command.folder / f"{case.kind}.csv").open(encoding="utf-8", newline="") as file:
            found = sum(1 for _ in csv.reader(file)) - 1
    else:
        found = int(_told(command)["records"])
    if found != case.records:
        msg = f"{way}: expected {case.records:,} {case.kind}s, found {found:,}"
        raise BenchError(msg)


def _python(rival: Path) -> str:
    own = rival / ".venv" / "bin" / "python"
    return str(own) if own.is_file() else sys.executable


def _rival_versions(rival: Path) -> str:
    code = "import sys, lxml.etree as e; print(sys.version.split()[0], e.LXML_VERSION)"
    asked = subprocess.run(
        [_python(rival), "-c", code], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        msg = f"{rival}: its Python has no lxml: {asked.stderr.strip()[-200:]}"
        raise BenchError(msg)
    python, _, lxml = asked.stdout.strip().partition(" ")
    return f"its exporter in Python {python} with lxml {lxml}"


def _ratio(result: Result, way: str) -> float:
    pairs = zip(result.runs[OURS], result.runs[way], strict=True)
    return median(other.wall_s / mine.wall_s for mine, other in pairs)


def _is_met(result: Result) -> bool:
    peak_mib = max(one.peak_rss_mib for one in result.runs[OURS])
    faster = RIVAL not in result.runs or _ratio(result, RIVAL) >= result.case.demanded
    return faster and peak_mib <= MOST_MIB


def _contest(result: Result) -> str:
    case = result.case
    rows = []
    for way, runs in result.runs.items():
        pss = f", {result.memory.peak_pss_mib:.0f} (PSS)" if way == OURS and result.memory else ""
        rows.append(
            [
                SHOWN[way],
                spread([case.records / one.wall_s for one in runs], ",.0f"),
                f"{median(one.cpu_s for one in runs) / case.records * 1e6:.1f}",
                f"{max(one.peak_rss_mib for one in runs):.0f}{pss}",
                "" if way == OURS else f"**{_ratio(result, way):.1f} x**",
                f"{case.demanded:g} x, {MOST_MIB} MiB: {'yes' if _is_met(result) else '**no**'}"
                if way == RIVAL
                else "",
            ]
        )
    title = f"{case.records:,} {case.kind}s, {result.compressed_bytes / 1e6:.0f} MB compressed"
    titles = [title, "records/s", "CPU µs a record", "peak MiB (RSS)", "equigen to rows is faster"]
    return table([*titles, "met"], rows)


def _ceiling(result: Result) -> str:
    case = result.case
    cpu_s = median(one.cpu_s for one in result.runs[OURS])
    rows = []
    for way, seconds in result.ceilings.items():
        share = f"{median(seconds) / cpu_s:.0%}"
        rate = spread([case.records / each for each in seconds], ",.0f")
        rows.append([SHOWN[way], rate, "" if way == "regex" else share])
    titles = [f"ceilings, {case.kind}s, one process", "records/s", "of equigen's processor time"]
    return table(titles, rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument(
        "--xml2db",
        type=Path,
        default=CACHE / "xml2db",
        metavar="FOLDER",
        help="where discogs-xml2db lies; left out where it doesn't (default: %(default)s)",
    )
    options = parser.parse_args()
    options.runs = 1 if options.quick else options.runs
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
