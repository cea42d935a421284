"""A stage: velvet folds, a spotlight, a spinning single, and leaning letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas, Point, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, colours, mix, pick_palette
from equigen.sandbox.shapes import star
from equigen.sandbox.words import Words

GRAIN = 0.18


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A stage: velvet folds, a spotlight, a spinning single, and leaning letters."""
    velvet, dark, light, trim = pick_palette(
        rng,
        "8e1f3b 2b0613 f6dca6 e9b44c",
        "1f6f78 08282c f7e6c4 e8754a",
        "5b2a86 1b0a2e f5d7e3 f0a202",
        "b5452c 3a100a fbe8c8 2f9c95",
        "d98fa0 6b2740 fff3e2 3a7ca5",
        "2a3d7c 0a1130 f3e2b3 e2577a",
        "c9a24a 5a3a10 fff7df 7a1f2b",
    )
    canvas.fill(dark)
    folds, lean = rng.randrange(7, 16), rng.uniform(-12, 12)
    for i in range(-2, folds + 2):
        x, width = 100 * i / folds, 100 / folds
        for part in range(6):
            share = abs(part - 2.5) / 3
            left = x + width * part / 6
            right = left + width / 5.5
            shape = [(left, 0), (right, 0), (right + lean, 101), (left + lean, 101)]
            canvas.poly(shape, mix(velvet, dark, share))
    x, y = rng.uniform(20, 80), rng.uniform(25, 75)
    layout = rng.randrange(3)
    y = y if layout == 0 else y * 0.3 + (22 if y < 50 else 46)
    if layout == 0:
        canvas.glow(x, y, rng.uniform(45, 75), light, 0.75)
        _record(canvas, (x, y), rng.uniform(20, 38), [trim, dark, light])
    elif layout == 1:
        lamp = rng.uniform(-10, 110)
        spread = rng.uniform(14, 30)
        canvas.poly([(lamp, -4), (x - spread, 86), (x + spread, 86)], mix(velvet, light, 0.55))
        canvas.oval((x - spread, 78, x + spread, 93), light)
        _microphone(canvas, x, 86, rng.uniform(46, 62), dark, trim)
    else:
        for i, shade in enumerate((trim, dark, light, velvet)):
            reach = 40 - i * rng.uniform(4, 8)
            canvas.oval((x - reach, y - reach * 0.8, x + reach, y + reach * 0.8), shade)
        canvas.poly(star(x, y, 17, tips=rng.choice((4, 5, 8)), depth=0.35), light)
    slant = rng.uniform(0.15, 0.35)
    low = y < 50 or layout == 1
    box = (6.0, 66.0, 94.0, 88.0) if low else (6.0, 7.0, 94.0, 30.0)
    canvas.write(
        words.artist, box, light, Face(weight=0.035, slant=slant), align="centre", place="middle",
        most_lines=2, echo=halo(dark, 0.6),
    )  # fmt: skip
    y = 90.0 if low else 31.5
    canvas.write(
        words.title, (8, y, 92, y + 5.5), mix(trim, light, 0.5),
        Face(weight=0.03, tracking=0.14, case="upper"),
        align="centre", most_lines=1, largest=5, echo=halo(dark),
    )  # fmt: skip


def _record(canvas: Canvas, at: Point, radius: float, shades: list[Colour]) -> None:
    (x, y), (label, dark, light) = at, shades
    canvas.disc(x, y, radius, colours("120f14")[0])
    for i in range(7):
        canvas.ring(x, y, radius * (0.93 - i * 0.075), (44, 40, 48), 0.35)
    for start in (20, 200):
        canvas.arc(x, y, radius * 0.8, (start, start + 35), (90, 84, 96), radius * 0.35)
    canvas.disc(x, y, radius * 0.38, label)
    canvas.ring(x, y, radius * 0.32, dark, 0.5)
    canvas.disc(x, y, radius * 0.07, light)


def _microphone(
    canvas: Canvas, x: float, foot: float, height: float, dark: Colour, trim: Colour
) -> None:
    canvas.rect((x - 0.8, foot - height, x + 0.8, foot), dark)
    canvas.oval((x - 8, foot - 2, x + 8, foot + 2), dark)
    head = foot - height
    canvas.oval((x - 6.5, head - 18, x + 6.5, head + 2), dark)
    canvas.oval((x - 5.3, head - 16.5, x + 5.3, head + 0.5), trim)
    for i in range(5):
        canvas.rect((x - 5.2, head - 14 + i * 2.8, x + 5.2, head - 13 + i * 2.8), dark)
