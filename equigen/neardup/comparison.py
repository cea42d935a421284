"""Decide from their pixels whether two covers show the same picture.

Details are compared block by block. Blocks that differ are outvoted where they lie in one place, as
under a sticker, or where something was laid over one of the two, as a banner or a watermark.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from equigen.dataset.context import BarMaker
from equigen.errors import InputError
from equigen.identity.disjoint_sets import DisjointSets
from equigen.images.decoding import decode, opened
from equigen.images.descriptor import Box, box_of
from equigen.ledger.models import StoredLook
from equigen.neardup.candidates import Files, Floats, Greys, candidates, searched_views
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_read_errors

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
# Margin above each threshold from which on there is no doubt.
_MARGIN = 0.05
# A sticker hides one place; covers of a series differ in several.
_ONE_PLACE = 3
_NEARLY_ALL = 0.95
# A banner hides a strip: it has one level where there is a picture in the other, or it is lighter
# than what it hides, or darker. Of two titles each is lighter in some places.
_STRIP, _STRIP_MEDIAN = 2, 0.95
_STRIP_ONE_SIDED, _STRIP_HIDDEN = 0.8, 0.4
_ONE_LEVEL, _PLAIN_LINES = 8.0, 8
# Writing on one of two covers leaves nearly all details of the other one.
_LAID_OVER_ONE_SIDED, _LAID_OVER_KEPT = 0.95, 0.95
# Below a watermark the picture goes on, paler.
_THROUGH_SHARE, _THROUGH_MEDIAN, _THROUGH_KEPT, _THROUGH = 0.3, 0.3, 0.85, 0.5
# Less will do if half of the blocks agree nearly fully.
_THROUGH_LIKE, _THROUGH_WHERE_LIKE = 0.9, 0.4
_THROUGH_COVERED = 0.76
_KEPT_SLOPE, _MOST_SLOPE, _KEPT_CORRELATION = 0.4, 1.6, 0.3
_DIFFERENT_LEVELS = 15.0
_LEAST_PIXELS, _FLAT_LEVELS = 20, 3.0
# No reason is looked for if fewer blocks agree.
_WORTH_A_REASON = 0.3
# A picture with so much more of the finest details than another is blurred until it has as many.
_SHARPER = 1.5
_SHARPNESS_BLUR_SHARE = 1 / 48
_BLURS_PX = (0.8, 1.3, 1.9, 2.6, 3.5)
_ALIGNING = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)
_ALIGNING_BLUR_PX = 3
# After aligning, a block counts of which so much is within both pictures, and so many must.
_LEAST_WITHIN, _LEAST_BLOCKS_WITHIN = 0.6, 32
# Each cover is compared with so many of its group: they would all be alike.
_ENOUGH = 3
# Two groups of which so many covers turned out unalike aren't compared any further.
_MOST_REFUSED = 8


class Thumb(NamedTuple):
    """Cover as 160x160 greys; its file has `side_px` pixels on its shorter side."""

    greys: Greys
    side_px: int


class Agreement(NamedTuple):
    """Degree to which the details of two pictures agree.

    `share` of the blocks that have details agree; `likeness` is their median correlation: 1 where
    the pictures are the same. Strong details that don't agree lie in `spread` by `breadth` blocks,
    the longer side first. Where they are not alike at once, the others tell why: of the blocks
    with details in one picture the other has `kept` so many; `one_sided` is how far the one is
    lighter, or darker, than the other wherever they differ (1 where everywhere), `through` is the
    correlation there, and `covered` the share of the pixels of the differing blocks. Where these
    are a strip, the share of the others that agrees is `elsewhere`, and `hidden` is how much more
    of the strip has one level in the one picture than in the other.
    """

    likeness: float = 0.0
    share: float = 0.0
    spread: int = 0
    breadth: int = 0
    kept: float = 0.0
    one_sided: float = 0.0
    through: float = 0.0
    covered: float = 0.0
    elsewhere: float = 0.0
    hidden: float = 0.0

    @property
    def is_alike(self) -> bool:
        """Whether both show the same picture."""
        return self._agree(0.0)

    @property
    def is_clear(self) -> bool:
        """Whether they do beyond doubt, also after either is saved anew."""
        return self._agree(_MARGIN)

    def _agree(self, margin: float) -> bool:
        is_strip = self.elsewhere >= _NEARLY_ALL and (
            self.one_sided >= _STRIP_ONE_SIDED + margin or self.hidden >= _STRIP_HIDDEN + margin
        )
        if is_strip and self.likeness >= _STRIP_MEDIAN:
            return True
        if self.likeness >= _LEAST_MEDIAN + margin:
            in_one_place = self.spread <= _ONE_PLACE or self.share >= _NEARLY_ALL
            is_laid_over = self.one_sided >= _LAID_OVER_ONE_SIDED and self.kept >= _LAID_OVER_KEPT
            if self.share >= _LEAST_SHARE + margin and (in_one_place or is_laid_over):
                return True
        is_like = self.likeness >= _THROUGH_LIKE
        is_below = (
            self.share >= _THROUGH_SHARE + margin
            and self.likeness >= _THROUGH_MEDIAN + margin
            and self.kept >= _THROUGH_KEPT + margin
            and self.through >= margin + (_THROUGH_WHERE_LIKE if is_like else _THROUGH)
            and self.one_sided >= _LAID_OVER_ONE_SIDED
        )
        return is_below and self.covered <= _THROUGH_COVERED


class Judged(NamedTuple):
    """Result of comparing two covers, given by their sha256, `first` before `second`.

    `distance` is the number of bits in which the signatures of their likest parts differ.
    """

    first: str
    second: str
    distance: int
    verdict: Agreement


def _refuse(err: InputError) -> None:
    raise err


def thumbs_of(files: Files) -> Callable[[str], Thumb]:
    """Return a function that gives a cover's thumb by its sha256, with a cache of some thousand."""
    return lru_cache(_KEPT_THUMBS)(lambda digest: thumb(files[digest]))


def judged_pairs(  # noqa: PLR0913  (of which three are seldom given)
    looks: Iterable[StoredLook],
    files: Files,
    known: Mapping[tuple[str, str], bool],
    bar: BarMaker,
    *,
    damaged: Callable[[InputError], None] = _refuse,
    thumb_of: Callable[[str], Thumb] | None = None,
    ties: Callable[[Agreement], bool] = attrgetter("is_alike"),
) -> Iterator[Judged]:
    """Compare the covers that may be alike; yield the results, the nearest pairs first.

    Of covers that hang together already, by pairs that `ties` takes, each is compared with 3 others
    only: of many copies of one picture not each two are compared. `known` are the pairs
    that were compared before, and whether they were alike. Covers that are not among the `files`
    are left out, and so are plain views: plain sleeves are never alike by being plain. A file that
    is damaged since it was described is given to `damaged`, and its pairs are left out.

    Raises:
        StorageError: a file can't be read, or the folder for temporary files is full.

    """
    thumb_of = thumb_of or thumbs_of(files)
    spoilt: set[str] = set()
    with candidates(looks, files) as found, bar("compare", len(found), "pair") as progress:
        tied = _Tied(found.sha256, dict(known))
        for some in found.among(tied.may_be):
            for pair in some.pairs:
                first, second = found.sha256[pair.first], found.sha256[pair.second]
                if not tied.may_be(pair.first, pair.second):
                    continue
                thumbs = []
                for digest in (first, second):
                    try:
                        thumbs += [] if digest in spoilt else [thumb_of(digest)]
                    except InputError as err:
                        spoilt.add(digest)
                        damaged(err)
                if len(thumbs) == 2:  # noqa: PLR2004  (both are there)
                    verdict = _likest(thumbs[0], thumbs[1], found.ways(pair))
                    tied.note(pair.first, pair.second, is_tied=ties(verdict))
                    yield Judged(first, second, pair.distance, verdict)
            progress.advance(some.near)


def _likest(one: Thumb, other: Thumb, ways: Iterable[tuple[Box, Box]]) -> Agreement:
    best = Agreement()
    for box, other_box in ways:
        best = max(
            best, compare(one, other, box, other_box), key=lambda each: (each.is_alike, each)
        )
        if best.is_alike:
            break
    return best


class _Tied:
    """Covers by their positions, which of them hang together, and how often two groups didn't."""

    def __init__(self, sha256: Sequence[str], known: Mapping[tuple[str, str], bool]) -> None:
        self._sets = DisjointSets()
        self._refused = Counter[tuple[int, int]]()
        self._compared = Counter[int]()
        self._known = set[tuple[int, int]]()
        at = {digest: place for place, digest in enumerate(sha256)} if known else {}
        # Those that are tied first, so that what was refused is counted for whole groups.
        for (one, other), is_alike in sorted(known.items(), key=lambda each: not each[1]):
            if one in at and other in at:
                self._known.add((at[one], at[other]))
                self.note(at[one], at[other], is_tied=is_alike)

    def note(self, one: int, other: int, *, is_tied: bool) -> None:
        first, second = groups = self._groups(one, other)
        if is_tied:
            self._sets.join(one, other)
        elif first != second:
            self._refused[groups] += 1
        if is_tied or first == second:
            self._compared.update((one, other))

    def may_be(self, one: int, other: int) -> bool:
        """Tell whether comparing two covers tells anything new."""
        first, second = groups = self._groups(one, other)
        if first == second:
            is_open = min(self._compared[one], self._compared[other]) < _ENOUGH
        else:
            is_open = self._refused[groups] < _MOST_REFUSED
        return is_open and (one, other) not in self._known

    def _groups(self, one: int, other: int) -> tuple[int, int]:
        first, second = self._sets.root(one), self._sets.root(other)
        return min(first, second), max(first, second)


def thumb(file: FileBelow) -> Thumb:
    """Decode a cover to the greys that are compared.

    Raises:
        StorageError: it can't be read.
        InputError: it is damaged, or no picture.

    """
    with translating_read_errors(Path(file)):
        body = file.read()
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
    """Return the whole of a cover, and the part inside a plain border where it has one."""
    return [box_of(view["box"]) for view in searched_views(look)]


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
            agreement = _agreement(fixed, *aligned)
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
    left, top, right, bottom = (round(side * THUMB_PX) for side in box)
    part = thumb.greys[top : max(bottom, top + 1), left : max(right, left + 1)]
    return np.asarray(
        cv2.resize(part.astype(np.float32), (side_px, side_px), interpolation=cv2.INTER_AREA),
        dtype=np.float32,
    )


class _Blocks(NamedTuple):
    """Details of two pictures, 64 blocks of pixels each, their strengths and correlations.

    `telling` are the blocks with details in either that lie within both pictures.
    """

    one: Floats
    other: Floats
    strength: Floats
    other_strength: Floats
    alike: Floats
    within: npt.NDArray[np.bool_]
    telling: npt.NDArray[np.bool_]

    @property
    def differing(self) -> npt.NDArray[np.bool_]:
        """The blocks with strong details that don't agree."""
        strong = np.maximum(self.strength, self.other_strength) > _STRONG_DETAIL_LEVELS
        return self.telling & strong & (self.alike <= _AGREES)

    def agreement(self) -> Agreement:
        """Return the degree to which they agree, without the reason where they don't."""
        alike = self.alike[self.telling]
        places = np.argwhere(self.differing.reshape(_BLOCKS, _BLOCKS))
        sides = sorted(int(side) + 1 for side in np.ptp(places, axis=0)) if len(places) else (0, 0)
        return Agreement(
            likeness=round(max(0.0, float(np.median(alike))), 4),
            share=round(float((alike > _AGREES).mean()), 4),
            spread=sides[1],
            breadth=sides[0],
        )


def _blocks(one: Floats, other: Floats, within: Floats | None, blur_share: float) -> _Blocks:
    a, b = (_cut(each - _blurred(each, blur_share)) for each in (one, other))
    strength, other_strength = (np.sqrt(np.square(each).mean(axis=1)) for each in (a, b))
    alike = (a * b).mean(axis=1) / np.maximum(strength * other_strength, 1e-3)
    is_within = np.full(len(a), fill_value=True)
    if within is not None:
        is_within = _cut(within).mean(axis=1) > _LEAST_WITHIN
    telling = is_within & (np.maximum(strength, other_strength) > _LEAST_DETAIL_LEVELS)
    return _Blocks(a, b, strength, other_strength, alike, is_within, telling)


def _agreement(one: Floats, other: Floats, within: Floats | None = None) -> Agreement:
    """Compare two patches; `within` is 1 where both have pixels."""
    blocks = _blocks(one, other, within, _BLUR_SHARE)
    count = np.count_nonzero(blocks.telling)
    if count < _LEAST_BLOCKS:
        return Agreement()
    agreement = blocks.agreement()
    if count <= _FEW_BLOCKS:
        if agreement.is_alike:
            fine = _blocks(one, other, within, _FINE_BLUR_SHARE)
            agreement = min(agreement, fine._replace(telling=blocks.telling).agreement())
        return agreement
    if agreement.is_alike:
        return agreement
    as_sharp = _equally_sharp(one, other)
    blurred = _blocks(*as_sharp, within, _BLUR_SHARE)
    if np.count_nonzero(blurred.telling) > _FEW_BLOCKS:
        # A banner's letters make a picture sharper as well: then nothing is won by blurring it.
        alike = blurred.agreement()
        if alike.likeness > agreement.likeness:
            blocks, agreement, (one, other) = blurred, alike, as_sharp
    if agreement.is_alike or agreement.share < _WORTH_A_REASON:
        return agreement
    return _with_reason(blocks, agreement, one, other)


def _with_reason(blocks: _Blocks, agreement: Agreement, one: Floats, other: Floats) -> Agreement:
    """Add to an agreement what tells of differing blocks whether something hides them."""
    agreeing = blocks.telling & (blocks.alike > _AGREES)
    kept = []
    for strength in (blocks.strength, blocks.other_strength):
        slope = (blocks.one * blocks.other).mean(axis=1) / np.maximum(strength * strength, 1e-3)
        stays = (slope > _KEPT_SLOPE) & (slope < _MOST_SLOPE) & (blocks.alike > _KEPT_CORRELATION)
        told = blocks.telling & (strength > _LEAST_DETAIL_LEVELS)
        kept.append((agreeing | stays)[told].mean() if told.any() else 0.0)
    first, second = _cut(one), _cut(other)
    # Both at the same brightness and at the lower contrast, as where they agree.
    levels = [each[agreeing] for each in (first, second)]
    if not levels[0].size:
        return agreement
    gain = float(levels[1].std() / max(levels[0].std(), 1e-3))
    a = (first - np.median(levels[0])) * min(1.0, gain)
    b = (second - np.median(levels[1])) / max(1.0, gain)
    apart = b - a
    differ = (np.abs(apart) > _DIFFERENT_LEVELS) & blocks.within[:, None]
    differing = blocks.differing
    there = apart[differ & differing[:, None]] if differing.any() else apart[differ]
    lighter, darker = there[there > 0].sum(), -there[there < 0].sum()
    elsewhere, hidden = _strip(blocks, a, b)
    return agreement._replace(
        kept=round(float(max(kept)), 4),
        one_sided=round(float(max(lighter, darker) / max(1e-3, lighter + darker)), 4),
        through=round(_correlation(first[differ], second[differ]), 4),
        covered=round(float(differ[differing].mean()), 4) if differing.any() else 0.0,
        elsewhere=round(elsewhere, 4),
        hidden=round(hidden, 4),
    )


def _strip(blocks: _Blocks, a: Floats, b: Floats) -> tuple[float, float]:
    """Return `elsewhere` and `hidden` of a strip that differs; 0 where there is none."""
    places = np.argwhere(blocks.differing.reshape(_BLOCKS, _BLOCKS))
    if not len(places):
        return 0.0, 0.0
    first, last = places.min(axis=0), places.max(axis=0) + 1
    if (last - first).min() > _STRIP:
        return 0.0, 0.0
    box = tuple(slice(*ends) for ends in zip(first.tolist(), last.tolist(), strict=True))
    others = blocks.telling.reshape(_BLOCKS, _BLOCKS).copy()
    others[box] = False
    if np.count_nonzero(others) < _LEAST_BLOCKS:
        return 0.0, 0.0
    side_px = int(a.shape[1] ** 0.5)
    is_flat = last[1] - first[1] > _STRIP
    # Lines along the strip.
    a, b = (
        each.reshape(_BLOCKS, _BLOCKS, side_px, side_px)[box]
        .transpose((0, 2, 1, 3) if is_flat else (1, 3, 0, 2))
        .reshape(side_px * len(range(*box[0 if is_flat else 1].indices(_BLOCKS))), -1)
        for each in (a, b)
    )
    hidden = max(_plainer(a, b), _plainer(b, a))
    return float((blocks.alike.reshape(_BLOCKS, _BLOCKS)[others] > _AGREES).mean()), hidden


def _plainer(lines: Floats, other: Floats) -> float:
    """Return how much more of the plainest lines, of two thirds of a block, has one level."""
    level = np.median(lines, axis=1, keepdims=True)
    shares = [(np.abs(each - level) < _ONE_LEVEL).mean(axis=1) for each in (lines, other)]
    return float(np.sort(shares[0] - shares[1])[-_PLAIN_LINES:].mean())


def _correlation(one: Floats, other: Floats) -> float:
    if one.size < _LEAST_PIXELS or min(one.std(), other.std()) < _FLAT_LEVELS:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _equally_sharp(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Blur the sharper of two pictures until it correlates best with the other."""
    finest = [
        np.square(each - _blurred(each, _SHARPNESS_BLUR_SHARE)).mean() for each in (one, other)
    ]
    if max(finest) < _SHARPER * min(finest):
        return one, other
    sharp, soft = (one, other) if finest[0] > finest[1] else (other, one)
    details = soft - _blurred(soft, _BLUR_SHARE)

    def likeness(picture: Floats) -> float:
        own = picture - _blurred(picture, _BLUR_SHARE)
        return float((own * details).sum() / np.sqrt(np.square(own).sum() + 1.0))

    blurred = (np.asarray(cv2.GaussianBlur(sharp, (0, 0), px), np.float32) for px in _BLURS_PX)
    sharp = max((sharp, *blurred), key=likeness)
    return (sharp, soft) if finest[0] > finest[1] else (soft, sharp)


def _blurred(patch: Floats, share: float) -> Floats:
    return np.asarray(
        cv2.GaussianBlur(patch, (0, 0), max(1.0, len(patch) * share)), dtype=np.float32
    )


def _cut(patch: Floats) -> Floats:
    """Return a patch as 64 blocks of pixels."""
    side_px = len(patch) // _BLOCKS
    blocks = patch.reshape(_BLOCKS, side_px, _BLOCKS, side_px).swapaxes(1, 2)
    return blocks.reshape(_BLOCKS * _BLOCKS, -1)


def _aligned(one: Floats, other: Floats) -> tuple[Floats, Floats] | None:
    """Return the other picture laid on the one, and where it has pixels; None where it can't."""
    still, everywhere = np.eye(2, 3, dtype=np.float32), np.full(one.shape, 255, np.uint8)
    try:
        _, motion = cv2.findTransformECC(
            one, other, still, cv2.MOTION_AFFINE, _ALIGNING, everywhere, _ALIGNING_BLUR_PX
        )
    except cv2.error:  # it found no way: they have nothing in common
        return None
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = one.shape[::-1]
    laid, within = (
        np.asarray(cv2.warpAffine(each, motion, size, flags=how, borderMode=edge), np.float32)
        for each, edge in (
            (other, cv2.BORDER_REPLICATE),
            (np.ones_like(other), cv2.BORDER_CONSTANT),
        )
    )
    if (_cut(within).mean(axis=1) > _LEAST_WITHIN).sum() < _LEAST_BLOCKS_WITHIN:
        return None
    return laid, within
