"""Answers that would fill the memory: cut off, or refused by their header, and the run stays small.

What is measured is the largest process of the program, as the system counted it.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue

import pytest
from coverfaults import chunk, poured
from coverpictures import BOMBS, drawn, gzip_bomb, nested_bomb, saved
from coverruns import write_config
from downloads import files_of, ledger_of, linux_only, rows_of
from support import Script, ScriptedServer, from_json, program_env, sandbox_env

MAX_BYTES = 2_000_000
COVERS = 24
# Of all that a run takes, so much may be due to bombs: some bodies of 2 MB at a time.
MORE_MB = 24
# What loopback takes in of a body before anybody reads it.
UNREAD_BYTES = 16_000_000
GOOD = saved(drawn((600, 600)), "JPEG", quality=90)
OK = b"HTTP/1.1 200 OK\r\n"
GZIP = {"Content-Encoding": "gzip"}
MEASURED = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "equigen", *sys.argv[1:]]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def bombs(sent: "SimpleQueue[int]") -> Mapping[str, tuple[Script, str]]:
    """Return what a host sends, and the reason why it is refused."""
    block = bytes(1 << 16)

    def endless(head: bytes, piece: bytes) -> Script:
        return poured(head + b"\r\n", lambda: iter(lambda: piece, b""), sent.put)

    chunked = b"Transfer-Encoding: chunked\r\n"
    large = "too large"
    return {
        **{kind: (Script(body=bomb()), "too many pixels") for kind, bomb in BOMBS.items()},
        "2 GB": (endless(OK, block), large),
        "2 GB announced": (endless(OK + b"Content-Length: 2147483648\r\n", block), large),
        "2 GB of chunks": (endless(OK + chunked, chunk(block)), large),
        "gzip": (Script(body=gzip_bomb(), headers=GZIP), large),
        "gzip chunks": (
            endless(OK + chunked + b"Content-Encoding: gzip\r\n", chunk(gzip_bomb())),
            large,
        ),
        "gzip in gzip": (
            Script(body=nested_bomb(), headers={"Content-Encoding": "gzip, gzip"}),
            large,
        ),
        "gzip on a 500": (Script(500, nested_bomb(), GZIP), "HTTP 500"),
    }


def peak_mb(folder: Path, way: str) -> float:
    """Run a download to its end, and return the largest memory that a process of it had."""
    write_config(folder, way, max_bytes=MAX_BYTES)
    env = sandbox_env("http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=str(folder))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "download", "--json"],
        cwd=folder,
        env=program_env(**env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 3}, done.stderr
    summary, _, kilobytes = done.stdout.rstrip().rpartition("\n")
    assert from_json(summary)["rows_out"] == len(files_of(folder))
    return int(kilobytes) / 1024


@pytest.mark.long_after(1)
@linux_only
@pytest.mark.parametrize("way", ["threads, full", "threads, structure", "processes, sized"])
def test_no_answer_fills_the_memory(tmp_path: Path, way: str) -> None:
    """With bombs of each kind among the covers a run takes as much memory as without."""
    sent: SimpleQueue[int] = SimpleQueue()
    kinds = bombs(sent)
    with ScriptedServer(Script(body=GOOD)) as server:
        good = [f"{server.url}/good/{n}" for n in range(COVERS)]
        rows_of(tmp_path / "calm", *good)
        calm_mb = peak_mb(tmp_path / "calm", way)
        server.by_path = {f"/{n}": script for n, (script, _) in enumerate(kinds.values())}
        urls = {kind: f"{server.url}/{n}" for n, kind in enumerate(kinds)}
        rows_of(tmp_path / "bombed", *urls.values(), *good)
        bombed_mb = peak_mb(tmp_path / "bombed", way)
        poured_bytes = [sent.get(timeout=30) for _ in range(4)]
    covers = {cover.url: cover for cover in ledger_of(tmp_path / "bombed").values()}
    assert {kind: covers[url].reason for kind, url in urls.items()} == {
        kind: reason for kind, (_, reason) in kinds.items()
    }
    assert len(files_of(tmp_path / "bombed")) == COVERS
    assert max(poured_bytes) < MAX_BYTES + UNREAD_BYTES
    assert bombed_mb < calm_mb + MORE_MB
