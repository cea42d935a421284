"""The log file that programs read."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import (
    Script,
    ScriptedServer,
    equigen,
    from_json,
    posix_only,
    program_env,
    sandbox_env,
    write_rows,
)

from equigen.errors import UsageError
from equigen.http.addresses import Censor
from equigen.logfile import LogFile, as_line, logging_to
from equigen.output import tell
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox

SMALL = {"EQUIGEN_FETCH__GENRE_LIMIT": "2", "EQUIGEN_FETCH__WORLD_LIMIT": "1"}


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read a log: every line must be a JSON object."""
    return [from_json(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_a_line_is_json_whatever_stands_in_it(tmp_path: Path) -> None:
    """Newlines, quotes, lone surrogates, numbers that JSON has none for."""
    nasty = 'a "title"\nof\x00two\u2028lines \udcff\ud800 \U0001f3b5'
    # Not by a logger: who runs these tests would have to pass on what can't be encoded.
    told = logging.LogRecord("equigen", logging.INFO, "", 0, nasty, (), None)
    told.event = "cover"
    told.facts = {"path": nasty, "ms": float("nan"), "many": [nasty], "by": {nasty: 1}}
    log = LogFile(tmp_path / "log", "fetch")
    log.handle(told)
    log.handle(logging.LogRecord("any", logging.INFO, "", 0, "%s: %d", (nasty, 7), None))
    log.close()
    first, second = lines_of(tmp_path / "log")
    assert (first["event"], first["level"], first["command"]) == ("cover", "info", "fetch")
    assert first["time"].endswith("Z")
    assert first["message"].startswith('a "title"\nof\x00two\u2028lines ')
    assert first["message"].endswith("\U0001f3b5")
    assert first["facts"]["ms"] == "nan"
    assert second["event"] == "note", "what modules log as they always did"
    json.dumps([first, second]).encode().decode()


def test_no_secret_is_in_a_line() -> None:
    """Neither in the message nor in a fact, its name, or a list; addresses lose their logins."""
    record = logging.LogRecord("equigen", logging.INFO, "", 0, "token hush7 %s", ("hush7",), None)
    record.facts = {"hush7": "x=h%75sh7", "many": ["aHVzaDc="], "url": "http://me:pw@host/"}
    line = as_line(record, "fetch", Censor(["hush7"]))
    assert from_json(line)["message"] == "token *** ***"
    assert not any(form in line for form in ("hush7", "%75", "aHVzaD", "pw", "me:"))


def test_a_log_that_was_moved_is_made_anew(tmp_path: Path) -> None:
    """As logrotate moves it: no line is lost, and none goes to the old file any more."""
    log = tmp_path / "log"
    with logging_to(log, "run"):
        tell("note", "one")
        log.rename(tmp_path / "log.1")
        tell("note", "two")
        log.unlink()
        tell("note", "three")
    assert [line["message"] for line in lines_of(tmp_path / "log.1")] == ["one"]
    assert [line["message"] for line in lines_of(log)] == ["three"]


def test_a_log_that_cannot_be_opened_ends_the_command_at_once(tmp_path: Path) -> None:
    """One line, exit 2, and nothing was asked or written."""
    with pytest.raises(UsageError, match="Is a directory"), logging_to(tmp_path, "run"):
        pass
    with ScriptedServer(Script()) as server:
        for place in (["--log-file", "no/folder", "run"], ["run", "-q", "--log-file", "no/folder"]):
            done = equigen(*place, cwd=tmp_path, env=sandbox_env(server.url))
            assert done.returncode == 2
            assert done.stdout == ""
            assert done.stderr.count("\n") == 1
            assert "--log-file: no/folder" in done.stderr
        assert server.seen == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_log_that_cannot_be_written_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    """As on a full disk."""
    write_rows(tmp_path / "data" / "equigen_dataset.tsv", {"artist": "A", "genre": "Jazz"})
    done = equigen("clean", "--quiet", "--log-file", "/dev/full", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == "clean: 1 rows in, 1 out\n"
    assert done.stderr.count("\n") == 1
    assert "/dev/full: the log can't be written" in done.stderr


def test_several_processes_share_a_log_without_mixing_lines(tmp_path: Path) -> None:
    """Each line is one write at the file's end, however long it is."""
    log = tmp_path / "log"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from equigen.output import tell\n"
        "from equigen.logfile import logging_to\n"
        "with logging_to(Path(sys.argv[1]), sys.argv[2]):\n"
        "    for number in range(400):\n"
        "        tell('note', sys.argv[2] * (number * 37 % 9000), number=number)\n"
    )
    command = [sys.executable, "-c", code, str(log)]
    processes = [subprocess.Popen([*command, name]) for name in ("a", "b", "c")]
    assert [process.wait() for process in processes] == [0, 0, 0]
    lines = lines_of(log)
    assert Counter(line["command"] for line in lines) == {"a": 400, "b": 400, "c": 400}
    assert all(set(line["message"]) <= {line["command"]} for line in lines)


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    """The rest of it is lost; the next one stands on its own."""
    log = LogFile(tmp_path / "log", "run", complains=False)
    (tmp_path / "log").write_text('{"torn": ')
    log._is_torn = True  # noqa: SLF001  (no disk is full by just that much)
    log.tell_error("whole", exit_code=1)
    log.close()
    assert from_json((tmp_path / "log").read_text().splitlines()[1])["message"] == "whole"


def test_a_run_tells_all_that_happens(tmp_path: Path) -> None:
    """Also the processes that fetch; no credential is in the log, and stderr stays empty."""
    with Sandbox(make_catalogue(albums_per_label=4)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL, EQUIGEN_DOWNLOAD__PROCESSES="1")
        log = ("--log-file", str(tmp_path / "log"))
        done = equigen(*log, "run", "--quiet", cwd=tmp_path, env=env)
        assert (done.returncode, done.stderr) == (0, "")
    lines = lines_of(tmp_path / "log")
    events = Counter(line["event"] for line in lines)
    assert events["run started"] == events["run ended"] == 1
    assert events["stage started"] == events["stage ended"] == 6
    assert events["page fetched"] > 0
    assert events["tsv written"] > 0
    assert events["cover"] == 15 * 2
    requests = [line for line in lines if line["event"] == "request"]
    assert {"url", "status", "ms"} == set(requests[0]["facts"])
    assert len({line["pid"] for line in requests}) == 2, "this process, and the one that fetches"
    assert {line["command"] for line in lines} == {"run"}
    assert lines[-1]["message"] + "\n" == done.stdout
    assert lines[-1]["facts"]["exit_code"] == 0
    assert env["DISCOGS_TOKEN"] not in (tmp_path / "log").read_text()


@pytest.mark.long
def test_an_error_and_what_led_to_it_are_told(tmp_path: Path) -> None:
    """Tries, the host's wish for a rest, the error in one line, the exit code."""
    answers = [Script(500), Script(429, headers={"Retry-After": "9999"})]
    with ScriptedServer(*answers) as server:
        env = sandbox_env(server.url, EQUIGEN_FETCH__LABELS='["Jazz"]')
        done = equigen("fetch", "--quiet", "--log-file", "log", cwd=tmp_path, env=env)
    assert done.returncode == 3
    assert done.stderr == ""
    lines = {line["event"]: line for line in lines_of(tmp_path / "log")}
    assert lines["tried again"]["facts"]["tries"] >= 1
    assert lines["host asked to wait"]["facts"]["wait_s"] == 9999
    assert lines["host rests"]["facts"]["host"] == "127.0.0.1"
    assert lines["query left"]["facts"]["query"] == "Jazz"
    assert "1 query left, go on after" in lines["run ended"]["message"]
    other = tmp_path / "other"  # whose ledger remembers no rest of the host
    other.mkdir()
    with ScriptedServer(Script(401)) as server:
        log = tmp_path / "log"
        equigen("fetch", "--log-file", log, cwd=other, env=sandbox_env(server.url))
    error, end = lines_of(tmp_path / "log")[-2:]
    assert (error["level"], error["event"]) == ("error", "error")
    assert "\n" not in error["message"]
    assert (end["event"], end["facts"]["exit_code"]) == ("run ended", 2)


@pytest.mark.parametrize(
    "start", [b"", b'{"time": "2026-06-15T12:00:00Z"}\n', b'{"ti', b'{"ti\n{"time": "x"}\n']
)
def test_a_log_that_is_there_is_gone_on_with(tmp_path: Path, start: bytes) -> None:
    """Also one that is empty, or whose first line was cut off."""
    log = tmp_path / "log"
    log.write_bytes(start)
    with logging_to(log, "run"):
        tell("note", "one")
    assert log.read_bytes().startswith(start)
    assert b'"message": "one"' in log.read_bytes()


@pytest.mark.parametrize("body", [b"artist\talbum\n", b"\n", b"SQLite format 3\0", b"[http]\n"])
def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path, body: bytes) -> None:
    """Its first line tells; links are followed."""
    (tmp_path / "mine").write_bytes(body)
    (tmp_path / "link").symlink_to("mine")
    for name in ("mine", "link"):
        with pytest.raises(UsageError, match="no JSON object"), logging_to(tmp_path / name, "run"):
            pass
    assert (tmp_path / "mine").read_bytes() == body


@posix_only
def test_a_pipe_that_nobody_reads_keeps_no_command_waiting(tmp_path: Path) -> None:
    """It is refused at once; with a reader it is a log as any other."""
    os.mkfifo(tmp_path / "pipe")
    done = equigen("status", "--log-file", "pipe", cwd=tmp_path)
    assert done.returncode == 2
    assert "pipe: can't be opened: a pipe that nobody reads" in done.stderr
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert equigen("status", "--log-file", "pipe", cwd=tmp_path).returncode == 0
        lines = os.read(reader, 1 << 20).decode("ascii").splitlines()
    finally:
        os.close(reader)
    assert from_json(lines[0])["event"] == "run started"
    assert from_json(lines[-1])["event"] == "run ended"


@pytest.mark.long
def test_standard_output_and_error_may_be_the_log(tmp_path: Path) -> None:
    """Pipes, and files in which something else stands already."""
    for device in ("/dev/stdout", "/dev/stderr"):
        done = equigen("status", "--quiet", "--log-file", device, cwd=tmp_path)
        assert done.returncode == 0, done
        assert '"event": "run ended"' in (done.stdout if device.endswith("t") else done.stderr)
        into = tmp_path / "into"
        into.write_text("what another program said\n")
        script = f'exec "$0" -m equigen status --quiet --log-file {device} >> into 2>&1'
        command = ["sh", "-c", script, sys.executable]
        assert subprocess.run(command, cwd=tmp_path, env=program_env(), check=False).returncode == 0
        assert into.read_text().startswith("what another program said\n{")
