"""Woven bands of zigzags, diamonds and eyes around a mask or a rising fist of rays."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, mix, pick_palette
from equigen.sandbox.shapes import star
from equigen.sandbox.words import Words

GRAIN = 0.18


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Woven bands of zigzags, diamonds and eyes around a mask or a rising fist of rays."""
    *shades, dark, light = pick_palette(
        rng,
        "f2a20c d7401f 0f7173 7d1d3f 17110d fbe9c6",
        "f7c548 2a9134 d64933 1b3b6f 12100e fff1d0",
        "ef8354 4f5d75 f2d0a9 b23a48 1a1423 fff3e0",
        "ffb703 fb8500 023047 219ebc 0b0f14 fdf0d5",
        "c9d6a3 e07a5f 3d405b 81b29a 1c1a24 f4f1de",
        "e4b363 e8e9eb ef6461 313638 161616 fffaf0",
    )
    canvas.fill(rng.choice((*shades, dark)))
    y, sideways = 0.0, rng.random() < 0.5
    while y < 100:
        height = rng.uniform(7, 19)
        _woven(canvas, rng, y, height, rng.sample((*shades, dark, light), 3))
        y += height
    if sideways:
        canvas.turn(rng)
    x, y = rng.uniform(30, 70), rng.uniform(36, 58)
    reach = rng.uniform(22, 33)
    back = rng.choice(shades)
    if rng.random() < 0.5:
        tips = rng.randrange(14, 30)
        canvas.poly(star(x, y, reach * 1.35, tips=tips, depth=0.78), dark)
        canvas.disc(x, y, reach, back)
        canvas.ring(x, y, reach * 0.9, light, 1)
        _mask(canvas, rng, x, y, reach * 0.72, [dark, *rng.sample(shades, 2), light])
    else:
        canvas.rect((x - reach, y - reach, x + reach, y + reach), dark)
        canvas.rect((x - reach + 2, y - reach + 2, x + reach - 2, y + reach - 2), back)
        _mask(canvas, rng, x, y, reach * 0.85, [dark, *rng.sample(shades, 2), light])
    canvas.rect((0, 74, 100, 96), dark)
    canvas.rect((0, 75, 100, 75.8), light)
    canvas.rect((0, 94.2, 100, 95), light)
    face = Face(weight=0.06, stretch=rng.uniform(0.8, 1.1), case="upper")
    canvas.write(
        words.artist, (5, 77, 95, 86.5), shades[0] if sum(shades[0]) > 330 else light, face,
        align="centre", place="middle", most_lines=2,
    )  # fmt: skip
    canvas.write(
        words.title, (5, 88, 95, 93.2), light, Face(weight=0.03, tracking=0.1), align="centre",
        place="middle", most_lines=1, largest=5,
    )  # fmt: skip


def _woven(canvas: Canvas, rng: Random, top: float, height: float, shades: list[Colour]) -> None:
    ground, first, second = shades
    canvas.rect((0, top, 100, top + height), ground)
    step = rng.choice((6.25, 10, 12.5, 20))
    middle = top + height / 2
    kind = rng.randrange(6)
    for i in range(int(100 / step) + 1):
        x = i * step
        shade = first if i % 2 else second
        match kind:
            case 0:
                canvas.poly(
                    [(x, top + height), (x + step / 2, top), (x + step, top + height)], shade
                )
            case 1:
                diamond = [(x, middle), (x + step / 2, top), (x + step, middle)]
                canvas.poly([*diamond, (x + step / 2, top + height)], shade)
                canvas.disc(x + step / 2, middle, min(step, height) * 0.16, ground)
            case 2:
                canvas.rect((x, top, x + step / 2, middle), first)
                canvas.rect((x + step / 2, middle, x + step, top + height), second)
            case 3:
                canvas.disc(x + step / 2, middle, min(step, height) * 0.42, shade)
                canvas.disc(x + step / 2, middle, min(step, height) * 0.2, ground)
            case 4:
                zigzag = [(x, top + height * 0.75), (x + step / 2, top + height * 0.25)]
                canvas.line([*zigzag, (x + step, top + height * 0.75)], first, height * 0.2)
            case _:
                canvas.rect((x, top, x + step * 0.3, top + height), shade)


def _mask(
    canvas: Canvas, rng: Random, x: float, y: float, size: float, shades: list[Colour]
) -> None:
    dark, first, second, light = shades
    narrow = rng.uniform(0.5, 0.75)
    face = [(x - size * narrow, y - size * 0.75), (x + size * narrow, y - size * 0.75)]
    face += [(x + size * narrow * 0.95, y + size * 0.25), (x + size * 0.2, y + size)]
    face += [(x - size * 0.2, y + size), (x - size * narrow * 0.95, y + size * 0.25)]
    canvas.poly(face, first)
    canvas.poly([face[0], (x, y - size * 0.75), (x, y + size), *face[4:]], mix(first, dark, 0.3))
    canvas.oval((x - size * narrow, y - size, x + size * narrow, y - size * 0.5), second)
    for side in (-1, 1):
        eye_x, eye_y = x + side * size * narrow * 0.5, y - size * 0.1
        canvas.oval(
            (eye_x - size * 0.22, eye_y - size * 0.1, eye_x + size * 0.22, eye_y + size * 0.1), dark
        )
        canvas.oval(
            (eye_x - size * 0.17, eye_y - size * 0.04, eye_x + size * 0.17, eye_y + size * 0.04),
            light,
        )
        for i in range(3):
            canvas.disc(eye_x, eye_y + size * (0.2 + i * 0.11), size * 0.035, light)
    canvas.poly(
        [
            (x - size * 0.06, y - size * 0.4),
            (x + size * 0.06, y - size * 0.4),
            (x + size * 0.15, y + size * 0.3),
            (x - size * 0.15, y + size * 0.3),
        ],
        dark,
    )
    canvas.oval((x - size * 0.22, y + size * 0.45, x + size * 0.22, y + size * 0.7), dark)
    canvas.rect((x - size * 0.15, y + size * 0.55, x + size * 0.15, y + size * 0.59), light)
    for i in range(5):
        canvas.disc(x + (i - 2) * size * 0.2, y - size * 0.72, size * 0.05, light)
