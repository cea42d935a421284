"""Pool connections: few stay open, and none leads from a public host to a private address.

Idle connections of all pools of this process are counted together, since they share its file
descriptors: the one that was idle for longest is closed first. pyproject.toml pins urllib3 below 3,
since `QueueCls`, `ConnectionCls`, `_new_conn`, `_dns_host` are not documented.
"""

import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPResponse
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from equigen.http.addresses import is_private
from equigen.storage.os_errors import OUT_OF_DESCRIPTORS, most_descriptors

# Beside the idle ones, connections in use, files and pipes need descriptors: up to 96 threads each
# have a connection and a file. macOS allows 256 by default.
MOST_IDLE: Final = min(256, most_descriptors() // 6)

_lock = threading.RLock()  # the garbage collector may close a pool within a locked block
_idle: "dict[Any, _IdleQueue]" = {}


class PrivatePeerError(Exception):
    """A connection leads to a private address, which isn't allowed there; nothing was sent."""


class _IdleQueue(queue.LifoQueue[Any]):
    """The idle connections of one pool, with which urllib3 fills and empties it."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002  (as in the standard library)
        if item is not None:  # with which urllib3 reserves places
            with _lock:
                self.queue.append(item)
                _idle[item] = self
            close_idle(MOST_IDLE)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002  (as in the standard library)
        with _lock:
            if not self.queue:
                raise queue.Empty
            connection = self.queue.pop()
            del _idle[connection]
        return connection


def close_idle(most: int = 0) -> None:
    """Close idle connections of this process until at most so many are left, the oldest first."""
    spare = []
    with _lock:
        while len(_idle) > most:
            connection = next(iter(_idle))
            _idle.pop(connection).queue.remove(connection)
            spare.append(connection)
    for connection in spare:
        connection.close()


class PlainConnection(HTTPConnection):
    """Connection without TLS that knows what it leads to."""

    peer_is_private = is_public_only = False

    def _new_conn(self) -> socket.socket:
        return _connected(self, super()._new_conn)


class TlsConnection(HTTPSConnection):
    """Connection with TLS that knows what it leads to."""

    peer_is_private = is_public_only = False

    def _new_conn(self) -> socket.socket:
        return _connected(self, super()._new_conn)


class PlainPool(urllib3.HTTPConnectionPool):
    """Connections of one host without TLS."""

    QueueCls = _IdleQueue
    ConnectionCls = PlainConnection


class TlsPool(urllib3.HTTPSConnectionPool):
    """Connections of one host with TLS."""

    QueueCls = _IdleQueue
    ConnectionCls = TlsConnection


POOLS: Final[Mapping[str, type[urllib3.HTTPConnectionPool]]] = MappingProxyType(
    {"http": PlainPool, "https": TlsPool}
)


def configure(
    pool: urllib3.HTTPConnectionPool,
    response: Callable[..., HTTPResponse],
    *,
    is_public_only: bool,
) -> None:
    """Give a pool's new connections their class of responses, and what they may lead to."""
    kind = TlsPool.ConnectionCls if isinstance(pool, TlsPool) else PlainPool.ConnectionCls

    def make(**given: Any) -> HTTPConnection:  # noqa: ANN401  (urllib3's own arguments)
        connection = kind(**given)
        connection.response_class = response  # type: ignore[assignment]
        connection.is_public_only = is_public_only
        return connection

    pool.ConnectionCls = make  # type: ignore[assignment]


def refuse_private(pool: urllib3.HTTPConnectionPool, url: str) -> None:
    """Refuse a URL that spells a private address where a proxy would connect to it.

    Raises:
        PrivatePeerError: it does. What a name resolves to, only the proxy knows.

    """
    host = urlsplit(url).hostname or ""
    if pool.proxy and is_private(host):
        raise PrivatePeerError(host)


def comes_from_private(url: str, response: urllib3.BaseHTTPResponse) -> bool:
    """Tell whether a response, whose body is unread, came from a private address."""
    connection: Any = response.connection
    if connection is None or connection.proxy:
        return is_private(urlsplit(url).hostname or "")
    return bool(connection.peer_is_private)


def is_out_of_descriptors(err: BaseException | None) -> bool:
    """Tell whether an error was caused by too many open files."""
    while err:
        if isinstance(err, socket.gaierror):  # which doesn't say why a name wasn't looked up
            try:
                os.close(os.open(os.devnull, os.O_RDONLY))
            except OSError as probe:
                return probe.errno in OUT_OF_DESCRIPTORS
            return False
        if isinstance(err, OSError) and err.errno in OUT_OF_DESCRIPTORS:
            return True
        err = err.__cause__ or err.__context__
    return False


def _connected(
    connection: PlainConnection | TlsConnection, connect: Callable[[], socket.socket]
) -> socket.socket:
    try:
        sock = connect()
    except urllib3.exceptions.NewConnectionError as err:
        if not is_out_of_descriptors(err):
            raise
        close_idle()
        sock = connect()
    peer = ""
    with suppress(OSError):  # hung up already
        # Of the connection itself: to look the name up another time may give another address.
        peer = sock.getpeername()[0]
    connection.peer_is_private = is_private(peer)
    if connection.is_public_only and connection.peer_is_private and not connection.proxy:
        sock.close()
        raise PrivatePeerError(peer)
    return sock
