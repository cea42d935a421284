"""A dataset in which nothing is left to do: its TSV, its ledger, and a file for each cover."""

import hashlib
import inspect
import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import equigen.dataset.covers
import equigen.dataset.tsv
import equigen.images.descriptor
import equigen.ledger.ledger
from bench import ours
from equigen.config.settings import defaults
from equigen.dataset.covers import WantedCover, wanted_covers
from equigen.images.descriptor import VIEW
from equigen.labels.taxonomy import folders_by_genre
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import Cover, FileOf

# Nothing listens there: a request, were one made, would fail and show in the summary.
_DEAD_URL = "http://127.0.0.1:1"
_SIZE_BYTES = 60_000
_SIZE_PX = 600
_BATCH = 10_000
_VIEWS = 3
# Made by these: when they change, datasets are made anew.
_MAKERS = (
    equigen.dataset.covers,
    equigen.dataset.tsv,
    equigen.ledger.ledger,
    equigen.images.descriptor,
    equigen.dataset.covers,
    ours,
)


def filled(folder: Path, rows: int) -> Path:
    """Return the folder of a dataset of so many rows with all covers there, below `folder`.

    It is made once for each state of the code that names and remembers covers. The files have a
    size and no content, so a million of them take no more than their names.
    """
    finished = folder / f"filled-{rows}-{_digest()}"
    if finished.is_dir():
        return finished
    for old in folder.glob(f"filled-{rows}-*"):
        shutil.rmtree(old)
    beside = finished.with_suffix(".new")
    beside.mkdir(parents=True)
    ours.write_tsv(beside / ours.TSV_NAME, (f"{_DEAD_URL}/{number}.jpg" for number in range(rows)))
    images = beside / ours.IMAGES_NAME
    wanted = wanted_covers(
        beside / ours.TSV_NAME, folders_by_genre(defaults().fetch.known_labels())
    )
    with Ledger(beside / LEDGER_NAME) as ledger:
        while some := list(islice(wanted, _BATCH)):
            for label in {row.label for row in some}:
                (images / label).mkdir(parents=True, exist_ok=True)
            for row in some:
                _make_file(f"{images}/{row.path}")
            covers = list(map(_cover, some))
            ledger.record_covers(
                covers,
                files=(FileOf(row.picture, row.path) for row in some),
                looks={cover.sha256: _look(cover.sha256) for cover in covers},
            )
    beside.rename(finished)
    return finished


def _make_file(path: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.ftruncate(handle, _SIZE_BYTES)
    os.close(handle)


def _cover(row: WantedCover) -> Cover:
    told = hashlib.sha256(row.path.encode())
    return Cover(
        picture=row.picture,
        url=row.url,
        status="ok",
        http_status=200,
        size_bytes=_SIZE_BYTES,
        width_px=_SIZE_PX,
        height_px=_SIZE_PX,
        sha256=told.hexdigest(),
        fetched_at="2026-01-01T00:00:00+00:00",
        final_url=row.url,
        phash=told.hexdigest()[:16],
    )


def _look(sha256: str) -> bytes:
    """Return how a cover looks that is like no other."""
    return Random(sha256).randbytes(_VIEWS * VIEW.itemsize)


def _digest() -> str:
    return hashlib.sha256("".join(_sources()).encode()).hexdigest()[:12]


def _sources() -> Iterator[str]:
    for module in _MAKERS:
        yield inspect.getsource(module)
    yield Path(__file__).read_text(encoding="utf-8")
