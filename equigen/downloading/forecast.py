"""How long a host's limits make so many requests take."""

from math import ceil

from equigen.http.limits import HostPolicy

_MINUTES_A_DAY = 24 * 60


def forecast(count: int, policy: HostPolicy, *, used_today: int = 0) -> str:
    """Return in words how long `count` requests take: "222,000 covers at 1,000 a day: 222 days".

    `used_today` is how much of the day's quota is spent. Only the limits count, not the network.
    """
    covers = f"{count:,} cover{'s' * (count != 1)}"
    minute, day = policy.per_minute, policy.per_day
    if day and (not minute or day <= minute * _MINUTES_A_DAY):
        today = max(0, day - used_today)
        if count <= today:
            took = _minutes(count, minute) if minute else "today"
        else:
            # The rest of today, then whole days.
            days = ceil((count - today) / day) + (1 if today else 0)
            took = f"{days:,} day{'s' * (days != 1)}"
        spent = f", {used_today:,} of them spent today" if used_today else ""
        return f"{covers} at {day:,} a day{spent}: {took}"
    if minute:
        return f"{covers} at {minute:,} a minute: {_minutes(count, minute)}"
    return f"{covers}, no limit but {policy.concurrency} at a time"


def _minutes(count: int, per_minute: int) -> str:
    minutes = ceil(count / per_minute)
    days, minutes = divmod(minutes, _MINUTES_A_DAY)
    hours, minutes = divmod(minutes, 60)
    named = ((days, "day"), (hours, "hour"), (minutes, "minute"))
    return " ".join(f"{n} {name}{'s' * (n != 1)}" for n, name in named if n) or "at once"
