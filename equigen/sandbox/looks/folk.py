"""A linocut: stems, leaves, berries and a bird, printed in few inks on rough paper."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, mix, pick_palette
from equigen.sandbox.shapes import around, petal
from equigen.sandbox.words import Words

GRAIN = 0.22


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A linocut: stems, leaves, berries and a bird, printed in few inks on rough paper."""
    paper, leaf, bloom, dark = pick_palette(
        rng,
        "efe6d0 4f6b4a b5533c 2b2a26",
        "e8dcc4 7a6a4f a83e32 33291f",
        "2f3e37 a9b98c e2b25c efe4cc",
        "f4ecdc 35566b c98a3b 22303a",
        "5a3a34 d9a679 eed9b6 f6ead2",
        "d9dfcf 3f5a50 8c4f5c 24302b",
        "c9b08a 3c4a35 7d2f2a 221d18",
        "33445c 9db4c0 e7c787 f0ead8",
    )
    canvas.fill(paper)
    canvas.smoke(mix(paper, dark, 0.18), rng, cells=9, strength=0.5)
    for _ in range(rng.randrange(2, 6)):
        _stem(canvas, rng, leaf, bloom)
    if rng.random() < 0.6:
        _bird(canvas, rng.uniform(22, 78), rng.uniform(25, 65), rng.uniform(9, 20), dark)
    else:
        x, y, radius = rng.uniform(20, 80), rng.uniform(15, 55), rng.uniform(9, 22)
        canvas.disc(x, y, radius, bloom)
        canvas.ring(x, y, radius + 3, bloom, 0.8)
    if rng.random() < 0.5:
        canvas.mirror()
    panel = rng.choice(("foot", "head", "label"))
    box = {
        "foot": (0.0, 74.0, 100.0, 100.0),
        "head": (0.0, 0.0, 100.0, 24.0),
        "label": (18.0, 36.0, 82.0, 64.0),
    }[panel]
    canvas.rect(box, paper if panel != "foot" else dark)
    ink = dark if panel != "foot" else paper
    if panel == "label":
        left, top, right, bottom = box
        canvas.line(
            ((left, top), (right, top), (right, bottom), (left, bottom), (left, top)), ink, 0.8
        )
    left, top, right, bottom = box[0] + 6, box[1] + 4.5, box[2] - 6, box[3] - 4.5
    middle = top + (bottom - top) * 0.6
    canvas.write(
        words.title, (left, top, right, middle), ink, Face(tracking=0.04, weight=0.012),
        align="centre", place="middle", most_lines=2, largest=13,
    )  # fmt: skip
    canvas.write(
        words.artist, (left, middle + 2, right, bottom), bloom if panel != "foot" else ink,
        Face(tracking=0.2, case="upper", weight=0.015), align="centre", place="middle", largest=4.6,
    )  # fmt: skip


def _stem(canvas: Canvas, rng: Random, leaf: Colour, bloom: Colour) -> None:
    x, y, aim = rng.uniform(0, 100), rng.choice((102.0, 102.0, -2.0)), -90 + rng.uniform(-25, 25)
    if y < 0:
        aim += 180
    bend, length, width = rng.uniform(-6, 6), rng.uniform(9, 20), rng.uniform(4, 8)
    flower = rng.random() < 0.6
    for i in range(rng.randrange(8, 14)):
        next_x, next_y = around(x, y, 7.5, aim)
        canvas.line(((x, y), (next_x, next_y)), leaf, 1.1)
        x, y, aim = next_x, next_y, aim + bend
        for side in (-1, 1):
            shrink = 1 - i / 18
            tip = aim + side * rng.uniform(35, 60)
            if rng.random() < 0.9:
                canvas.poly(petal(x, y, length * shrink, width * shrink, tip), leaf)
            if rng.random() < 0.15:
                canvas.disc(*around(x, y, length * shrink, tip), 1.6, bloom)
    if flower:
        count = rng.randrange(5, 10)
        for i in range(count):
            canvas.poly(petal(x, y, 9, 5, 360 * i / count), bloom)
        canvas.disc(x, y, 2.4, leaf)


def _bird(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    canvas.poly(petal(x + size, y - size * 0.2, size * 2.4, size * 0.9, 172), colour)
    canvas.disc(x + size * 0.8, y - size * 0.35, size * 0.33, colour)
    beak = [(x + size * 1.05, y - size * 0.5), (x + size * 1.5, y - size * 0.3)]
    canvas.poly([*beak, (x + size * 1.05, y - size * 0.2)], colour)
    canvas.poly(petal(x + size * 0.3, y, size * 1.7, size * 0.6, 225), colour)
    canvas.poly(petal(x - size, y, size * 1.0, size * 0.4, 150), colour)
