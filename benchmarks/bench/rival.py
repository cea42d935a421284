"""img2dataset as a contestant: its own virtual environment, its command."""

import math
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.environment import environment
from bench.errors import BenchError
from bench.measure import Command

LABEL = "img2dataset"
VERSION = "1.47.0"
PROCESSES = 2
URLS_NAME = "urls.txt"
OUTPUT_NAME = "out"
# It asks the standard library for `imghdr`, which went with Python 3.13.
_TOO_NEW = (3, 13)
_LIBRARIES = (LABEL, "opencv-python-headless", "numpy", "albumentations")


@dataclass(frozen=True, slots=True)
class Pace:
    """What img2dataset leaves to its user: threads in each process, shards in all.

    It gives shards to processes, so they should be as many as two processes share evenly.
    """

    threads: int
    shards: int

    def shard_size(self, downloads: int) -> int:
        """Return how many pictures a shard has."""
        return math.ceil(downloads / self.shards)


def installed(folder: Path) -> Path:
    """Return img2dataset's program in the virtual environment `folder`, made where it is missing.

    Raises:
        BenchError: it can't be installed, or is of another version.

    """
    program = folder / "bin" / "img2dataset"
    if not program.is_file():
        _install(folder)
    if (found := versions(program)[LABEL]) != VERSION:
        msg = f"{folder}: expected img2dataset {VERSION}, found {found}. Remove it and run again."
        raise BenchError(msg)
    return program


def versions(program: Path) -> dict[str, str]:
    """Return the versions of img2dataset and of what it stands on, by their names."""
    code = f"import importlib.metadata as m; print(*map(m.version, {_LIBRARIES!r}))"
    told = subprocess.run(
        [program.with_name("python"), "-c", code], capture_output=True, text=True, check=False
    )
    if told.returncode:
        msg = f"{program}: not a working img2dataset: {told.stderr.strip()[-300:]}"
        raise BenchError(msg)
    return dict(zip(_LIBRARIES, told.stdout.split(), strict=True))


def download(  # noqa: PLR0913  (each is a choice of one caller)
    program: Path,
    folder: Path,
    flags: Sequence[str],
    pace: Pace,
    *,
    downloads: int,
    output: str = "files",
    trusted: Path | None = None,
) -> Command:
    """Return the command that downloads the URLs of `urls.txt` in `folder`, so many `downloads`.

    `output` is a format of its own: files, webdataset or parquet. What EquiGen doesn't do either is
    off in every mode: reading EXIF, looking at X-Robots-Tag, and reporting to a service.
    """
    words = [
        str(program), URLS_NAME,
        "--output_folder", OUTPUT_NAME,
        "--output_format", output,
        "--processes_count", str(PROCESSES),
        "--thread_count", str(pace.threads),
        "--number_sample_per_shard", str(pace.shard_size(downloads)),
        "--extract_exif", "False",
        "--disallowed_header_directives", "[]",
        "--enable_wandb", "False",
        *flags,
    ]  # fmt: skip
    return Command(words, folder, environment({"NO_ALBUMENTATIONS_UPDATE": "1"}, trusted=trusted))


def _install(folder: Path) -> None:
    if sys.version_info >= _TOO_NEW:
        msg = (
            f"img2dataset {VERSION} needs Python 3.12 or older. Install it into a virtual"
            " environment of such a Python and name that with --rival."
        )
        raise BenchError(msg)
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    done = subprocess.run(
        [*pip, f"{LABEL}=={VERSION}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"img2dataset can't be installed into {folder}: {done.stderr.strip()[-500:]}"
        raise BenchError(msg)
