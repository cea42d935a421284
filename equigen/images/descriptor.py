"""How a cover looks from several sides, so that it is known again whatever became of its edges.

A hash of a whole picture changes with its edges: a border, a crop, a sticker. So a cover is looked
at as a whole, without its outer 2.5 % and 5 %, and without a plain border where it has one; a
cropped copy's whole is another's inset. Each view has a hash, by which those that may be alike are
found, and 16x16 greys, by which they are compared.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from equigen.images.phash import Grid

GREY_CELLS = 16
_HASH_CELLS = 6
_HASH_BITS = 2 * _HASH_CELLS * (_HASH_CELLS - 1)
_INSETS = (0.0, 0.025, 0.05)
# Where a view lies: left, top, right and bottom, in 65,535ths of the picture.
_WHOLE = 0xFFFF
VIEW = np.dtype([("hash", "<u8"), ("box", "<u2", (4,)), ("grey", "u1", (GREY_CELLS, GREY_CELLS))])
Look = npt.NDArray[np.void]
Floats = npt.NDArray[np.float32]
# A row or column of a border differs from the corners by no more than so many levels, but for
# so large a share of its pixels.
_BORDER_LEVELS = 10
_BORDER_NOISE = 0.04
_LEAST_BORDER = 0.012
_LEAST_LEFT = 0.5
# Means are compared in tenths of a level: finer differences are what arithmetic leaves.
_PARTS_OF_A_LEVEL = 10
_CELLS = np.arange(_HASH_CELLS**2).reshape(_HASH_CELLS, _HASH_CELLS)
# Which cells are compared for each bit. The first bits of a word stay empty: there a cell is
# compared with itself.
_EMPTY = np.zeros(64 - _HASH_BITS, int)
_DARKER = np.concatenate([_EMPTY, _CELLS[:, :-1].ravel(), _CELLS[:-1].ravel()])
_LIGHTER = np.concatenate([_EMPTY, _CELLS[:, 1:].ravel(), _CELLS[1:].ravel()])


class Box(NamedTuple):
    """A part of a picture, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float


_INSET_BOXES = tuple(Box(inset, inset, 1 - inset, 1 - inset) for inset in _INSETS)


def look_of(grid: Grid) -> Look:
    """Return a picture's views, the whole first: three, or four where it has a plain border.

    Each has a `hash` of 60 bits: of 6x6 mean greys, whether each is darker than its right
    neighbour, row by row, then whether it is darker than the one below; a difference hash in both
    directions (Krawetz, "Kind of Like That", 2013), which a sticker changes by few bits. `box` says
    where in the picture it lies (`box_of`), `grey` are its 16x16 mean greys.
    """
    pixels = grid.pixels.astype(np.float32)
    look = _views(pixels, grid, _INSET_BOXES)
    border = _within_border(pixels, grid)
    return np.concatenate([look, _views(pixels, grid, (border,))]) if border else look


def _views(pixels: Floats, grid: Grid, boxes: tuple[Box, ...]) -> Look:
    """Return what is seen in some boxes: all of them at one go, since single ones cost as much."""
    plan = _plan(*pixels.shape, grid.height, grid.width, boxes)
    rows = (plan.down @ pixels).reshape(len(boxes), _HASH_CELLS + GREY_CELLS, -1)
    cells: Floats = np.matmul(rows, plan.across, dtype=np.float32)
    look = plan.blank.copy()
    look["hash"] = _hashes(cells[:, :_HASH_CELLS, :_HASH_CELLS])
    np.rint(cells[:, _HASH_CELLS:, _HASH_CELLS:], out=look["grey"], casting="unsafe")
    return look


class _Plan(NamedTuple):
    """How pictures of one size are seen in some boxes.

    `down` has the shares of rows, the cells of one box below those of another; `across` those of
    columns, columns x cells of each box. `blank` are the views, with nothing but their boxes.
    """

    down: Floats
    across: Floats
    blank: Look


@lru_cache(maxsize=128)
def _plan(high: int, wide: int, height: float, width: float, boxes: tuple[Box, ...]) -> _Plan:
    down = _all_parts(high, height, tuple((box.top, box.bottom) for box in boxes))
    across = _all_parts(wide, width, tuple((box.left, box.right) for box in boxes))
    blank = np.zeros(len(boxes), VIEW)
    blank["box"] = np.rint(np.array(boxes) * _WHOLE)
    each = (len(boxes), _HASH_CELLS + GREY_CELLS, wide)
    return _Plan(down, across.reshape(each).transpose(0, 2, 1), blank)


def box_of(stored: npt.NDArray[np.uint16]) -> Box:
    """Return the part of a picture that a view's `box` stands for."""
    return Box(*(int(side) / _WHOLE for side in stored))


def read_look(stored: bytes) -> Look:
    """Return the views that `look.tobytes()` wrote; none of what was never decoded."""
    return np.frombuffer(stored, VIEW)


@lru_cache(maxsize=512)
def _all_parts(pixels: int, size: float, spans: tuple[tuple[float, float], ...]) -> Floats:
    return np.concatenate(
        [parts(pixels, size, span, cells) for span in spans for cells in (_HASH_CELLS, GREY_CELLS)]
    )


def parts(pixels: int, size: float, span: tuple[float, float], cells: int) -> Floats:
    """Return how much each of `pixels` in a line counts in each of some cells: their means.

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
    """Return what a border in the colour of the corners encloses, where there is one."""
    # A border has both corners of a side at least: most pictures need no closer look.
    corners = [float(pixels[y, x]) for y in (0, -1) for x in (0, -1)]
    _, low, high, _ = sorted(corners)
    colour = (low + high) / 2
    top_left, top_right, bottom_left, bottom_right = (
        abs(corner - colour) <= _BORDER_LEVELS for corner in corners
    )
    sides = (
        (top_left and top_right, pixels[0]),
        (bottom_left and bottom_right, pixels[-1]),
        (top_left and bottom_left, pixels[:, 0]),
        (top_right and bottom_right, pixels[:, -1]),
    )
    if not any(
        fits
        and np.count_nonzero(np.abs(line - colour) > _BORDER_LEVELS) <= _BORDER_NOISE * len(line)
        for fits, line in sides
    ):
        return None
    away = np.abs(pixels - colour) > _BORDER_LEVELS
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
