"""The block at night or from the air, a gold chain, and letters as on a wall."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import BLACK, WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, band, curve, star
from equigen.sandbox.words import Words

GRAIN = 0.1


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """The block at night or from the air, a gold chain, and letters as on a wall."""
    sky, haze, wall, window, gold = pick_palette(
        rng,
        "2b1646 e8508a 120a1f ffd36b f5c542",
        "0f2a43 f2994b 0a1018 ffe2a0 f08a3c",
        "3a0f1d d9342b 14060a ffb36b f3d250",
        "12312b 7fd1a0 081512 e9ffb0 d8f05a",
        "5a6c8c f2d8b8 1d2230 fff1c9 ff6b4a",
        "b9b4c9 f2e9dc 2b2838 ffd98a e0362c",
    )
    if rng.random() < 0.6:
        canvas.fade(sky, haze, 90)
        if rng.random() < 0.6:
            x, y = rng.uniform(15, 85), rng.uniform(15, 60)
            canvas.disc(x, y, rng.uniform(9, 26), mix(haze, WHITE, 0.5))
        for depth in (0.65, 0.3, 0.0):
            _skyline(canvas, rng, mix(wall, haze, depth), window, 78 - depth * rng.uniform(30, 75))
    else:
        _street_map(canvas, rng, wall, mix(sky, wall, 0.4), haze, gold)
    if rng.random() < 0.4:
        _chain(canvas, rng, gold)
    top = rng.random() < 0.5
    box = (4.0, 5.0, 96.0, 40.0) if top else (4.0, 56.0, 96.0, 90.0)
    face = Face(
        weight=0.08, slant=rng.choice((0.0, 0.22)), stretch=rng.uniform(0.75, 1.0), case="upper"
    )
    lift = rng.uniform(0.8, 1.6)
    _, _, _, below = canvas.write(
        words.artist, box, gold, face, align="centre", place="middle", most_lines=2,
        angle=rng.choice((0, 0, 5, -5)),
        echo=((lift * 2, lift * 2, BLACK), (lift, lift, haze), (-0.6, -0.6, BLACK)),
    )  # fmt: skip
    y = min(below + 2, 91)
    canvas.rect((0, y - 0.8, 100, y + 6.6), wall)
    canvas.write(
        words.title, (5, y, 95, y + 5.6), WHITE, Face(weight=0.035, tracking=0.08, case="upper"),
        align="centre", place="middle", most_lines=1, largest=5.5,
    )  # fmt: skip
    if rng.random() < 0.45:
        corner = 4.0 if rng.random() < 0.5 else 76.0
        y = 88.0 if top else 4.0
        canvas.rect((corner, y, corner + 20, y + 9), WHITE)
        canvas.rect((corner + 0.7, y + 0.7, corner + 19.3, y + 8.3), BLACK)
        canvas.write(
            "MIND THE NEIGHBOURS", (corner + 2, y + 1.6, corner + 18, y + 7.4), WHITE,
            Face(weight=0.04), align="centre", place="middle", most_lines=2,
        )  # fmt: skip


def _skyline(canvas: Canvas, rng: Random, wall: Colour, window: Colour, height: float) -> None:
    x = rng.uniform(-12, 0)
    while x < 100:
        width, top = rng.uniform(9, 22), 100 - height * rng.uniform(0.45, 1)
        canvas.rect((x, top, x + width, 101), wall)
        if rng.random() < 0.3:
            canvas.rect((x + width * 0.45, top - 9, x + width * 0.52, top), wall)
        lit = rng.uniform(0.1, 0.6)
        for row in range(int((100 - top) / 4)):
            for column in range(int(width / 3.4)):
                if rng.random() < lit:
                    left, y = x + 1.4 + column * 3.4, top + 2 + row * 4
                    canvas.rect((left, y, left + 1.7, y + 2.2), window)
        x += width + rng.uniform(0, 5)


def _street_map(
    canvas: Canvas, rng: Random, wall: Colour, block: Colour, haze: Colour, gold: Colour
) -> None:
    canvas.fill(wall)
    lean = rng.uniform(-35, 35)
    step = rng.uniform(9, 16)
    count = int(150 / step)
    for row in range(-count // 2, count // 2):
        for column in range(-count // 2, count // 2):
            if rng.random() < 0.12:
                continue
            x, y = around(50, 50, column * step, lean)
            x, y = around(x, y, row * step, lean + 90)
            corners = [(0.44, 0.4), (-0.44, 0.4), (-0.44, -0.4), (0.44, -0.4)]
            shade = rng.choices((block, mix(block, haze, 0.4), haze, gold), (6, 4, 1.6, 0.6))[0]
            canvas.poly(
                [around(*around(x, y, a * step, lean), b * step, lean + 90) for a, b in corners],
                shade,
            )
    river = rng.uniform(-10, 90)
    swing, width = rng.uniform(5, 25), rng.uniform(8, 20)
    upper = curve(lambda x: river + swing * ((x / 50 - 1) ** 3 - (x / 50 - 1)))
    canvas.poly(band(upper, [(x, y + width) for x, y in upper]), mix(haze, wall, 0.15))
    canvas.turn(rng)


def _chain(canvas: Canvas, rng: Random, gold: Colour) -> None:
    x, y, radius = rng.uniform(25, 75), rng.uniform(-15, 8), rng.uniform(38, 58)
    for i in range(40):
        link_x, link_y = around(x, y, radius, 9 * i)
        canvas.ring(link_x, link_y, 2.5, BLACK, 1.9)
        canvas.ring(link_x, link_y, 2.2, gold, 1.2)
    canvas.poly(star(x, y + radius + 7, 10, tips=rng.choice((5, 6, 8))), BLACK)
    canvas.poly(star(x, y + radius + 7, 8.5, tips=5), gold)
