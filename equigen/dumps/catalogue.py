"""Find dumps on the hosts: parse their listings and checksums, with as few requests as possible."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urljoin, urlsplit

from lxml import etree

from equigen.config.source_settings import DumpsSettings
from equigen.dumps.files import (
    GROUPS_FILE,
    DumpName,
    Kind,
    dumps_among,
    groups_name,
)
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
from equigen.http.limits import whole_number

_MAX_BYTES = 10_000_000
_NOT_FOUND = 404
_MOST_NAMED = 6
_DISCOGS_FILE = re.compile(r"discogs_\d{8}_(?:(?:masters|releases)\.xml\.gz|CHECKSUM\.txt)")
_STAMP = re.compile(r"\d{8}-\d{6}")
# sha256sum writes two spaces, or one and a star; Discogs writes one space.
_SUM = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)")


class Listed(NamedTuple):
    """A file in a host's listing; `size_bytes` is 0 where the listing has no sizes."""

    url: str
    size_bytes: int


class DumpOffer(NamedTuple):
    """A dump on a host; `size_bytes` is 0 where the host's listing has no sizes.

    `dump` has its local file name.
    """

    dump: DumpName
    url: str
    size_bytes: int
    checksums_url: str


@dataclass(slots=True)
class DumpFinder:
    """A client of the hosts' listings that requests each page once; `year` is this year."""

    client: Client
    settings: DumpsSettings
    year: int
    _indexes: dict[int, Mapping[str, Listed]] = field(default_factory=dict)
    _checksums: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _no_index: EquigenError | None = None

    def find(self, kind: Kind) -> DumpOffer:
        """Return the newest dump of a kind that has checksums, or that of the date in the settings.

        Raises:
            UsageError: there is none of that date.
            FetchError, HostRestsError: as `Client.get`, or a listing names no dump at all.

        """
        return self._groups() if kind is Kind.GROUPS else self._discogs(kind)

    def sha256(self, offer: DumpOffer) -> str:
        """Return the published SHA-256 of a dump.

        Raises:
            BadBodyError: the host publishes none; without it no dump is downloaded.
            FetchError, HostRestsError: as `Client.get`.

        """
        url = offer.checksums_url
        if url not in self._checksums:
            self._checksums[url] = read_checksums(self.client.get(url, _text, max_bytes=_MAX_BYTES))
        name = GROUPS_FILE if offer.dump.kind is Kind.GROUPS else offer.dump.name
        sha256 = self._checksums[url].get(name, "")
        if not sha256:
            msg = (
                f"{shown(url)}: expected a line with the SHA-256 of {name}, got none:"
                " what can't be checked isn't downloaded. Try another --date, or run again later."
            )
            raise BadBodyError(msg, url=url)
        return sha256

    def _discogs(self, kind: Kind) -> DumpOffer:
        date = self.settings.date
        without_sums: list[str] = []
        for year in [int(date[:4])] if date else [self.year, self.year - 1]:
            index = self._index(year)
            for found in dumps_among(index, kind, date):
                if sums := index.get(f"discogs_{found.stamp}_CHECKSUM.txt"):
                    url, size_bytes = index[found.name]
                    return DumpOffer(found, url, size_bytes, sums.url)
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

    def _groups(self) -> DumpOffer:
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
        dump = DumpName(groups_name(stamp), Kind.GROUPS, stamp)
        folder = f"{base}/{stamp}"
        return DumpOffer(dump, f"{folder}/{GROUPS_FILE}", 0, f"{folder}/SHA256SUMS")

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
    names = {_last_part(urlsplit(link).path) for link in _links(_parsed(page), url)}
    return sorted(filter(_STAMP.fullmatch, names), reverse=True)


def read_index(page: str, url: str) -> Mapping[str, Listed]:
    """Return the masters, releases and checksum files in Discogs' listing, by name.

    The listing is a page with links, by `?download=KEY` or by path, or that of an S3 bucket, which
    has sizes; `url` is its address.
    """
    parsed = _parsed(page)
    found: dict[str, Listed] = {}
    for entry in parsed.iter("contents"):
        key, size = entry.findtext("key", "").strip(), entry.findtext("size", "")
        name = _last_part(key)
        if _DISCOGS_FILE.fullmatch(name):
            size_bytes = max(0, whole_number(size))
            found.setdefault(name, Listed(urljoin(url, quote(key)), size_bytes))
    for link in _links(parsed, url):
        parts = urlsplit(link)
        name = _last_part(parse_qs(parts.query).get("download", [parts.path])[0])
        if _DISCOGS_FILE.fullmatch(name):
            found.setdefault(name, Listed(link, 0))
    return found


def read_checksums(text: str) -> Mapping[str, str]:
    """Return the SHA-256 of each file, in small letters, by the last part of its name.

    Lines without a checksum are ignored.
    """
    lines = (_SUM.fullmatch(line.strip()) for line in text.splitlines())
    return {_last_part(line[2]): line[1].lower() for line in lines if line}


def _last_part(path: str) -> str:
    return unquote(path).rstrip("/").rpartition("/")[2]


def _links(page: Any, url: str) -> Iterator[str]:  # noqa: ANN401  (lxml's hints say less)
    """Yield all links of a parsed page as absolute URLs; ignore malformed ones."""
    for href in page.xpath("//a/@href"):
        try:
            link = urljoin(url, href)
            urlsplit(link)
        except ValueError:
            continue
        yield link


def _parsed(page: str) -> Any:  # noqa: ANN401  (lxml's hints say less)
    """Parse a page of HTML, or the XML listing of a bucket, whose names become lower-case."""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True)
    return etree.fromstring(f"<html>{page}</html>".encode(), parser)
