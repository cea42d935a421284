"""The parts that covers are composed of: grounds, landscapes, patterns, and symbols."""

# ruff: noqa: PLR2004 - a drawing is made of numbers

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from PIL import Image

from equigen.sandbox.canvas import (
    BLACK,
    WHITE,
    Box,
    Canvas,
    Colour,
    Point,
    around,
    ink_on,
    mix,
    petal,
    ridge,
    star,
    symbol,
)
from equigen.sandbox.lettering import Face

_DEFAULTS = dict.fromkeys(
    ("left", "top", "turn", "gap", "lean", "lit", "blank", "spin", "edge", "corners", "outline",
     "twin", "drift", "bend", "wiggle", "leaf", "bloom", "length", "slope", "rough"), 0.0,
) | {
    "x": 50.0, "y": 50.0, "size": 20.0, "count": 1.0, "width": 1.0, "angle": 90.0, "right": 100.0,
    "bottom": 100.0, "step": 10.0, "height": 10.0, "cells": 4.0, "strength": 0.6, "swing": 8.0,
    "pace": 15.0, "depth": 0.5, "wide": 1.0, "share": 1.0, "spread": 360.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stroke:
    """One use of a motif: the canvas, the colours, and the numbers and names that data gives."""

    canvas: Canvas
    rng: Random
    shades: Sequence[Colour]
    numbers: Mapping[str, float]
    names: Mapping[str, str]

    def __getitem__(self, name: str) -> float:
        return self.numbers.get(name, _DEFAULTS[name])

    @property
    def count(self) -> int:
        """The number of repetitions."""
        return round(self["count"])

    @property
    def at(self) -> Point:
        """The centre."""
        return self["x"], self["y"]

    @property
    def box(self) -> Box:
        """The box: left, top, right, bottom."""
        return self["left"], self["top"], self["right"], self["bottom"]

    def shade(self, number: int) -> Colour:
        """Return the colours by turn."""
        return self.shades[number % len(self.shades)]


def _frame(s: Stroke) -> None:
    left, top, right, bottom = s.box
    corners = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    s.canvas.line(corners, s.shades[0], s["width"])


def _disc(s: Stroke) -> None:
    """Fill a circle and concentric ones inside, each `share` of the last."""
    for i, shade in enumerate(s.shades):
        s.canvas.disc(*s.at, s["size"] * s["share"] ** i, shade)


def _turn(s: Stroke) -> None:
    """Turn or mirror the picture, one of eight ways."""
    way = s.rng.choice((None, *Image.Transpose))
    if way is not None:
        s.canvas.transpose(way)


def _sprinkle(s: Stroke) -> None:
    """Sprinkle dots, or with `length` streaks that lean."""
    for i in range(s.count):
        x, y = s.rng.uniform(s["left"], s["right"]), s.rng.uniform(s["top"], s["bottom"])
        length = s["length"] * s.rng.uniform(0.4, 1)
        if length:
            tip = (x + s["lean"] * length, y + length)
            s.canvas.line(((x, y), tip), s.shade(i), s["size"])
        else:
            s.canvas.disc(x, y, s["size"] * s.rng.uniform(0.3, 1), s.shade(i))


def _rays(s: Stroke) -> None:
    """Draw the sectors of a circle; `share` is the part of each that is filled."""
    step = s["spread"] / s.count
    for i in range(s.count):
        start = s["turn"] + step * i
        ends = [around(*s.at, 170, start + step * s["share"] * part / 2) for part in range(3)]
        s.canvas.poly([s.at, *ends], s.shade(i))


def _stripes(s: Stroke) -> None:
    """Draw slanting stripes side by side; `rough` varies the width, slant and end of each."""
    x = s["x"]
    for i in range(s.count):
        wide, lean, low = (1 + s.rng.uniform(-1, 1) * s["rough"] for _ in range(3))
        right, foot, low = x + s["step"] * wide, s["lean"] * lean, min(101, s["bottom"] * low)
        points = [(x, s["top"]), (right, s["top"]), (right + foot, low), (x + foot, low)]
        s.canvas.poly(points, s.shade(i))
        x = right + s["gap"]


def _bands(s: Stroke) -> None:
    """Stack horizontal stripes of all colours."""
    left, top, right, bottom = s.box
    for i, shade in enumerate(s.shades):
        s.canvas.rect((left, top + (bottom - top) * i / len(s.shades), right, bottom), shade)


def _rings(s: Stroke) -> None:
    """Draw concentric circles or polygons, from the first colour to the last."""
    for i in range(1, s.count + 1):
        shade = mix(s.shades[0], s.shades[-1], i / s.count)
        reach = i * s["step"] * (1 + i * s["drift"])
        width = s["width"] * (1 - s["lean"] * i / s.count)
        if s["corners"]:
            points = star(*s.at, reach, s["corners"], 1, s["turn"])
            s.canvas.line((*points, points[0]), shade, width)
        else:
            s.canvas.ring(*s.at, reach, shade, width)


def _halftone(s: Stroke) -> None:
    """Fill a box with a screen of dots that grow along an angle, or with `spin` to a centre."""
    left, top, right, bottom = s.box
    across, down = around(0, 0, 1, s["angle"])
    for row in range(math.ceil((bottom - top) / (s["step"] * 0.866))):
        y = top + row * s["step"] * 0.866
        for column in range(math.ceil((right - left) / s["step"])):
            x = left + (column + row % 2 / 2) * s["step"]
            reach = ((x - 50) * across + (y - 50) * down) / 120 + s["depth"]
            if s["spin"]:
                reach = 1.05 - math.dist((x, y), s.at) / s["spin"]
            if reach > 0.05:
                s.canvas.disc(x, y, s["size"] * reach * s["step"], s.shades[0])


def _waves(s: Stroke) -> None:
    """Draw sine bands one below the other: `width` thick, or down to the bottom edge."""
    phase = s.rng.uniform(0, math.tau)
    for i in range(s.count):
        base = s["y"] + i * s["step"] + s.rng.uniform(-1, 1) * s["wiggle"]
        turn = phase + i * s["drift"]
        upper = [
            (float(x), base + s["slope"] * (x - 50) + s["swing"] * math.sin(x / s["pace"] + turn))
            for x in range(0, 101, 2)
        ]
        lower = [(100.0, 101.0), (0.0, 101.0)]
        if "width" in s.numbers:
            lower = [(x, y + s["width"]) for x, y in reversed(upper)]
        s.canvas.poly([*upper, *lower], s.shade(i))


def _ridge(s: Stroke) -> None:
    """Layer mountains, each row lower and flatter, from the first colour to the last."""
    for i in range(s.count):
        height = s["height"] * (1 - 0.6 * i / s.count)
        shade = mix(s.shades[0], s.shades[-1], i / max(1, s.count - 1))
        s.canvas.poly(ridge(s.rng, s["y"] + i * s["step"], height, s["rough"]), shade)


def _blocks(s: Stroke) -> None:
    """Draw a row of houses, rocks or flames: `depth` tapers them, `lit` is the share of windows."""
    x = s["x"] - s.rng.uniform(0, s["width"])
    while x < 100:
        width = s["width"] * s.rng.uniform(0.6, 1.4)
        top = s["y"] - s["height"] * s.rng.uniform(0.35, 1)
        flat = width * s["depth"] * s.rng.uniform(0.7, 1)
        lean = x + s["lean"] * s.rng.uniform(-1, 1) * width
        head = [(lean + flat, top), (lean + width - flat, top + s["slope"])]
        s.canvas.poly([*head, (x + width, s["bottom"]), (x, s["bottom"])], s.shades[0])
        lit = s["lit"] * s.rng.uniform(0.2, 1)
        for cell in range(int((s["bottom"] - top) / 4) * int(width / 3.4) if lit else 0):
            row, column = divmod(cell, int(width / 3.4))
            if s.rng.random() < lit:
                left, y = x + 1.4 + column * 3.4, top + 2 + row * 4
                s.canvas.rect((left, y, left + 1.7, y + 2.2), s.shades[1])
        x += width + s["gap"] * s.rng.uniform(-0.2, 1)


def _floor(s: Stroke) -> None:
    """Draw a floor in perspective: `count` lines from the horizon, `cells` lines across."""
    (x, y), half = s.at, (s["count"] - 1) / 2
    for i in range(s.count):
        foot = x + (i - half) * s["step"] + s["lean"]
        near = x + (i - half) * s["gap"]
        ends = [(foot + s["width"], 101), (foot - s["width"], 101)]
        s.canvas.poly([(near - 0.1, y), (near + 0.1, y), *ends], s.shades[0])
    for i in range(int(s["cells"])):
        share = (i / (s["cells"] - 1)) ** 2.1
        down, middle = y + (101 - y) * share, x + s["lean"] * share
        reach = (half * s["step"] + 6) * share + half * s["gap"] * (1 - share)
        thick = 0.2 + s["height"] * share
        s.canvas.rect((middle - reach, down, middle + reach, down + thick), s.shades[-1])


def _peaks(s: Stroke) -> None:
    """Stack lines that rise to peaks in the middle; one of them has the last colour."""
    marked = s.rng.randrange(s.count)
    for i in range(s.count):
        base = 18 + 74 * i / s.count
        waves = [(s.rng.uniform(0.15, 0.9), s.rng.uniform(0, 6)) for _ in range(4)]
        points = [
            (x, base - s["height"] * math.exp(-(((x - s["x"]) / s["width"]) ** 2))
             * abs(sum(math.sin(x * pace + phase) for pace, phase in waves)) / 4)
            for x in (100 * step / 70 for step in range(71))
        ]  # fmt: skip
        s.canvas.poly([*points, (100, base + 2), (0, base + 2)], s.shades[0])
        s.canvas.line(points, s.shades[-1 if i == marked else 1], 0.55)


def _draw(
    s: Stroke, name: str, shades: Sequence[Colour], at: Point, size: float, *bent: float
) -> None:
    """Draw a symbol of data/symbols.toml; with a single colour only its silhouette.

    `size` is half of its side; `bent` are its turn in degrees and the factor of its width.
    """
    for piece in symbol(name):
        moved = piece.moved(*at, size / 50, *bent)
        shade = _shade(piece.shade, shades)
        if piece.kind == "line":
            s.canvas.line(moved.points, shade, moved.width)
        elif piece.kind == "poly":
            s.canvas.poly(moved.points, shade)
        elif len(shades) > 1:
            s.canvas.glow(*moved.points[0], math.dist(*moved.points), shade, moved.width)


def _shade(spec: str, shades: Sequence[Colour]) -> Colour:
    """Return the colour of a piece: an index, "white", "black", "ink", or a mix "0~1~0.3"."""
    if len(shades) == 1:
        return shades[0]
    if "~" in spec:
        first, second, share = spec.split("~")
        return mix(_shade(first, shades), _shade(second, shades), float(share))
    fixed = {"white": WHITE, "black": BLACK, "ink": ink_on(shades[0])}.get(spec)
    return fixed or shades[min(int(spec), len(shades) - 1)]


def _symbol(s: Stroke) -> None:
    """Draw a symbol; with `edge` it grows from a random edge of the picture inward.

    `outline` is the share by which a silhouette in the last colour is larger, beneath; `lean`
    moves a second silhouette to the lower right.
    """
    (x, y), turn = s.at, s["turn"]
    if s["edge"]:
        side, along = s.rng.randrange(4), s.rng.uniform(0, 100)
        x, y = ((along, 104), (-4, along), (along, -4), (104, along))[side]
        turn += 90 * side
    for shift in (s["lean"], 0.0) if s["outline"] else ():
        size = s["size"] * (1 + s["outline"])
        rim = x + shift, y + shift
        _draw(s, s.names["name"], [s.shades[-1]], rim, size, turn, s["wide"])
    _draw(s, s.names["name"], s.shades, (x, y), s["size"], turn, s["wide"])


def _tiles(s: Stroke) -> None:
    """Fill a box with cells, each a symbol; `blank` leaves some out, `spin` turns them.

    `lean` turns the whole lattice round the centre, `twin` mirrors the left half to the right,
    `drift` makes a checkerboard of symbols and colours, and `spin` 2 shuffles the colours.
    """
    left, top, right, bottom = s.box
    columns = max(1, round((right - left) / s["step"]))
    rows = max(1, round((bottom - top) / s.numbers.get("height", s["step"])))
    wide, tall = (right - left) / columns, (bottom - top) / rows
    names = s.names["name"].split("+")
    for cell in range(rows * columns):
        row, column = divmod(cell, columns)
        if s.rng.random() < s["blank"] or (s["twin"] and column >= columns / 2):
            continue
        x, y = left + (column + 0.5) * wide, top + (row + 0.5) * tall
        if s["lean"]:
            x, y = around(*around(50, 50, x - 50, s["lean"]), y - 50, s["lean"] + 90)
        turn = s["lean"] + 90 * (s.rng.randrange(4) if s["spin"] else 0)
        shades, name = list(s.shades), s.rng.choice(names)
        if s["spin"] > 1:
            s.rng.shuffle(shades)
        elif s["drift"]:
            shades = [*shades[(row + column) % 2 :], shades[0]]
            name = names[(row + column) % len(names)]
        for side in (x, left + right - x) if s["twin"] else (x,):
            _draw(s, name, shades, (side, y), tall / 2, turn, wide / tall)


def _weave(s: Stroke) -> None:
    """Fill the picture with bands of cloth, each with a pattern and colours of its own."""
    top = 0.0
    while top < 100:
        height = s.rng.uniform(0.6, 1.5) * s["height"]
        ground, *shades = s.rng.sample(list(s.shades), 4)
        s.canvas.rect((0, top, 100, top + height), ground)
        band = {"top": top, "bottom": top + height, "height": height, "drift": 1.0}
        band["step"] = s.rng.choice((6.25, 10, 12.5, 20))
        name = s.rng.choice(s.names["name"].split("+"))
        _tiles(Stroke(s.canvas, s.rng, shades, band, {"name": name}))
        top += height


def _branch(s: Stroke) -> None:
    """Grow a branch: `leaf` is the length of paired leaves, `bloom` the size of blossoms."""
    wood, bloom, heart = s.shades
    (x, y), aim = s.at, s["turn"]
    for i in range(s.count):
        tip, rest = around(x, y, s["step"], aim), 1 - 0.6 * i / s.count
        s.canvas.line(((x, y), tip), wood, s["width"] * rest)
        x, y = tip
        aim += s["bend"] + s.rng.uniform(-1, 1) * s["wiggle"]
        for side in (-1, 1):
            lean = aim + side * s.rng.uniform(35, 60)
            if s["leaf"]:
                s.canvas.poly(petal(x, y, s["leaf"] * rest, s["leaf"] * rest * 0.42, lean), wood)
            elif s.rng.random() < 0.4:
                twig = around(x, y, s.rng.uniform(3, 13), lean)
                s.canvas.line(((x, y), twig), wood, 0.7)
                size = s["bloom"] * s.rng.uniform(0.7, 1.2)
                _draw(s, "blossom", [bloom, heart], twig, size, aim)
    if s["leaf"] and s["bloom"]:
        _draw(s, "daisy", [bloom, heart], (x, y), s["bloom"], aim)


def _ransom(s: Stroke) -> None:
    """Letter a text with letters cut out of newspapers, in at most three rows."""
    text = s.names["text"]
    rows = textwrap.wrap(text, max(9, -(-len(text) // 3) + 3))[:3]
    for number, row in enumerate(rows):
        size = min(17.0, 90 / len(row))
        x = 50 - size * len(row) / 2 + s.rng.uniform(-3, 3)
        y = s["top"] + (number - (len(rows) if s["top"] > 50 else 0)) * 14.5
        for at, letter in enumerate(row):
            if not letter.isascii() or letter == " ":
                continue
            paper, left, top = s.rng.choice(s.shades), x + at * size, y + s.rng.uniform(-1.3, 1.3)
            middle = left + size / 2, top + 7
            _draw(s, "square", [paper], middle, size * 0.46, s.rng.uniform(-7, 7))
            face = Face(s.rng.choice((0.0, 0.05, 0.09)), slant=s.rng.choice((0.0, 0.0, 0.2)))
            shown = s.rng.choice((letter.upper(), letter.lower()))
            box = (left, top + 1.5, left + size, top + 12.5)
            s.canvas.write(shown, box, ink_on(paper), face, angle=s.rng.uniform(-9, 9))


MOTIFS: Mapping[str, Callable[[Stroke], None]] = MappingProxyType(
    {
        "rect": lambda s: s.canvas.rect(s.box, s.shades[0]),
        "fade": lambda s: s.canvas.fade(s.shades[0], s.shades[1], s["angle"], s.box),
        "glow": lambda s: s.canvas.glow(*s.at, s["size"], s.shades[0], s["strength"]),
        "wash": lambda s: s.canvas.wash(s.shades, s.rng, round(s["cells"])),
        "smoke": lambda s: s.canvas.smoke(s.shades[0], s.rng, round(s["cells"]), s["strength"]),
        "mirror": lambda s: s.canvas.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "frame": _frame,
        "disc": _disc,
        "turn": _turn,
        "sprinkle": _sprinkle,
        "rays": _rays,
        "stripes": _stripes,
        "bands": _bands,
        "rings": _rings,
        "halftone": _halftone,
        "waves": _waves,
        "ridge": _ridge,
        "blocks": _blocks,
        "floor": _floor,
        "peaks": _peaks,
        "symbol": _symbol,
        "tiles": _tiles,
        "weave": _weave,
        "branch": _branch,
        "ransom": _ransom,
    }
)
