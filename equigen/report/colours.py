"""The colours of a chart: the darker the more, and the ink that can be read on them."""

import math
from typing import NamedTuple

BLACK, WHITE = "#000000", "#ffffff"

# The ends of a scale in Oklab: how light they are, how strong their blue, and more in the middle.
_LIGHTEST, _DARKEST = 0.95, 0.29
_PALEST, _DEEPEST, _MORE = 0.022, 0.085, 0.07
_BLUE_RAD = math.radians(255)
# Oklab to the cube roots of three cone responses, and their cubes to linear sRGB:
# https://bottosson.github.io/posts/oklab/
_TO_CONES = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_TO_RGB = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)
# Where sRGB's curve starts, and what it is made of: https://www.w3.org/TR/WCAG22/
_LINEAR_BELOW, _SLOPE, _OFFSET, _POWER = 0.04045, 12.92, 0.055, 2.4


class Colour(NamedTuple):
    """A colour in sRGB; each part goes from 0 to 1."""

    red: float
    green: float
    blue: float


def shade(share: float) -> Colour:
    """Return the colour of a share from 0 to 1: one blue, in even steps from pale to dark.

    Lightness alone tells more from less, so it can be read by every eye, and printed in grey.
    """
    lightness = _LIGHTEST + (_DARKEST - _LIGHTEST) * share
    chroma = _PALEST + (_DEEPEST - _PALEST) * share + _MORE * math.sin(math.pi * share)
    lab = (lightness, chroma * math.cos(_BLUE_RAD), chroma * math.sin(_BLUE_RAD))
    cones = [_dot(row, lab) ** 3 for row in _TO_CONES]
    red, green, blue = (_encoded(_dot(row, cones)) for row in _TO_RGB)
    return Colour(red, green, blue)


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21.

    As WCAG 2 has it, which asks 4.5 of text: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(ground: Colour) -> str:
    """Return black or white, whichever stands out more: always a contrast of 4.5 or more."""
    on_black, on_white = contrast(ground, Colour(0, 0, 0)), contrast(ground, Colour(1, 1, 1))
    return BLACK if on_black > on_white else WHITE


def _dot(row: tuple[float, ...], values: tuple[float, ...] | list[float]) -> float:
    return sum(one * other for one, other in zip(row, values, strict=True))


def _luminance(colour: Colour) -> float:
    return _dot((0.2126, 0.7152, 0.0722), [_decoded(part) for part in colour])


def _decoded(part: float) -> float:
    if part <= _LINEAR_BELOW:
        return part / _SLOPE
    return float(((part + _OFFSET) / (1 + _OFFSET)) ** _POWER)


def _encoded(part: float) -> float:
    part = min(1.0, max(0.0, part))
    if part <= _LINEAR_BELOW / _SLOPE:
        return part * _SLOPE
    return float((1 + _OFFSET) * part ** (1 / _POWER) - _OFFSET)
