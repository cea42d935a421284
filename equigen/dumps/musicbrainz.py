"""Read MusicBrainz's release groups: the lines of a JSON dump, and the fields of one record.

https://musicbrainz.org/doc/Development/JSON_Data_Dumps, https://musicbrainz.org/doc/Release_Group

The API gives records of the same form. Fields of unexpected types count as missing.

The dump has millions of lines, one record each. Only lines that contain the searched bytes are
parsed. JSON may write letters as escapes instead, so a block with such escapes is searched line by
line.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import orjson

from equigen.dumps.archives import DamagedError, Lines, lines_of
from equigen.dumps.blocks import no_progress
from equigen.errors import InputError
from equigen.schema import join_list, safe_text

MEMBER = "mbdump/release-group"

# The searched bytes: the type of a link, the type of an album.
_LINKED = b'"discogs"'
_ALBUMS = b'"Album"'
# "\u0040" to "\u007f" include all ASCII letters.
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_NEWLINE, _OPENING, _CLOSING = b"\n{}"
_GET_ANEW = "Get it anew: equigen dumps get release-groups"

_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ReleaseGroup:
    """The fields of a release group that a dataset uses; `year` is 0 where it isn't known.

    `artist` is the credit with its join phrases. `genres` are those on which users agree, the ones
    with the most votes first.
    """

    mbid: str
    artist: str
    title: str
    year: int
    genres: tuple[str, ...]
    artist_ids: tuple[str, ...]


class LinkRow(NamedTuple):
    """A MusicBrainz release group that is the same album as a Discogs master."""

    master_id: int
    mbid: str
    is_album: bool
    year: int


class GroupRow(NamedTuple):
    """A MusicBrainz release group of type Album.

    `genres` are its genres, or else its tags, the ones with the most votes first.
    """

    mbid: str
    artist: str
    title: str
    year: int
    genres: str
    artist_ids: str


@dataclass(slots=True)
class Seen:
    """Counts of a reader so far: records, skipped ones among them, compressed bytes."""

    records: int = 0
    skipped: int = 0
    read_bytes: int = 0


def read_links(
    path: Path, *, on_read: Callable[[int], None] = no_progress, seen: Seen | None = None
) -> Iterator[Sequence[LinkRow]]:
    """Yield the links from release groups to Discogs masters, in batches.

    A group that links to several masters gives as many rows. `on_read(n)` is told that n more bytes
    of the compressed file were read; `seen` counts. A record without a valid id is skipped.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is cut off, damaged or another file; the rows so far are not all.

    """
    yield from _batches(_Reading(path, seen or Seen()), _LINKED, _links, on_read)


def read_groups(
    path: Path, *, on_read: Callable[[int], None] = no_progress, seen: Seen | None = None
) -> Iterator[Sequence[GroupRow]]:
    """Yield the release groups of type Album, in batches; everything else is as for `read_links`.

    A record without a valid id or a title is skipped.
    """
    yield from _batches(_Reading(path, seen or Seen()), _ALBUMS, _groups, on_read)


def _batches(
    reading: "_Reading",
    needle: bytes,
    rows_of: Callable[[Mapping[str, object], Seen], Sequence[Row]],
    on_read: Callable[[int], None],
) -> Iterator[Sequence[Row]]:
    reported = reading.seen.read_bytes
    for records in reading.records(needle):
        # One record is parsed at a time: many live objects make garbage collection dominate.
        rows = [row for record in records for row in rows_of(record, reading.seen)]
        on_read(reading.seen.read_bytes - reported)
        reported = reading.seen.read_bytes
        if rows:
            yield rows


def _links(record: Mapping[str, object], seen: Seen) -> Sequence[LinkRow]:
    masters = masters_of(record)
    if not masters:
        return ()
    mbid = mbid_of(record)
    if not mbid:
        seen.skipped += 1
        return ()
    album, year = is_album(record), year_of(record)
    return [LinkRow(master_id, mbid, album, year) for master_id in masters]


def _groups(record: Mapping[str, object], seen: Seen) -> Sequence[GroupRow]:
    if not is_album(record):
        return ()
    group = group_of(record)
    if not group:
        seen.skipped += 1
        return ()
    genres, ids = join_list(group.genres), join_list(group.artist_ids)
    return (GroupRow(group.mbid, group.artist, group.title, group.year, genres, ids),)


@dataclass(slots=True)
class _Reading:
    """A pass over one file: its position, and the errors that name it."""

    path: Path
    seen: Seen
    lines: int = 0

    def records(self, needle: bytes) -> Iterator[Iterator[Mapping[str, object]]]:
        """Yield, block by block, the records that may contain the needle, and possibly others."""
        try:
            for lines in lines_of(self.path, MEMBER):
                self.seen.read_bytes += lines.read_bytes
                yield self._block(lines, needle)
        except DamagedError as err:
            raise self._cut_off(str(err)) from err
        if not self.seen.records:
            msg = f"{self.path}: expected release groups, got none. {_GET_ANEW}"
            raise InputError(msg)

    def _block(self, lines: Lines, needle: bytes) -> Iterator[Mapping[str, object]]:
        shape = _shape(lines)
        if shape.is_regular:
            found, records = _found(lines, needle), shape.lines
        else:  # an empty or incomplete line, another line ending, or the last line
            whole = list(_all(lines))
            found, records = iter(whole), len(whole)
        for line in found:
            record = self._parsed(lines, line)
            if isinstance(record, dict):
                yield record
            else:
                self.seen.skipped += 1
        self.lines += shape.lines
        self.seen.records += records

    def _parsed(self, lines: Lines, line: "_Line") -> object:
        try:
            return orjson.loads(line.text)
        except ValueError:
            pass
        try:
            # The standard library accepts more than orjson, such as a lone surrogate.
            return json.loads(line.text)
        except (ValueError, RecursionError) as err:
            if line.at + len(line.text) == lines.end:  # the last line, without a line ending
                why = f"its last line, {line.text[:60]!r}..., isn't whole"
                raise self._cut_off(why) from err
            number = self.lines + lines.data.count(b"\n", lines.start, line.at) + 1
            msg = (
                f"{self.path}, line {number:,}: expected one release group as JSON, got"
                f" {line.text[:60]!r}... ({err}). {_GET_ANEW}"
            )
            raise InputError(msg) from err

    def _cut_off(self, why: str) -> InputError:
        seen = self.seen
        msg = (
            f"{self.path}: cut off or damaged: {why}. What was read before,"
            f" {seen.records:,} release groups in {seen.read_bytes:,} bytes of the file, is not the"
            f" whole. {_GET_ANEW}"
        )
        return InputError(msg)


class _Line(NamedTuple):
    """A line without its line ending, and its offset in the data."""

    at: int
    text: bytes


class _Shape(NamedTuple):
    """The number of line endings, and whether all lines begin and end as JSON objects."""

    lines: int
    is_regular: bool


def _shape(lines: Lines) -> _Shape:
    text = np.frombuffer(lines.data, np.uint8)[lines.start : lines.end]
    ends = np.flatnonzero(text == _NEWLINE)
    if not ends.size or text[0] != _OPENING or ends[-1] != text.size - 1:
        return _Shape(ends.size, is_regular=False)
    closed = bool((text[ends - 1] == _CLOSING).all())
    return _Shape(ends.size, closed and bool((text[ends[:-1] + 1] == _OPENING).all()))


def _found(lines: Lines, needle: bytes) -> Iterator[_Line]:
    """Yield the lines that contain the needle, or may contain it as escapes."""
    data, end, stop = lines.data, lines.start, lines.end
    if _has_escaped_letters(lines):
        yield from (
            line for line in _all(lines) if needle in line.text or _ESCAPED_LETTER.search(line.text)
        )
        return
    while (at := data.find(needle, end, stop)) >= 0:
        start = data.rfind(b"\n", end, at) + 1 or end
        end = data.find(b"\n", at) + 1
        yield _Line(start, data[start : end - 1])


def _has_escaped_letters(lines: Lines) -> bool:
    # Backslashes are rare, and a search for one byte is fast.
    data, stop = lines.data, lines.end
    at = data.find(b"\\", lines.start, stop)
    while at >= 0:
        if _ESCAPED_LETTER.match(data, at):
            return True
        at = data.find(b"\\", at + 1, stop)
    return False


def _all(lines: Lines) -> Iterator[_Line]:
    """Yield the lines that are not blank."""
    at = lines.start
    for line in lines.data[lines.start : lines.end].split(b"\n"):
        if line.strip():
            yield _Line(at, line)
        at += len(line) + 1


def group_of(record: object) -> ReleaseGroup | None:
    """Read a release group; return None where it has no id or no title."""
    mbid = mbid_of(record)
    if not mbid or not isinstance(record, dict):
        return None
    title = safe_text(_text(record, "title"))
    if not title:
        return None
    artists = dict.fromkeys(mbid_of(each.get("artist")) for each in _items(record, "artist-credit"))
    ids = tuple(f"musicbrainz:{each}" for each in artists if each)
    return ReleaseGroup(mbid, _artist(record), title, year_of(record), _genres(record), ids)


def mbid_of(record: object) -> str:
    """Return a record's MBID, a UUID in small letters; "" where it has none."""
    mbid = _text(record, "id").lower() if isinstance(record, dict) else ""
    return mbid if _MBID.fullmatch(mbid) else ""


def is_album(record: Mapping[str, object]) -> bool:
    """Tell whether a record has the primary type Album, with any secondary types."""
    return record.get("primary-type") == _ALBUM


def year_of(record: Mapping[str, object]) -> int:
    """Return the year of the first release ("1994-11-01", "1994"); 0 where it isn't known."""
    year = _YEAR.fullmatch(_text(record, "first-release-date"))
    return int(year[1]) if year else 0


def masters_of(record: Mapping[str, object]) -> tuple[int, ...]:
    """Return the ids of the Discogs masters that a record links to, each once, in order."""
    relations = record.get("relations")
    if not isinstance(relations, list):
        return ()
    found: dict[int, None] = {}
    for relation in relations:
        if not isinstance(relation, dict) or relation.get("type") != _DISCOGS:
            continue
        url = relation.get("url")
        if isinstance(url, dict) and relation.get("ended") is not True:
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
