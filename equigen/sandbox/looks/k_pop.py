"""A photocard: holographic pastels, outlined stickers, chrome bubbles, clean type."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas, Point, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, ink_on, mix, pick_palette
from equigen.sandbox.shapes import around, blob, heart, star
from equigen.sandbox.words import Words

GRAIN = 0.0


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A photocard: holographic pastels, outlined stickers, chrome bubbles, clean type."""
    palette = pick_palette(
        rng,
        "ffc8f0 c8e4ff d8c8ff fff3b8 b8f5e0 ff5fa8",
        "b8f5ff ffd6e8 fff0d6 d9ffd6 e0d6ff 4a6bff",
        "ffe0c8 ffb8d2 c8d0ff ffffff ffd6a8 ff4f6b",
        "d6ffe8 a8e6ff fff6c8 ffd6f5 c8c8ff 00b894",
        "1b1440 5f2bff ff4fd8 2bd9ff 14102e f5f03c",
        "f2f2f5 d9dde6 ffffff e6d9f2 d9f2ee 111827",
        "ff8fb8 ff5f8f ffb86b ffe08f ff7fd0 ffffff",
    )
    accent = palette.pop()
    canvas.wash(palette, rng, cells=rng.choice((3, 4, 5, 7)))
    layout = rng.choice((_stickers, _one_sticker, _bubbles, _checks))
    layout(canvas, rng, accent, palette)
    canvas.frame((4, 4, 96, 96), WHITE, 0.6)
    style = rng.randrange(3)
    box = ((8.0, 76.0, 92.0, 90.0), (8.0, 9.0, 92.0, 24.0), (8.0, 40.0, 92.0, 58.0))[style]
    ink = canvas.ink(box, (22, 18, 40), WHITE)
    rim = WHITE if ink != WHITE else mix(accent, BLACK, 0.3)
    face = Face(
        weight=rng.choice((0.0, 0.05)),
        tracking=rng.uniform(0.02, 0.25),
        stretch=rng.uniform(0.9, 1.3),
    )
    lines = [words.artist, words.title] if words.artist else [words.title, ""]
    canvas.write(
        lines[0], box, ink, face, align="centre", place="middle", most_lines=1, largest=15,
        echo=halo(rim, 0.6),
    )  # fmt: skip
    canvas.write(
        lines[1], (10, box[3] + 0.5, 90, box[3] + 4.3), ink, Face(tracking=0.25, weight=0.03),
        align="centre", most_lines=1, largest=3.8, echo=halo(rim, 0.35),
    )  # fmt: skip


def _stickers(canvas: Canvas, rng: Random, accent: Colour, palette: list[Colour]) -> None:
    strong = [accent, mix(accent, BLACK, 0.35), *(mix(shade, accent, 0.55) for shade in palette)]
    for _ in range(rng.randrange(6, 13)):
        at = (rng.uniform(2, 98), rng.uniform(2, 98))
        _sticker(canvas, rng, at, rng.uniform(6, 18), rng.choice(strong))


def _one_sticker(canvas: Canvas, rng: Random, accent: Colour, palette: list[Colour]) -> None:
    at = (rng.uniform(28, 72), rng.uniform(28, 72))
    shade = accent if rng.random() < 0.6 else mix(rng.choice(palette), accent, 0.6)
    _sticker(canvas, rng, at, rng.uniform(24, 38), shade)
    for _ in range(rng.randrange(4, 10)):
        spot = rng.uniform(2, 98), rng.uniform(2, 98)
        canvas.poly(star(*spot, rng.uniform(2, 7), tips=4, depth=0.22), WHITE)


def _bubbles(canvas: Canvas, rng: Random, accent: Colour, palette: list[Colour]) -> None:
    for _ in range(rng.randrange(5, 10)):
        at = (rng.uniform(0, 100), rng.uniform(0, 100))
        _bubble(canvas, at, rng.uniform(6, 24), mix(rng.choice(palette), accent, 0.25))
    canvas.ring(rng.uniform(28, 72), rng.uniform(28, 72), rng.uniform(25, 40), accent, 1.6)


def _checks(canvas: Canvas, rng: Random, accent: Colour, palette: list[Colour]) -> None:
    inset, count = rng.uniform(7, 18), rng.choice((3, 4, 5, 8))
    canvas.rect((inset, inset, 100 - inset, 100 - inset), WHITE)
    shades = (accent, mix(accent, WHITE, 0.4), *palette[:2])
    width = (100 - 2 * inset - 6) / count
    for i in range(count):
        for j in range(count):
            if (i + j) % 2 or rng.random() < 0.15:
                left, top = inset + 3 + i * width, inset + 3 + j * width
                canvas.rect((left, top, left + width, top + width), rng.choice(shades))
    at = (rng.uniform(28, 72), rng.uniform(28, 72))
    _sticker(canvas, rng, at, rng.uniform(16, 26), mix(accent, BLACK, 0.2))


def _sticker(canvas: Canvas, rng: Random, at: Point, size: float, shade: Colour) -> None:
    (x, y), kind, turn = at, rng.randrange(5), rng.uniform(0, 90)
    soft = blob(0, 0, 1, rng, 0.35)
    for grow, colour in ((1.2, WHITE), (1.0, shade)):
        reach = size * grow
        match kind:
            case 0:
                canvas.poly(heart(x, y, reach), colour)
            case 1:
                canvas.poly(star(x, y, reach * 1.1, tips=5, depth=0.55, turn=turn), colour)
            case 2:
                canvas.poly([(x + a * reach, y + b * reach) for a, b in soft], colour)
            case 3:
                for i in range(5):
                    canvas.disc(*around(x, y, size * 0.55, turn + 72 * i), reach * 0.45, colour)
            case _:
                canvas.poly(star(x, y, reach * 1.15, tips=12, depth=0.82, turn=turn), colour)
    canvas.glow(x - size * 0.3, y - size * 0.35, size * 0.45, WHITE, 0.55)
    if kind in {2, 3, 4} and size > 8:
        ink = ink_on(shade)
        for side in (-1, 1):
            canvas.disc(x + side * size * 0.26, y - size * 0.05, size * 0.08, ink)
        canvas.arc(x, y + size * 0.02, size * 0.22, (20, 160), ink, size * 0.06)


def _bubble(canvas: Canvas, at: Point, radius: float, shade: Colour) -> None:
    x, y = at
    canvas.disc(x, y, radius, mix(shade, (90, 90, 140), 0.35))
    canvas.disc(x - radius * 0.05, y - radius * 0.06, radius * 0.92, mix(shade, WHITE, 0.2))
    canvas.glow(x - radius * 0.3, y - radius * 0.35, radius * 0.65, WHITE, 1.0)
    canvas.glow(x + radius * 0.4, y + radius * 0.45, radius * 0.4, WHITE, 0.7)
    canvas.arc(x, y, radius * 0.85, (20, 80), WHITE, radius * 0.05)
