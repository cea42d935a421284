"""The open dumps by name: which file is which, what a host's index lists, what checksums say.

Discogs' are called `discogs_YYYYMMDD_masters.xml.gz`. MusicBrainz's has no date in its name, but
lies in a folder that has one; here it is `musicbrainz_YYYYMMDD-HHMMSS_release-group.tar.xz`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

GROUPS_FILE = "release-group.tar.xz"
_DISCOGS = re.compile(r"discogs_(\d{8})_(masters|releases)\.xml\.gz")
_DISCOGS_SUMS = re.compile(r"discogs_\d{8}_CHECKSUM\.txt")
_GROUPS = re.compile(r"musicbrainz_(\d{8}-\d{6})_release-group\.tar\.xz")
_STAMP = re.compile(r"\d{8}-\d{6}")
# sha256sum writes two spaces, or one and a star; Discogs has one space.
_SUM = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)")
_MOST_DIGITS = 18


class Kind(StrEnum):
    """What a dump holds."""

    MASTERS = "masters"
    RELEASES = "releases"
    GROUPS = "release-groups"


class DumpName(NamedTuple):
    """What a dump's file name says; `stamp` begins with its date (YYYYMMDD), "" where it has none.

    Stamps of one kind are in the order of time.
    """

    name: str
    kind: Kind
    stamp: str


class Listed(NamedTuple):
    """A file that a host lists; `size_bytes` is 0 where the list doesn't say."""

    name: str
    url: str
    size_bytes: int


def read_name(name: str) -> DumpName | None:
    """Read the name of a file; `None` for one that is no dump that is used here."""
    if found := _DISCOGS.fullmatch(name):
        return DumpName(name, Kind(found[2]), found[1])
    if found := _GROUPS.fullmatch(name):
        return DumpName(name, Kind.GROUPS, found[1])
    if name == GROUPS_FILE:  # as a browser saves it
        return DumpName(name, Kind.GROUPS, "")
    return None


def dumps_among(names: Iterable[str], kind: Kind, date: str = "") -> Sequence[DumpName]:
    """Return the dumps of a kind among files, the newest first; only those of `date` if given."""
    read = (found for name in names if (found := read_name(name)))
    fitting = [found for found in read if found.kind == kind and found.stamp.startswith(date)]
    return sorted(fitting, key=lambda found: found.stamp, reverse=True)


def newest(names: Iterable[str], kind: Kind, date: str = "") -> str:
    """Return the newest dump of a kind among files, or that of `date` (YYYYMMDD); "" for none.

    A dump without a date in its name is the oldest of all.
    """
    found = dumps_among(names, kind, date)
    return found[0].name if found else ""


def groups_name(stamp: str) -> str:
    """Return what MusicBrainz's dump of a folder (YYYYMMDD-HHMMSS) is called here."""
    return f"musicbrainz_{stamp}_{GROUPS_FILE}"


def checksums_name(date: str) -> str:
    """Return the file that has the checksums of the Discogs dumps of a date."""
    return f"discogs_{date}_CHECKSUM.txt"


def read_stamp(text: str) -> str:
    """Return the folder that MusicBrainz's LATEST names; "" where it names none."""
    return text.strip() if _STAMP.fullmatch(text.strip()) else ""


def read_stamps(page: str, url: str) -> Sequence[str]:
    """Return the folders (YYYYMMDD-HHMMSS) that a page links to, the newest first."""
    names = {_last_part(urlsplit(link).path) for link in _Index(page).links_from(url)}
    return sorted(filter(_STAMP.fullmatch, names), reverse=True)


def read_index(page: str, url: str) -> Mapping[str, Listed]:
    """Return the Discogs dumps and checksum files that an index lists, by name.

    The index is a page that links to them, by `?download=KEY` or by path, or a listing of an S3
    bucket, which has sizes; `url` is where it came from. Others than masters and releases are left
    out.
    """
    index = _Index(page)
    found: dict[str, Listed] = {}
    for key, size_bytes in index.entries:
        name = _last_part(key)
        if _is_discogs(name):
            found.setdefault(name, Listed(name, urljoin(url, quote(key)), size_bytes))
    for link in index.links_from(url):
        parts = urlsplit(link)
        name = _last_part(parse_qs(parts.query).get("download", [parts.path])[0])
        if _is_discogs(name):
            found.setdefault(name, Listed(name, link, 0))
    return found


def read_checksums(text: str) -> Mapping[str, str]:
    """Return the SHA-256 of each file, in small letters, by the last part of its name.

    Lines may stand in any order, with one space, two, or one and a star between sum and name; what
    is no such line is passed over.
    """
    lines = (_SUM.fullmatch(line.strip()) for line in text.splitlines())
    return {_last_part(line[2]): line[1].lower() for line in lines if line}


def _is_discogs(name: str) -> bool:
    return bool(_DISCOGS.fullmatch(name) or _DISCOGS_SUMS.fullmatch(name))


def _last_part(path: str) -> str:
    return unquote(path).rstrip("/").rpartition("/")[2]


class _Index(HTMLParser):
    """The links of a page, and the entries of a bucket's listing: tags are tags to it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._hrefs: list[str] = []
        self.entries: list[tuple[str, int]] = []
        self._open = self._key = self._size = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link; begin an entry."""
        self._open = tag
        if tag == "contents":
            self._key = self._size = ""
        self._hrefs += [value for name, value in attrs if tag == "a" and name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        """Keep an entry that is whole."""
        self._open = ""
        if tag == "contents" and self._key:
            size = self._size.strip()
            known = size.isascii() and size.isdecimal() and len(size) <= _MOST_DIGITS
            self.entries.append((self._key.strip(), int(size) if known else 0))

    def handle_data(self, data: str) -> None:
        """Take what an entry says of itself."""
        if self._open == "key":
            self._key += data
        elif self._open == "size":
            self._size += data

    def links_from(self, url: str) -> Iterable[str]:
        """Yield all links in full; what is no address is passed over."""
        for href in self._hrefs:
            try:
                link = urljoin(url, href)
                urlsplit(link)
            except ValueError:
                continue
            yield link
