"""Read the fields of a MusicBrainz release group, from its JSON dump or from its API.

https://musicbrainz.org/doc/Release_Group. Fields of unexpected types count as missing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from equigen.schema import safe_text

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


def group_of(record: object) -> ReleaseGroup | None:
    """Read a release group; return None where it has no id or no title."""
    mbid = mbid_of(record)
    if not mbid or not isinstance(record, dict):
        return None
    title = safe_text(_text(record, "title"))
    if not title:
        return None
    return ReleaseGroup(mbid, _artist(record), title, year_of(record), _genres(record))


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
