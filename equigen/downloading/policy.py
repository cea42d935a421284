"""Decide what a cover needs, given what became of it before, and which bytes are hardly covers."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from equigen.dataset.table import map_table, stamp_of
from equigen.identity.artists import artist_ids, artists_by_credit, artists_in, count_artists
from equigen.identity.pictures import has_no_cover
from equigen.ledger.ledger import COVERS_CHANGED, SETTLED_COVERS, SHARED_COVERS, SHARED_IN, Ledger
from equigen.ledger.models import (
    BROKEN,
    MISSING,
    OK,
    REFUSED,
    Cover,
    SharedCover,
    read_settled,
    read_shared_covers,
)

if TYPE_CHECKING:
    import polars as pl

    from equigen.config.settings import DownloadSettings
    from equigen.dataset.context import Context
    from equigen.dataset.table_reader import Chunk

# Statuses that another request hardly changes; `failed` may change soon.
_SETTLED = frozenset({MISSING, REFUSED, BROKEN})
# Reason of a refusal by a host that limits us. A picture refused in so many runs, one after
# another, is most likely refused for itself.
_REFUSED_BY_HOST = "HTTP 403"
_MOST_REFUSALS = 7
# Time until the first retry in a later run, the second, and all others.
_AGAIN_AFTER = (timedelta(days=1), timedelta(weeks=1), timedelta(days=30))
# A run that starts at the same hour each night finds what the last one asked for a little later.
_SLACK = timedelta(hours=4)
# The reason of rows without a picture's address.
NO_PICTURE = "no picture"
# The reason of covers whose bytes are refused.
REFUSED_BYTES = "refused by SHA-256"
# The numbers of artists from which on bytes that their covers share are told, and stay out of sets.
_TOLD_FROM = 3
_OUT_OF_SETS_FROM = 10
_MOST_TOLD = 3


class CoverAction(StrEnum):
    """Need of a cover."""

    NOTHING = "nothing"
    BRING = "bring"  # another file here holds its picture
    LEAVE = "leave"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Decision:
    """Action for a cover; `reason` says why one is left, else it is empty."""

    action: CoverAction
    reason: str = ""


def is_due(ended_at: str, failures: int, now: datetime) -> bool:
    """Tell whether a cover that failed is due again: after a day, a week, then each month.

    `ended_at` is UTC in ISO 8601. A date that lies ahead is none: the clock was set back.
    """
    try:
        ended = datetime.fromisoformat(ended_at)
        passed = now - ended
    except (ValueError, TypeError):  # no date, or one without a time zone
        return True
    again_after = _AGAIN_AFTER[min(max(failures, 1), len(_AGAIN_AFTER)) - 1]
    return passed < timedelta(0) or passed >= again_after - _SLACK


def decide(
    url: str,
    known: Cover | None,
    *,
    is_there: bool,
    has_twin: bool,
    retry: Collection[str] | None,
    now: datetime,
) -> Decision:
    """Decide what a row's cover needs, by its address.

    `known` is what the ledger knows of its picture, if anything; `is_there` tells whether its
    file lies where the row wants it, `has_twin` whether one lies elsewhere. Good covers are never
    fetched again. What failed for good is only when it `is_due`, or with `retry`: the reasons to
    retry, none for all of them; what failed for another reason is left then, in any case.
    """
    if has_no_cover(url):
        return Decision(CoverAction.LEAVE, NO_PICTURE)
    if known is not None and known.status == OK and is_there:
        return Decision(CoverAction.NOTHING)
    if has_twin:
        return Decision(CoverAction.BRING)
    if (
        known is None
        or known.status == OK
        or (retry is not None and (not retry or known.reason in retry))
    ):
        return Decision(CoverAction.FETCH)
    refused = known.reason == _REFUSED_BY_HOST and known.failures >= _MOST_REFUSALS
    backs_off = known.status in _SETTLED or refused
    waits = backs_off and not is_due(known.fetched_at, known.failures, now)
    if waits or retry:
        return Decision(CoverAction.LEAVE, known.reason)
    return Decision(CoverAction.FETCH)


def settled_covers(given: "DownloadSettings", ledger: Ledger) -> dict[str, bool]:
    """Return whether bytes are refused or kept, by sha256; the last word on each counts."""
    noted = ledger.read(SETTLED_COVERS, read_settled) or {}
    refused = dict.fromkeys(given.refuse_sha256, True)
    return noted | refused | dict.fromkeys(given.keep_sha256, False)


def find_shared_covers(context: "Context", ledger: Ledger) -> list[SharedCover]:
    """Return the bytes that covers of several artists have and nobody settled, most covers first.

    They are looked for where the TSV, the covers or what is settled has changed since.

    Raises:
        MissingInputError, InputError: there is no dataset, or it is broken.

    """
    settled = settled_covers(context.settings.download, ledger)
    mark = f"{stamp_of(context.tsv)} {ledger.value(COVERS_CHANGED)} {sorted(settled.items())}"
    if ledger.value(SHARED_IN) != mark:
        shared = _find_shared(context, ledger, settled)
        ledger.remember(SHARED_COVERS, json.dumps([asdict(each) for each in shared]))
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


def _find_shared(context: "Context", ledger: Ledger, settled: Collection[str]) -> list[SharedCover]:
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
    told = []
    for sha256, covers, picture, albums in shared:
        count = count_artists(
            (artists[album["artist"]], artist_ids(album["artist_ids"])) for album in albums
        )
        if count >= _TOLD_FROM:
            example = min(ledger.files_of([picture])[picture])
            told.append(SharedCover(sha256, covers, count, example))
    return told
