"""Identify pictures by their URLs: the key that stays the same, the host, placeholders."""

import base64
import binascii
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

from equigen.http.addresses import host_name
from equigen.identity.invisible import INVISIBLE

# Each row's URL is parsed several times, within some thousand rows.
_CACHED = 4096
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_S3_PREFIX = "s3://"
_PLAIN_URL = re.compile(
    r"https?://(?P<host>[A-Za-z0-9.-]+)(?::\d{1,5})?(?P<path>/[^?#\s]*)(?:\?[^#\s]*)?"
)
# A signed path: /SIGNATURE/rs:fit/g:sm/q:90/h:600/w:600/<base64, cut by slashes>.jpeg
_SIGNED_PATH = re.compile(r"(?:/[a-z]+:[^/]*)+/(?P<code>[A-Za-z0-9_\-/]+={0,2})\.[a-z]+$")
# What stands before the first option of a signed path, and an address without that.
_SIGNATURE = re.compile(r"^(https?://[^/?#]+)/[^:?#]*(?=/[a-z]+:)")
_UNSIGNED = re.compile(r"https?://[^/?#]+/[a-z]+:")
_OF_DISCOGS: Final = "discogs:"
# How "s3://" begins in base64.
_STORED: Final = "/czM6Ly"
# Names of Discogs' own files: R-release, A-artist, L-label, M-master. Old URLs have a size, 90 or
# 150, before the number; it is a size if another number, too short for a time stamp, follows.
_DISCOGS_FILE = re.compile(
    r"/(?P<kind>[RALM]-)(?:(?:90|150)-(?=\d{1,9}-))?"
    r"(?P<rest>\d+[^/]*?\.(?:jpe?g|png|gif|webp))(?:\.jpe?g)?$",
    re.IGNORECASE,
)
_DISCOGS_HOST = re.compile(r"(?:^|\.)discogs\.com$")
# An album's cover at Spotify: its size (b273, 1e02 or 4851), then what all its sizes share.
_SPOTIFY = re.compile(r"https?://[^/?#]+/image/ab67616d0000[0-9a-f]{4}([0-9a-f]{24})", re.ASCII)
# A URL without any of these is its own key.
_SPECIAL = re.compile(r"/[a-z]+:|discogs\.com|/image/ab67616d0000", re.IGNORECASE)
# An id of MusicBrainz, as a pattern.
MBID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# The URL of a front cover in the Cover Art Archive: https://musicbrainz.org/doc/Cover_Art_Archive/API
_FRONT = re.compile(
    r"https?://(?:www\.)?coverartarchive\.org(?::\d{1,5})?/release(?:-group)?/"
    rf"(?P<mbid>{MBID})"
    r"/front(?:-\d{1,5})?(?:\.jpg)?/?(?:[?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_FRONT_PATH = "/release"
_AFTER_SCHEME = len("https:/")
# Of Spotify's forms: https://developer.spotify.com/documentation/web-api/reference/get-an-album
_TOLD_SIZES: Final[Sequence[tuple[re.Pattern[str], Mapping[str, int]]]] = (
    (re.compile(r"/release(?:-group)?/[0-9a-f-]{36}/front(?:-(?P<size>\d{1,5}))?$"), {"": 1200}),
    (
        re.compile(r"/image/ab67616d0000(?P<size>b273|1e02|4851)[0-9a-f]{24}$"),
        {"b273": 640, "1e02": 300, "4851": 64},
    ),
    (re.compile(r"/h:(?P<size>\d{1,5})/w:\d{1,5}/"), {}),
    (re.compile(r"/fit-in/(?P<size>\d{1,5})x\d{1,5}/"), {}),
    (re.compile(r"\._S[LXY](?P<size>\d{1,5})_\.[a-z]+$"), {}),
    (re.compile(r"7static\.com/.*_(?P<size>\d{1,5})\.jpg$"), {}),
)
_USUAL_PX = 500
_PLACEHOLDER_FILE = re.compile(r"/(?:spacer\.gif|default-release[^/]*\.png)$", re.IGNORECASE)
_EMPTY_HOST = "st.discogs.com"
# One of these is in the URL of every placeholder.
_PLACEHOLDER_PARTS = ("/spacer.gif", "/default-release", _EMPTY_HOST)


def clean_url(cell: str) -> str:
    """Return the URL of a cell that was copied from a page: without what isn't part of it.

    White space at the ends and invisible characters are removed, HTML's entities ("&amp;") are
    written as what they stand for. Cleaning a clean URL changes nothing.
    """
    text = cell.translate(INVISIBLE).strip()
    while (shorter := _ENTITY.sub(lambda found: html.unescape(found[0]), text)) != text:
        text = shorter.translate(INVISIBLE).strip()
    return text


def picture_key(image_url: str) -> str:
    """Return the key of a picture, which stays the same when its URL is signed anew.

    Discogs' signed URLs change and expire, but the last segments of the path, joined, are the
    base64 of "s3://discogs-database-images/R-….jpeg"; older hosts (img., api-img., api.discogs.com)
    have that file name in the URL. Both give "discogs:R-….jpeg". The front cover of a release group
    or a release in the Cover Art Archive is "coverart:MBID" in any size, an album's cover at
    Spotify since 2019 "spotify:" and 24 hex digits. Any other URL is its own key.
    """
    if _FRONT_PATH in image_url and (front := front_key(image_url)):
        return front
    if not _SPECIAL.search(image_url, _AFTER_SCHEME):
        return image_url  # the common case, kept fast
    if sized := _SPOTIFY.fullmatch(image_url):
        return f"spotify:{sized[1]}"
    address = _split(image_url)
    if signed := _SIGNED_PATH.search(address.path):
        stored = _decode(signed["code"].replace("/", ""))
        if stored:
            return _OF_DISCOGS + stored.rpartition("/")[2]
    if _DISCOGS_HOST.search(address.host):
        file = _DISCOGS_FILE.search(address.path)
        if file:
            return _OF_DISCOGS + unquote(file["kind"] + file["rest"])
    return image_url


def without_signature(image_url: str) -> str:
    """Return the address of a picture at Discogs without its signature, which expires.

    It has the picture's key still, but the host refuses it: `needs_renewal`. Others stay.
    """
    signed = _SIGNATURE.match(image_url)
    shorter = signed[1] + image_url[signed.end() :] if signed else image_url
    if _STORED in shorter:  # the common case, kept fast
        return shorter
    return shorter if picture_key(shorter).startswith(_OF_DISCOGS) else image_url


def needs_renewal(image_url: str) -> bool:
    """Tell whether an address lacks its signature, so that its source must be asked for it."""
    return bool(_UNSIGNED.match(image_url)) and picture_key(image_url).startswith(_OF_DISCOGS)


def front_url(base_url: str, mbid: str, cover_px: int, kind: str = "release-group") -> str:
    """Return the URL of a release group's front cover, its longer side `cover_px` long.

    It is a release's where the `kind` is "release". The archive has 250, 500 and 1200; for other
    sizes it silently gives the original.
    """
    return f"{base_url}/{kind}/{mbid}/front-{cover_px}"


def front_key(image_url: str) -> str:
    """Return the key of a front cover in the Cover Art Archive, in any size; "" for other URLs.

    On other hosts, such a path may mean something else.
    """
    front = _FRONT.fullmatch(image_url)
    return f"coverart:{front['mbid'].lower()}" if front else ""


def nominal_px(image_url: str) -> int:
    """Return the longer side, in pixels, that a picture has by the form of its URL.

    A URL that doesn't tell, as most of Amazon's, counts as 500; an original of the Cover Art
    Archive as its largest size.
    """
    for pattern, sizes in _TOLD_SIZES:
        if found := pattern.search(image_url):
            told = found["size"] or ""
            return int(sizes.get(told, told or 0))
    return _USUAL_PX


def host_of(image_url: str) -> str:
    """Return the host of a picture's URL; "" for URLs other than http and https."""
    host = _split(image_url).host.rstrip(".")
    return host if host.isascii() else host_name(host)


def has_no_cover(image_url: str) -> bool:
    """Tell whether a URL leads to no cover: it is empty, a placeholder, or not http(s)."""
    plain = _PLAIN_URL.fullmatch(image_url)  # the common case, kept fast
    has_host = (plain and plain["host"].strip(".")) or host_of(image_url)
    return not has_host or is_placeholder(image_url)


def is_placeholder(image_url: str) -> bool:
    """Tell whether a URL is empty, or that of a "no picture" image."""
    lower = image_url.lower()
    if not any(part in lower for part in _PLACEHOLDER_PARTS):
        return not image_url  # the common case, kept fast
    address = _split(image_url)
    is_bare_host = address.host == _EMPTY_HOST and address.path in {"", "/"}
    return is_bare_host or bool(_PLACEHOLDER_FILE.search(address.path))


@dataclass(frozen=True, slots=True)
class _Address:
    """The host and path of a URL; `host` is "" for URLs other than http and https."""

    host: str
    path: str


@lru_cache(maxsize=_CACHED)
def _split(url: str) -> _Address:
    # The common case, kept fast.
    if plain := _PLAIN_URL.fullmatch(url):
        return _Address(plain["host"].lower(), plain["path"])
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # malformed, such as half an IPv6 host
        return _Address("", "")
    return _Address(host if parts.scheme in {"http", "https"} else "", parts.path)


def _decode(code: str) -> str:
    padded = code.rstrip("=") + "=" * (-len(code.rstrip("=")) % 4)
    try:
        text = base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if text.startswith(_S3_PREFIX) else ""
