"""What a picture looks like as a whole: its perceptual hash."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

GREY_PX = 32
_LOW = 8  # frequencies kept along each axis
# A grid this fine moves no hash by more than a bit or two; a coarser one does.
_LEAST_GRID_PX = 48
_DECIMALS = 6
_LOBES = 3
# Row k: the DCT-II's k-th cosine at the 32 pixels.
_COSINES = np.cos(np.pi / GREY_PX * np.outer(np.arange(_LOW), np.arange(GREY_PX) + 0.5))

Grey = npt.NDArray[np.uint8]
Greys = npt.NDArray[np.float64]


def coarsest(width_px: int, height_px: int) -> int:
    """Return by how much a picture may be reduced before it is hashed: a power of two.

    Every way to decode a picture is brought to this one grid, so its hash is the same by each.
    """
    factor = 1
    while min(width_px, height_px) >= 2 * factor * _LEAST_GRID_PX:
        factor *= 2
    return factor


class Grid(NamedTuple):
    """A picture in greys, reduced to as few pixels as a hash needs: rows x columns.

    It shows `width` by `height` of them: where these are no whole numbers, the last column and row
    are cut by the picture's edge.
    """

    pixels: Grey
    width: float
    height: float


def grey_grid(image: Image.Image, width_px: int, height_px: int, *, reduced: int = 1) -> Grid:
    """Return a picture reduced by the factor that `coarsest` gives.

    `image` (L or RGB) shows `width_px` by `height_px` pixels, reduced by the factor `reduced`, its
    last column and row rounded up; `reduced` is no more than `coarsest` gives.
    """
    factor = coarsest(width_px, height_px)
    if factor > reduced:
        image = image.reduce(factor // reduced)
    return Grid(np.asarray(image.convert("L")), width_px / factor, height_px / factor)


def grey_square(grid: Grid) -> Greys:
    """Return a picture as 32x32 greys, whatever its shape, by Pillow's Lanczos, which takes longer.

    Both directions are cut to the levels that there are, as they are there; nothing is rounded.
    """
    high, wide = grid.pixels.shape
    across = grid.pixels.astype(np.float64) @ _lanczos(wide, grid.width).T
    across.clip(0.0, 255.0, out=across)
    square: Greys = _lanczos(high, grid.height) @ across
    return square.clip(0.0, 255.0, out=square)


@lru_cache(maxsize=512)
def _lanczos(pixels: int, size: float) -> Greys:
    """Return how much each of `pixels` in a line of `size` counts in each of 32.

    A sinc windowed by one three times as wide, stretched where the line is longer.
    """
    scale = size / GREY_PX
    stretch = max(scale, 1.0)
    centres = (np.arange(GREY_PX) + 0.5) * scale
    away = (np.arange(pixels) + 0.5 - centres[:, None]) / stretch
    weights = np.where(np.abs(away) < _LOBES, np.sinc(away) * np.sinc(away / _LOBES), 0.0)
    shares: Greys = weights / weights.sum(axis=1, keepdims=True)
    return shares


def perceptual_hash(grey_32x32: Grey | Greys) -> str:
    """Return 64 bits that stay nearly the same when a picture is re-encoded or resized.

    The DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions"
    (2010), http://www.phash.org/: of the picture's two-dimensional DCT-II the 8x8 lowest
    frequencies, the mean among them; a bit is set where a coefficient is above their median. Row
    by row, most significant bit first, as 16 hexadecimal digits.

    Coefficients are rounded to 6 decimals: those of symmetric or plain pictures are zero, and
    would else be decided by what a processor leaves of zero.
    """
    low = (_COSINES @ grey_32x32 @ _COSINES.T).ravel()
    # Rounded where they stand: compared with each other, they needn't be divided again.
    low *= 10**_DECIMALS
    np.rint(low, out=low)
    ordered = np.sort(low)
    middle = low.size // 2
    median = (ordered[middle - 1] + ordered[middle]) / 2
    return np.packbits(low > median).tobytes().hex()
