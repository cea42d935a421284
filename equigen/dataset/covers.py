"""The covers that the TSV asks for: each row's file, picture and address."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.naming import cover_name, folder_name
from equigen.dataset.tsv import reading_tsv
from equigen.identity.pictures import picture_key
from equigen.labels.builtin import folder_of, folders_by_genre


class WantedCover(NamedTuple):
    """One row's cover: `path` ("Genre/name.jpg") below the images folder, where it comes from.

    `picture` is the part of `url` that stays the same when the URL is signed anew. `label` is the
    row's `genre` cell, `genre` the folder it lands in. The rest are the row's own cells, "" where
    the TSV has no such column.
    """

    path: str
    picture: str
    url: str
    label: str
    genre: str
    artist: str
    title: str
    year: str
    country: str
    album_id: str


def wanted_covers(
    tsv: Path, folders: Mapping[str, str], *, suffix: str = ".jpg"
) -> Iterator[WantedCover]:
    """Yield the cover of each row of the dataset, in file order.

    `folders` maps labels to folders, as `rules.labels.folders_by_genre` makes it; `suffix` is how
    the files end.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    safe_folders: dict[str, str] = {}
    with reading_tsv(tsv) as rows:
        at_artist, at_title, at_label, at_url, at_year = (
            rows.index(name) for name in ("artist", "album", "genre", "image_url", "year")
        )
        at_id, at_country = rows.index("album_id"), rows.index("country")
        for row in rows:
            label, url, artist, title = row[at_label], row[at_url], row[at_artist], row[at_title]
            if label not in safe_folders:
                safe_folders[label] = folder_name(folder_of(label, folders))
            genre = safe_folders[label]
            picture = picture_key(url) if url else ""
            album_id = row[at_id] if at_id >= 0 else ""
            country = row[at_country] if at_country >= 0 else ""
            file = cover_name(artist, title, album_id=album_id, picture=picture, suffix=suffix)
            yield WantedCover(
                f"{genre}/{file}", picture, url, label, genre, artist, title, row[at_year],
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
