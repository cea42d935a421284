"""Outlines that several looks share, as points."""

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

from equigen.sandbox.canvas import Point


def around(x: float, y: float, radius: float, degrees: float) -> Point:
    """Return the point at an angle and a distance: 0 is to the right, 90 below."""
    angle = math.radians(degrees)
    return x + radius * math.cos(angle), y + radius * math.sin(angle)


def star(
    x: float, y: float, radius: float, *, tips: int = 5, depth: float = 0.4, turn: float = -90
) -> list[Point]:
    """Return a star; `depth` is the inner radius as a share of the outer."""
    return [
        around(x, y, radius if i % 2 == 0 else radius * depth, turn + 180 * i / tips)
        for i in range(2 * tips)
    ]


def ngon(x: float, y: float, radius: float, corners: int, turn: float = -90) -> list[Point]:
    """Return a regular polygon."""
    return [around(x, y, radius, turn + 360 * i / corners) for i in range(corners)]


def petal(x: float, y: float, length: float, width: float, degrees: float) -> list[Point]:
    """Return a leaf that starts at a point and aims at an angle."""
    along = math.radians(degrees)
    sides: list[Point] = []
    for i in range(17):
        share = i / 8 if i <= 8 else (16 - i) / 8  # noqa: PLR2004 - there, and back
        bulge = math.sin(math.pi * share**0.8) * width / 2 * (1 if i <= 8 else -1)  # noqa: PLR2004
        sides.append(
            (
                x + length * share * math.cos(along) - bulge * math.sin(along),
                y + length * share * math.sin(along) + bulge * math.cos(along),
            )
        )
    return sides


def heart(x: float, y: float, size: float) -> list[Point]:
    """Return a heart."""
    points = []
    for i in range(36):
        t = math.tau * i / 36
        across = 16 * math.sin(t) ** 3
        down = -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
        points.append((x + size * across / 17, y + size * down / 17))
    return points


def blob(x: float, y: float, radius: float, rng: Random, wobble: float = 0.25) -> list[Point]:
    """Return a soft closed outline that no two calls repeat."""
    waves = [(n, rng.uniform(0, math.tau), rng.uniform(0.2, 1) / n) for n in range(2, 6)]
    points = []
    for i in range(60):
        t = math.tau * i / 60
        bump = sum(height * math.sin(n * t + phase) for n, phase, height in waves)
        points.append(around(x, y, radius * (1 + wobble * bump), math.degrees(t)))
    return points


def ridge(
    rng: Random, base: float, height: float, *, roughness: float = 0.5, steps: int = 5
) -> list[Point]:
    """Return a skyline of mountains from left to right, closed along the bottom edge."""
    heights = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    spread = 1.0
    for _ in range(steps):
        spread *= roughness
        between = [(a + b) / 2 + rng.uniform(-spread, spread) for a, b in pairwise(heights)]
        heights = [h for pair in zip(heights, between, strict=False) for h in pair] + heights[-1:]
    last = len(heights) - 1
    line = [(100 * i / last, base - height * h) for i, h in enumerate(heights)]
    return [*line, (100, 101), (0, 101)]


def curve(function: Callable[[float], float], steps: int = 50) -> list[Point]:
    """Return the points (x, function(x)) for x from 0 to 100."""
    return [(100 * i / steps, function(100 * i / steps)) for i in range(steps + 1)]


def wave(
    base: float, swing: float, pace: float, phase: float, *, slope: float = 0.0
) -> list[Point]:
    """Return a sine line around the height `base`, one radian every `pace`, perhaps on a slope."""
    return curve(lambda x: base + slope * (x - 50) + swing * math.sin(x / pace + phase))


def band(lower: list[Point], upper: list[Point]) -> list[Point]:
    """Return the area between two lines that run the same way."""
    return [*lower, *reversed(upper)]


def spiral(x: float, y: float, radius: float, *, turns: float, start: float) -> list[Point]:
    """Return a spiral from its centre outward."""
    steps = int(24 * turns)
    return [
        around(x, y, radius * i / steps, start + 360 * turns * i / steps) for i in range(steps + 1)
    ]
