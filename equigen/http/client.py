"""Fetch over HTTP for all stages: rate limits, retries with backoff, redirects, size limits.

Errors that a retry can help are retried with exponential backoff and jitter, others raised at once.
Redirects are followed here, not by urllib3, so that each hop passes its own host's rate limit and
headers meant for one host never reach another.
"""

import random
import string
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from equigen.errors import (
    BadBodyError,
    ConnectionFailedError,
    FetchError,
    HttpStatusError,
    RefusedAddressError,
    TooLargeError,
    shortened,
)
from equigen.http.addresses import Censor, is_plain, origin, secrets_of, shown
from equigen.http.limits import (
    HostPolicy,
    Patience,
    PrivateAddresses,
    TokenGrant,
    retry_after_s,
    whole_number,
)
from equigen.http.pools import comes_from_private
from equigen.http.rate_limit import Clock, Gate, Gates, RequestCounter
from equigen.http.tokens import (
    GRANT_FORM,
    MOST_BYTES,
    Token,
    Tokens,
    basic_of,
    read_token,
    secrets_of_grant,
)
from equigen.http.transport import Connections, root
from equigen.output import tell

_WORTH_RETRYING = frozenset({408, 425, 429, *range(500, 600)})
_CHUNK_BYTES = 256 * 1024
# After `stop`, a body that takes longer than this is abandoned.
_STOPPED_BODY_S = 2
_FIRST_BACKOFF_S = 0.5
# A service that says so in the body of a 429, sometimes without a Retry-After, counts by day.
_QUOTA_SPENT = "QUOTA_EXCEEDED"
_DAY_S = 24 * 3600.0
# Discogs counts over a moving minute and sends no Retry-After: the backoff is longer than after a
# fault, so that all tries together outlast that minute.
_FIRST_BACKOFF_TOO_MANY_S = 2.5
_DEFAULT_MAX_BYTES = 16_000_000
# A part, the whole, or no such part.
_RANGE_ANSWERS = frozenset({206, 200, 416})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SCHEMES = frozenset({"http", "https"})
# An error message quotes so much of a response, out of so many bytes read.
_QUOTED_BYTES = 1000
_QUOTED_CHARS = 200
# A short body that isn't needed is still read, so that its connection can be reused.
_DRAINED_BYTES = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; `url` is the address after all redirects.

    `status` is 200, or 304 with an empty body for a conditional request.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int = HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Stream:
    """A response whose body is read while it arrives: `chunks` yields it without decompression.

    `status` is 200; for a range request also 206 or 416.
    """

    url: str
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    status: int = HTTPStatus.OK


class Client(AbstractContextManager["Client"]):
    """HTTP client; safe for use from several threads. Close it, or use it as a context.

    `policies` are by host pattern; `counter` keeps the requests of the day where a policy limits
    them.
    """

    def __init__(
        self,
        policies: Mapping[str, HostPolicy],
        *,
        user_agent: str,
        patience: Patience | None = None,
        counter: RequestCounter | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._clock = clock or Clock()
        self.gates = Gates(
            policies, clock=self._clock, max_wait_s=self._patience.max_wait_s, counter=counter
        )
        sent = (each for policy in policies.values() for each in policy.headers.values())
        grants = {policy.token for policy in policies.values() if policy.token}
        self._secrets = secrets_of(sent).union(*map(secrets_of_grant, grants))
        self._censor = Censor(self._secrets)
        self._last_token = ""
        self._tokens = Tokens(self._granted, self._clock.steady)
        self._random = random.Random()

        def told(url: str) -> str:
            return self._censor.clean(shown(url))

        self._connections, self._streams = (
            Connections(user_agent, self._patience, told, is_stream=is_stream)
            for is_stream in (False, True)
        )
        # tenacity keeps its statistics per thread.
        self._retrying = Retrying(
            retry=retry_if_exception(_is_worth_retrying),
            stop=stop_after_attempt(self._patience.tries),
            wait=self._backoff_s,
            sleep=self.gates.sleep,
            before_sleep=self._tell_of_retry,
            reraise=True,
        )

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()
        self._streams.close()

    def hide(self, text: str) -> str:
        """Hide the secrets that are sent in headers in a text that came from a host."""
        return self._censor.hide(text)

    def stop(self) -> None:
        """End all waits, now and later, with `StoppedError`; requests under way are completed."""
        self.gates.stop()

    def get(
        self,
        url: str,
        read: Callable[[Answer], T],
        *,
        params: Sequence[tuple[str, str]] = (),
        unless: Mapping[str, str] | None = None,
        max_bytes: int = _DEFAULT_MAX_BYTES,
    ) -> T:
        """Fetch `url` and return `read(answer)`.

        A `BadBodyError` raised by `read` (for torn JSON, say) is retried. `unless` are conditional
        headers, such as If-None-Match: where they match, `read` gets an answer with status 304 and
        no body.

        Raises:
            FetchError: after the retries that could help: another status than 200, no complete
                response, more than `max_bytes`, or a URL that can't or must not be fetched.
            HostRestsError: the day's quota is spent, or the host asks for more than `max_wait_s`.
            NotServedError: the host's policy leaves it to another client.
            StoppedError: `stop` was called during a wait.

        """
        full_url = url if is_plain(url) and not params else _encoded(url, params)
        accepted = {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED} if unless else {HTTPStatus.OK}

        def finish(url: str, response: urllib3.BaseHTTPResponse) -> Answer:
            body = self._whole(url, response, max_bytes)
            return Answer(url, response.headers, body, response.status)

        return self._tried(
            lambda: read(self._follow(self._connections, full_url, unless or {}, accepted, finish))
        )

    def stream(
        self,
        url: str,
        take: Callable[[Stream], T],
        *,
        asking: Callable[[], Mapping[str, str]] = dict,
    ) -> T:
        """Fetch `url` and return `take(stream)`, which reads the body while it arrives.

        `asking` returns the headers of each try, such as Range, so that a retry can resume. `take`
        is called once per try; a `BadBodyError` that it raises is retried. Raises the errors of
        `get`, except TooLargeError.
        """
        full_url = url if is_plain(url) else _encoded(url, ())

        def attempt() -> T:
            headers = {"Accept-Encoding": "identity", **asking()}
            accepted = _RANGE_ANSWERS if "Range" in headers else {HTTPStatus.OK}

            def finish(url: str, response: urllib3.BaseHTTPResponse) -> T:
                chunks = self._chunks(url, response, is_stream=True)
                return take(Stream(url, response.headers, chunks, response.status))

            return self._follow(self._streams, full_url, headers, accepted, finish)

        return self._tried(attempt)

    def post(
        self,
        url: str,
        read: Callable[[Answer], T],
        *,
        form: Sequence[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
        max_bytes: int = _DEFAULT_MAX_BYTES,
    ) -> T:
        """Post a form to `url` and return `read(answer)`; it is retried as `get` does.

        `headers` are sent beside the host's own. A redirect isn't followed: it raises an
        `HttpStatusError`. Raises the errors of `get`.
        """
        url = url if is_plain(url) else _encoded(url, ())
        body = urlencode(form).encode()
        is_public_only = self._patience.private_addresses is PrivateAddresses.NEVER

        def attempt() -> T:
            gate = self.gates.at(urlsplit(url).hostname or "")
            sent = {**gate.policy.headers, **(headers or {})}
            with (
                gate.passing(),
                closing(
                    self._connections.send(url, sent, is_public_only=is_public_only, form=body)
                ) as response,
            ):
                if response.status != HTTPStatus.OK:
                    raise self._status_error(gate, url, response)
                whole = self._whole(url, response, max_bytes)
            return read(Answer(url, response.headers, whole))

        # A token may be asked for while another request of this thread is being tried.
        return self._tried(attempt, self._retrying.copy())

    def _granted(self, grant: TokenGrant) -> Token:
        """Ask for a token; it is a secret from then on, as is the one before it."""
        token = self.post(
            grant.url, read_token, form=GRANT_FORM, headers=basic_of(grant), max_bytes=MOST_BYTES
        )
        self._censor = Censor({*self._secrets, self._last_token, token.text})
        self._last_token = token.text
        return token

    def _tried(self, attempt: Callable[[], T], retrying: Retrying | None = None) -> T:
        try:
            return (retrying or self._retrying)(attempt)
        except FetchError as err:
            err.tries = self.tries()
            # A server may quote secrets that it was sent, or redirect to a URL that contains them.
            err.args, err.url = (self._censor.clean(str(err)),), self._censor.clean(err.url)
            raise

    def _quoted(self, text: str) -> str:
        """Return a host's text for a message: redacted, on one line, printable and short."""
        clean = self._censor.clean(text)  # before the cut, which could hide the end of a secret
        words = " ".join("".join(char if char.isprintable() else " " for char in clean).split())
        return shortened(words, _QUOTED_CHARS)

    def tries(self) -> int:
        """Return how many tries the last `get` or `stream` of this thread took."""
        return int(self._retrying.statistics.get("attempt_number", 1))

    def _follow(
        self,
        connections: Connections,
        url: str,
        more: Mapping[str, str],
        accepted: Collection[int],
        finish: Callable[[str, urllib3.BaseHTTPResponse], T],
    ) -> T:
        start, private = url, self._patience.private_addresses
        is_public_only = private is PrivateAddresses.NEVER
        redirects, is_renewed = 0, False
        while redirects <= self._patience.max_redirects:
            gate = self.gates.at(urlsplit(url).hostname or "")
            headers = {**gate.policy.headers, **more}
            if grant := gate.policy.token:
                gate.raise_if_resting()  # before a request for a token that is of no use
                headers["Authorization"] = self._tokens.bearer(grant)
            with (
                gate.passing() as passage,
                closing(connections.send(url, headers, is_public_only=is_public_only)) as response,
            ):
                if prefix := gate.policy.ratelimit_prefix:
                    left = whole_number(response.headers.get(f"{prefix}-Remaining", ""))
                    passage.remaining = left if left >= 0 else None
                if grant and response.status == HTTPStatus.UNAUTHORIZED and not is_renewed:
                    self._tokens.drop(grant, headers["Authorization"])
                    is_renewed = True
                    continue
                location = response.headers.get("Location", "").strip(" \t")
                if not (location and response.status in _REDIRECTS):
                    if response.status not in accepted:
                        raise self._status_error(gate, url, response)
                    return finish(url, response)
                if private is PrivateAddresses.SAME:
                    is_public_only = not comes_from_private(url, response)
                with suppress(urllib3.exceptions.HTTPError, OSError):
                    _drain(response)  # the body of a redirect doesn't matter
            url = self._redirected(gate, url, location)
            redirects += 1
        msg = (
            f"{shown(start)}: more than {self._patience.max_redirects} redirects, the last to"
            f" {shown(url)}. The host is set up wrongly; nothing to mend here."
        )
        raise RefusedAddressError(msg, url=start)

    def _whole(self, url: str, response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
        if whole_number(response.headers.get("Content-Length", "")) > max_bytes:
            raise _too_large(url, max_bytes)
        limit_s = self._patience.slowest_s
        began_s = self._clock.steady()
        body = bytearray()
        for chunk in self._chunks(url, response, is_stream=False):
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(url, max_bytes)
            took_s = self._clock.steady() - began_s
            if took_s > _STOPPED_BODY_S:
                self.gates.raise_if_stopped()
            if took_s > limit_s:
                msg = f"{shown(url)}: the body wasn't whole after {limit_s:.0f} s. Run again."
                raise ConnectionFailedError(msg, url=url)
        return bytes(body)

    def _chunks(
        self, url: str, response: urllib3.BaseHTTPResponse, *, is_stream: bool
    ) -> Iterator[bytes]:
        came_bytes = 0
        try:
            while chunk := response.read1(_CHUNK_BYTES, decode_content=not is_stream):
                if is_stream:
                    self.gates.raise_if_stopped()
                came_bytes += len(chunk)
                yield chunk
        except urllib3.exceptions.DecodeError as err:
            msg = f"{shown(url)}: the body can't be unpacked: {root(err)}. Run again."
            raise BadBodyError(msg, url=url) from err
        except (urllib3.exceptions.HTTPError, OSError) as err:
            msg = f"{shown(url)}: cut off after {came_bytes:,} bytes: {root(err)}. Run again."
            raise ConnectionFailedError(msg, url=url) from err

    def _status_error(
        self, gate: Gate, url: str, response: urllib3.BaseHTTPResponse
    ) -> HttpStatusError:
        status, said = response.status, "cut off."
        why = f"it answered {status} and asked for a rest"
        pause_s = retry_after_s(response.headers.get("Retry-After", ""), self._clock.unix())
        with suppress(urllib3.exceptions.HTTPError, OSError):
            said = _drain(response).decode("utf-8", "replace")
        if status == HTTPStatus.TOO_MANY_REQUESTS and _QUOTA_SPENT in said:
            pause_s, why = pause_s or _DAY_S, "its quota of the day is spent"
        if pause_s > 0:
            gate.rest(pause_s, why=why)
        said = self._quoted(said)
        got = f"{status} {self._quoted(response.reason or '')}".rstrip()
        msg = f"{shown(url)}: expected status 200, got {got}{f': {said}' if said else '.'}"
        return HttpStatusError(msg, url=url, status=status, retry_after_s=pause_s)

    def _redirected(self, gate: Gate, url: str, location: str) -> str:
        try:
            target = urljoin(url, _as_sent(location))
            parts = urlsplit(target)
            is_same = origin(target) == origin(url)
        except ValueError as err:
            msg = f"{shown(url)}: redirects to {shown(location)!r}, which is no address: {err}."
            raise RefusedAddressError(msg, url=url) from err
        trouble = ""
        if parts.scheme not in _SCHEMES:
            trouble = "only http and https are followed"
        elif (gate.policy.headers or gate.policy.token) and not is_same:
            trouble = "credentials don't follow to another host"
        if trouble:
            msg = f"{shown(url)}: redirects to {shown(target)}, but {trouble}."
            raise RefusedAddressError(msg, url=url)
        return target if is_plain(target) else _encoded(target, ())

    def _tell_of_retry(self, state: RetryCallState) -> None:
        err = state.outcome.exception() if state.outcome else None
        url = self._censor.clean(shown(err.url)) if isinstance(err, FetchError) else ""
        wait_s = round(state.upcoming_sleep, 1)
        message = f"{self._censor.clean(str(err))} Trying again in {wait_s} s."
        tell("tried again", message, url=url, tries=state.attempt_number, wait_s=wait_s)

    def _backoff_s(self, state: RetryCallState) -> float:
        err = state.outcome.exception() if state.outcome else None
        refusal = err if isinstance(err, HttpStatusError) else None
        if refusal and refusal.retry_after_s:
            return refusal.retry_after_s
        is_too_many = refusal and refusal.status == HTTPStatus.TOO_MANY_REQUESTS
        first_s = _FIRST_BACKOFF_TOO_MANY_S if is_too_many else _FIRST_BACKOFF_S
        backoff_s: float = first_s * 2 ** (state.attempt_number - 1) * self._random.uniform(1, 1.5)
        backoff_s = min(backoff_s, self._patience.max_wait_s)
        if refusal and is_too_many:
            # The host counts the requests of all threads together, so all of them wait.
            self.gates.rest(urlsplit(refusal.url).hostname or "", backoff_s)
        return backoff_s


def _as_sent(header: str) -> str:
    """Return a header's text: it is read as Latin-1, but browsers and hosts write UTF-8."""
    sent = header.encode("latin-1", "replace")
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return quote(sent, safe=string.punctuation)


def _is_worth_retrying(err: BaseException) -> bool:
    if isinstance(err, HttpStatusError):
        return err.status in _WORTH_RETRYING
    return isinstance(err, (ConnectionFailedError, BadBodyError))


def _too_large(url: str, max_bytes: int) -> TooLargeError:
    msg = f"{shown(url)}: larger than the {max_bytes} bytes that `max_bytes` allows."
    return TooLargeError(msg, url=url)


def _encoded(url: str, params: Sequence[tuple[str, str]]) -> str:
    try:
        encoded = requests.Request("GET", url, params=list(params)).prepare().url or url
        scheme = urlsplit(encoded).scheme
    except (requests.RequestException, ValueError) as err:
        why = str(err).replace(url, shown(url))
        msg = f"{shown(url)}: not an address that can be asked: {why}. Expected http(s)://."
        raise RefusedAddressError(msg, url=url) from err
    if scheme not in _SCHEMES:
        msg = f"{shown(url)}: expected an address of http or https, got one of {scheme!r}."
        raise RefusedAddressError(msg, url=url)
    return encoded


def _drain(response: urllib3.BaseHTTPResponse) -> bytes:
    short = 0 <= whole_number(response.headers.get("Content-Length", "")) <= _DRAINED_BYTES
    return response.read(_DRAINED_BYTES if short else _QUOTED_BYTES, decode_content=True)
