"""A garden at noon: fans of palm and banana leaves, fruit, a parrot's colours."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, petal
from equigen.sandbox.words import Words

GRAIN = 0.12


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A garden at noon: fans of palm and banana leaves, fruit, a parrot's colours."""
    ground, leaf, deep, fruit, flower = pick_palette(
        rng,
        "ffd166 06a77d 045c4b ef476f ff8c42",
        "ff9f80 1b998b 0b4f4a f7e733 d7263d",
        "fdf0d5 2a9d5c 14532d f77f00 d62828",
        "3ec1d3 2b7a3d 123c22 ff9a00 ff165d",
        "f4a6c0 3d8b5f 1f4a3a ffd23f d1495b",
        "1f3c4d 59b37a 12262f ffb627 f25f5c",
        "c8e6a0 2f7d4f 173d2a ff6b35 c2185b",
    )
    canvas.fade(ground, mix(ground, flower, rng.uniform(0.1, 0.6)), rng.uniform(0, 360))
    x, y, radius = rng.uniform(20, 80), rng.uniform(18, 75), rng.uniform(14, 30)
    canvas.disc(x, y, radius, fruit)
    if rng.random() < 0.5:
        canvas.ring(x, y, radius + 4, fruit, 1.2)
    for _ in range(rng.randrange(4, 8)):
        edge = rng.randrange(4)
        along = rng.uniform(0, 100)
        start = ((along, 106), (along, -6), (-6, along), (106, along))[edge]
        aim = (-90, 90, 0, 180)[edge] + rng.uniform(-30, 30)
        leaf_kind = rng.choice((_palm, _banana))
        leaf_kind(canvas, rng, start, aim, rng.choice((leaf, deep, mix(leaf, ground, 0.3))))
    for _ in range(rng.randrange(2, 5)):
        _hibiscus(canvas, rng, rng.choice((flower, fruit)), deep)
    top = rng.random() < 0.5
    box = (5.0, 6.0, 95.0, 36.0) if top else (5.0, 60.0, 95.0, 88.0)
    face = Face(
        weight=0.07, slant=rng.choice((0.0, 0.18)), stretch=rng.uniform(0.8, 1.1), leading=1.0
    )
    shade = tuple((a, b, deep) for a in (-0.8, 0.8) for b in (-0.8, 0.8))
    canvas.write(
        words.title, box, WHITE, face, align="centre", place="middle", most_lines=2,
        angle=rng.choice((0, 0, 4, -4)), echo=((1.8, 1.8, deep), *shade),
    )  # fmt: skip
    y = 38.0 if top else 89.5
    canvas.rect((0, y, 100, y + 7), deep)
    canvas.write(
        words.artist, (5, y + 1, 95, y + 6), ground if sum(ground) > 330 else WHITE,
        Face(weight=0.03, tracking=0.1, case="upper"), align="centre", place="middle",
        most_lines=1, largest=4.8,
    )  # fmt: skip


def _palm(
    canvas: Canvas, rng: Random, start: tuple[float, float], aim: float, colour: Colour
) -> None:
    length, bend = rng.uniform(45, 80), rng.uniform(-3, 3)
    x, y = start
    for i in range(16):
        x, y = around(x, y, length / 16, aim)
        aim += bend
        reach = (length * 0.45) * math.sin(math.pi * (i + 2) / 18)
        for side in (-1, 1):
            canvas.poly(petal(x, y, reach, 5, aim + side * 52), colour)
    canvas.line((start, around(*start, length * 0.4, aim - 16 * bend)), colour, 1)


def _banana(
    canvas: Canvas, rng: Random, start: tuple[float, float], aim: float, colour: Colour
) -> None:
    length, width = rng.uniform(45, 80), rng.uniform(18, 30)
    canvas.poly(petal(*start, length, width, aim), colour)
    vein = mix(colour, WHITE, 0.25)
    canvas.line((start, around(*start, length * 0.92, aim)), vein, 0.9)
    for i in range(2, 11):
        spine = around(*start, length * i / 12, aim)
        reach = width * 0.42 * math.sin(math.pi * (i / 12) ** 0.8)
        for side in (-1, 1):
            canvas.line((spine, around(*spine, reach, aim + side * 55)), vein, 0.4)


def _hibiscus(canvas: Canvas, rng: Random, colour: Colour, deep: Colour) -> None:
    x, y, size, turn = (
        rng.uniform(0, 100),
        rng.uniform(0, 100),
        rng.uniform(8, 15),
        rng.uniform(0, 72),
    )
    for i in range(5):
        canvas.poly(petal(x, y, size, size * 0.85, turn + 72 * i), mix(colour, deep, 0.25))
        canvas.poly(petal(x, y, size * 0.9, size * 0.7, turn + 72 * i), colour)
    tip = around(x, y, size * 0.75, turn + 36)
    canvas.line(((x, y), tip), (255, 226, 130), 0.9)
    canvas.disc(*tip, 1.2, (255, 226, 130))
