"""A picture's hash follows its definition, and stays when the picture is made anew."""

import io
from collections.abc import Iterator
from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import examples, realdata

from equigen.images.check import ORIGINAL, check_picture
from equigen.images.descriptor import (
    GREY_PX,
    Grey,
    coarsest,
    grey_grid,
    grey_square,
    perceptual_hash,
)
from equigen.images.rendering import Demands, Rendering

LARGE_BYTES = 300_000
DEMANDS = Demands(2, 50_000_000)


def slow_hash(grey: Grey) -> str:
    """Return the hash by the plain formula of the DCT-II, term by term."""
    pixels = grey.tolist()
    low = [
        sum(
            pixels[y][x] * cos(pi * v * (2 * y + 1) / 64) * cos(pi * u * (2 * x + 1) / 64)
            for y in range(GREY_PX)
            for x in range(GREY_PX)
        )
        for v in range(8)
        for u in range(8)
    ]
    middle = sorted(low)[31:33]
    bits = "".join("1" if each > sum(middle) / 2 else "0" for each in low)
    return f"{int(bits, 2):016x}"


def bits_apart(one: str, two: str) -> int:
    """Return in how many bits two hashes differ."""
    return (int(one, 16) ^ int(two, 16)).bit_count()


def noise(seed: int) -> Grey:
    """Return 32x32 random greys."""
    return np.random.default_rng(seed).integers(0, 256, (GREY_PX, GREY_PX), dtype=np.uint8)


def real_covers() -> Iterator[bytes]:
    """Yield the real covers, but for a few that are large."""
    for file in sorted(realdata("covers").rglob("*")):
        if file.suffix in {".jpg", ".jpeg", ".png", ".gif", ".webp"}:
            body = file.read_bytes()
            if len(body) < LARGE_BYTES:
                yield body


def full_hash(body: bytes) -> str:
    """Return the hash of all pixels of a picture, reduced in one step."""
    with Image.open(io.BytesIO(body)) as image:
        grey = image.convert("L")
    small = grey.resize((GREY_PX, GREY_PX), Image.Resampling.LANCZOS)
    return perceptual_hash(np.asarray(small))


@pytest.mark.parametrize("seed", range(6))
def test_the_hash_is_that_of_the_plain_formula(seed: int) -> None:
    """Two small matrix products give what the definition says, bit for bit."""
    assert perceptual_hash(noise(seed)) == slow_hash(noise(seed))


def test_the_hash_of_a_known_picture_is_known() -> None:
    """The bits are those that other programs give, so hashes can be compared with theirs."""
    y, x = np.mgrid[:GREY_PX, :GREY_PX]
    waves = ((7 * x * x + 3 * y * y + 5 * x * y) // 16 % 256).astype(np.uint8)
    assert perceptual_hash(waves) == "890a3ba65471ee79"


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_a_plain_picture_has_a_hash_that_is_no_accident(level: int) -> None:
    """Where all coefficients but the mean are zero, only the mean is above them."""
    plain = np.full((GREY_PX, GREY_PX), level, dtype=np.uint8)
    assert perceptual_hash(plain) == ("8" + 15 * "0" if level else 16 * "0")


@given(st.integers(0, 2**32 - 1))
@examples(30)
def test_a_mirrored_picture_differs_only_where_it_must(seed: int) -> None:
    """Mirrored onto itself a picture has no odd frequencies, and none of their bits by chance."""
    half = noise(seed)[:, :16]
    both = np.concatenate([half, half[:, ::-1]], axis=1)
    assert perceptual_hash(both) == perceptual_hash(both[:, ::-1])


@pytest.mark.parametrize(
    ("size", "factor"),
    [((1, 9000), 1), ((95, 95), 1), ((96, 500), 2), ((600, 600), 8), ((3000, 3000), 32)],
)
def test_a_picture_is_reduced_by_powers_of_two(size: tuple[int, int], factor: int) -> None:
    """At least 48 pixels a side are left, where the picture has them."""
    assert coarsest(*size) == factor


@pytest.mark.parametrize("size", [(600, 600), (601, 433), (100, 900), (40, 33), (5, 1), (1, 300)])
def test_any_shape_becomes_a_square(size: tuple[int, int]) -> None:
    """All of the picture is in the square, its darker half where it was."""
    image = Image.new("L", size, 200)
    image.paste(20, (0, 0, size[0], size[1] // 2))
    square = grey_square(grey_grid(image, *size))
    assert square.shape == (GREY_PX, GREY_PX)
    if size[1] > 1:
        assert abs(int(square[4].mean()) - 20) < 25
    assert abs(int(square[-4].mean()) - 200) < 25


def test_the_scaled_decode_hashes_as_the_full_one() -> None:
    """A real cover's hash is within two bits of that of all its pixels, by every route."""
    apart = []
    for body in real_covers():
        expected = full_hash(body)
        for renderings in ((ORIGINAL,), (Rendering(64),), (Rendering(700),)):
            got = check_picture(body, DEMANDS, renderings).phash
            apart.append(bits_apart(got, expected))
    assert sum(bits > 2 for bits in apart) <= len(apart) // 50
    assert max(apart) <= 6


@pytest.mark.parametrize(("side_px", "quality"), [(600, 90), (300, 60), (150, 80)])
def test_covers_that_are_made_anew_keep_their_hash(side_px: int, quality: int) -> None:
    """Resized and re-encoded, nearly all real covers stay within six bits."""
    apart = []
    for body in real_covers():
        with Image.open(io.BytesIO(body)) as image:
            other = image.convert("RGB").resize((side_px, side_px))
        out = io.BytesIO()
        other.save(out, "JPEG", quality=quality)
        hashes = [check_picture(each, DEMANDS).phash for each in (body, out.getvalue())]
        apart.append(bits_apart(*hashes))
    assert sum(bits > 6 for bits in apart) <= len(apart) // 30


def test_different_covers_are_far_apart() -> None:
    """Noise and noise have nothing in common: about half of the bits differ."""
    hashes = [perceptual_hash(noise(seed)) for seed in range(20)]
    apart = [bits_apart(one, two) for one in hashes for two in hashes if one != two]
    assert min(apart) > 10
