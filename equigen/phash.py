"""What a picture looks like: a perceptual hash and a small grey signature."""

import numpy as np
import numpy.typing as npt
from PIL import Image

GREY_PX = 32
SIGNATURE_PX = 16
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


def grey_square(image: Image.Image, width_px: int, height_px: int, *, reduced: int = 1) -> Grey:
    """Return a picture as 32x32 greys, whatever its shape.

    `image` (L or RGB) shows `width_px` by `height_px` pixels, reduced by the factor `reduced`, its
    last column and row rounded up; `reduced` is no more than `coarsest` gives.
    """
    grid = coarsest(width_px, height_px)
    if grid > reduced:
        image = image.reduce(grid // reduced)
    # The exact box: half a column too many would shift the picture by a part of a pixel.
    box = (0, 0, width_px / grid, height_px / grid)
    small = image.convert("L").resize((GREY_PX, GREY_PX), Image.Resampling.LANCZOS, box=box)
    return np.asarray(small)


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


def grey_signature(grey_32x32: Grey) -> bytes:
    """Return a picture as 16x16 greys, row by row: 256 bytes, each the mean of 2x2 pixels."""
    each = (SIGNATURE_PX, GREY_PX // SIGNATURE_PX)
    sums: npt.NDArray[np.uint16] = grey_32x32.reshape(*each, *each).sum(
        axis=(1, 3), dtype=np.uint16
    )
    return ((sums + 2) // 4).astype(np.uint8).tobytes()
