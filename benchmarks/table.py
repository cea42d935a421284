"""How long `clean`, `dedupe` and `counts` take, beside other ways to do it: `make bench-table`.

README.md beside this file says what is compared, how, and what came of it.
"""

import argparse
import ast
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench.environment import environment
from bench.errors import BenchError
from bench.filled import make_known
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.report import keep, spread, table
from bench.table_rows import write_rows

from equigen.config.settings import defaults

HERE = Path(__file__).parent
CACHE = HERE.parent / ".bench"
SCRIPT = "table.py"
RUNS = 3
TSV = "equigen_dataset.tsv"
COMMANDS = ("clean", "dedupe", "counts")
# How many times as long as polars' one pass they may take, with their three starts.
DEMANDED = {500_000: 4.0, 2_500_000: 2.5}
MOST_MIB = 2048
STATUS_S = 1.0
RIVAL = "polars"
SCRIPTS = "three pandas scripts"
WAYS = {
    "polars": ("polars",),
    "duckdb": ("duckdb",),
    "pandas": ("pandas",),
    SCRIPTS: ("clean", "dedupe", "count"),
}

Counts = Mapping[str, int]


@dataclass(slots=True)
class Figures:
    """All that one run measured: by rows, by contestant, a list of its steps a round."""

    about: dict[str, str]
    rounds: dict[int, dict[str, list[list[Measurement]]]] = field(default_factory=dict)
    # Of a dataset whose covers and sets are all known: `status`, and a `clean` that notes them and
    # one that finds them noted.
    status: dict[int, list[Measurement]] = field(default_factory=dict)
    noting: dict[int, list[Measurement]] = field(default_factory=dict)
    skipped: str = ""


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    figures = Figures({**machine(), "equigen": versions(("equigen", "polars", "numpy"))})
    figures.about["rivals"] = versions(("polars", "pandas"))
    ways = dict(WAYS)
    if (options.rival / "duckdb").is_dir():
        found = next(options.rival.glob("duckdb-*.dist-info")).name
        figures.about["rivals"] += f", duckdb {found.split('-')[1].removesuffix('.dist')}"
    else:
        del ways["duckdb"]
        figures.skipped = (
            f"Not measured: DuckDB (`pip install --target {options.rival} duckdb` brings it)."
        )
    scratch: Path = options.scratch / f"table-{os.getpid()}"
    scratch.mkdir(parents=True)
    try:
        for count in options.rows:
            _measure(figures, scratch, count, ways, options)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch)
    text = _report(figures, options.runs)
    print(text)
    raw = asdict(figures)
    keep(SCRIPT, text, raw, whole=options.runs >= RUNS and tuple(options.rows) == tuple(DEMANDED))
    return 0 if all(_is_met(figures, count) for count in figures.rounds) else 1


def _measure(
    figures: Figures,
    scratch: Path,
    count: int,
    ways: Mapping[str, Sequence[str]],
    options: argparse.Namespace,
) -> None:
    source = scratch / "rows.tsv"
    write_rows(source, count)
    known = scratch / "known"
    known.mkdir()
    shutil.copyfile(source, known / TSV)
    make_known(known, defaults())
    status = _command(scratch, known, "status")
    figures.noting[count] = [measured(_command(scratch, known, "clean")) for _ in range(2)]
    figures.status[count] = [measured(status) for _ in range(options.runs)]
    shutil.rmtree(known)
    rounds = figures.rounds.setdefault(count, {})
    for number in range(options.runs):
        print(f"{count:,} rows: round {number + 1} of {options.runs}", file=sys.stderr, flush=True)
        steps, expected = _ours(scratch, source)
        rounds.setdefault("equigen", []).append(steps)
        for name, words in ways.items():
            steps, found = _theirs(scratch, source, words, options.rival)
            # A folder's name lacks what no folder may have: "Funk / Soul".
            if sorted(found.values()) != sorted(expected.values()):
                msg = f"{name}: expected the counts {expected}, got {found}"
                raise BenchError(msg)
            rounds.setdefault(name, []).append(steps)


def _ours(scratch: Path, source: Path) -> tuple[list[Measurement], Counts]:
    folder = scratch / "dataset"
    folder.mkdir()
    shutil.copyfile(source, folder / TSV)
    commands = [_command(scratch, folder, name) for name in COMMANDS]
    steps = list(map(measured, commands))
    told: Counts = json.loads(commands[-1].output.read_text(encoding="utf-8"))["counts"]
    shutil.rmtree(folder)
    return steps, told


def _command(scratch: Path, folder: Path, name: str) -> Command:
    own = environment({"EQUIGEN_DATASET__DIRECTORY": str(folder)})
    return Command([sys.executable, "-m", "equigen", name, "--json"], scratch, own)


def _theirs(
    scratch: Path, source: Path, words: Sequence[str], rival: Path
) -> tuple[list[Measurement], Counts]:
    own = environment({"PYTHONPATH": str(rival)} if words == ("duckdb",) else {})
    steps, made = [], []
    for number, word in enumerate(words):
        target = scratch / f"{number}.tsv"
        script = str(HERE / "bench" / "one_rival_table.py")
        command = Command([sys.executable, script, word, str(source), str(target)], scratch, own)
        steps.append(measured(command))
        made.append(target)
        source = target
    told: Counts = ast.literal_eval(command.output.read_text(encoding="utf-8"))
    for file in made:
        file.unlink(missing_ok=True)
    return steps, told


def _report(figures: Figures, runs: int) -> str:
    parts = [
        table(["machine", ""], [[name, value] for name, value in figures.about.items()]),
        f"Medians of {runs} (least to most), contestants in turns.",
    ]
    for count, rounds in figures.rounds.items():
        lines = [_line(name, steps, rounds[RIVAL]) for name, steps in rounds.items()]
        for at, name in enumerate(COMMANDS):
            steps = [[each[at]] for each in rounds["equigen"]]
            lines.append(_line(f"of it `equigen {name}`", steps, rounds[RIVAL]))
        status = [[each] for each in figures.status[count]]
        lines.append(_line("`equigen status`, all covers known", status, rounds[RIVAL]))
        for name, each in zip(("that notes them", "again"), figures.noting[count], strict=True):
            lines.append(_line(f"`equigen clean` {name}", [[each]], rounds[RIVAL]))
        titles = [f"{count:,} rows", "time", "processor", "peak MiB", "x polars"]
        met = "yes" if _is_met(figures, count) else "**no**"
        demanded = (
            f"At most {DEMANDED[count]:g} x polars' one pass, {MOST_MIB:,} MiB, and {STATUS_S:g} s"
            f" for `status`: {met}."
            if count in DEMANDED
            else ""
        )
        parts += [table(titles, lines), demanded]
    return "\n\n".join(part for part in [*parts, figures.skipped] if part) + "\n"


def _line(
    name: str, rounds: Sequence[Sequence[Measurement]], rival: Sequence[Sequence[Measurement]]
) -> list[str]:
    cpu_s = median(sum(step.cpu_s for step in steps) for steps in rounds)
    peak = median(max(step.peak_rss_mib for step in steps) for steps in rounds)
    return [
        name,
        f"{spread(_walls(rounds), '.2f')} s",
        f"{cpu_s:.1f} s",
        f"{peak:,.0f}",
        f"{_ratio(rounds, rival):.2f}",
    ]


def _walls(rounds: Sequence[Sequence[Measurement]]) -> list[float]:
    return [sum(step.wall_s for step in steps) for steps in rounds]


def _ratio(ours: Sequence[Sequence[Measurement]], rival: Sequence[Sequence[Measurement]]) -> float:
    return median(a / b for a, b in zip(_walls(ours), _walls(rival), strict=True))


def _is_met(figures: Figures, count: int) -> bool:
    rounds = figures.rounds[count]
    ours = rounds["equigen"]
    peak = max(step.peak_rss_mib for steps in ours for step in steps)
    status_s = median(each.wall_s for each in figures.status[count])
    ratio = _ratio(ours, rounds[RIVAL])
    return peak <= MOST_MIB and status_s <= STATUS_S and ratio <= DEMANDED.get(count, 1e9)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--rows", type=int, nargs="+", default=list(DEMANDED), help="of each table")
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument(
        "--rival",
        type=Path,
        default=CACHE / "duckdb",
        metavar="FOLDER",
        help="where DuckDB is installed; left out where it isn't (default: %(default)s)",
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: rows and datasets",
    )
    options = parser.parse_args()
    if options.quick:
        options.runs, options.rows = 1, [20_000]
    return options


if __name__ == "__main__":
    sys.exit(main())
