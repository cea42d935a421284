"""How a cover's files are named and where the picture lands in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equigen.images.rendering import (
    Fit,
    ImageFormat,
    ImagePlacement,
    PixelBox,
    Rendering,
    placement,
)

SIDES = st.integers(1, 5000)
SIZES = st.integers(1, 2000)
FITS = st.sampled_from(list(Fit))


@pytest.mark.parametrize(
    ("rendering", "key", "suffix"),
    [
        (Rendering(), "original", ".jpg"),
        (Rendering(0, Fit.PAD, 50, ImageFormat.PNG), "original", ".jpg"),
        (Rendering(256), "256 crop jpg 90", ".jpg"),
        (Rendering(64, Fit.INSIDE, 75, ImageFormat.WEBP), "64 inside webp 75", ".webp"),
        (Rendering(256, format=ImageFormat.PNG), "256 crop png", ".png"),
        (Rendering(8, Fit.STRETCH, 1), "8 stretch jpg 1", ".jpg"),
    ],
)
def test_a_rendering_says_all_that_decides_its_file(
    rendering: Rendering, key: str, suffix: str
) -> None:
    """The key holds what counts and nothing else; an original has nothing to choose."""
    assert rendering.key == key
    assert rendering.suffix == suffix


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [
        (
            Fit.CROP,
            (600, 400),
            ImagePlacement(PixelBox(100, 0, 500, 400), 256, 256, 0, 0, 256, 256),
        ),
        (Fit.CROP, (401, 600), ImagePlacement(PixelBox(0, 99, 401, 500), 256, 256, 0, 0, 256, 256)),
        (Fit.CROP, (30, 20), ImagePlacement(PixelBox(5, 0, 25, 20), 256, 256, 0, 0, 256, 256)),
        (Fit.PAD, (600, 400), ImagePlacement(PixelBox(0, 0, 600, 400), 256, 171, 0, 42, 256, 256)),
        (Fit.PAD, (20, 40), ImagePlacement(PixelBox(0, 0, 20, 40), 128, 256, 64, 0, 256, 256)),
        (
            Fit.INSIDE,
            (600, 400),
            ImagePlacement(PixelBox(0, 0, 600, 400), 256, 171, 0, 0, 256, 171),
        ),
        (
            Fit.INSIDE,
            (200, 100),
            ImagePlacement(PixelBox(0, 0, 200, 100), 200, 100, 0, 0, 200, 100),
        ),
        (Fit.INSIDE, (1, 6000), ImagePlacement(PixelBox(0, 0, 1, 6000), 1, 256, 0, 0, 1, 256)),
        (Fit.STRETCH, (600, 40), ImagePlacement(PixelBox(0, 0, 600, 40), 256, 256, 0, 0, 256, 256)),
    ],
)
def test_each_fit_has_its_place(fit: Fit, size: tuple[int, int], expected: ImagePlacement) -> None:
    """Where each fit takes the picture from and puts it, in numbers worked out by hand."""
    assert placement(Rendering(256, fit), *size) == expected


def test_an_original_is_left_as_it_is() -> None:
    """Without a size, a fit means nothing."""
    whole = ImagePlacement(PixelBox(0, 0, 30, 20), 30, 20, 0, 0, 30, 20)
    assert placement(Rendering(fit=Fit.PAD), 30, 20) == whole
    assert whole.scale == 1


@given(SIDES, SIDES, SIZES, FITS)
@settings(deadline=None)
def test_every_placement_lies_within_its_source_and_its_canvas(
    width_px: int, height_px: int, size_px: int, fit: Fit
) -> None:
    """Nothing is taken from outside of the picture, nothing lands outside of the canvas."""
    place = placement(Rendering(size_px, fit), width_px, height_px)
    assert 0 <= place.box.left < place.box.right <= width_px
    assert 0 <= place.box.top < place.box.bottom <= height_px
    assert min(place.width_px, place.height_px) >= 1
    assert 0 <= place.left_px <= place.canvas_width_px - place.width_px
    assert 0 <= place.top_px <= place.canvas_height_px - place.height_px
    if fit is Fit.INSIDE:
        assert max(place.width_px, place.height_px) == min(size_px, max(width_px, height_px))
        assert place.fills_canvas
    else:
        assert (place.canvas_width_px, place.canvas_height_px) == (size_px, size_px)
        assert place.fills_canvas or fit is Fit.PAD


@given(SIDES, SIDES, SIZES)
@settings(deadline=None)
def test_what_is_cut_or_left_white_is_the_same_on_both_sides(
    width_px: int, height_px: int, size_px: int
) -> None:
    """Crop and pad are centred, to the pixel."""
    box = placement(Rendering(size_px, Fit.CROP), width_px, height_px).box
    assert 0 <= (width_px - box.right) - box.left <= 1
    assert 0 <= (height_px - box.bottom) - box.top <= 1
    pad = placement(Rendering(size_px, Fit.PAD), width_px, height_px)
    assert 0 <= (size_px - pad.left_px - pad.width_px) - pad.left_px <= 1
    assert 0 <= (size_px - pad.top_px - pad.height_px) - pad.top_px <= 1


@given(SIDES, SIDES, SIZES, FITS)
@settings(deadline=None)
def test_the_scale_tells_how_many_pixels_are_needed(
    width_px: int, height_px: int, size_px: int, fit: Fit
) -> None:
    """A source that is smaller by the scale still has every pixel that the file shows."""
    place = placement(Rendering(size_px, fit), width_px, height_px)
    assert place.scale * (place.box.right - place.box.left) >= place.width_px - 1e-6
    assert place.scale * (place.box.bottom - place.box.top) >= place.height_px - 1e-6
