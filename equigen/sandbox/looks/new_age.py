"""Stillness: aurora, layered mist, ripples or a lotus of light, and wide thin letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas, Point, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, Colour, mix, pick_palette
from equigen.sandbox.shapes import band, petal, ridge, wave
from equigen.sandbox.words import Words

GRAIN = 0.05


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Stillness: aurora, layered mist, ripples or a lotus of light, and wide thin letters."""
    first, second, third, light = pick_palette(
        rng,
        "1b3b6f 3fa7a3 c9e4ca fdfbf0",
        "2d1e5f 7b5ea7 f2b5d4 fff6fb",
        "0b3c49 13747d e7c8a0 fff7e6",
        "f7d6bf e0a1a8 8a7fb9 ffffff",
        "bfe3e0 7fb7be 4a6fa5 ffffff",
        "10204a 2e6f95 8fd694 f4fff0",
        "fbe9c6 f0b67f d6706a fffdf5",
        "163832 3f7d5a d7e8a0 fbfff0",
    )
    canvas.wash((first, second, third, mix(first, second, 0.5)), rng, cells=rng.choice((3, 4, 5)))
    x, y = rng.uniform(22, 78), rng.uniform(26, 64)
    layout = rng.choice((_hills, _lotus, _ripples, _streams))
    layout(canvas, rng, (x, y), [first, second, third, light])
    if rng.random() < 0.5:
        canvas.mirror()
    low = y < 45
    box = (12.0, 72.0, 88.0, 84.0) if low else (12.0, 8.0, 88.0, 20.0)
    deep = mix(min(first, second, third, key=sum), BLACK, 0.45)
    ink = canvas.ink(box, deep, light)
    rim = deep if ink == light else mix(light, second, 0.3)
    canvas.write(
        words.title, box, ink, Face(tracking=0.18, case="upper", weight=0.012), align="centre",
        place="middle", most_lines=2, largest=8, echo=halo(mix(rim, second, 0.25), 0.3),
    )  # fmt: skip
    canvas.write(
        words.artist, (12, box[3] + 1.5, 88, box[3] + 6), ink, Face(tracking=0.12, weight=0.015),
        align="centre", most_lines=1, largest=4.6, echo=halo(mix(rim, second, 0.25), 0.25),
    )  # fmt: skip


def _hills(canvas: Canvas, rng: Random, at: Point, shades: list[Colour]) -> None:
    first, second, _, light = shades
    canvas.glow(*at, 45, light, 0.9)
    canvas.disc(*at, rng.uniform(6, 17), light)
    for i in range(5):
        hills = ridge(rng, 56 + 11 * i, 14 - i, roughness=0.42)
        canvas.poly(hills, mix(mix(light, second, 0.55), first, (i + 0.6) / 5))


def _lotus(canvas: Canvas, rng: Random, at: Point, shades: list[Colour]) -> None:
    first, second, third, light = shades
    count = rng.choice((6, 8, 10, 12, 16))
    canvas.glow(*at, 60, light, 0.8)
    for tier, shade in enumerate((mix(second, light, 0.25), mix(third, light, 0.5), light)):
        length = 40 - 11 * tier
        for i in range(count):
            aim = 360 * (i + tier / 2) / count
            canvas.poly(petal(*at, length, 190 / count, aim), mix(shade, first, 0.25))
            canvas.poly(petal(*at, length - 1.2, 165 / count, aim), shade)
    canvas.disc(*at, 4, third)


def _ripples(canvas: Canvas, rng: Random, at: Point, shades: list[Colour]) -> None:
    _, second, _, light = shades
    step = rng.uniform(3.5, 6.5)
    canvas.glow(*at, 50, light, 0.9)
    for i in range(16):
        reach = 4 + i * step * (1 + i / 30)
        canvas.ring(*at, reach, mix(light, second, i / 20), 1.2 - i * 0.06)
    canvas.disc(*at, 3.2, light)


def _streams(canvas: Canvas, rng: Random, at: Point, shades: list[Colour]) -> None:
    light = shades[3]
    canvas.glow(*at, 40, light, 0.8)
    for i in range(rng.randrange(4, 7)):
        base, swing, depth = rng.uniform(10, 80), rng.uniform(6, 18), rng.uniform(6, 24)
        upper = wave(base, swing, rng.uniform(12, 26), rng.uniform(0, 6))
        shade = mix(shades[i % 3], light, rng.uniform(0.1, 0.6))
        canvas.poly(band(upper, [(a, b + depth) for a, b in upper]), shade)
    for _ in range(60):
        canvas.disc(rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(0.15, 0.5), light)
