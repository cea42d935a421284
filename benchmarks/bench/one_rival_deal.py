"""One deal by scikit-learn, in a process of its own: python one_rival_deal.py WAY FILE COUNT.

FILE is what `one_deal.py` writes; of its albums the first COUNT are dealt. WAY is
`GroupShuffleSplit` (test from all, then val from the rest) or `StratifiedGroupKFold` (20 folds: 14
are train, 3 val, 3 test). Prints one line of JSON. It runs in the rival's environment, which has no
equigen.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RATIO = (0.7, 0.15, 0.15)
_SEED = 1337
_FOLDS = 20

Numbers = npt.NDArray[np.intp]


def peak_mib() -> float:
    """Return the most memory that this process held; getrusage's has that of who started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def farthest(labels: Numbers, sets: Numbers) -> float:
    """Return how far a label's share in a set is at most from the one asked for, in points."""
    counts = np.zeros((labels.max() + 1, len(RATIO)))
    np.add.at(counts, (labels, sets), 1)
    got = counts / counts.sum(axis=1, keepdims=True)
    return float(100 * np.abs(got - RATIO).max())


def shuffled(selection: Any, labels: Numbers, groups: Numbers) -> Numbers:  # noqa: ANN401
    """Deal by GroupShuffleSplit, twice."""
    sets = np.zeros(labels.size, dtype=np.intp)
    rest = np.arange(labels.size)
    for number, share in ((2, RATIO[2]), (1, RATIO[1] / (RATIO[0] + RATIO[1]))):
        way = selection.GroupShuffleSplit(n_splits=1, test_size=share, random_state=_SEED)
        left, taken = next(way.split(rest, groups=groups[rest]))
        sets[rest[taken]] = number
        rest = rest[left]
    return sets


def stratified(selection: Any, labels: Numbers, groups: Numbers) -> Numbers:  # noqa: ANN401
    """Deal by StratifiedGroupKFold, folds put together to sets."""
    sets = np.zeros(labels.size, dtype=np.intp)
    way = selection.StratifiedGroupKFold(n_splits=_FOLDS, shuffle=True, random_state=_SEED)
    for number, (_, taken) in enumerate(way.split(labels, labels, groups)):
        sets[taken] = 2 if number < RATIO[2] * _FOLDS else 1 if number < 0.3 * _FOLDS else 0
    return sets


def main() -> None:
    """Deal once and say what it took."""
    way, file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with np.load(file) as given:
        labels, groups = given["labels"][:count], given["groups"][:count]
    selection = importlib.import_module("sklearn.model_selection")
    began_s = time.perf_counter()
    deal = {"GroupShuffleSplit": shuffled, "StratifiedGroupKFold": stratified}[way]
    sets = deal(selection, labels, groups)
    told = {
        "seconds": time.perf_counter() - began_s,
        "peak_mib": peak_mib(),
        "farthest_points": farthest(labels, sets),
        "version": importlib.import_module("sklearn").__version__,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
