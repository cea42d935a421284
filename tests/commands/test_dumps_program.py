"""`equigen dumps` as a program: killed, told to stop, on a terminal, on a full disk."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from dumphost import GROUPS, MASTERS, RELEASES, DumpHost, Hosted, made_up
from support import (
    NOON,
    Script,
    ScriptedServer,
    equigen,
    from_json,
    on_a_terminal,
    posix_only,
    program_env,
)

from equigen.storage.lock import dataset_lock

BODY = made_up(400_000)
OTHER = made_up(50_000, "b")


def names(folder: Path) -> set[str]:
    """Return what lies in the folder of the dumps, but for the lock."""
    return {path.name for path in (folder / "dumps").iterdir() if ".lock" not in path.name}


def program(folder: Path, host: DumpHost) -> Mapping[str, str]:
    """Return the environment in which the program gets its dumps from a host."""
    return {**host.env, "EQUIGEN_DATASET__DIRECTORY": str(folder)}


def start(folder: Path, host: DumpHost, *kinds: str) -> "subprocess.Popen[bytes]":
    """Start `dumps get` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "equigen", "dumps", "get", *kinds],
        cwd=folder,
        env=program_env(**program(folder, host)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_second_run_is_told_of_the_first(tmp_path: Path) -> None:
    """Nothing is asked; the dataset's own lock stays free."""
    with DumpHost() as host:
        with dataset_lock(tmp_path / "dumps", stage="dumps get", now=NOON):
            done = equigen("dumps", "get", "masters", cwd=tmp_path, env=program(tmp_path, host))
            assert done.returncode == 1
            assert "`equigen dumps get`" in done.stderr
            with dataset_lock(tmp_path, stage="fetch", now=NOON):
                pass
        assert not host.seen


@pytest.mark.long_after(1)
@posix_only
@pytest.mark.parametrize("kind", ["masters", "release-groups"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_ends_in_the_middle_is_gone_on_with(
    tmp_path: Path, kind: str, number: signal.Signals
) -> None:
    """Killed, told to stop or by Ctrl-C: the part stays, nothing is in place, the next run ends it.

    MusicBrainz's host honours ranges, Discogs' doesn't.
    """
    name = MASTERS if kind == "masters" else GROUPS
    part = tmp_path / "dumps" / f"{name}.part"
    file = Hosted(BODY, ranges=kind != "masters", cuts=[200_000])
    with DumpHost() as host:
        host.host_discogs({MASTERS: file})
        host.host_groups(file)
        process = start(tmp_path, host, kind)

        def end() -> None:
            # The bytes were sent: wait until nearly all of them are on the disk.
            while not part.exists() or part.stat().st_size < 150_000:
                assert process.poll() is None
            process.send_signal(number)
            process.wait()

        host.on_cut = end
        _, err = process.communicate(timeout=60)
        assert process.returncode == (-9 if number == signal.SIGKILL else 130), err
        if number != signal.SIGKILL:
            assert b"run it again to go on" in err
            assert b"Traceback" not in err
        assert names(tmp_path) == {f"{name}.part", f"{name}.part.json"}
        had = part.stat().st_size
        again = equigen("dumps", "get", kind, "--json", cwd=tmp_path, env=program(tmp_path, host))
        assert again.returncode == 0, again.stderr
        ranges = [seen.headers["range"] for seen in host.seen if "range" in seen.headers]
        assert ranges == [f"bytes={had}-"]
        state = from_json(again.stdout)["dumps"][0]["state"]
        assert state == ("downloaded" if kind == "masters" else "downloaded, the rest of it")
    assert (tmp_path / "dumps" / name).read_bytes() == BODY
    assert names(tmp_path) == {name}


@posix_only
def test_a_long_rest_can_be_ended_by_ctrl_c(tmp_path: Path) -> None:
    """The wait is told on stderr; the interrupt ends it at once."""
    with ScriptedServer(Script(429, headers={"Retry-After": "3574"})) as server:
        env = {"EQUIGEN_DUMPS__DISCOGS_URL": server.url}
        process = subprocess.Popen(
            [sys.executable, "-m", "equigen", "dumps", "get", "masters"],
            cwd=tmp_path,
            env=program_env(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stderr
        assert b"127.0.0.1 asks for a rest of 60 min: waiting until" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"run it again to go on" in err


@pytest.mark.long
def test_a_disk_that_takes_no_more_keeps_the_part(tmp_path: Path) -> None:
    """The error says what to do, and the next run goes on with what is there."""
    command = f"ulimit -f 400; exec {sys.executable} -m equigen dumps get release-groups"
    with DumpHost() as host:
        host.host_groups(Hosted(BODY, ranges=True))
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=tmp_path,
            env=program_env(**program(tmp_path, host)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "can't be written" in done.stderr
        assert "run the same command again" in done.stderr
        assert names(tmp_path) == {f"{GROUPS}.part", f"{GROUPS}.part.json"}
        again = equigen("dumps", "get", "release-groups", cwd=tmp_path, env=program(tmp_path, host))
        assert again.returncode == 0, again.stderr
        assert "the rest of it" in again.stdout
    assert (tmp_path / "dumps" / GROUPS).read_bytes() == BODY


@pytest.mark.long
def test_a_terminal_shows_bytes_and_the_rest_is_silent(tmp_path: Path) -> None:
    """A bar in kB or MB where stderr is a terminal; nothing on stderr elsewhere."""
    with DumpHost() as host:
        host.host_discogs({MASTERS: Hosted(BODY), RELEASES: Hosted(OTHER)})
        command = [sys.executable, "-m", "equigen", "dumps", "get", "masters"]
        env = program_env(**program(tmp_path, host))
        code, shown = on_a_terminal(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)
        assert code == 0
        quiet = equigen("dumps", "get", "releases", cwd=tmp_path, env=program(tmp_path, host))
    assert b"get masters: 100%" in shown
    assert b"400k/400k" in shown
    assert quiet.stderr == ""
    assert "releases  20260601  50.0 kB  downloaded" in quiet.stdout


@pytest.mark.long
def test_the_command_takes_its_kinds_in_words(tmp_path: Path) -> None:
    """A kind or an action that is none is named, and so are those that there are."""
    done = equigen("dumps", "get", "artists", cwd=tmp_path)
    assert done.returncode == 2
    assert "'artists'" in done.stderr
    assert "release-groups" in done.stderr
    done = equigen("dumps", "got", cwd=tmp_path)
    assert done.returncode == 2
    done = equigen("dumps", "get", "masters", "--date", "1.9.2026", cwd=tmp_path)
    assert done.returncode == 2
    assert "--date: expected a day as YYYYMMDD" in done.stderr
