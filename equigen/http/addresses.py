"""Addresses: how they are written for a host to understand, and shown so that nothing leaks."""

import re
from urllib.parse import urlsplit

import idna

# What can be sent as it stands; the rest is encoded first.
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?/[A-Za-z0-9/._~:@!$&'()*+,;=?-]*")
_HOST_PART = re.compile(r"[^/?#]*")
_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
_LOOSE_LOGIN = re.compile(r"[^/\s]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
_MOST_SHOWN_CHARS = 300


def is_plain(url: str) -> bool:
    """Tell whether a URL can be sent letter by letter, as nearly all can."""
    return bool(_PLAIN.fullmatch(url))


def origin(url: str) -> tuple[str, str, int]:
    """Return what a server is known by: another port can be another's, and http is read by all.

    Raises:
        ValueError: it is no URL.

    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def shown(url: str) -> str:
    """Return a URL for people: without a password that somebody put into it; cut where long."""
    return without_password(url).partition("#")[0][:_MOST_SHOWN_CHARS]


def without_password(url: str) -> str:
    """Return a URL without the name and password that somebody put into it."""
    before, scheme, rest = url.partition("://")
    host = _HOST_PART.match(rest)
    if not scheme or not host or "@" not in host[0]:
        return url
    return f"{before}{scheme}{host[0].rpartition('@')[2]}{rest[host.end() :]}"


def without_passwords(text: str) -> str:
    """Return a text without the name and password in any of the addresses that stand in it."""
    return _LOGIN.sub("", text)


def shown_in_part(text: str) -> str:
    """Return what can be shown of what should be an address and isn't: no login, and no query."""
    return _LOOSE_LOGIN.sub("", _QUERY.sub("?\u2026", text))


def host_name(host: str) -> str:
    """Return a host's name as it is asked for: in small letters, others than ASCII as punycode."""
    host = host.lower().rstrip(".")
    if host.isascii():
        return host
    try:
        return ".".join(map(_label, host.split(".")))
    except idna.IDNAError:  # no host has such a name, and none will be found
        return host


def _label(label: str) -> str:
    # As urllib3 does: https://www.rfc-editor.org/rfc/rfc5891 (IDNA 2008).
    if label.isascii():
        return label
    return idna.encode(label, strict=True, std3_rules=True).decode("ascii")
