"""Signatures: those of like pictures are near, and near ones are found without looking at each."""

import numpy as np
import numpy.typing as npt
import pytest
from lookalikes import scene
from PIL import Image

from equigen.neardup.signatures import BITS, BOXES, DISTANCE, near_pairs, signed

Greys = npt.NDArray[np.uint8]


def greys_of(image: Image.Image) -> Greys:
    """Return the 16x16 mean greys of a picture."""
    return np.asarray(image.convert("L").resize((16, 16), Image.Resampling.BOX))[np.newaxis]


def bits_apart(one: Greys, other: Greys) -> int:
    """Return in how many bits the nearest parts of two pictures differ."""
    signatures = [[signed(greys, box)[0] for box in BOXES] for greys in (one, other)]
    return min(int(np.bitwise_count(a ^ b).sum()) for a in signatures[0] for b in signatures[1])


@pytest.mark.parametrize(
    "box",
    [(0, 0, 240, 240), (19, 19, 221, 221), (0, 7, 233, 240), (7, 7, 247, 247), (-7, 7, 233, 247)],
)
def test_a_part_of_a_picture_is_near_it(box: tuple[int, int, int, int]) -> None:
    """Cropped by 8 %, and shifted by 3 %; another picture isn't."""
    for seed in range(12):
        image = scene(seed)
        assert bits_apart(greys_of(image), greys_of(image.crop(box))) <= DISTANCE
        assert bits_apart(greys_of(image), greys_of(scene(seed + 100))) > DISTANCE


def test_a_mirrored_picture_is_another() -> None:
    """Its signature is far."""
    for seed in range(12):
        image = scene(seed)
        mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        assert bits_apart(greys_of(image), greys_of(mirrored)) > DISTANCE


def test_brightness_and_contrast_do_not_matter() -> None:
    """Nor what is too plain to be signed."""
    greys = greys_of(scene(3)).astype(float)
    paler = np.rint(greys * 0.7 + 50).astype(np.uint8)
    assert bits_apart(greys.astype(np.uint8), paler) <= 4
    signatures, is_telling = signed(np.stack([np.full((16, 16), 90, np.uint8), paler[0]]), BOXES[0])
    assert is_telling.tolist() == [False, True]
    assert not signatures[0].any()


def near_ones(count: int, flips: int) -> npt.NDArray[np.uint64]:
    """Return random signatures, the second half those of the first with so many bits flipped."""
    chance = np.random.default_rng(count + flips)
    bits = np.zeros((2 * count, 128), bool)
    bits[:count, :BITS] = chance.integers(0, 2, (count, BITS))
    bits[count:] = bits[:count]
    for row in bits[count:]:
        row[chance.choice(BITS, flips, replace=False)] ^= True
    return np.packbits(bits, axis=1).view(np.uint64)


@pytest.mark.parametrize(("flips", "least"), [(0, 1.0), (6, 1.0), (12, 0.98), (20, 0.4), (25, 0.0)])
def test_near_signatures_are_found(flips: int, least: float) -> None:
    """All but a few; none that is farther than it may be."""
    signatures = near_ones(400, flips)
    near = near_pairs(np.ascontiguousarray(signatures.T), np.arange(800))
    found = set(zip(near.first.tolist(), near.second.tolist(), strict=True))
    expected = {(at, at + 400) for at in range(400)}
    assert found <= expected
    assert len(found) >= least * 400
    assert set(near.distance.tolist()) <= ({flips} if flips <= DISTANCE else set())


def test_of_two_owners_the_nearest_pair_comes() -> None:
    """Each two of them once, the lower first; no owner with itself."""
    signatures = np.concatenate([near_ones(50, 3), near_ones(50, 0)[50:]])
    owners = np.concatenate([np.arange(50), np.arange(50)[::-1], np.arange(50)[::-1]])
    near = near_pairs(np.ascontiguousarray(signatures.T), owners)
    pairs = list(zip(owners[near.first].tolist(), owners[near.second].tolist(), strict=True))
    assert all(one < other for one, other in pairs)
    assert len(set(pairs)) == len(pairs)
    assert near_pairs(signatures[:0].T, owners[:0]).first.size == 0


def test_very_many_of_one_signature_take_no_more_than_their_number() -> None:
    """Of 20,000 views of one picture not each two are compared, but all hang together."""
    signatures = np.repeat(near_ones(1, 0)[:1], 20_000, axis=0)
    near = near_pairs(np.ascontiguousarray(signatures.T), np.arange(20_000))
    assert near.first.size < 20_000 * 64
    assert set(near.second[near.second == near.first + 1].tolist()) == set(range(1, 20_000))
