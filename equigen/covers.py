"""The covers that the TSV asks for: each row's file, picture and address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from equigen.files import reading_tsv
from equigen.rules.covering import Wanted
from equigen.rules.labels import folder_of
from equigen.rules.naming import cover_name, folder_name
from equigen.rules.pictures import picture_key


@dataclass(frozen=True, slots=True)
class WantedCover(Wanted):
    """One row's cover: `path` ("Genre/name.jpg") below the images folder, where it comes from.

    `picture` is the part of `url` that stays the same when the URL is signed anew. `label` is the
    row's `genre` cell, `genre` the folder it lands in.
    """

    label: str
    genre: str
    year: str
    country: str


def wanted_covers(tsv: Path, folders: Mapping[str, str]) -> Iterator[WantedCover]:
    """Yield the cover of each row of the dataset, in file order.

    `folders` maps labels to folders, as `rules.labels.folders_by_genre` makes it.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    safe_folders: dict[str, str] = {}
    with reading_tsv(tsv) as rows:
        artist, title, label, url, year = (
            rows.index(name) for name in ("artist", "album", "genre", "image_url", "year")
        )
        optional = {name: rows.index(name) for name in ("album_id", "country")}
        for row in rows:
            name = row[label]
            if name not in safe_folders:
                safe_folders[name] = folder_name(folder_of(name, folders))
            genre = safe_folders[name]
            picture = picture_key(row[url]) if row[url] else ""
            album_id, country = (row[at] if at >= 0 else "" for at in optional.values())
            file = cover_name(row[artist], row[title], album_id=album_id, picture=picture)
            yield WantedCover(
                path=f"{genre}/{file}",
                picture=picture,
                url=row[url],
                label=name,
                genre=genre,
                year=row[year],
                country=country,
            )
