"""Night: railway tracks, a lit shack, or a guitar close up, and wood-block letters."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import Colour, mix, pick_palette
from equigen.sandbox.shapes import around, ridge
from equigen.sandbox.words import Words

GRAIN = 0.26


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Night: railway tracks, a lit shack, or a guitar close up, and wood-block letters."""
    night, deep, glow, ember = pick_palette(
        rng,
        "23406e 070d1c e9d9ae d9633a",
        "2a5a86 0b1626 f2e3c2 e0913c",
        "4a6f8a 0a0f1d dfe7ea c8503c",
        "47447c 110f22 f0d58c d97a45",
        "7d93a0 12202b efe6d2 b5502a",
        "1d2f4f 05070f 8fb7d9 e8c15a",
    )
    canvas.fade(night, deep, rng.choice((90, 60, 120, -90)))
    canvas.smoke(mix(night, glow, 0.3), rng, cells=4, strength=0.55)
    layout = rng.randrange(3)
    if layout == 0:
        _rails(canvas, rng, glow, deep)
    elif layout == 1:
        _guitar(canvas, rng, glow, ember, deep)
    else:
        _shack(canvas, rng, glow, ember, deep)
    if rng.random() < 0.5:
        canvas.mirror()
    face = Face(weight=rng.choice((0.03, 0.05)), stretch=rng.uniform(0.6, 0.8), case="upper")
    top = rng.random() < 0.5
    artist = (6.0, 6.0, 94.0, 31.0) if top else (6.0, 60.0, 94.0, 84.5)
    canvas.write(
        words.artist, artist, glow, face, place="top" if top else "bottom", echo=halo(deep)
    )
    title = (6, 87, 94, 94) if top or rng.random() < 0.6 else (6, 6, 94, 13)
    letters = Face(tracking=0.1, weight=0.03)
    pale = mix(ember, glow, 0.45)
    canvas.write(words.title, title, pale, letters, largest=6.5, echo=halo(deep), most_lines=1)


def _rails(canvas: Canvas, rng: Random, glow: Colour, deep: Colour) -> None:
    x, horizon = rng.uniform(15, 85), rng.uniform(38, 62)
    moon_x, moon_y, radius = rng.uniform(12, 88), rng.uniform(10, horizon - 4), rng.uniform(6, 21)
    canvas.glow(moon_x, moon_y, radius * 2.6, glow, 0.6)
    canvas.disc(moon_x, moon_y, radius, glow)
    canvas.disc(moon_x - radius * 0.3, moon_y + radius * 0.2, radius * 0.18, mix(glow, deep, 0.15))
    hills = ridge(rng, horizon, rng.uniform(2, 9), roughness=0.45)
    canvas.poly(hills, deep)
    left, right = rng.uniform(-40, 20), rng.uniform(80, 140)
    for i in range(15):
        y = horizon + (101 - horizon) * (i / 14) ** 2.2
        share = (y - horizon) / (101 - horizon)
        thick = 0.3 + 2.6 * share
        a, b = x + (left - x) * share, x + (right - x) * share
        canvas.rect((a - 4 * share, y, b + 4 * share, y + thick), mix(deep, glow, 0.28))
    for end in (left, right):
        rail = [(x - 0.2, horizon), (x + 0.2, horizon), (end + 5, 101), (end, 101)]
        canvas.poly(rail, mix(deep, glow, 0.8))


def _guitar(canvas: Canvas, rng: Random, glow: Colour, ember: Colour, deep: Colour) -> None:
    x, y, radius = rng.uniform(30, 85), rng.uniform(30, 75), rng.uniform(30, 52)
    lean = rng.uniform(-70, -15)
    canvas.disc(x, y, radius, ember)
    upper_x, upper_y = around(x, y, radius * 1.15, lean)
    canvas.disc(upper_x, upper_y, radius * 0.75, ember)
    canvas.glow(x - radius * 0.3, y - radius * 0.3, radius, mix(ember, glow, 0.6), 0.6)
    hole_x, hole_y = around(x, y, radius * 0.5, lean)
    canvas.disc(hole_x, hole_y, radius * 0.4, mix(ember, deep, 0.5))
    canvas.disc(hole_x, hole_y, radius * 0.35, deep)
    start, end = around(x, y, -radius * 0.7, lean), around(x, y, 190, lean)
    neck = around(x, y, radius * 0.8, lean)
    canvas.line((neck, end), mix(deep, ember, 0.25), radius * 0.36)
    for fret in range(14):
        centre = around(*neck, 6 + fret * 7, lean)
        ends = [around(*centre, side * radius * 0.18, lean + 90) for side in (-1, 1)]
        canvas.line(ends, mix(glow, deep, 0.3), 0.7)
    for string in range(6):
        offset = (string - 2.5) * radius * 0.052
        line = [around(*point, offset, lean + 90) for point in (start, end)]
        canvas.line(line, glow, 0.35 + 0.05 * string)
    bridge = [around(*start, side * radius * 0.3, lean + 90) for side in (-1, 1)]
    canvas.line(bridge, deep, 3)


def _shack(canvas: Canvas, rng: Random, glow: Colour, ember: Colour, deep: Colour) -> None:
    x, ground, size = rng.uniform(25, 75), rng.uniform(62, 76), rng.uniform(20, 38)
    for _ in range(rng.randrange(0, 50)):
        canvas.disc(rng.uniform(0, 100), rng.uniform(0, ground), rng.uniform(0.15, 0.5), glow)
    canvas.glow(x, ground - size * 0.4, size * 2.2, ember, 0.85)
    for i in range(-1, 4):
        pole, top = x + size * 0.9 + i * 34 - 40, ground - rng.uniform(30, 38)
        canvas.rect((pole, top, pole + 0.9, ground + 4), deep)
        canvas.rect((pole - 4, top + 2.5, pole + 4.9, top + 3.3), deep)
        canvas.line(((pole - 4, top + 3), (pole + 30, top + rng.uniform(2, 6))), deep, 0.3)
    canvas.poly(ridge(rng, ground, 3, roughness=0.4), deep)
    wall = mix(deep, ember, 0.22)
    canvas.rect((x - size * 0.6, ground - size * 0.7, x + size * 0.6, ground + 3), wall)
    eaves = ground - size * 0.66
    canvas.poly([(x - size * 0.8, eaves), (x, eaves - size * 0.5), (x + size * 0.8, eaves)], deep)
    canvas.rect((x + size * 0.25, eaves - size * 0.55, x + size * 0.4, eaves - size * 0.1), deep)
    for left in (-0.42, 0.14):
        pane = (x + size * left, ground - size * 0.5, x + size * (left + 0.26), ground - size * 0.2)
        canvas.rect(pane, glow)
        middle = (pane[0] + pane[2]) / 2
        canvas.rect((middle - 0.3, pane[1], middle + 0.3, pane[3]), wall)
    canvas.rect((x - size * 0.1, ground - size * 0.46, x + size * 0.08, ground + 3), ember)
    for post in (-0.75, 0.7):
        canvas.rect((x + size * post, eaves, x + size * post + 1, ground + 4), deep)
