"""Brass and fire: flames, trumpet bells or piano keys on the slant, an echoing title."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Canvas, Point
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, star
from equigen.sandbox.words import Words

GRAIN = 0.16


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Brass and fire: flames, trumpet bells or piano keys on the slant, an echoing title."""
    hot, bright, dark, cool = pick_palette(
        rng,
        "e63b2e ffc12e 2a0a12 ff7a1a",
        "d81e5b ffb400 1f0a24 f0544f",
        "f25c05 ffe066 20100a c1121f",
        "b5179e ff9e00 1a0b2e f72585",
        "00798c edae49 0b1d24 d1495b",
        "ffbe0b fb5607 240b12 ff006e",
    )
    canvas.fade(hot, cool, rng.uniform(0, 360))
    layout = rng.randrange(3)
    if layout == 0:
        _flames(canvas, rng, [dark, cool, hot, bright])
    elif layout == 1:
        x, y, aim = rng.uniform(25, 75), rng.uniform(30, 70), rng.uniform(0, 360)
        count = rng.randrange(12, 22)
        for i in range(count):
            start = aim + 360 * i / count
            canvas.pie(x, y, 150, (start, start + 180 / count), bright)
        _trumpet(canvas, (x, y), aim, [dark, bright, hot])
    else:
        _keys(canvas, rng, dark, bright)
    if rng.random() < 0.5:
        canvas.mirror()
    top = rng.random() < 0.5
    box = (4.0, 4.0, 84.0, 36.0) if top else (4.0, 56.0, 84.0, 86.0)
    face = Face(weight=0.07, slant=0.25, stretch=rng.uniform(0.75, 1.0), case="upper", leading=1.0)
    steps = rng.randrange(3, 6)
    echoes = [(i * 1.7, i * 1.5, (bright, hot, cool)[i % 3]) for i in range(steps, 0, -1)]
    rims = [(x + a, y + a, dark) for x, y, _ in echoes for a in (0.5,)]
    layered = [layer for pair in zip(rims, echoes, strict=True) for layer in pair]
    canvas.write(
        words.title, box, WHITE, face, place="middle", most_lines=2,
        echo=(*layered, (0.7, 0.7, dark), (-0.5, -0.5, dark)),
    )  # fmt: skip
    y = 91.0 if top or rng.random() < 0.6 else 3.0
    canvas.poly([(0, y - 1), (100, y - 2.5), (100, y + 6), (0, y + 7)], dark)
    canvas.write(
        words.artist, (5, y - 0.6, 95, y + 5), bright,
        Face(weight=0.045, case="upper", tracking=0.06), align="right", place="middle",
        most_lines=1, largest=5,
    )  # fmt: skip


def _flames(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    side = rng.random() < 0.4
    for depth, shade in enumerate(shades):
        points: list[tuple[float, float]] = [(-2.0, 102.0)]
        count = rng.randrange(5, 8)
        base, height = 62 + 8 * depth, 62 - 12 * depth
        for i in range(count):
            left, width = 104 * i / count - 2, 104 / count
            tip = base - height * rng.uniform(0.5, 1)
            lean = width * rng.uniform(0.2, 1.1)
            points += [
                (left + width * s, base + (tip - base) * s**1.6 - 4 * math.sin(6 * s))
                for s in (0, 0.2, 0.4)
            ]
            points += [(left + lean, tip), (left + width * 0.85, base - (base - tip) * 0.3)]
        canvas.poly([*points, (102.0, 102.0)], shade)
    if side:
        canvas.turn(rng)


def _trumpet(canvas: Canvas, at: Point, aim: float, shades: list[Colour]) -> None:
    (x, y), (dark, bright, hot) = at, shades
    for i in range(24):
        share = i / 24
        near, far = around(x, y, 90 - 90 * share, aim), around(x, y, 84 - 90 * share, aim)
        flare = 4 + 22 * share**5
        sides = [around(*near, s * flare, aim + 90) for s in (-1, 1)]
        sides += [around(*far, s * flare, aim + 90) for s in (1, -1)]
        canvas.poly(sides, mix(dark, bright, 0.35))
    for share, shade in (
        (1.12, dark),
        (1.0, bright),
        (0.82, hot),
        (0.6, mix(hot, dark, 0.5)),
        (0.3, dark),
    ):
        canvas.disc(x, y, 26 * share, shade)
    canvas.arc(x, y, 22, (aim + 150, aim + 230), WHITE, 1.6)


def _keys(canvas: Canvas, rng: Random, dark: Colour, bright: Colour) -> None:
    x, y, aim = rng.uniform(-15, 25), rng.uniform(10, 60), rng.uniform(-40, 40)
    width, height = rng.uniform(9, 15), rng.uniform(38, 60)

    def key(along: float, wide: float, tall: float, shade: Colour) -> None:
        corner = around(x, y, along, aim)
        ends = [corner, around(*corner, wide, aim)]
        points = [*ends, around(*ends[1], tall, aim + 90), around(*corner, tall, aim + 90)]
        canvas.poly(points, shade)

    key(-60, 260, height + 3, dark)
    for i in range(-6, 16):
        key(i * width, width * 0.94, height, WHITE)
    for i in range(-6, 16):
        if i % 7 not in {2, 6}:
            key(i * width + width * 0.68, width * 0.56, height * 0.6, dark)
    key(-60, 260, -3.5, bright)
    for _ in range(rng.randrange(3, 7)):
        canvas.poly(star(rng.uniform(5, 95), rng.uniform(5, 95), rng.uniform(3, 8)), bright)
