"""Find the bytes that covers of several artists share: these are hardly covers."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from equigen.config.settings import DownloadSettings
from equigen.dataset.context import Context
from equigen.dataset.table import map_table, stamp_of
from equigen.identity.artists import artist_ids, artists_by_credit, artists_in, count_artists
from equigen.ledger.ledger import COVERS_CHANGED, SETTLED_COVERS, SHARED_COVERS, SHARED_IN, Ledger
from equigen.ledger.values import SharedCover, read_settled, read_shared_covers

if TYPE_CHECKING:
    import polars as pl

    from equigen.dataset.table_reader import Chunk

# The numbers of artists from which on bytes that their covers share are told, and stay out of sets.
_TOLD_FROM = 3
_OUT_OF_SETS_FROM = 10
_MOST_TOLD = 3


def settled_covers(given: DownloadSettings, ledger: Ledger) -> dict[str, bool]:
    """Return whether bytes are refused or kept, by sha256; the last word on each counts."""
    noted = ledger.read(SETTLED_COVERS, read_settled) or {}
    refused = dict.fromkeys(given.refuse_sha256, True)
    return noted | refused | dict.fromkeys(given.keep_sha256, False)


def find_shared_covers(context: Context, ledger: Ledger) -> list[SharedCover]:
    """Return the bytes that covers of several artists have and nobody settled, most covers first.

    They are looked for where the TSV, the covers or what is settled has changed since.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    settled = settled_covers(context.settings.download, ledger)
    mark = f"{stamp_of(context.tsv)} {ledger.value(COVERS_CHANGED)} {sorted(settled.items())}"
    if ledger.value(SHARED_IN) != mark:
        shared = _find_shared(context, ledger, settled)
        ledger.remember(SHARED_COVERS, json.dumps([each._asdict() for each in shared]))
        ledger.remember(SHARED_IN, mark)
    return noted_shared_covers(ledger)


def noted_shared_covers(ledger: Ledger) -> list[SharedCover]:
    """Return the shared covers that were last found."""
    return ledger.read(SHARED_COVERS, read_shared_covers) or []


def out_of_sets(shared: Sequence[SharedCover]) -> list[SharedCover]:
    """Return the shared covers that are in no set until they are settled."""
    return [each for each in shared if each.artists >= _OUT_OF_SETS_FROM]


def notes_on_shared(shared: Sequence[SharedCover]) -> Iterator[str]:
    """Yield how to settle each of the most frequent shared covers."""
    for each in shared[:_MOST_TOLD]:
        until = "; until then they stay out of sets" * (each.artists >= _OUT_OF_SETS_FROM)
        yield (
            f"{each.covers:,} covers of {each.artists:,} artists have the same bytes, for example"
            f" {each.example}. Where that is no cover, run `equigen download --refuse-sha256"
            f" {each.sha256}`, else `equigen download --keep-sha256 {each.sha256}`{until}"
        )
    if len(shared) > _MOST_TOLD:
        yield f"{len(shared) - _MOST_TOLD:,} more such bytes are shared: `--json` has them"


def _find_shared(context: Context, ledger: Ledger, settled: Collection[str]) -> list[SharedCover]:
    import polars as pl  # noqa: PLC0415  (it starts a thread)

    from equigen.identity.columns import picture_keys  # noqa: PLC0415

    known = ledger.pictures_sharing(_TOLD_FROM)
    known = {picture: sha256 for picture, sha256 in known.items() if sha256 not in settled}
    pictures = pl.DataFrame({"picture": list(known), "sha256": list(known.values())})

    def look(chunk: "Chunk") -> "tuple[pl.DataFrame, pl.Series]":
        frame = chunk.frame.with_columns(picture_keys(chunk.frame["image_url"]).alias("picture"))
        return frame.join(pictures, on="picture"), frame["artist"].unique()

    columns = ("artist", "artist_ids", "image_url")
    found = list(map_table(context.tsv, columns, look)) if known else []
    if not found:
        return []
    shared = (
        pl.concat([rows for rows, _ in found])
        .group_by("sha256")
        .agg(pl.len(), pl.min("picture"), albums=pl.struct("artist", "artist_ids").unique())
        .filter(pl.col("albums").list.len() >= _TOLD_FROM)
        .sort(["len", "sha256"], descending=[True, False])
        .rows()
    )
    credited = {album["artist"] for *_, albums in shared for album in albums}
    others = {name for _, names in found for name in names} - credited if shared else set[str]()
    artists = artists_by_credit(credited, known=artists_in(others))
    paths = ledger.files_of(picture for _, _, picture, _ in shared)
    told = []
    for sha256, covers, picture, albums in shared:
        count = count_artists(
            (artists[album["artist"]], artist_ids(album["artist_ids"])) for album in albums
        )
        if count >= _TOLD_FROM:
            told.append(SharedCover(sha256, covers, count, example=paths[picture][0]))
    return told
