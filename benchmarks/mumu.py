"""How long `equigen fetch --source mumu` takes of the whole of MuMu: python benchmarks/mumu.py.

README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from uuid import UUID

from bench.environment import environment
from bench.machine import keep_to_two_cores, machine
from bench.measure import Command, measured
from bench.report import spread, table

ROOT = Path(__file__).parents[1]
ALBUMS, TRACKS = 31_471, 147_295
GENRES = ("Pop", "Rock", "Alternative Rock", "Jazz", "R&B", "Metal", "Folk", "Blues", "Dance Pop")
RELATED = 160  # of 12 bytes each, so that an object has some 2.7 KB


def main() -> None:
    """Make both files to size, fetch all of them some times, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds (default: 5)")
    runs = parser.parse_args().runs
    keep_to_two_cores()
    folder = Path(mkdtemp(prefix="equigen-mumu-"))
    try:
        albums, metadata = folder / "albums.csv", folder / "metadata.json"
        with metadata.open("w", encoding="utf-8") as file:
            file.writelines(_metadata())
        with albums.open("w", encoding="utf-8") as file:
            file.writelines(_tracks())
        files = ["--mumu-albums", str(albums), "--mumu-metadata", str(metadata)]
        words = ["-m", "equigen", "fetch", "--source", "mumu", "--several", "multi", *files]
        command = Command([str(ROOT / ".venv/bin/python"), *words], folder, environment({}))
        first, again = [], []
        for _ in range(runs):
            shutil.rmtree(folder / "data", ignore_errors=True)
            for index in folder.glob("*.sqlite"):
                index.unlink()
            first.append(measured(command))
            shutil.rmtree(folder / "data")
            again.append(measured(command))
        sizes = f"{metadata.stat().st_size / 1e6:.0f} MB, {albums.stat().st_size / 1e6:.0f} MB"
    finally:
        shutil.rmtree(folder)
    print(table(["machine", ""], [[name, value] for name, value in machine().items()]))
    lines = [
        [
            title,
            f"{spread([each.wall_s for each in rounds], '.2f')} s",
            f"{median(each.cpu_s for each in rounds):.1f} s",
            f"{max(each.peak_rss_mib for each in rounds):,.0f}",
        ]
        for title, rounds in (("files that are new", first), ("indexed before", again))
    ]
    print(f"\n{table([f'{ALBUMS:,} albums ({sizes})', 'time', 'processor', 'peak MiB'], lines)}")


def _id(number: int) -> str:
    return f"B{number:09}"


def _metadata() -> Iterator[str]:
    chance, nan = random.Random(1), float("nan")
    yield "["
    for number in range(ALBUMS):
        related = [_id(chance.randrange(10**9)) for _ in range(RELATED)]
        record = {
            "title": nan if number % 3 else f"Title {number}",
            "price": round(chance.uniform(3, 40), 2),
            "imUrl": f"http://ecx.images-amazon.com/images/I/51%2B{number}L._SY300_.jpg",
            "amazon_id": _id(number),
            "related": {"also_bought": related, "also_viewed": []},
            "categories": [["CDs & Vinyl", "Pop"], ["CDs & Vinyl", "Rock"]],
            "salesRank": {"Music": number},
            "brand": nan if number % 3 else f"Artist {number % 9_000}",
        }
        yield (", " if number else "") + json.dumps(record)
    yield "]"


def _tracks() -> Iterator[str]:
    chance = random.Random(2)
    yield "amazon_id,album_mbid,MSD_track_id,recording_mbid,artist_mbid,genres\n"
    for number in range(TRACKS):
        album = number * ALBUMS // TRACKS
        genres = ",".join(GENRES[(album + at) % len(GENRES)] for at in range(1 + album % 3))
        ids = (UUID(int=album), f"TR{number:016}", UUID(int=chance.getrandbits(128)))
        artist = UUID(int=10**9 + album % 9_000)
        yield f'{_id(album)},{",".join(map(str, ids))},{artist},"{genres}"\n'


if __name__ == "__main__":
    main()
