"""Black winter: torn peaks and a sick moon, or a sigil, and a thorned name."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, ngon, ridge, star
from equigen.sandbox.words import Words

GRAIN = 0.26


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Black winter: torn peaks and a sick moon, or a sigil, and a thorned name."""
    sky, moon, rust = pick_palette(
        rng,
        "2a2f38 cfd6dc 7a1d1d",
        "3a0d10 e2562f c22a22",
        "1c2a2a 9fc4b0 4f7d6a",
        "231a33 b7a6d9 6a4a9c",
        "4a4a4a efefef a31621",
        "3b2a14 e0a84a 9c5a1a",
        "9fa8ad f4f4f0 7d1518",
    )
    canvas.fade(sky, BLACK, rng.choice((90, 90, -90)))
    canvas.smoke(mix(sky, moon, 0.55), rng, cells=rng.randrange(4, 8), strength=0.95)
    layout = rng.randrange(3)
    if layout == 0:
        x, y, radius = rng.uniform(15, 85), rng.uniform(25, 55), rng.uniform(9, 26)
        canvas.glow(x, y, radius * 2.6, moon, 0.7)
        canvas.disc(x, y, radius, moon)
        for depth in (0.45, 0.2, 0.0):
            base = 92 - depth * 75
            peaks = ridge(rng, base, rng.uniform(14, 26), roughness=0.62, steps=6)
            canvas.poly(peaks, mix(BLACK, sky, depth))
        _dead_trees(canvas, rng)
    elif layout == 1:
        _sigil(canvas, rng, moon, rust)
    else:
        x, y = rng.uniform(30, 70), rng.uniform(45, 80)
        for i in range(rng.randrange(26, 46)):
            aim, width = rng.uniform(0, 360), rng.uniform(2, 7)
            near, far = (
                around(x, y, rng.uniform(8, 16), aim),
                around(x, y, rng.uniform(40, 110), aim),
            )
            sides = [around(*near, width * s, aim + 90) for s in (-0.5, 0.5)]
            canvas.poly([*sides, far], BLACK if i % 3 else mix(rust, BLACK, 0.25))
        canvas.glow(x, y, 26, moon, 0.9)
        canvas.poly(star(x, y, rng.uniform(9, 15), tips=rng.choice((5, 7, 9)), depth=0.3), BLACK)
    if rng.random() < 0.5:
        canvas.mirror()
    _thorned(canvas, rng, words.artist, rng.choice((moon, WHITE)))
    canvas.write(
        words.title, (10, 91, 90, 96), moon, Face(tracking=0.32, case="upper"), align="centre",
        most_lines=1, largest=4, echo=((0.5, 0.5, BLACK), (-0.5, -0.5, BLACK)),
    )  # fmt: skip


def _dead_trees(canvas: Canvas, rng: Random) -> None:
    for _ in range(rng.randrange(3, 9)):
        x, height = rng.uniform(0, 100), rng.uniform(18, 52)
        canvas.poly([(x - 1.2, 101), (x + 1.2, 101), (x + rng.uniform(-2, 2), 100 - height)], BLACK)
        for branch in range(9):
            y = 100 - height * (0.3 + 0.07 * branch)
            reach = (9 - branch) * rng.uniform(0.6, 1.5) * rng.choice((-1, 1))
            canvas.line(((x, y), (x + reach, y - abs(reach) * 0.6)), BLACK, 0.5)


def _sigil(canvas: Canvas, rng: Random, moon: Colour, rust: Colour) -> None:
    x, y, radius = rng.uniform(42, 58), rng.uniform(52, 64), rng.uniform(22, 32)
    tips, turn = rng.choice((5, 6, 7, 8, 9)), rng.choice((90.0, -90.0))
    canvas.glow(x, y, radius * 1.9, rust, 1.0)
    points = ngon(x, y, radius, tips, turn)
    stride = rng.choice((2, 3)) if tips > 6 else 2
    for i in range(tips):
        canvas.line((points[i], points[(i + stride) % tips]), moon, 0.9)
    for reach, width in ((1.0, 1.1), (1.14, 0.4), (rng.uniform(0.3, 0.5), 0.7)):
        canvas.ring(x, y, radius * reach, moon, width)
    for i in range(tips * 2):
        tip = around(x, y, radius * rng.choice((1.3, 1.5)), turn + 180 * i / tips)
        feet = [around(x, y, radius * 1.12, turn + 180 * i / tips + s) for s in (-4, 4)]
        canvas.poly([*feet, tip], moon)


def _thorned(canvas: Canvas, rng: Random, name: str, colour: Colour) -> None:
    """Letter a name with thorns above, below and on both sides."""
    face = Face(weight=0.03, stretch=rng.uniform(0.8, 1.15), case="upper", tracking=-0.01)
    left, top, right, bottom = canvas.write(
        name, (15, 9, 85, 29), colour, face, align="centre", place="middle", most_lines=2
    )
    if right <= left:
        return
    height = bottom - top
    for side, edge in ((-1, left), (1, right)):
        for i in range(3):
            y = top + height * (0.12 + 0.38 * i)
            tip = (edge + side * rng.uniform(5, 13), y + rng.uniform(-8, 8))
            canvas.poly([(edge - side * 1.5, y - 1.6), (edge - side * 1.5, y + 1.6), tip], colour)
    count = max(5, int((right - left) / 5))
    for i in range(count):
        x = left + (right - left) * (i + 0.5) / count
        away = abs(x - 50) / 50
        for edge, out in ((top, -1), (bottom, 1)):
            length = (2 + 7 * away**1.5) * rng.uniform(0.5, 1.3)
            lean = (x - 50) * 0.12
            foot = edge - out * height * 0.06
            canvas.poly([(x - 0.9, foot), (x + 0.9, foot), (x + lean, edge + out * length)], colour)
    canvas.write(
        name, (15, 9, 85, 29), colour, face, align="centre", place="middle", most_lines=2,
        echo=((0.5, 0.5, BLACK), (-0.5, -0.5, BLACK)),
    )  # fmt: skip
