"""Which rows of a damaged ledger still make sense: every value is of a kind that is written there.

SQLite knows when its pages are torn, but not when a value in one was overwritten.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from equigen.images.descriptor import VIEW
from equigen.ledger.meta import READERS, read_moment
from equigen.ledger.models import BROKEN, FAILED, MISSING, OK, REFUSED
from equigen.schema import ASIDE, COLUMNS, SETS

_Check = Callable[[object], bool]
_LISTING_FIELDS = 9
_MEMENTO_BYTES = 12
_HEX = re.compile(r"[0-9a-f]*")
_SHA256, _PHASH = 64, 16
_RENDERING = re.compile(r"original|[0-9]+ (crop|pad|inside|stretch) (jpg|png|webp)( [0-9]+)?")
_STATUSES = frozenset({OK, MISSING, REFUSED, BROKEN, FAILED})
# No host's answer, row or name is as long as this, in characters or bytes.
_MOST = 50_000_000


class Column(NamedTuple):
    """A column of a table: its declared type, and whether it must have a value."""

    name: str
    type: str
    is_required: bool


def sound_rows(table: str, columns: Sequence[Column]) -> Callable[[Sequence[object]], bool]:
    """Return what tells whether a row of a table, with these columns, makes sense."""
    checks = [
        (column, _KINDS.get(column.type, _is_number), _CHECKS.get((table, column.name), _anything))
        for column in columns
    ]
    at = {column.name: place for place, column in enumerate(columns)}
    is_whole = _WHOLE.get(table, _anything_goes)

    def makes_sense(row: Sequence[object]) -> bool:
        for value, (column, is_kind, check) in zip(row, checks, strict=True):
            if value is None:
                if column.is_required:
                    return False
            elif not (is_kind(value) and check(value)):
                return False
        return is_whole(row, at)

    return makes_sense


def _is_text(value: object) -> bool:
    # What was no UTF-8 was read as surrogates, which no text of ours has.
    return isinstance(value, str) and len(value) < _MOST and _is_utf8(value) and "\0" not in value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_blob(value: object) -> bool:
    return isinstance(value, bytes) and len(value) < _MOST


def _anything(_value: object) -> bool:
    return True


def _anything_goes(_row: Sequence[object], _at: Mapping[str, int]) -> bool:
    return True


def _is_hex(value: object, digits: int) -> bool:
    text = str(value)
    return len(text) == digits and bool(_HEX.fullmatch(text))


def _is_sha256(value: object) -> bool:
    return _is_hex(value, _SHA256)


def _is_phash(value: object) -> bool:
    return value == "" or _is_hex(value, _PHASH)


def _is_moment(value: object) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _is_moment_anywhere(value: object) -> bool:
    """Tell whether a value is a date with a time zone."""
    try:
        return bool(read_moment(str(value)))
    except ValueError:
        return False


def _is_day(value: object) -> bool:
    try:
        return date.fromisoformat(str(value)).isoformat() == value
    except ValueError:
        return False


def _is_path(value: object) -> bool:
    genre, _, name = str(value).partition("/")
    return bool(genre and name) and ".." not in {genre, name} and "/" not in name


def is_cover_path(value: object) -> bool:
    """Tell whether a value makes sense as a cover's path."""
    return _is_text(value) and _is_path(value)


def _is_set(value: object) -> bool:
    return value in {*SETS, ASIDE}


def _is_rendering(value: object) -> bool:
    return all(_RENDERING.fullmatch(part) for part in str(value).split(", "))


def _texts(value: object) -> list[object]:
    """Return the list that JSON has, of texts or lists of texts alone; [None] where it has none."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return [None]
    fits = isinstance(found, list) and all(
        isinstance(each, str) or (isinstance(each, list) and all(isinstance(x, str) for x in each))
        for each in found
    )
    return found if fits else [None]


def _are_ties(value: object) -> bool:
    return all(isinstance(each, str) for each in _texts(value))


def _are_cells(value: object) -> bool:
    return len(_texts(value)) == len(COLUMNS) and _are_ties(value)


def _are_texts(value: object) -> bool:
    try:
        found = json.loads(str(value))
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(each, str) for each in found)


def _are_listings(value: object) -> bool:
    try:
        found = json.loads(str(value))
    except ValueError:
        return False
    return isinstance(found, list) and all(
        isinstance(each, list) and len(each) == _LISTING_FIELDS for each in found
    )


def _is_look(value: object) -> bool:
    return isinstance(value, bytes) and len(value) % VIEW.itemsize == 0


def _is_flag(value: object) -> bool:
    return value in {0, 1}


_KINDS: Final[Mapping[str, _Check]] = {
    "TEXT": _is_text,
    "INTEGER": _is_count,
    "REAL": _is_number,
    "BLOB": _is_blob,
}
_CHECKS: Final[Mapping[tuple[str, str], _Check]] = {
    ("meta", "key"): lambda key: bool(re.fullmatch(r"[a-z_]+", str(key))),
    ("pages", "listings"): _are_listings,
    ("pages", "asked_at"): _is_moment,
    ("pages", "ids"): _are_texts,
    ("albums", "cells"): _are_cells,
    ("covers", "path"): _is_path,
    ("covers", "status"): lambda status: status in _STATUSES,
    ("covers", "phash"): _is_phash,
    ("covers", "rendering"): _is_rendering,
    ("looks", "sha256"): _is_sha256,
    ("looks", "look"): _is_look,
    ("sets", "path"): _is_path,
    ("sets", "set_name"): _is_set,
    ("placements", "set_name"): _is_set,
    ("placements", "ties"): _are_ties,
    ("pairs", "first"): _is_sha256,
    ("pairs", "second"): _is_sha256,
    ("pairs", "is_alike"): _is_flag,
    ("alike", "sha256"): _is_sha256,
    ("alike", "group_name"): _is_sha256,
    ("balanced", "album"): lambda album: len(bytes(album)) == _MEMENTO_BYTES,  # type: ignore[call-overload]
    ("requests", "day"): _is_day,
    ("rests", "since"): _is_moment_anywhere,
    ("rests", "until"): _is_moment_anywhere,
}


def _whole_cover(row: Sequence[object], at: Mapping[str, int]) -> bool:
    if row[at["status"]] != OK:
        return True
    moment = str(row[at["fetched_at"]])
    return _is_sha256(row[at["sha256"]]) and (not moment or _is_moment(moment))


def _whole_page(row: Sequence[object], at: Mapping[str, int]) -> bool:
    listings, left = row[at["listings"]], row[at["rows_left"]]
    there = len(json.loads(str(listings))) if listings is not None else 0
    return isinstance(left, int) and left <= there


def _whole_meta(row: Sequence[object], at: Mapping[str, int]) -> bool:
    reader, value = READERS.get(str(row[at["key"]])), str(row[at["value"]])
    try:
        if reader and value:
            reader(value)
    except ValueError:
        return False
    return True


_WHOLE: Final[Mapping[str, Callable[[Sequence[object], Mapping[str, int]], bool]]] = {
    "meta": _whole_meta,
    "covers": _whole_cover,
    "pages": _whole_page,
}
