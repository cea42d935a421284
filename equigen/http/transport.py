"""Send requests over pooled connections; no other module opens one.

requests reads the environment (proxies, certificates), urllib3 sends: used directly, it takes half
the time per request and loads the certificates once, not once per connection. pyproject.toml pins
urllib3 below 3, since names are used here and in `pools.py` that it and http.client don't document:
`http.client.HTTPConnection.response_class`, and of `http.client.HTTPResponse` `fp` and
`_read_status()`.
"""

import io
import logging
import math
import os
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import cached_property, partial
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
from urllib3.util.ssl_ import create_urllib3_context

from equigen.errors import (
    CertificateError,
    ConfigError,
    ConnectionFailedError,
    PrivateAddressError,
    RefusedAddressError,
    TooManyFilesError,
)
from equigen.http.addresses import shown
from equigen.http.limits import Patience, is_loopback
from equigen.http.pools import (
    MOST_IDLE,
    POOLS,
    PlainPool,
    PrivatePeerError,
    TlsPool,
    configure,
    is_out_of_descriptors,
    refuse_private,
)
from equigen.output import tell
from equigen.storage.os_errors import allow_more_files

_log = logging.getLogger(__name__)
_FORM = "application/x-www-form-urlencoded"
_SENT_ALWAYS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
_SWITCHED, _NO_CONTENT, _FIRST_FINAL = 101, 204, 200
# Interim responses (1xx) accepted before the final one.
_MOST_INTERIM = 20


class Connections:
    """Connection pools of all hosts; safe for use from several threads. Close it after use.

    Heads must be complete in time, and so must bodies unless they are a stream's, however steadily
    bytes trickle in. `told` redacts a URL for messages: a redirect may contain a secret.
    """

    def __init__(
        self, user_agent: str, patience: Patience, told: Callable[[str], str], *, is_stream: bool
    ) -> None:
        self._told = told
        self._headers = {"User-Agent": user_agent, **_SENT_ALWAYS}
        self._timeout = urllib3.Timeout(
            connect=patience.connect_timeout_s, read=patience.read_timeout_s
        )
        head_s = patience.slowest_s
        whole_s = math.inf if is_stream else head_s
        self._response = partial(_Response, head_s=head_s, whole_s=whole_s)
        # The least recently used first.
        self._pools: dict[tuple[str, bool], urllib3.HTTPConnectionPool] = {}
        self._proxies = HTTPAdapter(pool_connections=MOST_IDLE)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._proxies.close()

    def send(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        is_public_only: bool,
        form: bytes | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the response with its body unread; close it after use.

        It is a GET, or a POST where there is a `form`, encoded. Redirects are not followed.
        `headers` may hold credentials; they appear in no message and no event.

        Raises:
            CertificateError, ConnectionFailedError: no response came.
            PrivateAddressError: the host has a private address, though `is_public_only`.
            RefusedAddressError: the URL, or a header, can't be sent.

        """
        began_s = monotonic()
        if form is not None:
            headers = {**headers, "Content-Type": _FORM}
        response = self._send(url, headers, is_public_only=is_public_only, form=form)
        if _log.isEnabledFor(logging.INFO):
            ms, told = round((monotonic() - began_s) * 1000), self._told(url)
            message = f"{_method(form)} {told}: {response.status}"
            tell("request", message, url=told, status=response.status, ms=ms)
        return response

    def _send(
        self, url: str, headers: Mapping[str, str], *, is_public_only: bool, form: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        try:
            parts = urlsplit(url)
            origin = f"{parts.scheme}://{parts.netloc}"
            pool = self._pool(origin, url, is_public_only=is_public_only)
        except (urllib3.exceptions.LocationValueError, requests.RequestException, ValueError) as e:
            msg = f"{shown(url)}: can't be asked: {root(e)}. Expected an http(s) address."
            raise RefusedAddressError(msg, url=url) from e
        try:
            if is_public_only:
                refuse_private(pool, url)
            target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            return pool.urlopen(
                _method(form),
                url if pool.proxy and parts.scheme == "http" else target,
                body=form,
                headers={**self._headers, **headers} if headers else self._headers,
                redirect=False,
                retries=False,
                assert_same_host=False,  # a proxy's pool serves other hosts
                preload_content=False,
                decode_content=False,
                timeout=self._timeout,
            )
        except PrivatePeerError as err:
            msg = (
                f"{shown(url)}: leads to {err}, in this machine's own network, which"
                " http.private_addresses doesn't allow here; nothing was sent. Where it should, set"
                ' that to "always".'
            )
            raise PrivateAddressError(msg, url=url) from err
        except urllib3.exceptions.SSLError as err:
            msg = (
                f"{shown(url)}: the certificate doesn't hold: {root(err)}. It is always checked."
                " Check the address and this machine's date; where your network has certificates of"
                " its own, set REQUESTS_CA_BUNDLE to their file."
            )
            raise CertificateError(msg, url=url) from err
        except (urllib3.exceptions.HTTPError, OSError) as err:
            if is_out_of_descriptors(err):
                msg = f"{shown(url)}: no connection: {allow_more_files()}, then run again."
                raise TooManyFilesError(msg, url=url) from err
            msg = f"{shown(url)}: no answer: {root(err)}. Check the network, then run again."
            raise ConnectionFailedError(msg, url=url) from err
        except ValueError:
            # The header is not quoted: it may be a credential.
            msg = f"{shown(url)}: a header can't be sent. Check the user agent and the credentials."
            raise RefusedAddressError(msg, url=url) from None

    def _pool(self, origin: str, url: str, *, is_public_only: bool) -> urllib3.HTTPConnectionPool:
        """Return the pool of an origin; the least recently used one makes room for a new one.

        Its connections are closed by urllib3 when the last thread that uses it has ended.
        """
        key = origin, is_public_only
        with self._lock:
            pool = self._pools.pop(key, None)
            if pool is None:
                pool = self._made(origin, url)
                configure(pool, self._response, is_public_only=is_public_only)
            self._pools[key] = pool
            if len(self._pools) > MOST_IDLE:
                del self._pools[next(iter(self._pools))]
            return pool

    def _made(self, origin: str, url: str) -> urllib3.HTTPConnectionPool:
        parts = urlsplit(origin)
        host, is_tls = parts.hostname or "", parts.scheme == "https"
        # No credentials are read from .netrc, and requests to this machine bypass proxies.
        proxies = {} if is_loopback(host) else get_environ_proxies(url, no_proxy=None)
        if proxy := select_proxy(url, proxies):
            # requests keeps one manager per proxy for both schemes, so it always needs a context.
            manager: urllib3.ProxyManager = self._proxies.proxy_manager_for(
                proxy, ssl_context=self._certificates
            )
            manager.pool_classes_by_scheme = dict(POOLS)
            return manager.connection_from_url(origin)
        if is_tls:
            return TlsPool(host, parts.port, ssl_context=self._certificates)
        return PlainPool(host, parts.port)

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """The certificates to trust: loading them takes longer than a download."""
        context, given = create_urllib3_context(), os.environ.get
        # The variables of requests replace certifi's bundle; Python's own, which organisations set,
        # is added.
        bundle = given("REQUESTS_CA_BUNDLE") or given("CURL_CA_BUNDLE") or certifi.where()
        for where in map(Path, filter(None, (bundle, given("SSL_CERT_FILE")))):
            try:
                if where.is_dir():
                    context.load_verify_locations(capath=where)
                else:
                    context.load_verify_locations(where)
            except OSError as err:
                msg = (
                    f"REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE: {where} holds no"
                    f" certificates that can be read: {err.strerror or err}. Mend it, or unset the"
                    " variable."
                )
                raise ConfigError(msg) from err
        return context


def _method(form: bytes | None) -> str:
    return "GET" if form is None else "POST"


class _Response(HTTPResponse):
    """A response with a deadline for its head and its body, and interim responses skipped.

    The standard library waits for each line of a head as long as bytes trickle in, accepts a head
    that is cut off, reads 100s without end, and returns other 1xx as the response, so that the
    connection's next request would get this one's picture.
    """

    def __init__(self, *args: Any, head_s: float, whole_s: float, **more: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **more)
        now_s = monotonic()
        self._ends_s = now_s + whole_s
        file: Any = self.fp
        self._timed = _TimedReader(file.detach(), min(now_s + head_s, self._ends_s))
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        super().begin()
        if self._timed.has_ended:
            msg = "the connection was closed within the head of the answer"
            raise RemoteDisconnected(msg)
        self._timed.ends_s = self._ends_s
        if self.status in {_SWITCHED, _NO_CONTENT}:
            self.will_close = True  # what follows is no response to the next request

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INTERIM):
            read: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if read[1] >= _FIRST_FINAL or read[1] == _SWITCHED:
                return read
            parse_headers(self.fp)
        msg = f"more than {_MOST_INTERIM} interim answers and no answer"
        raise HTTPException(msg)


class _TimedReader(io.RawIOBase):
    """A socket's file that raises TimeoutError from `ends_s` on, by the monotonic clock."""

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


# urllib3 names the object that failed: "HTTPConnection(host='a', port=80): ...".
_OBJECT = re.compile(r"^<?\w*(?:Connection|Pool|Manager)\w*\(.*?\)(?: object at \w+>)?: ")


def root(err: BaseException) -> str:
    """Return the readable reason, without the errors that wrap it."""
    inner = err.args[0] if err.args else err
    reason = getattr(inner, "reason", inner)
    return _OBJECT.sub("", " ".join(str(reason).split(">:")[-1].split()))[:200]
