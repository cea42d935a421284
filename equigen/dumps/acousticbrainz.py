"""Read AcousticBrainz's documents and the tables of its Genre task, and join them to albums.

https://acousticbrainz.org/download, https://doi.org/10.5281/zenodo.2553414

A document has some 60 KB of numbers and 3 KB of metadata, which alone are parsed, from where their
name stands. Each archive, table or folder of documents has an index of its recordings, so that a
run that is killed loses one at most; from all of them one index of albums is made.
"""

import csv
import heapq
import json
import os.path
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache, partial
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from equigen.dumps.archives import (
    LONGEST_BYTES,
    Batch,
    DumpCounts,
    DumpError,
    DumpFile,
    Member,
    Row,
    checked_rows,
    is_tar,
    members_of,
    opened,
)
from equigen.dumps.extract import clean, leading_year, names_cell
from equigen.dumps.index import IndexKind, added, reading
from equigen.dumps.musicbrainz import MBID
from equigen.dumps.pool import unpacked
from equigen.dumps.texts import MSD_TRACK, Torn, read_rows, table
from equigen.schema import MOST_CHARS, join_list, split_list

_KIND = "documents"
_GROUP, _RECORDING = "releasegroupmbid", "recording_mbid"
_ADVICE = "AcousticBrainz's files are at https://acousticbrainz.org/download: get it anew."
_ROWS_TOGETHER = 1_000
# A folder that people gathered may have some documents that are cut off.
_FEW_DOCUMENTS = 10
_HEAD_BYTES = 512
_SHOWN_CHARS = 60
_CACHED = 1 << 14
_METADATA = re.compile(rb'"metadata"\s*:\s*(?=\{)')
# An answer for several recordings: documents by number, by MBID.
BULK: Final = re.compile(rb'\s*\{\s*"[0-9A-Fa-f]{8}-')
_decoded = json.JSONDecoder().raw_decode
# Between genres in one text; not within Discogs' "Folk, World, & Country".
_GENRES = re.compile(r"[;/|\\\0]+|,(?!\s*(?:world,|&))", re.IGNORECASE)
_SUBGENRE = "---"
_COMPILATION = "compilation"
# Tags by their names without case, blanks and underscores, which differ with the tagging program.
_TAGS = frozenset({
    "genre", "album", "artist", "albumartist", "date", "originaldate", "originalyear", "year",
    "musicbrainzalbumid", "musicbrainzreleasegroupid", "musicbrainzrecordingid",
    "musicbrainztrackid", "musicbrainzartistid", "musicbrainzalbumartistid",
    "releasetype", "musicbrainzalbumtype",
})  # fmt: skip
# The words in a table's name that tell its set.
_SETS = {"train": "train", "valid": "val", "test": "test"}
# A genre needs a third of the recordings of the most frequent one, as votes in MusicBrainz.
_LEAST_SHARE = 3


class Recording(NamedTuple):
    """A recording on an album: the release of `album`, or the release group where that is the same.

    `ids` is its cell of `tracks`. `year` is 0 where it isn't known. `is_of_task` tells those of the
    Genre task.
    """

    album: str
    recording: str
    ids: str
    release_group: str
    genres: str
    styles: str = ""
    artist: str = ""
    artist_ids: str = ""
    title: str = ""
    year: int = 0
    set_given: str = ""
    is_compilation: bool = False
    is_of_task: bool = False


def _read_recordings(
    *paths: Path, counts: DumpCounts | None = None
) -> Generator[Sequence[Row], None, None]:
    """Yield the recordings of an archive, a table or a document, or those of several documents.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is cut off, damaged or another file.

    """
    source = (
        _batches(paths[0])
        if len(paths) == 1
        else _documents(documents_in(*paths), may_have_others=True)
    )
    return checked_documents(source, paths, counts)


def checked_documents(
    source: Generator[Batch, None, None], paths: Sequence[Path], counts: DumpCounts | None
) -> Generator[Sequence[Row], None, None]:
    """Yield the rows of a file, or of several documents, of which few may be unread.

    Raises:
        InputError: as `checked_rows` has it.

    """
    if len(paths) == 1:
        return checked_rows(source, paths[0], kind=_KIND, counts=counts, advice=_ADVICE)
    return checked_rows(
        source,
        Path(os.path.commonpath(paths)),
        kind=_KIND,
        counts=counts,
        advice="Move files that aren't AcousticBrainz's documents out of the folder.",
        may_be_unread=_FEW_DOCUMENTS,
    )


def documents_in(*paths: Path) -> Generator[tuple[Member, int], None, None]:
    """Yield the documents of an archive, one document or several, each with the bytes read so far.

    A table of the Genre task has none.
    """
    if len(paths) > 1:
        yield from _loose(paths)
        return
    with opened(paths[0], kind=_KIND, advice=_ADVICE) as dump:
        yield from _members(dump, paths[0], _head(dump))


def _batches(path: Path) -> Generator[Batch, None, None]:
    with opened(path, kind=_KIND, advice=_ADVICE) as dump:
        start = _head(dump)
        if start.lstrip().startswith(b"{") or is_tar(start):
            with closing(_members(dump, path, start)) as members:
                yield from _documents(members)
        else:
            yield from _table(path.name, dump, start.partition(b"\n")[0])


def _head(dump: DumpFile) -> bytes:
    start = dump.read(_HEAD_BYTES)
    dump.rewind()
    return start


def _members(dump: DumpFile, path: Path, start: bytes) -> Generator[tuple[Member, int], None, None]:
    if start.lstrip().startswith(b"{"):
        yield Member(path.name, dump.read(LONGEST_BYTES)), dump.position
    elif is_tar(start):
        with unpacked(dump, path) as content:
            for each in members_of(content):
                if each.name.endswith(".json"):
                    yield each, dump.position


def _loose(paths: Iterable[Path]) -> Iterator[tuple[Member, int]]:
    position = 0
    for path in paths:
        with opened(path, kind=_KIND, advice=_ADVICE) as dump:
            try:
                body = dump.read(LONGEST_BYTES)
            except DumpError as err:
                body = f"({err})".encode()  # is no JSON
            position += dump.position
            yield Member(path.name, body), position


def _documents(
    members: Iterable[tuple[Member, int]], *, may_have_others: bool = False
) -> Generator[Batch, None, None]:
    """Yield the recordings of documents, each with the bytes read so far.

    Where they `may_have_others`, a file without an MBID in its name may be no document.
    """
    found: list[Recording | None] = []
    unread: list[tuple[str, str]] = []
    position = 0
    for member, position in members:
        try:
            found += recordings_in(*member)
        except DumpError as err:
            if may_have_others and not mbid_in(member.name):
                found.append(None)
                continue
            unread.append((clean(member.name)[-_SHOWN_CHARS:], str(err)))
        if len(found) + len(unread) >= _ROWS_TOGETHER:
            yield _batch(found, position, unread)
            found, unread = [], []
    yield _batch(found, position, unread)


def _batch(
    found: Sequence[Recording | None], position: int, unread: Sequence[tuple[str, str]] = ()
) -> Batch:
    rows = [each for each in found if each]
    records = len(found) + len(unread)
    return Batch(rows, records, len(found) - len(rows), position, unread=unread)


def recordings_in(name: str, document: bytes) -> Sequence[Recording | None]:
    """Return the recordings of a document, or of an answer that has several.

    One without an MBID, or without one of its release or release group, is None.

    Raises:
        DumpError: it isn't a document.

    """
    key = mbid_in(name.rpartition("/")[2])
    try:
        if BULK.match(document):
            answer = orjson.loads(document)
            return [
                _recording(mbid_in(mbid), each["metadata"]["tags"])
                for mbid, documents in answer.items()
                for each in documents.values()
                if isinstance(each, dict)
            ]
        at = _METADATA.search(document)
        text = document[at.end() :].decode() if at else ""
        metadata = _decoded(text)[0] if at else orjson.loads(document).get("metadata", {})
        return [_recording(key, metadata["tags"])]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as err:
        got = f"{document[:_SHOWN_CHARS]!r}... ({err!r})"
        what = f"expected a document with tags in its metadata, got {got}"
        raise DumpError(what) from err


def _recording(key: str, tags: dict[str, object]) -> Recording | None:
    texts: dict[str, list[str]] = {tag: [] for tag in _TAGS}
    for name, value in tags.items():
        if tag := tag_of(name):
            values = value if isinstance(value, list) else [value]
            texts[tag] += (each for each in values if isinstance(each, str))
    own = mbid_in(*texts["musicbrainzrecordingid"], *texts["musicbrainztrackid"])
    release, group = (mbid_in(*texts[f"musicbrainz{each}id"]) for each in ("album", "releasegroup"))
    recording, album = key or own, release or group
    if not recording or not album:
        return None
    by = "albumartist" if any(texts["albumartist"]) else "artist"
    artists = MBID.findall(" ".join(texts[f"musicbrainz{by}id"]).lower())
    dates = (*texts["originaldate"], *texts["originalyear"], *texts["date"], *texts["year"])
    types = (*texts["releasetype"], *texts["musicbrainzalbumtype"])
    return Recording(
        album=album,
        recording=recording,
        ids=" ".join(f"mbid:{each}" for each in dict.fromkeys([recording, own]) if each),
        release_group=group,
        artist=_first(texts[by]),
        artist_ids=join_list([f"musicbrainz:{each}" for each in dict.fromkeys(artists)]),
        title=_first(texts["album"]),
        year=next(filter(None, map(leading_year, dates)), 0),
        genres=names_cell(tuple(_split(tuple(texts["genre"])))),
        is_compilation=any(_COMPILATION in each.casefold() for each in types),
    )


@lru_cache(_CACHED)
def tag_of(name: str) -> str:
    """Return the name of a tag that is read without case, blanks and underscores; else ""."""
    short = name.casefold().replace(" ", "").replace("_", "")
    return short if short in _TAGS else ""


@lru_cache(_CACHED)
def _split(genres: tuple[str, ...]) -> list[str]:
    """Return the genres of a tag, which may have several in a text: "Rock/Pop; Folk"."""
    return [each for genre in genres for each in _GENRES.split(genre)]


def mbid_in(*texts: str) -> str:
    """Return the first MBID in some texts, in small letters; "" where there is none."""
    found = (MBID.search(text.lower()) for text in texts)
    return next((each[0] for each in found if each), "")


def _first(texts: Sequence[str]) -> str:
    return next(filter(None, map(clean, texts)), "")[:MOST_CHARS].rstrip()


def _table(name: str, dump: DumpFile, first: bytes) -> Generator[Batch, None, None]:
    """Yield the recordings of a table of the Genre task; those without an MBID are albums alone."""
    delimiter = "\t" if b"\t" in first else ","
    lines = table(dump, columns=(_GROUP,), delimiter=delimiter)
    set_given = next((each for word, each in _SETS.items() if word in name.casefold()), "")
    while some := list(islice(lines, _ROWS_TOGETHER)):
        torn = [each for each in some if isinstance(each, Torn)]
        found = [_of_task(each, set_given) for each in some if not isinstance(each, Torn)]
        yield _batch(found, dump.position, torn)


def _of_task(cells: Mapping[str, str], set_given: str) -> Recording | None:
    group, recording = mbid_in(cells[_GROUP]), mbid_in(cells.get("recordingmbid", ""))
    genres = [cell.partition(_SUBGENRE) for name, cell in cells.items() if name.startswith("genre")]
    found = Recording(
        album=group,
        recording=recording,
        ids=f"mbid:{recording}" if recording else "",
        release_group=group,
        genres=names_cell(tuple(genre for genre, _, _ in genres)),
        styles=names_cell(tuple(style for _, _, style in genres)),
        set_given=set_given,
        is_of_task=True,
    )
    return found if group else None


def _read_albums(
    *indexes: Path, counts: DumpCounts | None = None
) -> Generator[Sequence[Row], None, None]:
    """Yield the albums of indexes of recordings, each release by itself."""
    with ExitStack() as stack:
        dbs = [stack.enter_context(reading(index)) for index in indexes]
        ordered = "SELECT * FROM recordings ORDER BY album, recording"
        rows = heapq.merge(*(db.execute(ordered) for db in dbs), key=itemgetter(0))
        albums = (
            _album(list(map(Recording._make, some))) for _, some in groupby(rows, itemgetter(0))
        )
        while batch := list(islice(albums, _ROWS_TOGETHER)):
            if counts:
                counts.rows += len(batch)
            yield batch


def _album(found: Sequence[Recording]) -> Row:
    """Return the row of one release, or release group, by what most of its recordings say."""
    group, album = _most(each.release_group for each in found), found[0].album
    artist = _most(each.artist for each in found)
    return (
        group or album,
        group,
        "" if group == album else album,
        artist,
        _most(each.artist_ids for each in found if each.artist == artist),
        _most(each.title for each in found),
        min((each.year for each in found if each.year), default=0),
        _agreed([each.genres for each in found]),
        _agreed([each.styles for each in found]),
        join_list([each.ids for each in found if each.ids]),
        _most(each.set_given for each in found),
        any(each.is_compilation for each in found),
        any(each.is_of_task for each in found),
    )


def _most(values: Iterable[str]) -> str:
    """Return the most frequent value, the first of several, "" where none is known."""
    return next((value for value, _ in Counter(filter(None, values)).most_common(1)), "")


def _agreed(cells: Sequence[str]) -> str:
    """Return the names that have a third of the recordings of the most frequent one."""
    votes = Counter(name for cell in cells for name in split_list(cell)).most_common()
    return join_list([name for name, count in votes if _LEAST_SHARE * count >= votes[0][1]])


def _of_msd(dump: DumpFile) -> Iterator[Mapping[str, str] | Torn]:
    """Yield the lines of a table with ids of the Million Song Dataset, with or without a header."""
    first = dump.read(_HEAD_BYTES).partition(b"\n")[0].decode(errors="replace")
    dump.rewind()
    columns = [str(at) for at, _ in enumerate(next(csv.reader(first.splitlines()), []))]
    has_header = _RECORDING in first
    yield from table(
        dump, columns=() if has_header else columns, delimiter=",", has_header=has_header
    )


def _msd_id(cells: Mapping[str, str]) -> Row | None:
    mbid = mbid_in(*([cells[_RECORDING]] if _RECORDING in cells else cells.values()))
    msd = next(filter(MSD_TRACK.fullmatch, cells.values()), "")
    return (mbid, msd) if mbid and msd else None


_RECORDING_TABLE = """
CREATE TABLE recordings (
    album TEXT NOT NULL, recording TEXT NOT NULL, ids TEXT NOT NULL, release_group TEXT NOT NULL,
    genres TEXT NOT NULL, styles TEXT NOT NULL, artist TEXT NOT NULL, artist_ids TEXT NOT NULL,
    title TEXT NOT NULL, year INTEGER NOT NULL, set_given TEXT NOT NULL,
    is_compilation INTEGER NOT NULL, is_of_task INTEGER NOT NULL, PRIMARY KEY (album, recording)
) WITHOUT ROWID
"""
# Releases of one group are one album: the first that knows a field fills it, lists are joined.
_ALBUM_TABLE = """
CREATE TABLE albums (
    id INTEGER PRIMARY KEY, mbid TEXT NOT NULL UNIQUE, release_group TEXT NOT NULL,
    releases TEXT NOT NULL, artist TEXT NOT NULL, artist_ids TEXT NOT NULL, title TEXT NOT NULL,
    year INTEGER NOT NULL, genres TEXT NOT NULL, styles TEXT NOT NULL, tracks TEXT NOT NULL,
    set_given TEXT NOT NULL, is_compilation INTEGER NOT NULL, is_of_task INTEGER NOT NULL
)
"""


def _filled(*names: str) -> str:
    """Return the SQL that fills fields that the table's row lacks."""
    return ", ".join(f"{name} = iif({name} = '', excluded.{name}, {name})" for name in names)


_PUT_ALBUM = (
    "INSERT INTO albums SELECT NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE true"
    " ON CONFLICT DO UPDATE SET is_compilation = max(is_compilation, excluded.is_compilation),"
    " is_of_task = max(is_of_task, excluded.is_of_task),"
    " year = iif(year AND excluded.year, min(year, excluded.year), year + excluded.year), "
    + _filled("artist", "artist_ids", "title", "set_given")
    + ", "
    + ", ".join(map(added, ("releases", "genres", "styles", "tracks")))
)
_MSD_TABLE = """
CREATE TABLE msd_ids (
    recording TEXT NOT NULL, msd TEXT NOT NULL, PRIMARY KEY (recording, msd)
) WITHOUT ROWID
"""
# A recording has several documents, of which one may be tagged better than others.
_PUT_RECORDING = (
    "INSERT INTO recordings SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE true"
    " ON CONFLICT DO UPDATE SET is_compilation = max(is_compilation, excluded.is_compilation),"
    " ids = iif(instr(ids, excluded.ids), ids, ids || ' ' || excluded.ids), "
    + _filled("release_group", "genres", "styles", "artist", "artist_ids", "title")
)

RECORDINGS: Final = IndexKind(
    "recordings", 1, _RECORDING_TABLE, _PUT_RECORDING, _read_recordings,
    "documents or rows of tables", "others without MBIDs",
)  # fmt: skip
ALBUMS: Final = IndexKind(
    "albums", 1, _ALBUM_TABLE, _PUT_ALBUM, _read_albums, "releases", "releases left out"
)
MSD_IDS: Final = IndexKind(
    "msd-ids", 1, _MSD_TABLE, "INSERT OR IGNORE INTO msd_ids VALUES (?, ?)",
    partial(read_rows, records=_of_msd, row_of=_msd_id, kind="ids", advice=_ADVICE),
    "ids of recordings in the Million Song Dataset", "lines without such ids",
)  # fmt: skip
