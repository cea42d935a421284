"""The covers that the TSV asks for: each row's album, picture and file.

Where a row's cover lies is decided here alone: the layout is a folder a label.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.naming import cover_name, folder_name
from equigen.dataset.tsv import reading_tsv
from equigen.identity.albums import album_key
from equigen.identity.pictures import has_no_cover, picture_key
from equigen.labels.taxonomy import folder_of, folders_by_genre


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
    labels: dict[str, str] = {}
    with reading_tsv(tsv) as rows:
        at_artist, at_title, at_genre, at_url, at_year = (
            rows.index(name) for name in ("artist", "album", "genre", "image_url", "year")
        )
        at_id, at_country = rows.index("album_id"), rows.index("country")
        for row in rows:
            genre, url, artist, title = row[at_genre], row[at_url], row[at_artist], row[at_title]
            if genre not in labels:
                labels[genre] = folder_name(folder_of(genre, folders))
            label = labels[genre]
            picture = picture_key(url) if url else ""
            album_id = row[at_id] if at_id >= 0 else ""
            country = row[at_country] if at_country >= 0 else ""
            file = cover_name(artist, title, album_id=album_id, picture=picture, suffix=suffix)
            if has_no_cover(url):
                picture = f"file:{file}"
            yield WantedCover(
                f"{label}/{file}", picture, url, genre, label, artist, title, row[at_year],
                country, album_id,
            )  # fmt: skip


def dataset_covers(context: Context) -> Iterator[WantedCover]:
    """Yield the cover of each row of a run's dataset, in file order.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    folders = folders_by_genre(context.settings.fetch.known_labels())
    suffix = context.settings.download.renderings()[0].suffix
    return wanted_covers(context.tsv, folders, suffix=suffix)
