"""Near hashes are found as if every pair were looked at."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.neardup import hamming
from equigen.neardup.hamming import BITS, LARGEST_BLOCK, BitPart, Hashes, Pairs, close_pairs, plan

Pair = tuple[int, int, int]
FULL = 2**64 - 1


def brute(hashes: Hashes, distance: int) -> list[Pair]:
    """Return all near pairs, each looked at."""
    every = [int(each) for each in hashes]
    apart = {
        (first, second): (every[first] ^ every[second]).bit_count()
        for second in range(len(every))
        for first in range(second)
    }
    return sorted((*pair, bits) for pair, bits in apart.items() if bits <= distance)


def flat(blocks: Iterator[Pairs]) -> list[Pair]:
    """Return the pairs of all blocks in order, those that come twice twice."""
    return sorted(
        pair for b in blocks for pair in zip(*(column.tolist() for column in b), strict=True)
    )


def random_hashes(chance: np.random.Generator, count: int) -> Hashes:
    """Return hashes of even bits."""
    return chance.integers(0, FULL, count, dtype=np.uint64, endpoint=True)


def clustered(chance: np.random.Generator, count: int) -> Hashes:
    """Return hashes that are a few bits from one of some centres."""
    centres = random_hashes(chance, max(5, count // 200))
    hashes = centres[chance.integers(0, centres.size, count)]
    for _ in range(6):
        hashes ^= np.uint64(1) << chance.integers(0, 64, count, dtype=np.uint64)
    return hashes


def skewed(chance: np.random.Generator, count: int) -> Hashes:
    """Return hashes of bits that are hardly ever set, often, or always."""
    shares = chance.beta(0.3, 0.3, BITS)
    set_bits = (chance.random((count, BITS)) < shares).astype(np.uint8)
    return np.packbits(set_bits, axis=1).view(np.uint64).ravel()


def narrow(chance: np.random.Generator, count: int) -> Hashes:
    """Return hashes whose upper half is always the same."""
    return random_hashes(chance, count) >> np.uint64(32)


KINDS = (random_hashes, clustered, skewed, narrow)


def made(kind: Callable[[np.random.Generator, int], Hashes], seed: int, count: int) -> Hashes:
    """Return distinct hashes in no order."""
    chance = np.random.default_rng(seed)
    hashes = np.unique(kind(chance, count))
    chance.shuffle(hashes)
    return hashes


@given(st.sampled_from(KINDS), st.integers(0, 2**32), st.integers(0, 120), st.integers(0, 16))
@examples(60)
def test_the_pairs_are_those_of_looking_at_each(
    kind: Callable[[np.random.Generator, int], Hashes], seed: int, count: int, distance: int
) -> None:
    """None is missing, none twice, none further apart; the first is before the second."""
    hashes = made(kind, seed, count)
    assert flat(close_pairs(hashes, distance=distance)) == brute(hashes, distance)


@pytest.mark.long_after(3)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("distance", [1, 3, 8])
def test_many_hashes_are_searched_by_keys(
    kind: Callable[[np.random.Generator, int], Hashes], distance: int
) -> None:
    """Where only hashes of one key are compared, it's the same pairs, in numbers worth a search."""
    hashes = made(kind, distance, 20_000)
    hashes = np.unique(np.concatenate([hashes, hashes[:2_000] ^ np.uint64(0x8000_1000_0000_0801)]))
    parts = plan(distance, bits=64, count=hashes.size)
    found = 0
    assert parts[0].equal, "the test is of a search by keys"
    by_hand = 0
    for at in range(300):
        apart = np.bitwise_count(hashes[at + 1 :] ^ hashes[at])
        by_hand += int(np.count_nonzero(apart <= distance))
    for block in close_pairs(hashes, distance=distance):
        assert np.all(block.first < block.second)
        apart = np.bitwise_count(hashes[block.first] ^ hashes[block.second])
        assert np.array_equal(apart, block.distance)
        found += int(np.count_nonzero(block.first < 300))
    assert found == by_hand


@given(st.integers(1, 16), st.floats(0, 64), st.integers(2, 10**7))
@examples(200)
def test_no_pair_slips_between_the_parts(distance: int, bits: float, count: int) -> None:
    """A pair that differs too much for each part differs in more bits than asked for."""
    parts = plan(distance, bits=bits, count=count)
    assert sum(part.allowed + 1 for part in parts) == distance + 1
    assert all(part.allowed >= 0 for part in parts)
    assert sum(part.blocks for part in parts) <= BITS


def test_few_hashes_are_compared_each_with_each() -> None:
    """Keys are for many."""
    assert plan(8, bits=64, count=100) == [BitPart(8, 0)]
    assert len(plan(8, bits=64, count=1_000_000)) > 1


@pytest.mark.parametrize(
    "parts", [[BitPart(8, 3)], [BitPart(3, 4), BitPart(4, 2)], [BitPart(2, 5)] * 3]
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_plan_finds_the_same(
    kind: Callable[[np.random.Generator, int], Hashes], parts: list[BitPart]
) -> None:
    """How bits are dealt decides on time alone."""
    hashes = made(kind, 5, 300)
    searched = flat(hamming.searched(hashes, parts, distance=8))
    assert searched == brute(hashes, 8)


@pytest.mark.parametrize("count", [0, 1])
def test_it_takes_two_to_be_a_pair(count: int) -> None:
    """No hash, or one: no pairs."""
    assert flat(close_pairs(np.arange(count, dtype=np.uint64), distance=8)) == []


def test_all_within_reach_come_in_blocks() -> None:
    """However many pairs there are, a block has at most a million."""
    hashes = np.arange(2_500, dtype=np.uint64)
    sizes = [block.first.size for block in close_pairs(hashes, distance=BITS)]
    assert sum(sizes) == 2_500 * 2_499 // 2
    assert len(sizes) > 3
    assert max(sizes) <= LARGEST_BLOCK


def test_a_search_can_be_left() -> None:
    """Who has seen enough needn't take the rest."""
    blocks = close_pairs(np.arange(2_500, dtype=np.uint64), distance=12)
    assert next(blocks).first.size > 0
    blocks.close()  # type: ignore[attr-defined]


def test_the_same_hash_twice_is_refused() -> None:
    """Equal hashes have a simpler way to be found, and too many pairs."""
    with pytest.raises(ValueError, match="distinct"):
        close_pairs(np.array([7, 8, 7], dtype=np.uint64), distance=1)


@pytest.mark.parametrize("distance", [-1, 65])
def test_a_distance_is_in_bits(distance: int) -> None:
    """There are 64."""
    with pytest.raises(ValueError, match="0 to 64"):
        close_pairs(np.arange(3, dtype=np.uint64), distance=distance)
