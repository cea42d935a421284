"""Read the albums of MuMu, MusicBrainz's with genres of Amazon's: https://www.upf.edu/web/mtg/mumu.

Their covers are Amazon's, or those of the Cover Art Archive. The tracks have the ids of the Million
Song Dataset and of MusicBrainz. No year is known.
"""

import html
import re
import sqlite3
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Final

from equigen.config.layers import Config
from equigen.config.settings import Settings
from equigen.dumps.archives import Row
from equigen.dumps.index import IndexKind, added
from equigen.dumps.musicbrainz import mbid_of
from equigen.dumps.texts import array, read_rows, table, track_ids
from equigen.identity.pictures import front_url, has_no_cover
from equigen.schema import join_list, safe_text, short_text
from equigen.sources.base import LocalSource
from equigen.sources.indexed import Shown, SourceFile, indexed_source

SETTINGS: Final = ("mumu.albums", "mumu.metadata", "mumu.covers", "coverart.cover_px")
TAXONOMY: Final = "mumu-16"
LICENCE: Final = (
    "MuMu (Oramas et al., 2017) is for research use alone; Amazon's names and covers are Amazon's"
    " and the artists'."
)
_ADVICE: Final = "MuMu's files are at https://zenodo.org/records/831189."
_NEEDED: Final = (
    f"Expected MuMu_dataset_single-label.csv or MuMu_dataset_multi-label.csv. {_ADVICE}"
)
_NAMELESS: Final = "albums without artist and title (mumu.metadata has them for some)"

_AMAZON_ID = re.compile(r"[A-Z0-9]{10}")
# Amazon's picture of no picture, such as .../icons/no-img-sm._V192198896_.gif
_NO_PICTURE = "/no-img"
_CACHED = 10_000  # tracks of an album mostly stand together

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
SELECT
    number, a.amazon_id AS amazon_id, mbid, artist_ids, 0 AS year, genres, '' AS styles, tracks,
    coalesce(artist, '') AS artist, coalesce(title, '') AS title, coalesce(picture, '') AS picture
FROM albums AS a LEFT JOIN metadata AS m ON m.amazon_id = a.amazon_id
"""
_FOUND = "SELECT number FROM shown WHERE amazon_id IN (SELECT value FROM json_each(?))"


def _track(record: Mapping[str, str]) -> Row | None:
    if not _AMAZON_ID.fullmatch(record["amazon_id"]):
        return None
    artist = _mbid(record["artist_mbid"])
    return (
        record["amazon_id"],
        _mbid(record["album_mbid"]),
        f"musicbrainz:{artist}" if artist else "",
        _genres(record["genres"]),
        track_ids(record["MSD_track_id"], record["recording_mbid"]),
    )


@lru_cache(_CACHED)
def _mbid(cell: str) -> str:
    return mbid_of({"id": cell})


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
        advice=_NEEDED,
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


def _of_amazon(settings: Settings, _db: sqlite3.Connection, row: sqlite3.Row) -> Mapping[str, Any]:
    """Return the ids of an album's listing, and its covers as `mumu.covers` has them."""
    mbid, archive = row["mbid"], settings.coverart
    front = front_url(archive.base_url, mbid, archive.cover_px) if mbid else ""
    covers = {"amazon": [row["picture"]], "archive": [front], "both": [row["picture"], front]}
    first, *others = [*filter(None, covers[settings.mumu.covers]), ""]
    return {
        "album_id": f"mumu:{row['amazon_id']}",
        "also_known_as": (f"musicbrainz:{mbid}",) if mbid else (),
        "licence": "MuMu: for research alone.",
        "image_url": first,
        "more_images": tuple(filter(None, others)),
    }


def open_source(_config: Config) -> LocalSource:
    """Return the source; opening it looks for the files."""
    return indexed_source(
        Shown(_SHOWN, _FOUND, _of_amazon, _NAMELESS),
        SourceFile("mumu.albums", ALBUMS, _NEEDED),
        SourceFile("mumu.metadata", METADATA),
        licence=LICENCE,
    )
