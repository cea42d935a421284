"""Check a picture, hash and describe it, and make its files: cut, scale, pad, encode."""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import islice
from math import sqrt
from types import ModuleType

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from equigen.errors import PictureError
from equigen.images.decoding import (
    JPEG_SCAN,
    WHITE,
    Opened,
    Pixels,
    decode,
    ends_as_jpeg,
    jpeg_size,
    opened,
)
from equigen.images.descriptor import descriptor_of, grey_grid, grey_square, perceptual_hash
from equigen.images.rendering import Check, Demands, Rendering, placement
from equigen.images.structure import TOO_MANY_PIXELS

# A progressive JPEG has some ten scans. Each is read, also an empty one, in 1.6 ns a pixel: without
# a bound some keep a decoder busy for minutes.
_MOST_SCANS, _MOST_SCANNED = 200, 1_000_000_000
# A pattern finds them in half the time of `bytes.count`.
_SCAN = re.compile(re.escape(JPEG_SCAN))
ORIGINAL = Rendering()
# Reasons of a `PictureError`.
EMPTY, PLACEHOLDER, NOT_A_PICTURE = "empty", "placeholder", "not a picture"
TOO_MANY_SCANS, TOO_SMALL = "too many scans", "too small"
BROKEN = "broken"

_ORIGINAL_QUALITY = 95
_JPEG_MOST_PX = 65_500  # libjpeg's bound
_PNG_LEVEL = 3  # zlib's own 6 takes more than twice as long and saves 2 %
# With fewer pixels than this share of the source's, each is the mean of those that it covers.
_MEANS_BELOW = 0.5
# Above it, a picture is smoothed, then sampled. A Gaussian this wide, in pixels, comes nearest to
# an exact filter (benchmarks/README.md), down to one half.
_SMOOTHING = 0.4
_LEAST_SMOOTHING_PX = 0.3  # less is invisible, and costs as much
_SMOOTHED_OVER_PX = 5
_COLOUR_DIMENSIONS = 3

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """Picture that was checked, and the files made of it.

    `files` has one for each rendering, in their order; the size in pixels and the `sha256` (hex)
    are those of the first. `phash` (16 hex digits) and `descriptor` (of `descriptor_of`, as bytes)
    show the whole picture upright; both are empty where it was not decoded.
    """

    files: tuple[bytes, ...]
    width_px: int
    height_px: int
    sha256: str
    phash: str
    descriptor: bytes


def check_picture(
    body: bytes, demands: Demands, renderings: Sequence[Rendering] = (ORIGINAL,)
) -> Picture:
    """Check a picture, and return the files that `renderings` (one at least) ask for.

    The type is taken from the bytes, the size from the header before anything is decoded. Then the
    whole picture is decoded, once for all files. A JPEG that is kept keeps its bytes, so nothing
    is lost; any other original becomes a JPEG of quality 95. A file that is made shows the first
    frame, turned as its EXIF says, on white where it is transparent, in 8 bits a channel, grey or
    RGB, without metadata, in sRGB by its colour profile.

    With `Check.STRUCTURE` a JPEG of which only the original is wanted isn't decoded: its header and
    its end must be there, the data between may be damaged.

    Raises:
        PictureError: its `reason` is "empty", "placeholder", "not a picture", "too many pixels",
            "too many parts", "too many scans", "too small", "unknown range of values" (greys that
            don't say which values are black and white) or "broken" (a picture whose data is torn
            or damaged).

    """
    if not body:
        raise _refused(EMPTY, "0 bytes")
    if demands.placeholders and (sha256 := _sha256(body)) in demands.placeholders:
        raise _refused(PLACEHOLDER, f"one of the placeholders, sha256 {sha256}")
    with _refusing(body):
        is_kept = all(rendering.is_original for rendering in renderings)
        if demands.check is Check.STRUCTURE and is_kept and (size_px := jpeg_size(body)):
            _check_size(size_px, demands)
            return _undecoded(body, size_px, renderings)
        return _decoded(_opened(body, demands), renderings)


def small_picture(body: bytes, max_pixels: int, scale_px: int) -> Array:
    """Decode a picture to sRGB, reduced where its longer side has twice `scale_px` or more.

    The result (rows x columns x 3) is upright, on white, and its longer side has less than twice
    `scale_px`; a smaller picture is left as it is.

    Raises:
        PictureError: as `check_picture` has it.

    """
    with _refusing(body):
        picture = _opened(body, Demands(1, max_pixels))
        longest_px = max(picture.width_px, picture.height_px)
        pixels = decode(picture, scale=min(1.0, scale_px / longest_px)).array
        high, wide = pixels.shape[:2]
        if max(high, wide) >= 2 * scale_px:
            share, cv2 = scale_px / max(high, wide), _opencv()
            size_px = max(1, round(wide * share)), max(1, round(high * share))
            # Means: a smoother filter would make colours that the picture doesn't have.
            pixels = cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA)
        return _in_colour(pixels)


def drawn_picture(body: bytes, max_pixels: int, rendering: Rendering) -> Array:
    """Decode a picture to sRGB, cut and scaled as a rendering asks: rows x columns x 3.

    Raises:
        PictureError: as `check_picture` has it.

    """
    with _refusing(body):
        picture = _opened(body, Demands(1, max_pixels))
        place = placement(rendering, picture.width_px, picture.height_px)
        return _in_colour(_drawn(decode(picture, scale=place.scale), rendering))


def _in_colour(pixels: Array) -> Array:
    return pixels if pixels.ndim == _COLOUR_DIMENSIONS else np.stack([pixels] * 3, axis=-1)


@contextmanager
def _refusing(body: bytes) -> Iterator[None]:
    """Turn the errors of decoders into `PictureError`."""
    try:
        yield
    except UnidentifiedImageError:
        what = f"{len(body)} bytes that start {body[:16]!r}"
        raise _refused(NOT_A_PICTURE, what) from None
    except PictureError:
        raise
    except Exception as err:  # errors of decoders on damaged bytes have no common root
        raise _refused(BROKEN, f"{type(err).__name__}: {err}") from err


def _opened(body: bytes, demands: Demands) -> Opened:
    """Read the header of a picture, and check what it says before anything is decoded."""
    picture = opened(body)
    size_px = picture.width_px, picture.height_px
    _check_size(size_px, demands)
    most = min(_MOST_SCANS, _MOST_SCANNED // (size_px[0] * size_px[1]))
    if picture.is_jpeg and next(islice(_SCAN.finditer(picture.body), most, None), None):
        got = f"a JPEG of {size_px[0]}x{size_px[1]} pixels in {picture.body.count(JPEG_SCAN)} scans"
        raise _refused(TOO_MANY_SCANS, f"{got}, more than {most}")
    return picture


def _check_size(size_px: tuple[int, int], demands: Demands) -> None:
    shown = f"{size_px[0]}x{size_px[1]} pixels"
    if size_px[0] * size_px[1] > demands.max_pixels:
        raise _refused(TOO_MANY_PIXELS, f"{shown}, more than {demands.max_pixels} in all")
    if min(size_px) < demands.min_size_px:
        raise _refused(TOO_SMALL, f"{shown}, less than {demands.min_size_px} on a side")


def _undecoded(body: bytes, size_px: tuple[int, int], renderings: Sequence[Rendering]) -> Picture:
    if not ends_as_jpeg(body):
        raise _refused(BROKEN, f"a JPEG of {len(body)} bytes without its end marker")
    return Picture((body,) * len(renderings), *size_px, _sha256(body), phash="", descriptor=b"")


def _decoded(picture: Opened, renderings: Sequence[Rendering]) -> Picture:
    size_px = picture.width_px, picture.height_px
    made = [each for each in renderings if not (picture.is_jpeg and each.is_original)]
    scale = max((placement(each, *size_px).scale for each in made), default=0.0)
    pixels = decode(picture, scale=scale)
    grid = pixels.grid()
    # The descriptor is that of the cover's file; other programs know the hash of the whole picture.
    shown, files = grid, list[bytes]()
    for each in renderings:
        if picture.is_jpeg and each.is_original:
            files.append(picture.body)
            continue
        image = Image.fromarray(_drawn(pixels, each))
        if not files:
            size_px = image.size
            shown = grid if each.is_original else grey_grid(image, *size_px)
        files.append(_encoded(image, each))
    return Picture(
        files=tuple(files),
        width_px=size_px[0],
        height_px=size_px[1],
        sha256=_sha256(files[0]),
        phash=perceptual_hash(grey_square(grid)),
        descriptor=descriptor_of(shown).tobytes(),
    )


def _drawn(pixels: Pixels, rendering: Rendering) -> Array:
    """Draw a picture as a rendering asks: cut, scaled, on a canvas."""
    place = placement(rendering, pixels.width_px, pixels.height_px)
    # Whole pixels of what was decoded: at most half a pixel of the file is cut off, or let in.
    left, top, right, bottom = (round(at / pixels.reduced) for at in place.box)
    part = scaled(pixels.array[top:bottom, left:right], place.width_px, place.height_px)
    if place.fills_canvas:
        return part
    shape = (place.canvas_height_px, place.canvas_width_px, *part.shape[2:])
    canvas = np.full(shape, WHITE[0], np.uint8)
    across, down = place.left_px + place.width_px, place.top_px + place.height_px
    canvas[place.top_px : down, place.left_px : across] = part
    return canvas


def _encoded(image: Image.Image, rendering: Rendering) -> bytes:
    out = io.BytesIO()
    if rendering.suffix == ".jpg" and max(image.size) > _JPEG_MOST_PX:
        got = f"{image.width}x{image.height} pixels, more than {_JPEG_MOST_PX} a side in a JPEG"
        raise _refused(TOO_MANY_PIXELS, got)
    if rendering.suffix == ".png":
        image.save(out, "PNG", compress_level=_PNG_LEVEL)
    else:
        quality = _ORIGINAL_QUALITY if rendering.is_original else rendering.quality
        image.save(out, "WEBP" if rendering.suffix == ".webp" else "JPEG", quality=quality)
    return out.getvalue()


def scaled(pixels: Array, width_px: int, height_px: int) -> Array:
    """Scale a picture (rows x columns, or rows x columns x channels) to a width and a height.

    The result is free of aliasing and not shifted. Each axis is scaled by itself.
    """
    cv2 = _opencv()
    high, wide = pixels.shape[:2]
    size_px = (
        width_px if width_px < _MEANS_BELOW * wide else wide,
        height_px if height_px < _MEANS_BELOW * high else high,
    )
    if size_px != (wide, high):
        pixels = cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA)
    if size_px != (width_px, height_px):
        across, down = _smoothing_px(width_px / size_px[0]), _smoothing_px(height_px / size_px[1])
        over = (_SMOOTHED_OVER_PX if across else 1, _SMOOTHED_OVER_PX if down else 1)
        if across or down:
            # The window of an axis that is not smoothed is one pixel wide, its sigma unused.
            pixels = cv2.GaussianBlur(
                pixels, over, across or down, sigmaY=down or across, borderType=cv2.BORDER_REPLICATE
            )
        pixels = cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return pixels


def _smoothing_px(share: float) -> float:
    """Return the standard deviation, in pixels, of the blur that sampling needs."""
    smoothing_px = _SMOOTHING * sqrt(1 / share**2 - 1) if share < 1 else 0.0
    return smoothing_px if smoothing_px >= _LEAST_SMOOTHING_PX else 0.0


@cache
def _opencv() -> ModuleType:
    # It takes 30 MB, and a process that scales nothing never needs it.
    cv2 = import_module("cv2")
    cv2.setNumThreads(1)  # callers scale in many threads already
    return cv2


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refused(reason: str, got: str) -> PictureError:
    msg = f"expected a cover, got {got}"
    return PictureError(msg, reason=reason)
