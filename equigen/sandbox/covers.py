"""Cover pictures, drawn on demand: no two alike, and each in the manner of its label."""

import io
import re
from functools import cache
from importlib import import_module
from random import Random
from typing import Protocol, cast

from equigen.sandbox.canvas import Canvas
from equigen.sandbox.lettering import printable
from equigen.sandbox.paint import BLACK
from equigen.sandbox.words import Words

_JPEG_QUALITY = 90
_NOT_A_LETTER = re.compile(r"[^a-z]+")
# "Prince (2)" and "Björk*" are how a database tells names apart; no sleeve says so.
_MARK_OF_THE_DATABASE = re.compile(r"( \(\d+\)|\*)$")


class Look(Protocol):
    """What a file of `looks` offers: how to draw, and how rough the print is, from 0 to 1."""

    GRAIN: float

    def draw(self, canvas: Canvas, rng: Random, words: Words) -> None:
        """Draw a cover, lettering included."""


def draw_cover(picture: str, look: str, artist: str, title: str, size_px: int = 300) -> bytes:
    """Return the JPEG of a cover, the same for the same arguments and the same Pillow.

    The picture's name decides what is drawn, `look` (a label's name) in which manner; artist and
    title are lettered on it, without those of their letters that the font lacks.

    Raises:
        ModuleNotFoundError: no label has the name `look`.

    """
    rng = Random(f"{picture}/{look}")
    style = look_of(look)
    canvas = Canvas(size_px, BLACK)
    name = _MARK_OF_THE_DATABASE.sub("", artist)
    style.draw(canvas, rng, Words(printable(name), printable(title)))
    encoded = io.BytesIO()
    canvas.finish(rng, style.GRAIN).save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


@cache
def look_of(label: str) -> Look:
    """Return the look of a label: "Rhythm & Blues" is drawn by `looks/rhythm_and_blues.py`."""
    name = _NOT_A_LETTER.sub("_", label.casefold().replace("&", "and"))
    return cast("Look", import_module(f"equigen.sandbox.looks.{name}"))
