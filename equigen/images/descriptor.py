"""Describe a picture: its perceptual hash, and the descriptor that finds near-duplicates.

A hash of the whole picture changes with its edges: a border, a crop, a sticker. So the descriptor
has several views: the whole, the part without the outer 2.5 % and 5 %, and the part inside a plain
border where there is one; a cropped copy's whole is another's inset. Each view has a hash, which
finds candidates, and 16x16 greys, which compare them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

GREY_PX = 32
_LOW = 8  # frequencies kept along each axis
# A grid this fine changes at most two bits of a hash; a coarser one changes more.
_LEAST_GRID_PX = 48
_DECIMALS = 6
_LOBES = 3
# Row k: the DCT-II's k-th cosine at the 32 pixels.
_COSINES = np.cos(np.pi / GREY_PX * np.outer(np.arange(_LOW), np.arange(GREY_PX) + 0.5))

GREY_CELLS = 16
_HASH_CELLS = 6
_HASH_BITS = 2 * _HASH_CELLS * (_HASH_CELLS - 1)
_INSETS = (0.0, 0.025, 0.05)
# Parts of a picture along each axis in `levels_of`.
_LEVEL_CELLS = 7
# A view's place: left, top, right and bottom, in 65,535ths of the picture.
_WHOLE = 0xFFFF
VIEW = np.dtype([("hash", "<u8"), ("box", "<u2", (4,)), ("grey", "u1", (GREY_CELLS, GREY_CELLS))])
Descriptor = npt.NDArray[np.void]
Floats = npt.NDArray[np.float32]
# A row or column of a border differs from the corners by no more than so many levels, but for
# so large a share of its pixels.
_BORDER_LEVELS = 10
_BORDER_NOISE = 0.04
_LEAST_BORDER = 0.012
_LEAST_LEFT = 0.5
# Means are compared in tenths of a level: finer differences are rounding errors.
_PARTS_OF_A_LEVEL = 10
_CELLS = np.arange(_HASH_CELLS**2).reshape(_HASH_CELLS, _HASH_CELLS)
# Cells that are compared for each bit. The first bits of a word stay empty: there a cell is
# compared with itself.
_EMPTY = np.zeros(64 - _HASH_BITS, int)
_DARKER = np.concatenate([_EMPTY, _CELLS[:, :-1].ravel(), _CELLS[:-1].ravel()])
_LIGHTER = np.concatenate([_EMPTY, _CELLS[:, 1:].ravel(), _CELLS[1:].ravel()])

Grey = npt.NDArray[np.uint8]
Greys = npt.NDArray[np.float64]


def coarsest(width_px: int, height_px: int) -> int:
    """Return the factor by which a picture may be reduced before it is hashed: a power of two.

    Every way of decoding a picture ends in this one grid, so its hash is always the same.
    """
    most = max(1, min(width_px, height_px) // _LEAST_GRID_PX)
    return 1 << (most.bit_length() - 1)


class Grid(NamedTuple):
    """Picture in greys, reduced to as few pixels as a hash needs: rows x columns.

    `width` and `height` are its size in these pixels: where they are no whole numbers, the last
    column and row are cut by the picture's edge.
    """

    pixels: Grey
    width: float
    height: float


def grey_grid(image: Image.Image, width_px: int, height_px: int, *, reduced: int = 1) -> Grid:
    """Reduce a picture to greys, by the factor that `coarsest` gives.

    `image` (L or RGB) shows `width_px` by `height_px` pixels, reduced by the factor `reduced`, its
    last column and row rounded up; `reduced` is no more than `coarsest` gives.
    """
    factor = coarsest(width_px, height_px)
    if factor > reduced:
        image = image.reduce(factor // reduced)
    return Grid(np.asarray(image.convert("L")), width_px / factor, height_px / factor)


def grey_square(grid: Grid) -> Greys:
    """Scale a picture of any shape to 32x32 greys, as Pillow's Lanczos does, which takes longer.

    Values are clipped to 0 to 255 after each direction, as there; nothing is rounded.
    """
    high, wide = grid.pixels.shape
    across = grid.pixels.astype(np.float64) @ _lanczos(wide, grid.width).T
    across.clip(0.0, 255.0, out=across)
    square: Greys = _lanczos(high, grid.height) @ across
    return square.clip(0.0, 255.0, out=square)


@lru_cache(maxsize=512)
def _lanczos(pixels: int, size: float) -> Greys:
    """Return the weight of each of `pixels` in a line of `size` in each of 32.

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
    """Hash a picture to 64 bits that nearly stay when it is encoded anew or resized.

    The DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions"
    (2010), http://www.phash.org/: of the picture's two-dimensional DCT-II the 8x8 lowest
    frequencies, the mean among them; a bit is set where a coefficient is above their median. Row
    by row, most significant bit first, as 16 hexadecimal digits.

    Coefficients are rounded to 6 decimals: those of symmetric or plain pictures are zero, and the
    sign of a processor's rounding errors would else decide.
    """
    low = (_COSINES @ grey_32x32 @ _COSINES.T).ravel()
    # They are only compared with each other, so the factor needn't be divided out again.
    low *= 10**_DECIMALS
    np.rint(low, out=low)
    ordered = np.sort(low)
    middle = low.size // 2
    median = (ordered[middle - 1] + ordered[middle]) / 2
    return np.packbits(low > median).tobytes().hex()


class Box(NamedTuple):
    """Part of a picture, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


_INSET_BOXES = tuple(Box(inset, inset, 1 - inset, 1 - inset) for inset in _INSETS)


def descriptor_of(grid: Grid) -> Descriptor:
    """Describe a picture by its views, the whole first: three, or four if it has a plain border.

    Each has a `hash` of 60 bits: of 6x6 mean greys, whether each is darker than its right
    neighbour, row by row, then whether it is darker than the one below; a difference hash in both
    directions (Krawetz, "Kind of Like That", 2013), which a sticker changes by few bits. `box` is
    its place in the picture (`box_of`), `grey` are its 16x16 mean greys.
    """
    pixels = grid.pixels.astype(np.float32)
    views = _views(pixels, grid, _INSET_BOXES)
    border = _within_border(pixels, grid)
    return np.concatenate([views, _views(pixels, grid, (border,))]) if border else views


def _views(pixels: Floats, grid: Grid, boxes: tuple[Box, ...]) -> Descriptor:
    """Return the views of some boxes, all in one go, since each alone costs as much."""
    down, across = _weights(*pixels.shape, grid.height, grid.width, boxes)
    rows = (down @ pixels).reshape(len(boxes), _HASH_CELLS + GREY_CELLS, -1)
    cells: Floats = np.matmul(rows, across, dtype=np.float32)
    views = np.zeros(len(boxes), VIEW)
    views["box"] = np.rint(np.multiply(boxes, _WHOLE))
    views["hash"] = _hashes(cells[:, :_HASH_CELLS, :_HASH_CELLS])
    np.rint(cells[:, _HASH_CELLS:, _HASH_CELLS:], out=views["grey"], casting="unsafe")
    return views


@lru_cache(maxsize=128)
def _weights(
    high: int, wide: int, height: float, width: float, boxes: tuple[Box, ...]
) -> tuple[Floats, Floats]:
    """Return the shares of rows, and those of columns, in the cells of some boxes' views.

    The former are cells x rows, one box below another; the latter boxes x columns x cells.
    """
    down = _all_parts(high, height, tuple((box.top, box.bottom) for box in boxes))
    across = _all_parts(wide, width, tuple((box.left, box.right) for box in boxes))
    each = (len(boxes), _HASH_CELLS + GREY_CELLS, wide)
    return down, across.reshape(each).transpose(0, 2, 1)


def box_of(stored: npt.NDArray[np.uint16]) -> Box:
    """Return the part of a picture that a view's stored `box` stands for."""
    return Box(*(int(side) / _WHOLE for side in stored))


def read_descriptor(stored: bytes) -> Descriptor:
    """Read the views that `descriptor.tobytes()` wrote; none where nothing was decoded."""
    return np.frombuffer(stored, VIEW)


def levels_of(stored: Sequence[bytes]) -> Floats:
    """Return how pictures look in few numbers, 0 to 255: the mean greys of their 7x7 parts.

    `stored` are descriptors as `read_descriptor` reads them, one at least, none empty.
    """
    whole = np.frombuffer(b"".join(each[: VIEW.itemsize] for each in stored), VIEW)["grey"]
    few = parts(GREY_CELLS, GREY_CELLS, (0.0, 1.0), _LEVEL_CELLS)
    levels: Floats = (few @ whole.astype(np.float32) @ few.T).reshape(len(stored), -1)
    return levels


@lru_cache(maxsize=512)
def _all_parts(pixels: int, size: float, spans: tuple[tuple[float, float], ...]) -> Floats:
    return np.concatenate(
        [parts(pixels, size, span, cells) for span in spans for cells in (_HASH_CELLS, GREY_CELLS)]
    )


def parts(pixels: int, size: float, span: tuple[float, float], cells: int) -> Floats:
    """Return the weight of each of `pixels` in a line in the mean of each of some cells.

    The cells divide the span between two shares of `size`, which is less than `pixels` where the
    last of these is cut by the picture's edge.
    """
    edges = np.linspace(span[0] * size, span[1] * size, cells + 1)
    within = np.clip(np.arange(pixels + 1.0), edges[:-1, None], edges[1:, None])
    lengths = np.diff(within, axis=1)
    shares: Floats = (lengths / lengths.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _hashes(cells: Floats) -> npt.NDArray[np.uint64]:
    tenths = np.rint(cells.reshape(len(cells), -1) * _PARTS_OF_A_LEVEL)
    bits = tenths.take(_LIGHTER, axis=1) > tenths.take(_DARKER, axis=1)
    return np.packbits(bits, axis=1).view(">u8")[:, 0]


def _within_border(pixels: Floats, grid: Grid) -> Box | None:
    """Return the part inside a border in the colour of the corners, where there is one."""
    _, low, high, _ = sorted(float(pixels[y, x]) for y in (0, -1) for x in (0, -1))
    away = np.abs(pixels - (low + high) / 2) > _BORDER_LEVELS
    # A border has both corners of a side at least: most pictures need no closer look.
    sides = (away[0], away[-1], away[:, 0], away[:, -1])
    plain = (side for side in sides if not (side[0] or side[-1]))
    if not any(np.count_nonzero(side) <= _BORDER_NOISE * len(side) for side in plain):
        return None
    rows = np.flatnonzero(away.mean(axis=1) > _BORDER_NOISE)
    columns = np.flatnonzero(away.mean(axis=0) > _BORDER_NOISE)
    if not len(rows) or not len(columns):
        return None
    box = Box(
        float(columns[0] / grid.width),
        float(rows[0] / grid.height),
        min(1.0, float((columns[-1] + 1) / grid.width)),
        min(1.0, float((rows[-1] + 1) / grid.height)),
    )
    is_wide = max(box.left, box.top, 1 - box.right, 1 - box.bottom) > _LEAST_BORDER
    left = min(box.right - box.left, box.bottom - box.top)
    return box if is_wide and left > _LEAST_LEFT else None
