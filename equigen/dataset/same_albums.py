"""Find the rows of a TSV that are one album by ids."""

from pathlib import Path
from typing import NamedTuple

from equigen.dataset.table import map_table
from equigen.dataset.tsv import reading_tsv
from equigen.identity.albums import album_key, ids_elsewhere, same_by_ids
from equigen.identity.pictures import picture_key
from equigen.schema import split_list

ELSEWHERE = ("also_known_as", "tracks")
_COLUMNS = ("artist", "album", "image_url", "album_id", *ELSEWHERE)


class Row(NamedTuple):
    """A row by its place from 0, its album's key, and its cells of ids."""

    at: int
    key: str
    album_id: str
    also_known_as: str
    tracks: str


def same_albums(tsv: Path) -> list[list[Row]]:
    """Return the rows that are one album by ids, as `same_by_ids` has it, in order.

    Raises:
        MissingInputError, InputError: the TSV is missing or broken.

    """
    with reading_tsv(tsv) as file:
        if not set(ELSEWHERE) & set(file.columns):
            return []
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    from equigen.identity.columns import further_ids, sharing_ids  # noqa: PLC0415

    hashed = map_table(
        tsv,
        _COLUMNS[3:],
        lambda chunk: (chunk.frame["album_id"].hash(), further_ids(chunk.frame)),
    )
    own, elsewhere, at = list[pl.Series](), list[pl.DataFrame](), 0
    for some, further in hashed:
        own.append(some)
        elsewhere.append(further.with_columns(pl.col("row") + at))
        at += len(some)
    wanted = sharing_ids(pl.concat(own), pl.concat(elsewhere)) if at else pl.Series()
    rows, at = dict[int, Row](), 0
    for frame in map_table(tsv, _COLUMNS, lambda chunk: chunk.frame) if len(wanted) else ():
        there = frame.with_row_index("row", at).filter(pl.col("row").is_in(wanted.implode()))
        for row, artist, title, url, own_id, also, tracks in there.rows():
            picture = picture_key(url) if url else ""
            key = album_key(album_id=own_id, artist=artist, title=title, picture=picture)
            rows[row] = Row(row, key, own_id, also, tracks)
        at += frame.height
    ids = {
        at: (row.album_id, ids_elsewhere(split_list(row.also_known_as), split_list(row.tracks)))
        for at, row in rows.items()
    }
    return [[rows[at] for at in album] for album in same_by_ids(ids)]


def names_by_album(tsv: Path) -> dict[str, str]:
    """Return one name for all rows that are one album by ids, by the keys of these: one of the ids.

    Raises:
        MissingInputError, InputError: the TSV is missing or broken.

    """
    names = dict[str, str]()
    for album in same_albums(tsv):
        own = {row.album_id for row in album if row.album_id}
        names |= dict.fromkeys((row.key for row in album), min(own, default=album[0].key))
    return names
