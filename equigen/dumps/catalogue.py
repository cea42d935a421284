"""Finding dumps: what the hosts offer, in as few requests as that takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from equigen.config.source_settings import DumpsSettings
from equigen.dumps.names import (
    GROUPS_FILE,
    Kind,
    Listed,
    checksums_name,
    dumps_among,
    groups_name,
    read_checksums,
    read_index,
    read_stamp,
    read_stamps,
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

_MAX_BYTES = 10_000_000
_NOT_FOUND = 404
_MOST_NAMED = 6


class Offer(NamedTuple):
    """A dump that a host has; `size_bytes` is 0 where its list doesn't say.

    `name` is what the file is called here, `host_name` what the checksums call it.
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
    """Asks the hosts what they have, each page once; `year` is this year."""

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
            FetchError, HostRestsError: as `Client.get`; a list names no dump at all.

        """
        return self._groups() if kind is Kind.GROUPS else self._discogs(kind)

    def sha256(self, offer: Offer) -> str:
        """Return the SHA-256 that a dump must have.

        Raises:
            BadBodyError: its host doesn't say; without it no dump is taken.
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
            raise self._no_index  # asked for another kind: the host was tried often enough
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
