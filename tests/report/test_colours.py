"""The darker the more, and every number can be read."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.report.charts import BLACK, WHITE, Colour, contrast, ink_on, shade

PARTS = st.floats(0, 1)
INKS = {BLACK: Colour(0, 0, 0), WHITE: Colour(1, 1, 1)}


@given(PARTS, PARTS, PARTS)
def test_ink_can_be_read_on_any_ground(red: float, green: float, blue: float) -> None:
    """Its contrast is what WCAG asks of text, or more."""
    ground = Colour(red, green, blue)
    assert contrast(ground, INKS[ink_on(ground)]) >= 4.5


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((1, 1, 1), 21), ((0, 0, 0), 1), ((0x77 / 255, 0x77 / 255, 0x77 / 255), 4.69)],
)
def test_contrast_is_that_of_wcag(colour: tuple[float, float, float], expected: float) -> None:
    """Against black; #777777 is a well-known middle: 4.48 on white."""
    black = Colour(0, 0, 0)
    assert contrast(Colour(*colour), black) == pytest.approx(expected, abs=0.01)
    assert contrast(black, Colour(*colour)) == contrast(Colour(*colour), black)


def test_shades_go_from_pale_to_dark() -> None:
    """Each step is darker than the one before it, and a colour that screens have."""
    shades = [shade(step / 100) for step in range(101)]
    against_black = [contrast(each, Colour(0, 0, 0)) for each in shades]
    assert against_black == sorted(against_black, reverse=True)
    assert len(set(against_black)) == 101
    assert all(0 < part < 1 for each in shades for part in each), "nothing had to be cut off"
    assert ink_on(shades[0]) == BLACK
    assert ink_on(shades[-1]) == WHITE


def test_shades_are_oklab_s() -> None:
    """In steps of lightness that are even there, as its author's own formulas have it."""
    found = [_lightness(shade(step / 10)) for step in range(11)]
    steps = [one - other for one, other in pairwise(found)]
    assert steps == pytest.approx([(0.95 - 0.29) / 10] * 10, abs=1e-4)


def _lightness(colour: Colour) -> float:
    """Convert back, by the inverse matrices that are published beside the others."""
    r, g, b = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour
    )  # fmt: skip
    cone_l = 0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b
    cone_m = 0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b
    cone_s = 0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b
    return float(
        0.2104542553 * cone_l ** (1 / 3)
        + 0.7936177850 * cone_m ** (1 / 3)
        - 0.0040720468 * cone_s ** (1 / 3)
    )
