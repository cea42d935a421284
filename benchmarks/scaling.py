"""How near scaled pictures come to an exact filter, and how long they take.

Usage: python benchmarks/scaling.py FOLDER [--seconds 0.2]

FOLDER holds JPEGs. Each is scaled as covers are: decoded at the smallest fraction that has the
pixels, then scaled. Compared with Lanczos over the whole picture (Pillow), as the mean
peak signal-to-noise ratio in dB; times are of scaling alone, of one thread, medians.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from equigen.images.check import scaled
from equigen.images.decoding import decode, opened

Pixels = npt.NDArray[np.uint8]
Scale = Callable[[Pixels, int, int], Pixels]
EXACT = Image.Resampling.LANCZOS
SHARES = (0.95, 0.85, 0.7, 0.55, 256 / 600, 0.37, 0.3, 0.26, 0.2, 0.13)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to scale; `whole` says that it is given all pixels, as img2dataset gives them."""

    name: str
    scale: Scale
    whole: bool = False


def pillow(kind: Image.Resampling) -> Scale:
    """Return one of Pillow's filters."""
    return lambda pixels, wide, high: np.asarray(Image.fromarray(pixels).resize((wide, high), kind))


def area(pixels: Pixels, wide: int, high: int) -> Pixels:
    """Scale by OpenCV's means of areas."""
    return np.asarray(cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)


WAYS = (
    Way("equigen", scaled),
    Way("Pillow Hamming", pillow(Image.Resampling.HAMMING)),
    Way("Pillow bicubic", pillow(Image.Resampling.BICUBIC)),
    Way("OpenCV area", area),
    Way("OpenCV area, all pixels (img2dataset)", area, whole=True),
)


def main() -> int:
    """Print a table of likeness, and one of times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each time that is taken")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    bodies = [file.read_bytes() for file in sorted(options.folder.rglob("*.jp*g"))]
    print(f"{len(bodies)} pictures\n\n| share of the side | {' | '.join(w.name for w in WAYS)} |")
    print(f"| --- |{' --- |' * len(WAYS)}")
    for share in SHARES:
        found = [statistics.mean(_likeness_db(body, share, way) for body in bodies) for way in WAYS]
        print(f"| {share:.2f} | {' | '.join(f'{each:.1f}' for each in found)} |")
    print("\n| from, to | " + " | ".join(way.name for way in WAYS if not way.whole) + " |")
    print(f"| --- |{' --- |' * sum(not way.whole for way in WAYS)}")
    for from_px, to_px in ((300, 256), (300, 160), (600, 400), (600, 224)):
        pixels = np.random.default_rng(1).integers(0, 256, (from_px, from_px, 3), np.uint8)
        took = [_took_ms(w.scale, pixels, to_px, options.seconds) for w in WAYS if not w.whole]
        print(f"| {from_px}, {to_px} | {' | '.join(f'{each:.2f} ms' for each in took)} |")
    return 0


def _likeness_db(body: bytes, share: float, way: Way) -> float:
    whole = _pixels(body, 1.0)
    wide, high = (max(1, round(side * share)) for side in whole.shape[1::-1])
    exact = np.asarray(Image.fromarray(whole).resize((wide, high), EXACT)).astype(float)
    given = whole if way.whole else _pixels(body, share)
    error = float(np.mean((way.scale(given, wide, high) - exact) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def _pixels(body: bytes, share: float) -> Pixels:
    picture = opened(body)
    return decode(picture, scale=share).array


def _took_ms(scale: Scale, pixels: Pixels, to_px: int, seconds: float) -> float:
    took: list[float] = []
    by_s = time.perf_counter() + seconds
    while time.perf_counter() < by_s:
        began_s = time.perf_counter()
        scale(pixels, to_px, to_px)
        took.append(time.perf_counter() - began_s)
    return statistics.median(took) * 1000


if __name__ == "__main__":
    sys.exit(main())
