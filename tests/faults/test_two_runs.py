"""Two runs at once on one dataset, and clocks that are set back: nothing is done twice."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from downloads import JPEG, run_download
from forks import Forks
from kills import IMAGES, TSV
from support import (
    NOON,
    FakeTime,
    Script,
    ScriptedServer,
    make_context,
    program_env,
    sandbox_env,
    write_rows,
)
from wholes import LIMITS, Whole, make_whole, small_catalogue

from equigen.commands import clean, dedupe, download, fetch, split, status
from equigen.dataset.context import Context
from equigen.http.rate_limit import Clock
from equigen.ledger.ledger import Ledger
from equigen.sandbox.handlers import Hit, Reply

FETCH = ("fetch", "--label", "Jazz", "--label", "Blues", "--genre-limit", "20")
FIRST = {
    "fetch": FETCH,
    "download": ("download",),
    "processes": ("download", "--processes", "2"),
    "run": ("run", *FETCH[1:]),
}
SECOND = {
    **FIRST,
    "clean": ("clean",),
    "dedupe": ("dedupe",),
    "covers": ("dedupe", "--covers"),
    "balance": ("balance", "--per-label", "2"),
    "split": ("split",),
    "repair": ("repair",),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A complete dataset, but for some covers, which are to be fetched."""
    with small_catalogue() as sandbox:
        made = make_whole(tmp_path_factory.mktemp("whole"), sandbox)
        for file in list((made.folder / IMAGES).glob("*/*.jpg"))[::3]:
            file.unlink()
        yield made


@pytest.mark.long_after(1)
@pytest.mark.parametrize("first", FIRST)
def test_a_second_run_is_refused_and_disturbs_nothing(
    tmp_path: Path, forks: Forks, whole: Whole, first: str
) -> None:
    """While one is at work every other ends with 1, and who only looks is let in."""
    folder, sandbox = whole.copy(tmp_path / "data"), whole.sandbox
    env = sandbox_env(sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder))
    came, free = threading.Event(), threading.Event()

    def hold(_hit: Hit) -> Reply | None:
        came.set()
        free.wait(60)
        return None

    sandbox.hook = hold
    command = [sys.executable, "-m", "equigen", *FIRST[first]]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=program_env(**env), stderr=subprocess.PIPE, text=True
    )
    try:
        assert came.wait(60)
        before = {file: file.read_bytes() for file in folder.rglob("*.*") if file.is_file()}
        for name, args in SECOND.items():
            ended = forks.run(*args, cwd=tmp_path, env=program_env(**env))
            assert ended.code == 1, (name, ended)
            (line,) = ended.err.splitlines()
            assert f"`equigen {FIRST[first][0]}` (process {process.pid}, since" in line
            assert "Nothing was touched" in line
        for args in (("status",), ("report",), ("counts", "--by", "set")):
            ended = forks.run(*args, cwd=tmp_path, env=program_env(**env))
            assert ended.code == 0, (args, ended.err)
        after = {file: file.read_bytes() for file in before if not file.name.endswith("-shm")}
        assert after == {file: before[file] for file in after}
    finally:
        free.set()
        sandbox.hook = None
        _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False), err
    assert forks.run("split", cwd=tmp_path, env=program_env(**env)).code == 0
    assert forks.run("split", "--verify", cwd=tmp_path, env=program_env(**env)).code == 0


@pytest.mark.long_after(1)
@pytest.mark.parametrize("seed", range(3))
def test_a_run_of_all_stages_stops_cleanly(
    tmp_path: Path, forks: Forks, whole: Whole, seed: int
) -> None:
    """SIGTERM in the midst of `run`: 130, one line, and the next one ends as if nothing was."""
    folder, sandbox = tmp_path / "data", whole.sandbox
    env = program_env(**sandbox_env(sandbox.base_url, EQUIGEN_DATASET__DIRECTORY=str(folder)))
    args = ("run", "--label", "Jazz", "--genre-limit", "10")
    undisturbed = tmp_path / "undisturbed"
    whole_env = {**env, "EQUIGEN_DATASET__DIRECTORY": str(undisturbed)}
    took_s = forks.run(*args, cwd=tmp_path, env=whole_env).took_s
    ended = forks.run(
        *args, cwd=tmp_path, env=env, signal_after_s=took_s * (seed + 1) / 5, number=signal.SIGTERM
    )
    assert ended.code in {0, 130, -signal.SIGTERM}, ended.err
    if ended.code == 130:
        assert "What was done is kept; run it again to go on." in ended.err.splitlines()[-1]
        assert "Traceback" not in ended.err
    assert forks.run(*args, cwd=tmp_path, env=env).code == 0

    def content(of: Path) -> dict[str, bytes]:
        return {
            str(file.relative_to(of)): file.read_bytes()
            for file in of.rglob("*.*")
            if file.suffix in {".jpg", ".tsv"}
        }

    assert content(folder) == content(undisturbed)


def at(context: Context, hours: float) -> Context:
    """Return a run's surroundings so many hours from noon: the date, and what days it counts."""
    when = NOON + timedelta(hours=hours)
    return replace(context, now=lambda: when, clock=Clock(unix=when.timestamp))


def test_a_clock_set_back_between_runs_gives_no_quota_twice(tmp_path: Path) -> None:
    """Over midnight and back: those of the day after count; and a day later there are new ones."""
    with ScriptedServer(Script(body=JPEG, headers={"Content-Type": "image/jpeg"})) as server:
        rows = [
            {"artist": f"A{n}", "album": "B", "genre": "Jazz", "image_url": f"{server.url}/{n}.jpg"}
            for n in range(12)
        ]
        write_rows(tmp_path / TSV, *rows)
        hosts = {"127.0.0.1": {"per_minute": 0, "per_day": 5, "concurrency": 2}}
        context = make_context(tmp_path, download={"hosts": hosts})
        asked: list[int] = []
        for hours in (0, -11.9, -20, 0.5, 24.5):
            server.seen.clear()
            summary = download.run(at(context, hours))
            assert summary.partly == (hours < 24 or len(rows) > sum(asked) + len(server.seen))
            asked.append(len(server.seen))
        assert asked == [5, 0, 0, 0, 5]


def test_a_clock_set_back_while_a_run_is_under_way_changes_nothing(tmp_path: Path) -> None:
    """Every look at the date gives an earlier one: all covers come, each once, and the run ends."""
    time = FakeTime()
    steps = iter(range(10**9))
    with ScriptedServer(Script(body=JPEG, headers={"Content-Type": "image/jpeg"})) as server:
        rows = [
            {"artist": f"A{n}", "album": "B", "genre": "Jazz", "image_url": f"{server.url}/{n}.jpg"}
            for n in range(12)
        ]
        write_rows(tmp_path / TSV, *rows)
        hosts = {"127.0.0.1": {"per_minute": 4, "per_day": 20, "concurrency": 2}}
        context = make_context(tmp_path, download={"hosts": hosts})
        backwards = Clock(
            steady=time.now_s, unix=lambda: NOON.timestamp() - 60 * next(steps), sleep=time.sleep
        )
        context = replace(
            context, now=lambda: NOON - timedelta(minutes=next(steps)), clock=backwards
        )
        assert download.run(context).rows_out == 12
        assert len(server.seen) == 12
        with Ledger(context.ledger, read_only=True) as ledger:
            assert ledger.requests_on("127.0.0.1", NOON.date().isoformat()) == 12


def test_a_clock_set_back_by_years_breaks_no_stage(tmp_path: Path, whole: Whole) -> None:
    """Fetched in one year, gone on with in an earlier one: nothing is fetched twice or moved."""
    folder = whole.copy(tmp_path / "data")
    context = make_context(folder, base_url=whole.sandbox.base_url, fetch=LIMITS)
    early = at(context, -24 * 365 * 5)
    tsv = context.tsv.read_bytes()
    whole.sandbox.log.clear()
    fetch.run(early)
    clean.run(early)
    dedupe.run(early)
    download.run(early)
    there = len(list((whole.folder / IMAGES).glob("*/*.jpg")))
    assert len(whole.sandbox.log) == tsv.count(b"\n") - 1 - there
    split.run(early)
    assert context.tsv.read_bytes() == tsv
    fetch.run(early, refresh=True)
    assert context.tsv.read_bytes() == tsv
    assert status.run(early).rows_in == tsv.count(b"\n") - 1
    whole.sandbox.log.clear()
    assert run_download(folder).facts["fetched"] == 0
    assert whole.sandbox.log == []
