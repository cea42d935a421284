"""Render text as a mask, in the one font that comes with Pillow, transformed into many faces."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

Align = Literal["left", "centre", "right"]

_MEASURE_SIZE_PX = 64
_LONGEST_TEXT = 56
_MOST_WORDS_TRIED = 9
_SPELLED_OUT = str.maketrans(
    {
        "æ": "ae", "Æ": "Ae", "œ": "oe", "ß": "ss", "þ": "th", "Þ": "Th", "ð": "d", "\u0131": "i",
        "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "—": "-", "·": "-",
    }
)  # fmt: skip
# The font has no accented letters at all, so accents are drawn: as lines, in shares of the em.
_ACCENTS = {
    "\u0300": ((-0.10, -0.13), (0.06, 0.0)),
    "\u0301": ((-0.06, 0.0), (0.10, -0.13)),
    "\u0302": ((-0.11, 0.0), (0.0, -0.12), (0.11, 0.0)),
    "\u0303": ((-0.13, 0.0), (-0.05, -0.07), (0.05, -0.01), (0.13, -0.08)),
    "\u0304": ((-0.12, -0.04), (0.12, -0.04)),
    "\u030c": ((-0.11, -0.12), (0.0, 0.0), (0.11, -0.12)),
}
_DIAERESIS = "\u0308"
_RING = "\u030a"
_CEDILLA = "\u0327"
_BELOW = "\u0323"
_DRAWN = frozenset((*_ACCENTS, _DIAERESIS, _RING, _CEDILLA, _BELOW))


@dataclass(frozen=True, slots=True)
class Face:
    """The shape of letters; `weight` and `tracking` are shares of the letter size.

    `stretch` widens, `slant` leans to the right by that share of the height, `leading` is the
    distance between lines in letter sizes.
    """

    weight: float = 0.0
    stretch: float = 1.0
    slant: float = 0.0
    tracking: float = 0.0
    leading: float = 1.08
    case: str = "as is"

    @property
    def gap(self) -> float:
        """The space between two letters beyond the font's own; fat letters need more."""
        return self.tracking + self.weight


@lru_cache(maxsize=512)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        message = "Pillow was built without FreeType, which the sandbox's covers need"
        raise TypeError(message)
    return font


@lru_cache(maxsize=4096)
def _has_letter(letter: str) -> bool:
    mask = _font(_MEASURE_SIZE_PX).getmask(letter)
    missing = _font(_MEASURE_SIZE_PX).getmask("\uffff")
    return letter == " " or (mask.size != missing.size or bytes(mask) != bytes(missing))


@lru_cache(maxsize=4096)
def printable(text: str) -> str:
    """Return a text without the letters that the font lacks, decomposed, cut at 56 letters.

    Letters of other scripts are left out, so the result may be empty.
    """
    decomposed = unicodedata.normalize("NFD", " ".join(text.translate(_SPELLED_OUT).split()))
    kept = "".join(mark for mark in decomposed if mark in _DRAWN or _has_letter(mark))
    kept = " ".join(kept.split()).strip(" =-/,&") if any(map(str.isalnum, kept)) else ""
    return kept if len(kept) <= _LONGEST_TEXT else kept[:_LONGEST_TEXT].rstrip() + "…"


def fit(
    text: str, box_px: tuple[float, float], face: Face, most_lines: int
) -> tuple[tuple[str, ...], int]:
    """Return the lines and the letter size, in pixels, at which a text stands largest in a box.

    Words are never cut; the size is at least 1.
    """
    words = {"upper": text.upper(), "lower": text.lower()}.get(face.case, text).split()
    best: tuple[tuple[str, ...], int] = ((), 1)
    for line_count in range(1, min(most_lines, len(words), _MOST_WORDS_TRIED) + 1):
        lines = min(_breaks(words, line_count), key=lambda broken: _widest(broken, face))
        height = 0.98 + (line_count - 1) * face.leading + 2 * face.weight
        size_px = int(min(box_px[0] / _widest(lines, face), box_px[1] / height))
        if size_px > best[1] or not best[0]:
            best = (lines, max(1, size_px))
    return best


def render(lines: tuple[str, ...], size_px: int, face: Face, align: Align) -> Image.Image:
    """Return one or more lines as an L mask, cropped to the letters."""
    stroke_px = round(face.weight * size_px)
    margin_px = stroke_px + size_px // 3
    widths_px = [_length_em(line, face) * size_px for line in lines]
    pitch_px = face.leading * size_px
    height_px = int(pitch_px * (len(widths_px) - 1) + size_px * 1.3) + 2 * margin_px
    mask = Image.new("L", (int(max(widths_px)) + 2 * margin_px, height_px))
    draw = ImageDraw.Draw(mask)
    share = {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
    for number, (line, width_px) in enumerate(zip(lines, widths_px, strict=True)):
        left_px = margin_px + (max(widths_px) - width_px) * share
        _draw_line(draw, line, (left_px, margin_px + number * pitch_px), face, size_px)
    box = mask.getbbox()
    return _bend(mask.crop(box), face) if box else Image.new("L", (1, 1))


def _bend(mask: Image.Image, face: Face) -> Image.Image:
    if face.stretch == 1.0 and face.slant == 0.0:
        return mask
    width_px = max(1, round(mask.width * face.stretch))
    lean_px = round(abs(face.slant) * mask.height)
    # Output to input: undo the lean, then the stretch.
    back = 1 / face.stretch
    shift = -lean_px * back if face.slant > 0 else 0.0
    matrix = (back, back * face.slant, shift, 0, 1, 0)
    size = (width_px + lean_px, mask.height)
    return mask.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _draw_line(
    draw: ImageDraw.ImageDraw, line: str, at_px: tuple[float, float], face: Face, size_px: int
) -> None:
    font = _font(size_px)
    stroke_px = round(face.weight * size_px)
    left_px, top_px = at_px
    if face.gap == 0.0:
        bare = "".join(mark for mark in line if mark not in _DRAWN)
        draw.text((left_px, top_px), bare, 255, font, stroke_width=stroke_px)
    seen = ""
    for mark in line:
        start_px = left_px + font.getlength(seen) + len(seen) * face.gap * size_px
        if mark not in _DRAWN:
            if face.gap:
                draw.text((start_px, top_px), mark, 255, font, stroke_width=stroke_px)
            seen += mark
        elif seen.strip():
            base = seen[-1]
            centre = start_px - face.gap * size_px - font.getlength(base) / 2
            _draw_accent(draw, mark, (centre, top_px), font.getbbox(base), (face.weight, size_px))


def _draw_accent(
    draw: ImageDraw.ImageDraw,
    mark: str,
    at_px: tuple[float, float],
    base_box: tuple[float, float, float, float],
    pen: tuple[float, int],
) -> None:
    """Draw one combining mark over or under a letter; `pen` is its weight and the letter size."""
    (centre, top_px), (weight, size_px) = at_px, pen
    pen_px = max(1, round((0.075 + 1.4 * weight) * size_px))
    # The dot of an i stays, so a mark on it goes higher, like on any other letter.
    above = top_px + base_box[1] - (0.07 + weight) * size_px
    dot_px = (0.05 + 0.6 * weight) * size_px
    if mark in _ACCENTS:
        points = [(centre + x * size_px, above + y * size_px) for x, y in _ACCENTS[mark]]
        draw.line(points, 255, pen_px, joint="curve")
    elif mark == _RING:
        draw.circle(
            (centre, above - 0.06 * size_px), 0.09 * size_px, None, 255, max(1, pen_px // 2)
        )
    elif mark == _DIAERESIS:
        for side in (-0.1, 0.1):
            draw.circle((centre + side * size_px, above - 0.05 * size_px), dot_px, 255)
    else:
        draw.circle((centre, top_px + base_box[3] + (0.06 + weight) * size_px), dot_px, 255)


def _breaks(words: list[str], line_count: int) -> list[tuple[str, ...]]:
    """Return the ways to break words into that many lines."""
    if len(words) > _MOST_WORDS_TRIED:
        step = -(-len(words) // line_count)
        return [tuple(" ".join(words[i : i + step]) for i in range(0, len(words), step))]
    ways = []
    for cuts in combinations(range(1, len(words)), line_count - 1):
        bounds = (0, *cuts, len(words))
        ways.append(tuple(" ".join(words[a:b]) for a, b in pairwise(bounds)))
    return ways


def _widest(lines: tuple[str, ...], face: Face) -> float:
    """Return the width of the widest line in letter sizes, as it will stand after bending."""
    widest = max(_length_em(line, face) for line in lines) * face.stretch
    return widest + abs(face.slant) * len(lines) + 2 * face.weight


@lru_cache(maxsize=8192)
def _length_em(line: str, face: Face) -> float:
    bare = "".join(mark for mark in line if mark not in _DRAWN)
    length_px = _font(_MEASURE_SIZE_PX).getlength(bare)
    return max(0.1, length_px / _MEASURE_SIZE_PX + face.gap * (len(bare) - 1))
