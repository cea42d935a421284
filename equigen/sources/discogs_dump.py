"""Read albums from Discogs' open dumps, with covers from the Cover Art Archive; no account needed.

A master has a cover if a MusicBrainz release group links to it, or if the dump, an old one, has a
picture URL. https://data.discogs.com (CC0),
https://musicbrainz.org/doc/Development/JSON_Data_Dumps (links: CC0)
"""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from typing import Final

from equigen.config.layers import Config
from equigen.config.source_settings import CoverArtSettings
from equigen.dataset.context import Context
from equigen.dumps.files import Kind, dumps_among, dumps_folder, dumps_of, files_in
from equigen.dumps.index import (
    LINKS,
    MASTERS,
    RELEASES,
    IndexKind,
    facts_of,
    has_index,
    index_of,
    reading,
)
from equigen.identity.pictures import front_url, has_no_cover
from equigen.labels.taxonomy import Query, fits
from equigen.schema import Listing, split_list
from equigen.sources.base import Catalogue, LocalSource, Offer

# Dumps before this day have picture URLs and need no links.
_NO_ADDRESSES_SINCE = "20160101"
SETTINGS: Final = ("dumps.releases", "dumps.date", "coverart.cover_px")
IDS: Final = "discogs"
_MASTER = re.compile(r"discogs:m([0-9]{1,10})")

# Fields that the master lacks come from its main release, else from another of its releases.
_ALBUMS = """
CREATE TEMP VIEW albums AS SELECT
    m.id AS number,
    coalesce(nullif(m.artist, ''), nullif(main.artist, ''), other.artist, '') AS artist,
    coalesce(nullif(m.title, ''), nullif(main.title, ''), other.title, '') AS title,
    coalesce(nullif(m.year, 0), nullif(main.year, 0), nullif(other.year, 0), l.year, 0) AS year,
    coalesce(nullif(m.genres, ''), nullif(main.genres, ''), other.genres, '') AS genres,
    coalesce(nullif(m.styles, ''), nullif(main.styles, ''), other.styles, '') AS styles,
    coalesce(nullif(main.country, ''), other.country, '') AS country,
    coalesce(nullif(main.formats, ''), other.formats, '') AS formats,
    coalesce(nullif(m.picture, ''), nullif(main.picture, ''), other.picture, '') AS picture,
    coalesce(nullif(m.artist_ids, ''), nullif(main.artist_ids, ''), other.artist_ids, '')
        AS artist_ids,
    l.mbid AS mbid
FROM masters AS m
LEFT JOIN links AS l ON l.master = m.id
LEFT JOIN releases AS main ON main.master = m.id AND main.is_main = 1
LEFT JOIN releases AS other ON other.master = m.id AND other.is_main = 0
"""
_OFFERS = """
SELECT number, year, genres, styles FROM albums WHERE mbid IS NOT NULL OR picture <> ''
ORDER BY number
"""
_LISTINGS = """
SELECT number, artist, title, year, genres, styles, country, formats, picture, artist_ids,
    mbid FROM albums
WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number
"""


@dataclass(slots=True)
class DumpedMasters:
    """The masters of a dump that have a cover, a `Catalogue`."""

    db: sqlite3.Connection
    held: Mapping[str, int]
    archive: CoverArtSettings
    _offered: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """The number of masters with a link to a release group."""
        return self.held.get("links to masters", self.held["masters"])

    @property
    def facts(self) -> Mapping[str, int]:
        """The dumps' counts, and that of masters with a cover once all were offered."""
        return {**self.held, **self._offered}

    def offers(self) -> Iterator[Offer]:
        """Yield every master that has a cover, in the order of ids."""
        self._offered.clear()
        for number, year, genres, styles in self.db.execute(_OFFERS):
            self._offered["with a cover"] += 1
            yield Offer(number, year, split_list(genres), split_list(styles))

    def listings(self, numbers: Sequence[int]) -> list[Listing]:
        """Return some masters in full, in the order of their ids."""
        return [self._listing(*row) for row in self.db.execute(_LISTINGS, (json.dumps(numbers),))]

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether Discogs' own search would find the album for the query."""
        return fits(query, genres, styles)

    def numbers(self, album_ids: Sequence[str]) -> list[int]:
        """Return the numbers of the masters with these ids, whether the dump has them or not."""
        return [int(found[1]) for each in album_ids if (found := _MASTER.fullmatch(each))]

    def _listing(self, number: int, artist: str, title: str, year: int, *more: str) -> Listing:
        genres, styles, country, formats, picture, artist_ids, mbid = more
        if mbid and has_no_cover(picture):
            picture = front_url(self.archive.base_url, mbid, self.archive.cover_px)
        return Listing(
            artist=artist,
            title=title,
            year=str(year) if year else "",
            image_url=picture,
            album_id=f"discogs:m{number}",
            genres=split_list(genres),
            styles=split_list(styles),
            country=country,
            formats=split_list(formats),
            artist_ids=split_list(artist_ids),
            also_known_as=(f"musicbrainz:{mbid}",) if mbid else (),
        )


def open_source(_config: Config) -> LocalSource:
    """Return the source; opening it looks for the dumps."""
    return LocalSource(_open, is_indexed=lambda context: all(starmap(has_index, _dumps(context))))


def _dumps(context: Context) -> list[tuple[Path, IndexKind]]:
    """Return the dumps to read and the kinds of their indexes."""
    # Release groups have dates of their own. All dumps are looked for before the first is indexed,
    # which can take minutes.
    kinds = {Kind.MASTERS: MASTERS, Kind.GROUPS: LINKS, Kind.RELEASES: RELEASES}
    date = context.settings.dumps.date
    if not context.settings.dumps.releases:
        del kinds[Kind.RELEASES]
    if _need_no_links(context, date):
        del kinds[Kind.GROUPS]
    dumps = dumps_of(context, {kind: "" if kind is Kind.GROUPS else date for kind in kinds})
    return list(zip(dumps, kinds.values(), strict=True))


@contextmanager
def _open(context: Context) -> Iterator[Catalogue]:
    dumps = _dumps(context)
    indexes = [index_of(dump, kind, context) for dump, kind in dumps]
    held = {name: count for index in indexes for name, count in facts_of(index).items()}
    with reading(*indexes) as db:
        for kind in (RELEASES, LINKS):
            if kind not in {kind for _, kind in dumps}:
                db.execute(kind.schema)  # an empty table
        db.execute(_ALBUMS)
        yield DumpedMasters(db, held, context.settings.coverart)


def _need_no_links(context: Context, date: str) -> bool:
    files = files_in(dumps_folder(context))
    masters = dumps_among(files, Kind.MASTERS, date)
    is_old = bool(masters) and masters[0].stamp < _NO_ADDRESSES_SINCE
    return is_old and not dumps_among(files, Kind.GROUPS)
