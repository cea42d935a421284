"""Choose the covers that a report shows, and draw them small enough to stand inside the page.

Covers are drawn by lot, from all decades and sets of a label. The lot is a digest of the album's
key, so that the same dataset always shows the same covers, whatever the order of its rows.
"""

import base64
import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from operator import itemgetter
from typing import Final, NamedTuple

from equigen.dataset.context import Context
from equigen.errors import PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands, Fit, Rendering
from equigen.schema import SETS
from equigen.storage.below import FileBelow

# Pictures in one report; contact sheets have what look-alikes leave of them.
MOST_PICTURES: Final = 600
_SIZE_PX: Final = 112
# Of all `data:` URIs together: one of the demo's covers takes some 5 kB.
_MOST_BYTES: Final = 3_000_000
# The first that fits its share of the budget is taken; a picture of noise needs the last.
_QUALITIES: Final = (70, 50, 30, 10)
_RENDERINGS: Final = tuple(Rendering(_SIZE_PX, Fit.INSIDE, quality) for quality in _QUALITIES)
# In the sheet by hue; its covers are as large as half of the others.
_SMALL: Final = tuple(Rendering(_SIZE_PX // 2, Fit.INSIDE, quality) for quality in _QUALITIES)
_START: Final = "data:image/jpeg;base64,"


class ShownAlbum(NamedTuple):
    """Album with a cover, as the page shows it: its lot (see `lot_of`), and its cover's `path`.

    `genre` is the row's cell, `label` its class, or the one of them that it is shown for, `labels`
    all of them in one text. `set_name` is a set, "aside", or "" where it is in none. `sha256` is of
    the cover's bytes.
    """

    lot: bytes
    path: str
    genre: str
    label: str
    artist: str
    title: str
    year: str
    decade: str
    set_name: str
    labels: str
    sha256: str = ""


class Figure(NamedTuple):
    """Album and its small picture as a `data:` URI, or why there is none."""

    album: ShownAlbum
    source: str
    why_none: str = ""


class Sampler:
    """Keep the `wanted` lowest lots of each label, decade and set, of all albums that are offered.

    Each of those keeps only as many as `covers_a_label` shows of that many labels, so all labels
    together hold no more than `MOST_PICTURES` of a decade and a set, or one each where there are
    more labels.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = self._most = wanted
        # By label, then by decade and set, the lowest lot first.
        self._drawn: dict[str, dict[tuple[str, str], list[ShownAlbum]]] = {}

    def offer(self, album: ShownAlbum) -> None:
        """Keep an album if its lot is low enough."""
        if not self._wanted:
            return
        if album.label not in self._drawn:
            self._make_room()
        strata = self._drawn.setdefault(album.label, {})
        drawn = strata.setdefault((album.decade, album.set_name), [])
        lot = album[:2]  # paths decide only between covers of one album
        at = bisect_left(drawn, lot, key=itemgetter(0, 1))
        if at < self._most and (at == len(drawn) or drawn[at][:2] != lot):
            drawn.insert(at, album)
            del drawn[self._most :]

    def _make_room(self) -> None:
        """Drop what can't be shown any more when there is one label more."""
        most = covers_a_label(self._wanted, labels=len(self._drawn) + 1, reserved=0)
        if most < self._most:
            self._most = most
            for strata in self._drawn.values():
                for drawn in strata.values():
                    del drawn[most:]

    def sample(self, label: str, count: int) -> list[ShownAlbum]:
        """Return at most `count` of a label's albums in order of year.

        They are taken in turn from its decades, and in those from their sets.
        """
        by_decade: dict[str, list[list[ShownAlbum]]] = {}
        for (decade, _), drawn in sorted(self._drawn.get(label, {}).items()):
            by_decade.setdefault(decade, []).append(drawn)
        decades = [_in_turn(sorted(sets)) for sets in by_decade.values()]
        taken = _in_turn(decades)[: min(count, self._most)]
        return sorted(taken, key=lambda album: (album.decade, album.year, album.path))


def covers_a_label(wanted: int, *, labels: int, reserved: int) -> int:
    """Return how many covers each label can show, one at least, so that `reserved` are left."""
    return max(1, min(wanted, (MOST_PICTURES - reserved) // max(1, labels))) if wanted else 0


def lot_of(album: str) -> bytes:
    """Draw an album's lot from its key, whatever its label."""
    return hashlib.blake2b(album.encode(), digest_size=8).digest()


def _in_turn(lists: Iterable[Sequence[ShownAlbum]]) -> list[ShownAlbum]:
    """Return the first of each, then the second of each, and so on."""
    return [album for turn in zip_longest(*lists) for album in turn if album is not None]


class Thumbnails:
    """Draw `expected` albums' figures within a budget of bytes for all of them together."""

    def __init__(self, context: Context, *, expected: int) -> None:
        settings = context.settings.download
        self._images, self._split = context.images, context.split
        self._demands = Demands(min_size_px=1, max_pixels=settings.max_pixels)
        self._most_file_bytes = settings.max_bytes
        self._left, self._left_bytes = expected, _MOST_BYTES

    def figure(self, album: ShownAlbum, *, is_small: bool = False) -> Figure:
        """Return an album with its picture, or with the reason why it can't be shown."""
        share_bytes = self._left_bytes // max(1, self._left)
        self._left -= 1
        renderings = _SMALL if is_small else _RENDERINGS
        file = self._file(album)
        if file is None:
            return Figure(album, "", "file missing")
        try:
            if file.size_bytes() > self._most_file_bytes:
                return Figure(album, "", "file too large")
            files = check_picture(file.read(), self._demands, renderings).files
        except OSError:
            return Figure(album, "", "file can't be read")
        except PictureError as err:
            return Figure(album, "", f"file is no good: {err.reason}")
        sources = (_START + base64.b64encode(body).decode() for body in files)
        source = next((each for each in sources if len(each) <= share_bytes), "")
        self._left_bytes -= len(source)
        return Figure(album, source, "" if source else "too large to be shown")

    def _file(self, album: ShownAlbum) -> FileBelow | None:
        """Return the cover's file: in its label's folder, or where `split --link move` took it."""
        files = [FileBelow(self._images, album.path)]
        if album.set_name in SETS:
            files.append(FileBelow(self._split, f"{album.set_name}/{album.path}"))
        return next((file for file in files if file.exists()), None)
