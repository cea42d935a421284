"""Compare the covers' files with the ledger, and note the covers that it doesn't know.

Memory holds some rows at a time, however many there are.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover, dataset_covers, places_in
from equigen.dataset.table import map_table
from equigen.downloading.jobs import target_of
from equigen.downloading.store import ANY_PICTURE, CoverStore
from equigen.errors import PictureError
from equigen.images.check import Picture, check_picture
from equigen.images.rendering import Fit, Rendering, made_by
from equigen.ledger.ledger import LAYOUT, SPLIT_LINK, Ledger
from equigen.ledger.models import OK, Cover, FileOf
from equigen.schema import SETS, Layout, Link
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_read_errors

_BATCH = 500
_THREADS = 4
_ANSWERED = 200
_MOST_EXAMPLES = 3


# Reasons why rows have no cover that the ledger and its file agree on.
CHANGED, SPOILT, GONE = "file isn't what it was", "file doesn't decode", "file is gone"
NOT_HAD, ABSENT = "can't be had, as the ledger knows", "no cover yet"


@dataclass(slots=True)
class CoverCounts:
    """Count the covers of all rows, each once: known, noted from their files, or dropped.

    `noted` are those that the ledger didn't know, or knew as older files.
    """

    known: int = 0
    noted: int = 0
    dropped: Counter[str] = field(
        default_factory=lambda: Counter(dict.fromkeys((CHANGED, SPOILT, GONE, NOT_HAD, ABSENT), 0))
    )
    examples: list[str] = field(default_factory=list)


class _FileNow(NamedTuple):
    """Describe a cover's file as it is now, and its `path`; `file` is None where there is none.

    `fits` tells whether it holds the bytes that the ledger knows. `picture` is None where it wasn't
    decoded or doesn't decode.
    """

    file: FileBelow | None
    sha256: str = ""
    size_bytes: int = 0
    fits: bool = False
    picture: Picture | None = None
    path: str = ""


def count_rows(context: Context) -> int:
    """Return the number of rows of the TSV, 0 where there is none.

    Raises:
        InputError: the TSV is broken.

    """
    return sum(map_table(context.tsv, (), len)) if context.tsv.exists() else 0


def take_inventory(
    context: Context, ledger: Ledger, *, mends: bool, copied_s: float = math.inf
) -> CoverCounts:
    """Check every cover's file: it must hold the bytes that the ledger knows, or decode.

    With `mends`, a cover that the ledger doesn't know is noted as a download would note it, and a
    file that doesn't decode is set aside; without, nothing is changed. Files that are newer than
    `copied_s`, the time of the ledger's copy, are noted, too, where they differ from it.

    Raises:
        InputError: the TSV is broken.
        StorageError: the disk refuses.

    """
    # A ledger that doesn't know how sets were laid out doesn't know of a move, either.
    has_moved = ledger.value(SPLIT_LINK) in {"", Link.MOVE}
    store = CoverStore(context, ledger)
    inventory = _Inventory(context, ledger, mends, store, copied_s, has_moved)
    rows = dataset_covers(context) if context.tsv.exists() else iter(())
    with (
        context.bar("covers", count_rows(context), "cover") as bar,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        while some := list(islice(rows, _BATCH)):
            inventory.take(some, pool)
            bar.advance(len(some))
    if mends and inventory.layouts:
        ledger.remember(LAYOUT, max(inventory.layouts, key=inventory.layouts.__getitem__))
    return inventory.found


@dataclass(slots=True)
class _Inventory:
    context: Context
    ledger: Ledger
    mends: bool
    store: CoverStore
    copied_s: float
    has_moved: bool
    found: CoverCounts = field(default_factory=CoverCounts)
    layouts: Counter[Layout] = field(default_factory=Counter)

    def take(self, rows: Sequence[WantedCover], pool: ThreadPoolExecutor) -> None:
        """Check the covers of some rows."""
        known = self.ledger.covers_of(row.picture for row in rows)
        paths = self.ledger.files_of(known)
        seen = self.ledger.looks_of(cover.sha256 for cover in known.values())
        look = partial(self._look, known=known, seen=seen)
        noted, files, looks = dict[str, Cover](), list[FileOf](), dict[str, bytes]()
        for row, shown in zip(rows, pool.map(look, rows), strict=True):
            is_new = row.picture in noted
            cover = noted.get(row.picture) or known.get(row.picture)
            has_file = (shown.path or row.path) in paths.get(row.picture, ()) and not is_new
            name = row.path.rpartition("/")[2]
            for layout in Layout if self.mends else ():
                self.layouts[layout] += shown.path in places_in(layout, row.labels, name)
            cover = self._sort(row, cover, shown, has_file=has_file, is_new=is_new)
            if cover:
                noted[row.picture] = cover
                files.append(FileOf(row.picture, shown.path))
            if shown.picture and (cover or shown.fits):
                looks[shown.sha256] = shown.picture.descriptor
        if self.mends:
            self.ledger.record_covers(noted.values(), files=files, looks=looks)

    def _look(
        self, row: WantedCover, *, known: Mapping[str, Cover], seen: Collection[str]
    ) -> _FileNow:
        cover = known.get(row.picture)
        with translating_read_errors(self.context.images / row.path):
            path, file = self._file(row)
            if file is None:
                return _FileNow(None)
            body = file.read()
        sha256 = hashlib.sha256(body).hexdigest()
        fits = cover is not None and cover.status == OK and cover.sha256 == sha256
        shown = _FileNow(file, sha256, len(body), fits, path=path)
        if fits and (sha256 in seen or not self.mends):
            return shown
        try:
            return shown._replace(picture=check_picture(body, ANY_PICTURE))
        except PictureError:
            return shown

    def _file(self, row: WantedCover) -> tuple[str, FileBelow | None]:
        """Return a cover's path in any layout and its file: in place, in a set, or set aside."""
        images, split = self.context.images, self.context.split
        sets = SETS if self.has_moved else ()
        for path in row.everywhere:
            moved = [FileBelow(split, f"{name}/{path}") for name in sets]
            for file in (FileBelow(images, path), *moved, self.store.aside(path)):
                if file.exists():
                    return path, file
        return "", None

    def _sort(
        self,
        row: WantedCover,
        known: Cover | None,
        shown: _FileNow,
        *,
        has_file: bool,
        is_new: bool,
    ) -> Cover | None:
        """Count a row's cover, and return what to note of it, if anything.

        `has_file` tells whether the ledger knows a good file there, `is_new` whether the picture
        was noted a moment ago, from another file.
        """
        found, is_good = self.found, known is not None and known.status == OK
        if known and is_good and known.sha256 == shown.sha256:
            found.known += has_file
            found.noted += not has_file
            return None if has_file else known
        if shown.file is None:
            not_there = ABSENT if known is None or is_good else NOT_HAD
            self._drop(row, GONE if has_file else not_there)
        elif shown.picture is None and not shown.fits:
            self._drop(row, SPOILT)
            if self.mends:
                self.store.put_away_spoilt(shown.file)
        elif shown.picture is None or (
            is_good and (is_new or shown.file.stat().st_mtime <= self.copied_s)
        ):
            self._drop(row, CHANGED)
        else:
            found.noted += 1
            return self._cover(row, shown, shown.picture)
        return None

    def _drop(self, row: WantedCover, reason: str) -> None:
        self.found.dropped[reason] += 1
        has_file = reason in {CHANGED, SPOILT, GONE}
        if has_file and len(self.found.examples) < _MOST_EXAMPLES:
            self.found.examples.append(row.path)

    def _cover(self, row: WantedCover, shown: _FileNow, picture: Picture) -> Cover:
        """Return what a download would have noted; the file's date tells when the cover came."""
        size_px = picture.width_px, picture.height_px
        came_s = shown.file.stat().st_mtime if shown.file else 0.0
        return Cover(
            row.picture,
            row.url,
            OK,
            http_status=_ANSWERED,
            size_bytes=shown.size_bytes,
            width_px=size_px[0],
            height_px=size_px[1],
            sha256=shown.sha256,
            fetched_at=datetime.fromtimestamp(came_s, UTC).isoformat(timespec="seconds"),
            rendering=self._rendering(shown.path, size_px),
            phash=picture.phash,
        )

    def _rendering(self, path: str, size_px: tuple[int, int]) -> str:
        """Guess from the settings how a cover's files were made."""
        first, *others = self.context.settings.download.renderings()
        _, *folders = self.context.image_folders
        there = [
            other
            for other, folder in zip(others, folders, strict=True)
            if target_of(folder, path, other).exists()
        ]
        return made_by([first if _can_be(first, size_px) else Rendering(), *there])


def _can_be(rendering: Rendering, size_px: tuple[int, int]) -> bool:
    """Tell whether a rendering can have made a file of this size."""
    if rendering.is_original:
        return True
    if rendering.fit is Fit.INSIDE:
        return max(size_px) <= rendering.size_px
    return size_px == (rendering.size_px, rendering.size_px)
