"""Decades, of years as they stand in the dataset."""

from typing import Final

UNKNOWN: Final = "unknown"
_YEAR_DIGITS = 4


def decade(year: str) -> str:
    """Return the decade of a year, such as "1990s"; "unknown" for what is no year of 4 digits."""
    is_year = len(year) == _YEAR_DIGITS and year.isascii() and year.isdecimal()
    return f"{year[:3]}0s" if is_year else UNKNOWN
