"""A comic print: candy colours, a screen of dots, one fat outlined thing, fat letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Canvas, Point, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, heart, petal, star
from equigen.sandbox.words import Words

GRAIN = 0.0


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A comic print: candy colours, a screen of dots, one fat outlined thing, fat letters."""
    ground, dot, thing, letter = pick_palette(
        rng,
        "ff6fa5 ffd1e3 ffe14d 2ec4e6",
        "2ec4e6 a6ecf7 ff4f79 ffe14d",
        "ffe14d ffb02e ff4f79 3a5cff",
        "8a5cff d1baff ffe14d ff6fa5",
        "ff5d4d ffb199 fff3e0 2a9df4",
        "3ddc97 b9f5d8 ff6fa5 5b3df5",
        "fff3e0 ff9fb8 ff4f4f 2a3cff",
        "2b2d6e 5560c9 ff6fa5 ffe14d",
    )
    canvas.fill(ground)
    if rng.random() < 0.45:
        x, y, count = rng.uniform(10, 90), rng.uniform(10, 90), rng.randrange(8, 17)
        for i in range(count):
            canvas.pie(x, y, 150, (360 * i / count, 360 * (i + 0.5) / count), dot)
    aim = math.radians(rng.uniform(0, 360))
    across, down = math.cos(aim), math.sin(aim)
    step, reach = rng.uniform(4.5, 7.5), rng.uniform(0.5, 0.72)

    def size_at(x: float, y: float) -> float:
        return reach * max(0.0, ((x - 50) * across + (y - 50) * down) / 120 + 0.42)

    canvas.dots((-2, -2, 102, 102), dot, step, size_at)
    low = rng.random() < 0.5
    x, y, size = rng.uniform(28, 72), rng.uniform(24, 44), rng.uniform(24, 36)
    y = y if low else 100 - y
    _pop_thing(canvas, rng, x, y, size, thing)
    box = (5.0, 64.0, 95.0, 89.0) if low else (5.0, 11.0, 95.0, 34.0)
    face = Face(weight=0.085, stretch=rng.uniform(0.8, 1.1), leading=1.0)
    canvas.write(
        words.title, box, letter, face, align="centre", place="middle", most_lines=2,
        angle=rng.uniform(-6, 6), echo=((2, 2, BLACK), (1.4, 1.4, BLACK), *halo(BLACK, 0.9)),
    )  # fmt: skip
    y = 91.0 if low else 1.8
    width = min(80.0, 22 + 1.6 * len(words.artist))
    x = rng.uniform(3, 97 - width)
    canvas.rect((x, y - 0.6, x + width, y + 7.4), BLACK)
    canvas.rect((x + 0.7, y + 0.1, x + width - 0.7, y + 6.7), WHITE)
    canvas.write(
        words.artist, (x + 2, y + 1, x + width - 2, y + 6), BLACK, Face(weight=0.03),
        align="centre", place="middle", most_lines=1,
    )  # fmt: skip


def _pop_thing(
    canvas: Canvas, rng: Random, x: float, y: float, size: float, colour: Colour
) -> None:
    kind = rng.choice(("heart", "star", "bolt", "bubble", "lips", "lolly", "flower"))
    shine = mix(colour, WHITE, 0.75)
    for grow, shade, shift in ((1.12, BLACK, 1.6), (1.1, BLACK, 0.0), (1.0, colour, 0.0)):
        _silhouette(canvas, kind, (x + shift, y + shift), size * grow, shade)
    if kind in {"lolly", "flower"}:
        canvas.disc(x, y, size * 0.3, WHITE)
        canvas.ring(x, y, size * 0.55 if kind == "lolly" else size * 0.34, BLACK, size * 0.05)
    if kind == "lips":
        canvas.poly(petal(x - size * 0.8, y, size * 1.6, size * 0.22, 0), BLACK)
    canvas.oval((x - size * 0.55, y - size * 0.5, x - size * 0.2, y - size * 0.3), shine)


def _silhouette(canvas: Canvas, kind: str, spot: Point, big: float, shade: Colour) -> None:
    at, down = spot
    match kind:
        case "heart":
            canvas.poly(heart(at, down, big), shade)
        case "star":
            canvas.poly(star(at, down, big, tips=5, depth=0.5, turn=-80), shade)
        case "bolt":
            steps = ((-0.2, -1), (0.5, -1), (0.1, -0.25), (0.6, -0.25), (-0.4, 1), (-0.05, 0.1))
            points = [*steps, (-0.55, 0.1)]
            canvas.poly([(at + a * big, down + b * big) for a, b in points], shade)
        case "bubble":
            canvas.oval((at - big, down - big * 0.75, at + big, down + big * 0.6), shade)
            tail = [(at - big * 0.5, down + big * 0.3), (at - big * 0.7, down + big)]
            canvas.poly([*tail, (at, down + big * 0.4)], shade)
        case "lips":
            canvas.poly(petal(at - big, down, 2 * big, big * 0.9, 0), shade)
            canvas.disc(at - big * 0.3, down - big * 0.25, big * 0.36, shade)
            canvas.disc(at + big * 0.3, down - big * 0.25, big * 0.36, shade)
        case "lolly":
            canvas.line(((at, down), (at + big * 0.5, down + big * 1.6)), shade, big * 0.16)
            canvas.disc(at, down, big * 0.8, shade)
        case _:
            for i in range(6):
                canvas.disc(*around(at, down, big * 0.58, 60 * i), big * 0.4, shade)
