"""A mandala that opens ring by ring, or the long neck and gourd of a sitar at dusk."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, petal, star
from equigen.sandbox.words import Words

GRAIN = 0.12


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A mandala that opens ring by ring, or the long neck and gourd of a sitar at dusk."""
    ground, *shades, light = pick_palette(
        rng,
        "7a1f1f e07a1f f2b84b 2f4858 5a1230 fbe9c6",
        "14213d fca311 c1121f 3a6ea5 780000 fdf0d5",
        "f3dfb4 b5472c d98e32 2f5d50 6b2737 2b1a14",
        "2d3a2e d9a441 a63d2f 7fa37f 521f1f f8efd4",
        "3c1642 f26419 f6ae2d 086375 86bbd8 fdf4e3",
        "e9c46a e76f51 264653 2a9d8f 8a1c3b 1e1410",
        "0f4c5c e36414 fb8b24 9a031e 5f0f40 ffe8c9",
    )
    canvas.fade(
        ground, mix(ground, BLACK if sum(light) > 380 else WHITE, 0.35), rng.uniform(0, 360)
    )
    x, y = rng.choice((50.0, rng.uniform(0, 100))), rng.choice((40.0, rng.uniform(15, 85)))
    if rng.random() < 0.7:
        _mandala(canvas, rng, x, y, shades, light)
    else:
        canvas.disc(x, y, rng.uniform(20, 34), shades[1])
        _sitar(canvas, rng, [shades[0], shades[2], light])
    low = y < 55
    top = 72.0 if low else 5.0
    inset = rng.choice((0.0, 7.0, 14.0))
    panel = (inset, top, 100 - inset, top + 23)
    back = mix(min(shades, key=sum), BLACK, 0.35)
    canvas.rect(panel, back)
    gold = mix(max(shades[0], shades[1], key=sum), WHITE, 0.5)
    left, upper, right, lower = panel
    canvas.frame((left + 1.4, upper + 1.4, right - 1.4, lower - 1.4), gold, 0.5)
    ink = mix(gold, WHITE, 0.7)
    canvas.write(
        words.artist, (left + 5, upper + 4, right - 5, upper + 11.5), ink, Face(weight=0.025),
        align="centre", place="middle", most_lines=1, largest=7,
    )  # fmt: skip
    canvas.write(
        words.title, (left + 5, upper + 13, right - 5, upper + 19), gold,
        Face(tracking=0.12, weight=0.03), align="centre", place="middle", most_lines=1, largest=5,
    )  # fmt: skip


def _mandala(
    canvas: Canvas, rng: Random, x: float, y: float, shades: list[Colour], light: Colour
) -> None:
    count = rng.choice((8, 10, 12, 14, 16))
    reach, tier = rng.uniform(44, 78), 0
    while reach > 6:
        shade, other = shades[tier % 4], shades[(tier + 1) % 4]
        half = 180 / count * (tier % 2)
        kind = rng.randrange(4)
        if kind == 0:
            for i in range(count):
                aim = half + 360 * i / count
                width = reach * 4.6 / count
                canvas.poly(petal(x, y, reach, width, aim), shade)
                canvas.poly(petal(x, y, reach * 0.9, width * 0.72, aim), other)
                canvas.poly(petal(x, y, reach * 0.76, width * 0.35, aim), light)
        elif kind == 1:
            canvas.disc(x, y, reach, shade)
            for i in range(count * 2):
                spot = around(x, y, reach * 0.9, half + 180 * i / count)
                canvas.disc(*spot, reach * 0.075, light)
        elif kind == 2:
            for i in range(count):
                spot = around(x, y, reach * 0.82, half + 360 * i / count)
                canvas.disc(*spot, reach * 2.9 / count, shade)
                canvas.disc(*spot, reach * 1.7 / count, other)
            canvas.disc(x, y, reach * 0.82, shade)
        else:
            canvas.poly(star(x, y, reach, tips=count, depth=0.76, turn=half), shade)
            canvas.poly(star(x, y, reach * 0.93, tips=count, depth=0.76, turn=half), other)
        canvas.ring(x, y, reach * 0.74, light, 0.5)
        reach *= rng.uniform(0.62, 0.76)
        tier += 1
    canvas.disc(x, y, 4, light)


def _sitar(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    wood, dark, light = shades
    x, y, size = rng.uniform(15, 60), rng.uniform(50, 75), rng.uniform(15, 23)
    aim = rng.uniform(-70, -25)
    end = around(x, y, 120, aim)
    canvas.line(((x, y), end), mix(wood, BLACK, 0.25), size * 0.4)
    canvas.line(((x, y), end), wood, size * 0.3)
    canvas.disc(x, y, size + 0.8, mix(wood, BLACK, 0.4))
    canvas.disc(x, y, size, wood)
    canvas.poly(
        petal(*around(x, y, size * 1.5, aim + 180), size * 2.4, size * 1.1, aim),
        mix(wood, light, 0.25),
    )
    for i in range(16):
        spot = around(x, y, size * 1.15 + i * 4.6, aim)
        ends = [around(*spot, s * size * 0.19, aim + 90) for s in (-1, 1)]
        canvas.line(ends, light, 0.6)
    for i in range(5):
        start = around(*around(x, y, -size * 0.5, aim), (i - 2) * size * 0.06, aim + 90)
        canvas.line((start, around(*start, 130, aim)), light, 0.25)
    bridge = around(x, y, -size * 0.35, aim)
    canvas.line([around(*bridge, s * size * 0.28, aim + 90) for s in (-1, 1)], dark, 1.6)
    if rng.random() < 0.5:
        canvas.mirror()
