"""Patio tiles, a fan snapped open, or the dots of a dress; red and black above all."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas, Point
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, Colour, ink_on, mix, pick_palette
from equigen.sandbox.shapes import (
    around,
    ngon,
    petal,
    star,
    wave,
)
from equigen.sandbox.words import Words

GRAIN = 0.12


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Patio tiles, a fan snapped open, or the dots of a dress; red and black above all."""
    red, dark, cream, ochre, blue = pick_palette(
        rng,
        "c8102e 140a0c f7e9d0 e0a030 1f4e8c",
        "a4161a 1a0f0a f4e3c1 d98e2b 2b6777",
        "e63946 0d1321 f1faee f4a261 1d5c9c",
        "9d0208 100505 ffe8c2 faa307 3a506b",
        "d1495b 241023 fbefdc edae49 00798c",
    )
    layout = rng.randrange(4)
    canvas.fill(rng.choice((red, dark, cream, ochre)))
    x, y = rng.uniform(28, 72), rng.uniform(48, 84)
    if layout == 0:
        _tiles(canvas, rng, [red, dark, cream, ochre, blue])
    elif layout == 1:
        ground, spot = rng.sample((red, dark, cream), 2)
        canvas.fill(ground)
        cloth, ribs = (red if ground != red else dark), (dark if ground != dark else red)
        _fan(canvas, rng, x, y, [cloth, ribs, cream if ground != cream else ochre, ochre])
        canvas.disc(rng.uniform(5, 95), rng.uniform(5, 60), rng.uniform(3, 7), spot)
    elif layout == 2:
        ground, spot = rng.choice(
            ((red, cream), (cream, red), (dark, red), (red, dark), (ochre, dark))
        )
        canvas.fill(ground)
        step, centre = rng.uniform(9, 18), rng.uniform(0, 100)
        canvas.dots(
            (-5, -5, 105, 105), spot, step, lambda a, b: 0.14 + 0.22 * abs(a + b - 2 * centre) / 150
        )
        for i in range(rng.randrange(3, 6)):
            base, swing, phase = 22 + 18 * i, rng.uniform(3, 7), rng.uniform(0, 6)
            hem = wave(base, swing, 6, phase, slope=rng.uniform(-0.1, 0.1))
            canvas.line(hem, dark if ground != dark else cream, rng.uniform(1.4, 3))
        canvas.turn(rng)
    else:
        _tiles(canvas, rng, [red, dark, cream, ochre, blue])
        _fan(canvas, rng, x, y, [red, dark, cream, ochre])
    if rng.random() < 0.5:
        canvas.mirror()
    place = rng.choice(("head", "foot", "middle"))
    top = {"head": 0.0, "foot": 73.0, "middle": 38.0}[place]
    ground = rng.choice((dark, red, cream))
    canvas.rect((0, top, 100, top + 27), ground)
    ink = ink_on(ground, dark, cream)
    canvas.rect((0, top + 1, 100, top + 1.7), ochre)
    canvas.rect((0, top + 25.3, 100, top + 26), ochre)
    face = Face(weight=0.03, slant=rng.choice((0.0, 0.25)), stretch=0.9, case="upper")
    canvas.write(
        words.artist, (6, top + 4, 94, top + 16.5), ink, face, place="middle", most_lines=1
    )
    canvas.write(
        words.title, (6, top + 18, 94, top + 23.5), ochre if ground != cream else red,
        Face(tracking=0.14, weight=0.02), place="middle", most_lines=1, largest=5.5,
    )  # fmt: skip


def _tiles(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    count = rng.choice((3, 4, 4, 5, 6))
    step = 100 / count
    ground, first, second, third = rng.sample(shades, 4)
    kind, turn = rng.randrange(4), rng.choice((0.0, 45.0))
    for row in range(count):
        for column in range(count):
            left, top = column * step, row * step
            x, y = left + step / 2, top + step / 2
            canvas.rect((left, top, left + step, top + step), ground)
            for corner in range(4):
                at = (left + step * (corner % 2), top + step * (corner // 2))
                start = (0, 90, 270, 180)[corner]
                for share, shade in ((0.5, first), (0.36, ground), (0.24, second)):
                    canvas.pie(*at, step * share, (start, start + 90), shade)
            _tile_heart(canvas, (x, y), step, (kind, turn), [ground, first, second, third])
    for i in range(1, count):
        canvas.rect((i * step - 0.25, 0, i * step + 0.25, 100), mix(ground, BLACK, 0.35))
        canvas.rect((0, i * step - 0.25, 100, i * step + 0.25), mix(ground, BLACK, 0.35))


def _tile_heart(
    canvas: Canvas, at: Point, step: float, pattern: tuple[int, float], shades: list[Colour]
) -> None:
    (x, y), (kind, turn), (ground, first, second, third) = at, pattern, shades
    match kind:
        case 0:
            canvas.poly(star(x, y, step * 0.44, tips=8, depth=0.55, turn=turn), third)
            canvas.poly(star(x, y, step * 0.22, tips=8, depth=0.5, turn=turn), ground)
        case 1:
            for i in range(4):
                canvas.poly(petal(x, y, step * 0.46, step * 0.26, turn + 90 * i), third)
            canvas.disc(x, y, step * 0.1, second)
        case 2:
            canvas.poly(ngon(x, y, step * 0.4, 4, turn), third)
            canvas.poly(ngon(x, y, step * 0.26, 4, turn + 45), first)
            canvas.disc(x, y, step * 0.12, ground)
        case _:
            for share, shade in ((0.42, third), (0.32, ground), (0.22, second), (0.1, ground)):
                canvas.disc(x, y, step * share, shade)


def _fan(canvas: Canvas, rng: Random, x: float, y: float, shades: list[Colour]) -> None:
    cloth, ribs, lace, trim = shades
    reach, folds = rng.uniform(44, 66), rng.randrange(11, 19)
    aim = rng.uniform(235, 305)
    spread = rng.uniform(120, 180)
    for i in range(folds):
        start, end = aim + spread * (i / folds - 0.5), aim + spread * ((i + 1) / folds - 0.5)
        canvas.pie(x, y, reach, (start, end), cloth if i % 2 else mix(cloth, BLACK, 0.2))
        rim = around(x, y, reach, (start + end) / 2)
        canvas.disc(*rim, reach * spread / folds / 115, lace)
        canvas.disc(*around(x, y, reach * 0.8, (start + end) / 2), 1.2, trim)
    canvas.arc(x, y, reach * 0.93, (aim - spread / 2, aim + spread / 2), trim, 1.1)
    canvas.arc(x, y, reach * 0.7, (aim - spread / 2, aim + spread / 2), lace, 0.8)
    canvas.pie(x, y, reach * 0.48, (aim - spread / 2, aim + spread / 2), ribs)
    for i in range(folds + 1):
        tip = around(x, y, reach * 0.97, aim + spread * (i / folds - 0.5))
        canvas.line(((x, y), tip), trim, 0.5)
    canvas.disc(x, y, 2.4, trim)
