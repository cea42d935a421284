"""Draw docs/contact-sheet.jpg, the picture in the README, from `equigen demo --albums 30`.

Usage: .venv/bin/python docs/contact_sheet.py [equigen_demo]
"""

import sys
from collections import defaultdict
from pathlib import Path

from PIL import Image

from equigen.dataset.covers import wanted_covers
from equigen.labels.taxonomy import builtin_queries, labels_by_genre

COLUMNS = 12
COVERS_A_LABEL = 3
SIZE_PX = 112
GAP_PX = 4


def main() -> None:
    """Take the first covers of each label; two blocks of twelve labels, one above the other."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "equigen_demo")
    labels = builtin_queries(genre_limit=0, world_limit=0)
    covers: defaultdict[str, list[Path]] = defaultdict(list)
    for cover in wanted_covers(folder / "equigen_dataset.tsv", labels_by_genre(labels)):
        covers[cover.genre].append(folder / "equigen_album_images" / cover.path)
    step_px = SIZE_PX + GAP_PX
    blocks = len(labels) // COLUMNS
    size_px = (COLUMNS * step_px + GAP_PX, blocks * COVERS_A_LABEL * step_px + GAP_PX)
    sheet = Image.new("RGB", size_px, "white")
    for number, label in enumerate(labels):
        block, column = divmod(number, COLUMNS)
        for row, file in enumerate(covers[label.cell][:COVERS_A_LABEL]):
            with Image.open(file) as picture:
                small = picture.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS)
            at = (column * step_px, (block * COVERS_A_LABEL + row) * step_px)
            sheet.paste(small, (at[0] + GAP_PX, at[1] + GAP_PX))
    sheet.save(Path(__file__).with_name("contact-sheet.jpg"), quality=88, optimize=True)


if __name__ == "__main__":
    main()
