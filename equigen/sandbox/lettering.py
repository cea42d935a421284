"""Render text as a mask, in the one font that comes with Pillow, transformed into many faces."""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from PIL import Image, ImageDraw, ImageFont

Align = Literal["left", "centre", "right"]

_MEASURE_SIZE_PX = 64
_LONGEST_TEXT = 56
_SPELLED_OUT = str.maketrans(
    {
        "æ": "ae", "Æ": "Ae", "œ": "oe", "ß": "ss", "þ": "th", "Þ": "Th", "ð": "d", "\u0131": "i",
        "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "—": "-", "·": "-",
    }
)  # fmt: skip
# The font has no accented letters: other signs of it stand over or under letters, in these shares
# of the letter size.
_ACCENTS = {
    "\u0300": ("`", 1.3), "\u0301": ("\xb4", 1.3), "\u0302": ("^", 0.5), "\u0303": ("~", 0.8),
    "\u0304": ("-", 1.0), "\u0308": ("..", 0.8), "\u030a": ("\xb0", 0.9), "\u030c": ("v", 0.4),
    "\u0323": (".", 0.9), "\u0327": (",", 0.9),
}  # fmt: skip
_BELOW = {"\u0323", "\u0327"}


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
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size=size_px))


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
    kept = "".join(mark for mark in decomposed if mark in _ACCENTS or _has_letter(mark))
    kept = " ".join(kept.split()).strip(" =-/,&") if any(map(str.isalnum, kept)) else ""
    return kept if len(kept) <= _LONGEST_TEXT else kept[:_LONGEST_TEXT].rstrip() + "…"


def fit(
    text: str, box_px: tuple[float, float], face: Face, most_lines: int
) -> tuple[tuple[str, ...], int]:
    """Return the lines and the letter size, in pixels, at which a text stands largest in a box.

    Words are never cut; the size is at least 1.
    """
    shown = {"upper": text.upper(), "lower": text.lower()}.get(face.case, text)
    best: tuple[tuple[str, ...], int] = ((), 1)
    for width in range(len(shown), 0, -1):
        wrapped = textwrap.wrap(shown, width, break_long_words=False, break_on_hyphens=False)
        if len(wrapped) > most_lines:
            break
        height = 0.98 + (len(wrapped) - 1) * face.leading + 2 * face.weight
        size_px = max(1, int(min(box_px[0] / _widest(wrapped, face), box_px[1] / height)))
        if size_px >= best[1]:  # of lines that break differently, the more even ones come last
            best = (tuple(wrapped), size_px)
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
    seen = ""
    for mark in line:
        start_px = left_px + font.getlength(seen) + len(seen) * face.gap * size_px
        if mark not in _ACCENTS:
            draw.text((start_px, top_px), mark, 255, font, stroke_width=stroke_px)
            seen += mark
        elif seen.strip():
            sign, share = _ACCENTS[mark]
            centre = start_px - face.gap * size_px - font.getlength(seen[-1]) / 2
            _, over, _, under = font.getbbox(seen[-1])
            small, gap_px = _font(max(1, round(share * size_px))), (0.06 + face.weight) * size_px
            _, _, _, high_px = small.getmask(sign).getbbox()
            y = under + gap_px if mark in _BELOW else over - gap_px - high_px
            draw.text((centre, top_px + y), sign, 255, small, "mt", stroke_width=stroke_px)


def _widest(lines: Sequence[str], face: Face) -> float:
    """Return the width of the widest line in letter sizes, as it will stand after bending."""
    widest = max(_length_em(line, face) for line in lines) * face.stretch
    return widest + abs(face.slant) * len(lines) + 2 * face.weight


@lru_cache(maxsize=8192)
def _length_em(line: str, face: Face) -> float:
    bare = "".join(mark for mark in line if mark not in _ACCENTS)
    length_px = _font(_MEASURE_SIZE_PX).getlength(bare)
    return max(0.1, length_px / _MEASURE_SIZE_PX + face.gap * (len(bare) - 1))
