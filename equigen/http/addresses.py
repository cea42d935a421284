"""Encode URLs for requests, show them in messages, and redact secrets."""

import base64
import ipaddress
import json
import re
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html.entities import html5
from typing import Final
from urllib.parse import unquote, urlsplit

import idna

from equigen.schema import MOST_CHARS

# URLs that can be sent as they are; others are encoded first.
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?/[A-Za-z0-9/._~:@!$&'()*+,;=?-]*")
_START_LOGIN = re.compile(r"\A[^/?#]*@")
_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
_LOOSE_LOGIN = re.compile(r"[^/\s]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
# Parameters, of a query, a path or a fragment, that let in whoever has them, by the names that
# Amazon, Google, Azure, Akamai, Cloudflare and others give them.
_LETS_IN = re.compile(
    r"[?&;#/~](?:[\w.-]*(?:signature|credentials?|token|secret|passw(?:or)?d|session(?:_?id)?|jwt"
    r"|api[_-]?key)|(?:[\w.-]*[_.-])?(?:sig|auth|authorization|key|pass|pwd|hmac|verify|sid)"
    r"|hdn(?:ts|ea)|(?:access|private|secret)key)=",
    re.IGNORECASE,
)
_MOST_SHOWN_CHARS = 300


def is_plain(url: str) -> bool:
    """Tell whether a URL can be sent as it is, without encoding."""
    return bool(_PLAIN.fullmatch(url))


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port, which together identify a server.

    Raises:
        ValueError: `url` is malformed.

    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def shown(url: str) -> str:
    """Return a URL for messages: without login and fragment, cut where it is long."""
    return without_password(url).partition("#")[0][:_MOST_SHOWN_CHARS]


def lets_in(url: str) -> bool:
    """Tell whether an address has a token, a signature or another secret among its parameters."""
    return "=" in url and bool(_LETS_IN.search(unquote(url)))


def without_password(url: str) -> str:
    """Return a URL without its login (user name and password)."""
    before, scheme, rest = url.partition("://")
    return before + scheme + _START_LOGIN.sub("", rest)


def without_passwords(text: str) -> str:
    """Return a text without the logins of the URLs in it."""
    return _LOGIN.sub("", text)


def shown_in_part(text: str) -> str:
    """Return a malformed URL for messages: without login and query."""
    return _LOOSE_LOGIN.sub("", _QUERY.sub("?\u2026", text))


def host_name(host: str) -> str:
    """Return a host name in lower case, with punycode for labels that aren't ASCII."""
    host = host.lower().rstrip(".")
    if host.isascii():
        return host
    try:
        # As urllib3 does: https://www.rfc-editor.org/rfc/rfc5891 (IDNA 2008).
        return ".".join(
            label if label.isascii() else idna.encode(label, strict=True, std3_rules=True).decode()
            for label in host.split(".")
        )
    except idna.IDNAError:  # no host can have this name; the look-up will fail
        return host


# IPv6 whose last 32 bits are an address of IPv4: RFC 4291, 2.5.5.1; RFC 6052, 2.1; RFC 2765, 2.1.
_HOLDING_V4 = tuple(map(ipaddress.ip_network, ("::/96", "64:ff9b::/96", "::ffff:0:0:0/96")))
# Python's own list has neither: RFC 8215 (translation within a network), RFC 3879 (site-local).
_MORE_PRIVATE = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10")))
# RFC 6761, 6.3, and what systems have in /etc/hosts.
_OWN_NAMES = frozenset({"localhost", "localhost6", "localhost.localdomain"})


def is_private(host: str) -> bool:
    """Tell whether an address, or a host that spells one, is of this machine or its networks.

    Spellings are those that systems connect to (127.1, 0x7f000001, 2130706433, ::ffff:127.0.0.1).
    Of names only "localhost" is, and what ends in it.
    """
    host = host.lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))
        except (OSError, ValueError):
            return host in _OWN_NAMES or host.endswith(".localhost")
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _MORE_PRIVATE):
            return True
        inner = address.ipv4_mapped or address.sixtofour
        if any(address in network for network in _HOLDING_V4):
            inner = ipaddress.IPv4Address(address.packed[12:])
        address = inner or address
    return not address.is_global or address.is_multicast


STARS: Final = "***"
# A prefix of so many characters is taken for the secret, since quotes may be cut off; at the end of
# a text, where a cut is likely, the shorter one suffices.
_START_CHARS: Final = 8
_LEAST_CHARS: Final = 4
_LEAST_BASE64: Final = 6
# Base64 of a text depends on its offset, modulo three, within the encoded bytes.
_PLACES: Final = 3
# Web forms write a space like this, and JSON sometimes a slash.
_ALSO: Final = {" ": "+", "/": "\\/"}
_BETWEEN = re.compile(r"[,\s]+")
_NAMED = re.compile(r'[\w-]+="?([^"=].*?)"?')


class Censor:
    """Redactor of known secrets, also where they are cut off, and of logins in URLs.

    Secrets are found verbatim, with any letters percent-encoded or escaped as in JSON or HTML (by
    number or name, plain letters as well), and in hex and base64, in upper and lower case.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first, since one secret may be the prefix of another.
        ordered = sorted(filter(None, set(secrets)), key=lambda secret: (-len(secret), secret))
        self._forms = [_Form(letters) for secret in ordered for letters in _forms(secret)]
        # One quick search, since nearly all texts contain no secret.
        self._any = _pattern("|".join(form.begin for form in self._forms) or r"(?!)")

    def clean(self, text: str) -> str:
        """Return the text with stars in place of secrets, and URLs without logins."""
        if self._any.search(text):
            for form in self._forms:
                text = form.hidden(text)
        return without_passwords(text)

    def hide(self, text: str) -> str:
        """Return a name or URL with stars in place of whole secrets.

        Parts of secrets stay, since a name may contain the same letters; but not in a text that
        was cut to the longest name.
        """
        if self._any.search(text):
            is_cut = len(text) >= MOST_CHARS
            for form in self._forms:
                text = form.hidden(text) if is_cut else form.whole.sub(STARS, text)
        return text


def secrets_of(headers: Iterable[str]) -> set[str]:
    """Extract the secrets from values of headers.

    They follow the scheme, with or without names: "Scheme key=VALUE, secret=VALUE", "Scheme VALUE".
    Very short values are no secrets, and would be found in any text.
    """
    found = set()
    for header in headers:
        scheme, _, given = header.partition(" ")
        for part in _BETWEEN.split(given or scheme):
            named = _NAMED.fullmatch(part)
            found.add(named[1] if named else part)
    return {each for each in found if len(each) >= _LEAST_CHARS}


class _Form:
    """One way to write a secret, with a pattern for each of its letters."""

    def __init__(self, letters: Sequence[str]) -> None:
        first, self._rest = letters[:_START_CHARS], letters[_START_CHARS:]
        self.begin = "".join(letters[:_LEAST_CHARS])
        self._start = _pattern("".join(first))
        self.whole = _pattern("".join(letters))
        lengths = range(len(first) - 1, _LEAST_CHARS - 1, -1)
        starts = ["".join(first[:length]) for length in lengths]
        self._cut_off = _pattern(rf"(?:{'|'.join(starts)})\Z") if starts else None

    def hidden(self, text: str) -> str:
        """Return a text with stars in place of the secret and of its prefixes."""
        parts, at = list[str](), 0
        while found := self._start.search(text, at):
            parts += [text[at : found.start()], STARS]
            at = found.end()
            for letter in self._rest:
                more = _pattern(letter).match(text, at)
                if not more:
                    break
                at = more.end()
        text = "".join([*parts, text[at:]])
        return self._cut_off.sub(STARS, text) if self._cut_off else text


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _forms(secret: str) -> Iterator[list[str]]:
    yield [_letter(letter) for letter in secret]
    raw = secret.encode("utf-8", "surrogatepass")
    yield [f"{byte:02x}" for byte in raw]
    for before in range(_PLACES):
        # At this offset, these letters depend on the secret alone, not on its neighbours.
        whole = base64.b64encode(bytes(before) + raw).decode()
        letters = whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(letters) >= _LEAST_BASE64:
            yield [{"+": "[+-]", "/": "[/_]"}.get(letter, letter) for letter in letters]


def _letter(letter: str) -> str:
    raw = letter.encode("utf-8", "surrogatepass")
    ways = {letter, json.dumps(letter)[1:-1], _ALSO.get(letter, letter), *_entities()[letter]}
    ways.add("".join(f"%{byte:02x}" for byte in raw))
    # Longest first, since an escape may begin with the letter itself.
    found = [re.escape(way) for way in sorted(ways, key=lambda way: (-len(way), way))]
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    numbers = rf"(?:0*{ord(letter)}(?!\d)|x0*{ord(letter):x}(?![\da-f]))"
    json_escape = "".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4))
    return f"(?:{json_escape}|&#{numbers};?|{'|'.join(found)})"


@cache
def _entities() -> Mapping[str, Sequence[str]]:
    """Return the names by which HTML refers to a character, such as "&amp;"."""
    names = defaultdict[str, list[str]](list)
    for name, characters in html5.items():
        names[characters].append(f"&{name}")
    return names
