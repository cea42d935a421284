"""Which pictures are the same one, and which are none, told from the URL alone."""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from equigen.http.addresses import host_name
from equigen.identity.cover_art import front_key

# Each row's URL is looked at several times, some rows after another.
_LATEST = 4096
_S3_PREFIX = "s3://"
_PLAIN_URL = re.compile(
    r"https?://(?P<host>[A-Za-z0-9.-]+)(?::\d{1,5})?(?P<path>/[^?#\s]*)(?:\?[^#\s]*)?"
)
# A signed path: /SIGNATURE/rs:fit/g:sm/q:90/h:600/w:600/<base64, cut by slashes>.jpeg
_SIGNED_PATH = re.compile(r"(?:/[a-z]+:[^/]*)+/(?P<code>[A-Za-z0-9_\-/]+={0,2})\.[a-z]+$")
# Names of Discogs' own files: R-release, A-artist, L-label, M-master. Old addresses put a size (90,
# 150) before the number: it is one where another number, too short for a time stamp, follows.
_DISCOGS_FILE = re.compile(
    r"/(?P<kind>[RALM]-)(?:(?:90|150)-(?=\d{1,9}-))?"
    r"(?P<rest>\d+[^/]*?\.(?:jpe?g|png|gif|webp))(?:\.jpe?g)?$",
    re.IGNORECASE,
)
_DISCOGS_HOST = re.compile(r"(?:^|\.)discogs\.com$")
# What a URL has that is more than its own key.
_TELLING = re.compile(r"/[a-z]+:|discogs\.com", re.IGNORECASE)
_IN_FRONTS = "/release-group/"
_AFTER_SCHEME = len("https:/")
_PLACEHOLDER_FILE = re.compile(r"/(?:spacer\.gif|default-release[^/]*\.png)$", re.IGNORECASE)
_EMPTY_HOST = "st.discogs.com"
# One of these is in the URL of every placeholder.
_PLACEHOLDER_PARTS = ("/spacer.gif", "/default-release", _EMPTY_HOST)


def picture_key(image_url: str) -> str:
    """Return what stays the same of a picture's URL when it is signed anew.

    Discogs' signed URLs change and expire, but the path's last segments, joined, are the base64 of
    "s3://discogs-database-images/R-….jpeg"; older hosts (img., api-img., api.discogs.com) had that
    file name in the open. Both give "discogs:R-….jpeg". A release group's front cover in the Cover
    Art Archive is "coverart:MBID" in any size. Any other URL is its own key.
    """
    if _IN_FRONTS in image_url and (front := front_key(image_url)):
        return front
    if not _TELLING.search(image_url, _AFTER_SCHEME):
        return image_url  # as most are, and a dataset has a million of them
    address = _split(image_url)
    if signed := _SIGNED_PATH.search(address.path):
        stored = _decode(signed["code"].replace("/", ""))
        if stored:
            return "discogs:" + stored.rpartition("/")[2]
    if _DISCOGS_HOST.search(address.host):
        file = _DISCOGS_FILE.search(address.path)
        if file:
            return "discogs:" + unquote(file["kind"] + file["rest"])
    return image_url


def host_of(image_url: str) -> str:
    """Return the host that a picture comes from; "" where the URL is none of http or https."""
    host = _split(image_url).host.rstrip(".")
    return host if host.isascii() else host_name(host)


def has_no_cover(image_url: str) -> bool:
    """Tell whether there is no cover to be had at the URL: not http, empty, or a placeholder."""
    plain = _PLAIN_URL.fullmatch(image_url)  # as most are
    has_host = (plain and plain["host"].strip(".")) or host_of(image_url)
    return not has_host or is_placeholder(image_url)


def is_placeholder(image_url: str) -> bool:
    """Tell whether the URL is empty, or that of a picture that says "no picture"."""
    lower = image_url.lower()
    if not any(part in lower for part in _PLACEHOLDER_PARTS):
        return not image_url  # as most are, and a dataset has a million of them
    address = _split(image_url)
    nothing_asked = address.host == _EMPTY_HOST and address.path in {"", "/"}
    return nothing_asked or bool(_PLACEHOLDER_FILE.search(address.path))


@dataclass(frozen=True, slots=True)
class _Address:
    """What tells pictures apart; `host` is empty where the URL is none of http or https."""

    host: str
    path: str


@lru_cache(maxsize=_LATEST)
def _split(url: str) -> _Address:
    # Most URLs are plain, and a dataset has a million of them.
    if plain := _PLAIN_URL.fullmatch(url):
        return _Address(plain["host"].lower(), plain["path"])
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # not an address at all, such as one with half an IPv6 host
        return _Address("", "")
    return _Address(host if parts.scheme in {"http", "https"} else "", parts.path)


def _decode(code: str) -> str:
    padded = code.rstrip("=") + "=" * (-len(code.rstrip("=")) % 4)
    try:
        text = base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if text.startswith(_S3_PREFIX) else ""
