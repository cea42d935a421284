"""What the tests of the Cover Art Archive share: its recorded chains, replayed from loopback."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from support import realdata

ARCHIVE = "http://coverartarchive.org"
EXCHANGES = ("http_exchanges_client.json", "http_exchanges_2021_a.json")


@dataclass(frozen=True)
class Told:
    """What a host answers to one address."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def recorded(name: str) -> dict[str, Told]:
    """Return the recorded answers by address; what was asked with HEAD has no body."""
    found = {}
    for test in json.loads(realdata("coverart_archive", name).read_bytes()):
        for exchange in test.get("exchanges", ()):
            answer = exchange["response"]
            body = answer["body"]
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            kept = {"content-type", "location"}
            headers = {name: value for name, value in answer["headers"] if name.lower() in kept}
            found[exchange["request"]["url"]] = Told(answer["status"], data, headers)
    return found


class Proxy:
    """Stands in for all hosts: what an address isn't `told` for gets status 599.

    `seen` are the addresses asked for, in order.
    """

    def __init__(self, told: Mapping[str, Told]) -> None:
        self.seen: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append(self.path)
                answer = told.get(self.path, Told(599))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def env(self) -> dict[str, str]:
        """Return the environment in which a program asks all hosts here."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {"http_proxy": url, "HTTP_PROXY": url, "no_proxy": "", "NO_PROXY": ""}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
