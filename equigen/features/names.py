"""How near the text on an album's cover is to its artist and its title.

It uses the text that `text` read. Albums that share a cover have a row each: the same text may be
near to one of them alone.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from equigen.config.layers import Config
from equigen.dataset.context import Context
from equigen.dataset.feature_tables import FeatureTable
from equigen.features.base import Album, Column, Compute
from equigen.identity.artists import artist_key, bare_artist, fold, parts_of

VERSION: Final = 1
KIND: Final = "album"
CELLS: Final = ("artist", "album")
USES: Final = ("text",)
COST_MS: Final = 1.0
COLUMNS: Final[Mapping[str, Column]] = {
    "artist": Column("FLOAT", "share of the artist's letters read, 0 to 1"),
    "title": Column("FLOAT", "share of the title's letters read, 0 to 1"),
}
_NONE: Final = "no cover whose text was read"
# Shorter names are in almost any text: they count where they are a word of it.
_LEAST_LETTERS: Final = 4
_NOTE: Final = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")  # "(Deluxe Edition)" at the end


def prepare(context: Context) -> None:
    """Look whether the text of covers was read.

    Raises:
        MissingInputError: it wasn't.
        InputError: its table is broken.

    """
    FeatureTable(context.features, "text").read(["version"])


def open_feature(config: Config) -> Compute:
    """Return the function that compares names with text."""
    del config
    return lambda batch: [_compared(each) for each in batch]


def _compared(album: Album) -> Mapping[str, object] | str:
    text = album.features.get("text")
    if not text:
        return _NONE
    artist, title = album.cells["artist"], album.cells["album"]
    key = artist_key(artist)
    return {
        "artist": nearness(
            [bare_artist(artist), key, *parts_of(artist)] if key else [], text["transcript"]
        ),
        "title": nearness([title, _NOTE.sub("", title)], text["transcript"]),
    }


def nearness(names: Iterable[str], transcript: str) -> float | None:
    """Return how near a text comes to the nearest of some names, 0 to 1; None for no letters.

    It is 1 less the edits that turn a part of the text into the name, by the name's letters. Case,
    accents, blanks and punctuation don't count, nor where lines end.
    """
    words = {_letters(word) for word in transcript.split()}
    letters = _letters(transcript)
    found = [
        (1 - _edits(name, letters) / len(name))
        if len(name) >= _LEAST_LETTERS else float(name in words)
        for name in dict.fromkeys(map(_letters, names)) if name
    ]  # fmt: skip
    return max(found, default=None)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", fold(text))))


def _edits(name: str, text: str) -> int:
    """Return the edits between a name and the nearest part of a text (Sellers, 1980)."""
    codes = np.array([ord(letter) for letter in text], np.int32)
    at = np.arange(len(text) + 1)
    row = np.zeros(len(text) + 1, np.int64)  # a part may begin anywhere
    for letter in name:
        before, row = row, row + 1
        row[1:] = np.minimum(row[1:], before[:-1] + (codes != ord(letter)))
        row = np.minimum.accumulate(row - at) + at
    return int(row.min())
