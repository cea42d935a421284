"""Pictures of a million parts: refused before a decoder keeps something for each.

Each is made small here; `test_parts_fill_no_memory` measures large ones in a process of their own.
"""

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from decodes import MAX_PIXELS, MOST_MIB, decoded
from downloads import linux_only
from PIL import Image
from support import realdata

from equigen.errors import PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Check, Demands, Rendering
from equigen.images.structure import check_structure

SMALL_BYTES, LARGE_BYTES = 1_000_000, 19_000_000
XMP = b"XML:com.adobe.xmp\0x"


def saved(kind: str, mode: str = "RGB", size: tuple[int, int] = (64, 48), **how: Any) -> bytes:  # noqa: ANN401
    """Return shades in a file format."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **how)
    return out.getvalue()


def said_of(body: bytes, check: Check = Check.FULL) -> str:
    """Return the reason of a refusal, or "taken"."""
    renderings = (Rendering(),) if check is Check.STRUCTURE else (Rendering(), Rendering(32))
    try:
        check_picture(body, Demands(2, MAX_PIXELS, check=check), renderings)
    except PictureError as err:
        return err.reason
    return "taken"


def segment(marker: int, data: bytes = b"") -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 255, marker, len(data) + 2) + data


def jpeg(*extra: bytes) -> bytes:
    """Return a JPEG with more behind its start."""
    body = saved("JPEG")
    return body[:2] + b"".join(extra) + body[2:]


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(extra: bytes) -> bytes:
    """Return a PNG with more in front of its data."""
    body = saved("PNG")
    at = body.index(b"IDAT") - 4
    return body[:at] + extra + body[at:]


def gif(extra: bytes) -> bytes:
    """Return a GIF with more in front of its frame."""
    body = saved("GIF", "P")
    at = 13 + (6 << (body[10] & 7))
    return body[:at] + extra + body[at:]


def tags(*each: Sequence[int]) -> bytes:
    """Return a TIFF's directory: number, type, count and value or place of each."""
    packed = b"".join(struct.pack("<HHLL", *tag) for tag in each)
    return struct.pack("<H", len(each)) + packed + bytes(4)


def tiff(*more: tuple[int, int, int], tail: bytes = b"") -> bytes:
    """Return a TIFF with more tags (number, type, count), whose values all lie at its end."""
    body = saved("TIFF")
    (at,) = struct.unpack_from("<L", body, 4)
    count = int.from_bytes(body[at : at + 2], "little")
    had = [struct.unpack_from("<HHLL", body, at + 2 + 12 * entry) for entry in range(count)]
    all_of = {tag[0]: tag for tag in [*had, *((*each, len(body)) for each in more)]}
    new = tags(*(all_of[name] for name in sorted(all_of)))
    return body[:4] + struct.pack("<L", len(body + tail)) + body[8:8] + body[8:] + tail + new


def exif(size: int) -> bytes:
    """Return EXIF that says a quarter turn, and has two huge lists of fractions."""
    count = (size - 100) // 8
    head = b"II*\0" + struct.pack("<L", 8)
    told = tags((274, 3, 1, 6), (282, 5, count, 80), (283, 5, count, 80))
    return (head + told).ljust(80, b"\0") + b"\1\0\0\0" * (2 * count)


def webp(kind: bytes, size: int) -> bytes:
    """Return a WebP with as many empty chunks behind its picture as fit."""
    body = saved("WEBP", exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0")[8:] + (kind + bytes(4)) * (size // 8)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def bmp(size: int) -> bytes:
    """Return a BMP of run lengths that are all ends of lines."""
    head = struct.pack("<LllHHLLllLL", 40, 5_000, 5_000, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<LLL", size, 0, 1_078) + head + bytes(1_024) + bytes(size)


def avif(within: Sequence[bytes], new: bytes, **how: Any) -> bytes:  # noqa: ANN401
    """Return an AVIF with more at the end of a box, given by the way to it."""
    body = bytearray(saved("AVIF", **how))
    data = body.index(b"mdat") + 4
    for kind in within:
        at = body.index(kind) - 4
        end = at + int.from_bytes(body[at : at + 4])
        body[at : at + 4] = struct.pack(">L", end - at + len(new))
    place = body.index(struct.pack(">L", data), body.index(b"iloc"))
    body[place : place + 4] = struct.pack(">L", data + len(new))
    return bytes(body[:end] + new + body[end:])


def lying_avif(side_px: int) -> bytes:
    """Return an AVIF whose header claims less than its data holds."""
    body = saved("AVIF", size=(side_px, side_px), speed=10, quality=1)
    at = body.index(b"ispe") + 8
    return body[:at] + struct.pack(">LL", 64, 64) + body[at + 8 :]


def with_header(bits: str) -> bytes:
    """Return an AVIF with another sequence header."""
    body = saved("AVIF")
    at = body.index(b"\x12\0\x0a") + 3
    packed = int(bits.ljust(8 * body[at], "0"), 2).to_bytes(body[at])
    return body[: at + 1] + packed + body[at + 1 + body[at] :]


def grid_avif() -> bytes:
    """Return an AVIF of tiles that claim 40,000 x 40,000 pixels in all."""
    body = saved("AVIF").replace(b"av01Color", b"gridColor")
    at = body.index(b"mdat") + 4
    return body[:at] + struct.pack(">BBBBHH", 0, 0, 99, 99, 40_000, 40_000) + body[at + 8 :]


PARTS, PIXELS, TAKEN = "too many parts", "too many pixels", "taken"
# A bomb of so many bytes, and what is said of it.
BOMBS: Mapping[str, tuple[Callable[[int], bytes], str]] = {
    "JPEG, comments": (lambda size: jpeg(segment(0xFE) * (size // 4)), PARTS),
    "JPEG, segments and EXIF": (
        lambda size: jpeg(segment(0xE5) * (size // 4), segment(0xE1, b"Exif\0\0")), PARTS,
    ),
    "JPEG, tables": (lambda size: jpeg(segment(0xC4, bytes(17)) * (size // 21)), PARTS),
    "JPEG, profile": (lambda size: jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1") * (size // 18)), PARTS),
    "JPEG, fill": (lambda size: jpeg(b"\xff" * size), PARTS),
    "JPEG, comments in what Pillow doesn't skip": (
        lambda size: jpeg(segment(0xF0, segment(0xFE) * 16_000) * (size // 64_000)), PARTS,
    ),
    "JPEG, EXIF": (lambda size: jpeg(segment(0xE1, b"Exif\0\0" + exif(min(size, 65_000)))), TAKEN),
    "JPEG, EXIF in parts": (
        lambda size: jpeg(segment(0xE1, b"Exif\0\0" + exif(60_000)) * (size // 60_000)), TAKEN,
    ),
    "PNG, data": (lambda size: png(chunk(b"IDAT") * (size // 12)), PARTS),
    "PNG, texts": (lambda size: png(chunk(b"tEXt", XMP) * (size // 31)), PARTS),
    "PNG, palettes": (lambda size: png(chunk(b"PLTE", bytes(3)) * (size // 15)), PARTS),
    "PNG, a text": (
        lambda size: png(chunk(b"tEXt", b"Raw profile type exif\0" + b"\n" * (size - 200))), TAKEN,
    ),
    "PNG, EXIF": (lambda size: png(chunk(b"eXIf", exif(size))), TAKEN),
    "PNG, profiles": (
        lambda size: png(
            chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(16 << 20), 9)) * (size // 17_000)
        ), TAKEN,
    ),
    "GIF, comments": (lambda size: gif(b"!\xfe\1a\0" * (size // 5)), PARTS),
    "GIF, a comment": (lambda size: gif(b"!\xfe" + b"\1a" * (size // 2) + b"\0"), PARTS),
    "GIF, junk": (lambda size: gif(b"\1" * size), PARTS),
    "TIFF, fractions": (
        lambda size: tiff((282, 5, size // 8), tail=b"\1\0\0\0" * (size // 4)), PARTS,
    ),
    "TIFF, tags": (
        lambda size: tiff(*((n, 7, 1) for n in range(40_000, 65_000)), tail=bytes(size)), PARTS,
    ),
    "TIFF, large tags": (
        lambda size: tiff(*((n, 7, size) for n in range(40_000, 41_000)), tail=bytes(size)), PARTS,
    ),
    "TIFF, EXIF": (
        lambda size: tiff(
            (34665, 4, 1), tail=tags((40_000, 5, size // 8, 0)) + b"\1\0\0\0" * (size // 4)
        ), PARTS,
    ),
    "WebP, chunks": (lambda size: webp(b"abcd", size), PARTS),
    "WebP, EXIF": (lambda size: saved("WEBP", exif=exif(size)), TAKEN),
    "BMP, run lengths": (lambda size: bmp(max(size, 2_000_000)), PARTS),
    "AVIF, boxes": (lambda size: saved("AVIF") + b"\0\0\0\x08free" * (size // 8), PARTS),
    "AVIF, properties": (
        lambda size: avif((b"ipco", b"iprp", b"meta"), b"\0\0\0\x08abcd" * (size // 8)), PARTS,
    ),
    "AVIF, moving": (
        lambda _: saved("AVIF", save_all=True, append_images=[Image.new("RGB", (64, 48))]), PARTS,
    ),
    "AVIF, lying": (lambda size: lying_avif(6_000 if size < LARGE_BYTES else 16_000), PIXELS),
    "AVIF, full header": (lambda _: with_header("0" * 29 + "11011101"), PIXELS),
    "AVIF, timed": (lambda _: with_header("000001"), "broken"),
    "AVIF, tiles": (lambda _: grid_avif(), PIXELS),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_a_picture_of_too_many_parts_is_refused(kind: str) -> None:
    """Whatever the format; metadata alone refuses no picture."""
    make, said = BOMBS[kind]
    assert said_of(make(SMALL_BYTES)) == said


@linux_only
@pytest.mark.long_after(2)
@pytest.mark.parametrize("kind", BOMBS)
def test_parts_fill_no_memory(tmp_path: Path, kind: str) -> None:
    """As large as `download.max_bytes` allows, each stays below what is promised."""
    make, said = BOMBS[kind]
    file = tmp_path / "picture"
    file.write_bytes(make(LARGE_BYTES))
    peak_mib, got = decoded(file)
    assert (got, peak_mib <= MOST_MIB) == (said, True), peak_mib


def test_what_real_pictures_are_made_of_is_no_reason() -> None:
    """A large profile in parts, comments, EXIF, XMP, animations; and all recorded covers."""
    profile = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 40]) + bytes(65_000)) for n in range(1, 41)
    ]
    good = [
        jpeg(*profile, segment(0xFE, b"hello") * 500, b"\xff" * 5_000),
        png(b"".join(chunk(b"tEXt", b"Comment\0x") for _ in range(5_000))),
        gif(b"!\xff\x0bXMP DataXMP" + b"".join(b"\xff" + bytes(255) for _ in range(2_000)) + b"\0"),
        tiff((700, 1, 900_000), tail=bytes(900_000)),
        saved("TIFF", size=(64, 20_000), tiffinfo={278: 1}),
        saved("WEBP", save_all=True, append_images=[Image.new("L", (64, 48), 9)] * 99),
        saved("AVIF", exif=b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        saved("BMP", "P"),
    ]  # fmt: skip
    assert [said_of(body) for body in good] == [TAKEN] * len(good)
    covers = [
        file for file in realdata("covers").rglob("*.*") if file.suffix not in {".tsv", ".md"}
    ]
    assert len(covers) >= 70
    assert {said_of(file.read_bytes()) for file in covers} == {TAKEN}


def test_a_gif_keeps_what_is_said_of_its_first_frame() -> None:
    """Its transparent colour, past whatever stands before and between."""
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    out = io.BytesIO()
    image.save(out, "GIF", transparency=1, comment=b"hello")
    made = check_picture(out.getvalue(), Demands(2, MAX_PIXELS), (Rendering(),)).files[0]
    pixel = Image.open(io.BytesIO(made)).convert("RGB").getpixel((4, 4))
    assert pixel == (255, 255, 255)


@pytest.mark.parametrize("place", [2**63, 2**64 - 1])
def test_a_big_tiff_may_name_a_place_beyond_any_file(place: int) -> None:
    """Its offsets have 64 bits; what they lead to can't be read, and the file is refused."""
    body = struct.pack("<2sHHHQ", b"II", 43, 8, 0, place)
    check_structure(body)
    assert said_of(body) == "broken"
