"""Runs of `equigen download`, the program itself, in all ways that it works."""

import io
import json
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from downloads import files_of, ledger_of, rows_of, start
from PIL import Image, ImageFile
from support import from_json

from equigen.ledger.models import Cover

# In threads of the one process, which alone asks hosts with a quota; and in two of its own.
MODES: Mapping[str, str] = {
    "threads": "per_day = 1_000_000",
    "processes": "",
}
CHECKS: Mapping[str, str] = {
    "full": "",
    "structure": 'check = "structure"',
    "sized": "sizes = [64]",
}
WAYS = tuple(f"{mode}, {check}" for mode in MODES for check in CHECKS)
SIZED = (64, 64)
# What runs allow; bodies without end are cut off behind it.
MAX_BYTES = 200_000


@dataclass(frozen=True)
class Ran:
    """What a run left: its exit code, its summary, the covers by URL, and the files."""

    way: str
    code: int
    summary: Mapping[str, object]
    talk: str
    covers: Mapping[str, Cover]
    paths: dict[str, str]
    files: Mapping[str, bytes]

    @property
    def is_sized(self) -> bool:
        """Whether the files are 64 x 64."""
        return self.way.endswith("sized")

    @property
    def is_full(self) -> bool:
        """Whether every picture was decoded."""
        return not self.way.endswith("structure")

    def file(self, url: str) -> bytes:
        """Return the file of a cover."""
        return self.files[self.paths[url]]


def run_covers(folder: Path, way: str, urls: Sequence[str], **http: float) -> Ran:
    """Download from `urls` in a way, one album each, and check what holds for every run."""
    rows_of(folder, *urls)
    return run_again(folder, way, **http)


def write_config(folder: Path, way: str, max_bytes: int = MAX_BYTES, **http: float) -> None:
    """Write the settings of a way."""
    mode, _, check = way.partition(", ")
    patience = {"tries": 2, "max_wait_s": 0.01, "connect_timeout_s": 5, **http}
    lines = [
        "[http]",
        *(f"{name} = {value}" for name, value in patience.items()),
        "[download]",
        f"max_bytes = {max_bytes}",
        "processes = 2",
        CHECKS[check],
        '[download.hosts."*"]',
        MODES[mode],
    ]
    (folder / "config.toml").write_text("\n".join(lines) + "\n")


def run_again(folder: Path, way: str, **http: float) -> Ran:
    """Download what is missing, and check what holds for every run."""
    write_config(folder, way, MAX_BYTES, **http)
    process = start(folder, "download", "--json")
    out, err = process.communicate(timeout=120)
    talk = err.decode()
    assert "Traceback" not in talk, talk
    assert process.returncode in {0, 3}, talk
    summary = from_json(out.decode())
    known = ledger_of(folder)
    covers = {cover.url: cover for cover in known.values()}
    paths = {cover.url: path for path, cover in known.items()}
    ran = Ran(way, process.returncode, summary, talk, covers, paths, files_of(folder))
    assert_sound(ran)
    return ran


def assert_sound(ran: Ran) -> None:
    """Assert the promise: good files that decode, or reasons; nothing left over; sums that fit."""
    good = {ran.paths[url]: cover for url, cover in ran.covers.items() if cover.status == "ok"}
    assert set(ran.files) == set(good), "a file too many, too few, or left over"
    for path, body in ran.files.items():
        assert good[path].size_bytes == len(body)
        if ran.is_full:
            size = good[path].width_px, good[path].height_px
            assert decoded(body).size == (SIZED if ran.is_sized else size) == size, path
    assert all(cover.reason for cover in ran.covers.values() if cover.status != "ok")
    dropped = ran.summary["dropped"]
    assert isinstance(dropped, dict)
    assert ran.summary["rows_out"] == len(good)
    assert ran.summary["rows_in"] == len(good) + sum(dropped.values())
    reasons = Counter(cover.reason for cover in ran.covers.values() if cover.status != "ok")
    assert all(dropped[reason] == count for reason, count in reasons.items()), dropped
    passes = any(cover.status == "failed" for cover in ran.covers.values())
    waits = any(reason.startswith("waiting") for reason in dropped)
    assert ran.code == (3 if passes or waits else 0), json.dumps(ran.summary)


def decoded(body: bytes) -> Image.Image:
    """Decode all of a stored file: it is a JPEG, and nothing of it lacks."""
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of what stands beside the picture
        with Image.open(io.BytesIO(body), formats=["JPEG"]) as image:
            image.load()
            return image


__all__ = ["SIZED", "WAYS", "Ran", "decoded", "run_again", "run_covers", "write_config"]
