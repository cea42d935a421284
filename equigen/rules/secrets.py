"""Secrets in texts of strangers: a server may quote the very header that it was sent."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

STARS: Final = "***"
# What is shorter is no secret, and would be found in any text.
_LEAST_CHARS: Final = 4
# Base64 looks different at each of three places where a text can begin in another one.
_PLACES: Final = 3
_BETWEEN = re.compile(r"[,\s]+")


def without_secrets(text: str, headers: Iterable[str]) -> str:
    """Return a text without the secrets in `headers`, which are values of headers that were sent.

    Found are the values of a header ("Scheme key=VALUE, secret=VALUE", "Scheme VALUE"): as they
    are, percent-encoded, in JSON, in HTML, in hex and in base64, whatever the case of the letters.
    A start of one at the end of the text, where that was cut, goes as well.
    """
    forms = sorted({form for value in headers for form in _forms(value)}, key=len, reverse=True)
    if not forms:
        return text
    text = re.sub("|".join(map(re.escape, forms)), STARS, text, flags=re.IGNORECASE)
    return _without_start_at_end(text, forms)


def _forms(header: str) -> Iterator[str]:
    for secret in _secrets(header):
        quoted = json.dumps(secret)[1:-1]
        yield from (
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            quoted,
            quoted.replace("/", "\\/"),
            html.escape(secret),
            secret.encode().hex(),
        )
        yield from filter(None, _base64(secret.encode()))


def _secrets(header: str) -> set[str]:
    """Return what is secret in a header: behind its scheme, values of names, or words without."""
    scheme, _, given = header.partition(" ")
    parts = [given, *_BETWEEN.split(given)] if given else [scheme]
    values = {(part.partition("=")[2] or part).strip('"') for part in parts}
    words = {part for part in parts if "=" not in part}
    return {each for each in values | words if len(each) >= _LEAST_CHARS}


def _base64(secret: bytes) -> Iterator[str]:
    """Yield how base64 shows a secret wherever it stands, but for letters that others share."""
    for before in range(_PLACES):
        encoded = base64.b64encode(b"\0" * before + secret).decode().rstrip("=")
        whole = encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        if len(whole) >= _LEAST_CHARS * 2:
            yield whole
            yield whole.translate(str.maketrans("+/", "-_"))


def _without_start_at_end(text: str, forms: Iterable[str]) -> str:
    folded = text.lower()
    for form in forms:
        for length in range(min(len(form) - 1, len(text)), _LEAST_CHARS - 1, -1):
            if folded.endswith(form[:length].lower()):
                return text[:-length] + STARS
    return text
