"""Find the pairs of covers that may show the same picture: by near signatures, then by their greys.

Parts of all covers are signed, and those whose signatures are near are found (`signatures.py`). Of
those, the pairs whose 16x16 greys correlate become candidates. The worst cells are left out, so a
sticker does no harm.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from equigen.images.descriptor import GREY_CELLS, VIEW, Box, Descriptor, box_of, read_descriptor
from equigen.ledger.models import StoredLook
from equigen.neardup.signatures import BOXES, Near, Signatures, near_pairs, part_of, signed
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_os_errors

_AT_ONCE = 1 << 13
# A view whose greys have a lower standard deviation, in levels, has nothing to compare.
_FLAT_LEVELS = 3.0
# Correlations are those of what is left when the worst tenth of the cells is out.
_LEFT_OUT = 0.1
_ROUNDS = 3
# Of the whole and of the part inside the frame, together: a banner changes the one, a sticker in
# the middle the other.
_LEAST_CORRELATIONS = 1.2
_LEAST_INSIDE = 0.4
# Frames look alike whatever they frame: the part inside so many cells is compared by itself.
_FRAME_CELLS = 3
_FLAT_INSIDE_LEVELS = 4.0
_NEARLY_ALL = 0.8
# The views of a descriptor that are searched: the whole, and the part inside a plain border.
_WHOLE, _INSIDE = 0, 3
# The width of a whole in 65,535ths of the picture.
_ALL = 0xFFFF

Greys = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.intp]
# The file of each cover, by its sha256.
Files = Mapping[str, FileBelow]


class CandidatePair(NamedTuple):
    """Two covers that may show the same picture, by their positions in `Candidates.sha256`.

    `distance` is in bits, of the signatures of their likest parts, which are given by position.
    """

    first: int
    second: int
    distance: int
    part: int
    other_part: int


def widest(box: Box, other_box: Box) -> tuple[Box, Box]:
    """Return all that two pictures share, where `box` of one is `other_box` of the other."""
    sides: list[float] = []
    other_sides: list[float] = []
    for low, high in ((0, 2), (1, 3)):
        scale = (other_box[high] - other_box[low]) / (box[high] - box[low])
        before = min(box[low], other_box[low] / scale)
        after = min(1 - box[high], (1 - other_box[high]) / scale)
        sides += [box[low] - before, box[high] + after]
        other_sides += [other_box[low] - before * scale, other_box[high] + after * scale]
    return (
        Box(sides[0], sides[2], sides[1], sides[3]),
        Box(other_sides[0], other_sides[2], other_sides[1], other_sides[3]),
    )


class Worth(NamedTuple):
    """The pairs worth comparing, out of so many near ones."""

    pairs: list[CandidatePair]
    near: int


class Candidates:
    """All near pairs of covers, nearest first, and the views that they were found by."""

    def __init__(self, sha256: list[str], views: npt.NDArray[np.void], owners: Positions) -> None:
        self.sha256 = sha256
        self._views = views
        self._owners = owners
        self._signed = _signed(views, np.argsort(owners, kind="stable"))
        of_views = self._signed.views
        near = near_pairs(self._signed.signatures, owners[of_views])
        order = np.lexsort((near.second, near.first, near.distance))
        self._near = near.at(order)

    def __len__(self) -> int:
        return len(self._near.first)

    def among(self, may_be: Callable[[int, int], bool]) -> Iterator[Worth]:
        """Yield, some at a time, the pairs that `may_be` new and whose greys agree.

        It is asked for the positions of both covers, of some pairs before these are yielded.
        """
        at_once = 1
        start = 0
        while start < len(self):
            some = slice(start, start + at_once)
            start += at_once
            # Few at first: of many copies of one picture, the first pairs make the others idle.
            at_once = min(2 * at_once, _AT_ONCE)
            near = self._near.at(some)
            yield Worth(list(self._worth(near, may_be)), len(near.first))

    def _worth(self, near: Near, may_be: Callable[[int, int], bool]) -> Iterator[CandidatePair]:
        covers = [self._owners[self._signed.views[each]] for each in (near.first, near.second)]
        asked = np.array(list(map(may_be, *(each.tolist() for each in covers))), bool)
        near = near.at(np.flatnonzero(asked))
        greys = (self._greys(places) for places in (near.first, near.second))
        worth = may_be_alike(*greys)
        near = near.at(np.flatnonzero(worth))
        covers = [self._owners[self._signed.views[each]] for each in (near.first, near.second)]
        columns = (
            *(each.tolist() for each in covers),
            near.distance.tolist(),
            near.first.tolist(),
            near.second.tolist(),
        )
        yield from map(CandidatePair._make, zip(*columns, strict=True))

    def ways(self, pair: CandidatePair) -> list[tuple[Box, Box]]:
        """Return the parts by which two covers are to be compared.

        These are all that both share where their likest parts are the same, and these parts, if
        they are nearly all of both.
        """
        box, other_box = self._box(pair.part), self._box(pair.other_part)
        shares = [(part.right - part.left) * (part.bottom - part.top) for part in (box, other_box)]
        given = [(box, other_box)] if min(shares) >= _NEARLY_ALL else []
        return list(dict.fromkeys([widest(box, other_box), *given]))

    def _greys(self, places: Positions) -> Greys:
        boxes, views = self._signed.boxes[places], self._signed.views[places]
        greys = np.empty((len(places), GREY_CELLS, GREY_CELLS), np.uint8)
        for number, box in enumerate(BOXES):
            at = np.flatnonzero(boxes == number)
            greys[at] = np.rint(part_of(self._views["grey"][views[at]], box))
        return greys

    def _box(self, place: int) -> Box:
        """Return a part in shares of its cover."""
        within = box_of(self._views[self._signed.views[place]]["box"])
        part = BOXES[self._signed.boxes[place]]
        wide, high = within.right - within.left, within.bottom - within.top
        return Box(
            within.left + part.left * wide,
            within.top + part.top * high,
            within.left + part.right * wide,
            within.top + part.bottom * high,
        )


@contextmanager
def candidates(looks: Iterable[StoredLook], files: Files) -> Iterator[Candidates]:
    """Find the near pairs among some files.

    Plain views are left out, so plain sleeves are never alike by being plain. The views lie in a
    temporary file as long as the block runs.

    Raises:
        StorageError: the folder for temporary files is full.

    """
    folder = Path(tempfile.gettempdir())
    with translating_os_errors(folder), tempfile.TemporaryFile(prefix="equigen-") as spill:
        digests, owners = _laid_side_by_side(looks, files, spill.write)
        spill.flush()
        views: npt.NDArray[np.void] = np.empty(0, VIEW)
        if owners.size:
            views = np.memmap(spill, dtype=VIEW, mode="r")
        # Ordered by sha256, so that the result doesn't depend on the order of the covers.
        order = np.argsort(np.array(digests, np.bytes_))
        ranks = np.empty(len(order), np.intp)
        ranks[order] = np.arange(len(order))
        yield Candidates([digests[at] for at in order.tolist()], views, ranks[owners])


def _laid_side_by_side(
    looks: Iterable[StoredLook], files: Files, write: Callable[[bytes], object]
) -> tuple[list[str], Positions]:
    """Write the views that are searched; return the sha256 of each cover, and each view's cover."""
    digests: list[str] = []
    counts: list[int] = []
    for digest, look in looks:
        if look and digest in files:
            searched = searched_views(look)
            digests.append(digest)
            counts.append(len(searched))
            write(searched.tobytes())
    return digests, np.repeat(np.arange(len(digests)), counts)


def searched_views(look: bytes) -> Descriptor:
    """Return the views of a descriptor that are searched; its insets are made from the whole."""
    views = read_descriptor(look)
    return views[[at for at in (_WHOLE, _INSIDE) if at < len(views)]]


class _Signed(NamedTuple):
    """Signatures (2 words x n), and for each the position of its view and the number of its box."""

    signatures: Signatures
    views: npt.NDArray[np.uint32]
    boxes: npt.NDArray[np.uint8]


def _signed(views: npt.NDArray[np.void], order: Positions) -> _Signed:
    """Sign the parts of views, in an order; of the part inside a border only the whole."""
    most = len(views) * len(BOXES)
    found = _Signed(
        np.empty((2, most), np.uint64), np.empty(most, np.uint32), np.empty(most, np.uint8)
    )
    count = 0
    for start in range(0, len(views), _AT_ONCE):
        places = order[start : start + _AT_ONCE]
        some = views[places]
        telling = np.flatnonzero(~is_flat(some["grey"]))
        is_whole = some["box"][telling, 2] - some["box"][telling, 0] == _ALL
        for number, box in enumerate(BOXES):
            at = telling[is_whole] if number else telling
            signatures, is_telling = signed(some["grey"][at], box)
            at = at[is_telling]
            new = slice(count, count + len(at))
            count += len(at)
            found.signatures[:, new] = signatures[is_telling].T
            found.views[new] = places[at]
            found.boxes[new] = number
    return _Signed(found.signatures[:, :count], found.views[:count], found.boxes[:count])


def is_flat(greys: Greys) -> npt.NDArray[np.bool_]:
    """Tell of views (n x 16 x 16 greys) which are too plain to be compared."""
    spread: npt.NDArray[np.bool_] = greys.std(axis=(1, 2)) < _FLAT_LEVELS
    return spread


def may_be_alike(one: Greys, other: Greys) -> npt.NDArray[np.bool_]:
    """Tell of pairs of views (n x 16 x 16 greys each) which are worth comparing by their pixels.

    Their greys must correlate, over the whole and inside the frame, the worst tenth of the cells
    left out. Brightness and contrast don't matter.
    """
    found = _correlate(one, other, rounds=1)
    # Most need no cells left out, which takes long.
    rest = np.flatnonzero(~found)
    found[rest] = _correlate(one[rest], other[rest], rounds=_ROUNDS)
    return found


def _correlate(one: Greys, other: Greys, *, rounds: int) -> npt.NDArray[np.bool_]:
    inside = slice(_FRAME_CELLS, GREY_CELLS - _FRAME_CELLS)
    cells, inner = GREY_CELLS**2, (GREY_CELLS - 2 * _FRAME_CELLS) ** 2
    whole, _ = _correlation(one.reshape(-1, cells), other.reshape(-1, cells), rounds)
    within = (each[:, inside, inside].reshape(-1, inner) for each in (one, other))
    correlation, levels = _correlation(next(within), next(within), rounds)
    correlation[levels < _FLAT_INSIDE_LEVELS] = 1.0
    found: npt.NDArray[np.bool_] = whole + correlation >= _LEAST_CORRELATIONS
    return found & (correlation >= _LEAST_INSIDE)


class _Correlation(NamedTuple):
    value: Floats
    levels: Floats


def _correlation(one: Greys, other: Greys, rounds: int) -> _Correlation:
    """Return the correlation of rows without their worst cells, and the lower deviation.

    In one round no cell is left out.
    """
    a, b = one.astype(np.float32), other.astype(np.float32)
    cells = a.shape[1]
    kept = cells - int(_LEFT_OUT * cells)
    weights = np.ones(a.shape, np.float32)
    for left in reversed(range(rounds)):
        count = weights.sum(axis=1, keepdims=True)
        off_a = a - np.einsum("ij,ij->i", a, weights)[:, None] / count
        off_b = b - np.einsum("ij,ij->i", b, weights)[:, None] / count
        var_a = np.einsum("ij,ij,ij->i", off_a, off_a, weights)[:, None] / count
        var_b = np.einsum("ij,ij,ij->i", off_b, off_b, weights)[:, None] / count
        if left:
            apart = np.abs(off_a / np.sqrt(var_a + 1e-3) - off_b / np.sqrt(var_b + 1e-3))
            limit = np.partition(apart, kept - 1, axis=1)[:, kept - 1 : kept]
            weights = (apart <= limit).astype(np.float32)
    both = np.einsum("ij,ij,ij->i", off_a, off_b, weights)[:, None] / count
    value = both / np.sqrt(np.maximum(var_a * var_b, 1e-6))
    return _Correlation(value[:, 0], np.sqrt(np.minimum(var_a, var_b))[:, 0])
