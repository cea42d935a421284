"""What docs/cron.md tells to copy works as it stands there."""

import ast
import configparser
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import ROOT, equigen, from_json, program_env, sandbox_env

from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox

PAGE = (ROOT / "docs" / "cron.md").read_text(encoding="utf-8")
SCRIPT = Path(sys.executable).with_name("equigen")
SMALL = {"EQUIGEN_FETCH__LABELS": '["Jazz"]', "EQUIGEN_FETCH__GENRE_LIMIT": "3"}


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def cron_lines() -> list[str]:
    """Return the commands of crontab lines that run all."""
    lines = [line for block in blocks("crontab") for line in block.splitlines()]
    commands = [line.split(maxsplit=5)[5] for line in lines if not line.startswith("#")]
    return [command for command in commands if "/equigen run --refresh" in command]


def own(command: str, folder: Path) -> str:
    """Put paths of this machine in place of those of the document."""
    return command.replace("/srv/venv/bin/equigen", str(SCRIPT)).replace(
        "/srv/my-covers", str(folder)
    )


def test_the_crontab_line_runs_as_it_stands(tmp_path: Path) -> None:
    """By /bin/sh with cron's bare environment: one line in the log, and code 0; again it is 0."""
    (command,) = cron_lines()
    (tmp_path / "config.toml").write_text("")
    with Sandbox(make_catalogue(albums_per_label=4)) as sandbox:
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "TZ": "XXX-12" if datetime.now(UTC).hour in {5, 6} else "UTC",  # far from six o'clock
            **sandbox_env(sandbox.base_url, **SMALL),
        }
        for count in (1, 2):
            done = subprocess.run(
                ["/bin/sh", "-c", own(command, tmp_path)],
                cwd="/", env=env, capture_output=True, check=False, timeout=120,
            )  # fmt: skip
            log = (tmp_path / "log").read_text()
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), log
            assert log.count("\n") == count
    assert log.startswith("run: fetch 3 results, ")
    if "--log-file" in command:
        assert (tmp_path / "events.jsonl").exists()


def units() -> list[configparser.ConfigParser]:
    """Parse the systemd units of the page."""
    found = []
    for block in blocks("ini"):
        unit = configparser.ConfigParser(interpolation=None, strict=True)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(block)
        found.append(unit)
    return found


def test_the_units_use_flags_that_there_are(tmp_path: Path) -> None:
    """Each flag of ExecStart is one of `equigen run`; the timer makes up for a night off."""
    parts = {name: unit[name] for unit in units() for name in unit.sections()}
    program, command, *flags = parts["Service"]["ExecStart"].split()
    assert program.endswith("/equigen")
    assert command == "run"
    known = equigen("run", "--help", cwd=tmp_path).stdout
    named = [flag for flag in flags if flag.startswith("--")]
    assert {"--quiet", "--until", "--log-file"} <= set(named)
    assert all(re.search(rf"(^|\s){flag}\b", known, re.MULTILINE) for flag in named)
    assert parts["Service"]["SuccessExitStatus"] == "3"
    assert parts["Timer"]["Persistent"] == "true"
    assert parts["Timer"]["OnCalendar"]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing wrong."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    service, timer = blocks("ini")
    user = "User=covers\n"
    assert user in service
    (tmp_path / "equigen.service").write_text(own(service.replace(user, ""), tmp_path))
    (tmp_path / "equigen.timer").write_text(timer)
    files = [str(tmp_path / "equigen.service"), str(tmp_path / "equigen.timer")]
    command = [analyze, "--man=no", "--recursive-errors=no", "verify", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "equigen" not in done.stderr
    every = re.findall(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    assert (
        subprocess.run([analyze, "calendar", *every], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.long
def test_the_checks_for_monitors_alarm_when_they_should(tmp_path: Path) -> None:
    """Before any run and after a failed one they fail; after a good one they don't."""
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    checks = [block for block in blocks("sh") if "equigen status" in block]
    assert len(checks) == 2

    def codes() -> list[int]:
        env = program_env(PATH=f"{SCRIPT.parent}:/usr/bin:/bin")
        shell = ["/bin/sh", "-c"]
        return [
            subprocess.run([*shell, check], cwd=tmp_path, env=env, check=False).returncode
            for check in checks
        ]

    assert 0 not in codes()
    with Sandbox(make_catalogue(albums_per_label=4)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL)
        assert equigen("run", "-q", cwd=tmp_path, env=env).returncode == 0
        assert codes() == [0, 0]
        (tmp_path / "data" / "equigen_dataset.tsv").write_text("no dataset\n")
        assert equigen("run", "-q", cwd=tmp_path, env=env).returncode == 2
        (tmp_path / "data" / "equigen_dataset.tsv").unlink()
    first, second = codes()
    assert first != 0
    assert second == 2


def test_every_event_that_is_told_is_documented() -> None:
    """docs/cron.md names the events in the code, and what stands in each of them."""
    listed = dict(re.findall(r"^\| `([a-z ]+)` \| (.*?) ?\|$", PAGE, re.MULTILINE))
    told: dict[str, set[str]] = {}
    for file in (ROOT / "equigen").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name("tell"), args=[ast.Constant(str(event)), *_]):
                    facts = {str(each.arg) for each in node.keywords}
                    told.setdefault(event, set()).update(facts)
    assert len(told) >= 10
    for event, facts in told.items():
        assert event in listed, event
        assert {fact for fact in facts if f"`{fact}`" not in listed[event]} == set(), event


def test_the_json_of_a_run_is_what_the_line_says(tmp_path: Path) -> None:
    """With the same figures, for programs that start runs themselves."""
    with Sandbox(make_catalogue(albums_per_label=4)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL)
        told = from_json(equigen("run", "--json", cwd=tmp_path, env=env).stdout)
    assert (told["complete"], told["exit_code"], told["error"]) == (True, 0, None)
    assert (told["left"], told["resumes_at"]) == ({}, None)
    assert all(stage["begun"] and stage["complete"] for stage in told["stages"])
    assert json.loads(json.dumps(told)) == told
