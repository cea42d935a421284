"""`equigen download` as a contestant: its dataset, its settings, its command."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.environment import environment
from bench.measure import Command

LABEL = "equigen"
PROCESSES = 2
TSV_NAME = "equigen_dataset.tsv"
IMAGES_NAME = "equigen_album_images"
_COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url")
_GENRES = ("Blues", "Jazz", "Pop", "Rock")


def write_tsv(file: Path, urls: Iterable[str]) -> None:
    """Write a dataset with an album for each URL."""
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write("\t".join(_COLUMNS) + "\n")
        for number, url in enumerate(urls):
            genre, year = _GENRES[number % len(_GENRES)], 1930 + number % 95
            cells = (f"Artist {number // 3}", f"Album {number}", number, genre, year, url)
            out.write("\t".join(map(str, cells)) + "\n")


def download(
    folder: Path, flags: Sequence[str] = (), *, concurrency: int, trusted: Path | None = None
) -> Command:
    """Return the command that downloads the covers of the dataset in `folder`.

    Ledger and hashes are on, as always; `concurrency` is for all requests at a time.
    """
    own = {
        "EQUIGEN_DATASET__DIRECTORY": str(folder),
        "EQUIGEN_DOWNLOAD__PROCESSES": str(PROCESSES),
        "EQUIGEN_DOWNLOAD__HOSTS": json.dumps({"*": {"concurrency": concurrency}}),
    }
    words = [sys.executable, "-m", "equigen", "download", "--quiet", *flags]
    return Command(words, folder, environment(own, trusted=trusted))
