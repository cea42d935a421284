"""Cover pictures, drawn on demand from the recipes in data/looks.toml.

A recipe is a list of layers such as "?0.5 *2..4 disc gold~red~0.3 x=20..80 size=9": a chance, a
number of copies, a motif, colours, and numbers. "a|b" is a choice, "a,b;c,d" a choice of lists of
colours, "a..b" a range; a number may refer to a variable of an earlier `let` layer: "horizon+5".
"""

import io
import re
from random import Random
from typing import Any, cast

from PIL import Image

from equigen.sandbox.canvas import BLACK, WHITE, Canvas, Colour, brightness, mix
from equigen.sandbox.catalogue import read_data
from equigen.sandbox.lettering import Align, Face, printable
from equigen.sandbox.motifs import MOTIFS, Stroke

_JPEG_QUALITY, _EDITION_QUALITY = 90, 70
# Discogs tells artists apart by "Prince (2)", and marks a name variation by "Björk*".
_MARK_OF_THE_DATABASE = re.compile(r"( \(\d+\)|\*)$")
_FIXED = {"black": BLACK, "white": WHITE}
_FACE_KEYS = {"weight", "stretch", "slant", "tracking", "leading"}
_SUM = re.compile(r"([a-z]\w*)?([-+*]?)(-?(?:\d+\.?\d*|\.\d+))?")


def draw_cover(picture: str, look: str, artist: str, title: str, size_px: int = 300) -> bytes:
    """Return the JPEG of a cover, the same for the same arguments and the same Pillow.

    The picture's name seeds the drawing, `look` (a label's name) selects the recipes; artist and
    title are lettered on it, without those of their letters that the font lacks.

    Raises:
        LookupError: no label has the name `look`.

    """
    looks = read_data("looks.toml")["look"]
    if look not in looks:
        message = f"no cover is drawn in the look {look!r}: the looks are {', '.join(looks)}"
        raise LookupError(message)
    rng, canvas = Random(f"{picture}/{look}"), Canvas(size_px)
    name = _MARK_OF_THE_DATABASE.sub("", artist)
    texts = {"artist": printable(name), "title": printable(title)}
    _Painter(canvas, rng, looks[look], texts).paint()
    encoded = io.BytesIO()
    canvas.finish(rng, looks[look]["grain"]).save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


def draw_edition(cover: bytes) -> bytes:
    """Return another edition of a cover: the same picture, smaller and pressed harder."""
    with Image.open(io.BytesIO(cover)) as picture:
        smaller = picture.resize([side * 9 // 10 for side in picture.size])
    encoded = io.BytesIO()
    smaller.save(encoded, "JPEG", quality=_EDITION_QUALITY)
    return encoded.getvalue()


class _Painter:
    """Paint one cover: the layers of the ground, of one scene, and of one lettering."""

    def __init__(
        self, canvas: Canvas, rng: Random, look: dict[str, Any], texts: dict[str, str]
    ) -> None:
        self._canvas = canvas
        self._rng = rng
        self._look = look
        self._texts = texts
        shades = map(_parse_colour, rng.choice(look["palettes"]).split())
        self._roles: dict[str, Colour] = dict(zip(look["roles"].split(), shades, strict=True))
        self._variables: dict[str, float] = {}

    def paint(self) -> None:
        """Paint all layers; where the main text is empty, the other one takes its place."""
        if not self._texts[self._look["main"]]:
            other = "title" if self._look["main"] == "artist" else "artist"
            self._texts = {self._look["main"]: self._texts[other], other: ""}
        letters = self._look["letters"]
        for line in (*self._look.get("ground", ()), *self._rng.choice(self._look["scenes"])):
            self._lay(line)
        number = round(self._variables.get("letters", self._rng.randrange(len(letters))))
        for line in letters[number]:
            self._lay(line)

    def _lay(self, line: str) -> None:
        """Paint the layer of one line of a recipe, as often as the line says."""
        copies = "1"
        words = line.split()
        while words[0][0] in "?*":
            mark = words.pop(0)
            if mark[0] == "*":
                copies = mark[1:]
            elif self._rng.random() >= float(mark[1:]):
                return
        name, *given = (word for word in words if "=" not in word)
        options = [word.split("=") for word in words if "=" in word]
        for _ in range(round(float(self._value(copies)))):
            numbers: dict[str, float] = {}
            names: dict[str, str] = {}
            for key, spec in options:
                if key == "box":
                    box = [float(self._value(part)) for part in spec.split(",")]
                    numbers |= zip(("left", "top", "right", "bottom"), box, strict=True)
                    continue
                value = self._texts[spec] if key == "text" else self._value(spec)
                if isinstance(value, str):
                    names[key] = value
                else:
                    numbers[key] = value
            if name == "let":
                self._variables |= numbers
            elif name == "write":
                self._write(given[0], given[1], numbers, names)
            else:
                shades = self._colours(given[0]) if given else []
                MOTIFS[name](Stroke(self._canvas, self._rng, shades, numbers, names))

    def _write(self, text: str, ink: str, numbers: dict[str, float], names: dict[str, str]) -> None:
        """Letter a text, and set the variables left, top, right and below to the box it takes.

        An ink "dark/light" is the one that reads better on the ground, its halo the other one.
        """
        text = self._texts.get(text, text.replace("_", " "))
        box = (numbers["left"], numbers["top"], numbers["right"], numbers["bottom"])
        rim = names.get("halo", "")
        if "/" in ink:
            inks = [self._colour(part) for part in ink.split("/")]
            colour = self._canvas.ink(box, *inks)
            rim = rim and rim.split("/")[0 if colour == inks[1] else 1]
        else:
            colour = self._colours(ink)[0]
        face = {**read_data("looks.toml")["face"][names["face"]]}
        face |= {key: numbers[key] for key in _FACE_KEYS & numbers.keys()}
        lift = numbers.get("lift", 0.9)
        shadows = self._colours(names["shadow"]) if "shadow" in names else []
        echo = [
            ((len(shadows) - i) * lift, (len(shadows) - i) * numbers.get("fall", lift), shade)
            for i, shade in enumerate(shadows)
        ]
        if rim:
            reach, shade = numbers.get("reach", 0.5), self._colour(rim)
            echo += [(a, b, shade) for a in (-reach, reach) for b in (-reach, reach)]
        left, top, right, below = self._canvas.write(
            text,
            box,
            colour,
            Face(**face),
            align=cast("Align", names.get("align", "centre")),
            place=names.get("place", "middle"),
            most_lines=round(numbers.get("lines", 1)),
            largest=numbers.get("largest", 100.0),
            angle=numbers.get("angle", 0.0),
            echo=echo,
        )
        self._variables |= {"left": left, "top": top, "right": right, "below": below}

    def _value(self, spec: str) -> float | str:
        """Return the number or the name that a spec stands for, by choice or at random."""
        if "|" in spec:
            spec = self._rng.choice(spec.split("|"))
        low, dots, high = spec.partition("..")
        if dots:
            return self._rng.uniform(float(self._value(low)), float(self._value(high)))
        match = _SUM.fullmatch(spec)
        if not match or (match[1] and match[1] not in self._variables):
            return spec
        base, number = self._variables.get(match[1] or "", 0.0), float(match[3] or 0)
        if match[2] == "*":
            return base * number
        return base - number if match[2] == "-" else base + number

    def _colours(self, spec: str) -> list[Colour]:
        """Return the colours of a spec such as "gold,red~white~0.3|any;dark,gold"."""
        return [self._colour(part) for part in self._rng.choice(spec.split(";")).split(",")]

    def _colour(self, spec: str) -> Colour:
        """Return a role, a mix, "any", "darkest", "palest", or a colour in hexadecimal."""
        first, *others = self._rng.choice(spec.split("|")).split("~")
        if others:
            return mix(self._colour(first), self._colour(others[0]), float(self._value(others[1])))
        shades = list(self._roles.values())
        if first == "any":
            return self._rng.choice(shades)
        if first in {"darkest", "palest"}:
            return sorted(shades, key=brightness)[0 if first == "darkest" else -1]
        return self._roles.get(first) or _FIXED.get(first) or _parse_colour(first)


def _parse_colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue
