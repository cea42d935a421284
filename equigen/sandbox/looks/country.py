"""Wide open: a striped sunset behind mesas or prairie, and letters off a saloon door."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, Colour, mix, pick_palette
from equigen.sandbox.shapes import ridge
from equigen.sandbox.words import Words

GRAIN = 0.2


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Wide open: a striped sunset behind mesas or prairie, and letters off a saloon door."""
    *bands, land, ink = pick_palette(
        rng,
        "f6d59a f0a95b e2724a b8433f 7a2f3c 2e1c26 fdf0d5",
        "dff0ea a9d8d0 f3c98b e88d5a c4553f 3d2a2c fff6e0",
        "fbe3c0 f2b6a0 d97c86 9a4f78 5a3666 22172f ffeccb",
        "f9efd2 e9c46a d69a3c a5682a 6b4423 2a1c12 fff3d6",
        "2f4858 33658a 86bbd8 f6ae2d f26419 1d1a20 fff1d0",
    )
    if rng.random() < 0.4:
        bands = bands[::-1]
    horizon = rng.uniform(50, 80)
    for i, shade in enumerate(bands):
        canvas.rect((0, horizon * i / len(bands), 100, horizon + 1), shade)
    x, radius = rng.uniform(15, 85), rng.uniform(12, 34)
    sun = mix(bands[0], (255, 250, 220), 0.5) if rng.random() < 0.5 else ink
    canvas.disc(x, horizon - rng.uniform(-4, radius * 0.9), radius, sun)
    _mesas(canvas, rng, horizon, mix(land, bands[-1], 0.45), rng.uniform(8, 30))
    canvas.poly(ridge(rng, horizon + 6, 4, roughness=0.4), land)
    if rng.random() < 0.55:
        _cactus(canvas, rng.uniform(8, 92), horizon + 22, rng.uniform(28, 52), land)
    else:
        _fence(canvas, rng, horizon + 14, mix(land, ink, 0.55))
    high = horizon > 62 and rng.random() < 0.6
    box = (7.0, 6.0, 93.0, 38.0) if high else (7.0, max(horizon, 62.0), 93.0, 90.0)
    face = Face(weight=0.05, stretch=rng.uniform(0.75, 1.0), case="upper", leading=1.0)
    shadow = land if high else BLACK
    _, _, _, below = canvas.write(
        words.artist, box, ink, face, align="centre", place="middle", echo=((0.9, 0.9, shadow),)
    )
    y = min(below + 1.5, 91)
    canvas.write(
        words.title, (8, y, 92, y + 6), ink, Face(slant=0.2, weight=0.02), align="centre",
        largest=6.5, echo=((0.4, 0.4, shadow),),
    )  # fmt: skip
    canvas.frame((3, 3, 97, 97), ink, 0.7)


def _mesas(canvas: Canvas, rng: Random, horizon: float, colour: Colour, height: float) -> None:
    x = rng.uniform(-15, 10)
    while x < 100:
        width, top = rng.uniform(12, 30), horizon - height * rng.uniform(0.3, 1)
        flat = width * rng.uniform(0.15, 0.3)
        sides = [(x, horizon + 8), (x + flat, top), (x + width - flat, top)]
        canvas.poly([*sides, (x + width, horizon + 8)], colour)
        x += width + rng.uniform(-4, 26)


def _cactus(canvas: Canvas, x: float, foot: float, height: float, colour: Colour) -> None:
    thick = height * 0.13
    canvas.rect((x - thick / 2, foot - height, x + thick / 2, foot), colour)
    canvas.disc(x, foot - height, thick / 2, colour)
    for side, rise in ((-1, 0.42), (1, 0.58)):
        elbow, y = x + side * height * 0.22, foot - height * rise
        tip = y - height * 0.24
        canvas.line(((x, y), (elbow, y), (elbow, tip)), colour, thick * 0.8)
        canvas.disc(elbow, y, thick * 0.4, colour)
        canvas.disc(elbow, tip, thick * 0.4, colour)


def _fence(canvas: Canvas, rng: Random, y: float, colour: Colour) -> None:
    step, lean = rng.uniform(13, 24), rng.uniform(-3, 3)
    for i in range(10):
        x = -5 + i * step
        canvas.rect((x, y - 12 + lean * i / 4, x + 2.4, y + 9), colour)
    for rail in (-8, -2):
        canvas.line(((0, y + rail), (100, y + rail + lean)), colour, 1.5)
