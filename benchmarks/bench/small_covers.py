"""Small covers for a host that serves many: each its own, the same every time, made in no time."""

import io
from typing import Any
from zlib import crc32

import numpy as np
import simplejpeg
from PIL import ExifTags, Image

from bench.troubles import Nature

_FIELDS = 10
_FIELD_PX = 10
_GRAIN = 8
_QUALITY = 85
_BOMB_PX = 20_000
_ON_ITS_SIDE = 6
# A JPEG's frame: marker, length, bits a sample, height, width.
_FRAME = b"\xff\xc0\x00\x11\x08"
_PAGE = b"<!DOCTYPE html><html><body><h1>One moment</h1>We check your browser.</body></html>"

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def cover(picture: str) -> bytes:
    """Return the JPEG of a picture's name: 100x100 coloured fields with grain, some 4 kB."""
    return bytes(simplejpeg.encode_jpeg(_pixels(picture), quality=_QUALITY))


def odd_cover(picture: str, nature: Nature) -> bytes:  # noqa: PLR0911  (a case a nature)
    """Return the bytes of a picture that is something else by nature, b"" where it has none."""
    match nature:
        case Nature.GIF | Nature.PNG | Nature.WEBP:
            return _saved(Image.fromarray(_pixels(picture)), nature.name)
        case Nature.CMYK:
            return _saved(Image.fromarray(_pixels(picture)).convert("CMYK"), "JPEG")
        case Nature.DEEP:
            deep = _pixels(picture)[..., 0].astype(np.uint16) * 257
            return _saved(Image.fromarray(deep), "PNG")
        case Nature.ANIMATED:
            frames = [Image.fromarray(_pixels(f"{picture}{more}")) for more in ("", "2", "3")]
            return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
        case Nature.ROTATED:
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = _ON_ITS_SIDE
            return _saved(Image.fromarray(_pixels(picture)), "JPEG", exif=exif)
        case Nature.HALF:
            whole = cover(picture)
            return whole[: len(whole) // 2]
        case Nature.TINY:
            return _saved(Image.fromarray(_pixels(picture)[:1, :1]), "JPEG")
        case Nature.PAGE:
            return _PAGE
        case Nature.BOMB:
            whole = cover(picture)
            size_at = whole.index(_FRAME) + len(_FRAME)
            size = _BOMB_PX.to_bytes(2) * 2
            return whole[:size_at] + size + whole[size_at + len(size) :]
        case _:
            return b""


def _pixels(picture: str) -> Pixels:
    rng = np.random.default_rng(crc32(picture.encode()))
    fields = rng.integers(0, 256, (_FIELDS, _FIELDS, 3), dtype=np.int16)
    plain = fields.repeat(_FIELD_PX, axis=0).repeat(_FIELD_PX, axis=1)
    grain = rng.integers(-_GRAIN, _GRAIN, plain.shape, dtype=np.int16)
    pixels: Pixels = np.clip(plain + grain, 0, 255).astype(np.uint8)
    return pixels


def _saved(image: Image.Image, kind: str, **how: Any) -> bytes:  # noqa: ANN401  (Pillow's own)
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()
