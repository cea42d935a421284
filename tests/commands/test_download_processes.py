"""The download stage with several processes: limits hold for all together, and no death loses."""

import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from downloads import (
    IMAGES,
    JPEG,
    TSV,
    children,
    files_of,
    finish,
    holds,
    ledger_of,
    linux_only,
    rows_of,
    run_download,
    start,
)
from support import FakeTime, Script, ScriptedServer, from_json, make_context, realdata

from equigen.commands import download, fetch
from equigen.errors import EquigenError
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox

COVERS = 120


def runs(pid: int) -> bool:
    """Tell whether a process still does something: a zombie doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def many_covers(folder: Path, count: int = COVERS) -> Iterator[ScriptedServer]:
    """A dataset whose covers all come from one server."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(folder, *(f"{server.url}/{n}.jpg" for n in range(count)))
        yield server


def test_processes_fetch_what_threads_would(tmp_path: Path) -> None:
    """The same files, the same ledger but for the time."""
    with many_covers(tmp_path / "one") as server:
        run_download(tmp_path / "one")
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / TSV).write_bytes((tmp_path / "one" / TSV).read_bytes())
        summary = run_download(tmp_path / "two", processes=2)
    assert summary.rows_out == COVERS
    assert len(server.seen) == 2 * COVERS
    assert len({seen.path for seen in server.seen}) == COVERS
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert ledger_of(tmp_path / "one") == ledger_of(tmp_path / "two")


def test_real_pictures_end_the_same_in_processes(tmp_path: Path) -> None:
    """What processes say of real odd pictures and covers is what threads say."""
    folders = realdata("odd_images"), realdata("covers")
    files = [f for folder in folders for f in sorted(folder.rglob("*")) if f.is_file()]
    bodies = {f"/{n}": file.read_bytes() for n, file in enumerate(files)}
    results: list[dict[str, tuple[str, str, str, str]]] = []
    for processes in (0, 2):
        with Sandbox(make_catalogue(albums_per_label=1)) as sandbox:
            sandbox.hook = lambda hit: Reply(body=bodies.get(hit.path, b""))
            folder = tmp_path / str(len(results))
            rows_of(folder, *(f"{sandbox.base_url}{path}" for path in bodies))
            run_download(folder, processes=processes)
        results.append(
            {p: (c.status, c.reason, c.sha256, c.phash) for p, c in ledger_of(folder).items()}
        )
    names = [{path.partition("[")[0]: ending for path, ending in each.items()} for each in results]
    assert names[0] == names[1]


@pytest.mark.parametrize("processes", [0, 2])
def test_a_host_that_nobody_knows_leaves_a_reason(tmp_path: Path, processes: int) -> None:
    """Its covers are left; those of other hosts are fetched."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, f"http://{'x' * 70}.test/1.jpg", f"{server.url}/2.jpg")
        summary = run_download(tmp_path, processes=processes)
    assert (summary.rows_out, summary.dropped) == (1, {"no connection": 1})
    assert {cover.reason for cover in ledger_of(tmp_path).values()} == {"", "no connection"}


@pytest.mark.long
@pytest.mark.parametrize("concurrency", [1, 2, 3, 9])
def test_concurrency_is_kept_by_all_processes_together(tmp_path: Path, concurrency: int) -> None:
    """However the host is shared out, it never sees more at a time, and nearly as many."""
    used = concurrency if concurrency < 3 else concurrency - 1
    together = threading.Barrier(used, timeout=30)
    first = iter([True] * used)

    def wait_for_all() -> None:
        if next(first, False):
            together.wait()

    with many_covers(tmp_path, 48) as server:
        server.before_answer = wait_for_all
        hosts = {"127.0.0.1": {"concurrency": concurrency}}
        assert run_download(tmp_path, hosts=hosts, processes=2).rows_out == 48
    assert server.most_at_once == used


@pytest.mark.long
def test_a_rate_is_kept_by_all_processes_together(tmp_path: Path) -> None:
    """With two processes a host sees never more than 30 in any 60 s; another is not held up."""
    fake = FakeTime()
    with (
        ScriptedServer(Script(body=JPEG), time_s=fake.now_s) as slow,
        ScriptedServer(Script(body=JPEG), time_s=fake.now_s, host="127.0.0.2") as quick,
    ):
        urls = [f"{server.url}/{n}.jpg" for n in range(100) for server in (slow, quick)]
        rows_of(tmp_path, *urls)
        # One at a time: here the clock jumps, also while another request is on its way.
        settings = {"hosts": {"127.0.0.1": {"per_minute": 30, "concurrency": 1}}, "processes": 2}
        context = make_context(tmp_path, download=settings, clock=fake.clock())
        assert download.run(context).rows_out == 200
    times_s = sorted(seen.time_s for seen in slow.seen)
    assert len(times_s) == len(quick.seen) == 100
    assert max(sum(at <= each < at + 60 for each in times_s) for at in times_s) == 30
    assert times_s[-1] - times_s[0] >= 180
    assert max(seen.time_s for seen in quick.seen) < times_s[-1], "the other host didn't wait"


def test_a_days_quota_is_kept_by_all_processes_together(tmp_path: Path) -> None:
    """It stops, says so, and leaves the rest for another day; the other host is done."""
    with (
        ScriptedServer(Script(body=JPEG)) as limited,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as free,
    ):
        rows_of(tmp_path, *(f"{s.url}/{n}.jpg" for n in range(40) for s in (limited, free)))
        hosts = {"127.0.0.1": {"per_day": 25}}
        for _ in range(2):
            summary = run_download(tmp_path, hosts=hosts, processes=2)
            assert summary.dropped == {"waiting: the host rests": 15}
            assert any("25 requests a day are spent" in note for note in summary.notes)
    assert (len(limited.seen), len(free.seen)) == (25, 40)


def test_a_redirect_to_a_limited_host_keeps_its_limit(tmp_path: Path) -> None:
    """Processes that are led to a host with a quota leave it to the one that counts."""
    with ScriptedServer(Script(body=JPEG), host="127.0.0.2") as limited:
        away = Script(307, headers={"Location": f"{limited.url}/x.jpg"})
        with ScriptedServer(away) as free:
            rows_of(tmp_path, *(f"{free.url}/{n}.jpg" for n in range(60)))
            hosts = {"127.0.0.2": {"per_day": 10}}
            summary = run_download(tmp_path, hosts=hosts, processes=2)
    assert len(limited.seen) == 10
    assert summary.rows_out == 10
    assert summary.dropped == {"waiting: the host rests": 50}


def test_a_host_that_asks_for_a_rest_is_left_by_all(tmp_path: Path) -> None:
    """Retry-After, told to one process, ends the run for that host; the other host is done."""
    asks = Script(429, headers={"Retry-After": "3600"})
    with (
        ScriptedServer(*[Script(body=JPEG)] * 5, asks) as tired,
        ScriptedServer(Script(body=JPEG), host="127.0.0.2") as fresh,
    ):
        rows_of(tmp_path, *(f"{s.url}/{n}.jpg" for n in range(200) for s in (tired, fresh)))
        summary = run_download(tmp_path, processes=2)
    assert len(fresh.seen) == 200
    assert summary.rows_out == 205
    assert summary.partly
    assert any("asked for a rest" in note for note in summary.notes)
    assert len(tired.seen) < 60, "no more than what was under way"


@pytest.mark.long
@linux_only
def test_the_rows_of_a_process_that_dies_are_taken_again(tmp_path: Path) -> None:
    """SIGKILL to one of the processes costs no cover; another takes its place."""
    killed: list[int] = []
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        limits = {"genre_limit": 4, "world_limit": 2, "from_year": 2026}
        fetch.run(make_context(tmp_path, base_url=sandbox.base_url, fetch=limits))
        process = start(tmp_path, "download", "--json", "--processes", "2")
        seen = 0
        lock = threading.Lock()

        def hook(_hit: Hit) -> Reply | None:
            nonlocal seen
            with lock:
                seen += 1
                if seen in {20, 50}:
                    victim = children(process.pid)[0]
                    killed.append(victim)
                    os.kill(victim, signal.SIGKILL)
            return None

        sandbox.hook = hook
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(killed) == 2
    result = from_json(out.decode())
    assert result["rows_in"] == result["rows_out"] == len(files_of(tmp_path)) == 60
    assert Counter(cover.status for cover in ledger_of(tmp_path).values()) == {"ok": 60}
    assert not any(runs(pid) for pid in killed)


@linux_only
def test_a_picture_that_kills_its_process_is_found_out(tmp_path: Path) -> None:
    """It alone is marked; all others that were under way beside it arrive."""
    with many_covers(tmp_path, 60) as server:
        process = start(tmp_path, "download", "--json", "--processes", "2")

        def die_of_it(request: BaseHTTPRequestHandler) -> None:
            if request.path == "/30.jpg":
                for child in children(process.pid):
                    if holds(child, request.client_address[1]):
                        os.kill(child, signal.SIGKILL)

        server.on_request = die_of_it
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    result = from_json(out.decode())
    assert result["rows_out"] == 59
    assert result["dropped"] == {"crashed its process": 1}
    (bad,) = [c for c in ledger_of(tmp_path).values() if c.status != "ok"]
    assert (bad.status, bad.url.rpartition("/")[2]) == ("failed", "30.jpg")


@pytest.mark.long_after(1)
@linux_only
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_processes_and_keeps_what_is_done(
    tmp_path: Path, way: signal.Signals
) -> None:
    """130, no process left, nothing half-written, and what came is not fetched again."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        limits = {"genre_limit": 4, "world_limit": 2, "from_year": 2026}
        fetch.run(make_context(tmp_path, base_url=sandbox.base_url, fetch=limits))
        sandbox.log.clear()
        process = start(tmp_path, "download", "--processes", "2")
        started: list[int] = []
        lock = threading.Lock()

        def hook(_hit: Hit) -> Reply | None:
            with lock:
                if not started and len(sandbox.log) >= 30:
                    started.extend(children(process.pid))
                    for pid in (process.pid, *started):
                        # As a terminal does, and systemd: to every process of the group.
                        os.kill(pid, way)
            if started:
                sandbox.wait(0.05)  # so that some are left to be stopped
            return None

        sandbox.hook = hook
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert b"Traceback" not in err
        assert started
        assert not any(runs(pid) for pid in started)
        good = sum(cover.status == "ok" for cover in ledger_of(tmp_path).values())
        assert len(files_of(tmp_path)) == good, (
            "no file that the ledger doesn't know, none unfinished"
        )
        assert 0 < good < 60
        sandbox.hook = None
        sandbox.log.clear()
        finish(tmp_path)
    assert len(sandbox.log) == 60 - good


def test_with_many_covers_processes_start_by_themselves(tmp_path: Path) -> None:
    """No setting is needed, and a full disk of rows is no different from a few."""
    with many_covers(tmp_path, 400) as server:
        process = start(tmp_path, "download", "--json")
        seen: set[int] = set()
        server.before_answer = lambda: seen.update(children(process.pid))
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert from_json(out.decode())["rows_out"] == 400
    if Path("/proc/self/task").exists() and len(os.sched_getaffinity(0)) > 1:
        assert seen


def test_a_disk_that_refuses_ends_the_run_in_one_line(tmp_path: Path) -> None:
    """The first cover that can't be written names its path; no process stays behind."""
    with many_covers(tmp_path) as _:
        (tmp_path / IMAGES).mkdir()
        (tmp_path / IMAGES / "Jazz").write_text("in the way")
        process = start(tmp_path, "download", "--processes", "2")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.decode().count("\n") == 1
    assert "Jazz" in err.decode()


def test_processes_that_can_not_start_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a loop, and no cover is blamed for it."""
    with many_covers(tmp_path) as server:
        monkeypatch.setattr(sys, "executable", shutil.which("false"))
        with pytest.raises(EquigenError, match="whatever they are given"):
            run_download(tmp_path, processes=2)
        monkeypatch.undo()
        assert server.seen == []
        assert ledger_of(tmp_path) == {}
        assert run_download(tmp_path, processes=2).rows_out == COVERS


@pytest.mark.parametrize("processes", [0, 1])
def test_slow_hosts_get_more_threads(tmp_path: Path, processes: int) -> None:
    """Answers that come only when eight ask at once do come: threads that wait cost nothing."""
    with many_covers(tmp_path, 40) as server:
        together = threading.Barrier(8, timeout=30)

        def wait_for_eight() -> None:
            together.wait()

        server.before_answer = wait_for_eight
        summary = run_download(tmp_path, processes=processes)
    assert summary.rows_out == 40
    assert server.most_at_once >= 8


def test_verbose_tells_of_the_requests_of_all_processes(tmp_path: Path) -> None:
    """Each URL is told once, whoever asks for it."""
    with many_covers(tmp_path, 30) as server:
        process = start(tmp_path, "download", "-v", "--processes", "2")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    told = err.decode().count(f"GET {server.url}/")
    assert told == len(server.seen) == 30
