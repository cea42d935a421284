"""A port that notes when the first request reaches it, and answers nothing."""

import socket
import threading
import time
from typing import Self

_LONGEST_S = 120


class Listener:
    """Listens on loopback while it is open; use it as a context."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._open: list[socket.socket] = []
        self._asked = threading.Event()
        self._asked_at_s = 0.0
        self._thread = threading.Thread(target=self._accept, name="listener", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.getsockname()
        return f"http://{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        self.forget()

    def forget(self) -> None:
        """Hang up on all who asked, and wait for a first request again."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._asked.clear()

    def first_request_at_s(self) -> float:
        """Wait for a request and return when it came, by `time.perf_counter`; 0.0 if none does."""
        return self._asked_at_s if self._asked.wait(_LONGEST_S) else 0.0

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed
                return
            self._open.append(connection)
            if not self._asked.is_set() and connection.recv(1):
                self._asked_at_s = time.perf_counter()
                self._asked.set()
