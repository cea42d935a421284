"""How fast `equigen export` writes covers, against tar, cp and hard links; and how much memory.

Then how long a download and an export take together, against img2dataset's own shards.

    python benchmarks/exports.py [--covers 100000] [--downloads 20000] [--runs 3] [--quick]

README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

import pyarrow.parquet as pq
from bench import ours, rival
from bench.cases import Served
from bench.contest import Arena
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.nginx import serving
from bench.pictures import Recipe, pictures
from bench.report import keep, spread, table

import equigen
from equigen.dataset.counting import note_facts
from equigen.dataset.covers import wanted_covers
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import OK, AlbumSet, Cover, FileOf
from equigen.schema import COLUMNS, SETS

SCRIPT = "exports.py"
CACHE = Path(__file__).parents[1] / ".bench"
RUNS, COVERS, DOWNLOADS, FEW, MOST_MIB = 3, 100_000, 20_000, 2_000, 300
_LEAST_BYTES, _MOST_BYTES, _SIZE_PX, _NOISE_BYTES = 30_000, 90_000, 600, 1 << 22
_GENRES = ("Blues", "Jazz", "Pop", "Rock")
# Of ten albums, in the order of the sets.
_DEALT = (*[SETS[0]] * 7, SETS[1], SETS[1], SETS[2])
_OUT: Final = "out"


@dataclass(frozen=True, slots=True)
class Contest:
    """A format of ours against a program that does the least of the same work.

    `times` is how many times as long as the program it may take.
    """

    name: str
    rival: Sequence[str]
    times: float


CONTESTS = (
    Contest("webdataset", ("tar", "-cf", _OUT, ours.IMAGES_NAME), 1 / 0.8),
    Contest("parquet", ("cp", "-r", ours.IMAGES_NAME, _OUT), 1 / 0.6),
    Contest("imagefolder", ("cp", "-rl", ours.IMAGES_NAME, _OUT), 2.0),
)


# Files as they came, checked and hashed by both: what EquiGen does by itself.
_KEPT: Final = ("--resize_mode", "no", "--skip_reencode", "True")
_PACE: Final = rival.Pace(8, 2)
_CONCURRENCY: Final = 32
FROM_HOSTS = tuple(
    Contest(f"download + {name}", (rival.LABEL, name), 1 / 2) for name in ("webdataset", "parquet")
)


@dataclass(slots=True)
class Figures:
    """All that one run measured: rounds by format, ours and the rival's."""

    about: dict[str, str]
    covers: int
    downloads: int
    mine: dict[str, list[Measurement]] = field(default_factory=dict)
    theirs: dict[str, list[Measurement]] = field(default_factory=dict)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen", "polars", "pyarrow", "numpy"))}
    counts = (FEW, FEW) if options.quick else (options.covers, options.downloads)
    figures = Figures(about, *counts)
    scratch: Path = options.scratch / f"exports-{os.getpid()}"
    try:
        asked = [each for each in CONTESTS if not options.only or each.name in options.only]
        if asked:
            fill(scratch, figures.covers)
        for _ in range(options.runs):
            for contest in asked:
                _measure(figures, contest, scratch)
        shutil.rmtree(scratch, ignore_errors=True)
        if not options.only or rival.LABEL in options.only:
            program = rival.installed(options.rival)
            figures.about |= rival.versions(program)
            _from_hosts(figures, program, options.scratch, scratch, options.runs)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text, is_met = _report(figures)
    print(text)
    whole = not (options.quick or options.only) and options.runs >= RUNS
    keep(SCRIPT, text, asdict(figures), whole=whole)
    return 0 if is_met else 1


def fill(folder: Path, covers: int) -> None:
    """Make a dataset of so many covers in three sets, as `split` leaves it.

    The files begin as JPEGs and are noise, each its own, 60 KB on average.
    """
    (folder / ours.IMAGES_NAME).mkdir(parents=True)
    tsv, images = folder / ours.TSV_NAME, folder / ours.IMAGES_NAME
    with tsv.open("w", encoding="utf-8", newline="") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for number in range(covers):
            out.write("\t".join(_cells(number)) + "\n")
    chance, known, files, sets = Random(1337), list[Cover](), list[FileOf](), list[AlbumSet]()
    noise = chance.randbytes(_NOISE_BYTES)
    for number, row in enumerate(wanted_covers(tsv, {})):
        size_bytes = chance.randrange(_LEAST_BYTES, _MOST_BYTES)
        begin = chance.randrange(_NOISE_BYTES - size_bytes)
        body = b"\xff\xd8\xff" + number.to_bytes(8) + noise[begin : begin + size_bytes - 11]
        file = images / row.path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body)
        known.append(
            Cover(
                row.picture, row.url, OK, size_bytes=size_bytes, sha256=sha256(body).hexdigest(),
                width_px=_SIZE_PX, height_px=_SIZE_PX, final_url=row.url,
            )
        )  # fmt: skip
        files.append(FileOf(row.picture, row.path))
        sets.append(AlbumSet(row.album, row.path, _DEALT[number % len(_DEALT)]))
    with Ledger(folder / LEDGER_NAME) as ledger:
        ledger.record_covers(known, files=files)
        ledger.record_sets(sets)
        with equigen.open(folder) as dataset:
            note_facts(dataset.context, ledger)


def _cells(number: int, url: str = "http://127.0.0.1:1/{}.jpg") -> Iterator[str]:
    genre = _GENRES[number % len(_GENRES)]
    cells = {
        "artist": f"Artist {number // 3}", "album": f"Album {number}", "album_index": f"{number}",
        "genre": genre, "year": f"{1930 + number % 95}", "image_url": url.format(number),
        "album_id": f"mumu:B{number:09}", "genres": genre, "styles": f"{genre} Rock|Live",
        "country": "UK", "formats": "Vinyl|LP|Album", "artist_ids": f"mumu:{number // 3}",
    }  # fmt: skip
    return (cells[name] for name in COLUMNS)


def _measure(figures: Figures, contest: Contest, folder: Path) -> None:
    """Let both do the work once, in turns, each into nothing."""
    env = environment({"EQUIGEN_DATASET__DIRECTORY": str(folder)})
    mine = [sys.executable, "-m", "equigen", "export", contest.name, _OUT, "--json"]
    for words, rounds in ((contest.rival, figures.theirs), (mine, figures.mine)):
        print(f"{figures.covers:,} covers: {' '.join(words)}", file=sys.stderr, flush=True)
        rounds.setdefault(contest.name, []).append(measured(Command(words, folder, env)))
        out = folder / _OUT
        if not out.exists():
            msg = f"{contest.name}: `{' '.join(words)}` wrote nothing."
            raise BenchError(msg)
        out.unlink() if out.is_file() else shutil.rmtree(out)


def _from_hosts(figures: Figures, program: Path, kept: Path, folder: Path, runs: int) -> None:
    """Let both bring pictures from a server on loopback into shards, in turns."""
    recipe = Recipe()
    drawn = pictures(kept, recipe)
    folder.mkdir(parents=True)
    with serving(drawn, folder / "nginx") as site:
        arena = Arena(site, recipe.count, folder, program)
        for _ in range(runs):
            for contest in FROM_HOSTS:
                urls = list(arena.urls(Served.HTTP, figures.downloads))
                name = contest.rival[1]
                for bring, rounds in ((_theirs, figures.theirs), (_mine, figures.mine)):
                    told = f"{figures.downloads:,} downloads: {contest.name},{bring.__name__}"
                    print(told, file=sys.stderr, flush=True)
                    with arena.fresh(name) as work:
                        took = bring(arena, work, name, urls)
                        _check(work / _OUT, len(urls))
                    rounds.setdefault(contest.name, []).append(took)


def _theirs(arena: Arena, work: Path, name: str, urls: Sequence[str]) -> Measurement:
    (work / rival.URLS_NAME).write_text("".join(f"{url}\n" for url in urls))
    command = rival.download(arena.rival, work, _KEPT, _PACE, downloads=len(urls), output=name)
    return measured(command)


def _mine(_: Arena, work: Path, name: str, urls: Sequence[str]) -> Measurement:
    with (work / ours.TSV_NAME).open("w", encoding="utf-8", newline="") as out:
        out.write("\t".join(COLUMNS) + "\n")
        for number, url in enumerate(urls):
            out.write("\t".join(_cells(number, url)) + "\n")
    download = measured(ours.download(work, concurrency=_CONCURRENCY))
    env = environment({"EQUIGEN_DATASET__DIRECTORY": str(work)})
    words = [sys.executable, "-m", "equigen", "export", name, _OUT, "--json"]
    export = measured(Command(words, work, env))
    return Measurement(
        download.wall_s + export.wall_s,
        download.cpu_s + export.cpu_s,
        max(download.peak_rss_mib, export.peak_rss_mib),
        0,
    )


def _check(out: Path, expected: int) -> None:
    """Count the pictures in shards.

    Raises:
        BenchError: there are more or fewer.

    """
    archives = list(out.rglob("*.tar"))  # beside each of which img2dataset writes a table
    found = sum(map(_pictures_in, archives or out.rglob("*.parquet")))
    if found != expected:
        msg = f"{out}: expected {expected} pictures, found {found}."
        raise BenchError(msg)


def _pictures_in(shard: Path) -> int:
    if shard.suffix == ".parquet":
        return int(pq.read_metadata(shard).num_rows)
    with tarfile.open(shard) as tar:
        return sum(each.name.endswith(".jpg") for each in tar)


def _report(figures: Figures) -> tuple[str, bool]:
    met, rows = [], []
    for contest in (*CONTESTS, *FROM_HOSTS):
        if contest.name not in figures.mine:
            continue
        mine, theirs = figures.mine[contest.name], figures.theirs[contest.name]
        times = median(a.wall_s / b.wall_s for a, b in zip(mine, theirs, strict=True))
        peak_mib = max(each.peak_rss_mib for each in mine)
        met += [times <= contest.times, peak_mib <= MOST_MIB or contest in FROM_HOSTS]
        rows.append(
            [
                contest.name, f"{spread([each.wall_s for each in mine], '.1f')} s",
                f"{median(each.cpu_s for each in mine):.1f} s", f"{peak_mib:.0f}",
                " ".join(contest.rival[:2]), f"{spread([each.wall_s for each in theirs], '.1f')} s",
                f"{median(each.cpu_s for each in theirs):.1f} s",
                f"{1 / times:.2f}", f"{1 / contest.times:.2f}",
            ]
        )  # fmt: skip
    about = table(["machine", ""], [[name, value] for name, value in figures.about.items()])
    told = (
        f"{figures.covers:,} covers of 60 KB on average, on tmpfs. Medians (least to most) of whole"
        f" processes, from their start. The speed is that of the program over ours; demanded too:"
        f" {MOST_MIB} MiB. {figures.downloads:,} downloads from a server on loopback, and their"
        " export, against img2dataset that does both at once; memory is that of the larger command."
    )
    titles = [
        "format", "time", "processor", "peak MiB", "program", "its time", "its processor",
        "our speed", "demanded",
    ]  # fmt: skip
    return "\n\n".join([about, told, table(titles, rows)]) + "\n", all(met)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--covers", type=int, default=COVERS, metavar="N")
    parser.add_argument("--downloads", type=int, default=DOWNLOADS, metavar="N")
    parser.add_argument(
        "--only", action="append", help=f"a format or {rival.LABEL}; may be given again"
    )
    parser.add_argument(
        "--rival",
        type=Path,
        default=CACHE / "rival",
        metavar="FOLDER",
        help="virtual environment of img2dataset, made where it is missing",
    )
    parser.add_argument("--quick", action="store_true", help="little of each: try the script")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: 18 GB for 100,000 covers",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
