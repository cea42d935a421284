"""Outlines as points, and the vector symbols of data/symbols.toml."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random

from equigen.sandbox.canvas import Point
from equigen.sandbox.catalogue import read_data

_REPEAT = re.compile(r"(\d+)(?:@([\d.-]+)|\+([\d.-]+),([\d.-]+))")


def around(x: float, y: float, radius: float, degrees: float) -> Point:
    """Return the point at an angle and a distance: 0 is to the right, 90 below."""
    angle = math.radians(degrees)
    return x + radius * math.cos(angle), y + radius * math.sin(angle)


def oval(x: float, y: float, wide: float, tall: float, turn: Point = (0, 360)) -> list[Point]:
    """Return a part of an ellipse, from one angle to another."""
    steps = max(8, int((14 + max(wide, tall)) * abs(turn[1] - turn[0]) / 360))
    angles = [math.radians(turn[0] + (turn[1] - turn[0]) * i / steps) for i in range(steps + 1)]
    return [(x + wide * math.cos(angle), y + tall * math.sin(angle)) for angle in angles]


def star(x: float, y: float, radius: float, tips: int, depth: float, turn: float) -> list[Point]:
    """Return a star; `depth` is the inner radius as a share of the outer, 1 a polygon."""
    count = 2 * tips if depth < 1 else tips
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
        pieces = [Piece(form, shade, tuple((_LINES | _OUTLINES)[kind](numbers)), width)]
    for copy in range(int(count)):
        for piece in pieces:
            copied = piece.moved(copy * across, copy * down, turn=copy * turn)
            yield from (copied.moved(0, 0, wide=side) for side in sides)


def _pairs(numbers: Sequence[float]) -> list[Point]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


_Maker = Callable[[Sequence[float]], list[Point]]
_LINES: dict[str, _Maker] = {
    "line": _pairs,
    "loop": lambda n: smooth(_pairs(n)),
    "ring": lambda n: oval(n[0], n[1], n[2], n[2]),
    "arc": lambda n: oval(n[0], n[1], n[2], n[3], (n[4], n[5])),
    "spiral": lambda n: spiral(n[0], n[1], n[2], n[3], n[4]),
}
_OUTLINES: dict[str, _Maker] = {
    "poly": _pairs,
    "smooth": lambda n: smooth(_pairs(n)),
    "rect": lambda n: [(n[0], n[1]), (n[2], n[1]), (n[2], n[3]), (n[0], n[3])],
    "disc": lambda n: oval(n[0], n[1], n[2], n[2]),
    "oval": lambda n: oval(n[0], n[1], n[2], n[3]),
    "pie": lambda n: [(n[0], n[1]), *oval(n[0], n[1], n[2], n[2], (n[3], n[4]))],
    "petal": lambda n: petal(n[0], n[1], n[2], n[3], n[4]),
    "star": lambda n: star(n[0], n[1], n[2], int(n[3]), n[4], n[5]),
    "glow": lambda n: [(n[0], n[1]), (n[0] + n[2], n[1])],
}
