"""One picture: decode it, check it, and make it a JPEG."""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image, ImageMath, ImageOps, UnidentifiedImageError

from equigen.errors import PictureError

_JPEG_QUALITY = 95
_WHITE = (255, 255, 255)
# `max_pixels` decides, for each call; Pillow's own bound is for the whole process.
Image.MAX_IMAGE_PIXELS = None
# What covers come in. Formats that start other programs (EPS) or hold anything at all are left out.
Image.init()
_FORMATS: list[str] = [
    name
    for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
    if name in Image.OPEN  # Pillow can be built without some
]
# A JPEG that holds several pictures, as phones make them, opens as MPO.
_JPEGS = frozenset({"JPEG", "MPO"})
_SIXTEEN_BIT = "I;16"
# Two of the reasons that a `PictureError` gives; callers tell them from the rest.
BROKEN = "broken"
NOT_A_PICTURE = "not a picture"


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
    a JPEG of quality 95: the first frame, turned as its EXIF says, on white where it is
    transparent, in 8 bits a channel. `min_size_px` bounds the shorter side, `max_pixels` the area,
    which is checked before anything is decoded.

    Raises:
        PictureError: its `reason` is "empty", "not a picture", "too many pixels", "too small" or
            "broken" (a picture whose data is torn or damaged).

    """
    if not body:
        reason = "empty"
        raise _refused(reason, "0 bytes")
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
            _check_size(image.size, min_size_px=min_size_px, max_pixels=max_pixels)
            image.load()
            if image.format in _JPEGS:
                data, size_px = body, image.size
            else:
                upright = ImageOps.exif_transpose(image)
                data, size_px = _as_jpeg(upright), upright.size
    except UnidentifiedImageError:
        what = f"{len(body)} bytes that start {body[:16]!r}"
        raise _refused(NOT_A_PICTURE, what) from None
    except PictureError:
        raise
    except Exception as err:  # whatever a decoder says of damaged bytes: it has no common root
        raise _refused(BROKEN, f"{type(err).__name__}: {err}") from err
    return Picture(data, *size_px, sha256=hashlib.sha256(data).hexdigest())


def _check_size(size_px: tuple[int, int], *, min_size_px: int, max_pixels: int) -> None:
    shown = f"{size_px[0]}x{size_px[1]} pixels"
    if size_px[0] * size_px[1] > max_pixels:
        reason = "too many pixels"
        raise _refused(reason, f"{shown}, more than {max_pixels} in all")
    if min(size_px) < min_size_px:
        reason = "too small"
        raise _refused(reason, f"{shown}, less than {min_size_px} on a side")


def _as_jpeg(image: Image.Image) -> bytes:
    if image.mode.startswith(_SIXTEEN_BIT):
        # Pillow clips 16 bits to 8 instead of scaling them, and drops their transparent colour.
        deep, clear = image.convert("I"), image.info.get("transparency")
        image = deep.point(lambda value: value / 256).convert("L")
        if isinstance(clear, int):
            mask = ImageMath.lambda_eval(lambda at: (at["deep"] == clear) * 255, deep=deep)
            image.paste(_WHITE[0], mask=mask.convert("L"))
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (*_WHITE, 255)), layer)
    out = io.BytesIO()
    image.convert("L" if image.mode == "L" else "RGB").save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()


def _refused(reason: str, got: str) -> PictureError:
    msg = f"expected a cover, got {got}"
    return PictureError(msg, reason=reason)
