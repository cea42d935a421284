"""A square to draw on, measured from 0 to 100 both ways whatever its size in pixels."""

import math
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Literal

from PIL import Image, ImageChops, ImageDraw

from equigen.sandbox.lettering import Face, fit, render
from equigen.sandbox.paint import Colour, ink_on

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Echo = tuple[float, float, Colour]
Align = Literal["left", "centre", "right"]
Place = Literal["top", "middle", "bottom"]

_OVERSAMPLING = 2
_PLANE = 16
_GRAIN_SIDE = 150
_GLOW_TABLE = [round(255 * (1 - value / 255) ** 2) for value in range(256)]


def halo(colour: Colour, reach: float = 0.5) -> tuple[Echo, ...]:
    """Return the echoes that rim letters with a colour, so that they read on any ground."""
    return tuple((a, b, colour) for a in (-reach, reach) for b in (-reach, reach))


class Canvas:
    """Draws smooth shapes, glows and letters; drawn twice as large and then reduced."""

    def __init__(self, size_px: int, ground: Colour) -> None:
        """Start with a plain ground."""
        self._size_px = size_px
        self._side_px = size_px * _OVERSAMPLING
        self._unit = self._side_px / 100
        self._image = Image.new("RGB", (self._side_px, self._side_px), ground)
        self._draw = ImageDraw.Draw(self._image)

    def fill(self, colour: Colour) -> None:
        """Cover everything."""
        self.rect((0, 0, 100, 100), colour)

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

    def oval(self, box: Box, colour: Colour) -> None:
        """Fill an ellipse in a box."""
        self._draw.ellipse(self._scaled(box), colour)

    def ring(self, x: float, y: float, radius: float, colour: Colour, width: float) -> None:
        """Draw a circle's line, `width` thick, inward of the radius."""
        box = self._scaled((x - radius, y - radius, x + radius, y + radius))
        self._draw.ellipse(box, None, colour, self._thick(width))

    def pie(self, x: float, y: float, radius: float, turn: Point, colour: Colour) -> None:
        """Fill a slice of a circle from one angle to another, clockwise from the right."""
        box = self._scaled((x - radius, y - radius, x + radius, y + radius))
        self._draw.pieslice(box, turn[0], turn[1], colour)

    def arc(
        self, x: float, y: float, radius: float, turn: Point, colour: Colour, width: float
    ) -> None:
        """Draw a part of a circle's line, as `ring` and `pie` do."""
        box = self._scaled((x - radius, y - radius, x + radius, y + radius))
        self._draw.arc(box, turn[0], turn[1], colour, self._thick(width))

    def frame(self, box: Box, colour: Colour, width: float) -> None:
        """Draw a rectangle's line."""
        left, top, right, bottom = box
        corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        self.line(corners, colour, width)

    def line(self, points: Iterable[Point], colour: Colour, width: float) -> None:
        """Draw a line through points."""
        scaled = [(x * self._unit, y * self._unit) for x, y in points]
        self._draw.line(scaled, colour, self._thick(width), joint="curve")

    def fade(
        self, first: Colour, second: Colour, angle: float = 90.0, box: Box | None = None
    ) -> None:
        """Fill with a run from one colour to another; 90 runs from the top down, 0 rightward."""
        across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        steps = [(i + 0.5) / _PLANE - 0.5 for i in range(_PLANE)]
        reach = abs(across) + abs(down)
        plane = bytes(
            round(255 * ((x * across + y * down) / reach + 0.5)) for y in steps for x in steps
        )
        mask = Image.frombytes("L", (_PLANE, _PLANE), plane)
        left, top, right, bottom = (round(v) for v in self._scaled(box or (0, 0, 100, 100)))
        size = (max(1, right - left), max(1, bottom - top))
        mask = mask.resize(size, Image.Resampling.BILINEAR)
        run = Image.composite(Image.new("RGB", size, second), Image.new("RGB", size, first), mask)
        self._image.paste(run, (left, top))

    def glow(
        self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0
    ) -> None:
        """Lay a soft round light over what is there."""
        side_px = max(2, round(2 * radius * self._unit))
        table = [round(value * strength) for value in _GLOW_TABLE]
        mask = Image.radial_gradient("L").resize((side_px // 4 + 1,) * 2).point(table)
        self.stain(colour, mask.resize((side_px, side_px)), x - radius, y - radius)

    def wash(self, palette: Sequence[Colour], rng: Random, cells: int = 4) -> None:
        """Fill with soft clouds of several colours."""
        # One cell more on each side than is shown: the outermost would stay flat and show a seam.
        side = cells + 2
        chosen = b"".join(bytes(rng.choice(palette)) for _ in range(side * side))
        cloud = Image.frombytes("RGB", (side, side), chosen)
        size = (self._side_px // 4, self._side_px // 4)
        shown = (1, 1, side - 1, side - 1)
        smooth = cloud.resize(size, Image.Resampling.BICUBIC, shown)
        self._image.paste(smooth.resize(self._image.size, Image.Resampling.BILINEAR), (0, 0))

    def smoke(self, colour: Colour, rng: Random, cells: int = 6, strength: float = 0.6) -> None:
        """Lay ragged patches of a colour over what is there."""
        size = (self._side_px // 4, self._side_px // 4)
        layers: list[Image.Image] = []
        for side in (cells + 2, 4 * cells + 2):
            noise = Image.frombytes("L", (side, side), rng.randbytes(side * side))
            shown = (1, 1, side - 1, side - 1)
            layers.append(noise.resize(size, Image.Resampling.BICUBIC, shown))
        blend = Image.blend(layers[0], layers[1], 0.25).point(
            [round(max(0, value - 70) * strength) for value in range(256)]
        )
        self.stain(colour, blend.resize(self._image.size, Image.Resampling.BILINEAR), 0, 0)

    def stain(self, colour: Colour, mask: Image.Image, x: float, y: float) -> None:
        """Lay a colour through an L mask in pixels, its top left corner at a point."""
        self._image.paste(colour, (round(x * self._unit), round(y * self._unit)), mask)

    def dots(
        self, box: Box, colour: Colour, step: float, size_at: Callable[[float, float], float]
    ) -> None:
        """Fill a box with a staggered screen of dots; `size_at` gives each radius in steps."""
        left, top, right, bottom = box
        for row in range(math.ceil((bottom - top) / (step * 0.866)) + 1):
            y = top + row * step * 0.866
            for column in range(math.ceil((right - left) / step) + 1):
                x = left + (column + row % 2 / 2) * step
                radius = size_at(x, y) * step
                if radius * self._unit > 0.5:  # noqa: PLR2004 - smaller than a pixel
                    self.disc(x, y, radius, colour)

    def turn(self, rng: Random) -> None:
        """Turn or mirror everything drawn so far, one of eight ways."""
        way = rng.choice((None, *Image.Transpose))
        if way is not None:
            self._image = self._image.transpose(way)
            self._draw = ImageDraw.Draw(self._image)

    def mirror(self) -> None:
        """Swap left and right."""
        self._image = self._image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        self._draw = ImageDraw.Draw(self._image)

    def ink(self, box: Box, dark: Colour, light: Colour) -> Colour:
        """Return the one of two inks that reads better on what a box holds by now."""
        left, top, right, bottom = self._scaled(box)
        patch = self._image.resize((1, 1), Image.Resampling.BOX, (left, top, right, bottom))
        red, green, blue = patch.tobytes()
        return ink_on((red, green, blue), dark, light)

    def write(  # noqa: PLR0913 - typography has that many knobs
        self,
        text: str,
        box: Box,
        colour: Colour,
        face: Face,
        *,
        align: Align = "left",
        place: Place = "top",
        most_lines: int = 3,
        largest: float = 100.0,
        angle: float = 0.0,
        echo: Sequence[Echo] = (),
    ) -> Box:
        """Letter a text as large as a box allows, and return the box it really takes.

        `largest` bounds the letter size. Each `echo` is an offset in both directions and a colour,
        drawn beneath in that order. Nothing happens for an empty text.
        """
        left, top, right, bottom = box
        width_px, height_px = (right - left) * self._unit, (bottom - top) * self._unit
        setting = fit(text, width_px, height_px, face, most_lines)
        limit_px = max(1, int(largest * self._unit))
        if setting.size_px > limit_px:
            setting = type(setting)(setting.lines, limit_px)
        if not setting.lines:
            return left, top, left, top
        mask = render(setting, face, align)
        if angle:
            mask = mask.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        width, height = mask.width / self._unit, mask.height / self._unit
        x = left + (right - left - width) * {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
        y = top + (bottom - top - height) * {"top": 0.0, "middle": 0.5, "bottom": 1.0}[place]
        for across, down, shade in echo:
            self.stain(shade, mask, x + across, y + down)
        self.stain(colour, mask, x, y)
        return x, y, x + width, y + height

    def finish(self, rng: Random, grain: float = 0.0) -> Image.Image:
        """Return the picture at its final size; `grain` from 0 to 1 roughens it like print."""
        picture = self._image.reduce(_OVERSAMPLING)
        if grain <= 0:
            return picture
        noise = Image.frombytes("L", (_GRAIN_SIDE,) * 2, rng.randbytes(_GRAIN_SIDE**2))
        noise = noise.point([round(128 + (value - 128) * grain) for value in range(256)])
        noise = noise.resize(picture.size, Image.Resampling.BILINEAR)
        return ImageChops.overlay(picture, Image.merge("RGB", (noise, noise, noise)))

    def _scaled(self, box: Box) -> Box:
        unit = self._unit
        return box[0] * unit, box[1] * unit, box[2] * unit, box[3] * unit

    def _thick(self, width: float) -> int:
        return max(1, round(width * self._unit))
