"""Keep the tokens that hosts want: each is asked for when needed, and renewed before it expires."""

import json
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import urllib3

from equigen.errors import (
    BadBodyError,
    EquigenError,
    FetchError,
    HttpStatusError,
    refused,
)
from equigen.http.limits import TokenGrant

if TYPE_CHECKING:
    from equigen.http.client import Answer

GRANT_FORM: Final = (("grant_type", "client_credentials"),)
MOST_BYTES: Final = 64 * 1024
# Renewed so long before its end, or before the last tenth of its life.
_MARGIN_S = 60.0
_MARGIN_SHARE = 0.1
_USUAL_LIFE_S = 3600.0
_REFUSALS = frozenset({400, 401, 403})
# So long after all tries failed, nobody tries again.
_FAILED_FOR_S = 60.0


class Token(NamedTuple):
    """A token and the time for which it is valid."""

    text: str
    life_s: float


@dataclass(slots=True)
class Tokens:
    """The current tokens; safe for use from several threads, of which one renews for all.

    `ask` gets a new one; `steady` is a monotonic clock.
    """

    ask: Callable[[TokenGrant], Token]
    steady: Callable[[], float]
    _headers: dict[TokenGrant, tuple[str, float]] = field(default_factory=dict)
    _failed: dict[TokenGrant, tuple[EquigenError, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bearer(self, grant: TokenGrant) -> str:
        """Return the `Authorization` header with the current token, or a new one where it ends.

        Raises:
            CredentialsError: the credentials are refused, now or before.
            FetchError: no token could be had, now or a moment ago.
            HostRestsError, StoppedError: no token could be had.

        """
        with self._lock:
            failed, until_s = self._failed.get(grant, (None, 0.0))
            if failed and self.steady() < until_s:
                raise failed
            header, until_s = self._headers.get(grant, ("", 0.0))
            if not header or self.steady() >= until_s:
                token = self._asked(grant)
                margin_s = min(_MARGIN_S, token.life_s * _MARGIN_SHARE)
                header = f"Bearer {token.text}"
                self._headers[grant] = header, self.steady() + token.life_s - margin_s
            return header

    def drop(self, grant: TokenGrant, header: str) -> None:
        """Forget a token that the host refused, unless it was renewed meanwhile."""
        with self._lock:
            if self._headers.get(grant, ("", 0.0))[0] == header:
                del self._headers[grant]

    def _asked(self, grant: TokenGrant) -> Token:
        try:
            return self.ask(grant)
        except FetchError as err:
            if isinstance(err, HttpStatusError) and err.status in _REFUSALS:
                self._failed[grant] = refused(err, grant.refused), math.inf
            else:
                msg = (
                    f"{err} Nothing can be asked without a token: run the same command again later."
                )
                # It was retried already: the request that needs the token isn't.
                failed = FetchError(msg, url=err.url)
                self._failed[grant] = failed, self.steady() + _FAILED_FOR_S
            raise self._failed[grant][0] from None


def read_token(answer: "Answer") -> Token:
    """Read the answer to `GRANT_FORM`: https://www.rfc-editor.org/rfc/rfc6749#section-5.1.

    Raises:
        BadBodyError: it holds no token.

    """
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    text = found.get("access_token") if isinstance(found, dict) else None
    if not (isinstance(text, str) and text and text.isascii() and text.isprintable()):
        msg = f"{answer.url}: expected JSON with a token, got {len(answer.body)} bytes without one."
        raise BadBodyError(msg, url=answer.url)
    life_s = found.get("expires_in")
    is_number = isinstance(life_s, (int, float)) and not isinstance(life_s, bool) and life_s > 0
    return Token(text, min(life_s, _USUAL_LIFE_S) if is_number else _USUAL_LIFE_S)


def basic_of(grant: TokenGrant) -> Mapping[str, str]:
    """Return the header with the credentials: https://www.rfc-editor.org/rfc/rfc7617."""
    return urllib3.make_headers(basic_auth=f"{grant.client_id}:{grant.secret}")


def secrets_of_grant(grant: TokenGrant) -> set[str]:
    """Return the credentials, also as they are sent."""
    _, _, sent = basic_of(grant)["authorization"].partition(" ")
    return {grant.client_id, grant.secret, sent}
