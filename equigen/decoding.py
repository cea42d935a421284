"""From the bytes of a picture to its pixels: no more of them than are needed."""

import io
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageFile, ImageMath, ImageOps

from equigen.phash import coarsest

WHITE = (255, 255, 255)
# `max_pixels` decides, for each call; Pillow's own bound is for the whole process.
Image.MAX_IMAGE_PIXELS = None
# What covers come in. Formats that start other programs (EPS) or hold anything at all are left out.
# Only these are loaded; Pillow can be older than some, or built without them.
for _plugin in ("Jpeg", "Png", "Gif", "WebP", "Bmp", "Tiff", "Avif"):
    with suppress(ImportError):
        import_module(f"PIL.{_plugin}ImagePlugin")
_FORMATS: list[str] = [
    name
    for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
    if name in Image.OPEN  # Pillow can be built without some
]
# A JPEG that holds several pictures, as phones make them, opens as MPO.
_JPEGS = frozenset({"JPEG", "MPO"})
_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_SIXTEEN_BIT = "I;16"
_UPRIGHT = 1
# What damaged EXIF makes Pillow raise, by its own account and by trial; it also warns, and a user
# may have made errors of warnings.
_EXIF_ERRORS = (
    struct.error,
    UserWarning,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    ArithmeticError,
)

# A JPEG can be decoded at any number of eighths of its size, but libjpeg-turbo has vectorised only
# one, two, four and eight of them: the others take longer than the whole picture.
_REDUCTIONS = (8, 4, 2)
# Spaces of which libjpeg-turbo makes neither grey nor RGB.
_PRINT_SPACES = frozenset({"CMYK", "YCCK"})
# What libjpeg-turbo says (jerror.h) of data that is not all there. Its other complaints, and what
# it can't do, say little of the picture: Pillow decides on those.
_DAMAGE = re.compile(
    r"premature end of|bad Huffman code|bad arithmetic code|instead of RST", re.IGNORECASE
)
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_PADDING_BYTES = 8


@dataclass(frozen=True, slots=True)
class Pixels:
    """A decoded picture of `width_px` by `height_px`, upright, 8 bits a channel, on white.

    `image` (L or RGB) is smaller by the factor `reduced`, its last column and row rounded up.
    """

    image: Image.Image
    width_px: int
    height_px: int
    reduced: int = 1


def open_picture(body: bytes) -> ImageFile.ImageFile:
    """Read the header of a picture; its type is taken from the bytes.

    Raises:
        UnidentifiedImageError: the bytes are none of the types that covers come in.

    """
    return Image.open(io.BytesIO(body), formats=_FORMATS)


def is_jpeg(image: ImageFile.ImageFile) -> bool:
    """Tell whether an opened picture is a JPEG, or several in one file."""
    return image.format in _JPEGS


def jpeg_size(body: bytes) -> tuple[int, int] | None:
    """Return a JPEG's width and height by its header alone; nothing where it is no plain JPEG."""
    if not body.startswith(_JPEG_START):
        return None
    try:
        height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(body)
    except ValueError:
        return None
    return width_px, height_px


def ends_as_jpeg(body: bytes) -> bool:
    """Tell whether the end marker stands at the end; NULs and line ends after it are tolerated."""
    return body.rstrip(b"\0\r\n").endswith(_JPEG_END)


def decode(image: ImageFile.ImageFile, body: bytes, *, scale: float) -> Pixels:
    """Decode all of an opened picture, and keep as many pixels as `scale` needs.

    With `scale` 0 a JPEG becomes grey and as small as a hash allows; above, it keeps its colours
    and at least that share of its size. Every type but JPEG is decoded at its full size.

    A JPEG must be whole to the last byte of its data: one that was cut off is damaged, also where
    an end marker was put behind the cut or zeros fill the rest. A progressive one that ends early
    between two of its scans can't be told from one that has no more of them.

    Raises:
        Exception: whatever a decoder says of damaged bytes; they have no common root.

    """
    if is_jpeg(image):
        turned = _is_turned(image)
        # What has to be turned is decoded at its full size, where its edges are exact.
        pixels = _decode_jpeg(image, body, scale=0 if turned else scale)
        if pixels and not turned:
            return pixels
    image.load()
    flat = _flattened(ImageOps.exif_transpose(image))
    return Pixels(flat, *flat.size)


def _decode_jpeg(image: ImageFile.ImageFile, body: bytes, *, scale: float) -> Pixels | None:
    width_px, height_px = image.size
    try:
        header_height_px, header_width_px, space, _ = simplejpeg.decode_jpeg_header(body)
        if (header_width_px, header_height_px) != image.size:
            return None
        reduced = _reduction(width_px, height_px, scale=scale)
        grey = scale == 0 or space == "Gray"
        kept = "CMYK" if space in _PRINT_SPACES else "GRAY" if grey else "RGB"
        pixels = _decode_scaled(body, image.size, reduced, colorspace=kept)
    except ValueError as err:
        if _DAMAGE.search(str(err)) or _ran_into_zeros(body, str(err)):
            raise
        return None
    if kept == "CMYK":  # it is whole; its colours are Pillow's business
        return None
    shown = Image.fromarray(pixels[..., 0] if kept == "GRAY" else pixels)
    return Pixels(shown, width_px, height_px, reduced)


def _reduction(width_px: int, height_px: int, *, scale: float) -> int:
    most = coarsest(width_px, height_px)
    return next((by for by in _REDUCTIONS if by <= most and by * scale <= 1), 1)


def _decode_scaled(
    body: bytes, size_px: tuple[int, int], reduced: int, *, colorspace: str
) -> npt.NDArray[np.uint8]:
    # It picks the smallest scale with at least so many pixels; 0 leaves the picture as it is.
    width_px, height_px = (0 if reduced == 1 else -(-side_px // reduced) for side_px in size_px)
    pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(
        body,
        colorspace=colorspace,
        min_width=width_px,
        min_height=height_px,
        min_factor=1,
        strict=True,
    )
    return pixels


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
    flat.info = {}  # what the file said of itself doesn't hold for what is made of it
    return flat
