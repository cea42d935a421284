"""Draw on a square canvas, measured from 0 to 100 both ways; outlines and vector symbols."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw

from equigen.sandbox.catalogue import read_data
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
        chosen = b"".join(bytes(rng.choice(palette)) for _ in range((cells + 2) ** 2))
        cloud = self._cloud("RGB", cells, chosen)
        self._image.paste(cloud.resize(self._image.size, Image.Resampling.BILINEAR), (0, 0))

    def smoke(self, colour: Colour, rng: Random, cells: int, strength: float) -> None:
        """Lay ragged patches of a colour over the picture."""
        coarse, fine = (
            self._cloud("L", count, rng.randbytes((count + 2) ** 2)) for count in (cells, 4 * cells)
        )
        table = [round(max(0, value - 70) * strength) for value in range(256)]
        blend = Image.blend(coarse, fine, 0.25).point(table)
        self._stain(colour, blend.resize(self._image.size, Image.Resampling.BILINEAR), 0, 0)

    def _cloud(self, mode: str, cells: int, content: bytes) -> Image.Image:
        """Return smoothed cells, a quarter of the canvas' size."""
        # One cell more on each side than is shown: the outermost would stay flat and show a seam.
        noise = Image.frombytes(mode, (cells + 2, cells + 2), content)
        size, shown = (self._side_px // 4,) * 2, (1, 1, cells + 1, cells + 1)
        return noise.resize(size, Image.Resampling.BICUBIC, shown)

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


_REPEAT = re.compile(r"(\d+)(?:@([\d.-]+)|\+([\d.-]+),([\d.-]+))")


def around(x: float, y: float, radius: float, degrees: float) -> Point:
    """Return the point at an angle and a distance: 0 is to the right, 90 below."""
    angle = math.radians(degrees)
    return x + radius * math.cos(angle), y + radius * math.sin(angle)


def oval(
    x: float, y: float, wide: float, tall: float, start: float = 0, end: float = 360
) -> list[Point]:
    """Return a part of an ellipse, from one angle to another."""
    steps = max(8, int((14 + max(wide, tall)) * abs(end - start) / 360))
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + wide * math.cos(angle), y + tall * math.sin(angle)) for angle in angles]


def star(x: float, y: float, radius: float, tips: float, depth: float, turn: float) -> list[Point]:
    """Return a star; `depth` is the inner radius as a share of the outer, 1 a polygon."""
    count = int(2 * tips if depth < 1 else tips)
    return [
        around(x, y, radius if i % 2 == 0 else radius * depth, turn + 360 * i / count)
        for i in range(count)
    ]


def petal(x: float, y: float, length: float, width: float, degrees: float) -> list[Point]:
    """Return a leaf that starts at a point and aims at an angle."""
    spine = [i / 8 for i in range(9)]
    sides = [
        *((share, math.sin(math.pi * share**0.8)) for share in spine),
        *((share, -math.sin(math.pi * share**0.8)) for share in reversed(spine)),
    ]
    across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (
            x + length * share * across - bulge * width / 2 * down,
            y + length * share * down + bulge * width / 2 * across,
        )
        for share, bulge in sides
    ]


def spiral(x: float, y: float, radius: float, turns: float, start: float) -> list[Point]:
    """Return a spiral from its centre outward."""
    steps = int(24 * abs(turns))
    return [
        around(x, y, radius * i / steps, start + 360 * turns * i / steps) for i in range(steps + 1)
    ]


def smooth(corners: Sequence[Point]) -> list[Point]:
    """Return a closed curve through points (Catmull-Rom)."""
    points: list[Point] = []
    for i, (x, y) in enumerate(corners):
        (x0, y0), (x2, y2) = corners[i - 1], corners[(i + 1) % len(corners)]
        x3, y3 = corners[(i + 2) % len(corners)]
        for step in range(6):
            t = step / 6
            a, b = t * t * (2 - t) - t, t * t * (3 * t - 5) + 2
            c, d = t * t * (4 - 3 * t) + t, t * t * (t - 1)
            points.append(
                ((a * x0 + b * x + c * x2 + d * x3) / 2, (a * y0 + b * y + c * y2 + d * y3) / 2)
            )
    return points


def ridge(rng: Random, base: float, height: float, roughness: float) -> list[Point]:
    """Return a skyline of mountains from left to right, closed along the bottom edge."""
    heights = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    spread = 1.0
    for _ in range(5):
        spread *= roughness
        between = [(a + b) / 2 + rng.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [h for pair in zip(heights, between, strict=False) for h in pair] + heights[-1:]
    last = len(heights) - 1
    return [
        *((100 * i / last, base - height * h) for i, h in enumerate(heights)),
        (100, 101),
        (0, 101),
    ]


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a symbol: a filled outline, a line of a width, or a glow of a strength.

    The points of a glow are its centre and a point on its rim.
    """

    kind: str
    shade: str
    points: tuple[Point, ...]
    width: float = 0.0

    def moved(
        self, x: float, y: float, scale: float = 1.0, turn: float = 0.0, wide: float = 1.0
    ) -> "Piece":
        """Return the piece widened, scaled, turned and moved, in this order."""
        across, down = around(0, 0, scale, turn)
        points = tuple(
            (x + a * wide * across - b * down, y + a * wide * down + b * across)
            for a, b in self.points
        )
        width = self.width if self.kind == "glow" else self.width * scale
        return Piece(self.kind, self.shade, points, width)


@cache
def symbol(name: str) -> tuple[Piece, ...]:
    """Return the pieces of a symbol, about -50 to 50 both ways."""
    return tuple(piece for line in read_data("symbols.toml")[name] for piece in _read_pieces(line))


def _read_pieces(line: str) -> Iterator[Piece]:
    """Yield the pieces of a line: [copies] [mirror] kind shade [width] numbers.

    "6@60 disc 1 0 20 5" repeats a disc at steps of 60 degrees, "6+9,0 ..." at steps of 9 to the
    right; "mirror" adds the mirror image; "use" takes a symbol, a place, a scale and a turn.
    """
    words = line.split()
    repeat = _REPEAT.fullmatch(words[0])
    count, turn, across, down = map(float, repeat.groups("0")) if repeat else (1.0, 0.0, 0.0, 0.0)
    del words[: bool(repeat)]
    sides = (1, -1) if words[0] == "mirror" else (1,)
    kind, shade, *rest = words[len(sides) - 1 :]
    numbers = [float(number) for word in rest for number in word.split(",")]
    if kind == "use":
        pieces = [piece.moved(*numbers) for piece in symbol(shade)]
    else:
        width = numbers.pop(0) if kind in _LINES else numbers[-1]
        form = "line" if kind in _LINES else "glow" if kind == "glow" else "poly"
        pieces = [Piece(form, shade, tuple(_SHAPES[_LINES.get(kind, kind)](*numbers)), width)]
    for copy in range(int(count)):
        for piece in pieces:
            copied = piece.moved(copy * across, copy * down, turn=copy * turn)
            yield from (copied.moved(0, 0, wide=side) for side in sides)


def _pairs(*numbers: float) -> list[Point]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


_SHAPES: dict[str, Callable[..., list[Point]]] = {
    "poly": _pairs,
    "smooth": lambda *numbers: smooth(_pairs(*numbers)),
    "rect": lambda left, top, right, low: _pairs(left, top, right, top, right, low, left, low),
    "disc": lambda x, y, radius: oval(x, y, radius, radius),
    "oval": oval,
    "pie": lambda x, y, radius, *turn: [(x, y), *oval(x, y, radius, radius, *turn)],
    "petal": petal,
    "star": star,
    "spiral": spiral,
    "glow": lambda x, y, radius, _strength: [(x, y), (x + radius, y)],
}
# Kinds of lines, and the shapes that they follow.
_LINES = {"line": "poly", "loop": "smooth", "ring": "disc", "arc": "oval", "spiral": "spiral"}
