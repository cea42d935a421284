"""Worker processes: they get all settings, import nothing of the caller's, end with it."""

import pickle
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest
from downloads import JPEG, files_of, rows_of
from support import Script, ScriptedServer, program_env, sandbox_env

from equigen.downloading.engines.processes import ProcessExecutor
from equigen.downloading.jobs import ExecutorSettings, Inbox, Job, JobResult
from equigen.http.limits import HostPolicy, Patience
from equigen.images.rendering import Check, Demands, Rendering
from equigen.ledger.models import OK

# A script without a guard, which runs once more whenever somebody imports it.
SCRIPT = """
import os, sys
from pathlib import Path

from equigen.commands import download
from support import make_context

with Path("ran").open("a") as file:
    file.write("once ")
context = make_context(Path.cwd(), download={"processes": 2})
print(download.run(context).rows_out)
"""


def settings_for(folder: Path) -> ExecutorSettings:
    """Return settings of which none has its default."""
    demands = Demands(2, 1_000_000, Check.STRUCTURE, frozenset({"0" * 64}))
    policies = {"a.org": HostPolicy(3, 4, 5, 1.5), "*": HostPolicy(concurrency=4)}
    return ExecutorSettings(
        policies, "T/1", Patience(tries=2), demands, (Rendering(),), (folder,), 100_000, "run"
    )


def test_a_process_gets_all_settings(tmp_path: Path) -> None:
    """As they are here, limits included."""
    settings = settings_for(tmp_path)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301


def test_jobs_come_back_with_their_results(tmp_path: Path) -> None:
    """First the process says that it is ready; told to stop, it ends last of all."""
    inbox: Inbox = SimpleQueue()
    with ScriptedServer(Script(body=JPEG)) as server:
        executor = ProcessExecutor(settings_for(tmp_path), inbox)
        try:
            assert inbox.get(timeout=30) == (executor, [])
            job = Job(7, "Jazz/ü \udc80.jpg", "p", f"{server.url}/1.jpg", "127.0.0.1")
            executor.submit([job])
            _, messages = inbox.get(timeout=30)
            executor.stop()
            assert inbox.get(timeout=30) == (executor, None)
        finally:
            executor.close()
    (result,) = messages or ()
    assert isinstance(result, JobResult)
    assert (result.job, result.status) == (job, OK)
    assert (tmp_path / "Jazz" / ".new-run-7").read_bytes() == JPEG


@pytest.mark.long
@pytest.mark.parametrize("way", ["a file", "standard input"])
def test_a_script_without_a_guard_runs_once(tmp_path: Path, way: str) -> None:
    """Processes import nothing of the script that starts them, or of what a notebook ran."""
    (tmp_path / "script.py").write_text(SCRIPT)
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}.jpg" for n in range(20)))
        support = str(Path(__file__).parents[1] / "support")
        done = subprocess.run(
            [sys.executable, "script.py" if way == "a file" else "-"],
            input=SCRIPT.encode(),
            cwd=tmp_path,
            env=program_env(**sandbox_env("http://127.0.0.1:9", PYTHONPATH=support)),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert (done.stdout.decode().strip(), done.stderr) == ("20", b"")
    assert (tmp_path / "ran").read_text() == "once "
    assert len(files_of(tmp_path)) == 20


def test_a_worker_loads_nothing_that_only_the_parent_process_needs() -> None:
    """Each start of one would take a fifth longer with pydantic alone."""
    code = (
        "import sys; before = {*sys.modules}; import equigen.downloading.engines.worker\n"
        "print(sorted({'pydantic', 'polars', 'sqlite3', 'typer'} & {*sys.modules} - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
