"""When a time of day comes next, where the clocks may be put forward or back meanwhile."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from equigen.errors import UsageError

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
# Some zones have left out a whole day: https://en.wikipedia.org/wiki/International_Date_Line
_DAYS_LOOKED_AT = 3


def read_time(text: str) -> time:
    """Read a time of day such as 06:00 or 23:30.

    Raises:
        UsageError: it is none.

    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        msg = f"expected a time of day from 00:00 to 23:59, such as 06:00, got {text!r}."
        raise UsageError(msg)
    return time(int(found[1]), int(found[2]))


def next_time(of_day: time, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return, in UTC, when the clocks of `zone` show this time next, later than `now`.

    Without a `zone`, it is the machine's own. A time that comes twice, when the clocks are put
    back, counts both times; one that is left out is taken as if they had not been put forward yet.
    """
    today = now.astimezone(zone).date()
    days = [today + timedelta(days=count) for count in range(_DAYS_LOOKED_AT)]
    moments = {moment for day in days for moment in _moments(datetime.combine(day, of_day), zone)}
    return min(moment for moment in moments if moment > now)


def _moments(wall: datetime, zone: tzinfo | None) -> set[datetime]:
    """Return when the clocks show this: once, twice, or, left out, when they would have."""
    first, second = (wall.replace(fold=fold, tzinfo=zone).astimezone(UTC) for fold in (0, 1))
    shown = {
        moment
        for moment in (first, second)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall
    }
    return shown or {first}
