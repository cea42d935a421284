"""The decade of an album."""

UNKNOWN = "unknown"
_YEAR_DIGITS = 4


def decade_of(year: str) -> str:
    """Return the decade of a row's year, such as "1970s"; "unknown" where it isn't four digits."""
    known = len(year) == _YEAR_DIGITS and year.isascii() and year.isdecimal()
    return f"{year[:3]}0s" if known else UNKNOWN


def by_age(decade: str) -> tuple[bool, str]:
    """Return what sorts decades from the oldest to the newest, the unknown one last."""
    return decade == UNKNOWN, decade
