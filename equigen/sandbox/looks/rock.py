"""Seventies grandeur: rainbow waves, planets, prisms and wings under heavy letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from itertools import pairwise
from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, mix, pick_palette
from equigen.sandbox.shapes import around, band, ngon, petal, wave
from equigen.sandbox.words import Words

GRAIN = 0.18


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Seventies grandeur: rainbow waves, planets, prisms and wings under heavy letters."""
    *bands, dark, light = pick_palette(
        rng,
        "f2c14e f78154 b4436c 5b2e6b 17142b fdf3d8",
        "e8e1c9 d9a441 c4532d 7d2230 1a1014 fff4dc",
        "9ad1d4 3f88a5 f2b134 e4572e 0f1f2b fdf6e3",
        "d6e3b5 8fb35a e2a72e a8452b 14210f fffbe6",
        "f1e0ff b58bff ff7ab6 ff9b54 160f2e ffffff",
        "d8d3c8 a39e93 6e6a63 b8322a 141312 f7f3ea",
    )
    layout = rng.choice((_rock_waves, _rock_planet, _rock_prism, _rock_wings))
    if rng.random() < 0.4:
        canvas.fade(mix(light, bands[0], 0.5), bands[1], rng.choice((90, 45, 135)))
        ground, ink = light, dark
    else:
        canvas.fade(dark, mix(dark, bands[-1], 0.6), rng.choice((90, -90, 45)))
        ground, ink = dark, light
    layout(canvas, rng, bands, ground, ink)
    if rng.random() < 0.5:
        canvas.mirror()
    low = rng.random() < 0.5
    box = (5.0, 68.0, 95.0, 90.0) if low else (5.0, 5.0, 95.0, 27.0)
    face = Face(
        weight=0.06, slant=rng.choice((0.0, 0.0, 0.25)), stretch=rng.uniform(0.8, 1.2), case="upper"
    )
    canvas.write(
        words.artist, box, ink, face, align="centre", place="middle", most_lines=2,
        echo=((1.6, 1.6, bands[-1]), (0.8, 0.8, ground)),
    )  # fmt: skip
    y = 91.5 if low else 28.5
    canvas.write(
        words.title, (6, y, 94, y + 5.5), ink, Face(weight=0.025, tracking=0.12), align="centre",
        most_lines=1, largest=5.4, echo=((0.4, 0.4, ground), (-0.3, -0.3, ground)),
    )  # fmt: skip


def _rock_waves(
    canvas: Canvas, rng: Random, bands: list[Colour], _ground: Colour, ink: Colour
) -> None:
    x, y = rng.uniform(15, 85), rng.uniform(20, 60)
    canvas.disc(x, y, rng.uniform(7, 18), ink)
    base, swing, pace, slope = (
        rng.uniform(20, 65),
        rng.uniform(6, 18),
        rng.uniform(14, 30),
        rng.uniform(-0.4, 0.4),
    )
    phase, width = rng.uniform(0, 6), rng.uniform(5, 9)
    lines = [
        wave(base + n * width, swing, pace, phase, slope=slope) for n in range(len(bands) * 2 + 1)
    ]
    for number, (upper, lower) in enumerate(pairwise(lines)):
        canvas.poly(band(upper, lower), bands[number % len(bands)])


def _rock_planet(
    canvas: Canvas, rng: Random, bands: list[Colour], ground: Colour, ink: Colour
) -> None:
    for _ in range(90):
        canvas.disc(rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(0.15, 0.55), ink)
    x, y, radius = rng.uniform(20, 80), rng.uniform(30, 72), rng.uniform(18, 36)
    lean, flat = rng.uniform(-0.6, 0.6), rng.uniform(0.12, 0.24)

    def ring_point(reach: float, degrees: float) -> tuple[float, float]:
        across, down = around(0, 0, reach, degrees)
        down = down * flat + across * lean
        return x + across, y + down

    def ring(start: int, stop: int) -> None:
        for i, shade in enumerate(bands[:3]):
            reach = radius * (1.9 - i * 0.17)
            points = [ring_point(reach, degrees) for degrees in range(start, stop + 1, 4)]
            canvas.line(points, shade, radius * 0.1)

    ring(180, 360)
    canvas.disc(x, y, radius, bands[-1])
    canvas.glow(x - radius * 0.35, y - radius * 0.35, radius * 0.9, bands[0], 0.9)
    for i in range(rng.randrange(2, 5)):
        canvas.arc(
            x, y - radius * 0.2 * i, radius * 0.8, (30, 120), mix(bands[1], ground, 0.3), 1.2
        )
    ring(0, 180)
    canvas.disc(rng.uniform(5, 95), rng.uniform(10, 90), rng.uniform(2, 6), bands[0])


def _rock_prism(
    canvas: Canvas, rng: Random, bands: list[Colour], ground: Colour, ink: Colour
) -> None:
    x, y, size = rng.uniform(35, 65), rng.uniform(42, 62), rng.uniform(18, 30)
    corners = rng.choice((3, 3, 4, 6))
    spread, aim = rng.uniform(3, 6), rng.uniform(-30, 30)
    for side in (0, 180):
        for i, shade in enumerate(bands):
            middle = aim + side + (i - len(bands) / 2) * spread
            ends = [around(x, y, 150, middle), around(x, y, 150, middle + spread)]
            canvas.poly([(x, y), *ends], shade)
    turn = rng.choice((-90.0, 90.0, 0.0))
    canvas.poly(ngon(x, y, size + 2.4, corners, turn), ink)
    canvas.poly(ngon(x, y, size, corners, turn), ground)
    for i in range(3):
        canvas.poly(ngon(x, y, size * (0.7 - i * 0.22), corners, turn), bands[i])


def _rock_wings(
    canvas: Canvas, rng: Random, bands: list[Colour], ground: Colour, ink: Colour
) -> None:
    x, y, feathers = 50, rng.uniform(48, 62), rng.randrange(7, 12)
    rise = rng.uniform(-35, 25)
    canvas.disc(x, y + rng.uniform(-16, 10), rng.uniform(22, 36), bands[0])
    for side in (1, -1):
        for i in range(feathers):
            share = i / feathers
            aim = (rise - 30 + 85 * share) * side + (0 if side == 1 else 180)
            length = 58 - 34 * share
            canvas.poly(petal(x, y, length, 11, aim), ground)
            canvas.poly(petal(x, y, length - 1.5, 8.6, aim), bands[i % len(bands)])
    bolt = ((-3, -20), (6, -20), (1, -3), (8, -3), (-6, 26), (-1, 4), (-8, 4))
    canvas.poly([(x + a * 1.35, y + b * 1.2) for a, b in bolt], ground)
    canvas.poly([(x + a, y + b) for a, b in bolt], ink)
