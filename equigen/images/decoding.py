"""Decode pictures, JPEGs to no more pixels than are needed."""

import io
import re
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageFile, ImageMath, ImageOps

from equigen.images.descriptor import Grid, coarsest, grey_grid

WHITE = (255, 255, 255)
# `max_pixels` decides, for each call; Pillow's own bound is for the whole process.
Image.MAX_IMAGE_PIXELS = None
# Its warnings about metadata are no reason to refuse a picture, also where a user has made errors
# of warnings.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# The formats of covers. Formats that start other programs (EPS) or hold anything at all are left
# out. Only these are loaded; Pillow can be older than some, or built without them.
for _plugin in ("Jpeg", "Png", "Gif", "WebP", "Bmp", "Tiff", "Avif"):
    with suppress(ImportError):
        import_module(f"PIL.{_plugin}ImagePlugin")
_NAMES = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
_FORMATS = [name for name in _NAMES if name in Image.OPEN]  # Pillow can be built without some
# A JPEG that holds several pictures, as phones make them, opens as MPO.
_JPEGS = frozenset({"JPEG", "MPO"})
JPEG_SCAN = b"\xff\xda"
_EXIF = b"Exif\0\0"
_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_SIXTEEN_BIT = "I;16"
_GREY_DIMENSIONS = 2
_UPRIGHT = 1
# Exceptions that Pillow raises on damaged EXIF, by its documentation and by trial; it also warns,
# and a user may have made errors of warnings.
_EXIF_ERRORS = (
    *(struct.error, UserWarning, OSError, ValueError, TypeError),
    *(LookupError, SyntaxError, ArithmeticError),
)

# A JPEG can be decoded at any number of eighths of its size, but libjpeg-turbo has vectorised only
# one, two, four and eight of them: the others take longer than the whole picture.
_REDUCTIONS = (8, 4, 2)
# Colour spaces that libjpeg-turbo converts neither to grey nor to RGB.
_PRINT_SPACES = frozenset({"CMYK", "YCCK"})
# Messages of libjpeg-turbo (jerror.h) on incomplete data. Its other complaints, and formats that it
# can't decode, say little of the picture: Pillow decides on those.
_DAMAGE = re.compile(
    r"premature end of|bad Huffman code|bad arithmetic code|instead of RST", re.IGNORECASE
)
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_PADDING_BYTES = 8
# Exceptions of simplejpeg on data that it can't read, and on unknown colour sampling.
_NOT_FOR_IT = (ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Decoded picture of `width_px` by `height_px`, upright, 8 bits a channel, on white.

    `array` (rows x columns of greys, or rows x columns x 3 of RGB) is smaller by the factor
    `reduced`, its last column and row rounded up.
    """

    array: npt.NDArray[np.uint8]
    width_px: int
    height_px: int
    reduced: int = 1

    def image(self) -> Image.Image:
        """Return the array as a Pillow image; greys are not copied."""
        if self.array.ndim == _GREY_DIMENSIONS:
            size_px = self.array.shape[::-1]
            return Image.frombuffer("L", size_px, self.array, "raw", "L", 0, 1)
        return Image.fromarray(self.array)

    def grid(self) -> Grid:
        """Return the grid that hashes are made of."""
        size_px = self.width_px, self.height_px
        by = coarsest(*size_px)
        if self.array.ndim == _GREY_DIMENSIONS and self.reduced == by:
            return Grid(self.array, *(side_px / by for side_px in size_px))
        return grey_grid(self.image(), *size_px, reduced=self.reduced)


@dataclass(slots=True)
class Opened:
    """Picture whose header was read; nothing is decoded yet."""

    body: bytes
    width_px: int
    height_px: int
    is_jpeg: bool
    image: ImageFile.ImageFile | None = None

    def by_pillow(self) -> ImageFile.ImageFile:
        """Return the picture opened by Pillow."""
        if self.image is None:
            self.image = Image.open(io.BytesIO(self.body), formats=_FORMATS)
        return self.image


def opened(body: bytes) -> Opened:
    """Read the header of a picture; its type is taken from the bytes.

    Raises:
        UnidentifiedImageError: the bytes are none of the types that covers come in.

    """
    # Most covers are JPEGs that stand upright: for those Pillow needn't be asked.
    if not _may_have_exif(body) and (size_px := jpeg_size(body)):
        return Opened(body, *size_px, is_jpeg=True)
    image = Image.open(io.BytesIO(body), formats=_FORMATS)
    return Opened(body, *image.size, image.format in _JPEGS, image)


def _may_have_exif(body: bytes) -> bool:
    """Tell whether a JPEG's segments include EXIF, or are malformed."""
    at = len(_JPEG_START) - 1
    while body[at : at + 2] != JPEG_SCAN:
        length = int.from_bytes(body[at + 2 : at + 4])
        odd = body[at : at + 1] != b"\xff" or body[at + 1 : at + 2] == b"\xff" or not length
        if odd or body.startswith(_EXIF, at + 4):
            return True
        at += 2 + length
    return False


def jpeg_size(body: bytes) -> tuple[int, int] | None:
    """Read a JPEG's width and height from its header alone; None where it is no plain JPEG."""
    if not body.startswith(_JPEG_START):
        return None
    try:
        height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(body)
    except _NOT_FOR_IT:
        return None
    return width_px, height_px


def ends_as_jpeg(body: bytes) -> bool:
    """Tell whether a JPEG ends in its end marker; NULs and line ends after it are tolerated."""
    return body.rstrip(b"\0\r\n").endswith(_JPEG_END)


def decode(picture: Opened, *, scale: float) -> Pixels:
    """Decode a whole picture, and keep as many pixels as `scale` needs.

    With `scale` 0 a JPEG becomes grey and as small as a hash allows; above, it keeps its colours
    and at least that share of its size. Every type but JPEG is decoded at its full size.

    A JPEG must be whole to the last byte of its data: one that was cut off is damaged, also where
    an end marker was put behind the cut or zeros fill the rest. A progressive one that ends early
    between two of its scans can't be told from one that has no more of them.

    Raises:
        Exception: any exception of a decoder on damaged bytes; they have no common root.

    """
    if picture.is_jpeg:
        turned = picture.image is not None and _is_turned(picture.image)
        # A picture that has to be turned is only checked here, and decoded at its full size below,
        # where its edges are exact.
        pixels = _decode_jpeg(picture, scale=0 if turned else scale)
        if pixels and not turned:
            return pixels
    image: Image.Image = picture.by_pillow()
    image.load()
    with suppress(*_EXIF_ERRORS):  # a picture isn't refused for its metadata
        image = ImageOps.exif_transpose(image)
    flat = _flattened(image)
    return Pixels(np.asarray(flat), *flat.size)


def _decode_jpeg(picture: Opened, *, scale: float) -> Pixels | None:
    body, size_px = picture.body, (picture.width_px, picture.height_px)
    most = coarsest(*size_px)
    reduced = next((by for by in _REDUCTIONS if by <= most and by * scale <= 1), 1)
    # It picks the smallest scale with at least so many pixels; 0 leaves the picture as it is.
    width_px, height_px = (0 if reduced == 1 else -(-side_px // reduced) for side_px in size_px)
    try:
        high, wide, space, _ = simplejpeg.decode_jpeg_header(body)
        if (wide, high) != size_px:
            return None
        grey = scale == 0 or space == "Gray"
        kept = "CMYK" if space in _PRINT_SPACES else "GRAY" if grey else "RGB"
        pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(
            body,
            colorspace=kept,
            min_width=width_px,
            min_height=height_px,
            min_factor=1,
            strict=True,
        )
    except _NOT_FOR_IT as err:
        if _DAMAGE.search(str(err)) or _ran_into_zeros(body, str(err)):
            raise
        return None
    if kept == "CMYK":  # it is whole; its colours are Pillow's business
        return None
    return Pixels(pixels[..., 0] if kept == "GRAY" else pixels, *size_px, reduced)


def _ran_into_zeros(body: bytes, complaint: str) -> bool:
    # Zeros are good codes: a picture whose rest is zeros can end before they do. Where an encoder
    # has only padded the data, none of the zeros were taken for a part of the picture.
    left_over = _LEFT_OVER.search(complaint)
    if not left_over:
        return False
    data = body[: body.rfind(_JPEG_END)]
    zeros = len(data) - len(data.rstrip(b"\0"))
    return zeros > int(left_over[1]) + _PADDING_BYTES


def _is_turned(image: ImageFile.ImageFile) -> bool:
    if "exif" not in image.info:  # reading what isn't there is slow
        return False
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except _EXIF_ERRORS:
        return False
    return orientation in range(_UPRIGHT + 1, 9)


def _flattened(image: Image.Image) -> Image.Image:
    if image.mode.startswith(_SIXTEEN_BIT):
        # Pillow clips 16 bits to 8 instead of scaling them, and drops their transparent colour.
        deep, clear = image.convert("I"), image.info.get("transparency")
        image = deep.point(lambda value: value / 256).convert("L")
        if isinstance(clear, int):
            mask = ImageMath.lambda_eval(lambda at: (at["deep"] == clear) * 255, deep=deep)
            image.paste(WHITE[0], mask=mask.convert("L"))
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (*WHITE, 255)), layer)
    flat = image.convert("L" if image.mode == "L" else "RGB")
    flat.info = {}  # the file's metadata doesn't hold for the flattened picture
    return flat
