"""The year of an album, and its decade."""

import re
from typing import Final

UNKNOWN: Final = "unknown"
# From the first sound that was ever recorded (https://en.wikipedia.org/wiki/Phonautograph) on.
_EARLIEST, _LATEST = 1860, 2099
# As our own rows have it ("1975"), or as another tool may have left it ("1975.0", " 1975").
_YEAR = re.compile(r"\s*([0-9]{4})(?:\.0*)?\s*")


def year_of(cell: str) -> int | None:
    """Return the year in a row's cell; None where it is none, or one that no album can be of."""
    found = _YEAR.fullmatch(cell)
    year = int(found[1]) if found else 0
    return year if _EARLIEST <= year <= _LATEST else None


def decade_of(cell: str) -> str:
    """Return the decade of a row's year, such as "1970s"; "unknown" where `year_of` has none."""
    year = year_of(cell)
    return UNKNOWN if year is None else f"{year // 10}0s"


def by_age(decade: str) -> tuple[bool, str]:
    """Return what sorts decades from the oldest to the newest, the unknown one last."""
    return decade == UNKNOWN, decade
