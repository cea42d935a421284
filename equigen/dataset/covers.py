"""The covers that the TSV asks for: each row's album, picture and file.

Where a row's cover lies is decided here alone: the layout is a folder a label.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.naming import cover_name, folder_name
from equigen.dataset.table import map_table
from equigen.identity.albums import album_key
from equigen.identity.pictures import picture_key
from equigen.labels.taxonomy import folder_of, folders_by_genre

if TYPE_CHECKING:
    from equigen.dataset.table_reader import Chunk

_COLUMNS = ("artist", "album", "genre", "image_url", "year", "album_id", "country")


class WantedCover(NamedTuple):
    """One row's cover: `path` ("Label/name.jpg") is where the layout puts it below a folder.

    `picture` is its picture's key, or where the row has no address of a picture the name of its
    file. `genre` is the row's cell, `label` the folder that the cell stands for. The rest are the
    row's own cells, "" where the TSV has no such column.
    """

    path: str
    picture: str
    url: str
    genre: str
    label: str
    artist: str
    title: str
    year: str
    country: str
    album_id: str

    @property
    def album(self) -> str:
        """The album's key."""
        return self.album_id or album_key(
            album_id="",
            artist=self.artist,
            title=self.title,
            picture=picture_key(self.url) if self.url else "",
        )


def wanted_covers(
    tsv: Path, folders: Mapping[str, str], *, suffix: str = ".jpg"
) -> Iterator[WantedCover]:
    """Yield the cover of each row of the dataset, in file order.

    `folders` maps `genre` cells to folders, as `folders_by_genre` makes it; `suffix` is how the
    files end.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    label_of = _labels(folders)
    for rows in map_table(tsv, _COLUMNS, _with_pictures):
        for artist, title, genre, url, year, album_id, country, picture, is_bare in rows:
            label = label_of(genre)
            file = cover_name(artist, title, album_id=album_id, picture=picture, suffix=suffix)
            yield WantedCover(
                f"{label}/{file}", f"file:{file}" if is_bare else picture, url, genre, label,
                artist, title, year, country, album_id,
            )  # fmt: skip


def _with_pictures(chunk: "Chunk") -> list[tuple[str, str, str, str, str, str, str, str, bool]]:
    from equigen.identity.columns import have_no_cover, picture_keys  # noqa: PLC0415  (polars)

    urls = chunk.frame["image_url"]
    pictures, are_bare = picture_keys(urls).alias("picture"), have_no_cover(urls).alias("is_bare")
    return chunk.frame.with_columns(pictures, are_bare).rows()


def _labels(folders: Mapping[str, str]) -> Callable[[str], str]:
    return cache(lambda genre: folder_name(folder_of(genre, folders)))


def dataset_labels(context: Context) -> Callable[[str], str]:
    """Return the function that names the label of a row by its `genre` cell."""
    return _labels(folders_by_genre(context.settings.fetch.known_labels()))


def dataset_covers(context: Context) -> Iterator[WantedCover]:
    """Yield the cover of each row of a run's dataset, in file order.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    folders = folders_by_genre(context.settings.fetch.known_labels())
    suffix = context.settings.download.renderings()[0].suffix
    return wanted_covers(context.tsv, folders, suffix=suffix)
