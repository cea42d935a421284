"""`equigen.neardup.hamming` against looking at every pair, and against faiss: `make bench-pairs`.

README.md beside this file says what is compared, how, and what came of it.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from bench.environment import environment
from bench.errors import BenchError
from bench.hash_sets import KINDS, hash_file
from bench.machine import keep_to_two_cores, machine, versions
from bench.report import keep, spread, table

from equigen.neardup.hamming import Hashes, close_pairs

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
CACHE = ROOT / ".bench"
SCRIPT = "pair_search.py"
DISTANCE = 8
OURS, BRUTE = "equigen", "numpy"
# Tables, bits of each and flips: exact for 8 bits, and the fastest of those that were tried.
FAISS = ("flat", "multihash:3:21:2")
SHOWN = {
    OURS: "equigen",
    BRUTE: "numpy, every pair",
    FAISS[0]: "faiss IndexBinaryFlat, 2 threads",
    FAISS[1]: "faiss IndexBinaryMultiHash, 3 tables of 21 bits, 2 flips",
}
RUNS = 5
FEW, MANY, SAMPLE = 250_000, 1_000_000, 2_000
MOST_S, MOST_MIB = 30, 1024
_LONGEST_S = 1_800


@dataclass(frozen=True, slots=True)
class Search:
    """What one search took, and what it found, as `bench/one_search.py` tells it."""

    seconds: float
    pairs: int
    total: int
    peak_mib: float
    version: str


def main() -> int:
    """Measure, and write the report; 0 where all is exact and as demanded."""
    options = _options()
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen", "numpy"))}
    try:
        text, met, kept = _run(options, about)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    print(text)
    keep(SCRIPT, text, kept, whole=options.runs >= RUNS and not options.quick)
    return 0 if met else 1


def _run(options: argparse.Namespace, about: dict[str, str]) -> tuple[str, bool, dict[str, object]]:
    few, many = (20_000, 50_000) if options.quick else (FEW, MANY)
    contest, skipped = _contest(options, few)
    alone: dict[str, list[Search]] = {}
    exact: dict[str, int] = {}
    for kind in KINDS:
        file = hash_file(CACHE / "hashes", kind, many)
        _say(f"{kind}: {many:,} hashes")
        alone[kind] = [_searched(sys.executable, OURS, file) for _ in range(options.runs)]
        exact[kind] = proved(np.load(file))
    met = all(
        median(one.seconds for one in runs) < MOST_S
        and max(one.peak_mib for one in runs) < MOST_MIB
        for runs in alone.values()
    )
    for way in contest:
        if way in FAISS:
            about["faiss"] = contest[way][0].version
    parts = [
        table(["machine", ""], [[name, value] for name, value in about.items()]),
        (
            f"Distance {DISTANCE}. Medians of {options.runs} (least to most), contestants in turns;"
            " exact: the same pairs as by looking at each."
        ),
        _contest_table(contest, few),
        *skipped,
        _alone_table(alone, exact, many),
    ]
    raw = {
        "about": about,
        "contest": {way: [asdict(one) for one in runs] for way, runs in contest.items()},
        "alone": {kind: [asdict(one) for one in runs] for kind, runs in alone.items()},
        "pairs_of_sample": exact,
    }
    return "\n\n".join(parts) + "\n", met, raw


def _contest(options: argparse.Namespace, few: int) -> tuple[dict[str, list[Search]], list[str]]:
    """Let all ways search the same hashes in turns; say of whom there is none, and why."""
    file = hash_file(CACHE / "hashes", "pictures", few)
    pythons = {OURS: sys.executable, BRUTE: sys.executable}
    skipped = []
    rival = _python(options.rival)
    if rival is None:
        skipped = [
            (
                f"Not measured: faiss ({options.rival} has no Python that imports it; make a"
                " virtual environment, install faiss-cpu into it and name it with `--rival`)."
            )
        ]
    else:
        pythons |= dict.fromkeys(FAISS, str(rival))
    contest: dict[str, list[Search]] = {way: [] for way in pythons}
    for number in range(options.runs):
        _say(f"{few:,} hashes, all ways: round {number + 1} of {options.runs}")
        for way, python in pythons.items():
            contest[way].append(_searched(python, way, file))
    found = {(one.pairs, one.total) for runs in contest.values() for one in runs}
    if len(found) > 1:
        told = {way: runs[0].pairs for way, runs in contest.items()}
        msg = f"{file}: expected the same pairs by all ways, found {told}"
        raise BenchError(msg)
    return contest, skipped


def _python(rival: Path) -> Path | None:
    """Return the Python that has faiss: the program given, or that of a virtual environment."""
    python = rival / "bin" / "python" if rival.is_dir() else rival
    if not python.is_file():
        return None
    asked = subprocess.run([python, "-c", "import faiss"], capture_output=True, check=False)
    return None if asked.returncode else python


def _searched(python: str, way: str, file: Path) -> Search:
    words = [python, str(HERE / "bench" / "one_search.py"), way, str(file), str(DISTANCE)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
        env=environment({"OMP_NUM_THREADS": "2"}),
    )
    if done.returncode:
        msg = f"`{' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        raise BenchError(msg)
    return Search(**json.loads(done.stdout))


def proved(hashes: Hashes) -> int:
    """Look at every pair of some hashes with all, and return how many are near.

    Raises:
        BenchError: the search finds others.

    """
    chosen = np.random.default_rng(0).choice(hashes.size, min(SAMPLE, hashes.size), replace=False)
    expected: set[tuple[int, int, int]] = set()
    for at in chosen.tolist():
        apart = np.bitwise_count(hashes ^ hashes[at])
        for other in np.flatnonzero(apart <= DISTANCE).tolist():
            if other != at:
                expected.add((min(at, other), max(at, other), int(apart[other])))
    is_chosen = np.zeros(hashes.size, dtype=bool)
    is_chosen[chosen] = True
    found: list[tuple[int, int, int]] = []
    for block in close_pairs(hashes, distance=DISTANCE):
        here = is_chosen[block.first] | is_chosen[block.second]
        found += zip(*(column[here].tolist() for column in block), strict=True)
    if len(found) != len(expected) or set(found) != expected:
        msg = f"not exact: expected {len(expected):,} pairs of the sample, found {len(found):,}"
        raise BenchError(msg)
    return len(expected)


def _contest_table(contest: dict[str, list[Search]], few: int) -> str:
    ours = contest[OURS]
    rows = []
    for way, runs in contest.items():
        ratio = median(b.seconds / a.seconds for a, b in zip(ours, runs, strict=True))
        rows.append(
            [
                SHOWN[way],
                f"{spread([one.seconds for one in runs], '.2f')} s",
                "" if way == OURS else f"**{ratio:.0f} x**",
                f"{max(one.peak_mib for one in runs):.0f}",
                f"{runs[0].pairs:,}",
            ]
        )
    titles = [f"{few:,} hashes of pictures", "time", "equigen is faster", "peak MiB", "pairs"]
    return table(titles, rows)


def _alone_table(alone: dict[str, list[Search]], exact: dict[str, int], many: int) -> str:
    rows = []
    for kind, runs in alone.items():
        seconds = [one.seconds for one in runs]
        peak_mib = max(one.peak_mib for one in runs)
        met = median(seconds) < MOST_S and peak_mib < MOST_MIB
        rows.append(
            [
                kind,
                f"{runs[0].pairs:,}",
                f"{spread(seconds, '.2f')} s",
                f"{peak_mib:.0f}",
                f"{MOST_S} s, {MOST_MIB} MiB: {'yes' if met else '**no**'}",
                f"exact ({exact[kind]:,} pairs)",
            ]
        )
    return table(
        [
            f"equigen, {many:,} hashes",
            "pairs",
            "time",
            "peak MiB",
            "within",
            f"{SAMPLE:,} hashes against all",
        ],
        rows,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument(
        "--rival",
        type=Path,
        default=CACHE / "faiss",
        metavar="PYTHON_OR_VENV",
        help="where faiss is installed; left out where it isn't (default: %(default)s)",
    )
    options = parser.parse_args()
    options.runs = 1 if options.quick else options.runs
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
