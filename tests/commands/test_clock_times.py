"""When a time of day comes next."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.dataset.context import next_time, read_time
from equigen.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


def utc(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "of_day", "expected"),
    [
        ("2026-06-15 23:00", time(6), "2026-06-16 04:00"),  # 01:00 there, summer
        ("2026-01-15 00:00", time(6), "2026-01-15 05:00"),  # 01:00 there, winter
        ("2026-06-16 04:00", time(6), "2026-06-17 04:00"),  # it is six: the next six
        ("2026-06-16 03:59:59", time(6), "2026-06-16 04:00"),
        ("2026-03-28 23:00", time(6), "2026-03-29 04:00"),  # put forward before six
        ("2026-10-24 22:00", time(6), "2026-10-25 05:00"),  # put back before six
        ("2026-03-28 23:00", time(2, 30), "2026-03-29 01:30"),  # left out: 03:30 by the new time
        ("2026-10-25 00:00", time(2, 30), "2026-10-25 00:30"),  # the first of two
        ("2026-10-25 00:45", time(2, 30), "2026-10-25 01:30"),  # the second of two
        ("2026-10-25 01:45", time(2, 30), "2026-10-26 01:30"),  # both are over
    ],
)
def test_the_next_time_is_right_also_where_clocks_change(
    now: str, of_day: time, expected: str
) -> None:
    """In Berlin, clocks went forward on 2026-03-29 at 01:00 UTC and back on 2026-10-25."""
    assert next_time(of_day, utc(now), BERLIN) == utc(expected)


def test_a_day_that_is_left_out_has_no_six_o_clock() -> None:
    """Samoa went from 29 December 2011 to the 31st."""
    apia = ZoneInfo("Pacific/Apia")
    now = datetime(2011, 12, 29, 20, tzinfo=apia)
    found = next_time(time(6), now, apia)
    assert found.astimezone(apia) > now
    assert found - now < timedelta(hours=24)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001  (made aware below)
    st.times().map(lambda of_day: of_day.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
)
def test_it_is_later_within_a_day_and_the_clock_shows_it(
    naive: datetime, of_day: time, name: str
) -> None:
    """But for the hour that is left out in spring, which is shown an hour later at most."""
    zone, now = ZoneInfo(name), naive.replace(tzinfo=UTC)
    found = next_time(of_day, now, zone)
    assert now < found <= now + timedelta(hours=25)
    shown = found.astimezone(zone)
    wanted = datetime.combine(shown.date(), of_day)
    assert timedelta() <= shown.replace(tzinfo=None) - wanted <= timedelta(hours=1)


def test_without_a_zone_it_is_the_machine_s() -> None:
    """Whatever zone that is, its clock shows the time."""
    found = next_time(time(12), utc("2026-06-15 12:00"))
    assert found.astimezone().time() == time(12)


@pytest.mark.parametrize("text", ["6:00", "06:00", " 06:00 "])
def test_a_time_of_day_is_read(text: str) -> None:
    """With one digit or two."""
    assert read_time(text) == time(6)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6",
        "24:00",
        "06:60",
        "noon",
        "06:00:00",
        "-1:00",
        "\u0660\u0666:\u0660\u0660",
        "06.00",
        "6:0",
    ],
)
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(UsageError, match="06:00, got"):
        read_time(text)
