"""Connections: kept open, certificates read once and always checked."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import FakeTime, Script, ScriptedServer

from equigen.errors import CertificateError, ConnectionFailedError, HttpStatusError
from equigen.http.client import Answer, Client
from equigen.http.limits import HostPolicy, Patience


def body(answer: Answer) -> bytes:
    """Read an answer as its bytes."""
    return answer.body


def make_client(*, concurrency: int = 8, tries: int = 1) -> Client:
    """Return a client whose waits take no time."""
    policies = {"*": HostPolicy(concurrency=concurrency)}
    patience = Patience(tries=tries, connect_timeout_s=5, read_timeout_s=10)
    return Client(policies, user_agent="T/1", patience=patience, clock=FakeTime().clock())


class CountingServer(ThreadingHTTPServer):
    """Answers everything and counts the connections that it took."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.paths: list[str] = []
        self._count = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with outer._count:
                    outer.paths.append(self.path)
                status = 404 if "missing" in self.path else 302 if "away" in self.path else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/found")
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Count a connection."""
        request, address = super().get_request()
        with self._count:
            self.connections += 1
        return request, address

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def serving(server: CountingServer) -> Iterator[int]:
    """Let a server answer; yields its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_connection_is_kept_open() -> None:
    """One after another goes through one connection, redirects and failures as well."""
    server = CountingServer()
    with serving(server) as port, make_client() as client:
        for path in ("a", "b", "away", "missing", "c"):
            with suppress(HttpStatusError):
                client.get(f"http://127.0.0.1:{port}/{path}", body)
    assert len(server.paths) == 6
    assert server.connections == 1


@pytest.mark.long
def test_the_pool_is_as_large_as_the_concurrency() -> None:
    """So many at a time need so many connections, and no more are ever opened."""
    server = CountingServer()
    with serving(server) as port, make_client(concurrency=6) as client:
        with ThreadPoolExecutor(24) as pool:
            urls = [f"http://127.0.0.1:{port}/{n}" for n in range(300)]
            assert set(pool.map(lambda url: client.get(url, body), urls)) == {b"hello"}
    assert server.connections <= 6


def test_an_address_that_does_not_answer_is_passed_over() -> None:
    """Where a name has several addresses, the first that answers is taken: here not ::1."""
    server = CountingServer()
    with serving(server) as port, make_client() as client:
        assert client.get(f"http://localhost:{port}/", body) == b"hello"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost, made anew for this test, with its key."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl isn't installed, to make a certificate with")
    file = tmp_path / "certificate.pem"
    command = [
        openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(file), "-out", str(tmp_path / "public.pem"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + (tmp_path / "public.pem").read_text())
    return file


@contextmanager
def serving_tls(certificate: Path) -> Iterator[CountingServer]:
    """Serve over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = CountingServer(context)
    with serving(server):
        yield server


def test_the_environments_certificates_count(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE makes a host of one's own trusted; many requests share a connection."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.with_name("public.pem")))
    with serving_tls(certificate) as server, make_client() as client:
        for n in range(20):
            url = f"https://localhost:{server.server_address[1]}/{n}"
            assert client.get(url, body) == b"hello"
    assert server.connections == 1


def test_a_certificate_is_always_checked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown authority, and a known one for another name, are refused in one line."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with serving_tls(certificate) as server:
        port = server.server_address[1]
        with make_client() as client, pytest.raises(CertificateError, match="always checked"):
            client.get(f"https://localhost:{port}/", body)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.with_name("public.pem")))
        with make_client() as client, pytest.raises(CertificateError, match=r"127\.0\.0\.1"):
            client.get(f"https://127.0.0.1:{port}/", body)
    assert server.paths == []


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts elsewhere are asked through it, this machine never is."""
    with ScriptedServer(Script(body=b"by proxy")) as proxy, ScriptedServer(Script()) as here:
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with make_client() as client:
            assert client.get("http://covers.invalid/a.jpg?b=c", body) == b"by proxy"
            assert client.get(here.url, body) == b"{}"
    assert [seen.path for seen in proxy.seen] == ["http://covers.invalid/a.jpg?b=c"]
    assert proxy.seen[0].headers["host"] == "covers.invalid"


def test_a_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    """A host that hangs up after each answer costs a connection each, not the answers."""
    with ScriptedServer(Script(body=b"x", headers={"Connection": "close"})) as server:
        with make_client() as client:
            assert [client.get(server.url, body) for _ in range(5)] == [b"x"] * 5
    assert len(server.seen) == 5


def test_a_host_that_went_away_is_an_error_that_names_it() -> None:
    """Its name, not its address."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with make_client(tries=2) as client, pytest.raises(ConnectionFailedError, match="localhost"):
        client.get(f"http://localhost:{port}/", body)
