"""From AcousticBrainz's archives to a TSV and to numbers: documents a second, memory, and bounds.

Usage: .venv/bin/python benchmarks/acousticbrainz.py    # README.md beside this file has the tables
"""

import argparse
import gzip
import io
import json
import random
import re
import shutil
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import orjson
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.report import keep, table
from numpy.typing import NDArray

from equigen.dumps.acousticbrainz import recordings_in
from equigen.dumps.archives import Member, members_of, opened
from equigen.dumps.audio_numbers import rows_in

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".bench" / "acousticbrainz"
SCRIPT = "acousticbrainz.py"
# Documents an archive; runs read one, two and four of them.
FULL, QUICK = 25_000, 500
ARCHIVES = (1, 2, 4)
ALL = 29_500_000
LEAST, MOST_MIB = 3_000, 500
MOST_MIB_OF_AUDIO = 400
# An album has so many recordings; some have two documents.
_RECORDINGS, _DOUBLED = 12, 10
SOME = 2_000
_PIECE_BYTES = 1 << 17
FETCH, AUDIO = "fetch --source acousticbrainz", "features compute audio"
NUMBERS = "read the 580 numbers, to rows"
_GENRES = ("Rock", "Death Metal", "Hip-Hop", "Jazz; Blues", "Folk", "Electronic", "Salsa", "Pop")
_HERE = b'"(here)"'
_MANTISSA = re.compile(rb"\.\d{2}(\d{3,})")


@dataclass(frozen=True, slots=True)
class Step:
    """One command, the documents that it read, what it took, and the rows that came of it."""

    command: str
    what: str
    documents: int
    took: Measurement
    rows: int


def main() -> int:
    """Make the archives, measure, and write the report; 0 where limits hold."""
    options = _options()
    keep_to_two_cores()
    each = QUICK if options.quick else FULL
    folder = options.scratch / ("quick" if options.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        archives = [
            _archive(folder, number, each, options.samples) for number in range(ARCHIVES[-1])
        ]
        steps = [step for count in ARCHIVES for step in _steps(folder, archives[:count], each)]
        ceilings = dict(_ceilings(archives[0], each))
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    about = {**machine(), "equigen": versions(("equigen", "backports.zstd", "orjson"))}
    text = _report(about, steps, ceilings, archives, each)
    print(text)
    raw = {"about": about, "steps": [asdict(step) for step in steps], "ceilings": ceilings}
    keep(SCRIPT, text, raw, whole=not options.quick)
    most = [step for step in steps if step.command == FETCH][-2]
    is_fast = options.quick or (
        most.documents / most.took.wall_s >= LEAST and ceilings[NUMBERS] >= LEAST
    )
    limits = {FETCH: MOST_MIB, AUDIO: MOST_MIB_OF_AUDIO}
    is_small = all(step.took.peak_rss_mib <= limits[step.command] for step in steps)
    return 0 if is_fast and is_small else 1


def _archive(folder: Path, number: int, documents: int, samples: Path) -> Path:
    """Make an archive of documents with the samples' form and numbers of their own."""
    path = folder / f"acousticbrainz-lowlevel-json-{number}.tar.zst"
    if path.exists():
        return path
    print(f"{path}: making {documents:,} documents", file=sys.stderr, flush=True)
    forms = [
        json.loads(gzip.decompress(file.read_bytes())) for file in sorted(samples.glob("0*.gz"))
    ]
    shapes = [_shape(form) for form in forms]
    rng = random.Random(number)
    pool = np.random.default_rng(number).integers(48, 58, 1 << 22, np.uint8)
    beside = path.with_suffix(".new")
    with (
        zstd.ZstdFile(beside, "wb", level=3) as file,
        tarfile.open(fileobj=file, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for at in range(documents):
            shape = shapes[at % len(shapes)]
            start = rng.randrange(len(pool) - len(shape.places))
            shape.text[shape.places] = pool[start : start + len(shape.places)]
            name, metadata = _metadata(rng, shape.metadata, number * documents + at)
            body = shape.text.tobytes().replace(_HERE, metadata)
            info = tarfile.TarInfo(f"acousticbrainz-lowlevel-json-20220623/lowlevel/{name}")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return beside.rename(path)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A document's text, the places of its digits that may be others, and its metadata."""

    text: NDArray[np.uint8]
    places: NDArray[np.int64]
    metadata: Any


def _shape(form: dict[str, Any]) -> _Shape:
    text = json.dumps(form | {"metadata": "(here)"}).encode()
    spans = [found.span(1) for found in _MANTISSA.finditer(text)]
    places = np.concatenate([np.arange(*span) for span in spans])
    return _Shape(np.frombuffer(text, np.uint8).copy(), places, form["metadata"])


def _metadata(rng: random.Random, form: Any, at: int) -> tuple[str, bytes]:  # noqa: ANN401  (JSON)
    """Return a document's name and metadata, with its own MBIDs, genre, artist and title."""
    recording = at - 1 if at % _DOUBLED == _DOUBLED - 1 else at
    album = recording // _RECORDINGS
    own = _mbid("recording", recording)
    tags = form["tags"] | {
        "genre": [_GENRES[album % len(_GENRES)]],
        "album": [f"Title {album}"],
        "artist": [f"Artist {album}"],
        "albumartist": [f"Artist {album}"],
        "musicbrainz_albumid": [_mbid("release", album)],
        "musicbrainz_releasegroupid": [_mbid("group", album)],
        "musicbrainz_recordingid": [own],
        "musicbrainz_artistid": [_mbid("artist", album)],
        "musicbrainz_albumartistid": [_mbid("artist", album)],
        "acoustid_fingerprint": [f"{rng.getrandbits(9_000):x}"],
    }
    name = f"{own[:2]}/{own[2]}/{own}-{at % _DOUBLED // (_DOUBLED - 1)}.json"
    return name, json.dumps(form | {"tags": tags}).encode()


def _mbid(what: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{what} {number}"))


def _steps(folder: Path, archives: Sequence[Path], each: int) -> Iterator[Step]:
    """Fetch from some archives, from nothing, and again."""
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    for index in folder.glob("*.sqlite"):
        index.unlink()
    data.mkdir()
    own = {"EQUIGEN_DATASET__DIRECTORY": str(data), "EQUIGEN_FETCH__FROM_YEAR": "2026"}
    documents = each * len(archives)
    for called in (FETCH, AUDIO):
        words = [sys.executable, "-m", "equigen", *called.split(), "--quiet", "--json"]
        words += [word for path in archives for word in ("--acousticbrainz-files", str(path))]
        command = Command(words, folder, environment(own))
        for how in ("from nothing", "again"):
            took = measured(command)
            with (data / "equigen_dataset.tsv").open("rb") as file:
                rows = sum(1 for _ in file) - 1
            yield Step(called, f"{documents:,} documents, {how}", documents, took, rows)
            told = json.loads(command.output.read_text(encoding="utf-8"))
            if called == AUDIO and told["rows_out"] != rows:
                msg = f"{called}: expected {rows} albums, got {told['rows_out']}."
                raise BenchError(msg)


def _ceilings(archive: Path, each: int) -> Iterator[tuple[str, float]]:
    """Yield the documents a second of each part by itself, in one process."""

    def rate(work: Callable[[], object], documents: int) -> float:
        began_s = time.process_time()
        work()
        return documents / (time.process_time() - began_s)

    def unpack() -> None:
        with opened(archive, kind="documents") as dump:
            while dump.read(_PIECE_BYTES):
                pass

    def walk() -> list[Member]:
        with opened(archive, kind="documents") as dump:
            members = members_of(cast("IO[bytes]", dump))
            return [each for at, each in enumerate(members) if at < SOME]

    some = walk()
    yield "decompress (backports.zstd)", rate(unpack, each)
    yield "decompress, and cut the tar into documents", rate(walk, each)
    bodies = [one.body for one in some]
    rows = rate(lambda: [recordings_in("", body) for body in bodies], len(bodies))
    yield "read the metadata alone, to rows", rows

    def each_alone(work: Callable[[bytes], object]) -> Callable[[], None]:
        def run() -> None:
            for body in bodies:
                work(body)

        return run

    orjson_alone = rate(each_alone(orjson.loads), len(bodies))
    yield "orjson makes objects of whole documents", orjson_alone
    name = f"{_mbid('recording', 1)}-0.json"
    yield NUMBERS, rate(each_alone(lambda body: rows_in(name, body)), len(bodies))


def _report(
    about: dict[str, str],
    steps: Sequence[Step],
    ceilings: dict[str, float],
    archives: Sequence[Path],
    each: int,
) -> str:
    rows = {
        command: [
            [
                step.what,
                f"{step.took.wall_s:.1f} s",
                f"{step.documents / step.took.wall_s:,.0f}",
                f"{step.took.cpu_s:.1f} s",
                f"{step.took.peak_rss_mib:.0f}",
                f"{step.rows:,}",
            ]
            for step in steps
            if step.command == command
        ]
        for command in (FETCH, AUDIO)
    }
    size = sum(path.stat().st_size for path in archives)
    most = [step for step in steps if step.command == FETCH][-2]
    hours = ALL / (most.documents / most.took.wall_s) / 3600
    made = (
        f"{each * len(archives):,} documents in {len(archives)} archives of {size / 1e6:,.0f} MB,"
        f" {size / len(archives) / each / 1e3:.0f} KB each (tar + zstandard). One round; memory is"
        f" the peak of all processes together. Demanded: {LEAST:,} documents/s on two cores,"
        f" {MOST_MIB} MiB; of the 580 numbers {LEAST:,} a core, {MOST_MIB_OF_AUDIO} MiB."
        f" At the rate of fetch all {ALL:,} documents take {hours:.1f} hours."
    )
    titles = ["time", "documents/s", "processor", "peak MiB", "rows"]
    parts = [[name, f"{value:,.0f}"] for name, value in ceilings.items()]
    return (
        "\n\n".join(
            [
                table(["machine", ""], [[name, value] for name, value in about.items()]),
                made,
                *(table([f"`equigen {name}`", *titles], rows[name]) for name in rows),
                table(
                    ["ceilings: a part alone, in one process", "documents/s of processor"], parts
                ),
            ]
        )
        + "\n"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small archives: try the script")
    parser.add_argument(
        "--samples",
        type=Path,
        default=ROOT.parent / "shared" / "realdata" / "acousticbrainz",
        help="the recorded documents (default: %(default)s)",
    )
    parser.add_argument("--scratch", type=Path, default=CACHE, help="where archives are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
