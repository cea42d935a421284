"""Decide from their pixels whether two covers show the same picture.

Details are compared block by block, and a few blocks that differ in one place are outvoted: a
sticker does no harm.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from equigen.dataset.context import BarMaker
from equigen.errors import InputError
from equigen.images.decoding import decode, opened
from equigen.images.descriptor import Box, box_of, parts, read_descriptor
from equigen.ledger.models import StoredLook
from equigen.neardup.candidates import CandidatePair, Files, Floats, Greys, candidates
from equigen.storage.os_errors import translating_os_errors

_KEPT_THUMBS = 4096
THUMB_PX = 160
_MOST_PX, _LEAST_PX = 96, 24
_BLOCKS = 8
_BLUR_SHARE = 1 / 24
_LEAST_DETAIL_LEVELS = 2.5
# Weaker ones can differ by how a picture was saved.
_STRONG_DETAIL_LEVELS = 5.0
_LEAST_BLOCKS = 6
# So few blocks are a line of text on a plain ground, and any two lines of text are dark in the same
# place: the finer details of their letters must agree as well.
_FEW_BLOCKS = 15
_FINE_BLUR_SHARE = 1 / 96
_AGREES = 0.6
_LEAST_SHARE, _LEAST_MEDIAN = 0.7, 0.8
# A sticker hides one place; covers of a series differ in several.
_ONE_PLACE = 3
_NEARLY_ALL = 0.95
_CLEAR_SHARE, _CLEAR_MEDIAN = 0.75, 0.85
_ALIGNING = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)
_ALIGNING_BLUR_PX = 3


class Thumb(NamedTuple):
    """Cover as 160x160 greys; its file has `side_px` pixels on its shorter side."""

    greys: Greys
    side_px: int


class Agreement(NamedTuple):
    """Degree to which the details of two pictures agree.

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
        """Whether they do beyond doubt, also after either is saved anew."""
        return self._agree(_CLEAR_SHARE, _CLEAR_MEDIAN)

    def _agree(self, share: float, median: float) -> bool:
        in_one_place = self.spread <= _ONE_PLACE or self.share >= _NEARLY_ALL
        return self.share >= share and self.likeness >= median and in_one_place


class Judged(NamedTuple):
    """Result of comparing two covers, given by their sha256, `first` before `second`.

    `distance` is the number of bits in which the hashes of their likest views differ.
    """

    first: str
    second: str
    distance: int
    verdict: Agreement


def _refuse(err: InputError) -> None:
    raise err


def judged_pairs(
    looks: Iterable[StoredLook],
    files: Files,
    known: Container[tuple[str, str]],
    bar: BarMaker,
    *,
    damaged: Callable[[InputError], None] = _refuse,
) -> Iterator[Judged]:
    """Compare the covers that may be alike, without the pairs that are `known`; yield the results.

    Covers that are not among the `files` are left out, and so are plain views: plain sleeves are
    never alike by being plain. Each pair comes once, in no particular order. A file that is
    damaged since it was described is given to `damaged`, and its pairs are left out.

    Raises:
        StorageError: a file can't be read, or the folder for temporary files is full.

    """
    thumb_of = lru_cache(_KEPT_THUMBS)(lambda digest: thumb(Path(files[digest])))
    spoilt: set[str] = set()
    with (
        candidates(looks, files, known) as found,
        bar("compare", len(found.pairs), "pair") as progress,
    ):
        for pair in found.pairs:
            progress.advance()
            thumbs = []
            for digest in (pair.first, pair.second):
                try:
                    thumbs += [] if digest in spoilt else [thumb_of(digest)]
                except InputError as err:
                    spoilt.add(digest)
                    damaged(err)
            if len(thumbs) == 2:  # noqa: PLR2004  (both are there)
                yield _judged(pair, found.boxes(pair), *thumbs)


def _judged(
    pair: CandidatePair, boxes: Iterable[tuple[Box, Box]], first: Thumb, second: Thumb
) -> Judged:
    best = Agreement()
    for box, other_box in boxes:
        agreement = compare(first, second, box, other_box)
        best = max(best, agreement, key=lambda each: (each.is_alike, each))
        if best.is_alike:
            break
    return Judged(pair.first, pair.second, pair.distance, best)


def thumb(file: Path) -> Thumb:
    """Decode a cover to the greys that are compared.

    Raises:
        StorageError: it can't be read.
        InputError: it is damaged, or no picture.

    """
    with translating_os_errors(file):
        body = file.read_bytes()
    try:
        picture = opened(body)
        side_px = min(picture.width_px, picture.height_px)
        pixels = decode(picture, scale=min(1.0, THUMB_PX / side_px))
    except Exception as err:  # whatever a decoder says of damaged bytes: it has no common root
        msg = (
            f"{file}: expected the picture that it was, got damaged bytes ({type(err).__name__}:"
            f" {err}). `equigen download --verify` fetches it anew: run that, then this again."
        )
        raise InputError(msg) from err
    small = pixels.image().convert("L").resize((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR)
    return Thumb(np.asarray(small), side_px)


def look_alike(one: Thumb, other: Thumb, boxes: Iterable[Box], other_boxes: Iterable[Box]) -> bool:
    """Tell whether some part of one cover shows the same as some part of the other."""
    others = list(other_boxes)
    return any(compare(one, other, a, b).is_alike for a in boxes for b in others)


def boxes_of(look: bytes) -> list[Box]:
    """Return the parts of a cover that its views show."""
    return [box_of(view["box"]) for view in read_descriptor(look)]


def compare(one: Thumb, other: Thumb, box: Box, other_box: Box) -> Agreement:
    """Compare the details of two pictures, where `box` of one should be `other_box` of the other.

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
            agreement = _agreement(fixed, aligned)
            best = max(best, agreement, key=lambda each: (each.is_alike, each))
    return best


def _side_px(one: Thumb, other: Thumb, box: Box, other_box: Box) -> int:
    """Return the side in pixels at which two parts are compared: no more than both have."""
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


def _agreement(one: Floats, other: Floats) -> Agreement:
    a, b = (_details(patch, _BLUR_SHARE) for patch in (one, other))
    telling = np.maximum(_strength(a), _strength(b)) > _LEAST_DETAIL_LEVELS
    blocks = np.count_nonzero(telling)
    if blocks < _LEAST_BLOCKS:
        return Agreement()
    agreement = _block_agreement(a, b, telling)
    if blocks > _FEW_BLOCKS or not agreement.is_alike:
        return agreement
    a, b = (_details(patch, _FINE_BLUR_SHARE) for patch in (one, other))
    return min(agreement, _block_agreement(a, b, telling))


def _block_agreement(a: Floats, b: Floats, telling: npt.NDArray[np.bool_]) -> Agreement:
    alike = (a * b).mean(axis=1) / np.maximum(_strength(a) * _strength(b), 1e-3)
    strong = np.maximum(_strength(a), _strength(b)) > _STRONG_DETAIL_LEVELS
    differing = np.argwhere((telling & strong & (alike <= _AGREES)).reshape(_BLOCKS, _BLOCKS))
    return Agreement(
        likeness=round(max(0.0, float(np.median(alike[telling]))), 4),
        share=round(float((alike[telling] > _AGREES).mean()), 4),
        spread=int(np.ptp(differing, axis=0).max()) + 1 if len(differing) else 0,
    )


def _strength(details: Floats) -> Floats:
    strength: Floats = np.sqrt((details * details).mean(axis=1))
    return strength


def _details(patch: Floats, blur_share: float) -> Floats:
    """Return the details that a blur takes away, as 64 blocks of pixels."""
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
