"""Check a picture, hash and describe it, and make the files that are asked for."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from PIL import Image, UnidentifiedImageError

from equigen.errors import PictureError
from equigen.images.decoding import JPEG_SCAN, Opened, decode, ends_as_jpeg, jpeg_size, opened
from equigen.images.descriptor import descriptor_of, grey_grid, grey_square, perceptual_hash
from equigen.images.rendering import Check, Demands, Rendering, placement
from equigen.images.resize import TOO_MANY_PIXELS, MadeFile, drawn, encoded

# A progressive JPEG has some ten scans. Each is read, also an empty one: thousands of them keep a
# decoder busy for minutes.
_MOST_SCANS = 200
# A pattern finds them in half the time of `bytes.count`.
_SCAN = re.compile(re.escape(JPEG_SCAN))
ORIGINAL = Rendering()
# Reasons of a `PictureError` that callers tell from the rest.
EMPTY = "empty"
BROKEN = "broken"
NOT_A_PICTURE = "not a picture"


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
    RGB, without metadata; colour profiles are not applied.

    With `Check.STRUCTURE` a JPEG of which only the original is wanted isn't decoded: its header and
    its end must be there, the data between may be damaged.

    Raises:
        PictureError: its `reason` is "empty", "placeholder", "not a picture", "too many pixels",
            "too many scans", "too small" or "broken" (a picture whose data is torn or damaged).

    """
    if not body:
        raise _refused(EMPTY, "0 bytes")
    if demands.placeholders and (sha256 := _sha256(body)) in demands.placeholders:
        reason = "placeholder"
        raise _refused(reason, f"one of the placeholders, sha256 {sha256}")
    try:
        is_kept = all(rendering.is_original for rendering in renderings)
        if demands.check is Check.STRUCTURE and is_kept and (size_px := jpeg_size(body)):
            _check_size(size_px, demands)
            return _undecoded(body, size_px, renderings)
        picture = opened(body)
        _check_size((picture.width_px, picture.height_px), demands)
        return _decoded(picture, renderings)
    except UnidentifiedImageError:
        what = f"{len(body)} bytes that start {body[:16]!r}"
        raise _refused(NOT_A_PICTURE, what) from None
    except PictureError:
        raise
    except Exception as err:  # whatever a decoder says of damaged bytes: it has no common root
        raise _refused(BROKEN, f"{type(err).__name__}: {err}") from err


def _check_size(size_px: tuple[int, int], demands: Demands) -> None:
    shown = f"{size_px[0]}x{size_px[1]} pixels"
    if size_px[0] * size_px[1] > demands.max_pixels:
        raise _refused(TOO_MANY_PIXELS, f"{shown}, more than {demands.max_pixels} in all")
    if min(size_px) < demands.min_size_px:
        reason = "too small"
        raise _refused(reason, f"{shown}, less than {demands.min_size_px} on a side")


def _undecoded(body: bytes, size_px: tuple[int, int], renderings: Sequence[Rendering]) -> Picture:
    if not ends_as_jpeg(body):
        raise _refused(BROKEN, f"a JPEG of {len(body)} bytes without its end marker")
    return Picture((body,) * len(renderings), *size_px, _sha256(body), phash="", descriptor=b"")


def _decoded(picture: Opened, renderings: Sequence[Rendering]) -> Picture:
    if picture.is_jpeg and next(islice(_SCAN.finditer(picture.body), _MOST_SCANS, None), None):
        reason, scans = "too many scans", picture.body.count(JPEG_SCAN)
        raise _refused(reason, f"a JPEG of {scans} scans, more than {_MOST_SCANS}")
    size_px = picture.width_px, picture.height_px
    kept = MadeFile(picture.body, *size_px) if picture.is_jpeg else None
    made = [each for each in renderings if not (kept and each.is_original)]
    scale = max((placement(each, *size_px).scale for each in made), default=0.0)
    pixels = decode(picture, scale=scale)
    grid = pixels.grid()
    # The descriptor is that of the cover's file; other programs know the hash of the whole picture.
    shown, files = grid, list[MadeFile]()
    for each in renderings:
        if kept and each.is_original:
            files.append(kept)
            continue
        array = drawn(pixels, each)
        if not files and not each.is_original:
            image = Image.fromarray(array)
            shown = grey_grid(image, *image.size)
        files.append(encoded(array, each))
    return Picture(
        files=tuple(file.data for file in files),
        width_px=files[0].width_px,
        height_px=files[0].height_px,
        sha256=_sha256(files[0].data),
        phash=perceptual_hash(grey_square(grid)),
        descriptor=descriptor_of(shown).tobytes(),
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refused(reason: str, got: str) -> PictureError:
    msg = f"expected a cover, got {got}"
    return PictureError(msg, reason=reason)
