"""Connections to many hosts: few stay open, and a process without descriptors gets on."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest
from downloads import TSV, children, files_of, linux_only, picture
from support import program_env, running, sandbox_env, write_rows

SMALL = picture(size=(8, 8))
_LIMIT = 256  # macOS' default


class _Handler(BaseHTTPRequestHandler):
    """Any host of 127.0.0.0/8: a picture, or with /away/ a redirect to one that it names."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer

    def do_GET(self) -> None:
        way, *more = self.path.strip("/").split("/")
        if way == "away":
            node, name = more
            port = self.connection.getsockname()[1]
            self.send_response(307)
            self.send_header("Location", f"http://{host(int(node))}:{port}/{name}")
            body = b""
        else:
            self.send_response(200)
            body = SMALL
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


def host(number: int) -> str:
    """Return one of the addresses of this machine."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server at all addresses of this machine."""
    with _serving() as server:
        yield server.server_address[1]


@contextmanager
def _serving() -> Iterator[_Server]:
    server = _Server(("0.0.0.0", 0), _Handler)  # noqa: S104  (loopback alone is asked)
    with running(server):
        yield server


@dataclass
class Ran:
    """How a run ended, and what each process of it had open, and in memory, at its most."""

    code: int
    said: str
    most_descriptors: int
    early_kib: int
    late_kib: int


def limited(folder: Path, *args: str, descriptors: int = _LIMIT, **env: str) -> Ran:
    """Run the program where each process may have only so many open files."""
    command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"]
    command += [sys.executable, "-m", "equigen", *args]
    settings = sandbox_env("http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=str(folder), **env)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=program_env(**settings), stdout=said, stderr=said
        )
        samples = []
        began_s = monotonic()
        while process.poll() is None:
            pids = [process.pid, *children(process.pid)]
            samples.append(
                (monotonic() - began_s, *map(max, zip(*map(_sample, pids), strict=True)))
            )
            threading.Event().wait(0.05)
    ended_s = samples[-1][0]
    by_third = [[kib for at, _, kib in samples if at // (ended_s / 3) == third] for third in (1, 2)]
    early, late = (max(each, default=0) for each in by_third)
    most = max(count for _, count, _ in samples)
    return Ran(process.returncode, (folder / "said").read_text(), most, early, late)


def _sample(pid: int) -> tuple[int, int]:
    """Return how many descriptors a process has, and how much memory in KiB."""
    try:
        count = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return 0, 0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmRSS")]
    return count, int(lines[0][1]) if lines else 0


def covers(folder: Path, port: int, count: int, *, hosts: int) -> None:
    """Write a dataset of covers of many hosts, every other one by a redirect of one host."""
    archive = f"http://127.0.0.1:{port}/away"
    urls = (
        f"{archive}/{n % hosts}/{n}.jpg" if n % 2 else f"http://{host(n % hosts)}:{port}/{n}.jpg"
        for n in range(count)
    )
    row = {"album": "B", "genre": "Jazz"}
    rows = ({**row, "artist": f"A{n}", "image_url": url} for n, url in enumerate(urls))
    write_rows(folder / TSV, *rows)


@linux_only
@pytest.mark.long_after(1)
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_run_over_many_hosts_keeps_few_connections(
    tmp_path: Path, port: int, processes: str
) -> None:
    """Hundreds of hosts, half of them by redirects of one other, in this process and in workers."""
    covers(tmp_path, port, 600, hosts=300)
    ran = limited(tmp_path, "download", EQUIGEN_DOWNLOAD__PROCESSES=processes)
    assert ran.code == 0, ran.said
    assert len(files_of(tmp_path)) == 600
    assert ran.most_descriptors < 200


@linux_only
@pytest.mark.long
def test_descriptors_and_memory_stay_flat(tmp_path: Path, port: int) -> None:
    """20,000 covers from 5,000 hosts, with as many descriptors as macOS allows by default."""
    covers(tmp_path, port, 20_000, hosts=5_000)
    ran = limited(tmp_path, "download", EQUIGEN_DOWNLOAD__PROCESSES="2")
    assert ran.code == 0, ran.said
    assert len(files_of(tmp_path)) == 20_000
    assert ran.most_descriptors < 200
    assert ran.late_kib < 1.25 * ran.early_kib


# Opens connections to some hosts, uses up all other descriptors, and asks one more host.
_USED_UP = """
import os, resource, sys
from equigen.errors import EquigenError
from equigen.http.client import Client
from equigen.http.limits import Patience
from equigen.http.pools import close_idle

port, files = sys.argv[1], []
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
with Client({}, user_agent="T/1", patience=Patience(tries=2, max_wait_s=0.01)) as client:
    def ask(host):
        return client.get(f"http://{host}:{port}/", lambda answer: len(answer.body))
    def use_up():
        try:
            while True:
                files.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
    [ask(f"127.1.0.{n}") for n in range(1, 9)]
    use_up()
    print("asked", ask("127.1.0.9") > 0, ask("localhost") > 0)
    close_idle()
    use_up()
    for host in ("127.1.0.1", "127.1.0.10"):
        try:
            ask(host)
        except EquigenError as err:
            print(type(err).__name__, err)
"""


@linux_only
def test_without_descriptors_idle_connections_go(port: int) -> None:
    """Where even that doesn't help, one line says what the limit is and how to raise it."""
    command = [sys.executable, "-c", _USED_UP, str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    asked, *errors = done.stdout.splitlines()
    assert asked == "asked True True", done.stderr
    advice = "no connection: Allow more than 64 open files (`ulimit -n 4096`), then run again."
    assert len(errors) == 2
    for line in errors:
        assert line.startswith("TooManyFilesError http://127.1.0.")
        assert line.endswith(advice)
