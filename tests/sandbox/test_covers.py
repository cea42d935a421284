"""Covers: they decode, they are the same each time, and no two look alike."""

import io
import re
from itertools import combinations, pairwise

import pytest
from PIL import Image, ImageStat

from equigen.labels.taxonomy import builtin_queries
from equigen.sandbox.catalogue import make_catalogue, read_data
from equigen.sandbox.covers import draw_cover
from equigen.sandbox.lettering import printable
from equigen.sandbox.motifs import MOTIFS

LOOKS = [label.name for label in builtin_queries(genre_limit=1, world_limit=1)]


def decode(data: bytes) -> Image.Image:
    """Return the picture, wholly read."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def difference_hash(image: Image.Image) -> int:
    """Return 64 bits: whether each of 8 x 8 cells is darker than the next one."""
    small = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS).tobytes()
    rows = [small[start : start + 9] for start in range(0, 72, 9)]
    bits = [a < b for row in rows for a, b in pairwise(row)]
    return sum(1 << place for place, bit in enumerate(bits) if bit)


@pytest.mark.parametrize("look", LOOKS)
def test_every_look_draws_a_square_jpeg(look: str) -> None:
    """Each label has a look, and it draws a JPEG in colour of the size asked for."""
    image = decode(draw_cover("R-1-2-3.jpeg", look, "Søren & The Ñandúes", "Ärger / 月", 120))
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert image.size == (120, 120)


@pytest.mark.parametrize("look", LOOKS)
def test_a_cover_without_letters_is_drawn_too(look: str) -> None:
    """Names of which the font has no letter leave a cover without text."""
    assert decode(draw_cover("R-1-2-3.jpeg", look, "夜の郵便局", "", 120)).size == (120, 120)


def test_every_recipe_names_known_parts() -> None:
    """Each layer of each recipe names a motif, and each symbol that it names is drawn somewhere."""
    for look in read_data("looks.toml")["look"].values():
        recipes = (look.get("ground", []), *look["scenes"], *look["letters"])
        for layer in (layer for recipe in recipes for layer in recipe):
            words = [word for word in layer.split() if word[0] not in "?*"]
            assert words[0] in {*MOTIFS, "let", "write"}, layer
            for word in words:
                if word.startswith("name="):
                    named = re.split(r"[|+]", word.removeprefix("name="))
                    assert set(named) <= set(read_data("symbols.toml")), layer


def test_same_arguments_same_bytes() -> None:
    """A cover does not change from call to call, and does with the picture's name."""
    first = draw_cover("R-1-2-3.jpeg", "Jazz", "Artist", "Title")
    assert first == draw_cover("R-1-2-3.jpeg", "Jazz", "Artist", "Title")
    assert first != draw_cover("R-1-2-4.jpeg", "Jazz", "Artist", "Title")


def test_the_thumb_shows_the_cover() -> None:
    """A smaller size is the same picture, only smaller."""
    large, small = (
        decode(draw_cover("R-8-2-3.jpeg", "Rock", "Artist", "Title", size_px))
        for size_px in (300, 150)
    )
    assert (difference_hash(large) ^ difference_hash(small)).bit_count() <= 6


def test_an_unknown_look_is_refused() -> None:
    """A look that no label has raises."""
    with pytest.raises(LookupError, match="Polka"):
        draw_cover("R-1-2-3.jpeg", "Polka", "Artist", "Title")


def test_covers_differ_and_are_not_flat() -> None:
    """Over a whole catalogue, hardly any two covers are near, and none is a plain surface."""
    entries = {e.picture: e for e in make_catalogue(albums_per_label=6) if e.kind == "master"}
    images = [
        decode(draw_cover(picture, entry.look, entry.artist, entry.title, 100))
        for picture, entry in entries.items()
        if picture is not None
    ]
    hashes = [difference_hash(image) for image in images]
    near = sum((a ^ b).bit_count() <= 4 for a, b in combinations(hashes, 2))
    assert len(images) > 150
    assert near <= 1
    assert all(ImageStat.Stat(image.convert("L")).stddev[0] > 10 for image in images)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Plain", "Plain"),
        ("Łukasz & The Ørsteds", "Lukasz & The Orsteds"),
        ("月光 Letter", "Letter"),
        ("月光信", ""),
        ("***", ""),
        ("Tab\tand  space", "Tab and space"),
    ],
)
def test_letters_the_font_lacks_are_left_out(text: str, kept: str) -> None:
    """A letter that the font lacks is spelled out or left out, and never a box."""
    assert printable(text) == kept


def test_long_names_are_shortened() -> None:
    """A name of hundreds of letters is cut and marked as cut."""
    assert printable("A" * 300).endswith("…")
    assert len(printable("A" * 300)) < 60
