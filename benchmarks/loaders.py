"""How fast `Dataset.torch` gives covers, against a folder of pictures read with Pillow.

    python benchmarks/loaders.py [--runs 5] [--covers 2000]

README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.pictures import Recipe, pictures
from bench.report import keep, spread, table
from features import fill
from PIL import Image

import equigen
from equigen.loaders.base import samples_of

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = "loaders.py"
RUNS, COVERS, SIZE_PX, LEAST_TIMES = 5, 2_000, 128, 1.5


@dataclass(slots=True)
class Figures:
    """All that one run measured: covers a second of processor time, by way and round."""

    about: dict[str, str]
    rounds: dict[str, list[float]] = field(default_factory=dict)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--covers", type=int, default=COVERS)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/equigen-bench"))  # noqa: S108
    options = parser.parse_args()
    keep_to_two_cores()
    names = ("equigen", "numpy", "opencv-python-headless", "pillow", "simplejpeg")
    figures = Figures({**machine(), "equigen": versions(names)})
    folder: Path = options.scratch / "loaders"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        files = sorted(pictures(options.scratch, Recipe()).iterdir())[: options.covers]
        fill(folder, files)
        samples = samples_of(equigen.open(folder), "train", "single", (), SIZE_PX)
        ways: dict[str, Callable[[int], object]] = {
            "Dataset.torch": lambda at: channels_first(samples.picture(at)),
            "ImageFolder + Pillow": lambda at: folder_item(samples.files[at]),
        }
        for _ in range(options.runs):
            for name, way in ways.items():
                before = time.process_time()
                for at in range(len(samples)):
                    way(at)
                rate = len(samples) / (time.process_time() - before)
                print(f"{name}: {rate:.0f}/s", file=sys.stderr, flush=True)
                figures.rounds.setdefault(name, []).append(rate)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ours, theirs = (figures.rounds[name] for name in ways)
    times = [one / other for one, other in zip(ours, theirs, strict=True)]
    rows = [[name, spread(rates, ".0f")] for name, rates in figures.rounds.items()]
    text = "\n\n".join(
        (
            table(["machine", ""], [[name, value] for name, value in figures.about.items()]),
            (
                f"{options.covers:,} covers of 600 px to {SIZE_PX} px. Medians (least to most);"
                f" demanded: {LEAST_TIMES} times."
            ),
            table(
                ["", "covers/s of processor"],
                [*rows, ["times", spread(times, ".2f")]],
            ),
        )
    )
    print(text)
    keep(SCRIPT, text + "\n", asdict(figures), whole=options.runs >= RUNS)
    return 0 if median(times) >= LEAST_TIMES else 1


def folder_item(path: str) -> object:
    """Do what torchvision's ImageFolder does with Resize(128), CenterCrop(128), PILToTensor().

    That library's own code doesn't run here: it can't be imported beside this build of PyTorch.
    """
    with Path(path).open("rb") as file, Image.open(file) as picture:
        pixels = picture.convert("RGB")
    share = SIZE_PX / min(pixels.size)
    wide, high = (max(SIZE_PX, int(each * share)) for each in pixels.size)
    pixels = pixels.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = round((wide - SIZE_PX) / 2), round((high - SIZE_PX) / 2)
    pixels = pixels.crop((left, top, left + SIZE_PX, top + SIZE_PX))
    return channels_first(np.asarray(pixels))


def channels_first(pixels: npt.NDArray[np.uint8]) -> object:
    """Give the array that a tensor is made of, 3 x rows x columns."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


if __name__ == "__main__":
    sys.exit(main())
