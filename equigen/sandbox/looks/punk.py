"""A photocopied collage: torn paper, tape, a coarse screen, and a ransom note."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, ink_on, mix, pick_palette
from equigen.sandbox.shapes import around, band, blob, ngon
from equigen.sandbox.words import Words

GRAIN = 0.34


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """A photocopied collage: torn paper, tape, a coarse screen, and a ransom note."""
    ground, loud, other = pick_palette(
        rng,
        "f5e63d 111111 e6007e",
        "f2efe9 111111 e4002b",
        "ff4fa3 111111 e8f53d",
        "111111 f2efe9 39ff6a",
        "2fd0c8 111111 ff5a1f",
        "e4002b f2efe9 111111",
        "d9d4c8 1b1b1b 2f5bff",
    )
    canvas.fill(ground)
    for _ in range(rng.randrange(2, 5)):
        _torn(canvas, rng, rng.choice((loud, other, mix(ground, BLACK, 0.12))))
    x, y, reach = rng.uniform(25, 75), rng.uniform(35, 75), rng.uniform(20, 36)
    lumps = [(x + rng.uniform(-18, 18), y + rng.uniform(-18, 18)) for _ in range(3)]
    box = (x - reach, y - reach, x + reach, y + reach)
    canvas.rect((box[0] - 1.5, box[1] - 1.5, box[2] + 1.5, box[3] + 1.5), WHITE)

    def size_at(dot_x: float, dot_y: float) -> float:
        near = min(math.dist((dot_x, dot_y), lump) for lump in lumps) / reach
        inside = box[0] <= dot_x <= box[2] and box[1] <= dot_y <= box[3]
        return 0.68 * max(0.0, 1.05 - near) if inside else 0.0

    canvas.dots(box, BLACK, rng.uniform(2.8, 4.2), size_at)
    if rng.random() < 0.5:
        canvas.line(((box[0], y - reach * 0.3), (box[2], y - reach * 0.25)), other, reach * 0.28)
    _scrawl(canvas, rng, other)
    if rng.random() < 0.6:
        _safety_pin(canvas, rng)
    canvas.turn(rng)
    rows = _rows(words.artist)
    top = rng.choice((4.0, 84 - 14.5 * len(rows)))
    _ransom(canvas, rng, rows, top, (loud, other, ground, WHITE, BLACK))
    y = 89.0 if top > 20 else rng.choice((89.0, 66.0))
    lean = rng.uniform(-3, 3)
    canvas.poly([(4, y + lean), (96, y - lean), (96, y + 8 - lean), (4, y + 8 + lean)], BLACK)
    canvas.write(
        words.title, (8, y + 0.5, 92, y + 7.5), WHITE, Face(weight=0.05, case="upper"),
        align="centre", place="middle", most_lines=1, angle=lean / 1.6, largest=6,
    )  # fmt: skip


def _torn(canvas: Canvas, rng: Random, colour: Colour) -> None:
    base, height, lean = rng.uniform(-5, 80), rng.uniform(14, 45), rng.uniform(-25, 25)
    upper = [(i * 4 - 2.0, base + lean * i / 26 + rng.uniform(-1.6, 1.6)) for i in range(27)]
    lower = [(x, y + height + rng.uniform(-1.6, 1.6)) for x, y in upper]
    canvas.poly(band([(x, y - 1.1) for x, y in upper], [(x, y + 1.1) for x, y in lower]), WHITE)
    canvas.poly(band(upper, lower), colour)
    canvas.turn(rng)


def _scrawl(canvas: Canvas, rng: Random, colour: Colour) -> None:
    x, y, size = rng.uniform(15, 85), rng.uniform(15, 85), rng.uniform(10, 22)
    match rng.randrange(4):
        case 0:
            points = [around(x, y, size, 20 * i + rng.uniform(-4, 4)) for i in range(19)]
            canvas.line(points, colour, 1.8)
            canvas.line(((x - size, y + size), (x, y - size), (x + size, y + size)), colour, 1.8)
            canvas.line(((x - size, y + 2), (x + size, y - 1)), colour, 1.8)
        case 1:
            for lean in (-1, 1):
                ends = ((x - size, y - lean * size), (x + size, y + lean * size))
                canvas.line(ends, colour, 3.2)
        case 2:
            canvas.poly(blob(x, y, size * 0.7, rng, 0.5), colour)
            for _ in range(14):
                spot = around(x, y, size * rng.uniform(0.8, 2), rng.uniform(0, 360))
                canvas.disc(*spot, rng.uniform(0.5, 2.2), colour)
        case _:
            zigzag = [(x - size + i * size / 4, y + (-1) ** i * size / 2) for i in range(9)]
            canvas.line(zigzag, colour, 2)


def _safety_pin(canvas: Canvas, rng: Random) -> None:
    x, y, aim = rng.uniform(25, 75), rng.uniform(20, 80), rng.uniform(-40, 40)
    grey = (120, 124, 130)
    head = around(x, y, 15, aim)
    for side in (-2.2, 2.2):
        start, end = around(x, y, side, aim + 90), around(*head, side, aim + 90)
        canvas.line((start, end), grey, 1.1)
    canvas.disc(*head, 3.4, grey)
    canvas.ring(x, y, 2.8, grey, 1.1)


def _rows(name: str) -> list[str]:
    """Break a name into at most three rows of about equal length."""
    words = name.split() or [""]
    most = max(8, -(-len(name) // 3) + 3)
    rows = [words[0]]
    for word in words[1:]:
        if len(rows[-1]) + len(word) < most:
            rows[-1] += " " + word
        else:
            rows.append(word)
    return rows[:3]


def _ransom(
    canvas: Canvas, rng: Random, rows: list[str], top: float, papers: tuple[Colour, ...]
) -> None:
    """Letter rows from letters cut out of newspapers."""
    for number, row in enumerate(rows):
        size = min(17.0, 90 / max(1, len(row)))
        x = 50 - size * len(row) / 2 + rng.uniform(-3, 3)
        for letter in row:
            if letter.isascii() and letter != " ":
                y = top + number * 14.5 + rng.uniform(-1.3, 1.3)
                paper = rng.choice(papers)
                corners = ngon(x + size / 2, y + 7, size * rng.uniform(0.48, 0.58), 4, 45)
                lean = rng.uniform(-0.12, 0.12)
                canvas.poly([(a, b + (a - x) * lean) for a, b in corners], paper)
                canvas.write(
                    rng.choice((letter.upper(), letter.lower())),
                    (x, y + 1.5, x + size, y + 12.5), ink_on(paper),
                    Face(weight=rng.choice((0.0, 0.05, 0.09)), slant=rng.choice((0.0, 0.0, 0.2))),
                    align="centre", place="middle", angle=rng.uniform(-9, 9),
                )  # fmt: skip
            x += size
