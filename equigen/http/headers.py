"""What servers say in headers: numbers, and how long they want to be left alone."""

from email.utils import parsedate_to_datetime
from typing import Final

# What a host asks for beyond that is a mistake, and no date can say it.
_LONGEST_REST_S: Final = 366 * 24 * 3600.0
_DIGITS: Final = 20


def retry_after_s(value: str, now_s: float) -> float:
    """Return the seconds that `Retry-After` asks for, 0 where it asks for none.

    It is seconds or an HTTP date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    if (seconds := whole_number(value)) >= 0:
        return min(float(seconds), _LONGEST_REST_S)
    try:
        pause_s = parsedate_to_datetime(value).timestamp() - now_s
        return min(max(0.0, pause_s), _LONGEST_REST_S)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def whole_number(value: str) -> int:
    """Return the number that a header holds, -1 where it holds none."""
    value = value.strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < _DIGITS else -1
