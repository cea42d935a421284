"""What a dump's texts are in a row: credits, years, numbers, lists of names."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from equigen.schema import MAX_CELL_CHARS, join_list, safe_text

_YEAR = re.compile(r"[1-9][0-9]{3}")
_COMMA = ","
# As Discogs wrote names before 2020 or so: "Beatles, The", "Beatles, The (2)".
_THE_BEHIND = re.compile(r"(.+), The( \([0-9]+\))?")
_THE = ", The"
# 18 digits fit into 63 bits, which is what a database has for a number.
_MOST_DIGITS = 18
# Years and lists of genres are the same in many records; remembered, they cost nothing.
_MOST_KNOWN = 1 << 14


def clean(text: str) -> str:
    """Return what `safe_text` returns, sooner for most texts.

    Of printable ASCII there is nothing to replace, and its NFC is itself.
    """
    if text.isascii() and text.isprintable() and len(text) <= MAX_CELL_CHARS:
        return text.strip()
    return safe_text(text)


def number(text: str) -> int:
    """Return a number above 0 that is written with digits alone; 0 for anything else."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    return 0


@lru_cache(maxsize=_MOST_KNOWN)
def whole_year(text: str) -> int:
    """Return a year from 1000 to 9999; 0 where the text is anything else."""
    return int(text) if _YEAR.fullmatch(text := text.strip()) else 0


@lru_cache(maxsize=_MOST_KNOWN)
def leading_year(text: str) -> int:
    """Return the year that a date starts with, as `whole_year`: "1999-03-00", "1999"."""
    began = _YEAR.match(text.strip())
    return int(began[0]) if began else 0


def credit(artists: Sequence[Mapping[str, str]]) -> str:
    """Return the artists as Discogs shows them: "A, B", "A & B", "A Feat. B".

    Each has a `name`, or else an `anv`, and a `join` that stands before the next; what lacks is not
    in it. Who has no name is left out.
    """
    if len(artists) == 1 and (alone := _name(artists[0].get("name", ""))):
        return alone
    shown = ""
    join = ""
    for artist in artists:
        name = _name(artist.get("name", "")) or _name(artist.get("anv", ""))
        if name:
            shown = f"{shown}{join}{name}"
            mark = clean(artist.get("join", ""))
            join = ", " if mark in ("", _COMMA) else f" {mark} "
    return shown


def _name(text: str) -> str:
    name = clean(text)
    if _THE in name and (found := _THE_BEHIND.fullmatch(name)):
        return f"The {found[1]}{found[2] or ''}"
    return name


@lru_cache(maxsize=_MOST_KNOWN)
def names_cell(names: tuple[str, ...]) -> str:
    """Write names into one cell, each once, in their order; empty ones are left out."""
    return join_list(list(dict.fromkeys(filter(None, map(_in_a_list, names)))))


@lru_cache(maxsize=_MOST_KNOWN)
def genres_cell(names: tuple[str, ...]) -> str:
    """Write genres as `names_cell` does; "1", which stands in some dumps, is no genre."""
    return names_cell(tuple(name for name in names if clean(name) != "1"))


def _in_a_list(name: str) -> str:
    return join_list((clean(name),))
