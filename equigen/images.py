"""One picture: decode it, check it, and make it a JPEG."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from equigen.errors import PictureError

_JPEG_QUALITY = 95
_WHITE = (255, 255, 255)
# `max_pixels` decides, for each call; Pillow's own bound is for the whole process.
Image.MAX_IMAGE_PIXELS = None
# What covers come in. Formats that start other programs (EPS) or hold anything at all are left out.
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
_JPEGS = frozenset({"JPEG", "MPO"})
_SIXTEEN_BIT = "I;16"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is known to decode: `data` is a JPEG, as large as its `sha256` says."""

    data: bytes
    width_px: int
    height_px: int
    sha256: str


def check_picture(body: bytes, *, min_size_px: int, max_pixels: int) -> Picture:
    """Decode the whole picture and return it as a JPEG.

    The type is taken from the bytes. A JPEG keeps its bytes, so nothing is lost; any other becomes
    a JPEG of quality 95: the first frame, turned as its EXIF says, on white where it is transparent,
    in 8 bits a channel. `min_size_px` bounds the shorter side, `max_pixels` the area, which is
    checked before anything is decoded.

    Raises:
        PictureError: its `reason` is "empty", "not a picture", "too many pixels", "too small" or
            "broken" (a picture whose data is torn or damaged).

    """
    if not body:
        raise _refused("empty", "0 bytes")
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
            width_px, height_px = image.size
            if width_px * height_px > max_pixels:
                size = f"{width_px}x{height_px}, more than {max_pixels} pixels"
                raise _refused("too many pixels", size)
            if min(image.size) < min_size_px:
                size = f"{width_px}x{height_px}, smaller than {min_size_px} pixels"
                raise _refused("too small", size)
            image.load()
            if image.format in _JPEGS:
                data = body
            else:
                upright = ImageOps.exif_transpose(image)
                data, (width_px, height_px) = _as_jpeg(upright), upright.size
    except UnidentifiedImageError:
        raise _refused("not a picture", f"{len(body)} bytes that start {body[:16]!r}") from None
    except PictureError:
        raise
    except Exception as err:  # whatever a decoder says of damaged bytes: it has no common root
        raise _refused("broken", f"{type(err).__name__}: {err}") from err
    return Picture(data, width_px, height_px, hashlib.sha256(data).hexdigest())


def _as_jpeg(image: Image.Image) -> bytes:
    if image.mode.startswith(_SIXTEEN_BIT):
        # Pillow clips 16 bits to 8 instead of scaling them.
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (*_WHITE, 255)), layer)
    out = io.BytesIO()
    image.convert("L" if image.mode == "L" else "RGB").save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()


def _refused(reason: str, got: str) -> PictureError:
    msg = f"expected a cover, got {got}"
    return PictureError(msg, reason=reason)
