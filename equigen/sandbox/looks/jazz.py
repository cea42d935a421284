"""Two inks on cream: blocks, discs and bars of a modernist sleeve, letters cut by the edge."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, ink_on, pick_palette
from equigen.sandbox.words import Words

GRAIN = 0.14


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Two inks on cream: blocks, discs and bars of a modernist sleeve, letters cut by the edge."""
    paper, ink, tint, spot = pick_palette(
        rng,
        "f3ead6 11161c 1f5c8c e2572b",
        "efe7da 1b1420 c1272d f0b63c",
        "e9efe6 0f1d1a 0d7d6c f08a3c",
        "f6efe0 161616 e0a81e 2d6ea3",
        "f2ece4 1d1426 6a3d8f e9765b",
        "121619 f1e9d8 d9482b 3f86a8",
        "1a2430 f4ecd9 e7b53c d6503f",
        "1f5c8c f6efdf 0c1420 f2b13d",
    )
    canvas.fill(paper)
    layout = rng.choice((_jazz_bars, _jazz_tiles, _jazz_discs, _jazz_slices))
    layout(canvas, rng, [ink, tint, spot])
    canvas.turn(rng)
    at_top = rng.random() < 0.5
    strip = (
        (0.0, 0.0, 100.0, rng.uniform(22, 32))
        if at_top
        else (0.0, rng.uniform(68, 78), 100.0, 100.0)
    )
    ground = rng.choice((paper, ink, tint))
    canvas.rect(strip, ground)
    letter = ink_on(ground, min(ink, paper, key=sum), max(ink, paper, key=sum))
    top, bottom = strip[1] + 3, strip[3] - 3
    face = Face(weight=0.03, stretch=rng.choice((0.7, 0.85, 1.0)), case="lower")
    split = top + (bottom - top) * 0.62
    canvas.write(words.title, (5, top, 95, split), letter, face, most_lines=2)
    canvas.write(
        words.artist, (5, split + 1, 95, bottom), spot if spot != ground else letter,
        Face(weight=0.02), most_lines=1, place="bottom", largest=8,
    )  # fmt: skip


def _jazz_bars(canvas: Canvas, rng: Random, inks: list[Colour]) -> None:
    count = rng.randrange(5, 12)
    step = 100 / count
    for i in range(count):
        top = rng.uniform(0, 70)
        gap = step * 0.12
        bottom = min(100, top + rng.uniform(15, 80))
        shade = inks[0] if rng.random() < 0.6 else rng.choice(inks)
        canvas.rect((i * step + gap, top, (i + 1) * step - gap, bottom), shade)


def _jazz_tiles(canvas: Canvas, rng: Random, inks: list[Colour]) -> None:
    count = rng.choice((3, 4, 5))
    step = 100 / count
    for row in range(count):
        for column in range(count):
            x, y = column * step, row * step
            if rng.random() < 0.7:
                canvas.rect((x, y, x + step, y + step), rng.choice(inks))
            shade = rng.choice(inks)
            corner_x, corner_y = x + step * rng.choice((0, 1)), y + step * rng.choice((0, 1))
            turn = 90 * ((2 if corner_x > x else 0) + (1 if corner_y > y else 0))
            start = {0: 0, 90: 270, 180: 90, 270: 180}[turn]
            canvas.pie(corner_x, corner_y, step, (start, start + 90), shade)


def _jazz_discs(canvas: Canvas, rng: Random, inks: list[Colour]) -> None:
    edge = rng.uniform(25, 75)
    canvas.rect((0, 0, edge, 100), rng.choice(inks))
    for _ in range(rng.randrange(3, 8)):
        x, y, radius = rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(8, 34)
        canvas.disc(x, y, radius, rng.choice(inks))
        if rng.random() < 0.5:
            canvas.ring(x, y, radius * 1.25, rng.choice(inks), 1.4)
        if rng.random() < 0.5:
            canvas.pie(x, y, radius, (90 * rng.randrange(4), 450), rng.choice(inks))


def _jazz_slices(canvas: Canvas, rng: Random, inks: list[Colour]) -> None:
    x = rng.uniform(-20, 10)
    while x < 100:
        width, lean = rng.uniform(5, 28), rng.uniform(-35, 35)
        low = rng.uniform(45, 100)
        canvas.poly(
            [(x, 0), (x + width, 0), (x + width + lean, low), (x + lean, low)], rng.choice(inks)
        )
        x += width * rng.uniform(0.7, 1.6)
    canvas.disc(rng.uniform(15, 85), rng.uniform(30, 85), rng.uniform(6, 16), rng.choice(inks))
