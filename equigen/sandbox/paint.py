"""Colours as covers use them."""

from random import Random

Colour = tuple[int, int, int]

BLACK: Colour = (12, 11, 14)
WHITE: Colour = (250, 248, 242)

_BRIGHT = 140


def colours(text: str) -> list[Colour]:
    """Return the colours of a text such as "0b1d3a e8dcc0"."""
    return [_parse(part) for part in text.split()]


def pick_palette(rng: Random, *palettes: str) -> list[Colour]:
    """Return one of the palettes; what its places mean is the look's own affair."""
    return colours(rng.choice(palettes))


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two: `share` 0 is the first, 1 the second."""
    blended = [round(a + (b - a) * share) for a, b in zip(first, second, strict=True)]
    return blended[0], blended[1], blended[2]


def is_bright(colour: Colour) -> bool:
    """Say whether dark letters read better on it than light ones."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue > _BRIGHT


def ink_on(colour: Colour, dark: Colour = BLACK, light: Colour = WHITE) -> Colour:
    """Return the one of two inks that reads better on a ground."""
    return dark if is_bright(colour) else light


def _parse(part: str) -> Colour:
    red, green, blue = bytes.fromhex(part)
    return red, green, blue
