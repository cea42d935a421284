"""How large the recipe of many albums is, how long it takes to write it, what is "same picture".

    python benchmarks/recipes.py [--albums 222000] [--runs 3] [--quick]
    python benchmarks/recipes.py --pictures FOLDER [--drawn 4000]

With FOLDER, which holds real covers, the second way tells how many copies of these and of drawn
covers are taken for the same picture, and how many others.
README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import io
import os
import shutil
import sys
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import numpy as np
from bench import ours
from bench.changes import COPIES
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.report import keep, spread, table
from PIL import Image

import equigen
from equigen.dataset.counting import note_facts
from equigen.dataset.covers import wanted_covers
from equigen.errors import PictureError
from equigen.images.check import Picture, check_picture
from equigen.images.descriptor import VIEW, levels_of
from equigen.images.rendering import Demands
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import OK, AlbumSet, Cover, FileOf, Placement
from equigen.recipes.file import MOST_BITS, MOST_LEVELS, STEP_LEVELS
from equigen.sandbox.catalogue import FLAVOURS
from equigen.sandbox.covers import draw_cover
from equigen.schema import COLUMNS, SETS

SCRIPT = "recipes.py"
RUNS, ALBUMS, FEW, MOST_MB, MOST_S = 3, 222_000, 5_000, 40, 10
DRAWN = 4_000
_GENRES: Final = ("Blues", "Jazz", "Pop", "Rock")
# Of ten albums, in the order of the sets.
_DEALT: Final = (*[SETS[0]] * 7, SETS[1], SETS[1], SETS[2])
_SYLLABLES: Final = (
    "an", "bel", "cor", "da", "el", "fen", "gra", "ho", "il", "ja", "ker", "lo", "mi", "no", "or",
    "pa", "qui", "ra", "sol", "ti", "um", "va", "wes", "xi", "yo", "zen",
)  # fmt: skip
_FILE: Final = "covers.recipe"


@dataclass(slots=True)
class Figures:
    """All that one run measured."""

    about: dict[str, str]
    albums: int
    size_bytes: int = 0
    rounds: list[Measurement] = field(default_factory=list)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    if options.pictures:
        print(_told_apart("real", [*_real(options.pictures)]))
        print(_told_apart("drawn", [*_drawn(options.drawn)]))
        return 0
    about = {**machine(), "equigen": versions(("equigen", "polars"))}
    figures = Figures(about, FEW if options.quick else options.albums)
    scratch: Path = options.scratch / f"recipes-{os.getpid()}"
    try:
        fill(scratch, figures.albums)
        for _ in range(options.runs):
            figures.rounds.append(_measure(scratch))
        figures.size_bytes = (scratch / _FILE).stat().st_size
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text, is_met = _report(figures)
    print(text)
    keep(SCRIPT, text, asdict(figures), whole=not options.quick and options.runs >= RUNS)
    return 0 if is_met else 1


def fill(folder: Path, albums: int) -> None:
    """Make a dataset of so many of Discogs' albums in three sets, without a byte of a picture."""
    folder.mkdir(parents=True)
    tsv, chance = folder / ours.TSV_NAME, Random(1337)
    with tsv.open("w", encoding="utf-8", newline="") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for number in range(albums):
            out.write("\t".join(_cells(number, chance)) + "\n")
    known, files, looks = list[Cover](), list[FileOf](), dict[str, bytes]()
    sets, places = list[AlbumSet](), list[Placement]()
    for number, row in enumerate(wanted_covers(tsv, {})):
        name, sha256 = _DEALT[number % len(_DEALT)], chance.randbytes(32).hex()
        size_bytes = chance.randrange(20_000, 120_000)
        phash = chance.randbytes(8).hex()
        known.append(
            Cover(
                row.picture, row.url, OK, size_bytes=size_bytes, sha256=sha256, width_px=600,
                height_px=600, final_url=row.url, fetched_at="2026-01-01T00:00:00+00:00",
                phash=phash,
            )
        )  # fmt: skip
        files.append(FileOf(row.picture, row.path))
        looks[sha256] = _look(number)
        sets.append(AlbumSet(row.album, row.path, name))
        ties = (f"artist {row.artist.casefold()}", f"artist {row.artist_ids}", f"cover {sha256}")
        places.append(Placement(row.album, name, ties))
    with Ledger(folder / LEDGER_NAME) as ledger:
        ledger.record_covers(known, files=files, looks=looks)
        ledger.record_sets(sets)
        ledger.place(places)
        note_facts(equigen.open(folder).context, ledger)
    # Of which nothing is read.
    for each in files:
        file = folder / ours.IMAGES_NAME / each.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def _look(seed: int) -> bytes:
    """Return the descriptor of a made-up cover: parts of any grey."""
    chance = np.random.default_rng(seed)
    views = np.zeros(3, VIEW)
    rows = chance.integers(0, 256, (8, 8), np.uint8)
    views["grey"] = rows.repeat(2, 0).repeat(2, 1)
    return views.tobytes()


def _words(chance: Random, most: int) -> str:
    words = (
        "".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))).title()
        for _ in range(chance.randint(1, most))
    )
    return " ".join(words)


def _cells(number: int, chance: Random) -> Iterator[str]:
    """Return a row as Discogs has them: signed addresses, genres, styles, formats, artists."""
    artist = chance.randrange(60_000)
    names = Random(artist)
    parts = (chance.randrange(30_000_000), chance.randrange(10**9, 2 * 10**9), number % 9973)
    picture = f"s3://discogs-database-images/R-{'-'.join(map(str, parts))}.jpeg"
    code = urlsafe_b64encode(picture.encode()).decode().rstrip("=")
    cut = "/".join(code[at : at + 64] for at in range(0, len(code), 64))
    signature = urlsafe_b64encode(chance.randbytes(32)).decode().rstrip("=")
    genre = _GENRES[number % len(_GENRES)]
    cells = {
        "artist": _words(names, 3),
        "album": _words(chance, 5),
        "album_index": str(number // len(_GENRES) + 1),
        "genre": genre,
        "year": str(chance.randint(1930, 2026)),
        "image_url": f"https://i.discogs.com/{signature}/rs:fit/g:sm/q:90/h:600/w:600/{cut}.jpeg",
        "album_id": f"discogs:m{number * 7919 % 3_000_017}",
        "genres": "|".join({genre, chance.choice(_GENRES)}),
        "styles": "|".join(chance.sample(_SYLLABLES, chance.randint(1, 3))),
        "country": chance.choice(("US", "UK", "Germany", "Japan", "France")),
        "formats": "|".join(chance.sample(("Vinyl", "LP", "Album", "CD", "Reissue"), 3)),
        "artist_ids": f"discogs:a{artist * 97}",
    }
    return map(cells.__getitem__, COLUMNS)


def _measure(folder: Path) -> Measurement:
    env = environment({"EQUIGEN_DATASET__DIRECTORY": str(folder)})
    words = [sys.executable, "-m", "equigen", "recipe", "write", _FILE, "--json"]
    print(" ".join(words), file=sys.stderr, flush=True)
    return measured(Command(words, folder, env))


def _report(figures: Figures) -> tuple[str, bool]:
    took_s = median(each.wall_s for each in figures.rounds)
    size_mb = figures.size_bytes / 1e6
    about = table(["machine", ""], [[name, value] for name, value in figures.about.items()])
    told = (
        f"The recipe of {figures.albums:,} made-up albums as Discogs tells of them, each with a"
        " cover and in a set. Medians (least to most) of whole processes, from their start."
    )
    rows = [
        [
            f"{figures.albums:,}", f"{spread([each.wall_s for each in figures.rounds], '.1f')} s",
            f"{median(each.cpu_s for each in figures.rounds):.1f} s",
            f"{max(each.peak_rss_mib for each in figures.rounds):.0f}",
            f"{size_mb:.1f} MB", f"{MOST_S} s, {MOST_MB} MB",
        ]
    ]  # fmt: skip
    titles = ["albums", "time", "processor", "peak MiB", "size", "demanded"]
    text = "\n\n".join([about, told, table(titles, rows)]) + "\n"
    return text, took_s <= MOST_S and size_mb <= MOST_MB


def _real(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".gif"}:
            yield file.read_bytes()


def _drawn(count: int) -> Iterator[bytes]:
    styles = sorted(FLAVOURS)
    for n in range(count):
        yield draw_cover(f"p{n}", styles[n % len(styles)], f"Artist {n}", f"Title {n}")


def _checked(body: bytes) -> Picture | None:
    try:
        return check_picture(body, Demands(1, 10**9))
    except PictureError:
        return None


def _told_apart(what: str, covers: Sequence[bytes]) -> str:
    """Return a table of how far copies of covers, and other covers, are taken for them."""
    known = {body: picture for body in dict.fromkeys(covers) if (picture := _checked(body))}
    hashes = np.array([int(each.phash, 16) for each in known.values()], np.uint64)
    exact = levels_of([each.descriptor for each in known.values()])
    levels = np.rint(exact / STEP_LEVELS) * STEP_LEVELS
    rows = []
    for name, change in COPIES.items():
        copies = list[Picture]()
        for number, body in enumerate(known):
            with Image.open(io.BytesIO(body)) as image:
                copies.append(
                    check_picture(change(image.convert("RGB"), number), Demands(1, 10**9))
                )
        bits = np.bitwise_count(hashes ^ np.array([int(e.phash, 16) for e in copies], np.uint64))
        apart = np.abs(levels_of([each.descriptor for each in copies]) - levels).max(1)
        rows.append(_row(f"copies: {name}", Counter(bits.tolist()), apart[bits <= MOST_BITS]))
    bits_of, near = Counter[int](), list[float]()
    for at, one in enumerate(hashes[:-1]):
        bits = np.bitwise_count(hashes[at + 1 :] ^ one)
        bits_of.update(bits.tolist())
        alike = exact[at + 1 :][bits <= MOST_BITS]
        near += np.abs(alike - levels[at]).max(1).tolist()
    rows.append(_row("pairs of covers", bits_of, np.array(near)))
    return table(
        [f"{len(known):,} {what} covers", "number", "taken", "share", "bits", "levels"], rows
    )


def _row(name: str, bits: Counter[int], apart: np.ndarray) -> list[str]:
    """Return a row: of so many, so many are taken; the bits, and the levels where these are few."""
    taken = int((apart <= MOST_LEVELS).sum())
    near = ", ".join(f"{each}: {bits[each]:,}" for each in sorted(bits) if each <= 2 * MOST_BITS)
    span = f"{apart.min():.0f} to {apart.max():.0f}" if len(apart) else ""
    return [name, f"{bits.total():,}", f"{taken:,}", f"{taken / bits.total():.4%}", near, span]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--albums", type=int, default=ALBUMS, metavar="N")
    parser.add_argument("--quick", action="store_true", help="few albums: try the script")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="real covers")
    parser.add_argument("--drawn", type=int, default=DRAWN, metavar="N", help="drawn ones")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: 1 GB for 222,000 albums",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
