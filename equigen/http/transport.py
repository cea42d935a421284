"""Connections to hosts, kept open and shared: the one place that sends a request.

requests tells what the environment wants (proxies, certificates); urllib3, on which requests
stands, sends. Taken by itself it needs half the time a request, and reads its certificates once
instead of once a connection.
"""

import io
import logging
import math
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException, HTTPResponse, RemoteDisconnected, parse_headers
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from equigen.errors import (
    CertificateError,
    ConfigError,
    ConnectionFailedError,
    RefusedAddressError,
)
from equigen.events import tell
from equigen.http.addresses import shown
from equigen.http.limits import is_loopback
from equigen.http.resolver import Resolver

_POOL_SIZE = 256
_log = logging.getLogger(__name__)
_SENT_ALWAYS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
_SWITCHED, _NO_CONTENT, _FIRST_FINAL = 101, 204, 200
# A host may say "wait" or "this will follow" before it answers, but not for ever.
_MOST_INTERIM = 20


class Connections:
    """Sends requests; may be used from several threads. Close it when no more are to be sent.

    A host may be silent for `read_timeout_s`. Its head must be there after `head_within_s`, head
    and body after `answer_within_s`: then they time out, however steadily they trickle.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        connect_timeout_s: float,
        read_timeout_s: float,
        head_within_s: float = math.inf,
        answer_within_s: float = math.inf,
        resolver: Resolver | None = None,
    ) -> None:
        # How an address is told of, since a host may put what is secret into one; may be replaced.
        self.told: Callable[[str], str] = shown
        self._headers = {"User-Agent": user_agent, **_SENT_ALWAYS}
        self._timeout = urllib3.Timeout(connect=connect_timeout_s, read=read_timeout_s)
        self._resolver = resolver or Resolver()
        self._response = partial(
            _Response, head_within_s=head_within_s, answer_within_s=answer_within_s
        )
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        self._through_proxy: set[str] = set()
        self._proxies = HTTPAdapter(pool_connections=_POOL_SIZE, pool_maxsize=_POOL_SIZE)
        self._tls: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._proxies.close()

    def send(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """Ask for `url` and return the answer as soon as its head is there; close it after use.

        Redirects are not followed. `headers` may hold credentials: they are in no message, and not
        in what is told of the request.

        Raises:
            CertificateError, ConnectionFailedError: no answer came.
            RefusedAddressError: the address, or a header, can't be sent.

        """
        if not _log.isEnabledFor(logging.INFO):
            return self._send(url, headers)
        began_s = monotonic()
        response = self._send(url, headers)
        took_ms = round((monotonic() - began_s) * 1000)
        told = self.told(url)
        tell(
            "request",
            f"GET {told}: {response.status}",
            url=told,
            status=response.status,
            ms=took_ms,
        )
        return response

    def _send(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}"
            pool = self._pools.get(origin) or self._open(origin, url)
        except (urllib3.exceptions.LocationValueError, requests.RequestException, ValueError) as e:
            msg = f"{shown(url)}: can't be asked: {root(e)}. Expected an http(s) address."
            raise RefusedAddressError(msg, url=url) from e
        try:
            target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            return pool.urlopen(
                "GET",
                url if origin in self._through_proxy else target,
                headers={**self._headers, **headers} if headers else self._headers,
                redirect=False,
                retries=False,
                assert_same_host=False,  # a proxy is asked for other hosts
                preload_content=False,
                decode_content=False,
                timeout=self._timeout,
            )
        except urllib3.exceptions.SSLError as err:
            msg = (
                f"{shown(url)}: the certificate doesn't hold: {root(err)}. It is always checked."
                " Check the address and this machine's date; where your network has certificates of"
                " its own, set REQUESTS_CA_BUNDLE to their file."
            )
            raise CertificateError(msg, url=url) from err
        except (urllib3.exceptions.LocationValueError, requests.RequestException) as err:
            msg = f"{shown(url)}: can't be asked: {root(err)}. Expected an http(s) address."
            raise RefusedAddressError(msg, url=url) from err
        except (urllib3.exceptions.HTTPError, OSError) as err:
            msg = f"{shown(url)}: no answer: {root(err)}. Check the network, then run again."
            raise ConnectionFailedError(msg, url=url) from err
        except ValueError:
            # Not quoted: what is wrong may be a credential.
            msg = f"{shown(url)}: a header can't be sent. Check the user agent and the credentials."
            raise RefusedAddressError(msg, url=url) from None

    def _open(self, origin: str, url: str) -> urllib3.HTTPConnectionPool:
        with self._lock:
            if origin not in self._pools:
                self._pools[origin] = self._pool(origin, url)
            return self._pools[origin]

    def _pool(self, origin: str, url: str) -> urllib3.HTTPConnectionPool:
        parts = urlsplit(origin)
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        # A .netrc is never asked, and no proxy leads to this machine.
        proxies = {} if is_loopback(host) else get_environ_proxies(url, no_proxy=None)
        if proxy := select_proxy(url, proxies):
            if not is_tls:
                self._through_proxy.add(origin)
            # requests keeps one manager a proxy, for both schemes: it has its certificates always.
            manager: urllib3.ProxyManager = self._proxies.proxy_manager_for(
                proxy, ssl_context=self._certificates()
            )
            return self._patiently(manager.connection_from_url(origin))
        more: dict[str, Any] = {"resolver": self._resolver}
        if is_tls:
            more["ssl_context"] = self._certificates()
        kind = _TlsPool if is_tls else _PlainPool
        return self._patiently(kind(host, parts.port, maxsize=_POOL_SIZE, **more))

    def _patiently(self, pool: urllib3.HTTPConnectionPool) -> urllib3.HTTPConnectionPool:
        """Let a pool's connections read answers as we want them read."""
        kind, response = type(pool).ConnectionCls, self._response

        def connection(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            made: Any = kind(*args, **kwargs)
            made.response_class = response
            return made

        pool.ConnectionCls = connection  # type: ignore[assignment]  # it is only ever called
        return pool

    def _certificates(self) -> ssl.SSLContext:
        if self._tls is None:
            # REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE count, instead of certifi's. A bundle takes
            # longer to load than a cover to fetch, so that it is done once.
            with requests.Session() as session:
                bundle = session.merge_environment_settings(
                    "https://localhost", {}, None, None, None
                )["verify"]
            context = create_urllib3_context()
            _trust(context, Path(bundle if isinstance(bundle, str) else certifi.where()))
            # Python's own variable, as organisations set it for theirs: one more beside the others.
            if more := os.environ.get("SSL_CERT_FILE"):
                _trust(context, Path(more))
            self._tls = context
        return self._tls


def _trust(context: ssl.SSLContext, where: Path) -> None:
    try:
        if where.is_dir():
            context.load_verify_locations(capath=where)
        else:
            context.load_verify_locations(where)
    except OSError as err:
        msg = (
            f"REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE: {where} holds no certificates"
            f" that can be read: {err.strerror or err}. Mend it, or unset the variable."
        )
        raise ConfigError(msg) from err


class _PlainConnection(HTTPConnection):
    """A connection that asks our resolver where its host is."""

    def __init__(self, *args: Any, resolver: Resolver, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._resolver = resolver

    def _new_conn(self) -> socket.socket:
        return _connected(self, self._resolver, super()._new_conn)


class _TlsConnection(HTTPSConnection):
    """The same over TLS."""

    def __init__(self, *args: Any, resolver: Resolver, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._resolver = resolver

    def _new_conn(self) -> socket.socket:
        return _connected(self, self._resolver, super()._new_conn)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Response(HTTPResponse):
    """An answer that must come in time, and is never taken for the one that follows it.

    The standard library waits for each line of a head as long as bytes trickle, takes the start of
    a head for all of it, reads "wait" (100) for ever, and takes other interim answers for the
    answer: the connection's next request would get this one's picture.
    """

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        head_within_s: float,
        answer_within_s: float,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        now_s = monotonic()
        self._ends_s = now_s + answer_within_s
        file: Any = self.fp
        self._timed = _TimedReader(file.detach(), min(now_s + head_within_s, self._ends_s))
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        super().begin()
        if self._timed.has_ended:
            msg = "the connection was closed within the head of the answer"
            raise RemoteDisconnected(msg)
        self._timed.ends_s = self._ends_s
        if self.status in {_SWITCHED, _NO_CONTENT}:
            self.will_close = True  # what comes behind it is no answer to the next request

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INTERIM):
            read: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if read[1] >= _FIRST_FINAL or read[1] == _SWITCHED:
                return read
            parse_headers(self.fp)
        msg = f"more than {_MOST_INTERIM} interim answers and no answer"
        raise HTTPException(msg)


class _TimedReader(io.RawIOBase):
    """A socket's file from which nothing comes after a moment of the monotonic clock."""

    def __init__(self, raw: io.RawIOBase, ends_s: float) -> None:
        self._raw, self.ends_s = raw, ends_s
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401
        if monotonic() > self.ends_s:
            msg = "not whole in time"
            raise TimeoutError(msg)
        count = self._raw.readinto(buffer)
        self.has_ended = not count
        return count

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()
        super().close()


def _connected(connection: HTTPConnection, resolver: Resolver, connect: Any) -> socket.socket:  # noqa: ANN401
    """Connect to the first of the host's addresses that answers."""
    name = connection.host
    try:
        addresses = resolver.addresses(name)
    except (OSError, UnicodeError) as err:
        gone = err if isinstance(err, socket.gaierror) else socket.gaierror(str(err))
        raise NameResolutionError(name, connection, gone) from err
    try:
        for address in addresses[:-1]:
            connection.host = address
            try:
                opened: socket.socket = connect()
            except (NewConnectionError, ConnectTimeoutError):
                continue
            return opened
        connection.host = addresses[-1]
        try:
            opened = connect()
        except (NewConnectionError, ConnectTimeoutError):
            resolver.forget(name)
            raise
        return opened
    finally:
        connection.host = name


def root(err: BaseException) -> str:
    """Return the reason that a person can read, out of the errors that wrap it."""
    inner = err.args[0] if err.args else err
    reason = getattr(inner, "reason", inner)
    return " ".join(str(reason).split(">:")[-1].split())[:200]
