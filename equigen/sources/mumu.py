"""Read the albums of MuMu, MusicBrainz's with genres of Amazon's: https://www.upf.edu/web/mtg/mumu.

Their covers are Amazon's, or those of the Cover Art Archive. The tracks have the ids of the Million
Song Dataset and of MusicBrainz. No year is known.
"""

import html
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import starmap
from pathlib import Path
from typing import Any, Final

from equigen.config.layers import Config
from equigen.config.settings import Settings
from equigen.dataset.context import Context
from equigen.dumps.archives import Row
from equigen.dumps.index import IndexKind, added, facts_of, has_index, index_of, reading, values_in
from equigen.dumps.musicbrainz import mbid_of
from equigen.dumps.texts import array, read_rows, table, track_ids
from equigen.errors import MissingInputError
from equigen.identity.pictures import front_url, has_no_cover
from equigen.labels.taxonomy import Query, fits
from equigen.schema import Listing, join_list, safe_text, short_text
from equigen.sources.base import Catalogue, LocalSource, Offer

SETTINGS: Final = ("mumu.albums", "mumu.metadata", "mumu.covers", "coverart.cover_px")
TAXONOMY: Final = "mumu-16"
LICENCE: Final = (
    "MuMu (Oramas et al., 2017) is for research use alone; Amazon's names and covers are Amazon's"
    " and the artists'."
)
_ADVICE: Final = "MuMu's files are at https://zenodo.org/records/831189."

_AMAZON_ID = re.compile(r"[A-Z0-9]{10}")
# Amazon's picture of no picture, such as .../icons/no-img-sm._V192198896_.gif
_NO_PICTURE = "/no-img"
_CACHED = 10_000  # cells of genres, of which MuMu has some thousands

# One row an album, of rows of its tracks, which need not stand together.
_ALBUMS = """
CREATE TABLE albums (
    number INTEGER PRIMARY KEY, amazon_id TEXT NOT NULL UNIQUE, mbid TEXT NOT NULL,
    artist_ids TEXT NOT NULL, genres TEXT NOT NULL, tracks TEXT NOT NULL
)
"""
_METADATA = """
CREATE TABLE metadata (
    amazon_id TEXT PRIMARY KEY, artist TEXT NOT NULL, title TEXT NOT NULL, picture TEXT NOT NULL
) WITHOUT ROWID
"""
_SHOWN = """
CREATE TEMP VIEW shown AS SELECT
    number, a.amazon_id AS amazon_id, mbid, artist_ids, genres, tracks,
    coalesce(artist, '') AS artist, coalesce(title, '') AS title, coalesce(picture, '') AS picture
FROM albums AS a LEFT JOIN metadata AS m ON m.amazon_id = a.amazon_id
"""
_NAMELESS: Final = {
    True: "albums without artist and title in the metadata",
    False: "albums without artist and title (mumu.metadata has some)",
}


def _track(record: Mapping[str, str]) -> Row | None:
    if not _AMAZON_ID.fullmatch(record["amazon_id"]):
        return None
    artist = mbid_of({"id": record["artist_mbid"]})
    return (
        record["amazon_id"],
        mbid_of({"id": record["album_mbid"]}),
        f"musicbrainz:{artist}" if artist else "",
        _genres(record["genres"]),
        track_ids(record["MSD_track_id"], record["recording_mbid"]),
    )


@lru_cache(_CACHED)
def _genres(cell: str) -> str:
    return join_list([short_text(genre) for genre in cell.split(",")])


def _described(record: Mapping[str, Any]) -> Row | None:
    amazon_id, picture = _text(record.get("amazon_id")), safe_text(_text(record.get("imUrl")))
    if not _AMAZON_ID.fullmatch(amazon_id):
        return None
    if has_no_cover(picture) or _NO_PICTURE in picture:
        picture = ""
    return amazon_id, _name(record.get("brand")), _name(record.get("title")), picture


def _name(value: object) -> str:
    return short_text(html.unescape(_text(value)))


def _text(value: object) -> str:
    """Return a text; a title of digits alone may be a number."""
    is_text = isinstance(value, (str, int)) and not isinstance(value, bool)
    return str(value) if is_text else ""


_COLUMNS = ("amazon_id", "album_mbid", "MSD_track_id", "recording_mbid", "artist_mbid", "genres")
ALBUMS: Final = IndexKind(
    "mumu",
    1,
    _ALBUMS,
    "INSERT INTO albums (amazon_id, mbid, artist_ids, genres, tracks) SELECT ?, ?, ?, ?, ?"
    " WHERE true ON CONFLICT DO UPDATE SET mbid = iif(mbid = '', excluded.mbid, mbid), "
    + ", ".join(map(added, ("artist_ids", "genres", "tracks"))),
    partial(
        read_rows,
        records=partial(table, columns=_COLUMNS, delimiter=","),
        row_of=_track,
        kind="tracks",
        advice=f"Expected MuMu_dataset_single-label.csv or MuMu_dataset_multi-label.csv. {_ADVICE}",
    ),
    "tracks",
    "tracks without an Amazon id",
)
METADATA: Final = IndexKind(
    "metadata",
    1,
    _METADATA,
    "INSERT OR IGNORE INTO metadata VALUES (?, ?, ?, ?)",
    partial(
        read_rows,
        records=array,
        row_of=_described,
        kind="albums",
        advice=f"Expected amazon_metadata_MuMu.json. {_ADVICE}",
    ),
    "albums of the metadata",
    "albums of the metadata without an Amazon id",
)


@dataclass(slots=True)
class MumuAlbums:
    """The albums of MuMu, a `Catalogue`."""

    db: sqlite3.Connection
    held: Mapping[str, int]
    settings: Settings
    has_metadata: bool
    _offered: Counter[str] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """The number of tracks, which is larger."""
        return self.held["tracks"]

    @property
    def facts(self) -> Mapping[str, int]:
        """The files' counts, and those of the albums once all were offered."""
        return {**self.held, **self._offered}

    def offers(self) -> Iterator[Offer]:
        """Yield every album, in the order of the file; those without a cover are judged later."""
        for number, genres, is_named in self.db.execute(
            "SELECT number, genres, artist || title <> '' FROM shown ORDER BY number"
        ):
            self._offered["albums"] += 1
            self._offered[_NAMELESS[self.has_metadata]] += not is_named
            yield Offer(number, 0, values_in(genres), ())

    def listings(self, numbers: Sequence[int]) -> list[Listing]:
        """Return some albums in full, in the order of the file."""
        rows = self.db.execute(
            "SELECT amazon_id, mbid, artist_ids, genres, tracks, artist, title, picture FROM shown"
            " WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number",
            (json.dumps(numbers),),
        )
        return list(starmap(self._listing, rows))

    def fits(self, query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
        """Tell whether an album of these genres belongs to the query."""
        return fits(query, genres, styles)

    def _listing(self, amazon_id: str, mbid: str, *more: str) -> Listing:
        artist_ids, genres, tracks, artist, title, picture = more
        archive, covers = self.settings.coverart, self.settings.mumu.covers
        front = front_url(archive.base_url, mbid, archive.cover_px) if mbid else ""
        asked = {"amazon": [picture], "archive": [front], "both": [picture, front]}[covers]
        first, *others = [*filter(None, asked), ""]
        return Listing(
            artist=artist,
            title=title,
            year="",
            image_url=first,
            album_id=f"mumu:{amazon_id}",
            genres=values_in(genres),
            styles=(),
            country="",
            formats=(),
            artist_ids=values_in(artist_ids),
            also_known_as=(f"musicbrainz:{mbid}",) if mbid else (),
            tracks=values_in(tracks),
            more_images=tuple(filter(None, others)),
        )


def open_source(_config: Config) -> LocalSource:
    """Return the source; opening it looks for the files."""
    return LocalSource(
        _open,
        is_indexed=lambda context: all(starmap(has_index, _files(context))),
        licence=LICENCE,
        takes_undated=True,
    )


def _files(context: Context) -> list[tuple[Path, IndexKind]]:
    albums, metadata = map(context.config.file_of, ("mumu.albums", "mumu.metadata"))
    if not albums:
        msg = (
            "mumu.albums: no file is named. Expected MuMu_dataset_single-label.csv or"
            f" MuMu_dataset_multi-label.csv: give it by --mumu-albums. {_ADVICE}"
        )
        raise MissingInputError(msg)
    return [(albums, ALBUMS), *([(metadata, METADATA)] if metadata else [])]


@contextmanager
def _open(context: Context) -> Iterator[Catalogue]:
    files = _files(context)
    indexes = [index_of(file, kind, context) for file, kind in files]
    held = {name: count for index in indexes for name, count in facts_of(index).items()}
    has_metadata = len(files) > 1
    with reading(*indexes) as db:
        if not has_metadata:
            db.execute(METADATA.schema)  # an empty table
        db.execute(_SHOWN)
        yield MumuAlbums(db, held, context.settings, has_metadata)
