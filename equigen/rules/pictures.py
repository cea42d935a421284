"""Which pictures are the same one, and which are none, told from the URL alone."""

import base64
import binascii
import re
from urllib.parse import unquote, urlsplit

_S3_PREFIX = "s3://"
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
_PLACEHOLDER_FILE = re.compile(r"/(?:spacer\.gif|default-release[^/]*\.png)$", re.IGNORECASE)
_EMPTY_HOST = "st.discogs.com"


def picture_key(image_url: str) -> str:
    """Return what stays the same of a picture's URL when it is signed anew.

    Discogs' signed URLs change and expire, but the path's last segments, joined, are the base64 of
    "s3://discogs-database-images/R-….jpeg"; older hosts (img., api-img., api.discogs.com) had that
    file name in the open. Both give "discogs:R-….jpeg". Any other URL is its own key.
    """
    try:
        parts = urlsplit(image_url)
    except ValueError:  # not an address at all, such as one with half an IPv6 host
        return image_url
    signed = _SIGNED_PATH.search(parts.path)
    if signed and (stored := _decode(signed["code"].replace("/", ""))):
        return "discogs:" + stored.rpartition("/")[2]
    if _DISCOGS_HOST.search(parts.hostname or "") and (file := _DISCOGS_FILE.search(parts.path)):
        return "discogs:" + unquote(file["kind"] + file["rest"])
    return image_url


def has_no_cover(image_url: str) -> bool:
    """Tell whether there is no cover to be had at the URL: not http, empty, or a placeholder."""
    try:
        parts = urlsplit(image_url)
    except ValueError:
        return True
    return parts.scheme not in {"http", "https"} or not parts.hostname or is_placeholder(image_url)


def is_placeholder(image_url: str) -> bool:
    """Tell whether the URL is empty, or that of a picture that says "no picture"."""
    try:
        parts = urlsplit(image_url)
    except ValueError:
        return False
    nothing_asked = parts.hostname == _EMPTY_HOST and parts.path in {"", "/"}
    return not image_url or nothing_asked or bool(_PLACEHOLDER_FILE.search(parts.path))


def _decode(code: str) -> str:
    padded = code.rstrip("=") + "=" * (-len(code.rstrip("=")) % 4)
    try:
        text = base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if text.startswith(_S3_PREFIX) else ""
