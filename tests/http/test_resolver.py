"""Where hosts are: asked once for all processes, and again where the answer was of no use."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from downloads import JPEG, ledger_of, rows_of, run_download
from support import Script, ScriptedServer, program_env, sandbox_env

from equigen.downloading.engines.processes import News, ProcessStation
from equigen.downloading.engines.protocol import Setup, setup_line
from equigen.downloading.jobs import STOPPED, Job, Making
from equigen.http.limits import HostPolicy, Patience
from equigen.http.resolver import Resolver
from equigen.images.rendering import Demands, Rendering

POLICIES = {"*": HostPolicy(concurrency=4)}
COVERS = 60
NOTE_LOOK_UPS = """
import os, sys

def note(name, given):
    if name == "socket.getaddrinfo":
        with open(os.environ["NOTED"], "a") as file:
            file.write(f"{given[0]} {os.getpid()}\\n")

sys.addaudithook(note)
"""


@pytest.fixture
def station(tmp_path: Path) -> Iterator["Asking"]:
    """A process whose look-ups take until they are let go."""
    asking = Asking(tmp_path)
    yield asking
    asking.go.set()
    asking.station.end()


class Asking:
    """A process that fetches, and a resolver that answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.asked: SimpleQueue[tuple[str, bool]] = SimpleQueue()
        self.news: SimpleQueue[News] = SimpleQueue()
        self.go = threading.Event()
        self.addresses = ["127.0.0.1"]
        making = Making(Demands(2, 10_000), (Rendering(),), (folder,), 10_000, "t")
        setup = Setup(POLICIES, "T/1", Patience(tries=2, connect_timeout_s=5), making, threads=4)
        resolver = Resolver(self._look_up)
        self.station = ProcessStation(setup_line(setup), POLICIES, self.news, resolver)

    def _look_up(self, host: str, *, again: bool) -> list[str]:
        self.asked.put((host, again))
        self.go.wait()
        return self.addresses

    def statuses(self) -> list[str]:
        """Return how jobs ended, until one did or the process is gone."""
        while not (news := self.news.get(timeout=30)).outcomes and not news.is_gone:
            continue
        return [outcome.status for outcome in news.outcomes]


def test_a_run_looks_a_host_up_once(tmp_path: Path) -> None:
    """However many processes and threads ask for it."""
    noted = tmp_path / "noted"
    (tmp_path / "sitecustomize.py").write_text(NOTE_LOOK_UPS)
    with ScriptedServer(Script(body=JPEG)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        rows_of(tmp_path / "data", *(f"{url}/{n}.jpg" for n in range(COVERS)))
        env = sandbox_env(
            "http://127.0.0.1:9",
            EQUIGEN_DATASET__DIRECTORY=str(tmp_path / "data"),
            EQUIGEN_DOWNLOAD__PROCESSES="3",
            PYTHONPATH=str(tmp_path),
            NOTED=str(noted),
        )
        command = [sys.executable, "-m", "equigen", "download", "--quiet"]
        subprocess.run(command, cwd=tmp_path, env=program_env(**env), check=True, timeout=60)
    assert len(server.seen) == COVERS
    names = [line.split()[0] for line in noted.read_text().splitlines()]
    assert names.count("localhost") == 1


@pytest.mark.parametrize("processes", [0, 2])
def test_a_host_that_nobody_knows_leaves_a_reason(tmp_path: Path, processes: int) -> None:
    """Its covers are left; those of other hosts are fetched."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, f"http://{'x' * 70}.test/1.jpg", f"{server.url}/2.jpg")
        summary = run_download(tmp_path, processes=processes)
    assert (summary.rows_out, summary.dropped) == (1, {"no connection": 1})
    assert {cover.reason for cover in ledger_of(tmp_path).values()} == {"", "no connection"}


def test_who_waits_for_a_look_up_can_be_stopped(station: Asking) -> None:
    """A resolver that takes its time holds up no Ctrl-C."""
    station.station.hand([Job(0, "G/1.jpg", "p", "http://slow.test/1.jpg", "slow.test")])
    assert station.asked.get(timeout=30) == ("slow.test", False)
    station.station.stop()
    assert station.statuses() == [STOPPED]
    assert station.news.get(timeout=30).is_gone


def test_a_host_that_moved_is_looked_up_again(station: Asking) -> None:
    """An address that doesn't answer is not kept for the next try."""
    station.go.set()
    with ScriptedServer(Script(body=JPEG)) as server:
        port = server.url.rpartition(":")[2]
        station.addresses = ["127.0.0.2"]  # nobody listens there
        station.station.hand([Job(0, "G/1.jpg", "p", f"http://moved.test:{port}/1", "moved.test")])
        assert station.asked.get(timeout=30) == ("moved.test", False)
        assert station.asked.get(timeout=30) == ("moved.test", True)


def test_threads_that_ask_together_share_the_answer() -> None:
    """Each host apart: one that is slow holds up no other."""
    asked: list[str] = []
    slow = threading.Event()

    def look_up(host: str, *, again: bool) -> list[str]:
        asked.append(f"{host} {again}")
        if host == "slow":
            assert slow.wait(30)
        return [host.upper()]

    resolver = Resolver(look_up)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(resolver.addresses, "slow") for _ in range(4)]
        assert [resolver.addresses("quick") for _ in range(3)] == [["QUICK"]] * 3
        slow.set()
        assert [each.result() for each in waiting] == [["SLOW"]] * 4
    assert sorted(asked) == ["quick False", "slow False"]
    resolver.forget("quick")
    assert resolver.addresses("quick") == ["QUICK"]
    assert resolver.addresses("quick") == ["QUICK"]
    assert asked[2:] == ["quick True"]


def test_that_nobody_knows_a_host_counts_for_some_seconds() -> None:
    """A thousand covers of it don't ask a thousand times; then it is asked for again."""
    answers: list[list[str] | OSError] = [OSError("no network"), ["1.2.3.4"]]
    now_s = [0.0]

    def look_up(host: str, *, again: bool) -> list[str]:
        assert (host, again) == ("h", False)
        came = answers.pop(0)
        if isinstance(came, OSError):
            raise came
        return came

    resolver = Resolver(look_up, steady=lambda: now_s[0])
    for _ in range(3):
        with pytest.raises(OSError, match="no network"):
            resolver.addresses("h")
        now_s[0] += 1
    now_s[0] += 3
    assert resolver.addresses("h") == ["1.2.3.4"]
