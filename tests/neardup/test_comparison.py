"""Whether two covers show the same picture: what survives changes, and what only seems alike."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from bench.changes import CHANGES
from hypothesis import given
from hypothesis import strategies as st
from lookalikes import SIZE_PX, saved, scene, sleeve
from PIL import Image, ImageDraw, ImageEnhance
from support import examples

from equigen.images.check import check_picture
from equigen.images.descriptor import Box, box_of, read_descriptor
from equigen.images.rendering import Demands
from equigen.neardup.candidates import is_flat, may_be_alike
from equigen.neardup.comparison import THUMB_PX, Agreement, Thumb, compare, thumb
from equigen.storage.below import FileBelow

WHOLE = Box(0, 0, 1, 1)


def thumb_of(image: Image.Image) -> Thumb:
    """Return a picture's greys without a file."""
    small = image.convert("L").resize((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR)
    return Thumb(np.asarray(small), min(image.size))


def house(seed: int) -> Image.Image:
    """Return a cover in a label's house style: its frame and name are always the same."""
    image = Image.new("RGB", SIZE_PX, "#803020")
    image.paste(scene(seed).resize((150, 150)), (45, 60))
    ImageDraw.Draw(image).text((60, 10), "HOUSE", fill="white", font_size=32)
    return image


def _as_file(file: Path, body: bytes) -> Thumb:
    file.write_bytes(body)
    return thumb(FileBelow(file.parent, file.name))


def verdict_on(folder: Path, one: bytes, other: bytes) -> Agreement:
    """Compare two files as covers are, but in all their views."""
    first, second = (_as_file(folder / name, body) for name, body in (("a", one), ("b", other)))
    looks = [
        read_descriptor(check_picture(body, Demands(1, 10**7)).descriptor) for body in (one, other)
    ]
    best = Agreement()
    for a in looks[0]:
        for b in looks[1]:
            greys = (each["grey"][np.newaxis] for each in (a, b))
            if not is_flat(np.stack([a["grey"], b["grey"]])).any() and may_be_alike(*greys)[0]:
                verdict = compare(first, second, box_of(a["box"]), box_of(b["box"]))
                best = max(best, verdict, key=lambda each: (each.is_alike, each))
    return best


@pytest.mark.long_after(4)
@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_picture_is_alike(tmp_path: Path, kind: str) -> None:
    """Saved anew, resized, cropped, framed, brighter or with a sticker, on either side."""
    for seed in range(4):
        original = scene(seed)
        changed = CHANGES[kind](original, seed)
        verdict = verdict_on(tmp_path, saved(original), changed)
        assert verdict.is_alike, seed
        assert verdict.likeness > 0.8
        assert verdict_on(tmp_path, changed, saved(original)).is_alike, seed


def test_pictures_without_much_on_them_are_alike_too(tmp_path: Path) -> None:
    """A copy of a plain sleeve, and of one in a house style, at another quality."""
    for image in (sleeve("Red River"), sleeve("Echoes", "black", "white"), house(3)):
        assert verdict_on(tmp_path, saved(image), saved(image, quality=40)).is_clear


@pytest.mark.parametrize(("across_px", "down_px"), [(5, 3), (-6, 4), (0, -7)])
def test_a_shifted_crop_is_aligned(across_px: int, down_px: int) -> None:
    """A scan that is a little off is the same picture; where nothing aligns them it isn't."""
    image = scene(11)
    left, top = 12 + across_px, 12 + down_px
    crop = image.crop((left, top, left + 216, top + 216))
    inset = Box(0.05, 0.05, 0.95, 0.95)
    assert compare(thumb_of(image), thumb_of(crop), inset, WHOLE).is_alike
    assert compare(thumb_of(crop), thumb_of(image), WHOLE, inset).is_alike


def test_different_pictures_are_not_alike() -> None:
    """Also where the first look is left out."""
    thumbs = [thumb_of(scene(seed)) for seed in range(8)]
    for one, other in combinations(thumbs, 2):
        verdict = compare(one, other, WHOLE, WHOLE)
        assert not verdict.is_alike
        assert verdict.share < 0.3


def test_one_house_style_is_not_one_picture(tmp_path: Path) -> None:
    """The frame and the name are the same, what they frame isn't."""
    for seed in range(0, 10, 2):
        one, other = saved(house(seed)), saved(house(seed + 1))
        assert not verdict_on(tmp_path, one, other).is_alike


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("colour", "ink"), [("white", "black"), ("#305080", "white")])
@pytest.mark.parametrize(("scale", "letter_px"), [(1, 12), (1, 18), (2, 36)])
def test_plain_sleeves_with_other_words_are_not_alike(
    tmp_path: Path, colour: str, ink: str, scale: int, letter_px: int
) -> None:
    """What they have in common is that there is little on them; small letters may deceive twice."""
    words = [
        "Red River",
        "Ninety-nine",
        "The Best Of",
        "Live 1984",
        "Untitled",
        "B-sides",
        "Echoes",
    ]
    files = []
    for each in words:
        image = Image.new("RGB", (SIZE_PX[0] * scale, SIZE_PX[1] * scale), colour)
        pen = ImageDraw.Draw(image)
        pen.text((80 * scale, 110 * scale), each, fill=ink, font_size=letter_px)
        files.append(saved(image))
        again = verdict_on(tmp_path, files[-1], saved(image, quality=50))
        assert again.is_alike or letter_px < 18  # of the smallest ones too little may be left
    wrong = [pair for pair in combinations(files, 2) if verdict_on(tmp_path, *pair).is_alike]
    assert len(wrong) <= 2


@pytest.mark.parametrize("level", [0, 255])
def test_plain_pictures_are_like_nothing(level: int) -> None:
    """Not even like each other: two black sleeves are two albums."""
    plain = thumb_of(Image.new("RGB", SIZE_PX, (level,) * 3))
    assert compare(plain, plain, WHOLE, WHOLE) == Agreement()
    assert compare(plain, thumb_of(scene(1)), WHOLE, WHOLE).share == 0


def test_the_same_picture_is_alike_to_the_full() -> None:
    """Its likeness is 1, and each of its blocks agrees."""
    one = thumb_of(scene(9))
    assert compare(one, one, WHOLE, WHOLE) == Agreement(1.0, 1.0)


def noisy(seed: int, share: float) -> Thumb:
    """Return a scene under so much noise."""
    noise = Image.effect_noise(SIZE_PX, 90).convert("RGB")
    return thumb_of(Image.blend(scene(seed), noise, share))


@examples(30)
@given(
    one=st.integers(0, 20),
    other=st.integers(0, 20),
    share=st.floats(0, 1),
    side_px=st.integers(1, 700),
    edge=st.sampled_from([0.0, 0.025, 0.05, 0.2]),
)
def test_a_verdict_is_in_its_bounds(
    one: int, other: int, share: float, side_px: int, edge: float
) -> None:
    """Whatever is compared: likeness and share are from 0 to 1, and what is clear is alike."""
    part = Box(edge, edge, 1 - edge, 1 - edge)
    second = noisy(other, share)._replace(side_px=side_px)
    verdict = compare(thumb_of(scene(one)), second, part, WHOLE)
    assert 0 <= verdict.likeness <= 1
    assert 0 <= verdict.share <= 1
    assert verdict.is_alike or not verdict.is_clear


def test_either_may_come_first() -> None:
    """As good as always both ways lead to one verdict; the likeness is about the same."""
    for seed in range(4):
        image = scene(seed)
        for changed in (
            ImageEnhance.Contrast(image).enhance(0.6),
            image.resize((90, 90)),
            image.crop((4, 8, 230, 234)),
            image.rotate(2),
            image.rotate(180),
        ):
            one, other = thumb_of(image), thumb_of(changed)
            there, back = compare(one, other, WHOLE, WHOLE), compare(other, one, WHOLE, WHOLE)
            assert there.is_alike == back.is_alike
            assert there.likeness == pytest.approx(back.likeness, abs=0.1)


def test_the_first_look_minds_no_brightness_and_no_sticker() -> None:
    """A tenth of the cells may differ as they like; many views are looked at in one go."""
    chance = np.random.default_rng(1)
    greys = chance.integers(0, 200, (40, 16, 16)).astype(np.uint8)
    assert may_be_alike(greys, (greys // 2 + 40).astype(np.uint8)).all()
    stuck = greys.copy()
    stuck[:, 9:12, 2:5] = 255
    assert may_be_alike(greys, stuck).all()
    assert may_be_alike(stuck, greys).all()
    assert not may_be_alike(greys, np.roll(greys, 1, axis=0)).any()
    assert not may_be_alike(greys, 255 - greys).any()
    assert may_be_alike(greys[:0], greys[:0]).shape == (0,)


def test_the_first_look_looks_inside_the_frame() -> None:
    """One frame around two pictures is not enough; around nothing it may be."""
    chance = np.random.default_rng(2)
    frame = chance.integers(0, 256, (1, 16, 16)).astype(np.uint8)
    frame[:, 3:13, 3:13] = 128
    inside = chance.integers(118, 138, (2, 1, 10, 10)).astype(np.uint8)
    one, other = frame.copy(), frame.copy()
    one[:, 3:13, 3:13], other[:, 3:13, 3:13] = inside
    assert may_be_alike(frame, frame).all()
    assert not may_be_alike(one, other).any()


def test_flat_is_what_has_next_to_no_contrast() -> None:
    """Three levels are the bound, and brightness is none of it."""
    checks = np.indices((16, 16)).sum(axis=0) % 2
    views = np.stack([100 + checks * 5, 100 + checks * 7, 240 + checks * 0]).astype(np.uint8)
    assert is_flat(views).tolist() == [True, False, True]
