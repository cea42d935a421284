"""A screen: neon horizons, stacked waves, moire rings or pixels, and thin wide letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Align, Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, mix, pick_palette
from equigen.sandbox.shapes import around, curve, ngon, ridge
from equigen.sandbox.words import Words

GRAIN = 0.0


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A screen: neon horizons, stacked waves, moire rings or pixels, and thin wide letters."""
    dark, cold, hot, pale = pick_palette(
        rng,
        "0b0822 2de2e6 ff3864 f9f7ff",
        "05060f 00ffa3 7a5cff e8fff6",
        "0a0a0a f5f5f5 ff4d00 ffffff",
        "10002b c77dff ff9e00 f7e8ff",
        "001219 94d2bd ee9b00 fdf0d5",
        "f2f2ee 1f1f23 2f5bff 111111",
        "dfe6ff 2f2bff ff2e63 0b0b2a",
        "0f1b3d 4cc9f0 f72585 ffffff",
    )
    canvas.fill(dark)
    layout = rng.choice((_horizon, _stacked_waves, _moire, _pixels, _circuit))
    layout(canvas, rng, dark, cold, hot)
    face = Face(
        stretch=1.25, tracking=rng.uniform(0.05, 0.3), weight=rng.choice((0.0, 0.025)), case="lower"
    )
    place = rng.choice(("top", "bottom"))
    y = 6.0 if place == "top" else 84.0
    side: Align = rng.choice(("left", "right"))
    canvas.rect((0, y - 6.5, 100, y + 16.5), dark)
    canvas.write(
        words.artist, (5, y - 2.5, 95, y + 6.2), pale, face, align=side, place="middle",
        most_lines=1, largest=9,
    )  # fmt: skip
    canvas.write(
        words.title, (5, y + 8.6, 95, y + 12.6), hot, Face(tracking=0.1, weight=0.015), align=side,
        most_lines=1, largest=4.4,
    )  # fmt: skip


def _horizon(canvas: Canvas, rng: Random, dark: Colour, cold: Colour, hot: Colour) -> None:
    line, x = rng.uniform(45, 70), rng.uniform(25, 75)
    canvas.fade(dark, mix(dark, hot, 0.75), 90, (0, 0, 100, line))
    radius = rng.uniform(15, 30)
    canvas.disc(
        x, line - radius * 0.35, radius, mix(hot, (255, 220, 90), 0.55 if hot[0] > hot[2] else 0.0)
    )
    for i in range(9):
        y = line - i * radius * 0.16
        canvas.rect((0, y - radius * (0.08 - i * 0.008), 100, y), mix(dark, hot, 0.7 - 0.07 * i))
    if rng.random() < 0.6:
        canvas.poly(ridge(rng, line - 4, 9, roughness=0.6), mix(dark, cold, 0.25))
    canvas.rect((0, line, 100, 101), dark)
    for i in range(-16, 17):
        canvas.line(((x + i * 3.2, line), (x + i * 26, 101)), cold, 0.4)
    for i in range(12):
        y = line + (101 - line) * (i / 11) ** 2
        canvas.line(((0, y), (100, y)), cold, 0.3 + 0.4 * i / 11)


def _stacked_waves(canvas: Canvas, rng: Random, dark: Colour, cold: Colour, hot: Colour) -> None:
    count, centre, width = rng.randrange(18, 34), rng.uniform(30, 70), rng.uniform(10, 24)
    marked = rng.randrange(count)
    height = rng.uniform(10, 22)
    for i in range(count):
        base = 18 + 74 * i / count
        waves = [(rng.uniform(0.15, 0.9), rng.uniform(0, 6)) for _ in range(4)]

        def level(x: float, base: float = base, waves: list[tuple[float, float]] = waves) -> float:
            hill = math.exp(-(((x - centre) / width) ** 2))
            bumps = sum(math.sin(x * pace + phase) for pace, phase in waves) / 4
            return base - height * hill * abs(bumps)

        points = curve(level, 70)
        canvas.poly([*points, (100, base + 2), (0, base + 2)], dark)
        canvas.line(points, hot if i == marked else cold, 0.55)


def _moire(canvas: Canvas, rng: Random, _dark: Colour, cold: Colour, hot: Colour) -> None:
    step, width = rng.uniform(2.6, 5), rng.uniform(0.5, 1.6)
    for shade in (cold, hot):
        x, y = rng.uniform(10, 90), rng.uniform(10, 90)
        corners = rng.choice((0, 0, 3, 4, 6))
        turn = rng.uniform(0, 90)
        for i in range(1, int(95 / step)):
            if corners:
                points = ngon(x, y, i * step, corners, turn)
                canvas.line((*points, points[0]), shade, width)
            else:
                canvas.ring(x, y, i * step, shade, width)


def _pixels(canvas: Canvas, rng: Random, dark: Colour, cold: Colour, hot: Colour) -> None:
    count = rng.choice((8, 10, 14, 20))
    step, dense, twin = 100 / count, rng.uniform(0.3, 0.6), rng.random() < 0.6
    shades = (cold, cold, hot, mix(dark, cold, 0.5), mix(dark, hot, 0.5))
    waves = [rng.uniform(0.15, 0.7) for _ in range(2)]
    for row in range(count):
        for column in range(count):
            wave = math.sin(column * waves[0]) * math.cos(row * waves[1])
            if rng.random() < dense + wave * 0.45:
                place = min(column, count - 1 - column) if twin else column
                x, y = (place if rng.random() < 0.9 else column) * step, row * step
                shade = rng.choice(shades)
                for left in (x, 100 - step - x) if twin else (x,):
                    canvas.rect((left, y, left + step * 0.92, y + step * 0.92), shade)


def _circuit(canvas: Canvas, rng: Random, dark: Colour, cold: Colour, hot: Colour) -> None:
    canvas.glow(rng.uniform(10, 90), rng.uniform(10, 90), 70, mix(dark, hot, 0.5), 0.9)
    for i in range(rng.randrange(20, 40)):
        x, y = rng.randrange(21) * 5.0, rng.randrange(21) * 5.0
        aim, points = 45 * rng.randrange(8), [(x, y)]
        for _ in range(rng.randrange(2, 5)):
            x, y = around(x, y, rng.randrange(1, 5) * 5.0, aim)
            points.append((x, y))
            aim += rng.choice((-45, 45))
        shade = hot if i % 6 == 0 else cold
        canvas.line(points, shade, 1.1)
        for end in (points[0], points[-1]):
            canvas.disc(*end, 2.0, shade)
            canvas.disc(*end, 0.9, dark)
