"""What colorthief and extcolors take for the palettes of a folder of pictures, on one core.

    python rival_colours.py FOLDER COUNT

Both are asked for six colours, with their own defaults for all else. Prints JSON: for each, its
version and the seconds of processor time for the first COUNT files.
"""

import importlib
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

COLOURS = 6


def main() -> None:
    """Measure both, one after the other."""
    files = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[2])]
    colorthief, extcolors = map(importlib.import_module, ("colorthief", "extcolors"))
    rivals: dict[str, Any] = {
        "colorthief": lambda file: colorthief.ColorThief(file).get_palette(color_count=COLOURS),
        "extcolors": lambda file: extcolors.extract_from_path(file, limit=COLOURS),
    }
    found = {}
    for name, palette in rivals.items():
        began_s = time.process_time()
        for file in files:
            palette(str(file))
        found[name] = {"version": version(name), "cpu_s": time.process_time() - began_s}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
