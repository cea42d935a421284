"""Decode pictures, JPEGs to no more pixels than are needed, and each in 300 MiB at most."""

import ctypes
import io
import logging
import re
import struct
import warnings
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageFile

from equigen.errors import PictureError
from equigen.images.avif import check_avif
from equigen.images.colour import MOST_PROFILE_BYTES, in_srgb, srgb_transform
from equigen.images.descriptor import Grid, coarsest, grey_grid
from equigen.images.structure import MOST_PARTS, TOO_MANY_PIXELS, check_structure, refuse_parts

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
# Those that are handed to Pillow as they are; it can be built without some.
_FORMATS = sorted({"WEBP", "BMP", "TIFF", "AVIF"} & Image.OPEN.keys())
JPEG_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff([^\xff\0])")
# Markers without a length (ITU T.81, B.1.1.3), and those whose length Pillow doesn't read.
_BARE_MARKERS = frozenset({0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
# Segments that don't change how a picture looks: all of applications but JFIF and Adobe, comments.
_LEFT_OUT = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
_MOST_JUNK_BYTES = 1 << 16
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXIF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF_NUMBERS = {3: "H", 4: "L"}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
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
_MOST_TEXT_BYTES = 1 << 20
_GIF_STARTS, _GIF_CONTROL = (b"GIF87a", b"GIF89a"), b"\xf9"
_GIF_ENDS = frozenset({b",", b";"})  # of what is before the first frame
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
_TILE_SIDES, _ROWS_PER_STRIP = (322, 323), 278  # TIFF 6.0: TileWidth, TileLength, RowsPerStrip
# The memory of a decode beside that of the process itself, which has some 90 MiB.
_MOST_BYTES = 300 << 20
_BODIES = 3  # copies of the file that decoders hold
# Bytes a pixel at the peak of a decode: 4 of Pillow's picture and 3 of ours, or the decoder's own
# buffers. They are measured (docs/download.md), and a little more.
_PEAK = {"PNG": 7.5, "GIF": 7.5, "BMP": 7.5, "TIFF": 9.0, "WEBP": 18.5, "AVIF": 24.0}
_SAMPLES = 8  # bytes of a pixel in a TIFF's own strips and tiles: 4 x 16 bits
_COEFFICIENT = 2  # bytes of a JPEG's pixel a channel, in a JPEG of several scans
_STRIP_PIXELS = 1 << 20


class _Turn(NamedTuple):
    """Axes to flip, and whether rows then become columns."""

    flipped: tuple[int, ...]
    is_across: bool = False


# By EXIF's orientation.
_TURNS: Mapping[object, _Turn] = {
    2: _Turn((1,)),
    3: _Turn((0, 1)),
    4: _Turn((0,)),
    5: _Turn((), is_across=True),
    6: _Turn((0,), is_across=True),
    7: _Turn((0, 1), is_across=True),
    8: _Turn((1,), is_across=True),
}
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
    orientation: int = _UPRIGHT  # of a JPEG


def opened(body: bytes) -> Opened:
    """Read the header of a picture; its type is taken from the bytes.

    Raises:
        UnidentifiedImageError: the bytes are none of the types that covers come in.
        PictureError: it has too many parts, or more pixels than its header says.
        ValueError: they are a PNG or AVIF that is damaged.

    """
    if body.startswith(_JPEG_START):
        kept, profile, orientation = _jpeg_parts(body)
        if size_px := jpeg_size(body):
            return Opened(body, *size_px, is_jpeg=True, profile=profile, orientation=orientation)
        image = Image.open(io.BytesIO(b"".join(kept)), formats=["JPEG"])
        return Opened(
            body, *image.size, is_jpeg=True, image=image, profile=profile, orientation=orientation
        )
    if body.startswith(_PNG_START):
        bare, profile = _bare_png(body)
        image = Image.open(io.BytesIO(bare), formats=["PNG"])
        return Opened(body, *image.size, is_jpeg=False, image=image, profile=profile)
    if body.startswith(_GIF_STARTS):
        image = Image.open(io.BytesIO(_bare_gif(body)), formats=["GIF"])
    else:
        check_structure(body)
        if body[4:8] == b"ftyp":
            check_avif(body)
        image = Image.open(io.BytesIO(body), formats=_FORMATS)
    found = image.info.get("icc_profile")
    profile = found if isinstance(found, bytes) else b""
    return Opened(body, *image.size, is_jpeg=False, image=image, profile=profile)


def _jpeg_parts(body: bytes) -> tuple[list[memoryview], bytes, int]:
    """Return what of a JPEG changes its looks, its colour profile and its orientation."""
    at, junk_bytes, exif, xmp = 2, 0, b"", b""
    view, parts, found = memoryview(body), list[bytes](), None
    kept = [view[:at]]
    for _ in range(MOST_PARTS):
        found = _MARKER.search(body, at)
        if not found or found[0] == JPEG_SCAN:
            break
        start, data, kind = found.start(), found.end() + 2, found[1][0]
        junk_bytes += start - at
        at = found.end()
        if kind not in _BARE_MARKERS:
            at = max(data, at + int.from_bytes(body[at:data]))
        if kind not in _LEFT_OUT:
            kept.append(view[start:at])
        elif body.startswith(_PROFILE, data):
            parts.append(body[data + len(_PROFILE) : at])
        elif body.startswith(_EXIF, data):
            exif = exif or body[data:at]
        elif body.startswith(_XMP, data):
            xmp = body[data:at]
    else:
        refuse_parts("JPEG")
    if junk_bytes > _MOST_JUNK_BYTES:
        refuse_parts("JPEG")
    kept.append(view[found.start() if found else len(body) :])
    # Each part starts with its number and the number of parts.
    parts.sort()
    is_whole = bool(parts) and parts[0][1:2] == bytes([len(parts) & 0xFF])
    profile = b"".join(part[2:] for part in parts) if is_whole else b""
    return kept, profile, _told(exif, xmp) if exif else _UPRIGHT


def _bare_gif(body: bytes) -> bytes:
    """Return a GIF without its extensions, but with what is said of the first frame."""
    start = at = 13 + (6 << (body[10] & 7) if body[10:11] > b"\x7f" else 0)
    control, parts = b"", 0
    while (sign := body[at : at + 1]) and sign not in _GIF_ENDS:
        begun, at, parts = at, at + 1, parts + 1
        if sign == b"!":
            at += 1
            while size := int.from_bytes(body[at : at + 1]):
                at, parts = at + 1 + size, parts + 1
                if parts > MOST_PARTS:
                    break
            at += 1
            if body[begun + 1 : begun + 2] == _GIF_CONTROL:
                control = body[begun:at]
        if parts > MOST_PARTS:
            refuse_parts("GIF")
    return body[:start] + control + body[at:]


def _bare_png(body: bytes) -> tuple[bytes, bytes]:
    """Return a PNG without what doesn't change its looks, and its colour profile.

    An ancillary chunk with a wrong checksum is left out, and so are texts, whatever is wrong in
    them.

    Raises:
        ValueError: a critical chunk is cut off, missing, or has a wrong checksum.

    """
    view, at, kind = memoryview(body), _PNG_SIGNATURE_BYTES, b""
    kept, profile, has_profile, parts = [view[:at]], b"", False, 0
    while kind != b"IEND":
        parts += 1
        if parts > MOST_PARTS:
            refuse_parts("PNG")
        kind, data = body[at + 4 : at + 8], at + 8
        end = data + int.from_bytes(view[at:data][:4])
        is_ancillary = bool(kind) and bool(kind[0] & _ANCILLARY)
        if zlib.crc32(view[at + 4 : end]).to_bytes(4) == view[end : end + 4]:
            turns = kind in _PNG_TEXTS and body.startswith(_PNG_TURNING, data)
            turns = turns and end - data <= _MOST_TEXT_BYTES
            if not is_ancillary or kind in _PNG_KEPT or turns:
                kept.append(view[at : end + 4])
            elif kind == b"iCCP" and not has_profile:
                profile, has_profile = _unpacked_profile(body[data:end]), True
        elif not is_ancillary or end + 4 > len(body):
            msg = f"a PNG's chunk {kind!r} at byte {at} is cut off or has a wrong checksum"
            raise ValueError(msg)
        at = end + 4
    return b"".join(kept), profile


def _unpacked_profile(chunk: bytes) -> bytes:
    _, _, packed = chunk.partition(b"\0")
    with suppress(zlib.error):  # a picture isn't refused for its metadata
        return zlib.decompressobj().decompress(packed[1:], MOST_PROFILE_BYTES)
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
        turned = picture.orientation in _TURNS
        # A picture that has to be turned is only checked here, and decoded at its full size below,
        # where its edges are exact.
        pixels = _decode_jpeg(picture, scale=0 if turned else scale)
        if pixels and not turned:
            return pixels
    bare = b"" if picture.image else b"".join(_jpeg_parts(picture.body)[0])
    image = picture.image or Image.open(io.BytesIO(bare), formats=["JPEG"])
    made = _PEAK.get(image.format or "", _PEAK["PNG"])
    held = _COEFFICIENT * len(image.getbands()) if picture.is_jpeg else _tile_bytes(image)
    reduced = _least_reduced(picture, held, made)
    size_px = picture.width_px, picture.height_px
    if reduced > 1 and not image.draft(None, (size_px[0] // reduced, size_px[1] // reduced)):
        raise _too_large(picture)
    image.load()
    orientation = picture.orientation if picture.is_jpeg else _orientation(image)
    tags = getattr(image, "tag_v2", {})
    array = _flattened(image, tags, picture.profile)
    image.close()  # its pixels take more than the array
    if turn := _TURNS.get(orientation):
        array = np.flip(array, turn.flipped)
        if turn.is_across:
            array, size_px = array.swapaxes(0, 1), (size_px[1], size_px[0])
        array = np.ascontiguousarray(array)
    if reduced == 1:
        size_px = array.shape[1], array.shape[0]
    return Pixels(array, *size_px, reduced)


def _tile_bytes(image: Image.Image) -> float:
    """Return the bytes a pixel of a TIFF's largest strip or tile, which is unpacked as a whole."""
    tags = getattr(image, "tag_v2", {})
    wide, high = (_first(tags, tag) for tag in _TILE_SIDES)
    if not wide:
        wide, high = image.width, min(_first(tags, _ROWS_PER_STRIP) or image.height, image.height)
    return float(_SAMPLES * wide * (high or 0) / (image.width * image.height)) if tags else 0.0


def _too_large(picture: Opened) -> PictureError:
    msg = (
        f"expected a cover, got {picture.width_px}x{picture.height_px} pixels of a type that takes"
        f" more than {_MOST_BYTES >> 20} MiB to decode them"
    )
    return PictureError(msg, reason=TOO_MANY_PIXELS)


def _least_reduced(picture: Opened, held: float, made: float) -> int:
    """Return the least factor by which a JPEG must be reduced to fit into memory; else 1.

    A decode takes `held` bytes a pixel of the picture, and `made` a pixel of the result.

    Raises:
        PictureError: no factor makes it fit, or it is no JPEG.

    """
    area, most = picture.width_px * picture.height_px, coarsest(picture.width_px, picture.height_px)
    left_bytes = _MOST_BYTES - _BODIES * len(picture.body) - held * area
    for by in (1, *reversed(_REDUCTIONS)) if picture.is_jpeg else (1,):
        if by <= most and made * area / by**2 <= left_bytes:
            return by
    raise _too_large(picture)


def _decode_jpeg(picture: Opened, *, scale: float) -> Pixels | None:
    body, size_px = picture.body, (picture.width_px, picture.height_px)
    most = coarsest(*size_px)
    try:
        high, wide, space, _ = simplejpeg.decode_jpeg_header(body)
        if (wide, high) != size_px:
            return None
        channels = 1 if space == "Gray" else 4 if space in _PRINT_SPACES else 3
        least = _least_reduced(picture, _COEFFICIENT * channels, _PEAK["PNG"])
        fitting = (by for by in _REDUCTIONS if by <= most and (by * scale <= 1 or by <= least))
        reduced = next(fitting, 1)
        # It picks the smallest scale with at least so many pixels; 0 leaves the picture as it is.
        width_px, height_px = (0 if reduced == 1 else -(-side // reduced) for side in size_px)
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


def _orientation(image: Image.Image) -> int:
    """Return what the metadata of a PNG, WebP or AVIF says; Pillow has turned a TIFF already."""
    info = image.info
    exif, xmp = info.get("exif", b""), info.get("xmp", b"")
    if raw := info.get("Raw profile type exif"):
        with suppress(ValueError):
            exif = exif or bytes.fromhex("".join(raw.split("\n", 3)[3:]))
    return _UPRIGHT if hasattr(image, "tag_v2") else _told(exif, xmp)


def _told(exif: bytes, xmp: bytes) -> int:
    """Return the orientation in EXIF (2.3, 4.6.2), else that in XMP.

    Pillow reads all values of EXIF for it, in any number, and keeps them.
    """
    exif = exif.removeprefix(_EXIF).removeprefix(_EXIF)
    order = _EXIF_ORDERS.get(exif[:4], "")
    if exif and not order:
        return _UPRIGHT
    with suppress(struct.error):
        (at,) = struct.unpack_from(f"{order}L", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{order}HHL", exif, entry)
            if tag == ExifTags.Base.Orientation and number == 1 and kind in _EXIF_NUMBERS:
                told: int = struct.unpack_from(order + _EXIF_NUMBERS[kind], exif, entry + 8)[0]
                return told
    found = _XMP_ORIENTATION.search(xmp)
    return int(found[1]) if found else _UPRIGHT


def _flattened(
    image: Image.Image, tags: Mapping[int, Any], profile: bytes
) -> npt.NDArray[np.uint8]:
    """Return a picture on white, in sRGB and 8 bits a channel, greys or RGB; `tags` are a TIFF's.

    It is made strip by strip, so that only one of each step's pictures is held as a whole.
    """
    rows = max(1, _STRIP_PIXELS // image.width)
    boxes = [
        (0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows)
    ]
    span = _span_of(image, boxes, tags) if _is_deep(image, tags) else None
    array = np.empty(0, np.uint8)
    for box in boxes:
        strip = image.crop(box) if len(boxes) > 1 else image
        part = np.asarray(_flat(strip, tags, profile, span))
        if not array.size:
            array = np.empty((image.height, *part.shape[1:]), np.uint8)
        array[box[1] : box[3]] = part
    return array


def _flat(
    image: Image.Image, tags: Mapping[int, Any], profile: bytes, span: "_Span | None"
) -> Image.Image:
    if image.mode == "La":  # Pillow converts it to nothing else
        image = image.convert("LA")
    layer = None
    if span:
        deep, clear = np.asarray(image), image.info.get("transparency")
        image = in_srgb(Image.fromarray(_grey_levels(_typed(deep, tags), span, tags)), profile)
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
    return flat.convert("L" if flat.mode == "L" else "RGB")


def _is_deep(image: Image.Image, tags: Mapping[int, Any]) -> bool:
    """Tell whether greys are no unsigned bytes: Pillow clips such instead of scaling them."""
    if image.mode == "L":
        return bool(_first(tags, ExifTags.Base.SampleFormat) == _SIGNED)
    return image.mode.startswith(_SIXTEEN_BIT) or image.mode in {"I", "F"}


class _Span(NamedTuple):
    """Values of black and white."""

    low: float
    high: float


def _typed(values: npt.NDArray[Any], tags: Mapping[int, Any]) -> npt.NDArray[Any]:
    """Return greys as numbers of the type that the file has; `tags` are a TIFF's, if it is one."""
    sample_format = _first(tags, ExifTags.Base.SampleFormat)
    # Pillow has signed numbers of 32 bits, and unsigned ones of 8, whatever the file has.
    if sample_format == _SIGNED and _bits(tags) == _BYTE_BITS:
        return values.view(np.int8)
    is_short = values.dtype.itemsize == np.uint16().itemsize
    return values if is_short or sample_format in {_SIGNED, _FLOAT} else values.view(np.uint32)


def _bits(tags: Mapping[int, Any]) -> int:
    return int(_first(tags, ExifTags.Base.BitsPerSample) or 16)


def _grey_levels(
    values: npt.NDArray[Any], span: _Span, tags: Mapping[int, Any]
) -> npt.NDArray[np.uint8]:
    """Return greys of any type as 8 bits."""
    is_inverted = _first(tags, ExifTags.Base.PhotometricInterpretation) == _MIN_IS_WHITE
    is_short = values.dtype.itemsize == np.uint16().itemsize
    bits = _bits(tags)
    levels: npt.NDArray[np.uint8]
    if is_short and tuple(span) == (0, (1 << bits) - 1):
        levels = (values >> (bits - _BYTE_BITS)).astype(np.uint8)
    else:
        levels = np.rint(
            (values.astype(np.float32) - span.low) * (255 / (span.high - span.low))
        ).astype(np.uint8)
    return ~levels if is_inverted else levels


def _span_of(
    image: Image.Image, boxes: Sequence[tuple[int, int, int, int]], tags: Mapping[int, Any]
) -> _Span:
    """Return the values of black and white: a range that a TIFF declares, or that of its type.

    Floats are taken for 0 to 1, as all programs do that write pictures in them. A range counts
    only if the values lie in it, and don't all lie in one small part of it; but unsigned numbers of
    16 bits or fewer have that of their type where no other fits.

    Raises:
        PictureError: no range fits.

    """
    strips = (_typed(np.asarray(image.crop(box)), tags) for box in boxes)
    extremes = [(strip.min(), strip.max(), strip.dtype) for strip in strips]
    darkest, lightest = (
        float(each) for each in (min(e[0] for e in extremes), max(e[1] for e in extremes))
    )
    kind, bits = extremes[0][2], _bits(tags)
    declared = [(_first(tags, low), _first(tags, high)) for low, high in _RANGES]
    if kind.kind == "f":
        whole = (0, 1)
    elif kind.kind == "i":
        whole = (-(1 << bits - 1), (1 << bits - 1) - 1)
    else:
        whole = (0, (1 << bits) - 1)
    width = lightest - darkest
    for low, high in (*declared, whole):
        if low is None or high is None or not low <= darkest <= lightest <= high:
            continue
        if low < high and (width == 0 or width * _LEAST_RANGE >= high - low):
            return _Span(float(low), float(high))
    if kind.kind == "u" and kind.itemsize == np.uint16().itemsize:
        return _Span(*whole)
    msg = (
        f"expected a cover, got greys from {darkest:g} to {lightest:g} without a word on which"
        " values are black and white"
    )
    raise PictureError(msg, reason=UNKNOWN_RANGE)


def _first(tags: Mapping[int, Any], tag: int) -> Any:  # noqa: ANN401  # whatever the file holds
    found = tags.get(tag)
    return found[0] if isinstance(found, tuple) and found else found
