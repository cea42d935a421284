"""Faults that hit every request: one clear line, the right exit code, nothing lost."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from apifaults import (
    TSV,
    Trouble,
    by_label,
    fetch_all,
    program,
    rows_in,
    service,
    undisturbed,
)
from support import TOKEN, listening_socket

from equigen.errors import EXIT_PARTLY, CredentialsError
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.sandbox.handlers import HANG_UP, Hit, Reply
from equigen.sandbox.server import Sandbox

CREDENTIALS = "check DISCOGS_TOKEN"
HOST = "127.0.0.1"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The service, while it is well."""
    with service() as server:
        yield server


def check_one_line(done: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    """Assert that the program ended with a code, and said what to do in one line."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in last
    assert len(last) < 700
    assert TOKEN not in done.stdout + done.stderr


def check_completes(folder: Path, sandbox: Sandbox) -> None:
    """Assert that the next run, all being well, ends as one that met no fault."""
    expected = undisturbed(folder, sandbox)
    done = program(folder, sandbox.base_url)
    assert done.returncode == 0, done.stderr
    assert by_label(rows_in(folder)) == by_label(expected)


ANSWERED = {
    "401": (Reply(401, {}, b'{"message": "Invalid consumer token."}'), 2, CREDENTIALS),
    "403": (Reply(403, {}, b"<html>Forbidden</html>"), 2, CREDENTIALS),
    "404": (Reply(404, {}, b"<html>gone</html>"), 1, "got 404"),
    "429": (Reply(429, {}, b'{"message": "Too quickly."}'), 1, "got 429"),
    "500": (Reply(500, {}, b"\x1b[31mred\n" * 50_000), 1, "got 500"),
    "503": (Reply(503, {"Retry-After": "7200"}), 3, "asked for a rest"),
    "empty": (Reply(200), 1, "discogs.user_agent"),
    "hung up": (Reply(HANG_UP), 1, "run again"),
    "reset": (Reply(HANG_UP, reset=True), 1, "run again"),
}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", ANSWERED)
def test_a_service_that_fails_for_all_is_told_in_a_line(
    tmp_path: Path, sandbox: Sandbox, name: str
) -> None:
    """Nothing is written that stands in the way of the next run."""
    reply, code, words = ANSWERED[name]
    sandbox.hook = lambda _: reply
    done = program(tmp_path, sandbox.base_url)
    assert done.returncode == code, done.stderr
    assert words in " ".join((done.stderr + done.stdout).split())
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert max(map(len, done.stderr.splitlines()), default=0) < 700
    sandbox.hook = None
    if code == EXIT_PARTLY:  # the rest that it asked for is kept, and over once its time has come
        asked = len(sandbox.log)
        assert program(tmp_path, sandbox.base_url).returncode == code
        assert len(sandbox.log) == asked
        with Ledger(tmp_path / LEDGER_NAME) as ledger:
            ledger.end_rest(HOST)
    check_completes(tmp_path, sandbox)


def test_credentials_that_end_amid_a_run_keep_what_came(tmp_path: Path, sandbox: Sandbox) -> None:
    """A token that is taken back: the rows so far are there, and no page is asked for again."""
    expected = undisturbed(tmp_path, sandbox)
    over = False

    def revoked(hit: Hit) -> bool:
        nonlocal over
        over = over or (hit.query["style"] == ["Salsa"] and hit.query["page"] == ["2"])
        return over

    sandbox.hook = trouble = Trouble(sandbox, revoked, lambda _: Reply(401))
    summary = fetch_all(tmp_path, sandbox)
    assert summary.partly
    assert CREDENTIALS in str(summary.facts["failed"])
    came = rows_in(tmp_path)
    assert len(came) >= 30
    with pytest.raises(CredentialsError, match=CREDENTIALS):
        fetch_all(tmp_path, sandbox)
    assert rows_in(tmp_path) == came
    sandbox.hook = trouble = Trouble(sandbox, lambda _: False, trouble.spoil, good=trouble.good)
    fetch_all(tmp_path, sandbox)
    assert by_label(rows_in(tmp_path)) == by_label(expected)
    assert set(trouble.good.values()) == {1}


def test_a_service_that_goes_away_amid_a_run_keeps_what_came(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """From some request on every connection is cut: exit 3, and the next run ends it."""
    seen: list[Hit] = []

    def gone(hit: Hit) -> Reply | None:
        seen.append(hit)
        return Reply(HANG_UP, reset=True) if len(seen) > 5 else None

    sandbox.hook = gone
    done = program(tmp_path, sandbox.base_url)
    assert done.returncode == 3, done.stderr
    assert "left for the next run" in done.stderr
    assert (tmp_path / TSV).exists()
    sandbox.hook = None
    check_completes(tmp_path, sandbox)


@pytest.mark.long
def test_a_host_that_nobody_knows_is_told_in_a_line(tmp_path: Path, sandbox: Sandbox) -> None:
    """No name, no address: the network may be away."""
    done = program(tmp_path, "https://discogs.invalid", EQUIGEN_DISCOGS__USER_AGENT="T/1")
    check_one_line(done, 1, "discogs.invalid", "Check the network")
    check_completes(tmp_path, sandbox)


@pytest.mark.long
def test_a_port_where_nobody_listens_is_told_in_a_line(tmp_path: Path, sandbox: Sandbox) -> None:
    """No connection: the network, or the service, is away."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = program(tmp_path, f"http://127.0.0.1:{port}")
    check_one_line(done, 1, str(port), "Check the network")
    check_completes(tmp_path, sandbox)


def test_a_host_that_takes_connections_and_is_silent_is_told_in_a_line(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """It is given up after the read timeout, as often as there are tries."""
    with listening_socket() as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = program(tmp_path, url, EQUIGEN_HTTP__READ_TIMEOUT_S="0.3")
    check_one_line(done, 1, "run again")
    check_completes(tmp_path, sandbox)


def test_a_certificate_that_does_not_hold_is_told_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    """Signed by itself: refused before anything is sent, with what to do."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl isn't installed, to make a certificate with")
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    command = [
        openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(key), "-out", str(public),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # the client hangs up at the sight of the certificate

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        done = program(tmp_path, f"https://localhost:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    check_one_line(done, 1, "the certificate doesn't hold", "REQUESTS_CA_BUNDLE")
    assert asked == []
    check_completes(tmp_path, sandbox)
