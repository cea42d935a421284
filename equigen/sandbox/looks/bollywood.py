"""A hand-painted poster: arches, marigolds, rays, and a title that leaps out of it."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around
from equigen.sandbox.words import Words

GRAIN = 0.16


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A hand-painted poster: arches, marigolds, rays, and a title that leaps out of it."""
    first, second, jewel, gold, dark = pick_palette(
        rng,
        "ff5f6d ffc371 7b1fa2 ffd54f 3b0a2a",
        "f72585 ff9e00 3a0ca3 ffe066 240046",
        "00a896 f0f3bd d7263d ffc145 02303a",
        "ff8c42 ffd166 c2185b fff1b8 4a0d2b",
        "5f0f40 fb8b24 0f4c5c ffd56b 1f0518",
        "d81159 ffbc42 218380 fff0c2 2b0a1f",
        "3d348b f18701 f35b04 f7e733 14103a",
    )
    x, y = rng.uniform(30, 70), rng.uniform(30, 55)
    canvas.fade(first, second, rng.uniform(0, 360))
    if rng.random() < 0.6:
        count = rng.randrange(10, 20)
        for i in range(count):
            start = 360 * i / count
            canvas.pie(x, y, 150, (start, start + 180 / count), mix(first, gold, 0.45))
    layout = rng.randrange(3)
    if layout == 0:
        _arch(canvas, rng, x, [jewel, gold, dark, mix(second, gold, 0.5)])
    elif layout == 1:
        _palace(canvas, rng, [jewel, gold, dark])
    else:
        canvas.disc(x, y, rng.uniform(22, 34), jewel)
        _marigold(canvas, x, y, rng.uniform(18, 28), [second, first, gold])
    for _ in range(rng.randrange(2, 6)):
        spot = (rng.choice((rng.uniform(0, 20), rng.uniform(80, 100))), rng.uniform(0, 100))
        _marigold(canvas, *spot, rng.uniform(6, 13), rng.sample([second, first, gold, jewel], 3))
    if rng.random() < 0.5:
        for edge in (0.0, 95.0):
            canvas.rect((edge, 0, edge + 5, 100), dark)
            for i in range(13):
                canvas.rect(
                    (edge + 1.2, i * 8 + 1.5, edge + 3.8, i * 8 + 5.5), mix(gold, WHITE, 0.5)
                )
    low = y < 46 or layout == 1
    box = (9.0, 60.0, 89.0, 86.0) if low else (9.0, 6.0, 89.0, 32.0)
    depth = rng.randrange(5, 9)
    lean = rng.choice((-0.45, 0.45))
    sides = tuple((lean * i, 0.5 * i, mix(jewel, dark, i / depth)) for i in range(depth, 0, -1))
    rim = tuple((a, b, dark) for a in (-0.7, 0.7) for b in (-0.7, 0.7))
    canvas.write(
        words.title, box, gold, Face(weight=0.08, slant=0.18, stretch=0.95, leading=1.02),
        align="centre", place="middle", most_lines=2, angle=rng.choice((6, 6, 4, -4)),
        echo=(*sides, *rim),
    )  # fmt: skip
    y = 90.5 if low or rng.random() < 0.7 else 34
    canvas.rect((0, y - 0.7, 100, y + 6.3), dark)
    canvas.write(
        words.artist, (8, y, 92, y + 5.4), WHITE, Face(weight=0.03, tracking=0.06, case="upper"),
        align="centre", place="middle", most_lines=1, largest=4.6,
    )  # fmt: skip


def _marigold(canvas: Canvas, x: float, y: float, size: float, shades: list[Colour]) -> None:
    for layer in range(4):
        reach = size * (1 - layer * 0.24)
        count = 14 - 2 * layer
        for i in range(count):
            spot = around(x, y, reach * 0.78, 360 * (i + layer / 2) / count)
            canvas.disc(*spot, reach * 0.25, mix(shades[layer % 3], BLACK, 0.22))
            canvas.disc(*spot, reach * 0.21, shades[layer % 3])
    canvas.disc(x, y, size * 0.15, shades[2])


def _arch(canvas: Canvas, rng: Random, x: float, shades: list[Colour]) -> None:
    jewel, gold, dark, glow = shades
    half, top, lobes = rng.uniform(24, 34), rng.uniform(10, 24), rng.choice((5, 7, 9))
    for grow, shade in ((1.16, dark), (1.1, gold), (1.0, jewel), (0.86, gold), (0.82, glow)):
        wide = half * grow
        shoulder = top + wide * 1.05
        canvas.rect((x - wide, shoulder, x + wide, 101), shade)
        canvas.poly(
            [(x - wide, shoulder + 1), (x, shoulder - wide * 1.25), (x + wide, shoulder + 1)], shade
        )
        for i in range(lobes):
            spot = around(x, shoulder, wide * 0.78, 180 + 180 * (i + 0.5) / lobes)
            canvas.disc(*spot, wide * 0.3, shade)
    canvas.disc(x, top + half * 1.1, half * 0.4, mix(glow, WHITE, 0.6))
    canvas.disc(x + half * 0.14, top + half * 1.04, half * 0.34, glow)


def _palace(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    jewel, gold, dark = shades
    middle, foot = rng.uniform(30, 70), rng.uniform(58, 70)
    for offset, size in ((-34, 7), (34, 7), (-20, 10), (20, 10), (0, rng.uniform(14, 19))):
        x, base = middle + offset, foot - size
        shade = mix(jewel, dark, 0.1 + abs(offset) / 90)
        canvas.rect((x - size * 0.75, base, x + size * 0.75, 101), shade)
        canvas.disc(x, base - size * 0.35, size * 0.85, shade)
        canvas.poly(
            [
                (x - size * 0.45, base - size),
                (x, base - size * 1.9),
                (x + size * 0.45, base - size),
            ],
            shade,
        )
        canvas.disc(x, base - size * 1.9, 1.1, gold)
        canvas.rect((x - size * 0.85, base + 1, x + size * 0.85, base + 2.4), gold)
        canvas.disc(x, foot + size * 0.3, size * 0.4, gold)
        canvas.rect((x - size * 0.4, foot + size * 0.3, x + size * 0.4, 101), gold)
    canvas.rect((0, foot + 14, 100, 101), dark)
