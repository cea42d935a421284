"""Much air: a big moon, ink mountains, rain on a city window, and a red seal."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Align, Canvas, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import (
    around,
    ridge,
    wave,
)
from equigen.sandbox.words import Words

GRAIN = 0.08


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Much air: a big moon, ink mountains, rain on a city window, and a red seal."""
    paper, ink, wash, warm, seal = pick_palette(
        rng,
        "f4efe6 2b2d42 8d99ae e8a598 c1272d",
        "e8eef2 1f3a4d 7fa6b8 f2c6a0 b8322a",
        "23395b e9f1f7 8ea8c3 f2b880 d1402f",
        "fbeee6 4a3f55 b8a1c4 f29e8e c8353a",
        "dfe8d8 2d4a3e 8fb09a e9c77b b5302a",
        "2c1e3a f7e6ee a384b5 f4a88a e0474c",
        "f7e3da 7a3b4a d49a9a f2c57c 9e1b32",
    )
    canvas.fade(paper, mix(paper, wash, rng.uniform(0.35, 0.9)), rng.choice((90, -90, 60, 120)))
    layout = rng.randrange(4)
    x, y, radius = rng.uniform(15, 85), rng.uniform(18, 60), rng.uniform(10, 33)
    if layout == 0:
        canvas.disc(x, y, radius, warm)
        for i in range(rng.randrange(3, 6)):
            base = 52 + 10 * i
            canvas.poly(
                ridge(rng, base, 15 - 2 * i, roughness=0.55), mix(mix(paper, wash, 0.7), ink, i / 6)
            )
    elif layout == 1:
        _rainy_window(canvas, rng, [paper, ink, wash, warm])
    elif layout == 2:
        canvas.disc(x, y, radius * 1.3, mix(paper, WHITE, 0.5))
        _branch(canvas, rng, [ink, warm, seal])
    else:
        for i in range(rng.randrange(5, 9)):
            swing, pace, phase = rng.uniform(2, 7), rng.uniform(7, 16), rng.uniform(0, 6)
            sea = wave(40 + 9 * i, swing, pace, phase)
            canvas.poly([*sea, (100, 101), (0, 101)], mix(mix(wash, paper, 0.4), ink, i / 11))
        canvas.disc(x, y, radius, warm)
        boat = rng.uniform(20, 80)
        canvas.poly([(boat - 9, 62), (boat + 9, 62), (boat + 5, 66.5), (boat - 5, 66.5)], ink)
        canvas.poly([(boat, 60.5), (boat, 44), (boat + 9, 60.5)], seal)
    if rng.random() < 0.5:
        canvas.mirror()
    high = rng.random() < 0.5
    side: Align = rng.choice(("left", "right"))
    box = (8.0, 7.0, 92.0, 20.0) if high else (8.0, 76.0, 92.0, 89.0)
    letters = canvas.ink((8, box[1], 92, box[3]), min(ink, paper, key=sum), WHITE)
    dark, pale = min(ink, paper, key=sum), max(ink, paper, key=sum)
    rim = mix(pale, wash, 0.3) if letters != WHITE else dark
    lines = [words.title, words.artist] if words.title else [words.artist, ""]
    canvas.write(
        lines[0], box, letters, Face(tracking=0.06, weight=0.012), align=side, place="middle",
        most_lines=2, largest=9, echo=halo(rim, 0.35),
    )  # fmt: skip
    canvas.write(
        lines[1], (8, box[3] + 1, 92, box[3] + 5), letters, Face(tracking=0.2, weight=0.02),
        align=side, most_lines=1, largest=4, echo=halo(rim, 0.3),
    )  # fmt: skip
    left = 9.0 if side == "right" or not lines[0] else 80.0
    top = rng.uniform(66, 74) if high else rng.uniform(8, 16)
    _seal(canvas, rng, left, top, rng.uniform(9, 12), seal)


def _rainy_window(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    paper, ink, wash, warm = shades
    for _ in range(rng.randrange(12, 24)):
        x, y, radius = rng.uniform(0, 100), rng.uniform(20, 95), rng.uniform(3, 12)
        canvas.disc(x, y, radius, mix(rng.choice((warm, wash, paper)), wash, rng.uniform(0.1, 0.6)))
    left = rng.uniform(-10, 5)
    while left < 100:
        width, top = rng.uniform(7, 18), rng.uniform(35, 85)
        canvas.rect((left, top, left + width, 101), mix(ink, wash, rng.uniform(0.2, 0.6)))
        for i in range(int((98 - top) / 5)):
            if rng.random() < 0.5:
                canvas.rect((left + 2, top + 2 + i * 5, left + width - 2, top + 4 + i * 5), warm)
        left += width + rng.uniform(-2, 4)
    lean = rng.uniform(-8, 8)
    for _ in range(70):
        x, y, length = rng.uniform(-5, 105), rng.uniform(-5, 100), rng.uniform(4, 12)
        canvas.line(((x, y), (x + lean * length / 12, y + length)), mix(paper, WHITE, 0.4), 0.3)
    bars = rng.choice((1, 2, 3))
    for i in range(1, bars + 1):
        at = 100 * i / (bars + 1)
        canvas.rect((at - 0.9, 0, at + 0.9, 100), ink)
    canvas.rect((0, 42, 100, 43.6), ink)


def _branch(canvas: Canvas, rng: Random, shades: list[Colour]) -> None:
    ink, blossom, heart_colour = shades
    for _ in range(rng.randrange(1, 4)):
        x, y, aim = rng.choice((-3.0, 20.0)), rng.uniform(5, 80), rng.uniform(-35, 35)
        thick = rng.uniform(1.8, 3.2)
        for i in range(rng.randrange(9, 14)):
            next_x, next_y = around(x, y, 8, aim)
            canvas.line(((x, y), (next_x, next_y)), ink, thick * (1 - i / 16))
            x, y = next_x, next_y
            aim += rng.uniform(-24, 24)
            if rng.random() < 0.5:
                twig = around(x, y, rng.uniform(5, 14), aim + rng.choice((-50, 50)))
                canvas.line(((x, y), twig), ink, 0.7)
                x2, y2 = twig
            else:
                x2, y2 = x, y
            size = rng.uniform(2, 4.2)
            for k in range(5):
                canvas.disc(*around(x2, y2, size * 0.62, 72 * k + aim), size * 0.52, blossom)
            canvas.disc(x2, y2, size * 0.25, heart_colour)


def _seal(canvas: Canvas, rng: Random, left: float, top: float, size: float, red: Colour) -> None:
    """Stamp a seal whose strokes only look like writing."""
    canvas.rect((left, top, left + size, top + size), red)
    pale, inner = (252, 240, 232), size - 2.4
    canvas.frame((left + 0.9, top + 0.9, left + size - 0.9, top + size - 0.9), pale, 0.35)
    for cell in range(4):
        x, y = left + 1.6 + (cell % 2) * inner / 2, top + 1.6 + (cell // 2) * inner / 2
        step = (inner / 2 - 0.6) / 3
        for i in range(4):
            if rng.random() < 0.8:
                canvas.line(((x, y + i * step), (x + step * 3, y + i * step)), pale, 0.4)
            if rng.random() < 0.55:
                start = rng.randrange(2)
                canvas.line(
                    ((x + i * step, y + start * step), (x + i * step, y + 3 * step)), pale, 0.4
                )
