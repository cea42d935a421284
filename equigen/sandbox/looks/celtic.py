"""Knotwork, triple spirals, or standing stones in the green and the mist."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Canvas, Point
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import (
    around,
    ngon,
    ridge,
    spiral,
)
from equigen.sandbox.words import Words

GRAIN = 0.16


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Knotwork, triple spirals, or standing stones in the green and the mist."""
    ground, green, gold, dark = pick_palette(
        rng,
        "123b2f 2f7d5b d9b25a 071a14",
        "e8e2cc 3c6e57 a8752c 1c2b26",
        "1d2f4a 4a7c7e d4af6a 0b1420",
        "4a5d3a 8fa86a e8cf8a 1b2415",
        "cfd8d0 5c7f6f 8c5a2b 22302c",
        "3a2a3f 6f8f7a d8b070 160f1a",
        "8fb3a3 2d5a4c f1e3b2 10231e",
    )
    canvas.fade(ground, mix(ground, dark, 0.45), rng.uniform(60, 120))
    canvas.smoke(mix(ground, green, 0.6), rng, cells=5, strength=0.5)
    layout = rng.randrange(4)
    x, y = rng.uniform(32, 68), rng.uniform(34, 58)
    if layout == 0:
        _knot(canvas, rng, x, y, [gold, green, dark])
    elif layout == 1:
        _triskele(canvas, rng, x, y, [gold, green, dark])
    elif layout == 2:
        _stones(canvas, rng, [green, gold, dark, ground])
    else:
        _plait(canvas, rng, [gold, green, dark])
    if rng.random() < 0.5:
        canvas.mirror()
    low = layout in {0, 1} or rng.random() < 0.5
    box = (8.0, 76.0, 92.0, 88.0) if low else (8.0, 8.0, 92.0, 21.0)
    under = (0.0, box[1] - 3, 100.0, box[3] + 9)
    canvas.rect(under, dark)
    for edge in (under[1], under[3] - 0.8):
        canvas.rect((0, edge, 100, edge + 0.8), gold)
    canvas.write(
        words.title, box, mix(gold, WHITE, 0.3), Face(weight=0.02, tracking=0.05),
        align="centre", place="middle",
        most_lines=2, largest=10,
    )  # fmt: skip
    canvas.write(
        words.artist, (8, box[3] + 1.6, 92, box[3] + 6), mix(green, WHITE, 0.55),
        Face(tracking=0.18, case="upper", weight=0.015), align="centre", most_lines=1, largest=4.2,
    )  # fmt: skip


def _knot(canvas: Canvas, rng: Random, x: float, y: float, shades: list[Colour]) -> None:
    """Draw a closed ribbon that passes over and under itself."""
    gold, green, dark = shades
    loops, reach = rng.choice((3, 4, 5, 6, 7, 8)), rng.uniform(22, 32)
    depth, turn, width = rng.uniform(0.4, 0.75), rng.uniform(0, 120), rng.uniform(3.4, 5)
    twist = 2 if loops % 2 else 1
    strands = 1 if loops % 2 else 2
    if rng.random() < 0.6:
        canvas.ring(x, y, reach * 0.86, dark, width * 1.5)
        canvas.ring(x, y, reach * 0.86 - width * 0.35, green, width * 0.8)

    def at(t: float, strand: int) -> tuple[float, float]:
        wave = math.cos(loops * t / twist + math.pi * strand)
        radius = reach * (1 - depth / 2 + depth / 2 * wave)
        return around(x, y, radius, math.degrees(t) + turn)

    span = math.tau / (2 * loops)
    for phase in (0, 1):
        for strand in range(strands):
            for arc in range(2 * loops * twist):
                if (arc + strand) % 2 == phase:
                    points = [at(span * (arc + i / 10), strand) for i in range(-3, 14)]
                    _ribbon(canvas, points, width, gold, dark)


def _triskele(canvas: Canvas, rng: Random, x: float, y: float, shades: list[Colour]) -> None:
    gold, green, dark = shades
    arms, turn, way = rng.choice((3, 3, 4)), rng.uniform(0, 120), rng.choice((-1, 1))
    reach, width = rng.uniform(13, 17), rng.uniform(1.8, 3)
    canvas.disc(x, y, reach * 2.35, dark)
    canvas.disc(x, y, reach * 2.2, mix(green, dark, 0.35))
    canvas.ring(x, y, reach * 2.35, gold, 1.2)
    canvas.ring(x, y, reach * 2.15, gold, 0.5)
    for i in range(arms):
        aim = turn + 360 * i / arms
        middle = around(x, y, reach, aim)
        points = spiral(*middle, reach * 0.95, turns=2.5, start=way * 90 + aim)
        if way < 0:
            points = [(2 * middle[0] - a, b) for a, b in points]
        canvas.line(points, gold, width)
        canvas.disc(*around(x, y, reach * 1.75, aim + 180 / arms), 1.8, gold)
    canvas.poly(ngon(x, y, 4, arms, turn), gold)


def _stones(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    green, gold, dark, ground = shades
    x, y = rng.uniform(15, 85), rng.uniform(18, 45)
    canvas.glow(x, y, 42, gold, 0.8)
    canvas.disc(x, y, rng.uniform(6, 14), mix(gold, WHITE, 0.5))
    for i in range(3):
        hill = ridge(rng, 52 + 9 * i, 9 - 2 * i, roughness=0.4)
        canvas.poly(hill, mix(mix(green, ground, 0.6), green, i / 2))
    left = rng.uniform(-2, 20)
    while left < 95:
        width, height, foot = rng.uniform(6, 13), rng.uniform(16, 42), rng.uniform(70, 80)
        lean = rng.uniform(-3, 3)
        top = [
            (left + lean + width * 0.15, foot - height),
            (left + lean + width * 0.8, foot - height + 3),
        ]
        canvas.poly([(left, foot), *top, (left + width, foot)], dark)
        if rng.random() < 0.35:
            swirl = spiral(
                left + width / 2 + lean / 2, foot - height * 0.5, width * 0.3, turns=2, start=0
            )
            canvas.line(swirl, gold, 0.6)
        left += width + rng.uniform(2, 26)
    canvas.poly(ridge(rng, 78, 3, roughness=0.4), mix(green, dark, 0.55))


def _plait(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    gold, green, dark = shades
    pale = mix(green, WHITE, 0.35)
    strands, swing, pace = rng.choice((2, 3)), rng.uniform(9, 17), rng.uniform(7, 13)
    width, rows = rng.uniform(4.5, 7.5), rng.choice((1, 2, 2, 3))
    arcs = int(105 / (math.pi / 2 * pace)) + 2
    for row in range(rows):
        base = 100 * (row + 0.5) / rows
        for phase in (0, 1):
            for strand in range(strands):
                start = math.tau * strand / strands
                for arc in range(-1, arcs):
                    if arc % 2 != phase:
                        continue
                    turns = [start + math.pi / 2 * (arc + i / 8) for i in range(-3, 12)]
                    points = [((t - start) * pace, base + swing * math.sin(t)) for t in turns]
                    shade = (gold, pale, mix(gold, dark, 0.35))[strand]
                    _ribbon(canvas, points, width, shade, dark)
    canvas.turn(rng)


def _ribbon(canvas: Canvas, points: list[Point], width: float, shade: Colour, rim: Colour) -> None:
    """Draw a piece of a band; its rim is shorter, so that the next piece joins without a seam."""
    canvas.line(points[3:-3], rim, width * 1.5)
    canvas.line(points, shade, width)
    canvas.line(points, mix(shade, WHITE, 0.35), width * 0.22)
