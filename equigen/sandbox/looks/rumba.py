"""A dance floor by the river: ribbons in motion, drums, and a sixties title box."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Canvas, Point
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, mix, pick_palette
from equigen.sandbox.shapes import around, band, ngon, petal, star, wave
from equigen.sandbox.words import Words

GRAIN = 0.2


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A dance floor by the river: ribbons in motion, drums, and a sixties title box."""
    *shades, dark, paper = pick_palette(
        rng,
        "f4a127 d1402b 1d7874 e9d985 1f1a17 fbf0dc",
        "ef6f4c 3b8ea5 f5ee9e ab3428 1c1c2b fff4e4",
        "6fb98f f7b32b c8553d 2d728f 1a1f1c fdf6e6",
        "e85d75 f7d070 4a7c8c 8cbf88 23182a fff3e6",
        "8ab6d6 f08a4b 2f4b6e f2d0a4 141b2a fbf3e4",
    )
    canvas.fill(rng.choice((paper, dark, shades[0], shades[2])))
    base, swing, pace = rng.uniform(-10, 40), rng.uniform(8, 20), rng.uniform(9, 20)
    slope, width, phase = rng.uniform(-0.9, 0.9), rng.uniform(4, 10), rng.uniform(0, 6)
    for i in range(rng.randrange(4, 9)):
        upper = wave(base + i * width * 1.3, swing, pace, phase + i / 3, slope=slope)
        canvas.poly(band(upper, [(x, y + width) for x, y in upper]), shades[i % len(shades)])
    canvas.turn(rng)
    layout = rng.choice((_drums, _drums, _dancers, _sun))
    layout(canvas, rng, shades, dark, paper)
    if rng.random() < 0.5:
        canvas.mirror()
    for _ in range(rng.randrange(0, 26)):
        spot = (rng.uniform(0, 100), rng.uniform(0, 100))
        canvas.poly(ngon(*spot, rng.uniform(0.8, 1.8), rng.choice((3, 4, 8))), rng.choice(shades))
    top = (
        rng.uniform(4, 10)
        if layout in {_drums, _dancers} or rng.random() < 0.5
        else rng.uniform(64, 70)
    )
    side = rng.choice((3.0, 25.0))
    canvas.poly(
        [(side, top), (side + 72, top - 2), (side + 71, top + 26), (side + 1, top + 24)], dark
    )
    canvas.write(
        words.artist, (side + 4, top + 2.5, side + 68, top + 15.5), paper,
        Face(weight=0.05, case="upper", stretch=0.85), place="middle", most_lines=2,
    )  # fmt: skip
    canvas.write(
        words.title, (side + 4, top + 17, side + 68, top + 23), shades[0],
        Face(slant=0.25, weight=0.025), place="middle", most_lines=1, largest=6,
    )  # fmt: skip


def _drums(canvas: Canvas, rng: Random, shades: list[Colour], dark: Colour, paper: Colour) -> None:
    count = rng.choice((1, 2, 2, 3, 4))
    left = rng.uniform(4, 94 - count * 22)
    for i in range(count):
        top = rng.uniform(36, 58)
        _conga(canvas, (left + i * 22, top), rng.choice(shades), dark, paper)


def _dancers(
    canvas: Canvas, rng: Random, shades: list[Colour], dark: Colour, paper: Colour
) -> None:
    for i in range(rng.choice((1, 2, 3))):
        x, y, size = rng.uniform(18, 34) + 26 * i, rng.uniform(62, 70), rng.uniform(26, 36)
        swing, skirt = rng.choice((-1, 1)), rng.choice(shades)
        hem = [
            (x + swing * size * 0.2 + (k - 4) * size * 0.17, y + size * (1 + 0.1 * (k % 2)))
            for k in range(9)
        ]
        canvas.poly([(x, y - size * 0.05), *hem], dark)
        inner = [(a * 0.94 + x * 0.06, b - 1.6) for a, b in hem]
        canvas.poly([(x, y + 1), *inner], skirt)
        for k in (1, 3, 5, 7):
            canvas.line(((x, y + 2), inner[k]), mix(skirt, paper, 0.45), 0.7)
        canvas.poly(petal(x, y + size * 0.1, size * 0.62, size * 0.3, -90 - swing * 12), dark)
        neck = around(x, y + size * 0.1, size * 0.6, -90 - swing * 12)
        canvas.disc(neck[0], neck[1] - size * 0.12, size * 0.13, dark)
        canvas.disc(neck[0] - swing * size * 0.1, neck[1] - size * 0.22, size * 0.06, skirt)
        for side in (-1, 1):
            elbow = (neck[0] + side * size * 0.3, neck[1] + size * 0.02 * side * swing)
            hand = (elbow[0] + side * size * 0.1, elbow[1] - size * 0.3)
            canvas.line((neck, elbow, hand), dark, size * 0.07)


def _sun(canvas: Canvas, rng: Random, shades: list[Colour], dark: Colour, paper: Colour) -> None:
    x, y, reach = rng.uniform(25, 75), rng.uniform(35, 65), rng.uniform(18, 32)
    canvas.poly(star(x, y, reach * 1.3, tips=rng.randrange(12, 24), depth=0.8), dark)
    for share, shade in zip((1.0, 0.78, 0.56, 0.34), rng.sample(shades, 4), strict=True):
        canvas.disc(x, y, reach * share, shade)
    canvas.disc(x, y, reach * 0.14, paper)


def _conga(canvas: Canvas, at: Point, wood: Colour, dark: Colour, skin: Colour) -> None:
    x, top = at

    def side(y: float, grow: float) -> float:
        return (9 + 2.6 * math.sin((y - top) / (108 - top) * 3.0)) * grow - (y - top) * 0.055

    heights = [top + (108 - top) * i / 12 for i in range(13)]
    for grow, shade in ((1.12, dark), (1.0, wood)):
        outline = [(x + 11 - side(y, grow), y) for y in heights]
        outline += [(x + 11 + side(y, grow), y) for y in reversed(heights)]
        canvas.poly(outline, shade)
    for offset in (-5, 0, 5):
        canvas.line(
            ((x + 11 + offset, top), (x + 11 + offset * 0.7, 108)), mix(wood, dark, 0.25), 0.5
        )
    for y in (top + 3, top + 28):
        canvas.rect((x + 11 - side(y, 1), y, x + 11 + side(y, 1), y + 2.2), dark)
    canvas.oval((x + 1.2, top - 4, x + 20.8, top + 4), dark)
    canvas.oval((x + 2, top - 3.2, x + 20, top + 3.2), skin)
