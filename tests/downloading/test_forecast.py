"""How long a host's limits make a download take."""

import pytest

from equigen.downloading.results import forecast
from equigen.http.limits import HostPolicy

CASES = [
    (222_000, HostPolicy(per_day=1000), 0, "222,000 covers at 1,000 a day: 222 days"),
    (1000, HostPolicy(per_day=1000), 0, "1,000 covers at 1,000 a day: today"),
    (1001, HostPolicy(per_day=1000), 0, "1,001 covers at 1,000 a day: 2 days"),
    (
        1000,
        HostPolicy(per_day=1000),
        400,
        "1,000 covers at 1,000 a day, 400 of them spent today: 2 days",
    ),
    (
        1000,
        HostPolicy(per_day=1000),
        1000,
        "1,000 covers at 1,000 a day, 1,000 of them spent today: 1 day",
    ),
    (
        600,
        HostPolicy(per_minute=30, per_day=1000),
        0,
        "600 covers at 1,000 a day: 20 minutes",
    ),
    (5000, HostPolicy(per_minute=30, per_day=1000), 0, "5,000 covers at 1,000 a day: 5 days"),
    (61, HostPolicy(per_minute=30), 0, "61 covers at 30 a minute: 3 minutes"),
    (
        100_000,
        HostPolicy(per_minute=30),
        0,
        "100,000 covers at 30 a minute: 2 days 7 hours 34 minutes",
    ),
    # A day's quota that no day is long enough for doesn't count.
    (
        50_000,
        HostPolicy(per_minute=30, per_day=10**6),
        0,
        "50,000 covers at 30 a minute: 1 day 3 hours 47 minutes",
    ),
    (1, HostPolicy(concurrency=32), 0, "1 cover, no limit but 32 at a time"),
]


@pytest.mark.parametrize("case", CASES, ids=[case[3] for case in CASES])
def test_the_limit_that_counts_is_told(case: tuple[int, HostPolicy, int, str]) -> None:
    """Days where the day's quota is what holds, else minutes, else nothing."""
    count, policy, used_today, expected = case
    assert forecast(count, policy, used_today=used_today) == expected
