"""Define labels: the built-in ones, their folders, and the albums that match them.

The built-in labels are in `taxonomy.toml`.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

WORLD_FOLDER = "World"
_WORLD_SUFFIX = " (World)"
_BUILTIN = Path(__file__).with_suffix(".toml")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Label:
    """A class of the dataset: its search terms, quota, folder, and genre cell.

    `name` is unique; `genre_name` is the value of the TSV's `genre` column; `folder` is the
    directory below the images folder; `limit` is in albums. At least one of `genre` and `style` is
    set; where both are, an album must have both.
    """

    name: str
    genre: str
    style: str
    limit: int
    folder: str
    genre_name: str


def builtin_labels(*, genre_limit: int, world_limit: int) -> tuple[Label, ...]:
    """Return the 24 built-in labels in the order in which they are filled.

    Both limits are in albums a label. World styles share the folder `World` and have
    "<style> (World)" as their genre, but each has a limit of its own.
    """
    labels = []
    for table in _builtin_tables():
        name, is_world = table["name"], table.get("world", False)
        labels.append(
            Label(
                name=name,
                genre=table.get("genre", ""),
                style=table.get("style", ""),
                limit=world_limit if is_world else genre_limit,
                folder=WORLD_FOLDER if is_world else name,
                genre_name=name + _WORLD_SUFFIX if is_world else name,
            )
        )
    return tuple(labels)


@cache
def _builtin_tables() -> Sequence[Mapping[str, Any]]:
    tables: list[dict[str, Any]] = tomllib.loads(_BUILTIN.read_text(encoding="utf-8"))["labels"]
    return tables


def folders_by_genre(labels: Sequence[Label]) -> Mapping[str, str]:
    """Return the folder of each label's genre cell, for `folder_of`."""
    return MappingProxyType({label.genre_name: label.folder for label in labels})


def folder_of(genre_name: str, folders: Mapping[str, str]) -> str:
    """Return the folder for albums of a genre cell, not yet made safe as a path.

    Cells of no label, in rows edited by hand or made by other tools, keep their own name, except
    that "<style> (World)" is always `World`.
    """
    if genre_name in folders:
        return folders[genre_name]
    return WORLD_FOLDER if genre_name.endswith(_WORLD_SUFFIX) else genre_name


def fits(label: Label, genres: Sequence[str], styles: Sequence[str]) -> bool:
    """Tell whether Discogs' search for the label finds an album of these genres and styles."""
    return (not label.genre or finds(label.genre, genres)) and (
        not label.style or finds(label.style, styles)
    )


def finds(wanted: str, values: Iterable[str]) -> bool:
    """Tell whether one of the values contains all words of `wanted`, as Discogs' search does.

    So "metal" finds "Heavy Metal". https://www.discogs.com/developers/#page:database
    """
    return any(words_of(wanted) <= words_of(value) for value in values)


@lru_cache(maxsize=4096)
def words_of(value: str) -> frozenset[str]:
    """Return the case-folded words of a value: "Soul-Jazz" has two, "Rhythm & Blues" two."""
    return frozenset(_WORD.findall(value.casefold()))
