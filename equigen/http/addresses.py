"""Encode URLs for requests, and redact them for messages."""

import re
from urllib.parse import urlsplit

import idna

# URLs that can be sent as they are; others are encoded first.
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?/[A-Za-z0-9/._~:@!$&'()*+,;=?-]*")
_HOST_PART = re.compile(r"[^/?#]*")
_LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
_LOOSE_LOGIN = re.compile(r"[^/\s]*@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)
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


def without_password(url: str) -> str:
    """Return a URL without its login (user name and password)."""
    before, scheme, rest = url.partition("://")
    host = _HOST_PART.match(rest)
    if not scheme or not host or "@" not in host[0]:
        return url
    return f"{before}{scheme}{host[0].rpartition('@')[2]}{rest[host.end() :]}"


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
        return ".".join(map(_label, host.split(".")))
    except idna.IDNAError:  # no host can have this name; the look-up will fail
        return host


def _label(label: str) -> str:
    # As urllib3 does: https://www.rfc-editor.org/rfc/rfc5891 (IDNA 2008).
    if label.isascii():
        return label
    return idna.encode(label, strict=True, std3_rules=True).decode("ascii")
