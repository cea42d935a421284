"""Runs that nobody watches: from cron or systemd, for months."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import (
    NOON,
    FakeTime,
    Script,
    ScriptedServer,
    equigen,
    from_json,
    make_context,
    on_a_terminal,
    posix_only,
    program_env,
    sandbox_env,
    write_rows,
)

from equigen.commands import run
from equigen.dataset.context import next_time
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.plugins import find_commands
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit, Reply
from equigen.sandbox.server import Sandbox
from equigen.storage.lock import dataset_lock
from equigen.summary import Summary

SMALL = {
    "EQUIGEN_FETCH__LABELS": '["Jazz", "Salsa"]',
    "EQUIGEN_FETCH__GENRE_LIMIT": "4",
    "EQUIGEN_FETCH__WORLD_LIMIT": "2",
}
RUN = [sys.executable, "-m", "equigen", "run", "--quiet"]


def status_of(folder: Path) -> dict[str, Any]:
    """Return what a monitor is told."""
    done = equigen("status", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return from_json(done.stdout)


@pytest.mark.long
def test_a_quiet_run_says_one_line_also_on_a_terminal(tmp_path: Path) -> None:
    """No bar, no colour, no question, and nothing on stderr."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        env = program_env(**sandbox_env(sandbox.base_url, **SMALL))
        code, shown = on_a_terminal(RUN, cwd=tmp_path, env=env)
        assert code == 0, shown
        assert shown.startswith(b"run: fetch ")
        assert shown.endswith(b"\r\n")
        assert shown.count(b"\n") == shown.count(b"\r") == 1
        assert b"\x1b" not in shown
        done = equigen("run", "--quiet", cwd=tmp_path, env=sandbox_env(sandbox.base_url, **SMALL))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    seen = status_of(tmp_path)
    assert seen["last_run"]["outcome"] == "done"
    assert seen["last_run"]["command"] == "run"
    assert seen["last_success"] == seen["last_run"]["ended_at"]
    assert 0 <= seen["last_success_age_s"] < 600
    assert seen["under_way"] is None
    assert seen["rows"] == seen["covers"] == 6
    assert seen["covers_left"] == 0


@pytest.mark.long
def test_a_run_that_is_partly_done_ends_with_3_and_is_no_failure(tmp_path: Path) -> None:
    """With a quota used up; the monitor sees what is left, and when the quota is there again."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL)
        env["EQUIGEN_DOWNLOAD__HOSTS"] = json.dumps({"127.0.0.1": {"per_day": 2}})
        done = equigen("run", "--quiet", cwd=tmp_path, env=env)
        assert (done.returncode, done.stderr) == (3, "")
        assert "; partly done: 4 covers left, go on after " in done.stdout
        assert done.stdout.endswith(" 00:00 UTC\n")
        seen = from_json(equigen("status", "--json", cwd=tmp_path, env=env).stdout)
    assert seen["last_run"]["outcome"] == "partly"
    assert seen["last_success"]
    assert seen["covers_left"] == 4
    (quota,) = seen["quotas"]
    assert (quota["host"], quota["per_day"], quota["used_today"], quota["left"]) == (
        "127.0.0.1", 2, 2, 0,
    )  # fmt: skip
    assert quota["resumes_at"].endswith("T00:00:00+00:00")
    assert seen["last_run"]["left"] == {"covers": 4}
    assert seen["last_run"]["resumes_at"] == quota["resumes_at"]


@pytest.mark.long
@pytest.mark.parametrize("flag", ["--quiet", "--json"])
def test_what_was_done_before_an_error_is_told(tmp_path: Path, flag: str) -> None:
    """The stages before it on stdout, the error in one line on stderr, and its code."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "equigen_album_images").write_text("a file where a folder should be")
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        done = equigen("run", flag, cwd=tmp_path, env=sandbox_env(sandbox.base_url, **SMALL))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("equigen run: ")
    if flag == "--quiet":
        assert done.stdout.startswith("run: fetch 6 results, clean 6 rows, ")
        assert done.stdout.endswith("; download failed\n")
        assert done.stdout.count("\n") == 1
    else:
        told = from_json(done.stdout)
        names = [stage["stage"] for stage in told["stages"]]
        assert names == ["fetch", "clean", "dedupe", "counts"]
        assert told["error"] in done.stderr
        assert (told["exit_code"], told["complete"]) == (1, False)
    seen = status_of(tmp_path)
    assert seen["last_success"] is None
    assert seen["last_run"]["outcome"] == "failed"
    assert f"equigen run: {seen['last_run']['error']}\n" == done.stderr


@pytest.mark.long
@pytest.mark.parametrize(("status", "code"), [(503, 1), (401, 2), (404, 1)])
def test_a_night_without_the_api_is_none_without_covers(
    tmp_path: Path, status: int, code: int
) -> None:
    """What is left of the dataset is downloaded and dealt; then the run ends with the error."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        env = {**sandbox_env(sandbox.base_url, **SMALL), "EQUIGEN_HTTP__TRIES": "1"}
        assert equigen("fetch", cwd=tmp_path, env=env).returncode == 0
        env |= {"EQUIGEN_FETCH__GENRE_LIMIT": "200"}
        sandbox.hook = lambda hit: Reply(status) if "search" in hit.path else None
        done = equigen("run", "--quiet", cwd=tmp_path, env=env)
        told = equigen("run", "--json", cwd=tmp_path, env=env)
    assert done.returncode == told.returncode == code
    assert done.stdout.startswith("run: clean ")
    assert done.stdout.endswith(" covers; fetch failed\n")
    assert done.stderr.count("\n") == 1
    assert f"status 200, got {status}" in done.stderr
    seen = status_of(tmp_path)
    assert seen["last_run"]["outcome"] == "failed"
    assert 6 <= seen["rows"] == seen["covers"]
    assert len(list((tmp_path / "data" / "split").rglob("*.jpg"))) == seen["rows"]
    assert from_json(told.stdout)["error"] in told.stderr


@pytest.mark.long
def test_an_error_at_the_start_is_one_line_alone(tmp_path: Path) -> None:
    """Nothing was done that could be told of on stdout."""
    with ScriptedServer(Script(404)) as server:
        done = equigen("run", "--quiet", cwd=tmp_path, env=sandbox_env(server.url, **SMALL))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        told = equigen("run", "--json", cwd=tmp_path, env=sandbox_env(server.url, **SMALL))
    assert from_json(told.stdout)["stages"] == []
    assert from_json(told.stdout)["exit_code"] == told.returncode == 1


@pytest.mark.long
@posix_only
def test_a_run_that_is_stopped_is_noted_as_such(tmp_path: Path) -> None:
    """SIGTERM, as systemd sends it: exit 130, and the ledger knows."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        env = program_env(**sandbox_env(sandbox.base_url, **SMALL))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(RUN, cwd=tmp_path, env=env, **pipes)  # type: ignore[call-overload]

        sent: list[Hit] = []

        def hook(hit: Hit) -> Reply | None:
            if not (sent or hit.path.startswith("/database")):
                sent.append(hit)  # a second signal would end it at once
                process.send_signal(signal.SIGTERM)
            return None

        sandbox.hook = hook
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"; download stopped" in out
    assert err.count(b"\n") == 1
    seen = status_of(tmp_path)
    assert seen["last_run"]["outcome"] == "failed"
    assert seen["last_run"]["error"] == "stopped by SIGTERM"
    assert seen["last_run"]["exit_code"] == 130
    assert seen["under_way"] is None


@pytest.mark.long
@posix_only
def test_a_run_that_was_killed_shows_as_such(tmp_path: Path) -> None:
    """A first one and a later one; what is under way shows as well."""
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        env = program_env(**sandbox_env(sandbox.base_url, **SMALL))
        for _ in range(2):
            process = subprocess.Popen(RUN, cwd=tmp_path, env=env)
            alive: list[Any] = []

            def look_and_kill(_hit: Hit, alive: list[Any] = alive, process: Any = process) -> None:  # noqa: ANN401
                if not alive:
                    alive.append(status_of(tmp_path)["under_way"])
                    process.kill()

            sandbox.hook = look_and_kill
            assert process.wait(timeout=60) == -signal.SIGKILL
            assert (alive[0]["pid"], alive[0]["alive"]) == (process.pid, True)
            seen = status_of(tmp_path)
            assert seen["under_way"]["pid"] == process.pid
            assert seen["under_way"]["command"] == "run"
            assert seen["under_way"]["alive"] is False
            assert seen["last_run"] is None
        shown = equigen("status", cwd=tmp_path).stdout
        assert "killed; it was under way since 20" in shown
        sandbox.hook = lambda _hit: None
        assert subprocess.run(RUN, cwd=tmp_path, env=env, check=False).returncode == 0
    assert status_of(tmp_path)["under_way"] is None


@pytest.mark.long
def test_what_was_kept_out_or_used_wrongly_is_no_run(tmp_path: Path) -> None:
    """A monitor isn't told of it as of a failure of the dataset."""
    write_rows(tmp_path / "data" / "equigen_dataset.tsv", {"artist": "A"})
    Ledger(tmp_path / "data" / LEDGER_NAME).close()
    with dataset_lock(tmp_path / "data", stage="split", now=NOON):
        assert equigen("run", cwd=tmp_path, env=sandbox_env("http://127.0.0.1:9")).returncode == 1
    assert equigen("download", "--reason", "HTTP 404", cwd=tmp_path).returncode == 2
    assert equigen("download", "--dry-run", cwd=tmp_path).returncode == 0
    seen = status_of(tmp_path)
    assert (seen["last_run"], seen["last_success"], seen["under_way"]) == (None, None, None)
    assert equigen("fetch", cwd=tmp_path).returncode == 2, "no settings for it"
    assert "discogs.user_agent" in status_of(tmp_path)["last_run"]["error"]


@pytest.mark.long_after(2)
@pytest.mark.parametrize("until", ["25:00", "noon", "6", ""])
def test_a_wrong_time_of_day_is_wrong_usage(tmp_path: Path, until: str) -> None:
    """One line, exit 2, and nothing is begun."""
    done = equigen("run", "--quiet", "--until", until, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "--until: expected a time of day" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_run_ends_when_its_time_is_up(tmp_path: Path) -> None:
    """Also while it waits for a host: the labels and stages that are left are for the next run."""
    # A zone whose clock shows a full minute soon, since --until knows no seconds.
    at = datetime.now(UTC) + timedelta(seconds=8)
    env = {"TZ": f"XXX+00:00:{at.second:02}", "EQUIGEN_HTTP__MAX_WAIT_S": "300"}
    wait = Script(429, headers={"Retry-After": "240"})
    with ScriptedServer(wait) as server:
        env |= sandbox_env(server.url, **SMALL)
        began = datetime.now(UTC)
        done = equigen("run", "--quiet", "--until", f"{at:%H:%M}", cwd=tmp_path, env=env)
        took = datetime.now(UTC) - began
    assert (done.returncode, done.stderr) == (3, "")
    assert took < timedelta(seconds=60)
    assert done.stdout == (
        "run: fetch 0 results; not begun: clean, dedupe, counts, download, split;"
        " partly done: 2 queries left, run again for the rest\n"
    )
    last = status_of(tmp_path)["last_run"]
    assert (last["outcome"], last["left"]) == ("partly", {"queries": 2})


@pytest.mark.parametrize("stage", ["dedupe", "split"])
def test_a_stage_that_works_on_what_is_here_is_finished(tmp_path: Path, stage: str) -> None:
    """When time is up meanwhile, no other is begun; the last one leaves nothing."""
    time = FakeTime()

    def now() -> datetime:
        return datetime.fromtimestamp(time.now_s(), UTC)

    def get(name: str) -> Callable[..., Summary]:
        def begin(*args: Any, **flags: Any) -> Summary:  # noqa: ANN401
            if name == stage:
                time.sleep(24 * 3600)
            return stages[name].load().run(*args, **flags)  # type: ignore[no-any-return]

        return begin

    stages = find_commands()
    with Sandbox(make_catalogue(albums_per_label=6)) as sandbox:
        chosen = {"labels": ["Jazz"], "genre_limit": 4}
        context = make_context(tmp_path, base_url=sandbox.base_url, fetch=chosen)
        context = replace(context, now=now, clock=time.clock())
        at = next_time(now().astimezone().time().replace(second=0, microsecond=0), now())
        told = list(run.run(context, get, until=f"{at.astimezone():%H:%M}"))
    begun, names = [each.stage for each in told if each.begun], run.stages(context.settings)
    assert begun == names[: names.index(stage) + 1]
    assert [each.stage for each in told] == names
    assert any(each.partly for each in told) == (stage != "split")
