"""The search for look-alikes among a million covers' descriptors: `make bench-pairs`.

README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.report import keep, spread, table

from equigen.images.descriptor import GREY_CELLS, VIEW
from equigen.ledger.models import StoredLook
from equigen.neardup.candidates import candidates
from equigen.storage.below import FileBelow

SCRIPT = "pair_search.py"
RUNS = 3
MANY, FEW = 1_000_000, 20_000
MOST_S, MOST_MIB = 60, 1024
_SEED = 20_261
_WAVES = 12
_AT_A_TIME = 10_000
_VIEWS = 3
_LONGEST_S = 1_800

Greys = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Search:
    """Time and memory of one search, and what it found of the copies that were planted.

    `extra_mib` is what the process held more than before it began, without the descriptors, which
    lie in a temporary file that is mapped into memory.
    """

    seconds: float
    extra_mib: float
    near: int
    worth: int
    planted: int
    found: int


def greys_of(count: int) -> Iterator[Greys]:
    """Yield pictures, 16x16 greys each: waves, the longer the stronger, and grain.

    Their spectra fall with the frequency to the power of 0.8 to 1.6, as those of pictures do. The
    first tenth of each ten thousand are the next tenth with other grain.
    """
    chance = np.random.default_rng(_SEED)
    cosines = np.cos(np.pi / GREY_CELLS * np.outer(np.arange(_WAVES), np.arange(GREY_CELLS) + 0.5))
    lengths = np.maximum(1, np.hypot(*np.mgrid[:_WAVES, :_WAVES]))
    for start in range(0, count, _AT_A_TIME):
        size = min(_AT_A_TIME, count - start)
        falling = chance.uniform(0.8, 1.6, (size, 1, 1))
        waves = chance.normal(size=(size, _WAVES, _WAVES)) / lengths**falling
        waves[: size // 10] = waves[size // 10 : 2 * (size // 10)]
        shown = cosines.T @ waves @ cosines
        low, high = (end(shown, axis=(1, 2), keepdims=True) for end in (np.min, np.max))
        shown = (shown - low) / (high - low) * 245 + 5
        shown += chance.normal(scale=2, size=shown.shape)
        yield np.rint(np.clip(shown, 0, 255)).astype(np.uint8)


def _name(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _looks(count: int) -> Iterator[StoredLook]:
    number = 0
    for greys in greys_of(count):
        for grey in greys:
            views = np.zeros(_VIEWS, VIEW)
            views["grey"] = grey
            views["box"][:, 2:] = 0xFFFF
            yield StoredLook(_name(number), views.tobytes())
            number += 1


def _planted(count: int) -> set[tuple[str, str]]:
    pairs = set()
    for start in range(0, count, _AT_A_TIME):
        tenth = min(_AT_A_TIME, count - start) // 10
        for at in range(start, start + tenth):
            one, other = sorted((_name(at), _name(at + tenth)))
            pairs.add((one, other))
    return pairs


def _memory_mib(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines[name].split()[0]) / 1024


def search_once(count: int) -> Search:
    """Search the descriptors of so many covers in this process."""
    files = dict.fromkeys(map(_name, range(count)), FileBelow(Path(), ""))
    planted = _planted(count)
    made_s = -time.perf_counter()
    for _ in _looks(count):
        pass
    made_s += time.perf_counter()
    before_mib = _memory_mib("VmRSS")
    began_s = time.perf_counter()
    with candidates(_looks(count), files) as found:
        worth = copies = 0
        for some in found.among(lambda _one, _other: True):
            worth += len(some.pairs)
            names = ((found.sha256[pair.first], found.sha256[pair.second]) for pair in some.pairs)
            copies += sum(pair in planted for pair in names)
        seconds = time.perf_counter() - began_s - made_s
        near = len(found)
    own_mib = count * VIEW.itemsize / 2**20
    extra_mib = _memory_mib("VmHWM") - before_mib - own_mib
    return Search(seconds, extra_mib, near, worth, len(planted), copies)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    if options.once:
        print(json.dumps(asdict(search_once(options.covers))))
        return 0
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen", "numpy"))}
    try:
        runs = [_searched(options.covers) for _ in range(options.runs)]
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    seconds = [one.seconds for one in runs]
    extra_mib = max(one.extra_mib for one in runs)
    met = median(seconds) < MOST_S and extra_mib < MOST_MIB
    titles = ["covers", "time", "more memory", "within", "near", "worth comparing", "copies found"]
    row = [
        f"{options.covers:,}",
        f"{spread(seconds, '.1f')} s",
        f"{extra_mib:.0f} MiB",
        f"{MOST_S} s, {MOST_MIB} MiB: {'yes' if met else '**no**'}",
        f"{runs[0].near:,}",
        f"{runs[0].worth:,}",
        f"{runs[0].found:,} of {runs[0].planted:,}",
    ]
    text = "\n\n".join(
        [
            table(["machine", ""], [[name, value] for name, value in about.items()]),
            f"Medians of {options.runs} (least to most).",
            table(titles, [row]),
        ]
    )
    print(text + "\n")
    raw = {"about": about, "runs": [asdict(one) for one in runs]}
    keep(SCRIPT, text + "\n", raw, whole=options.runs >= RUNS and options.covers >= MANY)
    return 0 if met else 1


def _searched(count: int) -> Search:
    words = [sys.executable, __file__, "--once", "--covers", str(count)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=_LONGEST_S, env=environment({})
    )
    if done.returncode:
        msg = f"`{' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        raise BenchError(msg)
    return Search(**json.loads(done.stdout))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--covers", type=int, default=MANY, help=f"default: {MANY:,}")
    parser.add_argument("--quick", action="store_true", help="one round of little: try the script")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.runs, options.covers = 1, FEW
    return options


if __name__ == "__main__":
    sys.exit(main())
