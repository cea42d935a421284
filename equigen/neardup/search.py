"""Find the covers of a dataset that look alike; the ledger keeps descriptors, pairs and groups."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from equigen.dataset.context import Context
from equigen.errors import InputError, PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands
from equigen.ledger.ledger import COVERS_COMPARED, Ledger
from equigen.ledger.models import CoverPair
from equigen.neardup.candidates import Files
from equigen.neardup.clusters import gathered
from equigen.neardup.comparison import (
    Judged,
    Thumb,
    boxes_of,
    judged_pairs,
    look_alike,
    thumbs_of,
)
from equigen.storage.os_errors import translating_read_errors

# Pairs that were compared by another method are compared anew.
_COMPARED_BY = "covers_compared_by"
_METHOD = "2"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """Covers that look alike, by the sha256 of their files.

    `pairs` hold together all that do, also with files that are gone: of many copies of one picture
    not every two are a pair. `groups` has the name of each file's group, where it is in one; `cut`
    counts the pairs of the files that are in no common group
    (`gathered`). `compared` is the number of pairs that were compared this time.
    """

    pairs: Sequence[CoverPair]
    groups: Mapping[str, str]
    cut: int
    compared: int


def find_lookalikes(context: Context, ledger: Ledger, files: Files) -> Lookalikes:
    """Compare the covers that weren't compared yet, and record the results in the ledger.

    Raises:
        StorageError: a file can't be read.

    """
    if ledger.value(_COMPARED_BY) != _METHOD:
        ledger.forget_pairs()
        ledger.remember(COVERS_COMPARED, "")
        ledger.remember(_COMPARED_BY, _METHOD)
    _look_at(context, ledger, files)
    mark = _mark(files)
    if ledger.value(COVERS_COMPARED) == mark:
        pairs = ledger.cover_pairs()
        cut = _cut(pairs, files, groups := ledger.cover_groups())
        return Lookalikes(pairs, groups, cut, 0)
    thumb_of = thumbs_of(files)
    compared = _compare(context, ledger, files, thumb_of)
    pairs = ledger.cover_pairs()
    groups = _groups(ledger, files, pairs, thumb_of)
    ledger.record_groups(groups)
    ledger.remember(COVERS_COMPARED, mark)
    return Lookalikes(pairs, groups, _cut(pairs, files, groups), compared)


def describe(context: Context, body: bytes) -> bytes:
    """Return a picture's descriptor; b"" where the bytes are no picture."""
    try:
        return check_picture(body, Demands(1, context.settings.download.max_pixels)).descriptor
    except PictureError:
        return b""


def _look_at(context: Context, ledger: Ledger, files: Files) -> None:
    """Describe the files that the download checked only by their structure, or didn't bring."""
    unseen = sorted(files.keys() - ledger.looked_at())
    left = iter(unseen)
    with context.bar("look", len(unseen), "cover") as bar:
        while some := list(islice(left, _BATCH)):
            looks = {}
            for digest in some:
                file = files[digest]
                with translating_read_errors(Path(file)):
                    looks[digest] = describe(context, file.read())
                bar.advance()
            ledger.record_covers((), looks=looks)


def _mark(files: Files) -> str:
    return hashlib.sha256("".join(sorted(files)).encode()).hexdigest()


def _compare(
    context: Context, ledger: Ledger, files: Files, thumb_of: Callable[[str], Thumb]
) -> int:
    known = {(pair.first, pair.second): pair.is_alike for pair in ledger.compared()}
    judged = judged_pairs(
        ledger.looks(),
        files,
        known,
        context.bar,
        damaged=lambda err: context.say(str(err)),
        thumb_of=thumb_of,
    )
    compared = 0
    while some := list(islice(judged, _BATCH)):
        ledger.record_pairs(map(_as_pair, some))
        compared += len(some)
    return compared


def _as_pair(judged: Judged) -> CoverPair:
    verdict = judged.verdict
    return CoverPair(
        judged.first, judged.second, judged.distance, verdict.likeness, verdict.is_alike
    )


def _groups(
    ledger: Ledger, files: Files, pairs: Iterable[CoverPair], thumb_of: Callable[[str], Thumb]
) -> dict[str, str]:
    here = [pair for pair in pairs if pair.first in files and pair.second in files]
    looks = ledger.looks_of({digest for pair in here for digest in pair[:2]})

    def agree(one: str, other: str) -> bool:
        boxes = [boxes_of(looks.get(digest, b"")) for digest in (one, other)]
        try:
            return all(boxes) and look_alike(thumb_of(one), thumb_of(other), *boxes)
        except InputError:  # it was damaged since, which was reported already
            return False

    found = gathered(here, agree)
    return {digest: group[0] for group in found for digest in group}


def _cut(pairs: Iterable[CoverPair], files: Files, groups: Mapping[str, str]) -> int:
    return sum(
        pair.first in files
        and pair.second in files
        and groups.get(pair.first, pair.first) != groups.get(pair.second, pair.second)
        for pair in pairs
    )
