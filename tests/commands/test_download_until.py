"""Downloading that is to end at a time."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from downloads import JPEG, rows_of
from support import NOON, FakeTime, Script, ScriptedServer, make_context, until

from equigen.commands import download
from equigen.dataset.context import Deadline
from equigen.http.rate_limit import Clock

ROWS = 30
MINUTE_S = 60
SLOW = {"hosts": {"127.0.0.1": {"per_minute": 1, "concurrency": 1}}}
TIME_IS_UP = "waiting: the time is up"


@pytest.mark.long_after(1)
@pytest.mark.parametrize("minutes", [0, 9])
def test_no_further_cover_is_asked_for_once_time_is_up(tmp_path: Path, minutes: int) -> None:
    """What came is kept, each row is accounted for, and the next run asks for the others alone."""
    time = FakeTime()
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(ROWS)))
        context = make_context(tmp_path, download=SLOW)
        first = download.run(until(context, time, minutes * MINUTE_S))
        came = len(server.seen)
        assert (first.rows_in, first.rows_out) == (ROWS, came)
        assert first.dropped == {TIME_IS_UP: ROWS - came}
        assert (first.partly, first.left, first.resumes_at) == (True, ROWS - came, None)
        assert min(minutes, 1) <= came <= ROWS // 2
        second = download.run(make_context(tmp_path, download=SLOW, clock=time.clock()))
        assert (second.rows_out, second.partly) == (ROWS, False)
        assert len(server.seen) == ROWS


@pytest.mark.parametrize(("date_h", "steady_h"), [(-24, 6), (6, 0), (6, 6)])
def test_time_is_up_by_either_clock(tmp_path: Path, date_h: int, steady_h: int) -> None:
    """Also where the date was set back, and where the steady clock stood still in a sleep."""
    clock = Clock(steady=lambda: steady_h * 3600.0)
    now = NOON + timedelta(hours=date_h)
    context = replace(make_context(tmp_path), now=lambda: now, clock=clock)

    def is_over(after_h: int) -> bool:
        end = Deadline(NOON + timedelta(hours=after_h), after_h * 3600.0)
        return replace(context, deadline=end).time_is_up

    assert is_over(6)
    assert not is_over(7)
