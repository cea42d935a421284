"""Where hosts are: each is looked up once."""

import socket
import threading
from collections.abc import Callable


def by_system(host: str, *, again: bool) -> list[str]:  # noqa: ARG001  (it is always asked anew)
    """Return a host's addresses, as the system's resolver tells them.

    Raises:
        OSError, UnicodeError: it has none, or nobody could be asked.

    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Resolver:
    """Looks each host's addresses up once; may be used from several threads.

    `look_up` is called with a host, and told whether what it said before has been of no use.
    """

    def __init__(self, look_up: Callable[..., list[str]] = by_system) -> None:
        self._look_up = look_up
        self._known: dict[str, list[str]] = {}
        self._forgotten: set[str] = set()
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str) -> list[str]:
        """Return the host's addresses, the system's first choice first.

        Raises:
            OSError, UnicodeError: it has none, or nobody could be asked.

        """
        with self._lock:
            lock = self._locks.setdefault(host, threading.Lock())
        with lock:
            if host not in self._known:
                self._known[host] = self._look_up(host, again=host in self._forgotten)
                self._forgotten.discard(host)
            return self._known[host]

    def forget(self, host: str) -> None:
        """Look it up again next time: the host may have moved."""
        self._forgotten.add(host)
        self._known.pop(host, None)
