"""How fast `equigen audit` looks through a folder of covers, against imagededup and cleanvision.

    python benchmarks/audit.py [--covers 100000] [--runs 3] [--rival PYTHON] [--quick]

PYTHON is one that has imagededup and cleanvision, by default that of .bench/audit; without it, only
EquiGen is measured. README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any, Final

import cv2
import numpy as np
import simplejpeg
from bench import ceilings
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.report import keep, spread, table

SCRIPT = "audit.py"
RUNS, COVERS, FEW, MOST_S = 3, 100_000, 1_000, 240
RIVAL_COVERS, DECODED = 5_000, 5_000
OURS, RIVALS = "equigen audit", ("imagededup", "cleanvision")
_SIZE_PX, _QUALITY, _LOW_QUALITY, _CROPPED_PX = 600, 88, 60, 18
_WAVES, _GRAINS, _MOST_GRAIN = 7, 150, 90
# Of each ten covers; each twentieth is a copy of the one before it, in another set and class.
_DEALT: Final = (*["train"] * 7, "val", "val", "test")
_GENRES: Final = ("Blues", "Jazz", "Pop", "Rock")
_COPY_EVERY = 20


@dataclass(frozen=True, slots=True)
class Found:
    """The planted copies that a program found, of how many, and how often it was wrong."""

    copies: int
    planted: int
    wrong: int


@dataclass(slots=True)
class Figures:
    """All that one run measured: rounds of all covers, and of some by program."""

    about: dict[str, str]
    covers: int
    some: int
    checked_a_s: float = 0.0
    whole: list[Measurement] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    names = ("equigen", "numpy", "opencv-python-headless", "polars", "simplejpeg")
    covers = FEW if options.quick else options.covers
    about = {**machine(), "equigen": versions(names)}
    figures = Figures(about, covers, min(covers, RIVAL_COVERS))
    folder: Path = options.scratch
    try:
        whole, some = (drawn(folder, count) for count in (covers, figures.some))
        figures.checked_a_s = ceilings.decoding(sorted(whole.rglob("*.jpg"))[:DECODED])
        for _ in range(options.runs):
            figures.whole.append(_ours(figures, whole, folder))
            figures.rounds.setdefault(OURS, []).append(_ours(figures, some, folder))
            for tool in RIVALS if options.rival else ():
                rounds = figures.rounds.setdefault(tool, [])
                rounds.append(_rival(figures, options.rival, tool, some, folder))
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    text = _report(figures)
    print(text)
    whole_run = not options.quick and options.runs >= RUNS and options.rival is not None
    keep(SCRIPT, text, asdict(figures), whole=whole_run)
    return 0 if median(each.wall_s for each in figures.whole) <= MOST_S else 1


def drawn(scratch: Path, covers: int) -> Path:
    """Return the folder of so many covers, SET/CLASS/NUMBER.jpg, which are drawn once."""
    folder = scratch / f"covers-{covers}"
    if folder.is_dir():
        return folder
    beside = folder.with_suffix(".new")
    shutil.rmtree(beside, ignore_errors=True)
    for name in set(_DEALT):
        for genre in _GENRES:
            (beside / name / genre).mkdir(parents=True)
    print(f"drawing {covers:,} covers", file=sys.stderr, flush=True)
    with ProcessPoolExecutor(2) as pool:
        for _ in pool.map(partial(_write, beside), range(covers), chunksize=500):
            pass
    return beside.rename(folder)


def _write(folder: Path, number: int) -> None:
    name = f"{_DEALT[number % len(_DEALT)]}/{_GENRES[number % len(_GENRES)]}/{number:06}.jpg"
    (folder / name).write_bytes(draw(number))


def draw(number: int) -> bytes:
    """Return a JPEG of 600 pixels and 60 KB on average, or a copy of the one before.

    Seven by seven colours run into each other, each picture its own, under more or less grain, so
    that no two look alike but those that are meant to: copies are the same bytes, of half the size,
    of a lower quality, or cropped.
    """
    if (number + 1) % _COPY_EVERY:
        return _encoded(_pixels(number), _QUALITY)
    pixels = _pixels(number - 1)
    match number // _COPY_EVERY % 4:
        case 0:
            return _encoded(pixels, _QUALITY)
        case 1:
            size = (_SIZE_PX // 2, _SIZE_PX // 2)
            return _encoded(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), _QUALITY)
        case 2:
            return _encoded(pixels, _LOW_QUALITY)
        case _:
            within = slice(_CROPPED_PX, -_CROPPED_PX)
            return _encoded(pixels[within, within], _QUALITY)


def _pixels(number: int) -> Any:  # noqa: ANN401  (OpenCV's own arrays)
    cv2.setNumThreads(1)
    chance, size = np.random.default_rng(number), (_SIZE_PX, _SIZE_PX)
    colours = chance.uniform(38, 216, (_WAVES, _WAVES, 3)).astype(np.float32)
    grain = chance.uniform(-_MOST_GRAIN, _MOST_GRAIN, (_GRAINS, _GRAINS, 3)).astype(np.float32)
    large = cv2.resize(colours, size, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(grain, size, interpolation=cv2.INTER_LINEAR)
    return np.clip(large + chance.uniform(0.05, 0.4) * fine, 0, 255).astype(np.uint8)


def _encoded(pixels: Any, quality: int) -> bytes:  # noqa: ANN401
    whole = np.ascontiguousarray(pixels)
    return bytes(simplejpeg.encode_jpeg(whole, quality=quality, colorsubsampling="420"))


def _ours(figures: Figures, covers: Path, scratch: Path) -> Measurement:
    words = [sys.executable, "-m", "equigen", "audit", covers, "--output", "audit.html", "--json"]
    command = Command(list(map(str, words)), scratch, environment({}))
    took = _measured(command)
    told = json.loads(command.output.read_text(encoding="utf-8"))
    groups = [[each["name"] for each in leak["albums"]] for leak in told["leaking"]]
    figures.found[f"{OURS} of {covers.name}"] = found(groups, told["rows_in"])
    return took


def _rival(figures: Figures, python: Path, tool: str, covers: Path, scratch: Path) -> Measurement:
    script = Path(__file__).with_name("rival_audit.py")
    words = [str(each) for each in (python, script, tool, covers)]
    command = Command(words, scratch, environment({}))
    took = _measured(command)
    told = json.loads(command.output.read_text(encoding="utf-8").splitlines()[-1])
    figures.about[tool] = ", ".join(f"{name} {told['versions'][name]}" for name in told["versions"])
    figures.found[f"{tool} of {covers.name}"] = found(told["groups"], figures.some)
    return took


def _measured(command: Command) -> Measurement:
    print(" ".join(command.words[-6:]), file=sys.stderr, flush=True)
    return measured(command)


def found(groups: Iterable[Sequence[str]], covers: int) -> Found:
    """Count the planted copies in groups of files, and the groups that hold other covers too."""
    copies, wrong = set[int](), 0
    for group in groups:
        numbers = {int(PurePosixPath(name).stem) for name in group}
        shown = {number - _is_copy(number) for number in numbers}
        wrong += len(shown) > 1
        copies |= {each for each in numbers if _is_copy(each) and each - 1 in numbers}
    return Found(len(copies), covers // _COPY_EVERY, wrong)


def _is_copy(number: int) -> bool:
    return (number + 1) % _COPY_EVERY == 0


def _report(figures: Figures) -> str:
    walls = [each.wall_s for each in figures.whole]
    cpu_s = median(each.cpu_s for each in figures.whole)
    bound_s = figures.covers / figures.checked_a_s
    about = table(["machine", ""], [[name, value] for name, value in figures.about.items()])
    shares = [bound_s / wall_s for wall_s in walls]
    rows = [
        ["time", f"{spread(walls, '.1f')} s; demanded: {MOST_S} s for {COVERS:,}"],
        ["processor", f"{cpu_s:.1f} s, {1000 * cpu_s / figures.covers:.2f} ms a cover"],
        ["cores in use", f"{cpu_s / median(walls):.2f} of 2"],
        ["peak memory", f"{max(each.peak_rss_mib for each in figures.whole):.0f} MiB"],
        [
            "two processes that check covers from memory, and do nothing else",
            f"{figures.checked_a_s:,.0f} a second: {bound_s:.1f} s, {spread(shares, '.2f')} of it",
        ],
        ["copies found", _told(figures.found[f"{OURS} of covers-{figures.covers}"])],
    ]
    mine = figures.rounds[OURS]
    contest = [
        [
            name, f"{spread([each.wall_s for each in rounds], '.1f')} s",
            f"{median(each.cpu_s for each in rounds):.1f} s",
            f"{max(each.peak_rss_mib for each in rounds):.0f}",
            _told(figures.found[f"{name} of covers-{figures.some}"]),
            f"{median(b.wall_s / a.wall_s for a, b in zip(mine, rounds, strict=True)):.1f}",
        ]
        for name, rounds in figures.rounds.items()
    ]  # fmt: skip
    return (
        "\n\n".join(
            [
                about,
                f"{figures.covers:,} covers, on tmpfs. Medians (least to most) of whole processes.",
                table([OURS, ""], rows),
                f"{figures.some:,} of them, in turns. Times: how many times as long as ours.",
                table(["", "time", "processor", "peak MiB", "copies found", "times"], contest),
            ]
        )
        + "\n"
    )


def _told(each: Found) -> str:
    return f"{each.copies:,} of {each.planted:,}, {each.wrong:,} wrong"


def _rivals() -> Path | None:
    python = Path(__file__).parents[1] / ".bench" / "audit" / "bin" / "python"
    return python if python.exists() else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--covers", type=int, default=COVERS, metavar="N")
    parser.add_argument("--rival", type=Path, metavar="PYTHON", default=_rivals())
    parser.add_argument("--quick", action="store_true", help="little of each: try the script")
    parser.add_argument("--keep", action="store_true", help="keep the covers for another run")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench/audit"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: 7 GB for 100,000 covers",
    )
    options = parser.parse_args()
    if options.rival and not options.rival.exists():
        parser.error(f"--rival {options.rival}: there is no such file")
    return options


if __name__ == "__main__":
    sys.exit(main())
