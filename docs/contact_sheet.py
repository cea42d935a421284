"""Draw docs/contact-sheet.jpg, the picture in the README, from `equigen demo --albums 30`.

Where `equigen features compute colour` was run there, docs/covers-by-hue.jpg as well.

Usage: .venv/bin/python docs/contact_sheet.py [equigen_demo]
"""

import sys
from collections import defaultdict
from pathlib import Path

from PIL import Image

import equigen
from equigen.dataset.covers import wanted_covers
from equigen.labels.taxonomy import builtin_queries, labels_by_genre
from equigen.report.features import hue_order

COLUMNS = 12
COVERS_A_LABEL = 3
SIZE_PX = 112
GAP_PX = 4
HUES_A_ROW = 24
HUE_ROWS = 6


def main() -> None:
    """Draw what the folder has the means for."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "equigen_demo")
    _by_query(folder)
    if (folder / "features" / "colour.parquet").exists():
        _by_hue(folder)


def _by_query(folder: Path) -> None:
    """Take the first covers of each query; two blocks of twelve queries, one above the other."""
    labels = builtin_queries(genre_limit=0, world_limit=0)
    covers: defaultdict[str, list[Path]] = defaultdict(list)
    for cover in wanted_covers(folder / "equigen_dataset.tsv", labels_by_genre(labels)):
        covers[cover.genre].append(folder / "equigen_album_images" / cover.path)
    blocks = len(labels) // COLUMNS
    _draw(
        "contact-sheet.jpg",
        [
            covers[labels[block * COLUMNS + column].cell][row]
            for block in range(blocks)
            for row in range(COVERS_A_LABEL)
            for column in range(COLUMNS)
        ],
        COLUMNS,
        SIZE_PX,
    )


def _by_hue(folder: Path) -> None:
    """Take covers evenly from all, in their order of hue; columns from top to bottom."""
    examples = equigen.open(folder).examples(features=["colour"])
    found = {each.cover: each.features["colour"]["palette"] for each in examples}
    ordered = sorted(found, key=lambda cover: (hue_order(found[cover]), cover))
    count = HUES_A_ROW * HUE_ROWS
    drawn = [ordered[at * len(ordered) // count] for at in range(count)]
    by_row = [
        drawn[column * HUE_ROWS + row] for row in range(HUE_ROWS) for column in range(HUES_A_ROW)
    ]
    _draw("covers-by-hue.jpg", by_row, HUES_A_ROW, (SIZE_PX - GAP_PX) // 2)


def _draw(name: str, covers: list[Path], columns: int, size_px: int) -> None:
    """Draw covers row by row, so many in one."""
    step_px = size_px + GAP_PX
    rows = -(-len(covers) // columns)
    sheet = Image.new("RGB", (columns * step_px + GAP_PX, rows * step_px + GAP_PX), "white")
    for number, file in enumerate(covers):
        row, column = divmod(number, columns)
        with Image.open(file) as picture:
            small = picture.convert("RGB").resize((size_px, size_px), Image.Resampling.LANCZOS)
        sheet.paste(small, (column * step_px + GAP_PX, row * step_px + GAP_PX))
    sheet.save(Path(__file__).with_name(name), quality=88, optimize=True)


if __name__ == "__main__":
    main()
