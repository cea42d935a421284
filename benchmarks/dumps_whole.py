"""From dumps of full size to a balanced TSV: `make bench-dumps-whole`.

README.md beside this file says what is done, how, and what came of it.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.dumps_made import Size, write_groups, write_masters
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.report import keep, table

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".bench"
SCRIPT = "dumps_whole.py"
FULL = Size(masters=2_300_000, groups=4_500_000, links=900_000)
QUICK = Size(masters=20_000, groups=40_000, links=12_000)
# What is new in the newer dump, and the most memory that any step may take.
NEWER_MASTERS = 10_000
MOST_MIB = 500
ROWS = 222_000
_MASTERS = "discogs_20260901_masters.xml.gz"
_NEWER = "discogs_20261001_masters.xml.gz"
_GROUPS = "musicbrainz_20260902-001001_release-group.tar.xz"


@dataclass(frozen=True, slots=True)
class Step:
    """One command, what it took, and how many rows the dataset had when it had ended."""

    what: str
    took: Measurement
    rows: int


def main() -> int:
    """Make the dumps where there are none, measure, and write the report; 0 where limits hold."""
    options = _options()
    keep_to_two_cores()
    size = QUICK if options.quick else FULL
    folder = options.scratch / ("quick" if options.quick else "full")
    try:
        dumps = _dumps(folder, options.samples, size)
        steps = list(_steps(folder, is_whole=not options.quick))
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    about = {**machine(), "equigen": versions(("equigen", "lxml", "isal", "orjson"))}
    text = _report(about, size, dumps, steps)
    print(text)
    raw = {"about": about, "steps": [asdict(step) for step in steps]}
    keep(SCRIPT, text, raw, whole=not options.quick)
    return 0 if all(step.took.peak_rss_mib < MOST_MIB for step in steps) else 1


def _dumps(folder: Path, samples: Path, size: Size) -> Path:
    dumps = folder / "dumps"
    dumps.mkdir(parents=True, exist_ok=True)
    made = folder / "made.json"
    if not made.exists():
        _say(f"{dumps}: making {size.masters:,} masters and {size.groups:,} release groups")
        write_masters(dumps / _MASTERS, samples, size.masters)
        write_groups(dumps / _GROUPS, samples, size)
        write_masters(folder / _NEWER, samples, size.masters + NEWER_MASTERS)
        made.write_text(json.dumps(asdict(size)))
    return dumps


def _steps(folder: Path, *, is_whole: bool) -> Iterator[Step]:
    """Run the commands one after another, from nothing."""
    dumps, newer = folder / "dumps", folder / _NEWER
    for index in [*dumps.glob("*.sqlite"), *dumps.glob(_NEWER)]:
        index.unlink()
    data = folder / "data"
    flags = [] if is_whole else ["--genre-limit", "300", "--world-limit", "50"]
    for file in data.glob("*"):
        file.unlink()
    data.mkdir(exist_ok=True)
    yield _step(data, dumps, "first run: both dumps read, joined, dealt", flags)
    if is_whole and (rows := _rows(data)) != ROWS:
        msg = f"{data}: expected {ROWS:,} rows, got {rows:,}"
        raise BenchError(msg)
    before = (data / "equigen_dataset.tsv").stat().st_mtime_ns
    yield _step(data, dumps, "second run: the same dumps", flags)
    if (data / "equigen_dataset.tsv").stat().st_mtime_ns != before:
        msg = f"{data}: the second run wrote the dataset anew"
        raise BenchError(msg)
    more = ["--genre-limit", "15100", "--world-limit", "1300"] if is_whole else []
    yield _step(data, dumps, "larger limits: joined again, the difference dealt", more)
    (dumps / _NEWER).hardlink_to(newer)
    more = ["--genre-limit", "15200", "--world-limit", "1400"] if is_whole else []
    yield _step(data, dumps, "a newer masters dump, larger limits", more)
    groups = ["--genre-limit", "100", "--world-limit", "100"]
    yield _step(data, dumps, "MusicBrainz's own albums, 24 labels", groups, source="musicbrainz")


def _step(
    data: Path, dumps: Path, what: str, flags: Sequence[str], *, source: str = "discogs-dump"
) -> Step:
    _say(what)
    own = {
        "EQUIGEN_DATASET__DIRECTORY": str(data),
        "EQUIGEN_DUMPS__DIRECTORY": str(dumps.resolve()),
        "EQUIGEN_FETCH__FROM_YEAR": "2026",
    }
    words = [sys.executable, "-m", "equigen", "fetch", "--quiet", "--source", source, *flags]
    took = measured(Command(words, data.parent, environment(own)))
    return Step(what, took, _rows(data))


def _rows(data: Path) -> int:
    with (data / "equigen_dataset.tsv").open("rb") as file:
        return sum(1 for _ in file) - 1


def _report(about: dict[str, str], size: Size, dumps: Path, steps: Sequence[Step]) -> str:
    rows = [
        [
            step.what,
            f"{step.took.wall_s:.1f} s",
            f"{step.took.cpu_s:.1f} s",
            f"{step.took.peak_rss_mib:.0f}",
            f"{step.rows:,}",
        ]
        for step in steps
    ]
    sizes = [(dumps / name).stat().st_size / 1e6 for name in (_MASTERS, _GROUPS)]
    made = (
        f"{size.masters:,} masters ({sizes[0]:.0f} MB gz), {size.groups:,} release groups"
        f" ({sizes[1]:.0f} MB xz), {size.links:,} of them linked to a master. One round; memory is"
        f" the peak of all processes together, less than {MOST_MIB} MiB demanded."
    )
    titles = ["`equigen fetch`", "time", "processor", "peak MiB", "rows then"]
    machine_table = table(["machine", ""], [[name, value] for name, value in about.items()])
    return "\n\n".join([machine_table, made, table(titles, rows)]) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small dumps: try the script")
    parser.add_argument(
        "--samples",
        type=Path,
        default=ROOT.parent / "shared" / "realdata" / "discogs_dump",
        help="the real samples that are amplified (default: %(default)s)",
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=CACHE / "dumps",
        help="where the dumps are made, 20 GB for a moment (default: %(default)s)",
    )
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
