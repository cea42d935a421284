"""Characters that show nothing, for artists' names and for addresses alike."""

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

_WHITE_SPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
# First and last of each range: Unicode's categories Cc (controls) and Cf (formats: joiners, marks
# of the direction of writing, tags), variation selectors, fillers, the blank braille pattern and
# the place of an object.
_RANGES = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x034F, 0x034F), (0x0600, 0x0605), (0x061C, 0x061C),
    (0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2), (0x115F, 0x1160),
    (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F),
    (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFC), (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE007F), (0xE0100, 0xE01EF),
)  # fmt: skip


def _points() -> Iterator[int]:
    return chain.from_iterable(range(first, last + 1) for first, last in _RANGES)


# For `str.translate`. White space parts words, and is left to those who fold it.
INVISIBLE: Final[Mapping[int, None]] = MappingProxyType(
    dict.fromkeys(point for point in _points() if chr(point) not in _WHITE_SPACE)
)
