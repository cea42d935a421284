"""Read MusicBrainz's release groups: the lines of a JSON dump, and the fields of one record.

https://musicbrainz.org/doc/Development/JSON_Data_Dumps, https://musicbrainz.org/doc/Release_Group

The API gives records of the same form. Fields of unexpected types count as missing.

The dump has millions of lines, one record each. Only lines that contain the searched bytes are
parsed, those in which letters are written as escapes or that don't look like a record, and the
last one, which tells whether the file is cut off.
"""

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from equigen.dumps.archives import (
    Batch,
    DumpCounts,
    DumpError,
    Row,
    checked_rows,
    lines_of,
    opened,
)
from equigen.identity import pictures
from equigen.schema import join_list, safe_text

MEMBER = "mbdump/release-group"
_KIND = "release-groups"

# The searched bytes: the type of a link, the type of an album.
_LINKED = b'"discogs"'
_ALBUMS = b'"Album"'
# "\u0040" to "\u007f" include all ASCII letters.
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")

MBID: Final = re.compile(pictures.MBID)
_YEAR = re.compile(r"([0-9]{4})(?:-.*)?", re.DOTALL)
# discogs.com/master/3911, also with a language or an old "Artist-Title" before it, as
# master/view/3911, and with the title after the number. Other paths, such as a user's, are refused.
_MASTER = re.compile(
    r"https?://(?:[a-z0-9-]+\.)*discogs\.com(?::[0-9]{1,5})?/"
    r"(?:(?-i:[a-z]{2}(?:[_-][A-Z]{2})?)/)?(?:[^/?#-]*-[^/?#]*/)?"
    r"(?-i:master/(?:view/)?)0*(?P<number>[1-9][0-9]{0,9})(?:-[^/?#]*)?/?(?:[?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_ALBUM = "Album"
_DISCOGS = "discogs"
# A genre needs a third of the most votes: one vote for blues is nothing beside twelve for folk.
_LEAST_SHARE = 3
# It gives a record's rows, or None for one without an id.
_RowsOf = Callable[[Mapping[str, object]], Sequence[Row] | None]


class GroupRow(NamedTuple):
    """The fields of a release group that a dataset uses; `year` is 0 where it isn't known.

    `artist` is the credit with its join phrases. `genres` is a cell of the genres, or else the
    tags, on which users agree, the ones with the most votes first. `also_known_as` is a cell of
    the Discogs masters that it links to.
    """

    mbid: str
    artist: str
    title: str
    year: int
    genres: str
    artist_ids: str
    also_known_as: str


def _read_rows(
    path: Path, *, needle: bytes, rows_of: _RowsOf, counts: DumpCounts | None = None
) -> Generator[Sequence[Row], None, None]:
    """Yield the rows of the records that contain the needle, in batches.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is cut off, damaged or another file; the rows so far are not all.

    """
    return checked_rows(_batches(path, needle, rows_of), path, kind=_KIND, counts=counts)


def _batches(path: Path, needle: bytes, rows_of: _RowsOf) -> Generator[Batch, None, None]:
    number = 0
    with opened(path, kind=_KIND) as dump:
        for lines, is_end in lines_of(dump, MEMBER):
            rows: list[Row] = []
            unread: list[tuple[str, str]] = []
            records = skipped = 0
            for number, line in enumerate(lines, start=number + 1):  # noqa: B020  (goes on)
                if not line or line.isspace():
                    continue
                records += 1
                if not is_end and _is_other(line, needle):
                    continue
                # One record at a time: many live objects make garbage collection dominate.
                try:
                    record = _parsed(line, number)
                except DumpError as err:
                    if is_end:
                        raise
                    unread.append((_id_in(line) or f"line {number:,}", str(err)))
                    continue
                found = rows_of(record) if isinstance(record, dict) else None
                skipped += found is None
                rows += found or ()
            yield Batch(rows, records, skipped, dump.position, unread=unread)


def _is_other(line: bytes, needle: bytes) -> bool:
    """Tell whether a line is a record that doesn't contain the needle, nor may as escapes."""
    return (
        needle not in line
        and line.startswith(b"{")
        and line.endswith(b"}")
        and not (b"\\" in line and _ESCAPED_LETTER.search(line))
    )


def _parsed(line: bytes, number: int) -> object:
    try:
        return orjson.loads(line)
    except ValueError:
        pass
    try:
        # The standard library accepts more than orjson, such as a lone surrogate.
        return json.loads(line)
    except (ValueError, RecursionError) as err:
        what = (
            f"line {number:,}: expected one release group as JSON, got {line[:60]!r}... ({err});"
            " it is cut off or damaged"
        )
        raise DumpError(what) from err


def _id_in(line: bytes) -> str:
    """Return the MBID of a record with characters that JSON forbids; "" where it isn't known."""
    try:
        return mbid_of(json.loads(line.decode(errors="replace"), strict=False))
    except (ValueError, RecursionError):
        return ""


def _links(record: Mapping[str, object]) -> Sequence[Row] | None:
    """Return the master, the MBID, whether it is an album and the year, for each master."""
    masters = masters_of(record)
    if not masters:
        return ()
    mbid = mbid_of(record)
    if not mbid:
        return None
    album, year = is_album(record), year_of(record)
    return [(master_id, mbid, album, year) for master_id in masters]


def _albums(record: Mapping[str, object]) -> Sequence[GroupRow] | None:
    """Return a record of type Album; None for one without a valid id or a title."""
    if not is_album(record):
        return ()
    group = group_of(record)
    return [group] if group else None


# A group that links to several masters gives as many rows.
read_links: Final = partial(_read_rows, needle=_LINKED, rows_of=_links)
read_groups: Final = partial(_read_rows, needle=_ALBUMS, rows_of=_albums)


def group_of(record: object) -> GroupRow | None:
    """Read a release group; return None where it has no id or no title."""
    mbid = mbid_of(record)
    if not mbid or not isinstance(record, dict):
        return None
    title = safe_text(_text(record, "title"))
    if not title:
        return None
    artists = dict.fromkeys(mbid_of(each.get("artist")) for each in _items(record, "artist-credit"))
    ids = join_list([f"musicbrainz:{each}" for each in artists if each])
    genres = join_list(_genres(record))
    masters = join_list([f"discogs:m{number}" for number in masters_of(record)])
    return GroupRow(mbid, _artist(record), title, year_of(record), genres, ids, masters)


def mbid_of(record: object) -> str:
    """Return a record's MBID, a UUID in small letters; "" where it has none."""
    mbid = _text(record, "id").lower() if isinstance(record, dict) else ""
    return mbid if MBID.fullmatch(mbid) else ""


def is_album(record: Mapping[str, object]) -> bool:
    """Tell whether a record has the primary type Album, with any secondary types."""
    return record.get("primary-type") == _ALBUM


def year_of(record: Mapping[str, object]) -> int:
    """Return the year of the first release ("1994-11-01", "1994"); 0 where it isn't known."""
    year = _YEAR.fullmatch(_text(record, "first-release-date"))
    return int(year[1]) if year else 0


def masters_of(record: Mapping[str, object]) -> tuple[int, ...]:
    """Return the ids of the Discogs masters that a record links to, each once, in order."""
    found: dict[int, None] = {}
    for relation in _items(record, "relations"):
        url = relation.get("url")
        is_link = relation.get("type") == _DISCOGS and relation.get("ended") is not True
        if is_link and isinstance(url, dict):
            found[master_of(_text(url, "resource"))] = None
    found.pop(0, None)
    return tuple(found)


def master_of(url: str) -> int:
    """Return the Discogs master's id of the URL of its page; 0 for any other URL."""
    master = _MASTER.fullmatch(url)
    return int(master["number"]) if master else 0


def _artist(record: Mapping[str, object]) -> str:
    parts: list[str] = []
    for credit in _items(record, "artist-credit"):
        artist = credit.get("artist")
        own = _text(artist, "name") if isinstance(artist, dict) else ""
        parts += (_text(credit, "name") or own, _text(credit, "joinphrase"))
    return safe_text("".join(parts))


def _genres(record: Mapping[str, object]) -> tuple[str, ...]:
    """Return the genres, or else the tags, that have at least a third of the most votes."""
    votes = _votes(record, "genres") or _votes(record, "tags")
    most = max(votes.values(), default=0)
    agreed = [name for name, count in votes.items() if _LEAST_SHARE * count >= most]
    return tuple(sorted(agreed, key=lambda name: (-votes[name], name)))


def _votes(record: Mapping[str, object], field: str) -> dict[str, int]:
    """Return the net votes of the names in a field that have a positive count."""
    votes: dict[str, int] = {}
    for each in _items(record, field):
        name, count = safe_text(_text(each, "name")), each.get("count")
        if name and isinstance(count, int) and not isinstance(count, bool) and count > 0:
            votes[name] = max(count, votes.get(name, 0))
    return votes


def _text(record: Mapping[str, object], field: str) -> str:
    value = record.get(field)
    return value if isinstance(value, str) else ""


def _items(record: Mapping[str, object], field: str) -> Iterator[Mapping[str, object]]:
    value = record.get(field)
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))
