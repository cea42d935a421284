"""Hosts that mean harm: where they lead, who they claim to be, how much and how long they send."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from downloads import JPEG, files_of, ledger_of, one_row, picture, rows_of, run_download
from program import program
from support import ROOT, Script, ScriptedServer, listening_socket, make_context, running

from equigen.commands import download
from equigen.config.settings import defaults
from equigen.ledger.models import Cover

SCHEMES = (
    "file:///etc/passwd", "ftp://a.example/1.jpg", "data:image/jpeg;base64,AAAA", "ws://a.example/",
    "gopher://a.example/1", "javascript:alert(1)", "jar:http://a.example!/1.jpg",
    "//a.example/1.jpg", "/etc/passwd", "C:\\boot.ini", "\\\\host\\share", "smb://host/share", "FILE:///etc/passwd",
    "http:///etc/passwd", "view-source:http://a.example/", " file:///etc/passwd", "dict://a:1/x",
)  # fmt: skip
PROCESSES = [0, 2]
SETTINGS = {
    "download.max_bytes": 20_000_000,
    "download.max_pixels": 50_000_000,
    "http.max_redirects": 5,
    "http.connect_timeout_s": 10,
    "http.read_timeout_s": 30,
    "http.tries": 6,
    "http.max_wait_s": 120,
}


def cover_of(folder: Path) -> Cover:
    """Return what the ledger knows of the only cover."""
    (cover,) = ledger_of(folder).values()
    return cover


def test_addresses_of_other_schemes_are_refused(tmp_path: Path) -> None:
    """In the TSV: each counts as no picture, nothing is opened, and the others go on."""
    with ScriptedServer(Script(body=JPEG)) as host:
        rows_of(tmp_path, *SCHEMES, f"{host.url}/good.jpg")
        done = run_download(tmp_path)
    assert (done.rows_out, done.dropped) == (1, {"no picture": len(SCHEMES)})
    assert list(files_of(tmp_path).values()) == [JPEG]
    assert [seen.path for seen in host.seen] == ["/good.jpg"]


def test_redirects_to_other_schemes_are_refused(tmp_path: Path) -> None:
    """A host can't make us read a file or speak to what isn't the web."""
    schemes = [url for url in SCHEMES if ":" in url[1:8] and not url.startswith(("http", " ", "/"))]
    scripts = [Script(302, headers={"Location": url}) for url in schemes]
    with ScriptedServer(*scripts, Script(body=JPEG)) as host:
        rows_of(tmp_path, *(f"{host.url}/{at}.jpg" for at in range(len(schemes) + 1)))
        context = make_context(tmp_path, download={"hosts": {"*": {"concurrency": 1}}})
        assert download.run(context).rows_out == 1
    covers = [cover for cover in ledger_of(tmp_path).values() if cover.status != "ok"]
    assert {(cover.status, cover.reason) for cover in covers} == {("refused", "bad address")}
    assert len(covers) == len(schemes)
    assert len(host.seen) == len(schemes) + 1


class _Tls(ThreadingHTTPServer):
    """Serves a picture over TLS, and counts how often it was asked."""

    daemon_threads = True
    asked = 0

    def __init__(self, certificate: Path) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(JPEG)))
                self.end_headers()
                self.wfile.write(JPEG)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        pass  # the client hung up, as it should


@contextmanager
def serving_tls(certificate: Path) -> Iterator[_Tls]:
    """Let a TLS server answer."""
    server = _Tls(certificate)
    with running(server):
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Self-signed certificates, each with its key: for localhost, for another name, expired."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl isn't installed, to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")
    made = {}
    for kind, name, days in (
        ("good", "localhost", "2"), ("other", "a.example", "2"), ("expired", "localhost", "-1"),
    ):  # fmt: skip
        key, wish, public = (folder / f"{kind}.{end}" for end in ("key", "csr", "crt"))
        extensions = folder / f"{kind}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=CA:TRUE\n")
        subject = ["-subj", f"/CN={name}", "-newkey", "rsa:2048", "-nodes"]
        for command in (
            ["req", "-new", *subject, "-keyout", key, "-out", wish],
            ["x509", "-req", "-in", wish, "-signkey", key, "-days", days, "-extfile", extensions,
             "-out", public],
        ):  # fmt: skip
            subprocess.run([openssl, *map(str, command)], check=True, capture_output=True)
        made[kind] = folder / f"{kind}.pem"
        made[kind].write_text(key.read_text() + public.read_text())
    return made


@pytest.mark.parametrize("processes", PROCESSES)
@pytest.mark.parametrize("kind", ["self-signed", "other", "expired"])
def test_a_host_that_is_not_who_it_says_is_not_asked(
    tmp_path: Path,
    certificates: Mapping[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    processes: int,
) -> None:
    """By an unknown authority, for another name, expired; nothing in the environment helps it."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"PYTHONHTTPSVERIFY": "0", "CURL_INSECURE": "1", "VERIFY": "0"}.items():
        monkeypatch.setenv(name, value)
    certificate = certificates.get(kind, certificates["good"])
    if kind != "self-signed":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.with_suffix(".crt")))
    with serving_tls(certificate) as server:
        one_row(tmp_path, f"https://localhost:{server.server_address[1]}/1.jpg")
        http = {"tries": 1, "max_wait_s": 0.01}
        context = make_context(tmp_path, download={"processes": processes}, http=http)
        assert download.run(context).rows_out == 0
    assert cover_of(tmp_path).reason == "bad certificate"
    assert server.asked == 0


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_an_authority_of_ones_own_is_trusted(
    tmp_path: Path, certificates: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The environment can add one, for processes that fetch as well; one that isn't is told."""
    monkeypatch.setenv(name, str(certificates["good"].with_suffix(".crt")))
    with serving_tls(certificates["good"]) as server:
        url = f"https://localhost:{server.server_address[1]}/1.jpg"
        for processes in PROCESSES:
            data = tmp_path / str(processes)
            one_row(data, url)
            assert run_download(data, processes=processes).rows_out == 1
    monkeypatch.setenv(name, str(tmp_path / "gone.crt"))
    monkeypatch.setenv("EQUIGEN_DATASET__DIRECTORY", str(tmp_path / "last"))
    one_row(tmp_path / "last", url)
    ran = program("download")
    assert ran.code in {1, 2}
    assert len(ran.err.splitlines()) == 1
    assert name in ran.err
    assert "gone.crt" in ran.err


def test_no_setting_turns_the_check_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none of such a name, and one that is made up is an error."""
    monkeypatch.chdir(tmp_path)
    for key in ("verify", "verify_tls", "insecure", "tls"):
        Path("config.toml").write_text(f"[http]\n{key} = false\n")
        ran = program("status")
        assert (ran.code, len(ran.err.splitlines())) == (2, 1)
        assert f"http.{key}: unknown" in ran.err


@pytest.mark.long_after(1)
@pytest.mark.parametrize("processes", PROCESSES)
def test_each_limit_is_a_setting_that_is_honoured(tmp_path: Path, processes: int) -> None:
    """Bytes, pixels and redirects, in this process and in those that fetch."""
    large = picture(size=(200, 100))
    moved = Script(302, headers={"Location": "/next.jpg"})
    for name, scripts, limits, reasons in (
        ("bytes", [Script(body=large)], {"max_bytes": len(large) - 1}, {"too large"}),
        ("pixels", [Script(body=large)], {"max_pixels": 200 * 100 - 1}, {"too many pixels"}),
        ("redirects", [moved, moved, moved, Script(body=large)], {}, {"bad address"}),
        ("all fit", [moved, moved, Script(body=large)],
         {"max_bytes": len(large), "max_pixels": 200 * 100}, {""}),
    ):  # fmt: skip
        data = tmp_path / name
        with ScriptedServer(*scripts) as host:
            one_row(data, f"{host.url}/1.jpg")
            settings = {**limits, "processes": processes}
            context = make_context(data, download=settings, http={"max_redirects": 2, "tries": 1})
            download.run(context)
        assert {cover_of(data).reason} == reasons, name


@pytest.mark.long
@pytest.mark.parametrize("processes", PROCESSES)
def test_each_timeout_is_a_setting_that_is_honoured(tmp_path: Path, processes: int) -> None:
    """A host that takes a connection and says nothing, and one that doesn't even take it."""
    patience = {"tries": 1, "connect_timeout_s": 0.3, "read_timeout_s": 0.3}
    with listening_socket() as silent:
        one_row(tmp_path / "silent", f"http://127.0.0.1:{silent.getsockname()[1]}/1.jpg")
        settings = {"processes": processes}
        context = make_context(tmp_path / "silent", download=settings, http=patience)
        download.run(context)
    assert cover_of(tmp_path / "silent").reason == "no connection"
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Nobody takes these: with as many waiting, the next one gets no answer at all.
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex(full.getsockname())
        one_row(tmp_path / "full", f"http://127.0.0.1:{full.getsockname()[1]}/1.jpg")
        context = make_context(tmp_path / "full", download=settings, http=patience)
        download.run(context)
        for each in waiting:
            each.close()
    assert cover_of(tmp_path / "full").reason == "no connection"


@pytest.mark.parametrize("name", SETTINGS)
def test_a_nonsense_limit_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Text, less than nothing, no number, endless: refused by name, and nothing is begun."""
    monkeypatch.chdir(tmp_path)
    table, _, key = name.partition(".")
    for value in ('"soon"', "-1", "nan", "inf", "1e300", "[1]", "true", '""'):
        Path("config.toml").write_text(f"[{table}]\n{key} = {value}\n")
        ran = program("status")
        assert (ran.code, ran.out) == (2, ""), value
        assert len(ran.err.splitlines()) == 1
        assert f"config.toml, line 2: {name}: " in ran.err
    assert [each.name for each in tmp_path.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("name", SETTINGS)
def test_limits_are_safe_and_told_where_users_look(name: str) -> None:
    """Each has the default that docs/reference and the example of config.toml say."""
    table, _, key = name.partition(".")
    default = getattr(getattr(defaults(), table), key)
    assert default == SETTINGS[name]
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert f"| `{name}` | `{SETTINGS[name]}` |" in page
    example = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    section = example.partition(f"\n[{table}]\n")[2].partition("\n[")[0]
    assert f"\n{key} = {SETTINGS[name]}" in f"\n{section}"
