"""Bound the parts that a picture's container is made of, before a decoder reads them.

Decoders keep some hundred bytes, or take some microseconds, for each chunk or tag, also an empty
one: files of a few MB took up to 1 GB. `equigen.images.decoding` counts the parts of JPEG, PNG and
GIF itself, since it takes them apart anyway.
"""

import struct
from contextlib import suppress
from typing import Final, NoReturn

from equigen.errors import PictureError

TOO_MANY_PARTS, TOO_MANY_PIXELS = "too many parts", "too many pixels"
# A cover has some ten, and one for each 8 kB of its data.
MOST_PARTS: Final = 20_000
# Numbers in a TIFF's tags: some 100 bytes each once they are read. A strip has two.
_MOST_VALUES: Final = 100_000
_MORE_TAGS: Final = frozenset({34665, 34853, 40965})  # EXIF 2.3, 4.6.3: their values are places
# TIFF 6.0, and BigTIFF: types of a text and of bytes, and the bytes of a number by its type.
_TEXTS: Final = frozenset({1, 2, 6, 7})
_NUMBER_BYTES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_BIG_TIFF: Final = 43
# Pillow reads run lengths in Python.
_MOST_RUN_BYTES: Final = 1 << 20
_RUN_LENGTHS: Final = frozenset({1, 2})  # biCompression


def refuse_parts(kind: str) -> NoReturn:
    """Refuse a picture of a kind that has too many parts.

    Raises:
        PictureError: always.

    """
    msg = f"expected a cover, got {kind} data in more parts than any needs"
    raise PictureError(msg, reason=TOO_MANY_PARTS)


def check_structure(body: bytes) -> None:
    """Refuse a TIFF, WebP or BMP of too many parts; all else passes.

    Raises:
        PictureError: it has too many.

    """
    if body[:2] in {b"II", b"MM"}:
        _check_tiff(body)
    elif body.startswith(b"RIFF"):
        _check_webp(body)
    elif body.startswith(b"BM"):
        compression = int.from_bytes(body[30:34], "little")
        if compression in _RUN_LENGTHS and len(body) > _MOST_RUN_BYTES:
            refuse_parts("BMP")


def _check_webp(body: bytes) -> None:
    at = 12
    for _ in range(MOST_PARTS):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
        if at >= len(body):
            return
    refuse_parts("WebP")


def _check_tiff(body: bytes) -> None:
    """Count the tags of the first picture and of its EXIF: Pillow reads the values of all."""
    order, is_big = "<" if body.startswith(b"I") else ">", body[2:3] == bytes([_BIG_TIFF])
    formats = ("Q", "Q", "HHQQ") if is_big else ("L", "H", "HHLL")
    place, counter, tag = (struct.Struct(order + each) for each in formats)
    parts = values = value_bytes = 0
    with suppress(struct.error, OverflowError):  # what is cut off is Pillow's business
        places = [*place.unpack_from(body, 8 if is_big else 4)]
        while places and parts <= MOST_PARTS:
            at = places.pop()
            (count,) = counter.unpack_from(body, at)
            at, parts = at + counter.size, parts + 1 + count
            for entry in range(at, at + min(count, MOST_PARTS) * tag.size, tag.size):
                name, kind, number, where = tag.unpack_from(body, entry)
                size = number * _NUMBER_BYTES.get(kind, kind in _TEXTS)
                if size <= len(body):  # more can't be read
                    values += number if kind in _NUMBER_BYTES else 0
                    value_bytes += size
                if name in _MORE_TAGS:
                    places.append(where)
    if parts > MOST_PARTS or values > _MOST_VALUES or value_bytes > len(body) + MOST_PARTS:
        refuse_parts("TIFF")
