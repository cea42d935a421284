"""Standard output that is full, closed, or read by nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import equigen, program_env, write_rows

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
ROWS = [{"artist": f"A{n}", "genre": "Jazz", "year": "1999"} for n in range(3)]


def run_into(stdout: int, *args: str, cwd: Path) -> "subprocess.CompletedProcess[bytes]":
    """Run the program with something else as its standard output."""
    command = [sys.executable, "-m", "equigen", *args]
    pipe = subprocess.PIPE
    return subprocess.run(
        command, cwd=cwd, env=program_env(), stdout=stdout, stderr=pipe, check=False, timeout=60
    )


def dataset(folder: Path) -> Path:
    """Write a small dataset."""
    return write_rows(folder / "data" / "equigen_dataset.tsv", *ROWS)


@pytest.mark.long_after(3)
@FULL
@pytest.mark.parametrize(
    "args",
    ["counts", "counts --json", "clean --quiet", "status", "--help", "run --help", "--version"],
)
def test_output_that_is_full_is_one_line_and_exit_1(tmp_path: Path, args: str) -> None:
    """No traceback, and nothing that Python says of itself."""
    dataset(tmp_path)
    with Path("/dev/full").open("wb") as full:
        done = run_into(full.fileno(), *args.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"standard output can't be written: No space left on device" in done.stderr


@pytest.mark.long_after(2)
@pytest.mark.parametrize("args", ["counts", "counts --json", "clean -q", "--help", "--version"])
def test_output_that_nobody_reads_any_more_ends_it_quietly(tmp_path: Path, args: str) -> None:
    """As after `| head -1`."""
    dataset(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run_into(writer, *args.split(), cwd=tmp_path)
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_output_that_was_closed_before_is_no_trouble(tmp_path: Path, closed: str) -> None:
    """What is meant for it goes nowhere, above all into no file that would get its number."""
    before = dataset(tmp_path).read_bytes()
    command = f'"$0" -m equigen clean --log-file log {closed}'
    shell = ["/bin/sh", "-c", command, sys.executable]
    done = subprocess.run(shell, cwd=tmp_path, env=program_env(), check=False, timeout=60)
    assert done.returncode == 0
    assert (tmp_path / "data" / "equigen_dataset.tsv").read_bytes() == before


def test_letters_that_the_output_has_none_for_are_spelled_out(tmp_path: Path) -> None:
    """In an old locale, too."""
    write_rows(tmp_path / "data" / "equigen_dataset.tsv", {"artist": "A", "genre": "Ćuk"})
    env = {"PYTHONIOENCODING": "latin-1"}
    done = equigen("counts", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert r"\u0106uk" in done.stdout


@FULL
def test_an_error_that_nobody_can_be_told_of_keeps_its_code(tmp_path: Path) -> None:
    """Where standard error is full as well."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "equigen", "counts"]
        done = subprocess.run(
            command, cwd=tmp_path, env=program_env(), stderr=full, check=False, timeout=60
        )
    assert done.returncode == 2
