"""How near to the ratio albums of several labels are dealt: `make bench-multilabel`.

README.md beside this file says what is compared, how, and what came of it.
"""

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.one_rival_labels import RATIO
from bench.report import keep, spread, table

from equigen.schema import SETS
from equigen.splitting.dealing import deal
from equigen.splitting.grouping import Member, grouped

ROOT = Path(__file__).parents[1]
SCRIPT = "multilabel.py"
MASTERS = ROOT.parent / "shared/realdata/multilabel/masters_15_genres_a.csv.gz"
RIVALS = ("iterative-stratification", "scikit-multilearn", "scikit-multilearn order 2")
RUNS = 5
# Columns before the genres.
_FACTS = 4


@dataclass(frozen=True, slots=True)
class Told:
    """One deal: how many albums each label's furthest set is off, in all and at most, and time.

    `all_off` is how many albums the furthest set of all albums is off.
    """

    sum_off: float
    most_off: float
    all_off: float
    seconds: float


def main() -> int:
    """Measure, and write the report; 0 where EquiGen is at least as near as each rival."""
    options = _options()
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen",))}
    try:
        members = masters(options.masters)
        deals = {"equigen": [_ours(members, seed) for seed in range(options.runs)]}
        for way in RIVALS if options.rivals.is_file() else ():
            deals[way], about[way.partition(" ")[0]] = _theirs(options, way, members)
    except (BenchError, OSError) as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    text = _report(about, members, deals, options.runs)
    print(text)
    raw = {
        way: [[getattr(one, name) for name in Told.__slots__] for one in told]
        for way, told in deals.items()
    }
    keep(
        SCRIPT, text, {"about": about, "deals": raw}, whole=options.runs >= RUNS and len(deals) > 1
    )
    return 0 if _is_nearest(deals) else 1


def masters(file: Path) -> list[Member]:
    """Return the albums of a table with a column a genre, each in a group of its own."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as opened:
        _, *rows = reader = list(csv.reader(opened))
    genres = reader[0][_FACTS:]
    return [
        Member(
            row[0],
            tuple(g for g, cell in zip(genres, row[_FACTS:], strict=True) if float(cell)),
            row[0],
        )
        for row in rows
    ]


def told_of(members: Sequence[Member], sets: Sequence[str], seconds: float) -> Told:
    """Return how far a deal is off."""
    total = Counter(label for each in members for label in each.labels)
    counts = Counter(
        (label, name)
        for each, name in zip(members, sets, strict=True)
        for label in (*each.labels, "")
    )
    off = {
        label: max(
            abs(counts[label, name] - share * n) for name, share in zip(SETS, RATIO, strict=True)
        )
        for label, n in {**total, "": len(members)}.items()
    }
    all_off = off.pop("")
    return Told(sum(off.values()), max(off.values()), all_off, seconds)


def _ours(members: Sequence[Member], seed: int) -> Told:
    began_s = time.perf_counter()
    dealt = deal(members, grouped(members), ratio=RATIO, seed=seed)
    seconds = time.perf_counter() - began_s
    return told_of(members, [dealt.sets[each.path] for each in members], seconds)


def _theirs(
    options: argparse.Namespace, way: str, members: Sequence[Member]
) -> tuple[list[Told], str]:
    names = sorted({label for each in members for label in each.labels})
    matrix = np.array([[int(name in each.labels) for name in names] for each in members])
    found, version = [], ""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, matrix)
        for seed in range(options.runs):
            script = str(ROOT / "benchmarks/bench/one_rival_labels.py")
            line = [str(options.rivals), script, way, file.name, str(seed)]
            done = subprocess.run(
                line, capture_output=True, text=True, check=False, env=environment({})
            )
            if done.returncode:
                msg = f"`{' '.join(line)}` ended with {done.returncode}: {done.stderr[-500:]}"
                raise BenchError(msg)
            told = json.loads(done.stdout)
            found.append(told_of(members, [SETS[each] for each in told["sets"]], told["seconds"]))
            version = told["version"]
    return found, version


def _is_nearest(deals: Mapping[str, Sequence[Told]]) -> bool:
    ours = deals["equigen"]
    return all(
        median(getattr(one, name) for one in ours)
        <= median(getattr(one, name) for one in told) + 1e-6
        for told in deals.values()
        for name in ("sum_off", "most_off", "all_off")
    )


def _report(
    about: Mapping[str, str],
    members: Sequence[Member],
    deals: Mapping[str, Sequence[Told]],
    runs: int,
) -> str:
    several = sum(len(each.labels) > 1 for each in members)
    lines = [
        [
            way,
            *(
                spread([getattr(one, name) for one in told], ".2f")
                for name in ("sum_off", "most_off")
            ),
            spread([one.all_off for one in told], ".1f"),
            f"{spread([one.seconds for one in told], '.2f')} s",
        ]
        for way, told in deals.items()
    ]
    titles = [
        f"{len(members):,} albums, {several:,} of several labels",
        "off, all labels", "off, one label", "off, all albums", "time",
    ]  # fmt: skip
    return "\n\n".join(
        [
            table(["machine", ""], [[name, value] for name, value in about.items()]),
            f"Medians of {runs} seeds (least to most).",
            table(titles, lines),
            f"At least as near as all of them: {'yes' if _is_nearest(deals) else '**no**'}.",
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"seeds (default: {RUNS})")
    parser.add_argument(
        "--masters", type=Path, default=MASTERS, help="the table (default: %(default)s)"
    )
    parser.add_argument(
        "--rivals",
        type=Path,
        default=ROOT / ".bench/stratified/bin/python",
        metavar="PYTHON",
        help="that has the rivals; left out where it isn't (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
