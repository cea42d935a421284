"""Where hosts are: each is looked up once."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_REMEMBERED_S = 5.0


class LookUp(Protocol):
    """Finds a host's addresses; `again` says that those it told before were of no use."""

    def __call__(self, host: str, *, again: bool) -> list[str]:
        """Return them, or raise an OSError or UnicodeError."""
        ...


def by_system(host: str, *, again: bool = False) -> list[str]:  # noqa: ARG001  (always asked anew)
    """Return a host's addresses, as the system's resolver tells them.

    Raises:
        OSError, UnicodeError: it has none, or nobody could be asked.

    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why nobody knew a host, and until when (on a steady clock) that counts."""

    error: OSError | UnicodeError
    until_s: float


class Resolver:
    """Looks each host's addresses up once; may be used from several threads.

    `look_up` is told whether what it said before has been of no use. That nobody knows a host is
    remembered for some seconds, so that a thousand covers of it don't ask a thousand times.
    """

    def __init__(
        self, look_up: LookUp = by_system, *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._look_up, self._steady = look_up, steady
        self._known: dict[str, list[str]] = {}
        self._forgotten: set[str] = set()
        self._failed: dict[str, _Failed] = {}
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
            known = self._known.get(host)
            if known is None:
                failed = self._failed.get(host)
                if failed and self._steady() < failed.until_s:
                    raise failed.error
                try:
                    known = self._look_up(host, again=host in self._forgotten)
                except (OSError, UnicodeError) as err:
                    self._failed[host] = _Failed(err, self._steady() + _REMEMBERED_S)
                    raise
                self._known[host] = known
                self._forgotten.discard(host)
            return known

    def forget(self, host: str) -> None:
        """Look it up again next time: the host may have moved."""
        self._forgotten.add(host)
        self._known.pop(host, None)
