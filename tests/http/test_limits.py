"""How fast a host is asked, on a made-up clock."""

import heapq
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.http.limits import WINDOW_S, HostPolicy, Pace, policy_for, retry_after_s

PAUSES_S = st.lists(st.sampled_from([0.0, 0.01, 0.3, 1.0, 7.0, 29.0, 59.9, 61.0]), max_size=40)


def most_in_any_window(times_s: Sequence[float]) -> int:
    """Return the largest number of requests within any 60 s."""
    most, window = 0, deque[float]()
    for time_s in times_s:
        window.append(time_s)
        while window[0] <= time_s - WINDOW_S:
            window.popleft()
        most = max(most, len(window))
    return most


@dataclass
class Server:
    """A host that counts requests in a moving window, as Discogs does, also those of others."""

    limit: int
    arrivals_s: list[float] = field(default_factory=list)
    refused: int = 0

    def ask(self, now_s: float) -> int:
        """Take a request and return how many more the window has room for."""
        used = sum(1 for arrival_s in self.arrivals_s if arrival_s > now_s - WINDOW_S)
        if used >= self.limit:
            self.refused += 1
            return 0
        self.arrivals_s.append(now_s)
        return self.limit - used - 1


@given(st.integers(1, 30), PAUSES_S)
@examples(80)
def test_never_more_than_the_limit_in_any_minute(per_minute: int, pauses_s: list[float]) -> None:
    """Whenever requests are wanted, no 60 s see more of them than the policy allows."""
    pace, now_s = Pace(per_minute), 0.0
    sent_s = []
    for pause_s in [*pauses_s, *[0.0] * 2 * per_minute]:
        now_s += pause_s
        while (wait_s := pace.wait_s(now_s)) > 0:
            now_s += wait_s
        pace.sent(now_s)
        pace.answered(now_s)
        sent_s.append(now_s)
    assert most_in_any_window(sent_s) <= per_minute


def test_the_limit_is_used_to_the_full() -> None:
    """As many requests as are allowed go out at once, the next as soon as the first is old."""
    pace = Pace(per_minute=3)
    for now_s in (0.0, 1.0, 2.0):
        assert pace.wait_s(now_s) == 0
        pace.sent(now_s)
    assert WINDOW_S - 3 <= pace.wait_s(3.0) <= WINDOW_S - 2
    assert pace.wait_s(WINDOW_S + 1) == 0
    pace.sent(WINDOW_S + 1)
    pace.sent(WINDOW_S + 1.6)
    assert pace.wait_s(WINDOW_S + 1.7) > 0


@given(st.floats(0.1, 3), PAUSES_S)
@examples(60)
def test_requests_keep_their_distance(spacing_s: float, pauses_s: list[float]) -> None:
    """Whenever they are wanted, none goes out sooner after another, and none later than it may."""
    pace, now_s, last_s = Pace(spacing_s=spacing_s), 0.0, -spacing_s
    for pause_s in [*pauses_s, *[0.0] * 5]:
        now_s += pause_s
        wait_s = pace.wait_s(now_s)
        assert wait_s == pytest.approx(max(0.0, last_s + spacing_s - now_s))
        now_s += wait_s
        assert pace.wait_s(now_s) == pytest.approx(0, abs=1e-9)
        pace.sent(now_s)
        pace.answered(now_s)
        last_s = now_s


def test_the_longest_of_all_waits_counts() -> None:
    """A distance, a full minute and a rest hold a request each by itself."""
    pace = Pace(per_minute=2, spacing_s=1)
    pace.sent(0.0)
    assert pace.wait_s(0.25) == 0.75
    pace.sent(1.0)
    assert pace.wait_s(1.5) > WINDOW_S - 2
    pace.rest(500.0)
    assert pace.wait_s(1.5) == 498.5


def test_without_a_limit_and_without_word_from_the_server_nothing_waits() -> None:
    """0 means no limit."""
    pace = Pace()
    for _ in range(1000):
        assert pace.wait_s(5.0) == 0
        pace.sent(5.0)


@given(st.integers(3, 30), PAUSES_S)
@examples(60)
def test_the_servers_count_alone_keeps_the_server_content(
    limit: int, pauses_s: list[float]
) -> None:
    """Without a limit of its own, a lone client never runs into the one that the server tells."""
    pace, server, now_s = Pace(), Server(limit), 0.0
    for pause_s in [*pauses_s, *[0.0] * 2 * limit]:
        now_s += pause_s
        while (wait_s := pace.wait_s(now_s)) > 0:
            now_s += wait_s
        pace.sent(now_s)
        pace.answered(now_s + 0.01, remaining=server.ask(now_s + 0.01))
    assert server.refused == 0


def ask_eight_at_a_time(pace: Pace, server: Server, delays_s: Sequence[float]) -> None:
    """Send some hundred requests, eight of them under way at a time, as fast as the pace lets."""
    now_s = 0.0
    under_way: list[tuple[float, int, int]] = []
    for number in range(6 * server.limit):
        while True:
            while under_way and under_way[0][0] <= now_s:
                told_s, _, remaining = heapq.heappop(under_way)
                pace.answered(told_s, remaining=remaining)
            wait_s = pace.wait_s(now_s)
            if wait_s <= 0 and len(under_way) < 8:
                break
            next_s = [told_s for told_s, _, _ in under_way[:1]]
            now_s = min([*next_s, now_s + wait_s] if wait_s > 0 else next_s)
        pace.sent(now_s)
        told_s = now_s + delays_s[number % len(delays_s)]
        heapq.heappush(under_way, (told_s, number, server.ask(now_s)))


@given(st.integers(12, 30), st.sampled_from([0.05, 0.2, 0.4, 2.0]))
@examples(40)
def test_requests_under_way_are_counted_in(limit: int, delay_s: float) -> None:
    """Eight at a time don't overrun a server whose count comes late."""
    server = Server(limit)
    ask_eight_at_a_time(Pace(), server, [delay_s])
    assert server.refused == 0


@given(st.integers(8, 60), st.lists(st.floats(0.01, 3), min_size=1, max_size=8))
@examples(40)
def test_answers_out_of_order_do_no_harm(limit: int, delays_s: list[float]) -> None:
    """With the server's limit for its own, a client keeps to it whatever order answers come in."""
    server = Server(limit)
    ask_eight_at_a_time(Pace(limit), server, delays_s)
    assert server.refused == 0


def test_what_the_server_says_is_left_goes_before_ones_own_limit() -> None:
    """With next to nothing left, a request waits although the own limit has room."""
    pace = Pace(per_minute=60)
    pace.sent(0.0)
    pace.answered(0.1, remaining=0)
    assert pace.wait_s(0.2) > WINDOW_S - 1


def test_a_quota_that_others_used_up_is_probed() -> None:
    """With nothing of one's own in the window, the server is asked again after some seconds."""
    pace, now_s = Pace(per_minute=60), 0.0
    probes = 0
    pace.sent(now_s)
    pace.answered(now_s, remaining=0)
    while now_s < 600:
        now_s += max(pace.wait_s(now_s), 0.01)
        if pace.wait_s(now_s) == 0:
            probes += 1
            pace.sent(now_s)
            pace.answered(now_s, remaining=0)
    assert 5 <= probes <= 150
    now_s += 100
    pace.sent(now_s)
    pace.answered(now_s, remaining=30)
    assert pace.wait_s(now_s) == 0


def test_requests_that_failed_are_counted_but_hold_nothing_up() -> None:
    """An answer that never came tells nothing of what is left, and ends being under way."""
    pace = Pace(per_minute=60)
    for _ in range(5):
        pace.sent(0.0)
        pace.answered(0.0)
    pace.sent(0.0)
    pace.answered(0.0, remaining=2)
    assert pace.wait_s(0.0) == 0


def test_a_rest_holds_all_requests() -> None:
    """Until a rest ends nothing goes out; a shorter one doesn't end it earlier."""
    pace = Pace()
    pace.rest(100.0)
    pace.rest(50.0)
    assert pace.wait_s(0.0) == 100
    assert pace.wait_s(99.0) == 1
    assert pace.wait_s(100.0) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "rest"]),
            st.floats(0, 90),
            st.none() | st.integers(0, 60),
        ),
        max_size=30,
    ),
    st.integers(0, 10),
)
@examples(80)
def test_waiting_always_ends(events: list[tuple[str, float, int | None]], per_minute: int) -> None:
    """Whatever a server says, following the waits lets the next request go within minutes."""
    pace, now_s = Pace(per_minute), 0.0
    for what, seconds, remaining in events:
        now_s += seconds
        if what == "rest":
            pace.rest(now_s + seconds)
        for _ in range(200):
            wait_s = pace.wait_s(now_s)
            assert 0 <= wait_s <= 2 * WINDOW_S
            if not wait_s:
                break
            now_s += wait_s
        else:
            pytest.fail("it waits for ever")
        pace.sent(now_s)
        pace.answered(now_s, remaining=remaining)


def test_the_longest_fitting_pattern_wins() -> None:
    """A host's own policy goes before its domain's, and that before everybody's."""
    policies = {
        "*": HostPolicy(per_minute=1),
        "*.archive.org": HostPolicy(per_minute=2),
        "i.discogs.com": HostPolicy(per_minute=3),
        "ia*.us.archive.org": HostPolicy(per_minute=4),
    }
    found = {
        host: policy_for(host, policies).per_minute
        for host in ("a.example", "x.archive.org", "archive.org", "i.discogs.com")
    }
    assert found == {"a.example": 1, "x.archive.org": 2, "archive.org": 1, "i.discogs.com": 3}
    assert policy_for("ia800.us.archive.org", policies).per_minute == 4


def test_the_order_of_patterns_does_not_matter() -> None:
    """Policies are chosen by length, not by where they stand."""
    policies = {"*.example": HostPolicy(per_minute=2), "*": HostPolicy(per_minute=1)}
    backwards = dict(reversed(policies.items()))
    assert policy_for("a.example", policies) == policy_for("a.example", backwards)


def test_a_host_without_a_pattern_has_the_defaults() -> None:
    """No policy means no limit by the minute or day, and a modest number at a time."""
    assert policy_for("a.example", {"b.example": HostPolicy(per_minute=1)}) == HostPolicy()


def test_headers_of_a_policy_are_not_shown() -> None:
    """A policy may hold credentials, so its repr leaves the headers out."""
    assert "hunter2" not in repr(HostPolicy(headers={"Authorization": "hunter2"}))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has one time zone a process")
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize(
    "date",
    [
        "Sat, 28 Nov 2026 23:26:10 GMT",
        "Sat Nov 28 23:26:10 2026",
        "Sat, 28 Nov 2026 23:26:10",
        "Saturday, 28-Nov-26 23:26:10",
        "Saturday, 28-Nov-26 23:26:10 GMT",
        "Sat, 28 Nov 2026 23:26:10 -0000",
        "Sat, 28 Nov 2026 15:26:10 -0800",
    ],
)
def test_a_date_without_a_zone_is_utc(zone: str, date: str) -> None:
    """Wherever this machine stands."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        now_s = datetime(2026, 11, 28, 23, 26, 7, tzinfo=UTC).timestamp()
        assert retry_after_s(date, now_s) == 3
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()
