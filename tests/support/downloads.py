"""What the tests of the download stage share: a dataset in a folder, and what lies there after."""

import io
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support import NOON, from_json, make_context, program_env, sandbox_env, write_rows

from equigen.commands import download
from equigen.dataset.covers import dataset_covers
from equigen.http.rate_limit import Clock
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover
from equigen.summary import Summary

TSV = "equigen_dataset.tsv"
IMAGES = "equigen_album_images"


def picture(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a picture of a kind."""
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(out, kind)
    return out.getvalue()


JPEG = picture()


def ledger_of(folder: Path) -> dict[str, Cover]:
    """Return what the ledger knows of all covers, by path: a row's, or where a good one lies."""
    with Ledger(folder / "equigen_ledger.sqlite", read_only=True) as ledger:
        covers = ledger.covers()
        files = ledger.files_of(covers)
    found = {path: covers[picture] for picture, paths in files.items() for path in paths}
    if (folder / TSV).exists():
        for row in dataset_covers(make_context(folder)):
            if row.picture in covers and covers[row.picture].status != "ok":
                found[row.path] = covers[row.picture]
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    """Return all files below the images folder, hidden ones as well."""
    images = folder / IMAGES
    return {
        str(file.relative_to(images)): file.read_bytes()
        for file in sorted(images.rglob("*"))
        if file.is_file()
    }


def one_row(folder: Path, url: str, **cells: str) -> Path:
    """Write a dataset of one album."""
    row = {"artist": "A", "album": "B", "album_index": "1", "genre": "Jazz", "year": "1999"}
    return write_rows(folder / TSV, {**row, "image_url": url, **cells})


def run_download(
    folder: Path,
    *,
    flags: dict[str, Any] | None = None,
    base_url: str = "http://127.0.0.1:9",
    now: datetime = NOON,
    clock: Clock | None = None,
    **settings: object,
) -> Summary:
    """Download from this process, with waits that take no time."""
    context = make_context(
        folder,
        base_url=base_url,
        download=settings,
        http={"max_wait_s": 0.001},
        now=now,
        clock=clock,
    )
    return download.run(context, **(flags or {}))


def rows_of(folder: Path, *urls: str, **cells: str) -> Path:
    """Write a dataset of one album a URL, each by an artist of its own."""
    rows = [
        {"artist": f"Artist {n}", "album": "B", "genre": "Jazz", "image_url": url, **cells}
        for n, url in enumerate(urls)
    ]
    return write_rows(folder / TSV, *rows)


def start(folder: Path, *args: str) -> "subprocess.Popen[bytes]":
    """Start the program in a process of its own."""
    env = sandbox_env("http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=str(folder))
    command = [sys.executable, "-m", "equigen", *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=program_env(**env), **pipes)  # type: ignore[call-overload,no-any-return]


def finish(folder: Path) -> dict[str, object]:
    """Run a download to its end."""
    process = start(folder, "download", "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return from_json(out.decode())


linux_only = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    tasks = Path(f"/proc/{pid}/task")
    try:
        lists = [(task / "children").read_text() for task in tasks.iterdir()]
    except OSError:
        return []
    return [int(child) for found in lists for child in found.split()]


def holds(pid: int, port: int) -> bool:
    """Tell whether a process has a connection from a local port."""
    inodes = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{fields[9]}]")
    try:
        links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115
    except OSError:
        return False
    return bool(inodes & set(links))
