"""Whether two covers show the same picture: by their greys first, by their pixels at last.

The first look is cheap and lets through what may be alike; the second one decides. Both bear a
sticker: what differs in one small place is left out of the first, and outvoted in the second.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from equigen.images.descriptor import GREY_CELLS, Box, parts

Greys = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
# A view whose greys differ less than this (standard deviation, in levels) shows nothing to compare.
_FLAT_LEVELS = 3.0

# First look. Both thresholds are for what is left when the worst tenth of the cells is out.
_LEFT_OUT = 0.1
_ROUNDS = 3
_LEAST_CORRELATION = 0.93
_LEAST_INSIDE = 0.9
# Frames look alike whatever they frame: what lies within so many cells is compared by itself.
_FRAME_CELLS = 3
_FLAT_INSIDE_LEVELS = 4.0

# Second look.
THUMB_PX = 160
_MOST_PX, _LEAST_PX = 96, 24
_BLOCKS = 8
_BLUR_SHARE = 1 / 24
_LEAST_DETAIL_LEVELS = 2.5
# Weaker ones can differ by how a picture was saved.
_STRONG_DETAIL_LEVELS = 5.0
_LEAST_BLOCKS = 6
# Where no more blocks tell, what is compared is a line of text on nothing, and any line is dark
# where another one is: its letters must agree as well.
_FEW_BLOCKS = 15
_FINE_BLUR_SHARE = 1 / 96
_AGREES = 0.6
_LEAST_SHARE, _LEAST_MEDIAN = 0.7, 0.8
# What a sticker hides lies in one place; what differs in several is another cover of a series.
_ONE_PLACE = 3
_NEARLY_ALL = 0.95
_CLEAR_SHARE, _CLEAR_MEDIAN = 0.75, 0.85
_ALIGNING = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)
_ALIGNING_BLUR_PX = 3


def is_flat(greys: Greys) -> npt.NDArray[np.bool_]:
    """Tell which of some views (n x 16 x 16) are too plain to be told from others."""
    spread: npt.NDArray[np.bool_] = greys.std(axis=(1, 2)) < _FLAT_LEVELS
    return spread


def may_be_alike(one: Greys, other: Greys) -> npt.NDArray[np.bool_]:
    """Tell of pairs of views (n x 16 x 16 greys each) which are worth a second look.

    They are where the greys correlate, over the whole and inside the frame, the worst tenth of the
    cells left out. Brightness and contrast don't matter.
    """
    inside = slice(_FRAME_CELLS, GREY_CELLS - _FRAME_CELLS)
    cells = GREY_CELLS * GREY_CELLS
    whole, _ = _correlation(one.reshape(-1, cells), other.reshape(-1, cells))
    promising = np.flatnonzero(whole >= _LEAST_CORRELATION)
    found = np.zeros(len(one), bool)
    if len(promising):
        within = [
            each[promising, inside, inside].reshape(len(promising), -1) for each in (one, other)
        ]
        correlation, levels = _correlation(*within)
        found[promising] = (correlation >= _LEAST_INSIDE) | (levels < _FLAT_INSIDE_LEVELS)
    return found


class _Correlation(NamedTuple):
    value: Floats
    levels: Floats


def _correlation(one: Greys, other: Greys) -> _Correlation:
    """Return the correlation of rows without their worst cells, and the lesser one's deviation."""
    a, b = one.astype(np.float32), other.astype(np.float32)
    cells = a.shape[1]
    kept = cells - int(_LEFT_OUT * cells)
    weights = np.ones(a.shape, np.float32)
    for left in reversed(range(_ROUNDS)):
        count = weights.sum(axis=1, keepdims=True)
        off_a = a - np.einsum("ij,ij->i", a, weights)[:, None] / count
        off_b = b - np.einsum("ij,ij->i", b, weights)[:, None] / count
        var_a = np.einsum("ij,ij,ij->i", off_a, off_a, weights)[:, None] / count
        var_b = np.einsum("ij,ij,ij->i", off_b, off_b, weights)[:, None] / count
        if left:
            apart = np.abs(off_a / np.sqrt(var_a + 1e-3) - off_b / np.sqrt(var_b + 1e-3))
            limit = np.partition(apart, kept - 1, axis=1)[:, kept - 1 : kept]
            weights = (apart <= limit).astype(np.float32)
    both = np.einsum("ij,ij,ij->i", off_a, off_b, weights)[:, None] / count
    value = both / np.sqrt(np.maximum(var_a * var_b, 1e-6))
    return _Correlation(value[:, 0], np.sqrt(np.minimum(var_a, var_b))[:, 0])


class Thumb(NamedTuple):
    """A cover as 160x160 greys; its file has `side_px` pixels on its shorter side."""

    greys: Greys
    side_px: int


class Verdict(NamedTuple):
    """How far the details of two pictures agree.

    `share` of the blocks that have details agree; `likeness` is their median correlation: 1 where
    the pictures are the same. Strong details that don't agree lie in `spread` by `spread` blocks.
    """

    likeness: float = 0.0
    share: float = 0.0
    spread: int = 0

    @property
    def is_alike(self) -> bool:
        """Whether both show the same picture."""
        return self._agree(_LEAST_SHARE, _LEAST_MEDIAN)

    @property
    def is_clear(self) -> bool:
        """Whether they do beyond doubt: also after either is saved anew."""
        return self._agree(_CLEAR_SHARE, _CLEAR_MEDIAN)

    def _agree(self, share: float, median: float) -> bool:
        in_one_place = self.spread <= _ONE_PLACE or self.share >= _NEARLY_ALL
        return self.share >= share and self.likeness >= median and in_one_place


def compare(one: Thumb, other: Thumb, box: Box, other_box: Box) -> Verdict:
    """Look at the details of two pictures, where `box` of one should be `other_box` of the other.

    Both parts are cut into 8x8 blocks. A block agrees where its details (what a blur takes away)
    correlate; plain blocks have no say. They show the same picture where 70 % of the blocks agree,
    and half of them well; where few have a say, so must their finer details. If they don't at once,
    they are aligned first (affine, by maximising their correlation: Evangelidis and Psarakis,
    "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization", 2008).
    """
    side = _side_px(one, other, box, other_box)
    first, second = _patch(one, box, side), _patch(other, other_box, side)
    best = _agreement(first, second)
    # From either side: aligning can fail one way and not the other.
    for fixed, moving in ((first, second), (second, first)):
        if best.is_alike:
            break
        aligned = _aligned(fixed, moving)
        if aligned is not None:
            verdict = _agreement(fixed, aligned)
            best = max(best, verdict, key=lambda each: (each.is_alike, each))
    return best


def _side_px(one: Thumb, other: Thumb, box: Box, other_box: Box) -> int:
    """Return at how many pixels a side two parts are compared: no more than both have."""
    sides = [
        thumb.side_px * min(part.right - part.left, part.bottom - part.top)
        for thumb, part in ((one, box), (other, other_box))
    ]
    return int(max(_LEAST_PX, min(_MOST_PX, *sides))) // _BLOCKS * _BLOCKS


def _patch(thumb: Thumb, box: Box, side_px: int) -> Floats:
    down = _thumb_parts((box.top, box.bottom), side_px)
    across = _thumb_parts((box.left, box.right), side_px)
    patch: Floats = down @ thumb.greys.astype(np.float32) @ across.T
    return patch


@lru_cache(maxsize=1024)
def _thumb_parts(span: tuple[float, float], side_px: int) -> Floats:
    return parts(THUMB_PX, THUMB_PX, span, side_px)


def _agreement(one: Floats, other: Floats) -> Verdict:
    a, b = (_details(patch, _BLUR_SHARE) for patch in (one, other))
    telling = np.maximum(_strength(a), _strength(b)) > _LEAST_DETAIL_LEVELS
    blocks = np.count_nonzero(telling)
    if blocks < _LEAST_BLOCKS:
        return Verdict()
    verdict = _verdict(a, b, telling)
    if blocks > _FEW_BLOCKS or not verdict.is_alike:
        return verdict
    a, b = (_details(patch, _FINE_BLUR_SHARE) for patch in (one, other))
    return min(verdict, _verdict(a, b, telling))


def _verdict(a: Floats, b: Floats, telling: npt.NDArray[np.bool_]) -> Verdict:
    alike = (a * b).mean(axis=1) / np.maximum(_strength(a) * _strength(b), 1e-3)
    strong = np.maximum(_strength(a), _strength(b)) > _STRONG_DETAIL_LEVELS
    differing = np.argwhere((telling & strong & (alike <= _AGREES)).reshape(_BLOCKS, _BLOCKS))
    return Verdict(
        likeness=round(max(0.0, float(np.median(alike[telling]))), 4),
        share=round(float((alike[telling] > _AGREES).mean()), 4),
        spread=int(np.ptp(differing, axis=0).max()) + 1 if len(differing) else 0,
    )


def _strength(details: Floats) -> Floats:
    strength: Floats = np.sqrt((details * details).mean(axis=1))
    return strength


def _details(patch: Floats, blur_share: float) -> Floats:
    """Return what a blur takes away, as 64 blocks of pixels."""
    side_px = len(patch) // _BLOCKS
    rest = patch - cv2.GaussianBlur(patch, (0, 0), max(1.0, len(patch) * blur_share))
    blocks = rest.reshape(_BLOCKS, side_px, _BLOCKS, side_px).swapaxes(1, 2)
    return blocks.reshape(_BLOCKS * _BLOCKS, -1)


def _aligned(one: Floats, other: Floats) -> Floats | None:
    still, everywhere = np.eye(2, 3, dtype=np.float32), np.full(one.shape, 255, np.uint8)
    try:
        _, motion = cv2.findTransformECC(
            one, other, still, cv2.MOTION_AFFINE, _ALIGNING, everywhere, _ALIGNING_BLUR_PX
        )
    except cv2.error:  # it found no way: they have nothing in common
        return None
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(other, motion, one.shape[::-1], flags=how, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.float32,
    )
