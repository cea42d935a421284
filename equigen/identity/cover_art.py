"""Addresses of the Cover Art Archive: https://musicbrainz.org/doc/Cover_Art_Archive/API."""

import re

# The host in any letters, the group's id, and "front" with or without a size.
_FRONT = re.compile(
    r"https?://(?:www\.)?coverartarchive\.org(?::\d{1,5})?/release-group/"
    r"(?P<mbid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"/front(?:-\d{1,5})?(?:\.jpg)?/?(?:[?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


def front_url(base_url: str, mbid: str, cover_px: int) -> str:
    """Return where a release group's front cover is, its longer side `cover_px` long.

    The archive has 250, 500 and 1200; asked for any other, it silently gives the original.
    """
    return f"{base_url}/release-group/{mbid}/front-{cover_px}"


def front_key(image_url: str) -> str:
    """Return what stays the same of a front cover's address in any size, "" for other addresses.

    The host must be the archive itself: elsewhere such a path may mean something else.
    """
    front = _FRONT.fullmatch(image_url)
    return f"coverart:{front['mbid'].lower()}" if front else ""
