"""Find the pairs of covers that may show the same picture: by near hashes, then by their greys.

Views whose hashes differ in few bits are found exactly (`hamming.py`). Of those, the pairs whose
16x16 greys correlate become candidates. The worst cells are left out, so a sticker does no harm.
"""

import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from equigen.images.descriptor import GREY_CELLS, VIEW, Box, box_of
from equigen.ledger.models import StoredLook
from equigen.neardup.hamming import close_pairs
from equigen.storage.os_errors import translating_os_errors

# Views whose hashes differ in more of their 60 bits are not compared.
DISTANCE = 8
# Of two covers at most so many pairs of views are kept, those with the nearest hashes.
_MOST_VIEWS = 3
_CHUNK = 1 << 20
_AT_ONCE = 1 << 13
# A view whose greys have a lower standard deviation, in levels, has nothing to compare.
_FLAT_LEVELS = 3.0
# Both thresholds hold for what is left when the worst tenth of the cells is out.
_LEFT_OUT = 0.1
_ROUNDS = 3
_LEAST_CORRELATION = 0.93
_LEAST_INSIDE = 0.9
# Frames look alike whatever they frame: the part inside so many cells is compared by itself.
_FRAME_CELLS = 3
_FLAT_INSIDE_LEVELS = 4.0

Greys = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.intp]
# The file of each cover, by its sha256. Strings: a million paths as objects would fill memory.
Files = Mapping[str, str]


class CandidatePair(NamedTuple):
    """Two covers that may show the same picture; `views` are positions of view pairs, likest first.

    The first of two views is the first cover's. `distance` is in bits, of the likest views.
    """

    first: str
    second: str
    distance: int
    views: list[tuple[int, int]]


class Candidates(NamedTuple):
    """All candidate pairs, and the views that their positions refer to."""

    pairs: list[CandidatePair]
    views: npt.NDArray[np.void]

    def boxes(self, pair: CandidatePair) -> Iterator[tuple[Box, Box]]:
        """Yield which part of the first cover corresponds to which of the second, likest first."""
        for one, other in pair.views:
            yield box_of(self.views[one]["box"]), box_of(self.views[other]["box"])


@contextmanager
def candidates(
    looks: Iterable[StoredLook], files: Files, known: Container[tuple[str, str]]
) -> Iterator[Candidates]:
    """Find the candidates among some files, without the pairs that are `known`.

    Plain views are left out, so plain sleeves are never alike by being plain. The views lie in a
    temporary file as long as the block runs.

    Raises:
        StorageError: the folder for temporary files is full.

    """
    folder = Path(tempfile.gettempdir())
    with translating_os_errors(folder), tempfile.TemporaryFile(prefix="equigen-") as spill:
        digests = _laid_side_by_side(looks, files, spill.write)
        if not digests.owners.size:
            yield Candidates([], np.empty(0, VIEW))
            return
        spill.flush()
        views: npt.NDArray[np.void] = np.memmap(spill, dtype=VIEW, mode="r")
        yield Candidates(_promising(views, digests, known), views)


class _Digests(NamedTuple):
    """The sha256 of each cover, and for each view the position of its cover."""

    sha256: list[str]
    owners: Positions


def _laid_side_by_side(
    looks: Iterable[StoredLook], files: Files, write: Callable[[bytes], object]
) -> _Digests:
    digests: list[str] = []
    counts: list[int] = []
    for digest, look in looks:
        if look and digest in files:
            digests.append(digest)
            counts.append(len(look) // VIEW.itemsize)
            write(look)
    return _Digests(digests, np.repeat(np.arange(len(digests)), counts))


class _Near(NamedTuple):
    """Pairs of views by their positions, and the number of bits in which their hashes differ."""

    first: Positions
    second: Positions
    distance: npt.NDArray[np.uint8]


def _promising(
    views: npt.NDArray[np.void], digests: _Digests, known: Container[tuple[str, str]]
) -> list[CandidatePair]:
    telling = np.concatenate(
        [
            at + np.flatnonzero(~is_flat(views[at : at + _CHUNK]["grey"]))
            for at in range(0, len(views), _CHUNK)
        ]
    )
    owners = digests.owners
    found = [
        _with_like_greys(views, near) for near in _near(views["hash"][telling], telling, owners)
    ]
    if not found:
        return []
    first, second, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    # Ordered by sha256, so that the result doesn't depend on the order of the covers.
    ranks = np.empty(len(digests.sha256), np.intp)
    ranks[np.argsort(np.array(digests.sha256))] = np.arange(len(ranks))
    swapped = ranks[owners[first]] > ranks[owners[second]]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    order = np.lexsort((second, first, distance, owners[second], owners[first]))
    pairs: list[CandidatePair] = []
    last = (-1, -1)
    for at in order.tolist():
        one, other = int(first[at]), int(second[at])
        pair = int(owners[one]), int(owners[other])
        if pair != last:
            last = pair
            shown = digests.sha256[pair[0]], digests.sha256[pair[1]]
            is_new = shown not in known
            if is_new:
                pairs.append(CandidatePair(*shown, int(distance[at]), []))
        if is_new and len(pairs[-1].views) < _MOST_VIEWS:
            pairs[-1].views.append((one, other))
    return pairs


def _with_like_greys(views: npt.NDArray[np.void], near: _Near) -> _Near:
    """Return the pairs whose greys agree."""
    worth = np.zeros(len(near.first), bool)
    for at in range(0, len(worth), _AT_ONCE):
        some = slice(at, at + _AT_ONCE)
        greys = (views["grey"][places[some]] for places in (near.first, near.second))
        worth[some] = may_be_alike(*greys)
    return _Near(near.first[worth], near.second[worth], near.distance[worth])


def _near(hashes: npt.NDArray[np.uint64], places: Positions, owners: Positions) -> Iterator[_Near]:
    """Yield, in blocks, the pairs of views of different covers whose hashes are near."""
    order = np.argsort(hashes, kind="stable")
    distinct, starts, counts = np.unique(hashes[order], return_index=True, return_counts=True)
    places = places[order]

    def of_two_covers(first: Positions, second: Positions, apart: npt.NDArray[np.uint8]) -> _Near:
        first, second = places[first], places[second]
        two = owners[first] != owners[second]
        return _Near(first[two], second[two], apart[two])

    ends = np.repeat(starts + counts, counts)
    here = np.arange(len(places))
    for first, second in _with_each(here, here + 1, ends - here - 1):
        yield of_two_covers(here[first], second, np.zeros(len(first), np.uint8))
    for block in close_pairs(distinct, distance=DISTANCE):
        one, other = block.first, block.second
        for pair, first in _with_each(one, starts[one], counts[one]):
            theirs = other[pair]
            for row, second in _with_each(theirs, starts[theirs], counts[theirs]):
                yield of_two_covers(first[row], second, block.distance[pair[row]])


def _with_each(
    rows: Positions, starts: Positions, counts: Positions
) -> Iterator[tuple[Positions, Positions]]:
    """Yield, in blocks, the position of each row with each place of its own.

    A row's places begin at `starts` and are as many as `counts` has.
    """
    before = np.concatenate([[0], np.cumsum(counts)])
    at = 0
    while at < len(rows):
        end = max(at + 1, int(np.searchsorted(before, before[at] + _CHUNK, side="right")) - 1)
        own = counts[at:end]
        row = np.repeat(np.arange(at, end), own)
        offset = np.arange(len(row)) - np.repeat(before[at:end] - before[at], own)
        yield row, starts[row] + offset
        at = end


def is_flat(greys: Greys) -> npt.NDArray[np.bool_]:
    """Tell of views (n x 16 x 16 greys) which are too plain to be compared."""
    spread: npt.NDArray[np.bool_] = greys.std(axis=(1, 2)) < _FLAT_LEVELS
    return spread


def may_be_alike(one: Greys, other: Greys) -> npt.NDArray[np.bool_]:
    """Tell of pairs of views (n x 16 x 16 greys each) which are worth comparing by their pixels.

    Their greys must correlate, over the whole and inside the frame, the worst tenth of the cells
    left out. Brightness and contrast don't matter.
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
    """Return the correlation of rows without their worst cells, and the lower deviation."""
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
