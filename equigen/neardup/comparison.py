"""Which covers look alike: candidates by their hashes, a first look, a second one at the pixels."""

import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from equigen.dataset.context import BarMaker
from equigen.errors import InputError
from equigen.images.decoding import decode, opened
from equigen.images.descriptor import VIEW, Box, box_of, read_look
from equigen.ledger.models import StoredLook
from equigen.neardup.hamming import close_pairs
from equigen.neardup.likeness import THUMB_PX, Thumb, Verdict, compare, is_flat, may_be_alike
from equigen.storage.os_errors import translating_os_errors

# Hashes of two views that differ in more of their 60 bits are not looked at.
DISTANCE = 8
# Of two covers so many pairs of views are looked at, those with the nearest hashes.
_MOST_VIEWS = 3
_CHUNK = 1 << 20
_AT_ONCE = 1 << 13
_KEPT_THUMBS = 4096

Positions = npt.NDArray[np.intp]
# The file of each cover, by its sha256. Strings: a million paths as objects would fill memory.
Files = Mapping[str, str]


class Judged(NamedTuple):
    """What came of comparing two covers, by their sha256, `first` before `second`.

    `distance` is in how many bits the hashes of the likest views differ.
    """

    first: str
    second: str
    distance: int
    verdict: Verdict


def _refuse(err: InputError) -> None:
    raise err


def judged_pairs(
    looks: Iterable[StoredLook],
    files: Files,
    known: Container[tuple[str, str]],
    bar: BarMaker,
    *,
    damaged: Callable[[InputError], None] = _refuse,
) -> Iterator[Judged]:
    """Compare the covers that may be alike, but for those that are `known`; yield what came of it.

    Covers that are not among the `files` are left out, and so is what has nothing to compare by:
    plain sleeves are never alike by being plain. Each pair comes once, in no particular order. A
    file that was damaged after it was looked at is told to `damaged`, and its pairs are left out.

    Raises:
        StorageError: a file can't be read, or the folder for temporary files is full.

    """
    folder = Path(tempfile.gettempdir())
    with translating_os_errors(folder), tempfile.TemporaryFile(prefix="equigen-") as spill:
        digests = _laid_side_by_side(looks, files, spill.write)
        if not digests.owners.size:
            return
        spill.flush()
        views: npt.NDArray[np.void] = np.memmap(spill, dtype=VIEW, mode="r")
        promising = _promising(views, digests, known)
        thumb_of = lru_cache(_KEPT_THUMBS)(lambda digest: thumb(Path(files[digest])))
        spoilt: set[str] = set()
        with bar("compare", len(promising), "pair") as progress:
            for pair in promising:
                progress.advance()
                thumbs = []
                for digest in (pair.first, pair.second):
                    try:
                        thumbs += [] if digest in spoilt else [thumb_of(digest)]
                    except InputError as err:
                        spoilt.add(digest)
                        damaged(err)
                if len(thumbs) == 2:  # noqa: PLR2004  (both are there)
                    yield _judged(pair, views, *thumbs)


def thumb(file: Path) -> Thumb:
    """Return a cover's greys as they are compared.

    Raises:
        StorageError: it can't be read.
        InputError: it is damaged, or no picture.

    """
    with translating_os_errors(file):
        body = file.read_bytes()
    try:
        with opened(body) as picture:
            side_px = min(picture.width_px, picture.height_px)
            pixels = decode(picture, scale=min(1.0, THUMB_PX / side_px))
    except Exception as err:  # whatever a decoder says of damaged bytes: it has no common root
        msg = (
            f"{file}: expected the picture that it was, got damaged bytes ({type(err).__name__}:"
            f" {err}). `equigen download --verify` fetches it anew: run that, then this again."
        )
        raise InputError(msg) from err
    small = pixels.image().convert("L").resize((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR)
    return Thumb(np.asarray(small), side_px)


def look_alike(one: Thumb, other: Thumb, boxes: Iterable[Box], other_boxes: Iterable[Box]) -> bool:
    """Tell whether some part of one cover shows the same as some part of the other."""
    others = list(other_boxes)
    return any(compare(one, other, a, b).is_alike for a in boxes for b in others)


def boxes_of(look: bytes) -> list[Box]:
    """Return which parts of a cover are looked at."""
    return [box_of(view["box"]) for view in read_look(look)]


class _Digests(NamedTuple):
    """The sha256 of each cover, and whose each view is."""

    sha256: list[str]
    owners: Positions


def _laid_side_by_side(
    looks: Iterable[StoredLook], files: Files, write: Callable[[bytes], object]
) -> _Digests:
    digests: list[str] = []
    counts: list[int] = []
    for digest, look in looks:
        if look and digest in files:
            digests.append(digest)
            counts.append(len(look) // VIEW.itemsize)
            write(look)
    return _Digests(digests, np.repeat(np.arange(len(digests)), counts))


class _Promising(NamedTuple):
    """Two covers that a first look found alike; `views` are the places of two views, likest first.

    The first of two views is the first cover's.
    """

    first: str
    second: str
    distance: int
    views: list[tuple[int, int]]


def _judged(pair: _Promising, views: npt.NDArray[np.void], first: Thumb, second: Thumb) -> Judged:
    best = Verdict()
    for one, other in pair.views:
        verdict = compare(first, second, box_of(views[one]["box"]), box_of(views[other]["box"]))
        best = max(best, verdict, key=lambda each: (each.is_alike, each))
        if best.is_alike:
            break
    return Judged(pair.first, pair.second, pair.distance, best)


class _Near(NamedTuple):
    """Pairs of views by their places, and in how many bits their hashes differ."""

    first: Positions
    second: Positions
    distance: npt.NDArray[np.uint8]


def _promising(
    views: npt.NDArray[np.void], digests: _Digests, known: Container[tuple[str, str]]
) -> list[_Promising]:
    telling = np.concatenate(
        [
            at + np.flatnonzero(~is_flat(views[at : at + _CHUNK]["grey"]))
            for at in range(0, len(views), _CHUNK)
        ]
    )
    owners = digests.owners
    found = [_first_look(views, near) for near in _near(views["hash"][telling], telling, owners)]
    if not found:
        return []
    first, second, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    # By their names, so that the same covers are judged the same in whatever order they came.
    ranks = np.empty(len(digests.sha256), np.intp)
    ranks[np.argsort(np.array(digests.sha256))] = np.arange(len(ranks))
    swapped = ranks[owners[first]] > ranks[owners[second]]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    order = np.lexsort((second, first, distance, owners[second], owners[first]))
    pairs: list[_Promising] = []
    last = (-1, -1)
    for at in order.tolist():
        one, other = int(first[at]), int(second[at])
        pair = int(owners[one]), int(owners[other])
        if pair != last:
            last = pair
            shown = digests.sha256[pair[0]], digests.sha256[pair[1]]
            is_new = shown not in known
            if is_new:
                pairs.append(_Promising(*shown, int(distance[at]), []))
        if is_new and len(pairs[-1].views) < _MOST_VIEWS:
            pairs[-1].views.append((one, other))
    return pairs


def _first_look(views: npt.NDArray[np.void], near: _Near) -> _Near:
    """Return those that are worth a second look."""
    worth = np.zeros(len(near.first), bool)
    for at in range(0, len(worth), _AT_ONCE):
        some = slice(at, at + _AT_ONCE)
        greys = (views["grey"][places[some]] for places in (near.first, near.second))
        worth[some] = may_be_alike(*greys)
    return _Near(near.first[worth], near.second[worth], near.distance[worth])


def _near(hashes: npt.NDArray[np.uint64], places: Positions, owners: Positions) -> Iterator[_Near]:
    """Yield, in blocks, the views of different covers whose hashes are near."""
    order = np.argsort(hashes, kind="stable")
    distinct, starts, counts = np.unique(hashes[order], return_index=True, return_counts=True)
    places = places[order]

    def of_two_covers(first: Positions, second: Positions, apart: npt.NDArray[np.uint8]) -> _Near:
        first, second = places[first], places[second]
        two = owners[first] != owners[second]
        return _Near(first[two], second[two], apart[two])

    ends = np.repeat(starts + counts, counts)
    here = np.arange(len(places))
    for first, second in _with_each(here, here + 1, ends - here - 1):
        yield of_two_covers(here[first], second, np.zeros(len(first), np.uint8))
    for block in close_pairs(distinct, distance=DISTANCE):
        one, other = block.first, block.second
        for pair, first in _with_each(one, starts[one], counts[one]):
            theirs = other[pair]
            for row, second in _with_each(theirs, starts[theirs], counts[theirs]):
                yield of_two_covers(first[row], second, block.distance[pair[row]])


def _with_each(
    rows: Positions, starts: Positions, counts: Positions
) -> Iterator[tuple[Positions, Positions]]:
    """Yield, in blocks, the position of each row with each of the places that are its own.

    These are so many as `counts` says, from `starts` on.
    """
    before = np.concatenate([[0], np.cumsum(counts)])
    at = 0
    while at < len(rows):
        end = max(at + 1, int(np.searchsorted(before, before[at] + _CHUNK, side="right")) - 1)
        own = counts[at:end]
        row = np.repeat(np.arange(at, end), own)
        offset = np.arange(len(row)) - np.repeat(before[at:end] - before[at], own)
        yield row, starts[row] + offset
        at = end
