"""What imagehash and imagededup make of a folder of pictures; run by the Python that has them.

    python rival_hashes.py FOLDER

Prints JSON: `phash`, the perceptual hash of each file by imagehash (hex); `duplicates`, for each
hash of imagededup what its `find_duplicates` gives with its defaults; `versions`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import imagehash
from imagededup.methods import AHash, DHash, PHash, WHash
from PIL import Image


def main() -> None:
    """Hash all files of a folder."""
    folder = Path(sys.argv[1])
    hashes = {}
    for file in sorted(folder.iterdir()):
        with Image.open(file) as image:
            hashes[file.name] = str(imagehash.phash(image.convert("RGB")))
    print(
        json.dumps(
            {
                "phash": hashes,
                "duplicates": {
                    method.__name__: method(verbose=False).find_duplicates(image_dir=folder)
                    for method in (PHash, DHash, WHash, AHash)
                },
                "versions": {name: version(name) for name in ("imagehash", "imagededup")},
            }
        )
    )


if __name__ == "__main__":
    main()
