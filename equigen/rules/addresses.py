"""Addresses: how they are written for a host to understand, and shown so that nothing leaks."""

import re
from urllib.parse import urlsplit

# What can be sent as it stands; the rest is encoded first.
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?/[A-Za-z0-9/._~:@!$&'()*+,;=?-]*")
_MOST_SHOWN_CHARS = 300


def is_plain(url: str) -> bool:
    """Tell whether a URL can be sent letter by letter, as nearly all can."""
    return bool(_PLAIN.fullmatch(url))


def shown(url: str) -> str:
    """Return a URL for people: without a password that somebody put into it; cut where long."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, fragment="").geturl()[:_MOST_SHOWN_CHARS]
