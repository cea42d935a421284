"""Find views of pictures with like signatures, in time that grows with their number alone.

A signature is 123 bits of 16x16 greys: which of 6x6 mean greys is lighter than its left and its
upper neighbour (a sticker changes few of these), and the signs of the 63 lowest frequencies (which
a shift changes little). Each of many passes samples some bits, sorts the signatures by them, and
compares those with the same sample (bit sampling: Indyk and Motwani, "Approximate Nearest
Neighbors: Towards Removing the Curse of Dimensionality", 1998).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from equigen.images.descriptor import GREY_CELLS, Box, parts

BITS: Final = 123
# Signatures that differ in more bits aren't near: of real covers that were cropped, shifted or
# written over, 97 in 100 differ in at most 22.
DISTANCE: Final = 24
_INSETS = (0.0, 0.05, 0.1)
_OFF = 0.06
# The parts of a picture that are signed: a crop's whole is another's inset, and a shifted picture
# has a corner that is another's opposite corner. The whole is the first.
BOXES: Final = (
    *(Box(inset, inset, 1 - inset, 1 - inset) for inset in _INSETS),
    *(Box(x, y, x + 1 - _OFF, y + 1 - _OFF) for x in (0.0, _OFF) for y in (0.0, _OFF)),
)
_CELLS = 6
_FREQUENCIES = 8
# Differences of less are rounding errors.
_LEAST_LEVELS = 0.05
# A part with a lower deviation, in levels, has nothing to sign.
_FLAT_LEVELS = 2.0
# Passes over few signatures cost little, and each finds some more of the far ones.
_LEAST_PASSES, _MOST_PASSES = 24, 128
_MOST_LOOKED_AT = 170_000_000
_SAMPLED_BITS = 20
_SEED = 20_261
_THREADS = 2
# Of signatures with the same sample, each is compared with so many that follow it.
_NEIGHBOURS = 64
# One that is near so many in a pass is one of many copies, which need not each find all.
_NEAR_ENOUGH = 8
_KEY_BITS = 28
_CHUNK = 1 << 18
# So many pairs of views are held before those of the same two covers are put together.
_MOST_HELD = 1 << 22

Signatures = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]
Greys = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Near(NamedTuple):
    """Pairs of signatures by position, one for two owners, and the bits that differ.

    The owner of the first signature is lower than that of the second.
    """

    first: Positions
    second: Positions
    distance: npt.NDArray[np.uint8]

    def at(self, which: Positions | slice) -> "Near":
        """Return some of the pairs, in this order."""
        return Near(self.first[which], self.second[which], self.distance[which])


@lru_cache(maxsize=32)
def _spans(start: float, end: float, cells: int) -> Floats:
    return parts(GREY_CELLS, GREY_CELLS, (start, end), cells)


def part_of(greys: Greys, box: Box, cells: int = GREY_CELLS) -> Floats:
    """Return the mean greys of the cells of a part of pictures (n x 16 x 16 greys)."""
    down, across = _spans(box.top, box.bottom, cells), _spans(box.left, box.right, cells)
    means: Floats = down @ greys.astype(np.float32) @ across.T
    return means


_COSINES: Floats = (
    np.cos(np.pi / GREY_CELLS * np.outer(np.arange(_FREQUENCIES), np.arange(GREY_CELLS) + 0.5))
    * np.where(np.arange(_FREQUENCIES)[:, None], 2**0.5, 1.0)
    / GREY_CELLS
).astype(np.float32)


def signed(greys: Greys, box: Box) -> tuple[Signatures, npt.NDArray[np.bool_]]:
    """Return signatures (n x 2 words) of a part of pictures, and which of these aren't flat."""
    cells = part_of(greys, box, _CELLS)
    waves = _COSINES @ part_of(greys, box) @ _COSINES.T
    waves = waves.reshape(-1, _FREQUENCIES**2)[:, 1:]
    values = np.concatenate(
        [
            np.diff(cells, axis=2).reshape(-1, _CELLS * (_CELLS - 1)),
            np.diff(cells, axis=1).reshape(-1, _CELLS * (_CELLS - 1)),
            waves,
            np.zeros((len(greys), 128 - BITS), np.float32),
        ],
        axis=1,
    )
    levels = np.sqrt(np.square(waves).sum(axis=1))
    bits = np.packbits(values > _LEAST_LEVELS, axis=1)
    return bits.view(np.uint64), levels >= _FLAT_LEVELS


def near_pairs(signatures: Signatures, owners: Positions) -> Near:
    """Return the nearest of signatures (2 words x n) of each two owners that have near ones.

    Some may be missed: two that differ in few bits are found as good as always, in 20 bits in half
    of the cases or more; two owners are found by any of their signatures. Two threads work on it.
    """
    held = Near(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.uint8))
    found = [held]
    passes = _MOST_LOOKED_AT // max(1, signatures.shape[1])
    passes = min(max(passes, _LEAST_PASSES), _MOST_PASSES)
    with ThreadPoolExecutor(_THREADS) as threads:
        one_pass = partial(_pass, signatures, owners)
        for pairs in threads.map(lambda seed: list(one_pass(seed)), range(passes)):
            found += pairs
            if sum(each.first.size for each in found) > _MOST_HELD + 2 * held.first.size:
                held = _nearest(found, owners)
                found = [held]
    return _nearest(found, owners)


def _nearest(found: list[Near], owners: Positions) -> Near:
    """Return the nearest pair of each two owners, ordered by these."""
    first, second, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    swapped = owners[first] > owners[second]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    of_two = owners[first] * np.intp(len(owners)) + owners[second]
    order = np.argsort(of_two * 128 + distance, kind="stable")
    of_two = of_two[order]
    kept = order[np.concatenate([[True], of_two[1:] != of_two[:-1]])[: len(order)]]
    return Near(first, second, distance).at(kept)


def _pass(words: Signatures, owners: Positions, seed: int) -> Iterator[Near]:
    """Yield near pairs, in blocks, of those with the same sample of bits."""
    chance = np.random.default_rng((_SEED, seed))
    chosen = np.zeros(128, bool)
    chosen[chance.choice(BITS, _SAMPLED_BITS, replace=False)] = True
    masks = np.packbits(chosen).view(np.uint64)
    mix, order = (chance.integers(1 << 62, 1 << 63, 2, dtype=np.uint64) * 2 + 1 for _ in range(2))
    count = words.shape[1]
    place_bits = max(1, count - 1).bit_length()
    # The sample, then all bits mixed, then the position: equal signatures stand side by side.
    keys = np.empty(count, np.uint64)
    above, below = np.uint64(64 - _KEY_BITS), np.uint64(place_bits)
    for start in range(0, count, _CHUNK):
        one, other = words[:, start : start + _CHUNK]
        some = ((one & masks[0]) * mix[0] ^ (other & masks[1]) * mix[1]) >> above << above
        some |= (one * order[0] ^ other * order[1]) >> np.uint64(_KEY_BITS + place_bits) << below
        some |= np.arange(start, start + len(one), dtype=np.uint64)
        keys[start : start + _CHUNK] = some
    keys.sort()
    for start in range(0, count, _CHUNK):
        # The last are looked at again with the next, which does no harm.
        yield from _neighbours(
            keys[start : start + _CHUNK + _NEIGHBOURS], words, owners, place_bits
        )


def _neighbours(
    keys: Signatures, words: Signatures, owners: Positions, place_bits: int
) -> Iterator[Near]:
    follows = (keys[1:] ^ keys[:-1]) >> np.uint64(64 - _KEY_BITS) == 0
    # Most have a sample of their own.
    keys = keys[np.concatenate([follows, [False]]) | np.concatenate([[False], follows])]
    places = (keys & np.uint64((1 << place_bits) - 1)).astype(np.intp)
    samples = keys >> np.uint64(64 - _KEY_BITS)
    one, other = words[0][places], words[1][places]
    at = np.arange(len(keys))
    found = np.zeros(len(keys), np.uint8)
    for apart in range(1, _NEIGHBOURS + 1):
        at = at[: int(np.searchsorted(at, len(keys) - apart))]
        at = at[samples[at] == samples[at + apart]]
        if not at.size:
            return
        differ = np.bitwise_count(one[at] ^ one[at + apart])
        differ += np.bitwise_count(other[at] ^ other[at + apart])
        near = np.flatnonzero(differ <= DISTANCE)
        near = near[owners[places[at[near]]] != owners[places[at[near] + apart]]]
        yield Near(places[at[near]], places[at[near] + apart], differ[near])
        found[at[near]] += 1
        at = at[found[at] < _NEAR_ENOUGH]
