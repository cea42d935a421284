"""A dataset in which nothing is left to do: its TSV, its ledger, and a file for each cover."""

import hashlib
import inspect
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, fields, replace
from itertools import islice
from pathlib import Path
from random import Random

import equigen.dataset.covers
import equigen.dataset.tsv
import equigen.images.descriptor
import equigen.ledger.ledger
from bench import ours
from equigen.config.settings import Settings, defaults
from equigen.dataset.covers import WantedCover, wanted_covers
from equigen.images.descriptor import VIEW
from equigen.labels.taxonomy import labels_by_genre
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import MISSING, OK, Cover, FileOf
from equigen.schema import SETS

# Nothing listens there: a request, were one made, would fail and show in the summary.
_DEAD_URL = "http://127.0.0.1:1"
_SIZE_BYTES = 60_000
_SIZE_PX = 600
_BATCH = 10_000
_VIEWS = 3
_PUT_COVER = f"INSERT OR IGNORE INTO covers VALUES ({','.join('?' * len(fields(Cover)))})"  # noqa: S608  (marks)
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
        beside / ours.TSV_NAME, labels_by_genre(defaults().fetch.known_queries())
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


def make_known(folder: Path, settings: Settings) -> None:
    """Give a dataset whose TSV lies in `folder` all its albums, covers, files and sets, by SQL.

    One cover in a hundred could not be had, the others have files without content.
    """
    Ledger(folder / LEDGER_NAME).close()
    labels = labels_by_genre(settings.fetch.known_queries())
    with closing(sqlite3.connect(folder / LEDGER_NAME, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA cache_size = -2000000; BEGIN")
        wanted = enumerate(wanted_covers(folder / ours.TSV_NAME, labels))
        while some := list(islice(wanted, _BATCH)):
            had = [(number, row) for number, row in some if number % 100 and row.url[-4:] != ".gif"]
            for label in {row.label for _, row in had}:
                (folder / ours.IMAGES_NAME / label).mkdir(parents=True, exist_ok=True)
            known = [
                replace(
                    _cover(row),
                    status=OK if number % 100 else MISSING,
                    reason="" if number % 100 else "HTTP 404",
                )
                for number, row in some
            ]
            values = [tuple(asdict(each).values()) for each in known if each.url[-4:] != ".gif"]
            db.executemany(_PUT_COVER, values)
            for _, row in had:
                _make_file(f"{folder / ours.IMAGES_NAME}/{row.path}")
            files = [(row.picture, row.path) for _, row in had]
            db.executemany("INSERT OR IGNORE INTO files VALUES (?, ?)", files)
            sets = [(row.album, row.path, SETS[number % len(SETS)]) for number, row in had]
            db.executemany("INSERT OR IGNORE INTO sets VALUES (?, ?, ?)", sets)
            db.executemany(
                "INSERT INTO albums VALUES (NULL, ?, ?, ?, ?, ?, 1, NULL)",
                [(row.album_id, row.artist, row.title, row.picture, row.genre) for _, row in some],
            )
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")


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
