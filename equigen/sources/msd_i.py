"""Read the albums of MSD-I, which has a genre and a set for each: https://zenodo.org/records/1240485.

They are known by numbers and by the ids of the Million Song Dataset, whose list of tracks has the
names of their artists. No title and no year is known.
"""

import re
import sqlite3
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from equigen.config.layers import Config
from equigen.config.settings import Settings
from equigen.dumps.archives import Row
from equigen.dumps.index import IndexKind, added
from equigen.dumps.texts import read_rows, table, track_ids
from equigen.schema import SETS, safe_text, short_text
from equigen.sources.base import LocalSource
from equigen.sources.indexed import Shown, SourceFile, indexed_source

SETTINGS: Final = ("msd_i.file", "msd_i.names")
TAXONOMY: Final = "msd-15"
LICENCE: Final = "MSD-I (Oramas et al., 2018) is licensed CC BY 4.0; its covers are the artists'."
_ADVICE: Final = "Expected MSD-I_dataset.tsv, which is at https://zenodo.org/records/1240485."
_NAMELESS: Final = "albums without the name of an artist (msd_i.names has it)"

_ARTIST = re.compile(r"AR[A-Z0-9]{16}")
_NUMBER = re.compile(r"[0-9]{1,9}")

# One row an album, of rows of its tracks. An album that is in two sets is in none by this file.
_ALBUMS = """
CREATE TABLE albums (
    number INTEGER PRIMARY KEY, genres TEXT NOT NULL, set_given TEXT NOT NULL,
    artist_ids TEXT NOT NULL, picture TEXT NOT NULL, tracks TEXT NOT NULL
)
"""
_NAMES = "CREATE TABLE names (track TEXT PRIMARY KEY, artist TEXT NOT NULL) WITHOUT ROWID"
_SHOWN = """
SELECT
    number, 0 AS year, genres, '' AS styles, set_given, artist_ids, picture, tracks, '' AS title,
    coalesce((SELECT artist FROM names WHERE track = substr(tracks, 5, 18)), '') AS artist
FROM albums
"""
_FOUND = "SELECT number FROM shown WHERE number IN (SELECT value FROM json_each(?))"


def _track(record: Mapping[str, str]) -> Row | None:
    if not _NUMBER.fullmatch(record["album_index"]):
        return None
    set_given, artist = record["set"].lower(), record["msd_artist_id"]
    return (
        int(record["album_index"]),
        short_text(record["genre"]),
        set_given if set_given in SETS else "",
        f"msd:{artist}" if _ARTIST.fullmatch(artist) else "",
        safe_text(record["image_url"]),
        track_ids(record["msd_track_id"]),
    )


def _name(record: Mapping[str, str]) -> Row | None:
    return (record["track"], short_text(record["artist"])) if record["track"] else None


ALBUMS: Final = IndexKind(
    "msd-i",
    1,
    _ALBUMS,
    "INSERT INTO albums SELECT ?, ?, ?, ?, ?, ? WHERE true ON CONFLICT DO UPDATE SET"
    " set_given = iif(set_given = excluded.set_given, set_given, ''),"
    " picture = iif(picture = '', excluded.picture, picture), "
    + ", ".join(map(added, ("genres", "artist_ids", "tracks"))),
    partial(
        read_rows,
        records=partial(
            table,
            columns=("msd_track_id", "genre", "album_index", "set", "msd_artist_id", "image_url"),
            delimiter="\t",
        ),
        row_of=_track,
        kind="tracks",
        advice=_ADVICE,
    ),
    "rows of MSD-I",
    "rows of MSD-I without an album_index",
)
NAMES: Final = IndexKind(
    "names",
    1,
    _NAMES,
    "INSERT OR IGNORE INTO names VALUES (?, ?)",
    partial(
        read_rows,
        records=partial(
            table,
            columns=("track", "song", "artist", "title"),
            delimiter="<SEP>",
            has_header=False,
        ),
        row_of=_name,
        kind="tracks",
        advice="Expected unique_tracks.txt of http://millionsongdataset.com.",
    ),
    "named tracks",
    "tracks without an id",
)


def _of_album(_settings: Settings, _db: sqlite3.Connection, row: sqlite3.Row) -> Mapping[str, Any]:
    """Return the id, picture and set of an album's listing."""
    return {
        "album_id": f"msd-i:{row['number']}",
        "image_url": row["picture"],
        "licence": "MSD-I: CC BY 4.0.",
        "set_given": row["set_given"],
    }


def open_source(_config: Config) -> LocalSource:
    """Return the source; opening it looks for the files."""
    return indexed_source(
        Shown(_SHOWN, _FOUND, _of_album, _NAMELESS),
        SourceFile("msd_i.file", ALBUMS, _ADVICE),
        SourceFile("msd_i.names", NAMES),
        licence=LICENCE,
    )
