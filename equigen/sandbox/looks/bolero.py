"""A keepsake: a rose or a moonlit balcony in an oval frame, lace, and leaning letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, petal
from equigen.sandbox.words import Words

GRAIN = 0.22


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A keepsake: a rose or a moonlit balcony in an oval frame, lace, and leaning letters."""
    paper, rose, wine, gold, leaf = pick_palette(
        rng,
        "f3e0d2 c9304a 5a1024 c9a15a 5b6b4a",
        "e9d5c3 b5475c 43192b b58a4a 4f5d4a",
        "2a0f1c d8405f 14060e d9b26a 5f7a58",
        "f6e6e2 e0708a 7a2038 caa667 6b8060",
        "d8c3a5 8e3b46 3a1a20 a67c37 4a5240",
        "1d2340 e05a6d 0c1024 e2c27a 51705f",
    )
    canvas.fill(paper)
    canvas.smoke(mix(paper, wine, 0.35), rng, cells=5, strength=0.6)
    low = rng.random() < 0.5
    x, y = 50 + rng.uniform(-16, 16), rng.uniform(37, 42) if low else rng.uniform(64, 68)
    wide, tall = rng.uniform(20, 38), rng.uniform(23, 31)
    teeth = rng.randrange(22, 40)
    lace = rng.random() < 0.7
    if lace:
        for i in range(teeth):
            spot_x, spot_y = around(0, 0, 1, 360 * i / teeth)
            canvas.disc(
                x + spot_x * (wide + 2), y + spot_y * (tall + 2), 3.2, mix(gold, WHITE, 0.4)
            )
            canvas.disc(x + spot_x * (wide + 3), y + spot_y * (tall + 3), 1.1, paper)
    canvas.oval((x - wide - 1.6, y - tall - 1.6, x + wide + 1.6, y + tall + 1.6), gold)
    inside = rng.choice((wine, mix(wine, rose, 0.35), leaf, mix(paper, gold, 0.3)))
    canvas.oval((x - wide, y - tall, x + wide, y + tall), inside)
    if rng.random() < 0.4:
        canvas.disc(x + wide * 0.35, y - tall * 0.45, rng.uniform(5, 11), mix(gold, WHITE, 0.7))
    for _ in range(rng.choice((1, 1, 2, 3))):
        at_x, at_y = x + rng.uniform(-0.5, 0.5) * wide, y + rng.uniform(-0.35, 0.35) * tall
        _rose(canvas, rng, at_x, at_y, rng.uniform(11, 23), [rose, wine, leaf])
    for _ in range(rng.randrange(0, 4)):
        edge_x, edge_y = rng.choice((4.0, 96.0)), rng.choice((4.0, 96.0, 50.0))
        _rose(canvas, rng, edge_x, edge_y, rng.uniform(9, 17), [rose, wine, leaf])
    box = (6.0, 70.0, 94.0, 88.0) if low else (6.0, 7.0, 94.0, 25.0)
    ink = canvas.ink(box, wine, mix(gold, WHITE, 0.75))
    rim = paper if ink == wine else wine
    echo = tuple((a, b, rim) for a in (-0.7, 0.8) for b in (-0.7, 0.8))
    canvas.write(
        words.title, box, ink, Face(slant=0.32, weight=0.018), align="centre", place="middle",
        most_lines=2, largest=15, echo=echo,
    )  # fmt: skip
    y = 90.0 if low else 27.0
    canvas.write(
        words.artist, (10, y, 90, y + 4.6), ink, Face(tracking=0.22, case="upper", weight=0.02),
        align="centre", most_lines=1, largest=4.2, echo=echo,
    )  # fmt: skip


def _rose(
    canvas: Canvas, rng: Random, x: float, y: float, size: float, shades: list[Colour]
) -> None:
    rose, wine, leaf = shades
    turn = rng.uniform(0, 360)
    for i in range(3):
        canvas.poly(petal(x, y, size * 1.75, size * 0.75, turn + 120 * i), leaf)
        vein = around(x, y, size * 1.5, turn + 120 * i)
        canvas.line(((x, y), vein), mix(leaf, WHITE, 0.3), 0.5)
    for layer in range(5):
        reach = size * (1 - layer * 0.19)
        count = 6 - layer // 2
        for i in range(count):
            spot = around(x, y, reach * 0.42, turn + layer * 33 + 360 * i / count)
            canvas.disc(*spot, reach * 0.57, mix(rose, wine, 0.55))
            canvas.disc(
                *spot, reach * 0.52, mix(rose, WHITE if layer % 2 else wine, 0.12 + 0.05 * layer)
            )
    canvas.disc(x, y, size * 0.14, wine)
