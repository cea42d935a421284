"""Measure the copy of the ledger that each good run ends with.

Usage: python benchmarks/ledger_copy.py [--covers 1000000] [--rounds 5] [--scratch FOLDER]

The ledger knows so many albums, covers, descriptors, sets and placements. Each round changes a
row and copies the ledger, and changes single values alone, as a run that finds nothing to do, and
copies these; then the copy is restored as `equigen repair` does it.
"""

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from equigen.identity.albums import Identity
from equigen.images.descriptor import VIEW
from equigen.ledger.backup import back_up, copies_of
from equigen.ledger.ledger import LEDGER_NAME
from equigen.ledger.models import OK, AlbumSet, Cover, FileOf, Placement, Taken
from equigen.repairing.damage import copy_sound, find_damage
from equigen.repairing.rebuilding import RebuiltLedger
from equigen.schema import SETS

_BATCH = 10_000
_VIEWS = 3


def main() -> int:
    """Print a table of times and sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--covers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", type=Path, help="where the ledger is made, for a while")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        ledger = Path(folder) / LEDGER_NAME
        _fill(ledger, options.covers)
        last, _ = copies_of(ledger)
        copied, again = list[_Took](), list[_Took]()
        for number in range(options.rounds):
            with RebuiltLedger(ledger) as changed:
                changed.count_request("covers.example", "2026-06-15")
            copied.append(_took(lambda: _copy(ledger)))
            with RebuiltLedger(ledger) as changed:
                changed.remember("last_source", str(number))
            again.append(_took(lambda: _copy(ledger)))
        target = ledger.with_name("restored.sqlite")
        checked = _took(lambda: find_damage(ledger))
        restored = _took(lambda: copy_sound(last, target))
        size_mb = ledger.stat().st_size / 1e6
    print(f"A ledger of {options.covers:,} covers has {size_mb:,.0f} MB.\n")
    print("| | time | of the processor |\n| --- | --- | --- |")
    print(f"| copied at a run's end | {_shown(copied)} |")
    print(f"| copied where a run changed single values alone | {_shown(again)} |")
    print(f"| looked through by `equigen repair` | {_shown([checked])} |")
    print(f"| restored by `equigen repair` | {_shown([restored])} |")
    return 0


class _Took(NamedTuple):
    wall_s: float
    processor_s: float


def _copy(ledger: Path) -> None:
    if note := back_up(ledger, command="benchmark", now=datetime.now(UTC)):
        raise SystemExit(note)


def _took(deed: Callable[[], object]) -> _Took:
    began_s, processor_s = time.perf_counter(), time.process_time()
    deed()
    return _Took(time.perf_counter() - began_s, time.process_time() - processor_s)


def _shown(took: list[_Took]) -> str:
    times = [each.wall_s for each in took]
    of_processor = statistics.median(each.processor_s for each in took)
    spread = f" ({min(times):.2f}-{max(times):.2f})" if len(times) > 1 else ""
    return f"{statistics.median(times):.2f}{spread} s | {of_processor:.2f} s"


def _fill(path: Path, covers: int) -> None:
    with RebuiltLedger(path) as ledger, ledger.indexing_albums():
        ledger.begin_sets(anew=True)
        for start in range(0, covers, _BATCH):
            numbers = range(start, min(start + _BATCH, covers))
            some = [_cover(number) for number in numbers]
            files = [
                FileOf(each.picture, _path(number))
                for number, each in zip(numbers, some, strict=True)
            ]
            looks = {
                each.sha256: Random(each.sha256).randbytes(_VIEWS * VIEW.itemsize) for each in some
            }
            ledger.record_covers(some, files=files, looks=looks)
            ledger.add_albums([_album(number) for number in numbers])
            ledger.add_sets(
                [AlbumSet(_album_id(number), _path(number), SETS[0]) for number in numbers],
                [_placement(number) for number in numbers],
            )
        ledger.finish_sets()


def _artist(number: int) -> str:
    return f"Artist {number // 3}"


def _title(number: int) -> str:
    return f"The Album of a Name {number}"


def _album_id(number: int) -> str:
    return f"m{number:09}"


def _sha256(number: int) -> str:
    return hashlib.sha256(f"{_artist(number)} - {_title(number)}".encode()).hexdigest()


def _path(number: int) -> str:
    return f"Jazz/{_artist(number)} - {_title(number)} [{_sha256(number)[:8]}].jpg"


def _cover(number: int) -> Cover:
    sha256 = _sha256(number)
    picture = f"R-{number}-{sha256[:10]}.jpeg"
    url = f"https://covers.example/{picture}"
    return Cover(
        picture=picture, url=url, status=OK,
        http_status=200, size_bytes=60_000, width_px=600, height_px=600, sha256=sha256,
        fetched_at="2026-01-01T00:00:00+00:00", final_url=url, etag=f'"{sha256[:32]}"',
        last_modified="Thu, 01 Jan 2026 00:00:00 GMT", phash=sha256[:16],
    )  # fmt: skip


def _album(number: int) -> Taken:
    picture = _cover(number).picture
    identity = Identity(_album_id(number), _artist(number), _title(number), picture, "Jazz")
    return Taken(identity, 1, pending=False, year="")


def _placement(number: int) -> Placement:
    ties = (f"artist {_artist(number).lower()}", f"cover {_sha256(number)}")
    return Placement(_album_id(number), SETS[0], ties)


if __name__ == "__main__":
    sys.exit(main())
