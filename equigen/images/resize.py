"""Make a cover's file from its pixels: cut, scale, put on a canvas, encode."""

import io
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from math import sqrt
from types import ModuleType

import numpy as np
import numpy.typing as npt
from PIL import Image

from equigen.errors import PictureError
from equigen.images.decoding import WHITE, Pixels
from equigen.images.rendering import Rendering, placement

TOO_MANY_PIXELS = "too many pixels"
_ORIGINAL_QUALITY = 95
_JPEG_MOST_PX = 65_500  # libjpeg's bound
_PNG_LEVEL = 3  # zlib's own 6 takes more than twice as long and saves 2 %
# With fewer pixels than this share of what was there, each is the mean of those that it covers.
_MEANS_BELOW = 0.5
# Above it, a picture is smoothed, then sampled. A Gaussian this wide, in pixels, comes nearest to
# an exact filter (benchmarks/README.md), down to one half.
_SMOOTHING = 0.4
_LEAST_SMOOTHING_PX = 0.3  # less is not seen, and costs as much
_SMOOTHED_OVER_PX = 5

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """Bytes of a file, and its size in pixels."""

    data: bytes
    width_px: int
    height_px: int


def drawn(pixels: Pixels, rendering: Rendering) -> Array:
    """Draw a picture as a rendering asks: cut, scaled, on a canvas."""
    place = placement(rendering, pixels.width_px, pixels.height_px)
    # Whole pixels of what was decoded: at most half a pixel of the file is cut off, or let in.
    left, top, right, bottom = (round(at / pixels.reduced) for at in place.box)
    part = scaled(pixels.array[top:bottom, left:right], place.width_px, place.height_px)
    if place.fills_canvas:
        return part
    shape = (place.canvas_height_px, place.canvas_width_px, *part.shape[2:])
    canvas = np.full(shape, WHITE[0], np.uint8)
    across, down = place.left_px + place.width_px, place.top_px + place.height_px
    canvas[place.top_px : down, place.left_px : across] = part
    return canvas


def encoded(array: Array, rendering: Rendering) -> MadeFile:
    """Encode what was drawn.

    Raises:
        PictureError: it is too large for a JPEG.

    """
    out, image = io.BytesIO(), Image.fromarray(array)
    if rendering.suffix == ".jpg" and max(image.size) > _JPEG_MOST_PX:
        msg = (
            f"expected a cover, got {image.width}x{image.height} pixels, more than"
            f" {_JPEG_MOST_PX} a side in a JPEG"
        )
        raise PictureError(msg, reason=TOO_MANY_PIXELS)
    if rendering.suffix == ".png":
        image.save(out, "PNG", compress_level=_PNG_LEVEL)
    else:
        quality = _ORIGINAL_QUALITY if rendering.is_original else rendering.quality
        image.save(out, "WEBP" if rendering.suffix == ".webp" else "JPEG", quality=quality)
    return MadeFile(out.getvalue(), *image.size)


def scaled(pixels: Array, width_px: int, height_px: int) -> Array:
    """Scale a picture (rows x columns, or rows x columns x channels) to a width and a height.

    The result is free of aliasing and not shifted. Each axis is scaled by itself.
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
    """Return the standard deviation, in pixels, of the blur that sampling needs."""
    smoothing_px = _SMOOTHING * sqrt(1 / share**2 - 1) if share < 1 else 0.0
    return smoothing_px if smoothing_px >= _LEAST_SMOOTHING_PX else 0.0


@cache
def _opencv() -> ModuleType:
    # It takes 30 MB, and a process that scales nothing never needs it.
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)  # whoever scales does so in many threads already
    return cv2
