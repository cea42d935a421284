"""What is scaled shows the same picture: no shift, no false pattern, no other colour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import examples, realdata

from equigen.images.check import Array, scaled

SIDES = st.integers(1, 300)
# Scaling by Lanczos, exact and slow, is what it is compared with.
EXACT = Image.Resampling.LANCZOS


def likeness_db(one: Array, other: Array) -> float:
    """Return the peak signal-to-noise ratio of two pictures."""
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.long
def test_covers_stay_as_like_as_an_exact_filter_leaves_them() -> None:
    """At every share of their size, also just above the half where the way changes."""
    covers = [
        Image.open(file).convert("RGB") for file in sorted(realdata("covers").rglob("*.jp*g"))
    ]
    assert len(covers) > 20
    for share in (0.3, 0.45, 0.55, 0.7, 0.85, 0.95, 1.3):
        sizes = [(round(each.width * share), round(each.height * share)) for each in covers]
        likeness = [
            likeness_db(scaled(np.asarray(each), *size), np.asarray(each.resize(size, EXACT)))
            for each, size in zip(covers, sizes, strict=True)
        ]
        assert np.mean(likeness) > 37, share  # where a box filter gets 33 to 36


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["grey", "colour"]))
@examples(60)
def test_any_shape_becomes_any_other(
    wide: int, high: int, to_wide: int, to_high: int, kind: str
) -> None:
    """Each axis is scaled by itself, and one colour stays that colour to its edges."""
    shape = (high, wide) if kind == "grey" else (high, wide, 3)
    made = scaled(np.full(shape, 77, np.uint8), to_wide, to_high)
    assert made.shape == (to_high, to_wide, *shape[2:])
    assert (made == 77).all()


@pytest.mark.parametrize("to_px", [20, 49, 51, 80, 99, 100, 101, 250])
def test_nothing_moves(to_px: int) -> None:
    """A picture that is its own mirror image stays it, along both axes."""
    ramp = np.abs(np.arange(100) - 49.5).astype(np.uint8) * 5
    made = scaled(np.minimum.outer(ramp, ramp), to_px, to_px).astype(int)
    assert np.abs(made - made[::-1]).max() <= 1
    assert np.abs(made - made[:, ::-1]).max() <= 1


@pytest.mark.parametrize("to_px", [60, 75, 90, 110, 130])
def test_stripes_too_fine_to_show_become_grey(to_px: int) -> None:
    """Stripes of one pixel, in fewer pixels than stripes, are no wider stripes."""
    stripes = np.tile(np.array([[0, 255]], np.uint8), (200, 100))
    made = scaled(stripes, to_px, 200)
    assert made.std() < 60 < stripes.std()


def test_a_picture_of_its_size_is_kept_to_the_bit() -> None:
    """Nothing is smoothed where nothing is scaled."""
    pixels = np.random.default_rng(1).integers(0, 256, (90, 70, 3), np.uint8)
    assert (scaled(pixels, 70, 90) == pixels).all()
    assert (scaled(pixels, 70, 45)[:, :, 0].mean(axis=0) - pixels[:, :, 0].mean(axis=0)).std() < 1


def test_a_strip_as_long_as_a_picture_may_be_is_scaled() -> None:
    """More pixels along one axis than 16 bits can count."""
    assert scaled(np.full((3, 70_000), 9, np.uint8), 256, 256).shape == (256, 256)
    assert scaled(np.full((70_000, 3), 9, np.uint8), 60_000, 256).shape == (256, 60_000)
