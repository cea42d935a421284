"""Find dumps on the hosts: parse their listings and checksums, with as few requests as possible."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

from equigen.config.source_settings import DumpsSettings
from equigen.dumps.files import GROUPS_FILE, Kind, checksums_name, dumps_among, groups_name
from equigen.errors import (
    BadBodyError,
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    UsageError,
)
from equigen.http.addresses import shown
from equigen.http.client import Answer, Client

_MAX_BYTES = 10_000_000
_NOT_FOUND = 404
_MOST_NAMED = 6
_MOST_DIGITS = 18
_DISCOGS_FILE = re.compile(r"discogs_\d{8}_(?:(?:masters|releases)\.xml\.gz|CHECKSUM\.txt)")
_STAMP = re.compile(r"\d{8}-\d{6}")
# sha256sum writes two spaces, or one and a star; Discogs writes one space.
_SUM = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)")


class Listed(NamedTuple):
    """A file in a host's listing; `size_bytes` is 0 where the listing has no sizes."""

    name: str
    url: str
    size_bytes: int


class Offer(NamedTuple):
    """A dump on a host; `size_bytes` is 0 where the host's listing has no sizes.

    `name` is its local file name, `host_name` its name in the host's checksums.
    """

    kind: Kind
    stamp: str
    name: str
    url: str
    size_bytes: int
    host_name: str
    checksums_url: str


@dataclass(slots=True)
class Finder:
    """A client of the hosts' listings that requests each page once; `year` is this year."""

    client: Client
    settings: DumpsSettings
    year: int
    _indexes: dict[int, Mapping[str, Listed]] = field(default_factory=dict)
    _checksums: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _no_index: EquigenError | None = None

    def find(self, kind: Kind) -> Offer:
        """Return the newest dump of a kind that has checksums, or that of the date in the settings.

        Raises:
            UsageError: there is none of that date.
            FetchError, HostRestsError: as `Client.get`, or a listing names no dump at all.

        """
        return self._groups() if kind is Kind.GROUPS else self._discogs(kind)

    def sha256(self, offer: Offer) -> str:
        """Return the published SHA-256 of a dump.

        Raises:
            BadBodyError: the host publishes none; without it no dump is downloaded.
            FetchError, HostRestsError: as `Client.get`.

        """
        url = offer.checksums_url
        if url not in self._checksums:
            self._checksums[url] = read_checksums(self.client.get(url, _text, max_bytes=_MAX_BYTES))
        sha256 = self._checksums[url].get(offer.host_name, "")
        if not sha256:
            msg = (
                f"{shown(url)}: expected a line with the SHA-256 of {offer.host_name}, got none:"
                " what can't be checked isn't downloaded. Try another --date, or run again later."
            )
            raise BadBodyError(msg, url=url)
        return sha256

    def _discogs(self, kind: Kind) -> Offer:
        date = self.settings.date
        without_sums: list[str] = []
        for year in [int(date[:4])] if date else [self.year, self.year - 1]:
            index = self._index(year)
            for found in dumps_among(index, kind, date):
                sums = index.get(checksums_name(found.stamp))
                if sums:
                    _, url, size_bytes = index[found.name]
                    name = found.name
                    return Offer(kind, found.stamp, name, url, size_bytes, name, sums.url)
                without_sums.append(found.name)
        dates = (
            found.stamp for index in self._indexes.values() for found in dumps_among(index, kind)
        )
        raise self._none(kind, self.settings.discogs_url, list(dates), without_sums)

    def _index(self, year: int) -> Mapping[str, Listed]:
        if self._no_index:
            raise self._no_index  # found for another kind: the host was tried often enough
        if year not in self._indexes:
            page = f"{self.settings.discogs_url}/"
            params = [("prefix", f"data/{year:04}/")]
            try:
                index = self.client.get(page, _index_of, params=params, max_bytes=_MAX_BYTES)
            except (FetchError, HostRestsError) as err:
                if not (isinstance(err, HttpStatusError) and err.status == _NOT_FOUND):
                    self._no_index = err
                    raise
                index = {}
            self._indexes[year] = index
        return self._indexes[year]

    def _groups(self) -> Offer:
        base = self.settings.musicbrainz_url
        if date := self.settings.date:
            url = f"{base}/"
            stamps = read_stamps(self.client.get(url, _text, max_bytes=_MAX_BYTES), url)
            stamp = next((each for each in stamps if each.startswith(date)), "")
        else:
            url, stamps = f"{base}/LATEST", []
            stamp = read_stamp(self.client.get(url, _text, max_bytes=_MAX_BYTES))
        if not stamp:
            raise self._none(Kind.GROUPS, url, [each[:8] for each in stamps], [])
        folder = f"{base}/{stamp}"
        return Offer(
            Kind.GROUPS,
            stamp,
            groups_name(stamp),
            f"{folder}/{GROUPS_FILE}",
            0,
            GROUPS_FILE,
            f"{folder}/SHA256SUMS",
        )

    def _none(
        self, kind: Kind, url: str, dates: Sequence[str], without_sums: Sequence[str]
    ) -> UsageError | BadBodyError:
        date = self.settings.date
        if without_sums:
            msg = (
                f"{shown(url)}: {without_sums[0]} is listed, but no checksums of that day: what"
                " can't be checked isn't downloaded. Try another --date, or run again later."
            )
            return BadBodyError(msg, url=url)
        if date and dates:
            msg = (
                f"--date (dumps.date) {date}: {shown(url)} lists no {kind} of that day, but of"
                f" {', '.join(dates[:_MOST_NAMED])}. Give one of these, or none for the newest."
            )
            return UsageError(msg)
        of_day = f" of {date}" if date else ""
        msg = (
            f"{shown(url)}: expected a list of dumps, got a page that names no {kind}{of_day}."
            " Check the address ([dumps] in config.toml) and the date, or run again later."
        )
        return BadBodyError(msg, url=url)


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _index_of(answer: Answer) -> Mapping[str, Listed]:
    return read_index(_text(answer), answer.url)


def read_stamp(text: str) -> str:
    """Parse MusicBrainz's LATEST, which names a folder; return "" for anything else."""
    return text.strip() if _STAMP.fullmatch(text.strip()) else ""


def read_stamps(page: str, url: str) -> Sequence[str]:
    """Return the folders (YYYYMMDD-HHMMSS) that a page links to, newest first."""
    names = {_last_part(urlsplit(link).path) for link in _Index(page).links_from(url)}
    return sorted(filter(_STAMP.fullmatch, names), reverse=True)


def read_index(page: str, url: str) -> Mapping[str, Listed]:
    """Return the masters, releases and checksum files in Discogs' listing, by name.

    The listing is a page with links, by `?download=KEY` or by path, or that of an S3 bucket, which
    has sizes; `url` is its address.
    """
    index = _Index(page)
    found: dict[str, Listed] = {}
    for key, size_bytes in index.entries:
        name = _last_part(key)
        if _DISCOGS_FILE.fullmatch(name):
            found.setdefault(name, Listed(name, urljoin(url, quote(key)), size_bytes))
    for link in index.links_from(url):
        parts = urlsplit(link)
        name = _last_part(parse_qs(parts.query).get("download", [parts.path])[0])
        if _DISCOGS_FILE.fullmatch(name):
            found.setdefault(name, Listed(name, link, 0))
    return found


def read_checksums(text: str) -> Mapping[str, str]:
    """Return the SHA-256 of each file, in small letters, by the last part of its name.

    Lines without a checksum are ignored.
    """
    lines = (_SUM.fullmatch(line.strip()) for line in text.splitlines())
    return {_last_part(line[2]): line[1].lower() for line in lines if line}


def _last_part(path: str) -> str:
    return unquote(path).rstrip("/").rpartition("/")[2]


class _Index(HTMLParser):
    """The links of an HTML page, and the entries of an S3 bucket's XML listing."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._hrefs: list[str] = []
        self.entries: list[tuple[str, int]] = []
        self._open = self._key = self._size = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect a link, or start an entry."""
        self._open = tag
        if tag == "contents":
            self._key = self._size = ""
        self._hrefs += [value for name, value in attrs if tag == "a" and name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        """Finish an entry."""
        self._open = ""
        if tag == "contents" and self._key:
            size = self._size.strip()
            known = size.isascii() and size.isdecimal() and len(size) <= _MOST_DIGITS
            self.entries.append((self._key.strip(), int(size) if known else 0))

    def handle_data(self, data: str) -> None:
        """Collect the key or size of an entry."""
        if self._open == "key":
            self._key += data
        elif self._open == "size":
            self._size += data

    def links_from(self, url: str) -> Iterable[str]:
        """Yield all links as absolute URLs; ignore malformed ones."""
        for href in self._hrefs:
            try:
                link = urljoin(url, href)
                urlsplit(link)
            except ValueError:
                continue
            yield link
