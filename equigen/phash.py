"""What a picture looks like as a whole: its perceptual hash."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

GREY_PX = 32
_LOW = 8  # frequencies kept along each axis
# A grid this fine moves no hash by more than a bit or two; a coarser one does.
_LEAST_GRID_PX = 48
_DECIMALS = 6
# Row k: the DCT-II's k-th cosine at the 32 pixels.
_COSINES = np.cos(np.pi / GREY_PX * np.outer(np.arange(_LOW), np.arange(GREY_PX) + 0.5))

Grey = npt.NDArray[np.uint8]


def coarsest(width_px: int, height_px: int) -> int:
    """Return by how much a picture may be reduced before it is hashed: a power of two.

    Every way to decode a picture is brought to this one grid, so its hash is the same by each.
    """
    factor = 1
    while min(width_px, height_px) >= 2 * factor * _LEAST_GRID_PX:
        factor *= 2
    return factor


class Grid(NamedTuple):
    """A picture in greys, reduced to as few pixels as a hash needs.

    It shows `width` by `height` of them: where these are no whole numbers, the last column and row
    are cut by the picture's edge.
    """

    image: Image.Image
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
    return Grid(image.convert("L"), width_px / factor, height_px / factor)


def grey_square(grid: Grid) -> Grey:
    """Return a picture as 32x32 greys, whatever its shape."""
    # The exact box: half a column too many would shift the picture by a part of a pixel.
    box = (0, 0, grid.width, grid.height)
    side = (GREY_PX, GREY_PX)
    return np.asarray(grid.image.resize(side, Image.Resampling.LANCZOS, box=box))


def perceptual_hash(grey_32x32: Grey) -> str:
    """Return 64 bits that stay nearly the same when a picture is re-encoded or resized.

    The DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions"
    (2010), http://www.phash.org/: of the picture's two-dimensional DCT-II the 8x8 lowest
    frequencies, the mean among them; a bit is set where a coefficient is above their median. Row
    by row, most significant bit first, as 16 hexadecimal digits.

    Coefficients are rounded to 6 decimals: those of symmetric or plain pictures are zero, and
    would else be decided by what a processor leaves of zero.
    """
    low = np.round(_COSINES @ grey_32x32 @ _COSINES.T, _DECIMALS).ravel()
    ordered = np.sort(low)
    middle = low.size // 2
    median = (ordered[middle - 1] + ordered[middle]) / 2
    return np.packbits(low > median).tobytes().hex()
