"""How many covers a second `features compute` takes on one core, and how much memory.

    python benchmarks/features.py [--runs 3] [--quick]

README.md beside this file says what is measured, how, and what came of it. With colorthief and
extcolors in .bench/colours (`pip install --target .bench/colours colorthief extcolors`) also
against them. `--models` measures `faces` and `text` alone, whose extras must be installed.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench import ours
from bench.environment import environment
from bench.errors import BenchError
from bench.machine import keep_to_two_cores, machine, versions
from bench.measure import Command, Measurement, measured
from bench.pictures import Recipe, pictures
from bench.report import keep, spread, table
from PIL import Image, ImageDraw, ImageFont

from equigen.dataset.covers import wanted_covers
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import Cover, FileOf

SCRIPT = "features.py"
RUNS, COVERS, FEW, MANY = 3, 5_000, 1_000, 100_000
LEAST_RATE, MOST_MIB, OF_RIVALS = 150, 400, {"colorthief": 3, "extcolors": 5}
BOTH = ("colour", "histogram")
# The least covers a second of processor time of a feature with a model, and how many are measured.
MODELS = {"faces": (20, 500), "text": (0.8, 60)}
PART = 64
LINES = ("THE MEASURED BAND", "Live at the Bench", "Side one", "1988")
RIVALS = Path(__file__).parents[1] / ".bench" / "colours"
# Of rivals, fewer pictures: extcolors takes a quarter of a second for each.
RIVAL_COVERS = 100


@dataclass(slots=True)
class Figures:
    """All that one run measured; `rivals` are covers a second of processor time, by round."""

    about: dict[str, str]
    covers: dict[str, int]
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)
    rivals: dict[str, list[float]] = field(default_factory=dict)


def main() -> int:
    """Measure, and write the report; 0 where all is as demanded."""
    options = _options()
    keep_to_two_cores()
    about = {**machine(), "equigen": versions(("equigen", "numpy", "polars", "simplejpeg"))}
    covers, few, many = (1_000, 200, 2_000) if options.quick else (COVERS, FEW, MANY)
    figures = Figures(about, {})
    scratch: Path = options.scratch / f"features-{os.getpid()}"
    try:
        files = sorted(pictures(options.scratch, Recipe()).iterdir())
        if options.models:
            return _models(about, scratch, files, options.runs)
        _measure(
            figures, "600 px, one process", scratch / "covers", files[:covers], 1, options.runs
        )
        _measure(figures, "600 px, two processes", scratch / "few", files[:few], 2, 1)
        small = _small(scratch / "small", many)
        _measure(figures, "64 px, two processes", scratch / "many", small, 2, 1)
        if RIVALS.is_dir():
            for _ in range(options.runs):
                _against(figures, files[0].parent)
    except BenchError as err:
        print(f"{SCRIPT}: {err}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text, is_met = _report(figures)
    print(text)
    keep(SCRIPT, text, asdict(figures), whole=not options.quick and options.runs >= RUNS)
    return 0 if is_met else 1


def _models(about: dict[str, str], scratch: Path, files: list[Path], runs: int) -> int:
    """Measure the features with models; 0 where all is as demanded."""
    about |= {"packages": versions(("onnxruntime", "opencv-python-headless", "rapidocr"))}
    rows, met = [], []
    for name, (least, count) in MODELS.items():
        some = files[:count] if name == "faces" else _lettered(scratch / "lettered", files[:count])
        # A process computes 64 covers at a time: fewer are computed by one.
        for processes, rounds in ((1, runs), (2, 1)) if count > PART else ((1, runs),):
            title = f"{name}, {'one process' if processes == 1 else 'two processes'}"
            figures = Figures(about, {})
            _measure(figures, title, scratch / name, some, processes, rounds, (name,))
            each = figures.rounds[title]
            rates = [count / one.cpu_s for one in each]
            met.append(median(rates) >= least)
            peak_mib = max(one.peak_pss_mib for one in each)
            wall_s = median(one.wall_s for one in each)
            rows.append([f"{count} covers, {title}", spread(rates, ".1f"), f"{least}"])
            rows[-1] += [f"{wall_s:.1f} s", f"{peak_mib:.0f}"]
    titles = ["", "covers/s of processor", "demanded", "time", "peak MiB, all processes"]
    machine_rows = [[name, value] for name, value in about.items()]
    print(table(["machine", ""], machine_rows), table(titles, rows), sep="\n\n")
    return 0 if all(met) else 1


def _lettered(folder: Path, files: list[Path]) -> list[Path]:
    """Write copies of pictures with four lines of text."""
    folder.mkdir(parents=True)
    for file in files:
        with Image.open(file) as picture:
            cover = picture.convert("RGB")
        for at, line in enumerate(LINES):
            font = ImageFont.load_default(60 - 12 * at)
            ImageDraw.Draw(cover).text(
                (30, 40 + 130 * at), line, "white", font, stroke_width=2, stroke_fill="black"
            )
        cover.save(folder / file.name, quality=90)
    return sorted(folder.iterdir())


def _small(folder: Path, count: int) -> list[Path]:
    """Write so many small covers that differ by the bytes behind their end alone."""
    folder.mkdir(parents=True)
    out = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(out, "PNG")
    for number in range(count):
        (folder / f"{number:06}.jpg").write_bytes(out.getvalue() + number.to_bytes(8))
    return sorted(folder.iterdir())


def _measure(  # noqa: PLR0913, PLR0917
    figures: Figures,
    title: str,
    folder: Path,
    files: list[Path],
    processes: int,
    runs: int,
    names: Sequence[str] = BOTH,
) -> None:
    """Compute features of a dataset of some pictures, each time from nothing."""
    fill(folder, files)
    settings = {"EQUIGEN_DATASET__DIRECTORY": str(folder), "EQUIGEN_FEATURES__ACCEPT_FACES": "true"}
    env = environment(settings)
    words = ("features", "compute", *names, "--json", "--processes", str(processes))
    figures.covers[title] = len(files)
    for _ in range(runs):
        print(f"{len(files):,} covers, {title}", file=sys.stderr, flush=True)
        shutil.rmtree(folder / "features", ignore_errors=True)
        command = Command([sys.executable, "-m", "equigen", *words], folder.parent, env)
        figures.rounds.setdefault(title, []).append(measured(command, pss=True))
        told = json.loads(command.output.read_text(encoding="utf-8"))
        if told["rows_out"] != len(files):
            msg = f"{title}: expected {len(files)} covers, got {told['rows_out']}."
            raise BenchError(msg)
    shutil.rmtree(folder)


def fill(folder: Path, files: list[Path]) -> None:
    """Make a dataset of pictures, as a download leaves it; the files are links."""
    folder.mkdir(parents=True)
    tsv, images = folder / ours.TSV_NAME, folder / ours.IMAGES_NAME
    ours.write_tsv(tsv, (f"http://127.0.0.1:1/{number}.jpg" for number in range(len(files))))

    def known() -> Iterable[tuple[Cover, FileOf]]:
        for row, file in zip(wanted_covers(tsv, {}), files, strict=True):
            body = file.read_bytes()
            (images / row.path).parent.mkdir(parents=True, exist_ok=True)
            os.link(file, images / row.path)
            sha256 = hashlib.sha256(body).hexdigest()
            cover = Cover(row.picture, row.url, "ok", size_bytes=len(body), sha256=sha256)
            yield cover, FileOf(row.picture, row.path)

    covers, places = zip(*known(), strict=True)
    with Ledger(folder / LEDGER_NAME) as ledger:
        ledger.record_covers(covers, files=places)


def _against(figures: Figures, folder: Path) -> None:
    script = Path(__file__).with_name("rival_colours.py")
    env = environment({"PYTHONPATH": str(RIVALS)})
    done = subprocess.run(
        [sys.executable, script, folder, str(RIVAL_COVERS)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        msg = f"{script.name}: {done.stderr.strip()[-300:]}"
        raise BenchError(msg)
    for name, told in json.loads(done.stdout).items():
        figures.about[name] = told["version"]
        figures.rivals.setdefault(name, []).append(RIVAL_COVERS / told["cpu_s"])


def _report(figures: Figures) -> tuple[str, bool]:
    met, rows = [], []
    for title, rounds in figures.rounds.items():
        covers = figures.covers[title]
        rates = [covers / each.cpu_s for each in rounds]
        peak_mib = max(each.peak_pss_mib for each in rounds)
        met.append(peak_mib <= MOST_MIB)
        rows.append(
            [
                f"{covers:,} covers, {title}", spread(rates, ".0f"),
                f"{median(each.wall_s for each in rounds):.1f} s", f"{peak_mib:.0f}",
            ]
        )  # fmt: skip
    ours_a_second = median(
        figures.covers[title] / each.cpu_s
        for title, rounds in list(figures.rounds.items())[:1]
        for each in rounds
    )
    met.append(ours_a_second >= LEAST_RATE)
    against = []
    for name, rates in figures.rivals.items():
        times = ours_a_second / median(rates)
        met.append(times >= OF_RIVALS[name])
        against.append([name, spread(rates, ".1f"), f"{times:.1f}", f"{OF_RIVALS[name]}"])
    demand = (
        f"Medians (least to most) of whole processes, from their start; demanded: {LEAST_RATE}"
        f" covers a second of processor time at 600 px, {MOST_MIB} MiB."
    )
    titles = ["colour + histogram", "covers/s of processor", "time", "peak MiB, all processes"]
    parts = [
        table(["machine", ""], [[name, value] for name, value in figures.about.items()]),
        demand,
        table(titles, rows),
    ]
    if against:
        columns = [
            "palette of 6 alone",
            "covers/s of processor",
            "EquiGen is faster by",
            "demanded",
        ]
        parts.append(table(columns, against))
    return "\n\n".join(parts) + "\n", all(met)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"rounds (default: {RUNS})")
    parser.add_argument("--models", action="store_true", help="measure faces and text alone")
    parser.add_argument("--quick", action="store_true", help="little of each: try the script")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path("/dev/shm/equigen-bench"),  # noqa: S108  (tmpfs is the point)
        metavar="FOLDER",
        help="on tmpfs: pictures and datasets",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
