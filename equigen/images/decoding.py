"""Decode pictures, JPEGs to no more pixels than are needed."""

import ctypes
import io
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageFile, ImageOps

from equigen.errors import PictureError
from equigen.images.colour import in_srgb, srgb_transform
from equigen.images.descriptor import Grid, coarsest, grey_grid

WHITE = (255, 255, 255)
# `max_pixels` decides, for each call; Pillow's own bound is for the whole process.
Image.MAX_IMAGE_PIXELS = None
# Its warnings about metadata are no reason to refuse a picture, also where a user has made errors
# of warnings.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
# libtiff writes to stderr what it says of damaged files, unless its handlers are taken away, which
# Pillow doesn't do. They are those of the whole process.
with suppress(AttributeError, OSError):  # Pillow was built without it, or doesn't show it
    _pillow = ctypes.CDLL(import_module("PIL._imaging").__file__)
    _pillow.TIFFSetErrorHandler(None)
    _pillow.TIFFSetWarningHandler(None)
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
_PROFILE = b"ICC_PROFILE\0"
_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_PNG_SIGNATURE_BYTES = 8
_ANCILLARY = 0x20  # this bit of a chunk's name says that pictures can do without it
# Ancillary chunks that change how a picture looks, and texts that say how it is to be turned.
_PNG_KEPT = frozenset({b"tRNS", b"eXIf"})
_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PNG_TURNING = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_MOST_PROFILE_BYTES = 1 << 24
_SIXTEEN_BIT = "I;16"
_BYTE_BITS = 8
_SIGNED, _FLOAT = 2, 3  # TIFF 6.0, SampleFormat
_MIN_IS_WHITE = 0  # TIFF 6.0, PhotometricInterpretation
# Tags of TIFF 6.0 that say which values are black and white, the more trusted first.
_RANGES = ((340, 341), (280, 281))
# Values that take up less of a range than this many parts of it weren't made for that range.
_LEAST_RANGE = 128
UNKNOWN_RANGE = "unknown range of values"
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
        return Image.fromarray(self.array)

    def grid(self) -> Grid:
        """Return the grid that hashes are made of."""
        size_px = self.width_px, self.height_px
        by = coarsest(*size_px)
        if self.array.ndim == _GREY_DIMENSIONS and self.reduced == by:
            return Grid(self.array, *(side_px / by for side_px in size_px))
        return grey_grid(self.image(), *size_px, reduced=self.reduced)


@dataclass(frozen=True, slots=True)
class Opened:
    """Picture whose header was read; nothing is decoded yet."""

    body: bytes
    width_px: int
    height_px: int
    is_jpeg: bool
    image: ImageFile.ImageFile | None = None
    profile: bytes = b""


def opened(body: bytes) -> Opened:
    """Read the header of a picture; its type is taken from the bytes.

    Raises:
        UnidentifiedImageError: the bytes are none of the types that covers come in.
        ValueError: they are a PNG that is damaged.

    """
    if body.startswith(_PNG_START):
        bare, profile = _bare_png(body)
        image = Image.open(io.BytesIO(bare), formats=["PNG"])
        return Opened(body, *image.size, is_jpeg=False, image=image, profile=profile)
    # Most covers are JPEGs that stand upright: for those Pillow needn't be asked.
    may_have_exif, profile = _read_segments(body)
    if not may_have_exif and (size_px := jpeg_size(body)):
        return Opened(body, *size_px, is_jpeg=True, profile=profile)
    image = Image.open(io.BytesIO(body), formats=_FORMATS)
    found = image.info.get("icc_profile")
    profile = found if isinstance(found, bytes) else b""
    return Opened(body, *image.size, image.format in _JPEGS, image, profile)


def _read_segments(body: bytes) -> tuple[bool, bytes]:
    """Tell whether a JPEG's segments include EXIF, or are malformed; else return its profile."""
    at = len(_JPEG_START) - 1
    parts = []
    while body[at : at + 2] != JPEG_SCAN:
        length = int.from_bytes(body[at + 2 : at + 4])
        odd = body[at : at + 1] != b"\xff" or body[at + 1 : at + 2] == b"\xff" or not length
        if odd or body.startswith(_EXIF, at + 4):
            return True, b""
        if body.startswith(_PROFILE, at + 4):
            parts.append(body[at + 4 + len(_PROFILE) : at + 2 + length])
        at += 2 + length
    # Each part starts with its number and the number of parts.
    parts.sort()
    is_whole = bool(parts) and parts[0][1:2] == bytes([len(parts) & 0xFF])
    return False, b"".join(part[2:] for part in parts) if is_whole else b""


def _bare_png(body: bytes) -> tuple[bytes, bytes]:
    """Return a PNG without what doesn't change its looks, and its colour profile.

    An ancillary chunk with a wrong checksum is left out, and so are texts, whatever is wrong in
    them.

    Raises:
        ValueError: a critical chunk is cut off, missing, or has a wrong checksum.

    """
    view, at, kind = memoryview(body), _PNG_SIGNATURE_BYTES, b""
    kept, profile = [view[:at]], b""
    while kind != b"IEND":
        kind, data = body[at + 4 : at + 8], at + 8
        end = data + int.from_bytes(view[at:data][:4])
        is_ancillary = bool(kind) and bool(kind[0] & _ANCILLARY)
        if zlib.crc32(view[at + 4 : end]).to_bytes(4) == view[end : end + 4]:
            turns = kind in _PNG_TEXTS and body.startswith(_PNG_TURNING, data)
            if not is_ancillary or kind in _PNG_KEPT or turns:
                kept.append(view[at : end + 4])
            elif kind == b"iCCP":
                profile = _unpacked_profile(body[data:end])
        elif not is_ancillary or end + 4 > len(body):
            msg = f"a PNG's chunk {kind!r} at byte {at} is cut off or has a wrong checksum"
            raise ValueError(msg)
        at = end + 4
    return b"".join(kept), profile


def _unpacked_profile(chunk: bytes) -> bytes:
    _, _, packed = chunk.partition(b"\0")
    with suppress(zlib.error):  # a picture isn't refused for its metadata
        return zlib.decompressobj().decompress(packed[1:], _MOST_PROFILE_BYTES)
    return b""


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
    and at least that share of its size. Every type but JPEG is decoded at its full size. Colours
    are converted to sRGB by the picture's profile, also for hashes: they then are those of files
    that are made of it.

    A JPEG must be whole to the last byte of its data: one that was cut off is damaged, also where
    an end marker was put behind the cut or zeros fill the rest. A progressive one that ends early
    between two of its scans can't be told from one that has no more of them.

    Raises:
        PictureError: its values don't say which of them are black and white.
        Exception: any exception of a decoder on damaged bytes; they have no common root.

    """
    if picture.is_jpeg:
        turned = picture.image is not None and _is_turned(picture.image)
        # A picture that has to be turned is only checked here, and decoded at its full size below,
        # where its edges are exact.
        pixels = _decode_jpeg(picture, scale=0 if turned else scale)
        if pixels and not turned:
            return pixels
    image: Image.Image = picture.image or Image.open(io.BytesIO(picture.body), formats=_FORMATS)
    image.load()
    tags = getattr(image, "tag_v2", {})
    with suppress(*_EXIF_ERRORS):  # a picture isn't refused for its metadata
        image = ImageOps.exif_transpose(image)
    flat = _flattened(image, tags, picture.profile)
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
        mode = "L" if space == "Gray" else "RGB"
        converts = bool(picture.profile and srgb_transform(picture.profile, mode))
        grey = space == "Gray" or (scale == 0 and not converts)
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
    if kept == "GRAY":
        pixels = pixels[..., 0]
    if converts:
        shown = in_srgb(Image.fromarray(pixels), picture.profile)
        pixels = np.asarray(shown if scale else shown.convert("L"))
    return Pixels(pixels, *size_px, reduced)


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


def _flattened(image: Image.Image, tags: Mapping[int, Any], profile: bytes) -> Image.Image:
    """Return a picture on white, in sRGB and 8 bits a channel, L or RGB; `tags` are a TIFF's."""
    if image.mode == "La":  # Pillow converts it to nothing else
        image = image.convert("LA")
    layer = None
    if _is_deep(image, tags):
        deep, clear = np.asarray(image), image.info.get("transparency")
        image = in_srgb(Image.fromarray(_grey_levels(deep, tags)), profile)
        if isinstance(clear, int):  # Pillow drops the transparent colour of deep greys
            image.paste(WHITE[0], mask=Image.fromarray(deep == clear))
        return image
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = image.convert("L") if image.mode in {"L", "LA"} else layer.convert("RGB")
    elif image.mode not in {"L", "CMYK"}:
        image = image.convert("RGB")
    flat = in_srgb(image, profile)
    if layer:
        shown = flat.convert("RGBA")
        shown.putalpha(layer.getchannel("A"))
        flat = Image.alpha_composite(Image.new("RGBA", shown.size, (*WHITE, 255)), shown)
    flat = flat.convert("L" if flat.mode == "L" else "RGB")
    flat.info = {}  # the file's metadata doesn't hold for the flattened picture
    return flat


def _is_deep(image: Image.Image, tags: Mapping[int, Any]) -> bool:
    """Tell whether greys are no unsigned bytes: Pillow clips such instead of scaling them."""
    if image.mode == "L":
        return bool(_first(tags, ExifTags.Base.SampleFormat) == _SIGNED)
    return image.mode.startswith(_SIXTEEN_BIT) or image.mode in {"I", "F"}


def _grey_levels(values: npt.NDArray[Any], tags: Mapping[int, Any]) -> npt.NDArray[np.uint8]:
    """Return greys of any type as 8 bits; `tags` are a TIFF's, where they come from one."""
    sample_format = _first(tags, ExifTags.Base.SampleFormat)
    bits = _first(tags, ExifTags.Base.BitsPerSample) or 16
    is_inverted = _first(tags, ExifTags.Base.PhotometricInterpretation) == _MIN_IS_WHITE
    is_short = values.dtype.itemsize == np.uint16().itemsize
    # Pillow has signed numbers of 32 bits, and unsigned ones of 8, whatever the file has.
    if sample_format == _SIGNED and bits == _BYTE_BITS:
        values = values.view(np.int8)
    elif not is_short and sample_format not in {_SIGNED, _FLOAT}:
        values = values.view(np.uint32)
    low, high = _range_of(values, bits, tags)
    if is_short and (low, high) == (0, (1 << bits) - 1):
        levels = (values >> (bits - _BYTE_BITS)).astype(np.uint8)
    else:
        levels = np.rint((values.astype(np.float32) - low) * (255 / (high - low))).astype(np.uint8)
    return ~levels if is_inverted else levels


def _range_of(values: npt.NDArray[Any], bits: int, tags: Mapping[int, Any]) -> tuple[float, float]:
    """Return the values of black and white: a range that a TIFF declares, or that of its type.

    Floats are taken for 0 to 1, as all programs do that write pictures in them. A range counts
    only if the values lie in it, and don't all lie in one small part of it; but unsigned numbers of
    16 bits or fewer have that of their type where no other fits.

    Raises:
        PictureError: no range fits.

    """
    declared = [(_first(tags, low), _first(tags, high)) for low, high in _RANGES]
    if values.dtype.kind == "f":
        whole = (0, 1)
    elif values.dtype.kind == "i":
        whole = (-(1 << bits - 1), (1 << bits - 1) - 1)
    else:
        whole = (0, (1 << bits) - 1)
    darkest, lightest = float(values.min()), float(values.max())
    span = lightest - darkest
    for low, high in (*declared, whole):
        if low is None or high is None or not low <= darkest <= lightest <= high:
            continue
        if low < high and (span == 0 or span * _LEAST_RANGE >= high - low):
            return float(low), float(high)
    if values.dtype.kind == "u" and values.dtype.itemsize == np.uint16().itemsize:
        return whole
    msg = (
        f"expected a cover, got greys from {darkest:g} to {lightest:g} without a word on which"
        " values are black and white"
    )
    raise PictureError(msg, reason=UNKNOWN_RANGE)


def _first(tags: Mapping[int, Any], tag: int) -> Any:  # noqa: ANN401  # whatever the file holds
    found = tags.get(tag)
    return found[0] if isinstance(found, tuple) and found else found
