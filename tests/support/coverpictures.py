"""Pictures that hosts send: good ones of all kinds, bombs, and bodies that are none."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from PIL import Image, ImageDraw

SIZE = (64, 48)
ORIENTATION = 0x0112
SIX = 6  # lies on its side
BOMB_PX = 20_000
HTML = b"<!DOCTYPE html><html><body><h1>503 Service Unavailable</h1></body></html>" * 4


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    """Return an image in a file format."""
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


@cache
def drawn(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a picture with edges and shades; the same each time."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.ellipse((size[0] // 8, 4, size[0] // 2, size[1] - 4), fill=(200, 30, 60))
    draw.line((0, size[1], size[0], 0), fill=(20, 90, 200), width=3)
    return image


def picture(kind: str = "JPEG", mode: str = "RGB", **how: object) -> bytes:
    """Return the picture in a format and a mode."""
    return saved(drawn().convert(mode), kind, **how)


def animated(kind: str) -> bytes:
    """Return an animation of three frames."""
    later = [drawn().rotate(degrees) for degrees in (90, 180)]
    return picture(kind, save_all=True, append_images=later, duration=90)


def lying(kind: str = "JPEG") -> bytes:
    """Return a picture of which EXIF says that it lies on its side."""
    exif = Image.Exif()
    exif[ORIENTATION] = SIX
    return picture(kind, exif=exif)


def dot(kind: str) -> bytes:
    """Return a picture of one pixel."""
    return saved(Image.new("L", (1, 1)), kind)


def deep() -> bytes:
    """Return a grey PNG of 16 bits."""
    return saved(Image.new("I;16", SIZE, 40_000), "PNG")


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


@cache
def png_bomb() -> bytes:
    """Return a whole PNG of 20,000 x 20,000 black pixels: 400 MB when decoded, of some 50 kB."""
    data = zlib.compress(bytes(1 + BOMB_PX // 8) * BOMB_PX)
    head = struct.pack(">IIBBBBB", BOMB_PX, BOMB_PX, 1, 0, 0, 0, 0)
    body = _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg_bomb() -> bytes:
    """Return a JPEG whose header claims 20,000 x 20,000 pixels."""
    body = picture()
    at = body.index(b"\xff\xc0") + 5
    return body[:at] + struct.pack(">HH", BOMB_PX, BOMB_PX) + body[at + 4 :]


def gif_bomb() -> bytes:
    """Return a GIF whose screen is 20,000 x 20,000 pixels."""
    body = picture("GIF", "P")
    return body[:6] + struct.pack("<HH", BOMB_PX, BOMB_PX) + body[10:]


def webp_bomb() -> bytes:
    """Return an animated WebP whose canvas is 20,000 x 20,000 pixels."""
    body = bytearray(animated("WEBP"))
    at = body.index(b"VP8X") + 12
    side = (BOMB_PX - 1).to_bytes(3, "little")
    body[at : at + 6] = side + side
    return bytes(body)


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "PNG": png_bomb,
    "JPEG": jpeg_bomb,
    "GIF": gif_bomb,
    "WebP": webp_bomb,
}


def zeros_packed(size_bytes: int) -> Iterator[bytes]:
    """Yield a gzip of so many zeros, in pieces of 16 MB of them."""
    piece = 1 << 24
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = pack.compress(bytes(piece)) + pack.flush(zlib.Z_FULL_FLUSH)
    yield gzip.compress(b"")[:10]
    for _ in range(size_bytes // piece):
        yield block


@cache
def gzip_bomb() -> bytes:
    """Return 2 GB of zeros, packed to 2 MB; never ended, since nobody gets that far."""
    return b"".join(zeros_packed(2 << 30))


@cache
def nested_bomb() -> bytes:
    """Return the same packed a second time: some 10 kB."""
    return gzip.compress(gzip_bomb())
