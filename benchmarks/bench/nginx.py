"""An nginx on loopback that serves a folder: plain, slowly, and over https."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

SLOW_S = 0.08
_MODULES = Path("/usr/share/nginx/modules")
_LUA = ("ndk_http_module.so", "ngx_http_lua_module.so")
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_READY_WITHIN_S = 10
_HOST = "127.0.0.1"
_CONFIG = """\
{modules}
user {user};
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  keepalive_timeout 75s;
  types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}/t;
  proxy_temp_path {folder}/t;
  fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t;
  scgi_temp_path {folder}/t;
  server {{
    listen {host}:{http} backlog=4096;
    listen {host}:{https} ssl backlog=4096;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    root {root};
    {slow}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pictures are served, and the files that make its certificate trusted.

    `slow_url` is "" where nginx has no lua module. `bundle` is the system's certificates and ours,
    `certificate` ours alone.
    """

    http_url: str
    https_url: str
    slow_url: str
    certificate: Path
    bundle: Path


def nginx_version() -> str:
    """Return nginx's version.

    Raises:
        BenchError: it isn't installed.

    """
    if (program := _find("nginx")) is None:
        msg = (
            "nginx isn't installed. On Debian and Ubuntu: apt-get install nginx"
            " libnginx-mod-http-lua"
        )
        raise BenchError(msg)
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
    return told.stderr.strip().rpartition("/")[2]


@contextmanager
def serving(root: Path, folder: Path) -> Iterator[Site]:
    """Serve the files of `root` until the end of the block; `folder` takes what nginx writes.

    Raises:
        BenchError: nginx or openssl is missing, or nginx doesn't start.

    """
    nginx_version()
    folder.mkdir(parents=True)
    certificate = _certificate(folder)
    bundle = folder / "bundle.pem"
    if not _BUNDLE.is_file():
        msg = f"{_BUNDLE}: no such file. On Debian and Ubuntu: apt-get install ca-certificates"
        raise BenchError(msg)
    bundle.write_bytes(_BUNDLE.read_bytes() + certificate.read_bytes())
    http, https = _free_ports()
    has_lua = all((_MODULES / name).is_file() for name in _LUA)
    slow = (
        f"location /slow/ {{ rewrite_by_lua_block {{ ngx.sleep({SLOW_S}) }} alias {root}/; }}"
        if has_lua
        else ""
    )
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            modules="\n".join(f"load_module {_MODULES / n};" for n in _LUA) if has_lua else "",
            user=pwd.getpwuid(os.getuid()).pw_name,
            folder=folder,
            host=_HOST,
            http=http,
            https=https,
            root=root,
            slow=slow,
        )
    )
    # Should this process be killed outright, the kernel ends nginx with it.
    tied = [program, "--pdeathsig", "TERM"] if (program := _find("setpriv")) else []
    command = [*tied, str(_find("nginx")), "-p", str(folder), "-c", str(config)]
    with (folder / "talk.log").open("wb") as talk:
        server = subprocess.Popen(command, stdout=talk, stderr=talk, stdin=subprocess.DEVNULL)
    try:
        _wait_for(server, https, folder)
        slow_url = f"http://{_HOST}:{http}/slow" if has_lua else ""
        yield Site(
            f"http://{_HOST}:{http}", f"https://{_HOST}:{https}", slow_url, certificate, bundle
        )
    finally:
        server.terminate()
        server.wait()


def _find(program: str) -> str | None:
    # The path of users other than root lacks /usr/sbin.
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _certificate(folder: Path) -> Path:
    certificate = folder / "certificate.pem"
    if (openssl := _find("openssl")) is None:
        msg = "openssl isn't installed. On Debian and Ubuntu: apt-get install openssl"
        raise BenchError(msg)
    made = subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", f"subjectAltName=DNS:localhost,IP:{_HOST}",
         "-keyout", str(folder / "key.pem"), "-out", str(certificate)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        msg = f"openssl made no certificate: {made.stderr.strip()}"
        raise BenchError(msg)
    return certificate


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((_HOST, 0))
        other.bind((_HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait_for(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((_HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    msg = f"nginx doesn't start: {(folder / 'talk.log').read_text().strip() or 'no answer'}"
    raise BenchError(msg)
