"""When a host's refusals are about us and not about a picture, and how long it then rests.

Nobody says why a picture is refused: its address may have expired, or the host may have had enough
of us. Several refusals in a row, of different pictures, are the latter.
"""

from datetime import timedelta
from typing import Final

IN_A_ROW: Final = 5
# With these a host refuses us, or one picture: https://www.rfc-editor.org/rfc/rfc9110#status.403
REFUSALS: Final = frozenset({403, 429})
# What an address says that has expired, or whose picture is gone.
EXPIRED: Final = frozenset({403, 404, 410})
_FIRST_REST = timedelta(hours=1)
_LONGEST_REST = timedelta(days=1)


def rest_after(times: int) -> timedelta:
    """Return how long a host rests that refused us `times` times, one after another, from 1 on.

    An hour, two, four, ... and a day at most.
    """
    return min(_FIRST_REST * (1 << min(times - 1, 10)), _LONGEST_REST)
