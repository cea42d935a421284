"""What the tests of the report share: a dataset with real pictures, and the page as it is read."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
from PIL import Image
from support import make_context, write_rows

from equigen.dataset.covers import dataset_covers
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import AlbumSet, Cover, FileOf

COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url")
Row = Mapping[str, str]


def row(number: int, genre: str = "Jazz", **cells: str) -> dict[str, str]:
    """Return an album of the 1990s."""
    return {
        "artist": f"Artist {number}",
        "album": f"Album {number}",
        "genre": genre,
        "year": str(1990 + number % 10),
        "image_url": f"http://127.0.0.1:9/{number}.jpg",
        **cells,
    }


def jpeg(colour: int, size_px: tuple[int, int] = (40, 30)) -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size_px, (colour % 256, colour * 7 % 256, colour * 31 % 256)).save(out, "JPEG")
    return out.getvalue()


def fill(
    folder: Path,
    rows: Sequence[Row],
    *,
    sets: Sequence[str] = ("train", "train", "val", "test"),
    pictures: Mapping[int, bytes] | None = None,
) -> list[Cover]:
    """Write a dataset whose covers are all there, in sets by turns; return them by row."""
    quoted = [{name: _quoted(cell) for name, cell in each.items()} for each in rows]
    columns = dict.fromkeys([*COLUMNS, *(name for each in quoted for name in each)])
    write_rows(folder / "equigen_dataset.tsv", *quoted, columns=list(columns))
    context = make_context(folder)
    covers, files = [], []
    for at, wanted in enumerate(dataset_covers(context)):
        body = (pictures or {}).get(at, jpeg(at))
        file = context.images / wanted.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        files.append(FileOf(wanted.picture, wanted.path))
        covers.append(
            Cover(
                wanted.picture, wanted.url, "ok",
                size_bytes=len(body), sha256=digest,
            )
        )  # fmt: skip
    with Ledger(context.ledger) as ledger:
        ledger.record_covers(covers, files=files)
        ledger.record_sets(
            AlbumSet("", file.path, sets[at % len(sets)]) for at, file in enumerate(files)
        )
    return covers


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if '"' in cell else cell


class Page(HTMLParser):
    """A page as a program reads it: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self._cell = False
        self._hidden = False
        self.feed(html)
        self.close()

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        self._hidden = tag in {"style", "script"}
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"th", "td"}:
            self.tables[-1][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        """Note that it ended."""
        self._hidden = False
        if tag in {"th", "td"}:
            self._cell = False

    def handle_data(self, data: str) -> None:
        """Keep what is shown."""
        if not self._hidden:
            self.text += data
            if self._cell:
                self.tables[-1][-1][-1] += data


_GUESSED = {"gender_guess": "female", "age_guess": 30, "emotion_guess": "happiness"}


def faces_table(folder: Path, found: Mapping[str, int | None]) -> None:
    """Write a table of faces: how many were found on covers, by sha256, or None where it failed."""
    rows = [
        {
            "sha256": sha256,
            "version": "1",
            "reason": "" if count is not None else "x",
            "found": count,
            "faces": [_GUESSED] * (count or 0),
        }
        for sha256, count in sorted(found.items())
    ]
    table = folder / "features" / "faces.parquet"
    table.parent.mkdir(exist_ok=True)
    pl.DataFrame(rows).write_parquet(table)
