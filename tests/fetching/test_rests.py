"""A service that asks for a long rest is left alone by later runs, too."""

from datetime import timedelta
from pathlib import Path

import pytest
from fetches import run_fetch
from support import NOON, FakeTime, make_context

from equigen.commands import fetch, rate, status
from equigen.dataset.context import Context
from equigen.http.rate_limit import Clock
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

DAY_S = 86_400
QUOTA = b'{"error": {"status": 429, "reason": "QUOTA_EXCEEDED"}}'
SPENT = {
    "by its header": Reply(429, {"retry-after": str(DAY_S)}),
    "without one": Reply(429, {}, QUOTA),
    "in both ways": Reply(429, {"retry-after": str(DAY_S)}, QUOTA),
}


def jazz(folder: Path, sandbox: Sandbox, after_h: float = 0) -> Context:
    """Return a context that wants some Jazz, so many hours after noon."""
    now = NOON + timedelta(hours=after_h)
    return make_context(
        folder,
        base_url=sandbox.base_url,
        fetch={"labels": ["Jazz"], "genre_limit": 5},
        now=now,
        clock=Clock(unix=now.timestamp),
    )


def is_tomorrow(summary: Summary) -> bool:
    """Tell whether a run says to go on a day after noon, give or take what it took."""
    at = summary.resumes_at
    return at is not None and abs(at - NOON - timedelta(days=1)) < timedelta(minutes=1)


@pytest.mark.parametrize("reply", SPENT.values(), ids=SPENT.keys())
def test_a_spent_quota_is_kept_across_runs(tmp_path: Path, reply: Reply) -> None:
    """The next run asks nothing and says when to go on; after that the albums come."""
    with Sandbox() as sandbox:
        sandbox.hook = lambda _: reply
        first = fetch.run(jazz(tmp_path, sandbox))
        asked = len(sandbox.log)
        sandbox.hook = None
        second = fetch.run(jazz(tmp_path, sandbox, after_h=23))
        assert len(sandbox.log) == asked
        for summary in first, second:
            assert summary.partly
            assert is_tomorrow(summary)
        resting = status.run(jazz(tmp_path, sandbox, after_h=23)).facts["resting"]
        why = (
            "its quota of the day is spent"
            if reply.body
            else "it answered 429 and asked for a rest"
        )
        assert [(each["host"], each["why"]) for each in resting] == [("127.0.0.1", why)]  # type: ignore[attr-defined]
        assert any(f"127.0.0.1: {why}. Run" in note for note in second.notes)
        third = fetch.run(jazz(tmp_path, sandbox, after_h=24))
    assert third.rows_out == 5
    assert not third.partly


def test_rate_obeys_the_rest_that_an_earlier_run_was_asked_for(tmp_path: Path) -> None:
    """Whichever command asks the service, its quota is one."""
    with Sandbox() as sandbox:
        run_fetch(tmp_path, sandbox, limit=2)
        sandbox.hook = lambda _: SPENT["by its header"]
        rate.run(jazz(tmp_path, sandbox))
        asked = len(sandbox.log)
        sandbox.hook = None
        summary = rate.run(jazz(tmp_path, sandbox, after_h=1))
        assert len(sandbox.log) == asked
    assert summary.partly
    assert is_tomorrow(summary)


def test_a_short_rest_is_waited_for_and_not_remembered(tmp_path: Path) -> None:
    """A run that can wait asks again by itself."""

    def once(hit: Hit) -> Reply | None:
        return Reply(429, {"Retry-After": "1"}) if len(sandbox.log) == 0 else None

    with Sandbox() as sandbox:
        sandbox.hook = once
        context = make_context(
            tmp_path,
            base_url=sandbox.base_url,
            fetch={"labels": ["Jazz"], "genre_limit": 5},
            http={"max_wait_s": 5},
            clock=FakeTime().clock(),
        )
        assert fetch.run(context).rows_out == 5
        assert status.run(context).facts["resting"] == []
