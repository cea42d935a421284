"""The classes of the dataset: which Discogs genre or style each one is asked by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

WORLD_FOLDER = "World"
_WORLD_SUFFIX = " (World)"


@dataclass(frozen=True, slots=True)
class Label:
    """One class: the words a source is asked with, its quota, and where its albums land.

    `name` is unique and says which label is meant; `genre_name` is what stands in the TSV's
    `genre` column; `folder` is the directory below the images folder; `limit` is in albums.
    At least one of `genre` and `style` is set; where both are, an album must have both.
    """

    name: str
    genre: str
    style: str
    limit: int
    folder: str
    genre_name: str


def _both(name: str) -> tuple[str, str, str]:
    return name, name, name


def _genre(name: str) -> tuple[str, str, str]:
    return name, name, ""


def _style(name: str) -> tuple[str, str, str]:
    return name, "", name


# (name, genre asked, style asked), in the order in which labels are filled: an artist belongs to
# the first label that takes an album of theirs. Discogs knows no genre "Metal", "Rap" or
# "Country"; its search matches by word, so style=Metal finds "Heavy Metal" and genre=Country
# finds "Folk, World, & Country", which the style then narrows to Country itself.
_GENRES = (
    _both("Blues"),
    _both("Country"),
    _genre("Electronic"),
    _both("Jazz"),
    _genre("Latin"),
    _genre("Reggae"),
    _both("Pop"),
    _both("Rock"),
    _style("Folk"),
    _style("Metal"),
    _style("New Age"),
    _style("Punk"),
    _style("Rap"),
    _style("Rhythm & Blues"),
)
_WORLD_STYLES = (
    "Afrobeat",
    "Rumba",
    "Celtic",
    "Flamenco",
    "Bollywood",
    "Hindustani",
    "K-Pop",
    "Mandopop",
    "Salsa",
    "Bolero",
)


def builtin_labels(*, genre_limit: int, world_limit: int) -> tuple[Label, ...]:
    """Return the 24 labels in the order in which they are filled.

    Both limits are in albums a label. World styles share the folder `World` and carry
    "<style> (World)" as their genre, but each has its own limit.
    """
    genres = [
        Label(name, genre, style, genre_limit, folder=name, genre_name=name)
        for name, genre, style in _GENRES
    ]
    world = [
        Label(style, "", style, world_limit, folder=WORLD_FOLDER, genre_name=style + _WORLD_SUFFIX)
        for style in _WORLD_STYLES
    ]
    return (*genres, *world)


def folders_by_genre(labels: Sequence[Label]) -> Mapping[str, str]:
    """Map each label's `genre` cell to its folder, for `folder_of`."""
    return MappingProxyType({label.genre_name: label.folder for label in labels})


def folder_of(genre_name: str, folders: Mapping[str, str]) -> str:
    """Return the folder in which albums of a `genre` cell land, not yet made safe as a path.

    Cells that no label claims (a hand-edited row, a file of another tool) keep their own name,
    but "<style> (World)" is always `World`.
    """
    if genre_name in folders:
        return folders[genre_name]
    return WORLD_FOLDER if genre_name.endswith(_WORLD_SUFFIX) else genre_name
