"""One search for near hashes, in a process of its own: python one_search.py WAY FILE DISTANCE.

FILE holds distinct 64-bit hashes (.npy). WAY is `equigen`, `numpy` (every pair is looked at), or
of faiss `flat`, or `multihash:TABLES:BITS:FLIPS`. Prints one line of JSON: seconds from hashes in
memory to all pairs counted, their number, their sums (which tell whether two ways found the same),
the process's largest memory and the version. It runs in the rival's environment too, which has no
equigen.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

THREADS = 2
_ROWS, _COLUMNS = 16, 1 << 13

Hashes = npt.NDArray[np.uint64]


class Found(NamedTuple):
    """How many pairs, and the sum of their hashes, each pair xor-ed and multiplied, modulo 2^64."""

    pairs: int
    total: int


def _sum_of(one: Hashes, other: Hashes) -> int:
    """Return the same for the same pairs, whatever their order and positions."""
    mixed = (one ^ other) * (one + other) * np.uint64(0x9E3779B97F4A7C15)
    return int(mixed.sum(dtype=np.uint64))


def equigen(hashes: Hashes, distance: int) -> Found:
    """Search with what is measured here."""
    hamming = importlib.import_module("equigen.neardup.hamming")
    pairs = total = 0
    for block in hamming.close_pairs(hashes, distance=distance):
        pairs += block.first.size
        total += _sum_of(hashes[block.first], hashes[block.second])
    return Found(pairs, total % 2**64)


def brute(hashes: Hashes, distance: int) -> Found:
    """Look at every pair, some rows against some columns at a time."""
    pairs = total = 0
    for top in range(0, hashes.size, _ROWS):
        rows = hashes[top : top + _ROWS, np.newaxis]
        for left in range(top, hashes.size, _COLUMNS):
            columns = hashes[left : left + _COLUMNS]
            near = np.flatnonzero(np.bitwise_count(rows ^ columns) <= distance)
            if near.size:
                row, column = np.divmod(near, columns.size)
                later = left + column > top + row
                one, other = rows[row[later], 0], columns[column[later]]
                pairs += one.size
                total += _sum_of(one, other)
    return Found(pairs, total % 2**64)


def faiss_index(faiss: Any, way: str) -> Any:  # noqa: ANN401  (faiss has no type hints)
    """Return an empty index."""
    if way == "flat":
        return faiss.IndexBinaryFlat(64)
    tables, bits, flips = map(int, way.split(":")[1:])
    index = faiss.IndexBinaryMultiHash(64, tables, bits)
    index.nflip = flips
    return index


def faiss_search(hashes: Hashes, distance: int, way: str) -> Found:
    """Ask for what is near each hash; each pair comes twice, and each hash with itself."""
    faiss = importlib.import_module("faiss")
    faiss.omp_set_num_threads(THREADS)
    codes = hashes.view(np.uint8).reshape(-1, 8)
    index = faiss_index(faiss, way)
    index.add(codes)
    limits, _, labels = index.range_search(codes, distance + 1)  # it means "less than"
    first = np.repeat(np.arange(hashes.size), np.diff(limits.astype(np.int64)))
    later = labels > first
    one, other = hashes[first[later]], hashes[labels[later]]
    return Found(one.size, _sum_of(one, other))


def _peak_mib() -> float:
    """Return the most memory that this process held; getrusage's has that of who started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def main() -> None:
    """Search once and say what it took."""
    way, file, distance = sys.argv[1], sys.argv[2], int(sys.argv[3])
    hashes = np.load(file)
    module = {"equigen": "equigen.neardup.hamming", "numpy": "numpy"}.get(way, "faiss")
    importlib.import_module(module)  # the time of importing is nobody's
    began_s = time.perf_counter()
    if way == "equigen":
        found = equigen(hashes, distance)
    elif way == "numpy":
        found = brute(hashes, distance)
    else:
        found = faiss_search(hashes, distance, way)
    seconds = time.perf_counter() - began_s
    peak_mib = _peak_mib()
    version = getattr(importlib.import_module(module.partition(".")[0]), "__version__", "")
    print(
        json.dumps(
            {
                "seconds": seconds,
                "pairs": found.pairs,
                "total": found.total,
                "peak_mib": peak_mib,
                "version": version,
            }
        )
    )


if __name__ == "__main__":
    main()
