"""How long `equigen split` takes to deal and to lay out, beside scikit-learn: `make bench-split`.

README.md beside this file says what is compared, how, and what came of it.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.environment import environment
from bench.errors import BenchError
from bench.filled import filled
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, measured
from bench.report import keep, spread, table

from equigen.ledger.ledger import LEDGER_NAME

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
CACHE = ROOT / ".bench"
SCRIPT = "assignment.py"
RUNS = 3
ALBUMS, FILES = 1_000_000, 100_000
SHUFFLE, STRATIFIED = "GroupShuffleSplit", "StratifiedGroupKFold"
# StratifiedGroupKFold looks at each fold for each group: it isn't asked for more.
STRATIFIED_ALBUMS = 10_000
MOST_S = 60
_LABELS = 15
_AT_HOME, _TOGETHER = 0.8, 0.1
_SEED = 20_261

Told = dict[str, float]


@dataclass(slots=True)
class Figures:
    """All that one run measured; `files` are seconds by kind of link."""

    about: dict[str, str]
    deals: dict[int, list[Told]] = field(default_factory=dict)
    rivals: dict[str, list[Told]] = field(default_factory=dict)
    files: dict[str, list[float]] = field(default_factory=dict)
    skipped: str = ""


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    figures = Figures({**machine(), "equigen": versions(("equigen",))})
    albums, files = (20_000, 2_000) if options.quick else (ALBUMS, FILES)
    scratch: Path = options.scratch / f"split-{os.getpid()}"
    scratch.mkdir(parents=True)
    try:
        _deal(figures, options, scratch, albums)
        _lay_out(figures, options, files)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch)
    text = _report(figures, options.runs, albums, files)
    print(text)
    raw = {name: getattr(figures, name) for name in Figures.__slots__}
    keep(SCRIPT, text, raw, whole=options.runs >= RUNS and not options.quick)
    return 0 if _slowest_s(figures.deals[albums]) < MOST_S else 1


def rows(count: int) -> Iterator[str]:
    """Yield the lines of so many albums by half as many artists.

    Each artist has one album, the other half goes to some more than to others. Four albums in five
    are of the artist's label, and one in ten is of two artists.
    """
    chance = random.Random(_SEED)
    artists = count // 2
    homes = [chance.randrange(_LABELS) for _ in range(artists)]
    for number in range(count):
        artist = number if number < artists else int(artists * chance.random() ** 2)
        label = homes[artist] if chance.random() < _AT_HOME else chance.randrange(_LABELS)
        credit = f"Artist {artist}"
        if chance.random() < _TOGETHER:
            credit += f" & Artist {int(artists * chance.random() ** 2)}"
        yield f"Label {label}/{number}.jpg\tLabel {label}\t{credit}\n"


def _deal(figures: Figures, options: argparse.Namespace, scratch: Path, albums: int) -> None:
    few = min(STRATIFIED_ALBUMS, albums)
    python = _python(options.rival)
    if python is None:
        figures.skipped = (
            f"Not measured: scikit-learn ({options.rival} has no Python that imports it; make a"
            " virtual environment, install scikit-learn into it and name it with `--rival`)."
        )
    for count, way in ((albums, SHUFFLE), (few, STRATIFIED)):
        file, groups = scratch / f"{count}.tsv", scratch / f"{count}.npz"
        with file.open("w", encoding="utf-8") as out:
            out.writelines(rows(count))
        for number in range(options.runs):
            _say(f"{count:,} albums: round {number + 1} of {options.runs}")
            told = _told(sys.executable, "one_deal.py", file, groups)
            figures.deals.setdefault(count, []).append(told)
            if python:
                told = _told(str(python), "one_rival_deal.py", way, groups, count)
                figures.rivals.setdefault(way, []).append(told)
                figures.about["scikit-learn"] = str(told["version"])


def _told(python: str, script: str, *words: object) -> Told:
    line = [python, str(HERE / "bench" / script), *map(str, words)]
    own = environment({"PYTHONPATH": str(HERE)} if script == "one_deal.py" else {})
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=own)
    if done.returncode:
        msg = f"`{' '.join(line)}` ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        raise BenchError(msg)
    told: Told = json.loads(done.stdout)
    if told.get("moved"):
        msg = f"{script}: expected all albums where they were, {told['moved']} moved"
        raise BenchError(msg)
    return told


def _python(rival: Path) -> Path | None:
    """Return the Python that has scikit-learn: the program given, or that of an environment."""
    python = rival / "bin" / "python" if rival.is_dir() else rival
    if not python.is_file():
        return None
    asked = subprocess.run([python, "-c", "import sklearn"], capture_output=True, check=False)
    return None if asked.returncode else python


def _lay_out(figures: Figures, options: argparse.Namespace, files: int) -> None:
    dataset = filled(options.scratch, files)
    ledger, split = dataset / LEDGER_NAME, dataset / "split"
    kept = ledger.read_bytes()
    own = {"EQUIGEN_DATASET__DIRECTORY": str(dataset)}
    for _ in range(options.runs):
        for link in ("hardlink", "symlink"):
            _say(f"{files:,} files: {link}")
            words = [sys.executable, "-m", "equigen", "split", "--quiet", "--link", link]
            try:
                for name in (link, f"{link}, again"):
                    took = measured(Command(words, options.scratch, environment(own)))
                    figures.files.setdefault(name, []).append(took.wall_s)
                    _look_at(split, files)
            finally:
                shutil.rmtree(split, ignore_errors=True)
                ledger.write_bytes(kept)


def _look_at(split: Path, expected: int) -> None:
    there = sum(1 for _ in split.glob("*/*/*.jpg"))
    if there != expected:
        msg = f"{split}: expected {expected} files, found {there}"
        raise BenchError(msg)


def _report(figures: Figures, runs: int, albums: int, files: int) -> str:
    about = [[name, value] for name, value in figures.about.items()]
    laid_out = [[name, f"{spread(took, '.2f')} s"] for name, took in figures.files.items()]
    parts = [
        table(["machine", ""], about),
        f"Medians of {runs} (least to most), contestants in turns.",
        _deals(figures),
        figures.skipped,
        f"Within {MOST_S} s: {'yes' if _slowest_s(figures.deals[albums]) < MOST_S else '**no**'}.",
        table([f"`equigen split --link`, {files:,} files", "time of the whole process"], laid_out),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _deals(figures: Figures) -> str:
    lines = []
    for (count, deals), way in zip(figures.deals.items(), (SHUFFLE, STRATIFIED), strict=True):
        lines += [
            _line("equigen, all new", count, deals, "fresh_s", "peak_fresh_mib"),
            _line("equigen, all known, none moves", count, deals, "kept_s", "peak_mib"),
        ]
        if way in figures.rivals:
            told = figures.rivals[way]
            lines.append(_line(f"scikit-learn {way}", count, told, "seconds", "peak_mib"))
    return table(["deal", "albums", "time", "peak MiB", "farthest from 70/15/15"], lines)


def _line(name: str, count: int, told: Sequence[Told], time: str, peak: str) -> list[str]:
    seconds = spread([one[time] for one in told], ".2f")
    peak_mib = max(one[peak] for one in told)
    points = median(one["farthest_points"] for one in told)
    return [name, f"{count:,}", f"{seconds} s", f"{peak_mib:.0f}", f"{points:.2f} points"]


def _slowest_s(deals: Sequence[Told]) -> float:
    return max(median(one[key] for one in deals) for key in ("fresh_s", "kept_s"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument(
        "--rival",
        type=Path,
        default=CACHE / "sklearn",
        metavar="PYTHON_OR_VENV",
        help="where scikit-learn is installed; left out where it isn't (default: %(default)s)",
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: rows and datasets",
    )
    options = parser.parse_args()
    options.runs = 1 if options.quick else options.runs
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
