"""Read albums from MusicBrainz's dump, or from its API: https://musicbrainz.org/doc/MusicBrainz_API."""

import json
import math
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from equigen.config.layers import Config
from equigen.config.source_settings import OWN_USER_AGENT, CoverArtSettings
from equigen.dataset.context import Context
from equigen.dumps.files import Kind, dumps_of
from equigen.dumps.index import GROUPS, facts_of, has_index, index_of, reading
from equigen.dumps.musicbrainz import GroupRow, group_of, is_album, masters_of, mbid_of
from equigen.errors import BadBodyError, ConfigError
from equigen.http.limits import HostPolicy
from equigen.identity.pictures import front_url
from equigen.labels.musicbrainz_tags import phrases
from equigen.labels.taxonomy import MatchBy, Query, Rule, fits_tags, tag_asked, words_of
from equigen.schema import Listing, split_list
from equigen.sources.base import (
    Advice,
    Catalogue,
    LocalSource,
    Offer,
    Page,
    Request,
    Search,
    Source,
    key_of_shared,
    read_json,
)

SETTINGS: Final = ("musicbrainz.live", "dumps.date", "coverart.cover_px")
# https://musicbrainz.org/doc/About/Data_License
LICENCE: Final = (
    "The genres of albums from MusicBrainz are licensed CC BY-NC-SA 3.0 (name MusicBrainz,"
    " no commercial use, share alike); their artists, titles and years are CC0."
)

_ADVICE: Final = Advice(refused="check musicbrainz.user_agent: a name with a contact.")
_PAGE_SIZE = 100
# The service's limit for any search: MAX_SEARCH_RESULTS, MBS-14455.
_REACH = 500
# https://musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting: faster requests are all refused (503).
_SPACING_S = 1.0
_SERVICE = re.compile(r"(?:.+\.)?musicbrainz\.org")
_CONTACT = re.compile(r"\S@\S|https?://\S")
_MONTHS = tuple(f"{month:02}" for month in range(1, 13))
_MOST = 2**53


@dataclass(frozen=True, slots=True)
class MusicBrainz:
    """The release groups of the API, an `OnlineSource` and a `Lookup`."""

    base_url: str
    archive: CoverArtSettings
    user_agent: str
    policies: Mapping[str, HostPolicy]
    licence: str = LICENCE
    advice: Advice = _ADVICE
    reach: int = _REACH
    page_size: int = _PAGE_SIZE

    def key(self, search: Search) -> str:
        """Return the query's search term, year and slice; not its tags, whose table may grow."""
        asked = ["musicbrainz", tag_asked(search.query), str(search.year), search.part]
        return json.dumps([*asked, *key_of_shared(search.query)], ensure_ascii=False)

    def asked(self, query: Query) -> Sequence[Query]:
        """Return the query with each different term."""
        return list({tag_asked(each): each for each in query.asked()}.values())

    def fits(self, query: Query, genres: Sequence[str], _styles: Sequence[str]) -> bool:
        """Tell whether an album has genres of the query."""
        return fits_tags(query, genres)

    def slices(self, search: Search) -> Sequence[Search]:
        """Slice a search by month, and that of a month by the query's phrases."""
        month, _, phrase = search.part.partition(" ")
        asked = phrases(tag_asked(search.query))
        if not month:
            return [replace(search, part=each) for each in _MONTHS]
        if phrase or len(asked) < 2:  # noqa: PLR2004  (one phrase can't be sliced)
            return ()
        return [replace(search, part=f"{month} {each}") for each in asked]

    def request(self, search: Search, page: int) -> Request:
        """Return the request for a page of 100 results."""
        params = (
            ("query", _lucene(search)),
            ("fmt", "json"),
            ("limit", str(_PAGE_SIZE)),
            ("offset", str((page - 1) * _PAGE_SIZE)),
        )
        return Request(f"{self.base_url}/release-group", params)

    def read(self, search: Search, body: bytes, *, url: str) -> Page:
        """Turn a search answer into a page of the albums of its term.

        The search matches words, so each result is matched again by the rules for the dump.

        Raises:
            BadBodyError: the body isn't JSON, or has no list of release groups.

        """
        try:
            answer = read_json(body)
        except ValueError as err:
            raise _unexpected(url, f"{len(body)} bytes that are not JSON ({err})") from err
        results = answer.get("release-groups") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise _unexpected(url, "JSON without a list of release groups")
        if len(results) > 10 * _PAGE_SIZE:
            raise _unexpected(
                url, f"{len(results):,} of them, though it was asked for {_PAGE_SIZE}"
            )
        term = Rule(any_genre=(tag_asked(search.query),), by=MatchBy.TAGS)
        albums = (group_of(each) for each in results if isinstance(each, dict) and is_album(each))
        listings = tuple(
            _listing(album, self.archive)
            for album in albums
            if album and term.matches(split_list(album.genres), ())
        )
        count = answer.get("count")
        known = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST
        items = count if known else len(results)
        return Page(
            items=items,
            pages=math.ceil(items / _PAGE_SIZE),
            listings=listings,
            others=len(results) - len(listings),
            is_counted=known,
        )

    matches = fits

    def album_request(self, album_id: str) -> Request | None:
        """Return the request for a release group, with what a listing takes."""
        mbid = mbid_of({"id": album_id.partition(":")[2]})
        if not mbid:
            return None
        told = ("inc", "artist-credits genres tags url-rels")
        return Request(f"{self.base_url}/release-group/{mbid}", (told, ("fmt", "json")))

    def read_album(self, body: bytes, *, url: str) -> Listing:
        """Return the release group that an answer has, also known as the masters it links to.

        Raises:
            BadBodyError: the body isn't JSON of a release group.

        """
        try:
            answer = read_json(body)
        except ValueError as err:
            raise _unexpected(url, f"{len(body)} bytes that are not JSON ({err})") from err
        album = group_of(answer)
        if not album:
            raise _unexpected(url, "JSON without the id and title of one")
        masters = tuple([f"discogs:m{number}" for number in masters_of(answer)])
        return replace(_listing(album, self.archive), also_known_as=masters)


@dataclass(frozen=True, slots=True)
class DumpedGroups:
    """The albums of a release-group dump, a `Catalogue`."""

    db: sqlite3.Connection
    facts: Mapping[str, int]
    archive: CoverArtSettings

    @property
    def size(self) -> int:
        """The number of albums."""
        return self.facts["albums"]

    def offers(self) -> Iterator[Offer]:
        """Yield every album in the dump's order; only the archive knows which ones have a cover."""
        for number, year, genres in self.db.execute("SELECT id, year, genres FROM groups"):
            yield Offer(number, year, split_list(genres), ())

    def listings(self, numbers: Sequence[int]) -> list[Listing]:
        """Return some albums in full, in the dump's order."""
        rows = self.db.execute(
            "SELECT mbid, artist, title, year, genres, artist_ids, also_known_as FROM groups"
            " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(numbers),),
        )
        return [_listing(GroupRow(*row), self.archive) for row in rows]

    def fits(self, query: Query, genres: Sequence[str], _styles: Sequence[str]) -> bool:
        """Tell whether an album has a genre of the query."""
        return fits_tags(query, genres)

    def numbers(self, album_ids: Sequence[str]) -> list[int]:
        """Return the numbers of the albums with these ids."""
        mbids = [each.partition(":")[2].lower() for each in album_ids]
        sql = "SELECT id FROM groups WHERE mbid IN (SELECT value FROM json_each(?))"
        return [number for (number,) in self.db.execute(sql, (json.dumps(mbids),))]


def open_source(config: Config) -> Source:
    """Open MusicBrainz's dump, or its API where the settings say so.

    Raises:
        ConfigError: the user agent for the real service is missing or has no contact.

    """
    if config.settings.musicbrainz.live:
        return open_lookup(config)
    return LocalSource(
        _open_dump, is_indexed=lambda context: has_index(_dump(context), GROUPS), licence=LICENCE
    )


def open_lookup(config: Config) -> MusicBrainz:
    """Open MusicBrainz's API, which is asked for an album also where its dump is read else.

    Raises:
        ConfigError: the user agent for the real service is missing or has no contact.

    """
    settings = config.settings.musicbrainz
    host = urlsplit(settings.base_url).hostname or ""
    is_service = bool(_SERVICE.fullmatch(host))
    if is_service and not _CONTACT.search(settings.user_agent):
        got = f"{settings.user_agent!r}" if settings.user_agent else "none"
        msg = (
            "musicbrainz.user_agent: MusicBrainz answers only programs that say who they are and"
            ' how to reach you. Expected a name with a contact such as "MyCovers/1.0 ('
            f' me@example.org )", got {got}. Put it into config.toml.'
        )
        raise ConfigError(msg)
    # A mirror of one's own has no such limit.
    policy = HostPolicy(concurrency=1, spacing_s=_SPACING_S if is_service else 0)
    return MusicBrainz(
        base_url=settings.base_url,
        archive=config.settings.coverart,
        user_agent=settings.user_agent or OWN_USER_AGENT,
        policies={host: policy},
    )


def _dump(context: Context) -> Path:
    (dump,) = dumps_of(context, {Kind.GROUPS: context.settings.dumps.date})
    return dump


@contextmanager
def _open_dump(context: Context) -> Iterator[Catalogue]:
    index = index_of(_dump(context), GROUPS, context)
    with reading(index) as db:
        yield DumpedGroups(db, facts_of(index), context.settings.coverart)


def _listing(album: GroupRow, archive: CoverArtSettings) -> Listing:
    return Listing(
        artist=album.artist,
        title=album.title,
        year=f"{album.year:04}" if album.year else "",
        image_url=front_url(archive.base_url, album.mbid, archive.cover_px),
        album_id=f"musicbrainz:{album.mbid}",
        genres=split_list(album.genres),
        styles=(),
        country="",
        formats=(),
        artist_ids=split_list(album.artist_ids),
        also_known_as=split_list(album.also_known_as),
    )


def _lucene(search: Search) -> str:
    """Return the search in Lucene's syntax."""
    month, _, phrase = search.part.partition(" ")
    date = f"{search.year:04}" + (f"-{month}" if month else "")
    clauses = ["primarytype:album", f"firstreleasedate:{date}"]
    if tags := _quoted([phrase]) if phrase else _tags(search.query):
        clauses.append(f"tag:({tags})")
    return " AND ".join(clauses)


def _tags(query: Query) -> str:
    asked = phrases(tag_asked(query))
    # A query without a row in the table needs all its words in one tag; the search can only require
    # each word in some tag.
    return _quoted(asked) if asked else _quoted(sorted(words_of(tag_asked(query))), " AND ")


def _quoted(texts: Sequence[str], between: str = " OR ") -> str:
    # Neither words nor the table's phrases contain quotes or backslashes.
    return between.join(f'"{text}"' for text in texts)


def _unexpected(url: str, got: str) -> BadBodyError:
    msg = f"{url}: expected release groups, got {got}. Run again."
    return BadBodyError(msg, url=url)
