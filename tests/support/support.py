"""What several tests need: servers on loopback, a made-up clock, and the program itself."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer
from types import TracebackType
from typing import Any, Self

import forks
import pytest
from hypothesis import settings
from pydantic import SecretStr

from equigen.config.layers import Config
from equigen.config.settings import (
    BalanceSettings,
    DatasetSettings,
    DownloadSettings,
    FeatureSettings,
    FetchSettings,
    HttpSettings,
    SplitSettings,
    defaults,
)
from equigen.config.source_settings import (
    AcousticBrainzSettings,
    CoverArtSettings,
    Credentials,
    DiscogsSettings,
    DumpsSettings,
    MsdISettings,
    MumuSettings,
    MusicBrainzSettings,
    SpotifySettings,
)
from equigen.dataset.context import Bar, Context, Deadline
from equigen.http.rate_limit import Clock
from equigen.sandbox.handlers import Hit, Hook, Reply

ROOT = Path(__file__).resolve().parents[2]
REALDATA = ROOT.parent / "shared" / "realdata"
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
TOKEN = "sandbox-token"
_AT_THE_START = ("PYTHON", "LANG", "LC_", "TZ")
OWN_VARIABLES = ("EQUIGEN_", "DISCOGS_", "SPOTIPY_")
# Read here, since each test runs without the user's own settings.
THOROUGH = os.environ.get("EQUIGEN_TEST_PROFILE") == "thorough"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX")


def examples(count: int) -> Callable[[Any], Any]:
    """Let hypothesis try so many examples in `make test-all`, and a quarter in `make test`."""
    return settings(max_examples=count if THOROUGH else max(10, count // 4), deadline=None)


def realdata(*names: str) -> Path:
    """Return a path below the recorded real data; skips the test where that is absent."""
    path = REALDATA.joinpath(*names)
    if not path.exists():
        pytest.skip(f"the recorded real data is not beside this checkout: {path}")
    return path


class FakeTime:
    """A clock that only moves when somebody sleeps; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now_s = 1_000_000.0
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        """Return the time."""
        with self._lock:
            return self._now_s

    def sleep(self, wait_s: float) -> None:
        """Let the time pass at once."""
        with self._lock:
            self._now_s += wait_s
            self.slept_s.append(wait_s)

    def clock(self) -> Clock:
        """Return the clock as the client takes it."""
        return Clock(steady=self.now_s, unix=self.now_s, sleep=self.sleep)


@dataclass(frozen=True)
class Seen:
    """One request as a scripted server saw it."""

    path: str
    headers: Mapping[str, str]
    time_s: float
    method: str = "GET"
    body: bytes = b""


@dataclass
class Script:
    """What a scripted server answers: `raw` replaces everything, headers included."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    announce: int | None = None
    raw: Callable[[socket.socket], None] | None = None


class ScriptedServer:
    """Answers each request with the next of `scripts`; the last one is repeated for ever.

    A path in `by_path` has an answer of its own; `choose`, where it is set, gives all of them.
    """

    def __init__(
        self, *scripts: Script, time_s: Callable[[], float] = lambda: 0.0, host: str = "127.0.0.1"
    ) -> None:
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self.before_answer: Callable[[], None] = lambda: None
        self.on_request: Callable[[BaseHTTPRequestHandler], None] = lambda _handler: None
        self.by_path: dict[str, Script] = {}
        self.choose: Callable[[Seen], Script] | None = None
        self._scripts, self._time_s = list(scripts), time_s
        self._lock = threading.Lock()
        self._under_way = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            do_POST = do_GET  # noqa: N815  (the library's name)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                pass  # the client hung up, as some tests want it to

        self._server = Server((host, 0), Handler)
        self.host = host
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        length = int(headers.get("content-length", "0"))
        body = handler.rfile.read(length) if handler.command == "POST" else b""
        with self._lock:
            seen = Seen(handler.path, headers, self._time_s(), handler.command, body)
            self.seen.append(seen)
            script = self.by_path.get(handler.path) or (
                self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            )
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            script = self.choose(seen) if self.choose else script
            self.before_answer()
            self.on_request(handler)
            if script.raw:
                script.raw(handler.connection)
                handler.close_connection = True
                return
            handler.send_response(script.status)
            for name, value in script.headers.items():
                handler.send_header(name, value)
            # a body behind 304 would be read as the head of the connection's next answer
            body = b"" if script.status == HTTPStatus.NOT_MODIFIED else script.body
            announced = len(body) if script.announce is None else script.announce
            handler.send_header("Content-Length", str(announced))
            handler.end_headers()
            handler.wfile.write(body)
            if announced != len(body):
                handler.close_connection = True
        finally:
            with self._lock:
                self._under_way -= 1


class SilentBar:
    """A bar that shows nothing."""

    def advance(self, count: int = 1, **figures: object) -> None:
        """Do nothing."""

    def expect(self, total: int) -> None:
        """Do nothing."""


@contextmanager
def running(server: BaseServer) -> Iterator[None]:
    """Let a server answer in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_bar(description: str, total: int, unit: str) -> Iterator[Bar]:
    """Open a bar that shows nothing."""
    yield SilentBar()


def make_context(
    folder: Path,
    *,
    base_url: str = "http://127.0.0.1:9",
    dataset: Mapping[str, Any] | None = None,
    fetch: Mapping[str, Any] | None = None,
    discogs: Mapping[str, Any] | None = None,
    download: Mapping[str, Any] | None = None,
    http: Mapping[str, Any] | None = None,
    balance: Mapping[str, Any] | None = None,
    split: Mapping[str, Any] | None = None,
    features: Mapping[str, Any] | None = None,
    dumps: Mapping[str, Any] | None = None,
    musicbrainz: Mapping[str, Any] | None = None,
    coverart: Mapping[str, Any] | None = None,
    mumu: Mapping[str, Any] | None = None,
    msd_i: Mapping[str, Any] | None = None,
    acousticbrainz: Mapping[str, Any] | None = None,
    spotify: Mapping[str, Any] | None = None,
    token: str = TOKEN,
    now: datetime = NOON,
    clock: Clock | None = None,
) -> Context:
    """Return a context whose dataset lies in `folder`, with no limit of our own on requests."""
    settings = defaults(
        dataset=DatasetSettings(**{"directory": folder, **(dataset or {})}),
        discogs=DiscogsSettings(
            **{"base_url": base_url, "requests_per_minute": 0, **(discogs or {})}
        ),
        fetch=FetchSettings(**dict(fetch or {})),
        download=DownloadSettings(**dict(download or {})),
        http=HttpSettings(**{"max_wait_s": 0.01, "tries": 3, **(http or {})}),
        balance=BalanceSettings(**dict(balance or {})),
        dumps=DumpsSettings(**dict(dumps or {})),
        musicbrainz=MusicBrainzSettings(**dict(musicbrainz or {})),
        coverart=CoverArtSettings(**dict(coverart or {})),
        mumu=MumuSettings(**dict(mumu or {})),
        msd_i=MsdISettings(**dict(msd_i or {})),
        acousticbrainz=AcousticBrainzSettings(**dict(acousticbrainz or {})),
        spotify=SpotifySettings(**dict(spotify or {})),
        split=SplitSettings(**dict(split or {})),
        features=FeatureSettings(**dict(features or {})),
    )
    credentials = Credentials(
        discogs_token=SecretStr(token),
        spotipy_client_id=SecretStr("sandbox-client"),
        spotipy_client_secret=SecretStr("sandbox-secret"),
    )
    config = Config(settings, credentials, folder)
    return Context(
        config, bar=silent_bar, say=lambda _: None, now=lambda: now, clock=clock or Clock()
    )


def until(context: Context, time: FakeTime, after_s: float) -> Context:
    """Give a context a deadline so many seconds away."""

    def now() -> datetime:
        return datetime.fromtimestamp(time.now_s(), UTC)

    clock = time.clock()
    deadline = Deadline(now() + timedelta(seconds=after_s), clock.steady() + after_s)
    return replace(context, deadline=deadline, now=now, clock=clock)


def write_rows(path: Path, *rows: Mapping[str, str], columns: Sequence[str] | None = None) -> Path:
    """Write a TSV by hand, not by the code under test; missing cells are empty."""
    columns = columns or ("artist", "album", "album_index", "genre", "year", "image_url")
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(name, "") for name in columns) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a TSV without quotes by hand, not by the code under test."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    columns = header.split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]


def program_env(**settings: str) -> dict[str, str]:
    """Return the environment in which the program runs in tests: nothing of the user's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(OWN_VARIABLES)}
    return {**kept, "COLUMNS": "80", **settings}


def equigen(
    *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does, in a process of its own; forked, as its start takes 0.5 s.

    Where a variable says how Python or its locale begins, it is started.
    """
    command = [sys.executable, "-m", "equigen", *map(str, args)]
    whole = program_env(**(env or {}))
    changed = [name for name, value in (env or {}).items() if os.environ.get(name) != value]
    if hasattr(os, "fork") and not any(name.startswith(_AT_THE_START) for name in changed):
        ended = forks.shared().run(*args, cwd=cwd, env=whole)
        return subprocess.CompletedProcess(command, ended.code, ended.out, ended.err)
    return subprocess.run(
        command,
        cwd=cwd,
        env=whole,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def on_a_terminal(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: int | None = None,
    columns: int = 80,
) -> tuple[int, bytes]:
    """Run a program on a terminal; return its exit code and what was shown.

    Standard output is on the terminal, too, unless `stdout` is given. Skips the test on Windows.
    """
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=end, stdout=end if stdout is None else stdout, stderr=end
    )
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # how the end of a terminal shows
        while chunk := os.read(terminal, 65536):
            shown += chunk
    os.close(terminal)
    return process.wait(), shown


def sandbox_env(base_url: str, **settings: str) -> dict[str, str]:
    """Return the settings with which the program talks to a sandbox at full speed."""
    return {
        "DISCOGS_TOKEN": TOKEN,
        "EQUIGEN_DISCOGS__BASE_URL": base_url,
        "EQUIGEN_DISCOGS__REQUESTS_PER_MINUTE": "0",
        "EQUIGEN_FETCH__FROM_YEAR": "2026",
        **settings,
    }


def kill_at(process: "subprocess.Popen[bytes]", point: int) -> Hook:
    """Return a hook for a sandbox that kills the process when its `point`-th request comes."""
    seen = 0

    def hook(_hit: Hit) -> Reply | None:
        nonlocal seen
        seen += 1
        if seen == point:
            process.send_signal(signal.SIGKILL)
        return None

    return hook


def from_json(text: str) -> dict[str, Any]:
    """Read one JSON object."""
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


@contextmanager
def listening_socket() -> Iterator[socket.socket]:
    """Open a socket that takes connections and never says a word."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


__all__ = [
    "NOON",
    "REALDATA",
    "ROOT",
    "TOKEN",
    "FakeTime",
    "Script",
    "ScriptedServer",
    "Seen",
    "SilentBar",
    "equigen",
    "from_json",
    "kill_at",
    "listening_socket",
    "make_context",
    "program_env",
    "read_rows",
    "realdata",
    "sandbox_env",
    "silent_bar",
    "write_rows",
]
