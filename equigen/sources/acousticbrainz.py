"""Read albums from AcousticBrainz's dumps or its Genre task, with covers of the Cover Art Archive.

https://acousticbrainz.org/download (CC0), https://doi.org/10.5281/zenodo.2553414 (the Genre task)
"""

import json
import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from typing import Any, Final

from equigen.config.layers import Config
from equigen.config.settings import Settings
from equigen.dataset.context import Context
from equigen.dumps.acousticbrainz import ALBUMS, MSD_IDS, RECORDINGS
from equigen.dumps.files import Kind, dumps_among, dumps_folder, files_in
from equigen.dumps.index import (
    GROUPS,
    IndexKind,
    facts_of,
    has_index,
    index_of,
    reading,
    values_in,
)
from equigen.errors import MissingInputError
from equigen.identity.albums import joined_tracks
from equigen.identity.pictures import front_url
from equigen.labels.taxonomy import MatchBy, Query, fits, fits_tags, rule_of
from equigen.sources.base import Catalogue, LocalSource
from equigen.sources.indexed import IndexedAlbums, Shown

SETTINGS: Final = ("acousticbrainz.files", "acousticbrainz.msd_ids", "coverart.cover_px")
IDS: Final = ("musicbrainz", "musicbrainz-release")
TAXONOMY: Final = "acousticbrainz-16"
# https://acousticbrainz.org/data, https://mtg.github.io/acousticbrainz-genre-dataset/
_LICENCE: Final = "AcousticBrainz: CC0."
_LICENCE_OF_TASK: Final = (
    "AcousticBrainz Genre: CC BY-NC-SA 4.0 (name its authors, no commercial use, share alike)."
)
# Others in a folder, such as tables of features, are left alone.
_TABLES = (".tar", ".tsv")
_DOCUMENTS = (".json", ".json.gz")
_PACKED = (".zst", ".bz2", ".gz", ".xz")

_NAMELESS: Final = (
    "albums without artist and title (`equigen dumps get release-groups` has them for most)"
)
# MusicBrainz's dump says of a release group what documents don't.
_SHOWN = """
SELECT
    a.id AS number, release_group, releases, coalesce(nullif(a.artist, ''), g.artist, '') AS artist,
    coalesce(nullif(a.artist_ids, ''), g.artist_ids, '') AS artist_ids,
    coalesce(nullif(a.title, ''), g.title, '') AS title,
    coalesce(nullif(a.year, 0), g.year, 0) AS year, a.genres AS genres, styles, tracks, set_given,
    is_of_task, coalesce(also_known_as, '') AS masters
FROM albums AS a LEFT JOIN groups AS g ON g.mbid = a.release_group WHERE NOT is_compilation
"""
_FOUND = """
SELECT id FROM albums WHERE mbid IN (SELECT value FROM json_each(?1))
UNION SELECT albums.id FROM albums JOIN json_each(?1) ON instr(releases, value)
"""
_MSD = "SELECT recording, msd FROM msd_ids WHERE recording IN (SELECT value FROM json_each(?))"


def _fits(query: Query, genres: Sequence[str], styles: Sequence[str]) -> bool:
    """Tell whether an album's genres, which are free text, belong to the query.

    What a rule by words doesn't find may be found by tags, as on MusicBrainz.
    """
    is_found = fits(query, genres, styles)
    return is_found or (rule_of(query).by is MatchBy.WORDS and fits_tags(query, genres))


def _of_recordings(
    settings: Settings, db: sqlite3.Connection, row: sqlite3.Row
) -> Mapping[str, Any]:
    """Return the ids, covers, tracks and set of an album's listing."""
    kinds = dict.fromkeys(values_in(row["releases"]), "release")
    if row["release_group"]:
        kinds = {row["release_group"]: "release-group", **kinds}
    base_url, cover_px = settings.coverart.base_url, settings.coverart.cover_px
    covers = [front_url(base_url, mbid, cover_px, kind) for mbid, kind in kinds.items()]
    ids = [
        f"musicbrainz{'-release' if kind == 'release' else ''}:{mbid}"
        for mbid, kind in kinds.items()
    ]
    return {
        "album_id": ids[0],
        "also_known_as": (*ids[1:], *values_in(row["masters"])),
        "image_url": covers[0],
        "more_images": tuple(covers[1:]),
        "tracks": _tracks(db, values_in(row["tracks"])),
        "set_given": row["set_given"],
        "licence": _LICENCE_OF_TASK if row["is_of_task"] else _LICENCE,
    }


def _tracks(db: sqlite3.Connection, cells: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of each recording in one text, also of one that has several documents."""
    msd = defaultdict(list)
    mbids = [each.removeprefix("mbid:") for cell in cells for each in cell.split()]
    for recording, msd_id in db.execute(_MSD, (json.dumps(mbids),)):
        msd[f"mbid:{recording}"].append(f"msd:{msd_id}")
    tracks = map(str.split, joined_tracks(cells))
    return tuple(
        " ".join(dict.fromkeys((*(each for one in ids for each in msd[one]), *ids)))
        for ids in tracks
    )


def open_source(_config: Config) -> LocalSource:
    """Return the source; opening it looks for the files."""
    licence = f"{_LICENCE} {_LICENCE_OF_TASK} Column licence has that of each row."
    return LocalSource(_open, is_indexed=_is_indexed, licence=licence, takes_undated=True)


def _is_indexed(context: Context) -> bool:
    parts = [has_index(path, RECORDINGS, files) for path, files in files_of(context.config).items()]
    return all((*parts, *starmap(has_index, _beside(context))))


def _beside(context: Context) -> list[tuple[Path, IndexKind]]:
    """Return the files that tell more of the same albums, where there are any."""
    folder = dumps_folder(context)
    groups = dumps_among(files_in(folder), Kind.GROUPS)[:1]
    msd_ids = context.config.files_of("acousticbrainz.msd_ids")
    return [
        *((folder / each.name, GROUPS) for each in groups),
        *((each, MSD_IDS) for each in msd_ids),
    ]


@contextmanager
def _open(context: Context) -> Iterator[Catalogue]:
    files, beside = files_of(context.config), _beside(context)
    parts = [index_of(path, RECORDINGS, context, files=some) for path, some in files.items()]
    albums = index_of(next(iter(files)), ALBUMS, context, files=parts)
    more = [index_of(path, kind, context) for path, kind in beside]
    facts = sum((Counter(facts_of(part)) for part in parts), Counter[str]())
    lacking = {GROUPS, MSD_IDS} - {kind for _, kind in beside}
    shown = Shown(_SHOWN, _FOUND, _of_recordings, _NAMELESS, _fits)
    with reading(albums, *more) as db:
        counted = "SELECT count(*) FROM albums WHERE is_compilation"
        (facts["compilations, left out"],) = db.execute(counted).fetchone()
        yield IndexedAlbums(db, facts, shown, context.settings, lacking)


def files_of(config: Config) -> Mapping[Path, Sequence[Path]]:
    """Return the files of each index, by the path beside which it lies.

    Those of a folder's documents lie in one, which is beside the folder.

    Raises:
        MissingInputError: none is named, one isn't there, or no file is.

    """
    if not config.settings.acousticbrainz.files:
        msg = (
            "acousticbrainz.files: expected dumps, tables of the Genre task, or a folder of them or"
            " of documents, got none. Name them: --acousticbrainz-files PATH, once for each."
        )
        raise MissingInputError(msg)
    found: dict[Path, list[Path]] = {}
    for named in config.files_of("acousticbrainz.files"):
        path = Path(os.path.abspath(named))  # noqa: PTH100  ("..", which has no name, not links)
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file == path or any(map(_bare(file.name).endswith, _TABLES)):
                found[file] = [file]
            elif file.name.lower().endswith(_DOCUMENTS):
                found.setdefault(path, []).append(file)
    if not found:
        msg = f"{path}: expected archives, tables or documents of AcousticBrainz in it, got none."
        raise MissingInputError(msg)
    return found


def _bare(name: str) -> str:
    """Return the name of a packed file without the ending that tells its packing."""
    return name.lower().removesuffix(next(filter(name.lower().endswith, _PACKED), ""))
