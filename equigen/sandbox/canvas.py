"""A square canvas, measured from 0 to 100 both ways whatever its size in pixels."""

import math
from collections.abc import Iterable, Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw

from equigen.sandbox.lettering import Align, Face, fit, render

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
Echo = tuple[float, float, Colour]

BLACK: Colour = (12, 11, 14)
WHITE: Colour = (250, 248, 242)

_BRIGHT = 140
_OVERSAMPLING = 2
_PLANE = 16
_GRAIN_SIDE = 150
_GLOW_TABLE = [round(255 * (1 - value / 255) ** 2) for value in range(256)]
_SHARES = {"left": 0.0, "top": 0.0, "centre": 0.5, "middle": 0.5, "right": 1.0, "bottom": 1.0}


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two: `share` 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def brightness(colour: Colour) -> float:
    """Return the luma of a colour, 0 to 255."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def ink_on(ground: Colour, dark: Colour = BLACK, light: Colour = WHITE) -> Colour:
    """Return the one of two inks that reads better on a ground."""
    return dark if brightness(ground) > _BRIGHT else light


class Canvas:
    """Draw smooth shapes, glows and letters, at twice the final size."""

    def __init__(self, size_px: int) -> None:
        """Start with a black ground."""
        self._side_px = size_px * _OVERSAMPLING
        self._unit = self._side_px / 100
        self._image = Image.new("RGB", (self._side_px, self._side_px), BLACK)
        self._draw = ImageDraw.Draw(self._image)

    def rect(self, box: Box, colour: Colour) -> None:
        """Fill a rectangle: left, top, right, bottom."""
        left, top, right, bottom = self._scaled(box)
        if right - left >= 1 and bottom - top >= 1:
            self._draw.rectangle((left, top, right - 1, bottom - 1), colour)

    def poly(self, points: Iterable[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        self._draw.ellipse(self._scaled((x - radius, y - radius, x + radius, y + radius)), colour)

    def ring(self, x: float, y: float, radius: float, colour: Colour, width: float) -> None:
        """Draw the line of a circle, `width` thick, inward of the radius."""
        box = self._scaled((x - radius, y - radius, x + radius, y + radius))
        self._draw.ellipse(box, None, colour, self._thick(width))

    def line(self, points: Iterable[Point], colour: Colour, width: float) -> None:
        """Draw a line through points."""
        scaled = [(x * self._unit, y * self._unit) for x, y in points]
        self._draw.line(scaled, colour, self._thick(width), joint="curve")

    def fade(self, first: Colour, second: Colour, angle: float, box: Box) -> None:
        """Fill a box with a gradient; 90 runs from the top down, 0 rightward."""
        across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        steps = [(i + 0.5) / _PLANE - 0.5 for i in range(_PLANE)]
        reach = abs(across) + abs(down)
        plane = bytes(
            round(255 * ((x * across + y * down) / reach + 0.5)) for y in steps for x in steps
        )
        mask = Image.frombytes("L", (_PLANE, _PLANE), plane)
        left, top, right, bottom = (round(v) for v in self._scaled(box))
        size = (max(1, right - left), max(1, bottom - top))
        mask = mask.resize(size, Image.Resampling.BILINEAR)
        run = Image.composite(Image.new("RGB", size, second), Image.new("RGB", size, first), mask)
        self._image.paste(run, (left, top))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Lay a soft round light over the picture."""
        side_px = max(2, round(2 * radius * self._unit))
        table = [round(value * strength) for value in _GLOW_TABLE]
        mask = Image.radial_gradient("L").resize((side_px // 4 + 1,) * 2).point(table)
        self._stain(colour, mask.resize((side_px, side_px)), x - radius, y - radius)

    def wash(self, palette: Sequence[Colour], rng: Random, cells: int) -> None:
        """Fill with soft clouds of several colours."""
        # One cell more on each side than is shown: the outermost would stay flat and show a seam.
        side = cells + 2
        chosen = b"".join(bytes(rng.choice(palette)) for _ in range(side * side))
        cloud = Image.frombytes("RGB", (side, side), chosen)
        size = (self._side_px // 4, self._side_px // 4)
        smooth = cloud.resize(size, Image.Resampling.BICUBIC, (1, 1, side - 1, side - 1))
        self._image.paste(smooth.resize(self._image.size, Image.Resampling.BILINEAR), (0, 0))

    def smoke(self, colour: Colour, rng: Random, cells: int, strength: float) -> None:
        """Lay ragged patches of a colour over the picture."""
        size = (self._side_px // 4, self._side_px // 4)
        layers: list[Image.Image] = []
        for side in (cells + 2, 4 * cells + 2):
            noise = Image.frombytes("L", (side, side), rng.randbytes(side * side))
            shown = (1, 1, side - 1, side - 1)
            layers.append(noise.resize(size, Image.Resampling.BICUBIC, shown))
        blend = Image.blend(layers[0], layers[1], 0.25).point(
            [round(max(0, value - 70) * strength) for value in range(256)]
        )
        self._stain(colour, blend.resize(self._image.size, Image.Resampling.BILINEAR), 0, 0)

    def transpose(self, way: Image.Transpose) -> None:
        """Turn or mirror the picture as it is by now."""
        self._image = self._image.transpose(way)
        self._draw = ImageDraw.Draw(self._image)

    def ink(self, box: Box, dark: Colour, light: Colour) -> Colour:
        """Return the one of two inks that reads better on the picture inside a box."""
        patch = self._image.resize((1, 1), Image.Resampling.BOX, self._scaled(box))
        red, green, blue = patch.tobytes()
        return ink_on((red, green, blue), dark, light)

    def write(  # noqa: PLR0913 - the parameters of typography
        self,
        text: str,
        box: Box,
        colour: Colour,
        face: Face,
        *,
        align: Align = "centre",
        place: str = "middle",
        most_lines: int = 1,
        largest: float = 100.0,
        angle: float = 0.0,
        echo: Sequence[Echo] = (),
    ) -> Box:
        """Letter a text as large as a box allows, and return the box that it takes.

        `largest` bounds the letter size. Each `echo` is an offset in both directions and a colour,
        drawn beneath in that order. An empty text draws nothing.
        """
        left, top, right, bottom = box
        width_px, height_px = (right - left) * self._unit, (bottom - top) * self._unit
        lines, size_px = fit(text, (width_px, height_px), face, most_lines)
        if not lines:
            return left, top, left, top
        mask = render(lines, max(1, min(size_px, int(largest * self._unit))), face, align)
        if angle:
            mask = mask.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        width, height = mask.width / self._unit, mask.height / self._unit
        x = left + (right - left - width) * _SHARES[align]
        y = top + (bottom - top - height) * _SHARES[place]
        for across, down, shade in (*echo, (0, 0, colour)):
            self._stain(shade, mask, x + across, y + down)
        return x, y, x + width, y + height

    def finish(self, rng: Random, grain: float) -> Image.Image:
        """Return the picture at its final size; `grain` from 0 to 1 roughens it like print."""
        picture = self._image.reduce(_OVERSAMPLING)
        if grain <= 0:
            return picture
        noise = Image.frombytes("L", (_GRAIN_SIDE,) * 2, rng.randbytes(_GRAIN_SIDE**2))
        noise = noise.point([round(128 + (value - 128) * grain) for value in range(256)])
        noise = noise.resize(picture.size, Image.Resampling.BILINEAR)
        return ImageChops.overlay(picture, Image.merge("RGB", (noise, noise, noise)))

    def _stain(self, colour: Colour, mask: Image.Image, x: float, y: float) -> None:
        """Lay a colour through an L mask in pixels, its top left corner at a point."""
        self._image.paste(colour, (round(x * self._unit), round(y * self._unit)), mask)

    def _scaled(self, box: Box) -> Box:
        unit = self._unit
        return box[0] * unit, box[1] * unit, box[2] * unit, box[3] * unit

    def _thick(self, width: float) -> int:
        return max(1, round(width * self._unit))
