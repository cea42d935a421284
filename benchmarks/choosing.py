"""How long `select`, `balance` and `labels` take of a large dataset: `make bench-choosing`.

README.md beside this file says what is measured, how, and what came of it. (A script that is called
`select.py` would stand in the place of Python's own module.)
"""

import argparse
import os
import random
import shutil
import sys
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
from equigen.dataset.table import put_cells
from equigen.ledger.ledger import LEDGER_NAME
from equigen.plugins import find_commands
from equigen.schema import RATING_COLUMNS

SCRIPT = "choosing.py"
RUNS, ROWS = 3, 1_000_000
MOST_S, MOST_MIB = 10.0, 1024
TSV, RESERVE = "equigen_dataset.tsv", "equigen_dataset_reserve.tsv"
RULE = "rating_count >= CASE WHEN list_has_any(genres, ['Electronic', 'Rock']) THEN 50 ELSE 15 END"
COMMANDS = {
    "select over the TSV": (
        "select", "--where",
        "year >= 1970 AND country = 'US' AND list_contains(formats, 'LP')",
    ),
    "select over covers and sets": (
        "select", "--where", "width_px >= 300 AND status = 'ok' AND \"set\" = 'train'",
    ),
    "select over ratings, in place": ("select", "--where", RULE, "--in-place"),
    "select, a rank in each label": (
        "select", "--where",
        "row_number() OVER (PARTITION BY label ORDER BY want DESC, album_id) <= 1000",
    ),
    "balance, in place": ("balance", "--per-label", "1000"),
    "labels": ("labels",),
}  # fmt: skip


# Of a dataset as `fetch` leaves it, and of one whose covers and sets are all known.
FETCHED, KNOWN = "as fetched", "covers and sets known"


@dataclass(slots=True)
class Figures:
    """All that one run measured, by the dataset's state and the command's name."""

    about: dict[str, str]
    rows: int
    rounds: dict[str, dict[str, list[Measurement]]] = field(default_factory=dict)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen", "duckdb", "polars", "numpy"))}
    figures = Figures(about, options.rows)
    scratch: Path = options.scratch / f"choosing-{os.getpid()}"
    scratch.mkdir(parents=True)
    try:
        _measure(figures, scratch, options.runs)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch)
    text = _report(figures)
    print(text)
    whole = options.runs >= RUNS and options.rows == ROWS
    keep(SCRIPT, text, asdict(figures), whole=whole)
    every = [rounds for of_state in figures.rounds.values() for rounds in of_state.values()]
    return 0 if all(map(_is_met, every)) else 1


def _measure(figures: Figures, scratch: Path, runs: int) -> None:
    folder, kept = scratch / "dataset", scratch / "kept"
    for each in (folder, kept):
        each.mkdir()
    write_rows(folder / TSV, figures.rows)
    _rate(folder / TSV, figures.rows)
    env = environment({"EQUIGEN_DATASET__DIRECTORY": str(folder)})

    def command(*words: str) -> Command:
        return Command([sys.executable, "-m", "equigen", *words, "--json"], scratch, env)

    for state in (FETCHED, KNOWN):
        if state == KNOWN:
            make_known(folder, defaults())
            measured(command("clean"))  # its end notes what the covers are
        for file in folder.iterdir():
            if file.name in {TSV, LEDGER_NAME}:
                shutil.copyfile(file, kept / file.name)
        rounds = figures.rounds.setdefault(state, {})
        for title, words in _asked(state) * runs:
            print(f"{state}: {title}", file=sys.stderr, flush=True)
            rounds.setdefault(title, []).append(measured(command(*words)))
            if "in place" in title:
                _restore(folder, kept)
                measured(command("clean"))


def _asked(state: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the commands that are there, each by its title, and that ask for what is known."""
    there = find_commands()
    return [
        (title, words)
        for title, words in COMMANDS.items()
        if words[0] in there and (state == KNOWN or "covers" not in title)
    ]


def _rate(tsv: Path, rows: int) -> None:
    """Give nine albums in ten a rating, as few of which are many as there are on Discogs."""
    chance = random.Random(1)
    cells = {}
    for number in range(1, rows + 1):
        have = int(10 ** chance.uniform(0.5, 3.5))
        count = int(have * chance.uniform(0.02, 0.2))
        rating = (f"{count}", f"{chance.uniform(3, 5):.2f}" if count else "", f"{have}", "7")
        cells[f"discogs:m{number}"] = rating if number % 10 else ("",) * len(rating)
    put_cells(tsv, "album_id", RATING_COLUMNS, cells)


def _restore(folder: Path, kept: Path) -> None:
    """Put the dataset back as it was."""
    for name in (LEDGER_NAME, RESERVE, f"{LEDGER_NAME}-wal", f"{LEDGER_NAME}-shm"):
        (folder / name).unlink(missing_ok=True)
    for file in kept.iterdir():
        shutil.copyfile(file, folder / file.name)


def _report(figures: Figures) -> str:
    parts = [
        table(["machine", ""], [[name, value] for name, value in figures.about.items()]),
        f"Medians (least to most) of whole processes; demanded: {MOST_S:g} s and {MOST_MIB:,} MiB.",
    ]
    for state, of_state in figures.rounds.items():
        lines = [
            [
                title,
                f"{spread([each.wall_s for each in rounds], '.2f')} s",
                f"{median(each.cpu_s for each in rounds):.1f} s",
                f"{max(each.peak_rss_mib for each in rounds):,.0f}",
                "yes" if _is_met(rounds) else "**no**",
            ]
            for title, rounds in of_state.items()
        ]
        titles = [f"{figures.rows:,} rows, {state}", "time", "processor", "peak MiB", "met"]
        parts.append(table(titles, lines))
    return "\n\n".join(parts) + "\n"


def _is_met(rounds: list[Measurement]) -> bool:
    slowest = median(each.wall_s for each in rounds)
    return slowest <= MOST_S and max(each.peak_rss_mib for each in rounds) <= MOST_MIB


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"of the TSV (default: {ROWS})")
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: rows and datasets",
    )
    options = parser.parse_args()
    if options.quick:
        options.runs, options.rows = 1, 20_000
    return options


if __name__ == "__main__":
    sys.exit(main())
