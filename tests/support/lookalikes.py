"""What the tests of covers that look alike share: pictures, and datasets whose covers are real."""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from support import make_context, write_rows

from equigen.commands import dedupe
from equigen.dataset.covers import dataset_covers
from equigen.images.check import check_picture
from equigen.images.rendering import Check, Demands, Rendering
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover, FileOf
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
IMAGES = "equigen_album_images"
Row = Mapping[str, str]
Size = tuple[int, int]
SIZE_PX = (240, 240)


@cache
def scene(seed: int, size_px: Size = SIZE_PX) -> Image.Image:
    """Return a picture: clouds of colour, shapes before them and a line of text; don't change it.

    The seed decides what is seen.
    """
    chance = np.random.default_rng(seed)
    cells = chance.integers(0, 256, (7, 7, 3), dtype=np.uint8)
    image = Image.fromarray(cells).resize(size_px, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for number in range(9):
        left, top = (int(chance.integers(0, side * 9 // 10)) for side in size_px)
        wide, high = (int(chance.integers(side // 16, side // 4)) for side in size_px)
        draw = pen.ellipse if number % 2 else pen.rectangle
        colour = tuple(int(level) for level in chance.integers(0, 256, 3))
        draw((left, top, left + wide, top + high), fill=colour)
    pen.text((size_px[0] // 10, size_px[1] // 10), f"Nothing {seed}", fill="white", font_size=20)
    return image


def sleeve(text: str, colour: str = "white", ink: str = "black") -> Image.Image:
    """Return a plain sleeve with a little text in its middle."""
    image = Image.new("RGB", SIZE_PX, colour)
    ImageDraw.Draw(image).text((70, 110), text, fill=ink, font_size=18)
    return image


def saved(image: Image.Image, kind: str = "JPEG", quality: int = 90) -> bytes:
    """Return a picture's file."""
    out = io.BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()


def album(number: int, **cells: str) -> dict[str, str]:
    """Return a row; `m<number>` is its id, and nobody else made anything."""
    row = {
        "artist": f"Soloist {number}",
        "album": f"Album {number}",
        "album_index": str(number),
        "album_id": f"m{number}",
        "genre": "Jazz",
        "year": "1999",
        "image_url": f"http://127.0.0.1:9/{number}.jpg",
    }
    return {**row, **cells}


def fill(
    folder: Path,
    rows: Sequence[Row],
    pictures: Mapping[str, bytes],
    *,
    check: Check = Check.FULL,
    rendering: Rendering | None = None,
) -> None:
    """Write a dataset, and the covers of the ids in `pictures` as a download leaves them."""
    write_rows(folder / TSV, *rows, columns=list(rows[0]))
    context = make_context(folder)
    covers, files, looks = [], [], {}
    for row in dataset_covers(context):
        if row.album_id not in pictures:
            continue
        made = check_picture(
            pictures[row.album_id], Demands(1, 10**7, check), (rendering or Rendering(),)
        )
        file = context.images / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.files[0])
        cover = Cover(
            row.picture,
            row.url,
            "ok",
            size_bytes=len(made.files[0]),
            width_px=made.width_px,
            height_px=made.height_px,
            sha256=made.sha256,
            phash=made.phash,
        )
        covers.append(cover)
        files.append(FileOf(row.picture, row.path))
        if made.descriptor:
            looks[made.sha256] = made.descriptor
    with Ledger(context.ledger) as ledger:
        ledger.record_covers(covers, files=files, looks=looks)


def run_dedupe(folder: Path, **flags: object) -> Summary:
    """Compare the covers in this process."""
    return dedupe.run(make_context(folder), covers=True, **flags)  # type: ignore[arg-type]


def ids_of(folder: Path) -> list[str]:
    """Return the ids that are in the dataset."""
    lines = (folder / TSV).read_text(encoding="utf-8").splitlines()
    at = lines[0].split("\t").index("album_id")
    return [line.split("\t")[at] for line in lines[1:]]
