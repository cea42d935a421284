"""Small pictures inside a page, within a budget of bytes for all of them together."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from equigen.dataset.context import Context
from equigen.errors import PictureError
from equigen.images.check import check_picture
from equigen.images.rendering import Demands, Fit, Rendering
from equigen.report.model import Figure
from equigen.report.sampling import Shown
from equigen.schema import SETS

SIZE_PX: Final = 112
# Of all `data:` URIs together: one of the demo's covers takes some 5 kB.
MOST_BYTES: Final = 3_000_000
# The first that fits its share of the budget is taken; a picture of noise needs the last.
_QUALITIES: Final = (70, 50, 30, 10)
_RENDERINGS: Final = tuple(Rendering(SIZE_PX, Fit.INSIDE, quality) for quality in _QUALITIES)
_START: Final = "data:image/jpeg;base64,"


class Thumbnails:
    """Makes figures of albums; `expected` of them share the budget."""

    def __init__(self, context: Context, *, expected: int, most_bytes: int = MOST_BYTES) -> None:
        settings = context.settings.download
        self._images, self._split = context.images, context.split
        self._demands = Demands(min_size_px=1, max_pixels=settings.max_pixels)
        self._most_file_bytes = settings.max_bytes
        self._left, self._left_bytes = expected, most_bytes

    def figure(self, album: Shown) -> Figure:
        """Return an album with its picture, or with the reason why it can't be shown."""
        share_bytes = self._left_bytes // max(1, self._left)
        self._left -= 1
        file = self._file(album)
        if file is None:
            return Figure(album, "", "file missing")
        try:
            if file.stat().st_size > self._most_file_bytes:
                return Figure(album, "", "file too large")
            files = check_picture(file.read_bytes(), self._demands, _RENDERINGS).files
        except OSError:
            return Figure(album, "", "file can't be read")
        except PictureError as err:
            return Figure(album, "", f"file is no good: {err.reason}")
        source = _first_that_fits(files, share_bytes)
        self._left_bytes -= len(source)
        return Figure(album, source, "" if source else "too large to be shown")

    def _file(self, album: Shown) -> Path | None:
        """Return where the cover is: with its genre, or where `split --link move` took it."""
        places = [self._images, *(self._split / name for name in SETS if name == album.set_name)]
        return next(
            (place / album.path for place in places if (place / album.path).is_file()), None
        )


def _first_that_fits(files: Iterable[bytes], most_bytes: int) -> str:
    for body in files:
        source = _START + base64.b64encode(body).decode()
        if len(source) <= most_bytes:
            return source
    return ""
