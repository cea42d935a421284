"""Red, gold and green: a sunburst, a stack of speakers, or hills at dusk."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

from random import Random

from equigen.sandbox.canvas import Canvas, halo
from equigen.sandbox.lettering import Face
from equigen.sandbox.paint import WHITE, Colour, mix, pick_palette
from equigen.sandbox.shapes import around, petal, star, wave
from equigen.sandbox.words import Words

GRAIN = 0.2


def draw(canvas: Canvas, rng: Random, words: Words) -> None:
    """Red, gold and green: a sunburst, a stack of speakers, or hills at dusk."""
    green, gold, red, dark = pick_palette(
        rng,
        "1e8449 f4c430 c0392b 14110f",
        "2e7d32 ffca28 d84315 1b1410",
        "0b6e4f f2b134 a4243b 10130f",
        "6a994e f2e8a0 bc4749 221a12",
        "3a7d44 f8d56b e4572e 2a1a10",
    )
    sun_x, sun_y = rng.uniform(10, 90), rng.uniform(12, 88)
    layout = rng.randrange(4)
    if layout == 0:
        canvas.fill(rng.choice((dark, gold)))
        count = rng.choice((9, 12, 15, 18, 24))
        shades, turn = (
            rng.choice(((red, gold, green), (gold, dark), (green, gold), (red, dark))),
            rng.uniform(0, 40),
        )
        for i in range(count):
            start = turn + 360 * i / count
            canvas.pie(sun_x, sun_y, 150, (start, start + 360 / count), shades[i % len(shades)])
        canvas.disc(sun_x, sun_y, 22, dark)
        canvas.disc(sun_x, sun_y, 20, gold)
        canvas.disc(sun_x, sun_y, 14, red)
    elif layout == 1:
        canvas.fade(gold, red, rng.choice((90, -90, 0)))
        _speakers(canvas, rng, dark, rng.choice((gold, green, red)))
    elif layout == 2:
        canvas.fade(mix(gold, WHITE, 0.3), red, 90)
        canvas.disc(sun_x, 46, rng.uniform(13, 26), gold)
        for i, shade in enumerate((mix(green, gold, 0.35), green, mix(green, dark, 0.6))):
            base, swing, phase = 50 + 14 * i, rng.uniform(3, 9), rng.uniform(0, 6)
            pace = rng.uniform(10, 20)
            hill = wave(base, swing, pace, phase)
            canvas.poly([*hill, (100, 101), (0, 101)], shade)
        _coconut_palm(canvas, rng, dark)
        if rng.random() < 0.6:
            _coconut_palm(canvas, rng, dark)
    else:
        stripes, lean = [green, gold, red] * 2, rng.uniform(-60, 60)
        shift, width = rng.uniform(-60, 0), rng.uniform(16, 34)
        canvas.fill(dark)
        for i, shade in enumerate(stripes[: rng.choice((3, 3, 6))]):
            left = shift + i * width + 40
            sides = [(left, 0), (left + width, 0), (left + width + lean, 101), (left + lean, 101)]
            canvas.poly(sides, shade)
        canvas.poly(star(sun_x, sun_y, 27, tips=6, depth=0.56), dark)
        canvas.poly(star(sun_x, sun_y, 22, tips=6, depth=0.56), gold)
    if rng.random() < 0.5:
        canvas.mirror()
    top = sun_y > 50
    box = (5.0, 5.0, 95.0, 33.0) if top else (5.0, 62.0, 95.0, 88.0)
    face = Face(weight=0.075, stretch=rng.uniform(0.85, 1.2), case="upper", leading=1.02)
    lift = rng.uniform(0.9, 1.4)
    canvas.write(
        words.artist, box, WHITE, face, align="centre", place="middle", most_lines=2,
        echo=((lift * 2, lift * 2, dark), (lift, lift, dark), *halo(dark, 0.6)),
    )  # fmt: skip
    y = 34.5 if top else 89.5
    canvas.write(
        words.title, (6, y, 94, y + 6), gold, Face(weight=0.045, slant=0.15), align="centre",
        most_lines=1, largest=6, echo=halo(dark, 0.6),
    )  # fmt: skip


def _speakers(canvas: Canvas, rng: Random, dark: Colour, cone: Colour) -> None:
    columns = rng.choice((1, 2, 3))
    width = rng.uniform(26, 34) if columns > 1 else rng.uniform(40, 60)
    left = rng.uniform(0, max(1, 100 - columns * width))
    for column in range(columns):
        x, y = left + column * width, 101.0
        while y > rng.uniform(0, 45):
            height = width * rng.choice((0.6, 0.95, 1.15))
            y -= height
            canvas.rect((x, y, x + width, y + height), mix(dark, cone, 0.2))
            canvas.rect((x + 0.8, y + 0.8, x + width - 0.8, y + height - 0.8), dark)
            pair = height < width * 0.7
            for centre in (0.28, 0.72) if pair else (0.5,):
                at, radius = x + width * centre, min(height, width) * (0.3 if pair else 0.4)
                for share, shade in (
                    (1, cone),
                    (0.88, dark),
                    (0.72, mix(cone, dark, 0.55)),
                    (0.3, cone),
                ):
                    canvas.disc(at, y + height / 2, radius * share, shade)


def _coconut_palm(canvas: Canvas, rng: Random, colour: Colour) -> None:
    x, lean, height = rng.uniform(10, 90), rng.uniform(-16, 16), rng.uniform(40, 68)
    trunk = [(x + lean * (i / 8) ** 2, 102 - height * i / 8) for i in range(9)]
    canvas.line(trunk, colour, 2.2)
    for i in range(8):
        aim = 200 + 20 * i + rng.uniform(-8, 8)
        canvas.poly(petal(*trunk[-1], rng.uniform(16, 25), 5, aim), colour)
        canvas.poly(
            petal(*around(*trunk[-1], 10, aim), 15, 4, aim + (35 if i > 3 else -35)), colour
        )
