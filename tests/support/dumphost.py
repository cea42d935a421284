"""A host of dumps on loopback, which honours ranges or doesn't, cuts off, and changes its files."""

import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self

from support import Seen

STAMP = "20260602-001001"
GROUPS = f"musicbrainz_{STAMP}_release-group.tar.xz"
MASTERS = "discogs_20260601_masters.xml.gz"
RELEASES = "discogs_20260601_releases.xml.gz"
_BLOCK = 4096


def made_up(size_bytes: int, seed: str = "a") -> bytes:
    """Return bytes that no two places have alike."""
    blocks = (hashlib.sha256(f"{seed}{n}".encode()).digest() for n in range(size_bytes // 32 + 1))
    return b"".join(blocks)[:size_bytes]


def sha256(body: bytes) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(body).hexdigest()


@dataclass
class Hosted:
    """A file and how it is served: the next answers are `cuts` short, after so many bytes each."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ranges: bool = False
    etag: str = '"one"'
    modified: str = ""
    length: int | None = None  # announced instead of the true one; -1 announces none
    cuts: list[int] = field(default_factory=list)
    believes: bool = False  # honours a range whatever If-Range says


class DumpHost:
    """Serves `files` by their path and query; each request is in `seen`.

    `on_cut` is called before an answer is cut off, with its connection still open.
    """

    def __init__(self) -> None:
        self.files: dict[str, Hosted] = {}
        self.seen: list[Seen] = []
        self.on_cut: Callable[[], None] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # the client was killed, as some tests want it to

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
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

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings under which it is asked for both kinds of dumps."""
        return {"discogs_url": f"{self.url}/discogs", "musicbrainz_url": f"{self.url}/mb"}

    @property
    def env(self) -> Mapping[str, str]:
        """The same as environment variables."""
        return {f"EQUIGEN_DUMPS__{name.upper()}": url for name, url in self.settings.items()}

    def asked(self, part: str = "") -> Sequence[str]:
        """Return the paths of the requests that have `part` in them."""
        return [seen.path for seen in self.seen if part in seen.path]

    def host_discogs(
        self, files: Mapping[str, Hosted], *, date: str = "20260601", sums: str = ""
    ) -> None:
        """Serve dumps of a date as Discogs does, with its index page and checksums."""
        year = date[:4]
        sums = sums or "".join(f"{sha256(f.body)} {name}\n" for name, f in sorted(files.items()))
        sums_name = f"discogs_{date}_CHECKSUM.txt"
        links = [f"?download=data%2F{year}%2F{name}" for name in (*files, sums_name)]
        page = "<html><body><a href='?prefix=data%2F'>..</a>" + "".join(
            f'<pre><a href="{link}">{link}</a></pre>' for link in links
        )
        self.files[f"/discogs/?prefix=data%2F{year}%2F"] = Hosted(page.encode())
        for link, file in zip(links, files.values(), strict=False):
            self.files[f"/discogs/{link}"] = file
        self.files[f"/discogs/{links[-1]}"] = Hosted(sums.encode())

    def host_groups(self, file: Hosted, *, sums: str = "") -> None:
        """Serve release groups as MusicBrainz does."""
        sums = sums or f"{sha256(file.body)} *release-group.tar.xz\n"
        index = (
            '<a href="../">../</a>\n<a href="20260530-001001/">20260530-001001/</a>\n'
            f'<a href="{STAMP}/">{STAMP}/</a>\n<a href="LATEST">LATEST</a>\n'
            f'<a href="latest-is-{STAMP}">latest-is-{STAMP}</a>'
        )
        self.files |= {
            "/mb/": Hosted(index.encode()),
            "/mb/LATEST": Hosted(f"{STAMP}\n".encode()),
            f"/mb/{STAMP}/SHA256SUMS": Hosted(sums.encode()),
            f"/mb/{STAMP}/release-group.tar.xz": file,
        }

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.seen.append(Seen(handler.path, headers, 0))
        file = self.files.get(handler.path, Hosted(b"<html>none</html>", 404))
        start, status, more = _range(file, headers)
        length = len(file.body) - start if file.length is None else file.length
        handler.send_response(status)
        tags = {"ETag": file.etag, "Last-Modified": file.modified}
        tags = {name: value for name, value in tags.items() if value}
        for name, value in {**tags, **more, **file.headers}.items():
            handler.send_header(name, value)
        body = b"" if status == 416 else file.body[start:]
        if status != 416 and length >= 0:
            handler.send_header("Content-Length", str(length))
        else:
            handler.send_header("Connection", "close")
        handler.end_headers()
        cut = file.cuts.pop(0) if file.cuts else None
        for at in range(0, len(body[:cut]), _BLOCK):
            handler.wfile.write(body[:cut][at : at + _BLOCK])
        handler.wfile.flush()
        if cut is not None:
            self.on_cut()
        handler.close_connection = cut is not None or length != len(body)


class _Answered(NamedTuple):
    start: int
    status: int
    more: Mapping[str, str]


def _range(file: Hosted, headers: Mapping[str, str]) -> _Answered:
    asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    same = file.believes or headers.get("if-range") in {None, file.etag, file.modified}
    if not (file.ranges and asked and same):
        return _Answered(0, file.status, {})
    start, size = int(asked[1]), len(file.body)
    if start >= size:
        return _Answered(0, 416, {"Content-Range": f"bytes */{size}"})
    return _Answered(start, 206, {"Content-Range": f"bytes {start}-{size - 1}/{size}"})
