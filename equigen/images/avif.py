"""Bound the boxes of an AVIF, and the pixels that it is coded in.

libavif makes a picture of the size that the data says, whatever the header does, and scales it.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from equigen.errors import PictureError
from equigen.images.structure import MOST_PARTS, TOO_MANY_PIXELS, refuse_parts

# All boxes but those of the data have some 300 bytes; an item is some 1,000 once it is read.
_MOST_BOX_BYTES: Final = 1 << 16
_UNREAD: Final = frozenset({b"mdat", b"free", b"skip"})
# Colours and transparency of the largest that is decoded.
_MOST_CODED_PX: Final = 27_000_000
# AV1, 6.2.2: types of units; a frame's header, and a whole frame.
_SEQUENCE_HEADER, _FRAMES = 1, frozenset({3, 6})
_LEB128_BITS: Final = 56  # AV1, 4.10.5
_IN_IDAT: Final = 1  # ISO 14496-12, 8.11.3: construction_method


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


def check_avif(body: bytes) -> None:
    """Refuse an AVIF of too many parts, or coded in more pixels than a cover has.

    Raises:
        PictureError: it is such a one; one that moves has too many parts.
        ValueError: it is damaged, or of a rare structure.

    """
    kinds, places, others = dict[int, bytes](), dict[int, bytes](), 0
    try:
        for box in _boxes(body, 0, len(body)):
            others += 8 if box.kind in _UNREAD else 8 + box.end - box.start
            if others > _MOST_BOX_BYTES or box.kind == b"moov":
                refuse_parts("AVIF")
            if box.kind == b"meta":
                inner = {
                    kind: body[at:end] for kind, at, end in _boxes(body, box.start + 4, box.end)
                }
                kinds |= _item_kinds(inner.get(b"iinf", bytes(6)))
                places |= _item_data(inner.get(b"iloc", bytes(8)), body, inner.get(b"idat", b""))
        coded = sum(_coded_px(kinds.get(item, b""), data) for item, data in places.items())
    except (struct.error, IndexError) as err:
        msg = "an AVIF's boxes are damaged"
        raise ValueError(msg) from err
    if coded > _MOST_CODED_PX:
        msg = f"expected a cover, got an AVIF coded in {coded:,} pixels"
        raise PictureError(msg, reason=TOO_MANY_PIXELS)


def _boxes(body: bytes, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        size, kind, start = int.from_bytes(body[at : at + 4]), body[at + 4 : at + 8], at + 8
        if size == 1:
            size, start = int.from_bytes(body[start : start + 8]), start + 8
        stop = at + size if size else end
        if not start <= stop <= end:
            msg = f"an AVIF's box {kind!r} at byte {at} is cut off"
            raise ValueError(msg)
        yield _Box(kind, start, stop)
        at = stop


def _item_kinds(box: bytes) -> dict[int, bytes]:
    found = {}
    for _, at, _ in _boxes(box, 8 if box[0] else 6, len(box)):
        item, _, kind = struct.unpack_from(">HH4s" if box[at] == 2 else ">LH4s", box, at + 4)  # noqa: PLR2004
        found[item] = kind
    return found


def _item_data(box: bytes, body: bytes, idat: bytes) -> dict[int, bytes]:
    """Return the data of each item (ISO 14496-12, 8.11.3)."""
    at, left_bytes, left = 4, 2 * len(body), MOST_PARTS

    def number(size: int) -> int:
        nonlocal at
        at += size
        if at > len(box):
            raise IndexError
        return int.from_bytes(box[at - size : at])

    version, sizes, found = box[0], number(2), dict[int, bytes]()
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 2 if version < 2 else 4  # noqa: PLR2004
    for _ in range(number(wide)):
        item, method = number(wide), number(2) & 15 if version else 0
        number(2)  # data_reference_index: this file
        start, parts = number(base), []
        source = idat if method == _IN_IDAT else body
        for _ in range(number(2)):
            number(index if version else 0)
            first, size = start + number(offset), number(length)
            parts.append(source[first : first + size if size else None])
            left_bytes, left = left_bytes - len(parts[-1]), left - 1
            if left_bytes < 0 or not left:
                refuse_parts("AVIF")
        found[item] = b"".join(parts)
    return found


def _coded_px(kind: bytes, data: bytes) -> int:
    """Return the pixels of an item: of all frames of its data, or of the whole of its tiles."""
    if kind == b"grid":
        side = 4 if data[1] & 1 else 2
        return int.from_bytes(data[4 : 4 + side]) * int.from_bytes(data[4 + side :][:side])
    at = frames = largest = units = 0
    while kind == b"av01" and at < len(data):  # AV1, 5.3
        head, size, shift = data[at], 0, 0
        at += 2 if head & 4 else 1
        while head & 2:
            byte, at = data[at], at + 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128 or shift == _LEB128_BITS:  # noqa: PLR2004  (its last byte)
                break
        end = at + size if head & 2 else len(data)
        unit, units = head >> 3 & 15, units + 1
        if unit == _SEQUENCE_HEADER:
            largest = max(largest, _frame_px(data[at:end]))
        frames += unit in _FRAMES
        at = end
        if units > MOST_PARTS:
            refuse_parts("AVIF")
    return largest * frames


def _frame_px(header: bytes) -> int:
    """Return the most pixels that a frame can have, by a sequence header (AV1, 5.5)."""
    left = 8 * 128
    bits = int.from_bytes(header[: left // 8].ljust(left // 8, b"\0"))

    def take(count: int) -> int:
        nonlocal left
        left -= count
        return bits >> left & ((1 << count) - 1)

    take(4)  # seq_profile, still_picture
    is_reduced = take(1)
    if is_reduced:
        take(5)
    elif take(1):
        msg = "an AVIF with timing information"
        raise ValueError(msg)
    else:
        has_delay = take(1)
        for _ in range(take(5) + 1):
            take(12)
            if take(5) > 7:  # noqa: PLR2004  (seq_level_idx)
                take(1)
            if has_delay and take(1):
                take(4)
    width_bits, height_bits = take(4) + 1, take(4) + 1
    if is_reduced:
        return (take(width_bits) + 1) * (take(height_bits) + 1)
    return 1 << width_bits + height_bits  # a frame may have a size of its own
