"""One deal of albums of several labels by a rival: python one_rival_labels.py WAY FILE SEED.

FILE holds a matrix of 0 and 1, albums by labels. WAY is `iterative-stratification` or
`scikit-multilearn`, with `order 2` behind it if it is to look at pairs of labels as well. Prints
one line of JSON; `sets` has 0, 1 or 2 of each album. It runs in the rivals' environment, which has
no equigen.
"""

import importlib
import importlib.metadata
import json
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt

RATIO = (0.7, 0.15, 0.15)

Matrix = npt.NDArray[np.int64]


def by_iterstrat(ways: Any, labels: Matrix, seed: int, _order: int) -> Any:  # noqa: ANN401
    """Deal by the function behind MultilabelStratifiedKFold, which takes shares of any size."""
    state = np.random.RandomState(seed)
    return ways.IterativeStratification(labels.astype(bool), np.array(RATIO), state)


def by_multilearn(ways: Any, labels: Matrix, seed: int, order: int) -> Any:  # noqa: ANN401
    """Deal by scikit-multilearn's IterativeStratification, one fold a set."""
    np.random.seed(seed)  # noqa: NPY002  (it draws from there)
    way = ways.IterativeStratification(3, order=order, sample_distribution_per_fold=list(RATIO))
    sets = np.full(len(labels), -1)
    for number, (_, taken) in enumerate(way.split(np.zeros((len(labels), 1)), labels)):
        sets[taken] = number
    return sets


def main() -> None:
    """Deal once and say what it took."""
    library, _, order = sys.argv[1].partition(" order ")
    labels = np.load(sys.argv[2])
    module, deal = {
        "iterative-stratification": ("iterstrat.ml_stratifiers", by_iterstrat),
        "scikit-multilearn": ("skmultilearn.model_selection", by_multilearn),
    }[library]
    ways = importlib.import_module(module)
    began_s = time.perf_counter()
    sets = deal(ways, labels, int(sys.argv[3]), int(order or 1))
    told = {
        "seconds": time.perf_counter() - began_s,
        "version": importlib.metadata.version(library),
        "sets": [int(each) for each in sets],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
