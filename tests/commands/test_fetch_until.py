"""Fetching that is to end at a time."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fetches import SOME, rows_of
from support import TOKEN, FakeTime, Script, ScriptedServer, make_context, until

from equigen.commands import fetch
from equigen.dataset.context import Context
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

# Answers under way when the time comes may still come: there are so many workers.
WORKERS = 8
LIMIT = 24


def context_of(folder: Path, url: str, **more: object) -> Context:
    """Return a context with four labels, two of whose queries share World."""
    chosen = {"genre_limit": LIMIT, "world_limit": LIMIT // 2, "labels": SOME, "from_year": 2026}
    return make_context(folder, base_url=url, fetch={**chosen, **more}, token=TOKEN)


def at_request(number: int, do: Callable[[], None]) -> Callable[[Hit], None]:
    """Return a hook that does something when the `number`-th request comes."""
    lock, seen = threading.Lock(), Counter[str]()

    def hook(_hit: Hit) -> None:
        with lock:
            seen["all"] += 1
            due = seen["all"] == number
        if due:
            do()

    return hook


def test_no_further_page_is_asked_once_time_is_up(tmp_path: Path) -> None:
    """What came is kept and written; the next run goes on and asks for no page again."""
    with Sandbox(make_catalogue(albums_per_label=60)) as sandbox:
        time = FakeTime()
        context = until(context_of(tmp_path, sandbox.base_url), time, after_s=100)
        sandbox.hook = at_request(12, lambda: time.sleep(200))
        cut_off = fetch.run(context)
        asked_before = len(sandbox.log)
        assert 12 <= asked_before < 12 + WORKERS
        assert cut_off.partly
        assert (cut_off.left, cut_off.left_unit) == (_left(cut_off), "queries")
        assert cut_off.left > 0
        assert cut_off.resumes_at is None, "a run can go on at once"
        assert any("Time is up" in note for note in cut_off.notes)
        assert len(rows_of(context.tsv)) == cut_off.rows_out
        sandbox.hook = lambda _hit: None
        done = fetch.run(context_of(tmp_path, sandbox.base_url))
        assert not done.partly
        pages = [str(sorted(hit.query.items())) for hit in sandbox.log if hit.status == 200]
        assert len(pages) == len(set(pages))
        assert len(rows_of(context.tsv)) == cut_off.rows_out + done.rows_out == LIMIT * 4


def _left(summary: Summary) -> int:
    states = summary.facts["queries"]
    assert isinstance(states, list)
    return sum(state["state"] == "left for the next run" for state in states)


def test_nothing_is_asked_where_time_was_up_before(tmp_path: Path) -> None:
    """All labels are left; the file is there, empty but for its header."""
    with Sandbox(make_catalogue(albums_per_label=60)) as sandbox:
        found = fetch.run(until(context_of(tmp_path, sandbox.base_url), FakeTime(), after_s=0))
        assert sandbox.log == []
    assert (found.rows_in, found.left) == (0, len(SOME))


def test_labels_that_are_full_are_not_left(tmp_path: Path) -> None:
    """With all there, a run that has no time is done all the same."""
    with Sandbox(make_catalogue(albums_per_label=60)) as sandbox:
        fetch.run(context_of(tmp_path, sandbox.base_url))
        found = fetch.run(until(context_of(tmp_path, sandbox.base_url), FakeTime(), after_s=0))
    assert not found.partly
    assert found.left == 0


def test_a_host_that_rests_says_when_to_go_on(tmp_path: Path) -> None:
    """The summary has the moment and how many labels are left."""
    with ScriptedServer(Script(429, headers={"Retry-After": "9000"})) as server:
        context = make_context(tmp_path, base_url=server.url, fetch={"labels": SOME})
        time = FakeTime()
        found = fetch.run(replace(context, clock=time.clock()))
    assert found.left == len(SOME)
    assert found.resumes_at == datetime.fromtimestamp(1_009_000, UTC)
    assert found.line().endswith("; partly done: 5 queries left, go on after 1970-01-12 16:17 UTC")
