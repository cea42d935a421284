"""The colours of covers: known palettes are found, measures are those of their definitions."""

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from profiles import rgb_profile
from support import examples, make_context

from equigen.features import colour
from equigen.features.base import Picture
from equigen.images.check import small_picture

# Colours of D65's Lab that Lindbloom's calculator gives: http://www.brucelindbloom.com
KNOWN_LAB = {
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (255, 255, 255): (100, 0, 0),
    (119, 119, 119): (50.03, 0, 0),
    (0, 0, 0): (0, 0, 0),
}
PALETTES = [
    ((200, 30, 40), (20, 60, 180), (240, 220, 90), (10, 10, 10), (250, 250, 250), (60, 140, 70)),
    ((255, 0, 0), (255, 255, 255)),
    ((120, 80, 40), (140, 100, 60), (90, 50, 20)),
    ((40, 40, 40), (60, 60, 60), (80, 80, 80), (200, 200, 200)),
]
Rgb = tuple[int, int, int]


def stripes(colours: Sequence[Rgb], size_px: int = 600) -> Image.Image:
    """Return a cover of stripes with the widths n, n - 1, ... 1."""
    image = Image.new("RGB", (size_px, size_px), colours[-1])
    edges = [0, *np.rint(np.cumsum(shares_of(len(colours))) * size_px).astype(int)]
    for each, (left, right) in zip(colours, pairwise(edges), strict=True):
        image.paste(each, (left, 0, right, size_px))
    return image


def shares_of(count: int) -> npt.NDArray[np.float64]:
    """Return the shares of stripes."""
    widths = np.arange(count, 0, -1)
    return np.asarray(widths / widths.sum())


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:  # noqa: ANN401
    """Return a picture's file."""
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def measured(body: bytes, colours: int = 6) -> Mapping[str, Any]:
    """Measure a picture's file."""
    compute = colour.open_feature(make_context(Path(), features={"colours": colours}).config)
    pixels = small_picture(body, 10**8, colour.SCALE_PX)
    return dict(*compute([Picture("", Path(), pixels)]))


def apart(one: Mapping[str, float], other: Rgb) -> float:
    """Return how far a colour of a palette is from one in sRGB: Delta E of 1976."""
    lab = colour.to_lab(np.array([other], np.uint8).T)[:, 0]
    return float(np.linalg.norm(lab - [one["lightness"], one["a"], one["b"]]))


@pytest.mark.parametrize(("rgb", "lab"), KNOWN_LAB.items())
def test_lab_is_that_of_the_standard(rgb: Rgb, lab: tuple[float, float, float]) -> None:
    """To the second decimal, and back to the same levels."""
    found = colour.to_lab(np.array([rgb], np.uint8).T)[:, 0]
    assert found == pytest.approx(lab, abs=0.06)
    assert tuple(colour.to_srgb(found.astype(np.float64)).tolist()) == rgb


@pytest.mark.parametrize(
    ("kind", "how"), [("PNG", {}), ("JPEG", {"quality": 90}), ("WEBP", {"quality": 90})]
)
@pytest.mark.parametrize("colours", PALETTES)
def test_a_known_palette_is_found(colours: Sequence[Rgb], kind: str, how: dict[str, int]) -> None:
    """Each colour within Delta E 2, the largest first, with its share."""
    found = measured(saved(stripes(colours), kind, **how), len(colours))
    assert len(found["palette"]) == len(colours)
    shares = shares_of(len(colours))
    for got, expected, share in zip(found["palette"], colours, shares, strict=True):
        assert apart(got, expected) <= 2
        assert got["share"] == pytest.approx(share, abs=0.02)
    first = {name: value for name, value in found["palette"][0].items() if name != "share"}
    assert found["dominant"] == first


def test_fewer_colours_than_asked_for_are_no_more() -> None:
    """A plain cover has one colour, whose share is all of it."""
    found = measured(saved(Image.new("RGB", (300, 300), (12, 200, 99)), "PNG"))
    (only,) = found["palette"]
    assert (only["red"], only["green"], only["blue"], only["share"]) == (12, 200, 99, 1.0)
    assert found["mean"] == {name: only[name] for name in found["mean"]}
    assert found["contrast"] == pytest.approx(0, abs=1e-4)
    assert found["saturation"] == pytest.approx(94)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "LA"])
def test_greys_have_no_colour(mode: str) -> None:
    """Whatever the type of their levels."""
    levels = np.repeat(np.arange(0, 256, dtype=np.uint8)[None], 256, axis=0)
    image = Image.fromarray(levels)
    if mode == "I;16":
        image = Image.fromarray(levels.astype(np.uint16) * 257)
    elif mode != "L":
        image = image.convert(mode)
    found = measured(saved(image, "PNG"))
    assert found["saturation"] == found["colourfulness"] == 0
    assert max(abs(each[name]) for each in found["palette"] for name in "ab") < 1e-3
    assert 48 < found["brightness"] < 55


def test_measures_are_those_of_their_definitions() -> None:
    """Halves of black and white, and Hasler and Suesstrunk's M of four colours by hand."""
    halves = Image.new("RGB", (256, 256))
    halves.paste((255, 255, 255), (0, 0, 256, 128))
    found = measured(saved(halves, "PNG"))
    assert found["brightness"] == pytest.approx(50, abs=1e-3)
    assert found["contrast"] == pytest.approx(50, abs=1e-3)
    assert (found["saturation"], found["colourfulness"]) == (0, 0)
    quarters = Image.new("RGB", (256, 256), (255, 0, 0))
    quarters.paste((0, 255, 0), (0, 0, 128, 128))
    quarters.paste((0, 0, 255), (128, 0, 256, 128))
    quarters.paste((255, 255, 255), (128, 128, 256, 256))
    rg = np.array((255, -255, 0, 0))
    yb = np.array((127.5, 127.5, -255, 0))
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    found = measured(saved(quarters, "PNG"))
    assert found["colourfulness"] == pytest.approx(expected)
    assert found["saturation"] == pytest.approx(75)


def test_transparent_parts_are_white_and_ink_is_light() -> None:
    """A picture counts as it is shown: on white, CMYK as colours."""
    clear = Image.new("RGBA", (300, 300), (255, 0, 0, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 300, 200))
    first, second = measured(saved(clear, "PNG"))["palette"]
    assert apart(first, (255, 255, 255)) <= 2
    assert apart(second, (255, 0, 0)) <= 2
    ink = Image.new("CMYK", (300, 300), (0, 255, 255, 0))
    assert apart(measured(saved(ink, "JPEG", quality=95))["dominant"], (254, 0, 0)) <= 2


def test_colours_are_those_that_the_profile_means() -> None:
    """Levels with a gamma of 1.8 are brighter than the same ones of sRGB, also where a JPEG is."""
    plain = Image.new("RGB", (300, 300), (100, 60, 200))
    light = (np.array((100, 60, 200)) / 255) ** 1.8
    expected = np.rint((1.055 * light ** (1 / 2.4) - 0.055) * 255).astype(int).tolist()
    assert abs(expected[1] - 60) > 10
    for kind in ("PNG", "JPEG"):
        found = measured(saved(plain, kind, icc_profile=rgb_profile(1.8)))
        assert apart(found["dominant"], (expected[0], expected[1], expected[2])) <= 2


@given(
    st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=9),
    st.integers(1, 8),
    st.integers(1, 700),
)
@examples(60)
def test_shares_add_up_and_the_largest_is_first(
    colours: list[Rgb], most: int, size_px: int
) -> None:
    """Of any picture, also of one pixel; twice the same."""
    body = saved(stripes(colours, size_px), "PNG")
    found = measured(body, most)
    shares = [each["share"] for each in found["palette"]]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert 1 <= len(shares) <= min(most, len(set(colours)) + len(colours))
    assert found == measured(body, most)
    assert 0 <= found["brightness"] <= 100.001
    assert 0 <= found["saturation"] <= 100
    assert 0 <= found["contrast"] <= 50.001
