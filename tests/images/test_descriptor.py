"""How covers look: each view by a slow plain formula, borders, edges and shapes."""

import hashlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookalikes import SIZE_PX, saved, scene
from PIL import Image, ImageOps
from support import examples

from equigen.images.check import check_picture
from equigen.images.descriptor import (
    Box,
    Descriptor,
    Grey,
    Grid,
    box_of,
    descriptor_of,
    grey_grid,
    grey_square,
    perceptual_hash,
    read_descriptor,
)
from equigen.images.rendering import Demands, Fit, Rendering
from equigen.neardup.candidates import is_flat

Floats = npt.NDArray[np.float64]


def exact(image: Image.Image) -> Grid:
    """Return a picture's greys, not reduced at all."""
    return Grid(np.asarray(image.convert("L")), *map(float, image.size))


def seen(image: Image.Image) -> Descriptor:
    """Return how a picture looks as a download sees it."""
    return descriptor_of(grey_grid(image, *image.size))


def slow_means(grid: Grid, box: Box, cells: int) -> Floats:
    """Return the mean greys of some cells, pixel by pixel: each counts by how much of it is in."""
    pixels = grid.pixels.astype(float)
    means = np.zeros((cells, cells))
    for row in range(cells):
        for column in range(cells):
            top, bottom = (
                (box.top + (box.bottom - box.top) * at / cells) * grid.height
                for at in (row, row + 1)
            )
            left, right = (
                (box.left + (box.right - box.left) * at / cells) * grid.width
                for at in (column, column + 1)
            )
            total = weight = 0.0
            for y in range(int(top), min(len(pixels), int(np.ceil(bottom)))):
                for x in range(int(left), min(pixels.shape[1], int(np.ceil(right)))):
                    part = (min(y + 1, bottom) - max(y, top)) * (min(x + 1, right) - max(x, left))
                    total += part * pixels[y, x]
                    weight += part
            means[row, column] = total / weight
    return means


def slow_hash(means: Floats) -> int:
    """Return 60 bits: which cells are darker than their right ones, then than those below."""
    tenths = np.round(means, 1)
    darker = [tenths[y, x] < tenths[y, x + 1] for y in range(6) for x in range(5)]
    darker += [tenths[y, x] < tenths[y + 1, x] for y in range(5) for x in range(6)]
    return int("".join("01"[bool(bit)] for bit in darker), 2)


def hills(shape: tuple[int, int], seed: int, border_px: int) -> Grey:
    """Return greys that whole numbers alone decide, in a border where one is asked for."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    slopes = 97 * (x + seed) * (3 * y + 5) // (x + 2 * y + 7) + 13 * (x - 20) ** 2 // (y + 9)
    greys: Grey = np.abs(slopes % 511 - 255).astype(np.uint8)
    if border_px:
        greys[:border_px] = greys[-border_px:] = 250
        greys[:, :border_px] = greys[:, -border_px:] = 250
    return greys


def bits_apart(one: int, other: int) -> int:
    """Return in how many bits two hashes differ."""
    return (int(one) ^ int(other)).bit_count()


@examples(15)
@given(
    seed=st.integers(0, 999),
    shape=st.tuples(st.integers(16, 40), st.integers(16, 40)),
    cut=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
)
def test_views_are_those_of_the_plain_formula(
    seed: int, shape: tuple[int, int], cut: tuple[float, float]
) -> None:
    """Hashes and greys are those of the pixels in the box, also where the edge cuts the last."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 256, shape, dtype=np.uint8)
    grid = Grid(pixels, shape[1] - cut[0], shape[0] - cut[1])
    look = descriptor_of(grid)
    for view, inset in zip(look, (0, 0.025, 0.05), strict=True):
        box = Box(inset, inset, 1 - inset, 1 - inset)
        assert box_of(view["box"]) == pytest.approx(box, abs=1e-5)
        assert np.abs(slow_means(grid, box, 16) - view["grey"]).max() <= 0.501
        # A mean in the middle between two tenths may fall to either.
        assert bits_apart(slow_hash(slow_means(grid, box, 6)), view["hash"]) <= 2


@pytest.mark.parametrize(
    ("pixels", "cut", "digest", "phash"),
    [
        (hills((75, 75), 3, 0), (0, 0), "f054235dddf77bd1", "80000257ff57af5f"),
        (hills((75, 75), 6, 5), (0, 0), "da511fee10987c0d", "ff038103850795ff"),
        (hills((60, 91), 2, 0), (0.5, 0.25), "25a9eeb00ecc0d62", "ff00004002ffebff"),
        (hills((61, 50), 0, 4), (0, 0.75), "5ec3b7a95972e014", "af8785d784d694a8"),
        (hills((20, 16), 294, 0), (0, 0), "22810652c8f086c7", "edb3522cab4d944c"),
        (hills((7, 5), 0, 0), (0, 0), "3f13596cc6b5a639", "8ff1381d070787d3"),
    ],
)
def test_known_pictures_look_as_they_always_did(
    pixels: Grey, cut: tuple[float, float], digest: str, phash: str
) -> None:
    """Ledgers hold what was seen before: all bytes stay. No mean of these is near the middle."""
    grid = Grid(pixels, pixels.shape[1] - cut[0], pixels.shape[0] - cut[1])
    assert hashlib.sha256(descriptor_of(grid).tobytes()).hexdigest()[:16] == digest
    assert perceptual_hash(grey_square(grid)) == phash


def test_a_hash_has_60_bits_and_says_what_is_darker() -> None:
    """From dark to light all bits are set, from light to dark none, and across the first 30."""
    ramp = np.arange(96.0)
    both = Image.fromarray(np.uint8(ramp[:, None] + ramp[None, :]))
    across = Image.fromarray(np.uint8(np.tile(ramp, (96, 1))))
    assert set(descriptor_of(exact(both))["hash"].tolist()) == {2**60 - 1}
    assert set(descriptor_of(exact(ImageOps.invert(both)))["hash"].tolist()) == {0}
    assert set(descriptor_of(exact(across))["hash"].tolist()) == {(2**30 - 1) << 30}


@pytest.mark.parametrize("colour", ["white", "black", "#c04020"])
@pytest.mark.parametrize("border_px", [(12, 12, 12, 12), (40, 4, 9, 0), (0, 30, 0, 30)])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_plain_border_gives_a_fourth_view(
    colour: str, border_px: tuple[int, int, int, int], scale: int
) -> None:
    """It is where the picture in the border is, within 1.6 %, and looks as that does."""
    picture = scene(3, (SIZE_PX[0] * scale, SIZE_PX[1] * scale))
    border = tuple(side * scale for side in border_px)
    framed = ImageOps.expand(picture, border, fill=colour)
    look = seen(framed)
    assert len(look) == 4
    left, top, right, bottom = border
    wide, high = framed.size
    expected = Box(left / wide, top / high, 1 - right / wide, 1 - bottom / high)
    assert box_of(look[3]["box"]) == pytest.approx(expected, abs=0.016)
    # Unlike pictures differ in some 30.
    assert bits_apart(look[3]["hash"], seen(picture)[0]["hash"]) <= 12


@pytest.mark.parametrize("quality", [90, 40])
def test_a_border_is_found_in_a_jpeg(quality: int) -> None:
    """What its compression leaves in the white is no picture."""
    framed = ImageOps.expand(scene(5), 12, fill="white")
    look = read_descriptor(
        check_picture(saved(framed, quality=quality), Demands(1, 10**7)).descriptor
    )
    edge = 12 / framed.width
    assert box_of(look[3]["box"]) == pytest.approx(Box(edge, edge, 1 - edge, 1 - edge), abs=0.016)


@pytest.mark.parametrize("border_px", [0, 2, 130])
def test_no_border_and_one_too_narrow_or_too_wide_give_three_views(border_px: int) -> None:
    """Less than 1.2 % is none; a picture of less than half the sides is a drawing on paper."""
    assert len(seen(ImageOps.expand(scene(4), border_px, fill="white"))) == 3


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("view", [1, 2])
def test_the_inset_of_a_picture_is_the_whole_of_its_crop(seed: int, view: int) -> None:
    """They differ in a few bits, and hardly in their greys."""
    image = scene(seed)
    edge = (0, 6, 12)[view]
    crop = image.crop((edge, edge, image.width - edge, image.height - edge))
    inset, whole = seen(image)[view], seen(crop)[0]
    assert bits_apart(inset["hash"], whole["hash"]) <= 2
    assert np.abs(inset["grey"].astype(int) - whole["grey"]).mean() < 2


@pytest.mark.parametrize("size_px", [(1, 1), (1, 9000), (9000, 1), (2, 3), (97, 48), (1300, 90)])
def test_any_shape_has_views(size_px: tuple[int, int]) -> None:
    """Of pixels too few to divide as well; each grey is one that is in the picture."""
    image = Image.effect_noise(size_px, 60).point(lambda level: 100 + level % 50)
    look = seen(image)
    assert len(look) in {3, 4}
    assert look["grey"].min() >= 100
    assert look["grey"].max() < 150


def test_views_come_back_from_their_bytes() -> None:
    """As they were; what was never decoded has none."""
    look = seen(ImageOps.expand(scene(1), 12, fill="black"))
    assert np.array_equal(read_descriptor(look.tobytes()), look)
    assert len(read_descriptor(b"")) == 0


@pytest.mark.parametrize("level", [0, 127, 255])
def test_plain_pictures_are_flat(level: int) -> None:
    """Each view of them says so, and no bit is set by accident; one of a scene doesn't."""
    plain = seen(Image.new("L", (300, 200), level))
    assert is_flat(plain["grey"]).all()
    assert set(plain["hash"].tolist()) == {0}
    assert not is_flat(seen(scene(2))["grey"]).any()


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("size_px", [(400, 250), (180, 300), (100, 90)])
def test_a_cover_looks_as_its_file_does(fit: Fit, size_px: tuple[int, int]) -> None:
    """Of a file made by cropping or padding, look and file show the same part."""
    made = check_picture(saved(scene(7, size_px)), Demands(1, 10**7), (Rendering(256, fit),))
    look = read_descriptor(made.descriptor)
    again = read_descriptor(check_picture(made.files[0], Demands(1, 10**7)).descriptor)
    assert len(look) == len(again)
    assert np.abs(look["box"].astype(int) - again["box"]).max() <= 0.01 * 65535
    assert np.abs(look["grey"].astype(int) - again["grey"]).max() <= 4
