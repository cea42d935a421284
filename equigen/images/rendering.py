"""Declare what a cover must be and how its files are made; place the picture in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Fit(StrEnum):
    """Way of bringing a picture of any shape to a size; all but `inside` also enlarge."""

    CROP = "crop"
    PAD = "pad"
    INSIDE = "inside"
    STRETCH = "stretch"


class ImageFormat(StrEnum):
    """Format of a resized file; the name is also its suffix."""

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"


class Check(StrEnum):
    """Depth of a check: `full` decodes a picture, `structure` reads both ends of a JPEG."""

    FULL = "full"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class Demands:
    """Demands on a picture.

    `min_size_px` bounds the shorter side, `max_pixels` the area. `placeholders` are the sha256
    (hex) of bodies that are refused, such as a service's "no cover".
    """

    min_size_px: int
    max_pixels: int
    check: Check = Check.FULL
    placeholders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rendering:
    """Settings of one file of a cover.

    `size_px` 0 keeps the original bytes (other types than JPEG become JPEG of quality 95), and no
    other setting counts then. `quality` is that of JPEG and WebP, from 1 to 100.
    """

    size_px: int = 0
    fit: Fit = Fit.CROP
    quality: int = 90
    format: ImageFormat = ImageFormat.JPG

    @property
    def is_original(self) -> bool:
        """Whether the file is the picture as it came."""
        return self.size_px == 0

    @property
    def key(self) -> str:
        """All settings in words: "original", "256 crop jpg 90", "256 crop png"."""
        if self.is_original:
            return "original"
        words = [str(self.size_px), self.fit.value, self.format.value]
        if self.format is not ImageFormat.PNG:
            words.append(str(self.quality))
        return " ".join(words)

    @property
    def suffix(self) -> str:
        """The suffix of the file's name, with its dot."""
        return ".jpg" if self.is_original else f".{self.format.value}"


class PixelBox(NamedTuple):
    """Part of a picture, in pixels from its top left corner."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class ImagePlacement:
    """Part `box` of the source, scaled to `width_px` by `height_px`, on a canvas.

    Its top left corner is at `left_px`, `top_px`; the rest of the canvas is white.
    """

    box: PixelBox
    width_px: int
    height_px: int
    left_px: int
    top_px: int
    canvas_width_px: int
    canvas_height_px: int

    @property
    def scale(self) -> float:
        """Pixels of the file for a pixel of the source, along the axis that has more of them."""
        across = self.width_px / (self.box.right - self.box.left)
        return max(across, self.height_px / (self.box.bottom - self.box.top))

    @property
    def fills_canvas(self) -> bool:
        """Whether no part of the canvas stays white."""
        canvas = (self.canvas_width_px, self.canvas_height_px)
        return canvas == (self.width_px, self.height_px)


def placement(rendering: Rendering, width_px: int, height_px: int) -> ImagePlacement:
    """Place a picture of a size in the file that a rendering asks for.

    `crop` takes the largest square in the middle, whole pixels; the odd one is left out at the
    right or the bottom. `pad` and `inside` keep the shape and have at least one pixel a side. An
    original is the whole picture as it is.
    """
    box, size_px = PixelBox(0, 0, width_px, height_px), rendering.size_px
    longest_px, shortest_px = max(width_px, height_px), min(width_px, height_px)
    fit = None if rendering.is_original else rendering.fit
    across, down = (size_px, size_px) if fit else (width_px, height_px)
    if fit is Fit.CROP:
        left, top = (width_px - shortest_px) // 2, (height_px - shortest_px) // 2
        box = PixelBox(left, top, left + shortest_px, top + shortest_px)
    elif fit in {Fit.PAD, Fit.INSIDE}:
        share = (size_px if fit is Fit.PAD else min(size_px, longest_px)) / longest_px
        across, down = max(1, round(width_px * share)), max(1, round(height_px * share))
    canvas = (size_px, size_px) if fit is Fit.PAD else (across, down)
    offset = (canvas[0] - across) // 2, (canvas[1] - down) // 2
    return ImagePlacement(box, across, down, *offset, *canvas)


def made_by(renderings: Sequence[Rendering]) -> str:
    """Return the settings of all files of a cover in words: "original, 64 crop jpg 90"."""
    return _BETWEEN.join(rendering.key for rendering in renderings)


def sizes_in(made: str) -> list[str]:
    """Return the sizes of all files, from the words of `made_by`: "original", "64 px"."""
    sizes = [each.partition(" ")[0] for each in made.split(_BETWEEN)]
    return [f"{size} px" if size.isdecimal() else size for size in sizes]


def first_made(made: str) -> str:
    """Return the settings of the first file, from the words of `made_by`."""
    return made.partition(_BETWEEN)[0]


def has_all(made: str, wanted: str) -> bool:
    """Tell whether all wanted files of a cover were made, both in words of `made_by`."""
    (first, *there), (wanted_first, *others) = made.split(_BETWEEN), wanted.split(_BETWEEN)
    return first == wanted_first and set(others) <= set(there)


def made_in_all(made: str, wanted: str) -> str:
    """Return the settings of all files of a cover after the wanted ones were made.

    A size has one folder: its earlier files with other settings are gone.
    """
    sizes = {each.partition(" ")[0] for each in wanted.split(_BETWEEN)}
    _, *there = made.split(_BETWEEN)
    kept = [each for each in there if each.partition(" ")[0] not in sizes]
    return _BETWEEN.join([*wanted.split(_BETWEEN), *kept])


_BETWEEN = ", "
