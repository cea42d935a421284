"""Runs under `ulimit -v`: they end as others do, with fewer threads, or say what to do."""

import subprocess
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest
from coverruns import write_config
from downloads import JPEG, files_of, linux_only, rows_of
from support import Script, ScriptedServer, program_env, sandbox_env

from equigen.downloading.engines.threads import ThreadExecutor
from equigen.downloading.jobs import ExecutorSettings, Inbox, Job, JobResult
from equigen.http.limits import HostPolicy, Patience
from equigen.images.rendering import Demands, Rendering

LIMITED = """
import os, resource, sys
most = int(sys.argv[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (most, most))
os.execv(sys.executable, [sys.executable, "-m", "equigen", *sys.argv[2:]])
"""
COVERS = 40


def download(folder: Path, most_kb: int) -> subprocess.CompletedProcess[str]:
    """Run a download in an address space of so many kB."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(most_kb), "download", "--quiet"],
        cwd=folder,
        env=program_env(
            **sandbox_env("http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=str(folder))
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@linux_only
def test_a_download_in_900_mb_of_addresses_brings_all_covers(tmp_path: Path) -> None:
    """It ended with "can't start new thread", or the table's library ended it."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}" for n in range(COVERS)))
        write_config(tmp_path, "threads, full")
        done = download(tmp_path, 900_000)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(files_of(tmp_path)) == COVERS


@linux_only
def test_too_little_memory_is_told_in_one_line(tmp_path: Path) -> None:
    """Before anything is begun, with the limit and what to do."""
    done = download(tmp_path, 400_000)
    assert done.returncode == 2
    assert "400,000 kB" in done.stderr
    assert "ulimit -v" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_threads_that_cannot_be_started_are_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One does all the work, where the system gives no second one."""
    start = threading.Thread.start

    def refuse_second(thread: threading.Thread) -> None:
        if thread.name == "download" and any(t.name == "download" for t in threading.enumerate()):
            msg = "can't start new thread"
            raise RuntimeError(msg)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_second)
    inbox: Inbox = SimpleQueue()
    settings = ExecutorSettings(
        *({"*": HostPolicy(concurrency=8)}, "T/1", Patience(), Demands(2, 10**7), (Rendering(),)),
        *((tmp_path,), 10**7, "t"),
    )
    with ScriptedServer(Script(body=JPEG)) as server:
        made = ThreadExecutor(settings, inbox)
        made.submit([Job(n, f"a/{n}.jpg", "p", f"{server.url}/{n}", "127.0.0.1") for n in range(9)])
        reports = [inbox.get(timeout=30) for _ in range(9)]
        made.stop()
        assert inbox.get(timeout=30)[1] is None
        made.close()
    results = [each for _, some in reports for each in some or () if isinstance(each, JobResult)]
    assert [each.status for each in results] == ["ok"] * 9
