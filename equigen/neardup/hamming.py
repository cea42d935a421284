"""Find all pairs of hashes that differ in few bits, without comparing every pair.

Bits are dealt into parts and those into blocks. Two hashes that differ in at most `distance` bits
differ in at most `allowed` bits of some part, where the parts' `allowed` add up to `distance` less
the other parts (the pigeonhole principle; Norouzi et al., "Fast Exact Search in Hamming Space With
Multi-Index Hashing", 2014, https://arxiv.org/abs/1307.2982). A part of `allowed + equal` blocks
then has `equal` blocks in which they don't differ at all. So each choice of `equal` blocks is a
pass: only hashes that are the same in those are compared.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BITS = 64
# A block of pairs holds at most so many.
LARGEST_BLOCK = 1_000_000
_THREADS = 2
# Knuth's multiplicative hashing: 2^64 divided by the golden ratio.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
# numpy sorts 16 bits by radix, several times as fast as more bits.
_KEY_BITS = 16
_KEYS = 1 << _KEY_BITS
# So many are compared at a time: fewer cost more calls, more leave the processor's own cache.
_STEP = 1 << 17
# Keys stand together whose hashes fill at least this share of their columns.
_LEAST_FILLED = 0.8
# Arrays of one pair take as much as those of many: so many make a block, however small.
_MOST_PIECES = 50_000
_MOST_PARTS, _MOST_EQUAL = 3, 6
# Measured: what a pass takes, each hash in it, and each comparison.
_PASS_NS, _HASH_NS, _COMPARISON_NS = 5e6, 35.0, 1.2
_SAMPLE = 1 << 16
# Bits that are always the same weigh next to nothing, but each block needs one.
_LEAST_WEIGHT = 1e-3

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]
Counts = npt.NDArray[np.uint8]


class Pairs(NamedTuple):
    """Pairs of hashes by position, `first` < `second`, and the number of bits that differ."""

    first: Positions
    second: Positions
    distance: Counts


class BitPart(NamedTuple):
    """Part of the bits: hashes may differ in `allowed` of its blocks, `equal` blocks are left."""

    allowed: int
    equal: int

    @property
    def blocks(self) -> int:
        """The number of its blocks."""
        return self.allowed + self.equal

    @property
    def passes(self) -> int:
        """The number of choices of equal blocks."""
        return comb(self.blocks, self.equal)


class _Pass(NamedTuple):
    """Bits of the `key`, and masks that tell whether an earlier pass has a pair.

    Of the blocks in `looked_at` a pair must differ in those of `differing`, and for each of the
    `earlier` parts in more blocks than it allows. A block stands for itself by its highest bit.
    """

    key: np.uint64
    looked_at: np.uint64
    differing: np.uint64
    earlier: Sequence[tuple[np.uint64, int]]


class _ByKey(NamedTuple):
    """Positions of hashes in order of their keys, those of the most frequent key first.

    `lengths` are the numbers of hashes with the first key, the second, ...
    """

    positions: Positions
    lengths: Positions


class _KeyGrid(NamedTuple):
    """Hashes row by row, a column for each of `keys`; shorter columns are padded.

    Two hashes of one key are a multiple of `keys` apart. `real` is false for padding.
    """

    hashes: Hashes
    positions: Positions
    real: npt.NDArray[np.bool_]
    keys: int


class _BlockMasks(NamedTuple):
    """The highest bit of each block, and all bits of each block."""

    tops: Sequence[int]
    masks: Sequence[int]


def close_pairs(hashes: Hashes, *, distance: int) -> Iterator[Pairs]:
    """Yield all pairs of hashes that differ in at most `distance` of their 64 bits.

    `hashes` are distinct. Each pair comes once, in blocks of at most `LARGEST_BLOCK` and in no
    order, so memory doesn't grow with the number of pairs; time does. Two threads work on it.
    benchmarks/README.md says how long it takes.

    Raises:
        ValueError: two hashes are the same, or `distance` isn't within 0 to 64.

    """
    if not 0 <= distance <= BITS:
        msg = f"expected a distance of 0 to {BITS} bits, got {distance}"
        raise ValueError(msg)
    if np.unique(hashes).size < hashes.size:
        msg = "expected distinct hashes, got some twice: look for pairs among np.unique(hashes)"
        raise ValueError(msg)
    if hashes.size < 2 or not distance:  # noqa: PLR2004  (a pair)
        return iter(())
    bits = float(_weights(hashes).sum())
    return searched(hashes, plan(distance, bits=bits, count=hashes.size), distance=distance)


def searched(hashes: Hashes, parts: Sequence[BitPart], *, distance: int) -> Iterator[Pairs]:
    """Yield the pairs of distinct hashes as `close_pairs` does, bits dealt into these parts."""
    order, blocks = _dealt(_weights(hashes), parts)
    arranged = _arranged(hashes, order)
    passes = list(_passes(parts, blocks))
    searches = [_search(arranged, passes[at::_THREADS], blocks, distance) for at in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as threads:
        # In turns, so that the blocks always come in one order.
        waiting = [(each, threads.submit(next, each, None)) for each in searches]
        while waiting:
            search, future = waiting.pop(0)
            if (found := future.result()) is not None:
                waiting.append((search, threads.submit(next, search, None)))
                yield found


def plan(distance: int, *, bits: float, count: int) -> Sequence[BitPart]:
    """Return the parts by which `count` hashes are searched in the least time.

    `bits` is the number of even and independent bits that would tell as much as theirs.
    """
    plans = [
        [BitPart((distance + 1 + at) // parts - 1, equal) for at in range(parts)]
        for parts in range(1, min(_MOST_PARTS, distance + 1) + 1)
        for equal in range(1, _MOST_EQUAL + 1)
    ]
    fitting = [each for each in plans if sum(part.blocks for part in each) <= BITS]
    return min([[BitPart(distance, 0)], *fitting], key=lambda each: _time_ns(each, bits, count))


def _time_ns(parts: Sequence[BitPart], bits: float, count: int) -> float:
    time_ns = 0.0
    each = bits / BITS
    for part in parts:
        few, rest = divmod(BITS / len(parts) / max(1, part.blocks), 1)
        # How often two hashes are the same in a block of few bits, or of one more.
        same = (1 - rest) * 2 ** (-few * each) + rest * 2 ** (-(few + 1) * each)
        compared = count / 2 * (same**part.equal + (1 / _KEYS if part.equal else 0))
        hash_ns = _HASH_NS + _COMPARISON_NS * compared
        time_ns += part.passes * (_PASS_NS + hash_ns * count)
    return time_ns


def _weights(hashes: Hashes) -> npt.NDArray[np.float64]:
    """Return each bit's collision entropy, lowest bit first: 1 where even, 0 where constant."""
    sample = hashes[:: max(1, hashes.size // _SAMPLE)]
    shares = np.array([np.mean(_bit(sample, number)) for number in range(BITS)])
    return np.asarray(-np.log2(shares**2 + (1 - shares) ** 2), dtype=np.float64)


def _bit(hashes: Hashes, number: int) -> Hashes:
    return (hashes >> np.uint64(number)) & np.uint64(1)


def _dealt(
    weights: npt.NDArray[np.float64], parts: Sequence[BitPart]
) -> tuple[Sequence[int], _BlockMasks]:
    """Deal bits to blocks of like weight; return all bits block by block, and the blocks."""
    shares = [1 / part.blocks for part in parts for _ in range(part.blocks)]
    loads = [0.0] * len(shares)
    dealt: list[list[int]] = [[] for _ in shares]
    for number in np.argsort(-weights, kind="stable").tolist():
        block = min(range(len(shares)), key=lambda at: loads[at] / shares[at])
        loads[block] += weights[number] + _LEAST_WEIGHT
        dealt[block].append(number)
    ends = np.cumsum([len(block) for block in dealt]).tolist()
    masks = [(1 << end) - (1 << end - len(block)) for end, block in zip(ends, dealt, strict=True)]
    order = [number for block in dealt for number in block]
    return order, _BlockMasks([1 << end - 1 for end in ends], masks)


def _arranged(hashes: Hashes, order: Sequence[int]) -> Hashes:
    """Return the hashes with their bits in another order, which changes no distance."""
    arranged = np.zeros_like(hashes)
    for to, number in enumerate(order):
        arranged |= _bit(hashes, number) << np.uint64(to)
    return arranged


def _passes(parts: Sequence[BitPart], blocks: _BlockMasks) -> Iterator[_Pass]:
    start = 0
    earlier: tuple[tuple[np.uint64, int], ...] = ()
    for part in parts:
        own = range(start, start + part.blocks)
        for equal in combinations(own, part.equal):
            looked_at = sum(blocks.tops[at] for at in own if equal and at <= equal[-1])
            tops = sum(blocks.tops[at] for at in equal)
            yield _Pass(
                np.uint64(sum(blocks.masks[at] for at in equal)),
                np.uint64(looked_at),
                np.uint64(looked_at - tops),
                earlier,
            )
        earlier = (*earlier, (np.uint64(sum(blocks.tops[at] for at in own)), part.allowed))
        start += part.blocks


def _search(
    hashes: Hashes, passes: Sequence[_Pass], blocks: _BlockMasks, distance: int
) -> Iterator[Pairs]:
    """Yield the pairs that some passes find, in blocks."""
    found: list[Pairs] = []
    count = 0
    tops = np.uint64(sum(blocks.tops))
    for each in passes:
        for grid in _grids(hashes, _sorted(hashes, each.key)):
            for pairs in _compared(grid, each, tops, distance):
                if count + pairs.first.size > LARGEST_BLOCK or len(found) == _MOST_PIECES:
                    yield _joined(found)
                    found, count = [], 0
                found.append(pairs)
                count += pairs.first.size
    if found:
        yield _joined(found)


def _joined(found: Sequence[Pairs]) -> Pairs:
    return Pairs(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _sorted(hashes: Hashes, key: np.uint64) -> _ByKey:
    spread = hashes & key
    spread *= _SPREAD
    spread >>= np.uint64(BITS - _KEY_BITS)
    keys = spread.astype(np.uint16)
    lengths = np.bincount(keys, minlength=_KEYS)
    by_length = np.argsort(-lengths)
    ranks = np.empty(_KEYS, dtype=np.uint16)
    ranks[by_length] = np.arange(_KEYS, dtype=np.uint16)
    # Stable: of two hashes with one key the one that is first stays first.
    positions = np.argsort(ranks[keys], kind="stable")
    return _ByKey(positions, lengths[by_length])


def _grids(hashes: Hashes, by_key: _ByKey) -> Iterator[_KeyGrid]:
    """Yield the hashes by key; keys with about as many hashes share a grid."""
    ends = np.cumsum(by_key.lengths)
    falling = -by_key.lengths
    first = 0
    while first < ends.size and (longest := int(by_key.lengths[first])) > 1:
        alike = int(np.searchsorted(falling, -_LEAST_FILLED * longest, side="right"))
        last = min(alike, first + max(1, _STEP // longest))
        lengths = by_key.lengths[first:last]
        rows = np.arange(longest)[:, np.newaxis]
        real = (rows < lengths).ravel()
        at = np.minimum(rows + (ends[first:last] - lengths), hashes.size - 1).ravel()
        positions = by_key.positions[at]
        yield _KeyGrid(hashes[positions], positions, real, lengths.size)
        first = last


def _compared(grid: _KeyGrid, which: _Pass, tops: np.uint64, distance: int) -> Iterator[Pairs]:
    """Yield the pairs in a grid that this pass finds, and no earlier one."""
    differ = np.empty(_STEP, dtype=np.uint64)
    counts = np.empty(_STEP, dtype=np.uint8)
    for apart in range(grid.keys, grid.hashes.size, grid.keys):
        one, other = grid.hashes[:-apart], grid.hashes[apart:]
        for start in range(0, one.size, _STEP):
            size = min(_STEP, one.size - start)
            np.bitwise_xor(
                one[start : start + size], other[start : start + size], out=differ[:size]
            )
            np.bitwise_count(differ[:size], out=counts[:size])
            near = np.flatnonzero(counts[:size] <= distance)
            if near.size:
                is_new = grid.real[near + (start + apart)]
                is_new &= _is_first(differ[near], which, tops)
                if is_new.any():
                    near = near[is_new]
                    at = near + start
                    yield Pairs(grid.positions[at], grid.positions[at + apart], counts[near])


def _is_first(differ: Hashes, which: _Pass, tops: np.uint64) -> npt.NDArray[np.bool_]:
    """Tell of pairs, by the bits in which they differ, which no earlier pass finds."""
    below = ~tops
    # The sum reaches a block's highest bit where any bit below it is set, and goes no further.
    blocks = ((differ & below) + below | differ) & tops
    is_first: npt.NDArray[np.bool_] = (blocks & which.looked_at) == which.differing
    for part, allowed in which.earlier:
        is_first &= np.bitwise_count(blocks & part) > allowed
    return is_first
