"""Thread pool of downloads: it grows while hosts are slow, and no thread only waits at a gate."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from downloads import JPEG
from support import Script, ScriptedServer

from equigen.downloading.engines.threads import ThreadExecutor
from equigen.downloading.jobs import STOPPED, ExecutorSettings, Inbox, Job, JobResult
from equigen.http.limits import HostPolicy, Patience
from equigen.http.rate_limit import Clock, Gates
from equigen.images.rendering import Demands, Rendering
from equigen.ledger.models import OK

DEMANDS = Demands(2, 10_000_000)


@contextmanager
def thread_executor(
    folder: Path, concurrency: int, *, most: int = 16
) -> Iterator[tuple[ThreadExecutor, Inbox]]:
    """Threads that fetch into a folder, and what they report."""
    inbox: Inbox = SimpleQueue()
    policies = {"*": HostPolicy(concurrency=concurrency)}
    settings = ExecutorSettings(
        policies, "T/1", Patience(), DEMANDS, (Rendering(),), (folder,), 10_000_000, "t"
    )
    made = ThreadExecutor(settings, inbox, most)
    yield made, inbox
    made.stop()
    while inbox.get(timeout=30)[1] is not None:
        continue
    made.close()


def statuses(inbox: Inbox, count: int) -> list[str]:
    """Return how the next so many jobs ended."""
    messages = [inbox.get(timeout=30)[1] or () for _ in range(count)]
    return [each.status for some in messages for each in some if isinstance(each, JobResult)]


def jobs(url: str, count: int, host: str = "127.0.0.1") -> list[Job]:
    """Return jobs whose pictures one server has."""
    return [Job(n, f"{host}/{n}.jpg", "p", f"{url}/{n}.jpg", host) for n in range(count)]


def download_threads() -> int:
    """Return how many threads there are that do jobs."""
    return sum(thread.name == "download" for thread in threading.enumerate())


def adjust_until(made: ThreadExecutor, reached: Callable[[], bool]) -> None:
    """Let it look after its threads until something is so."""
    by_s = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < by_s
        made.adjust()


def test_a_host_has_no_more_threads_than_it_may(tmp_path: Path) -> None:
    """More would only wait at its gate; and all of its jobs are done all the same."""
    go = threading.Event()
    with ScriptedServer(Script(body=JPEG)) as server, thread_executor(tmp_path, 3) as (made, inbox):
        server.before_answer = go.wait  # type: ignore[assignment]
        made.submit(jobs(server.url, 20))
        adjust_until(made, lambda: server.most_at_once == 3)
        adjusted_until_s = time.monotonic() + 0.5
        adjust_until(made, lambda: time.monotonic() > adjusted_until_s)
        assert download_threads() == 3
        go.set()
        assert statuses(inbox, 20) == [OK] * 20
    assert server.most_at_once == 3


def test_a_host_that_stands_still_holds_up_no_other(tmp_path: Path) -> None:
    """Where it has all threads, another host gets one of its own."""
    go = threading.Event()
    with (
        ScriptedServer(Script(body=JPEG)) as still,
        ScriptedServer(Script(body=JPEG)) as other,
        thread_executor(tmp_path, 2) as (made, inbox),
    ):
        still.before_answer = go.wait  # type: ignore[assignment]
        made.submit(jobs(still.url, 6))
        adjust_until(made, lambda: still.most_at_once == 2)
        url = other.url.replace("127.0.0.1", "localhost")
        made.submit(jobs(url, 9, "localhost"))
        adjust_until(made, lambda: inbox.qsize() == 9)
        assert len(other.seen) == 9
        go.set()
        assert statuses(inbox, 15) == [OK] * 15


def test_what_was_not_begun_is_reported_when_it_stops(tmp_path: Path) -> None:
    """Also jobs that were kept back because their host had all it may."""
    go = threading.Event()
    with ScriptedServer(Script(body=JPEG)) as server, thread_executor(tmp_path, 1) as (made, inbox):
        server.before_answer = go.wait  # type: ignore[assignment]
        made.submit(jobs(server.url, 5))
        adjust_until(made, lambda: server.most_at_once == 1)
        made.stop()
        go.set()
        ended = sorted(statuses(inbox, 5))
        assert inbox.get(timeout=30) == (made, None)
    assert ended == sorted([OK, *[STOPPED] * 4])
    assert download_threads() == 0


def test_gates_tell_for_how_long_requests_were_inside() -> None:
    """Those still under way count up to now, each by itself."""
    now_s = [100.0]
    gates = Gates(
        {"*": HostPolicy(concurrency=9)}, clock=Clock(steady=lambda: now_s[0]), max_wait_s=1
    )
    with gates.at("a").passing():
        now_s[0] += 2
        with gates.at("b").passing(), gates.at("a").passing():
            now_s[0] += 3
            assert gates.inside_s() == 2 + 3 * 3
    now_s[0] += 50
    assert gates.inside_s() == 2 + 3 * 3
