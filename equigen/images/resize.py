"""Scaling: the same picture with fewer or more pixels."""

from functools import cache
from importlib import import_module
from math import sqrt
from types import ModuleType

import numpy as np
import numpy.typing as npt

# With fewer pixels than this share of what was there, each is the mean of those that it stands for.
_MEANS_BELOW = 0.5
# Above it, a picture is smoothed, then sampled. A Gaussian this wide, in pixels, for what is left
# to reduce comes nearest to a filter that is exact (benchmarks/README.md), down to one half.
_SMOOTHING = 0.4
_LEAST_SMOOTHING_PX = 0.3  # less is not seen, and costs as much
_SMOOTHED_OVER_PX = 5

Array = npt.NDArray[np.uint8]


def scaled(pixels: Array, width_px: int, height_px: int) -> Array:
    """Return a picture (rows x columns, or rows x columns x channels) with a width and a height.

    Free of aliasing, and without a shift. Each axis is scaled by itself.
    """
    cv2 = _opencv()
    high, wide = pixels.shape[:2]
    size_px = (
        width_px if width_px < _MEANS_BELOW * wide else wide,
        height_px if height_px < _MEANS_BELOW * high else high,
    )
    if size_px != (wide, high):
        pixels = cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA)
    if size_px != (width_px, height_px):
        across, down = _smoothing_px(width_px / size_px[0]), _smoothing_px(height_px / size_px[1])
        over = (_SMOOTHED_OVER_PX if across else 1, _SMOOTHED_OVER_PX if down else 1)
        if across or down:
            # Where an axis is not smoothed, its window is one pixel wide and its sigma unused.
            pixels = cv2.GaussianBlur(
                pixels, over, across or down, sigmaY=down or across, borderType=cv2.BORDER_REPLICATE
            )
        pixels = cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return pixels


def _smoothing_px(share: float) -> float:
    """Return the standard deviation of what must be smoothed away before sampling."""
    smoothing_px = _SMOOTHING * sqrt(1 / share**2 - 1) if share < 1 else 0.0
    return smoothing_px if smoothing_px >= _LEAST_SMOOTHING_PX else 0.0


@cache
def _opencv() -> ModuleType:
    # It takes 30 MB, and a process that scales nothing never needs it.
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)  # whoever scales does so in many threads already
    return cv2
