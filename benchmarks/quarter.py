"""A quarter of nights, and what the ledger keeps of it: with and without its housekeeping.

Usage: python benchmarks/quarter.py [--hosts 1000] [--pages 2500]

First come 90 nights of `run --refresh --until` on a made-up clock (`bench/nights.py`), with and
without `Ledger.tidy` at the end of each good one. Then two ledgers of much that is needed no more:
so many hosts with a quota count requests on 90 days; so many pages of 100 albums each are used up.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from unittest.mock import patch

from bench import report
from bench.machine import machine
from bench.nights import BEGIN, Night, NightClock, Plan, Quarter, Service, catalogue

from equigen.ledger.backup import back_up
from equigen.ledger.ledger import LEDGER_NAME, Ledger
from equigen.ledger.models import PageUse, StoredPage
from equigen.schema import Listing

_DAYS = 90
_PER_PAGE = 100


def main() -> int:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--pages", type=int, default=2500)
    options = parser.parse_args()
    without, kept = _quarter(tidy=False), _quarter(tidy=True)
    hosts = [_hosts(options.hosts, tidy=tidy) for tidy in (False, True)]
    pages = [_pages(options.pages, tidy=tidy) for tidy in (False, True)]
    about = machine()
    rows = [
        [f"{_DAYS} nights: {name}", *(f"{each.tables[name]:,}" for each in (without[-1], kept[-1]))]
        for name in kept[-1].tables
        if without[-1].tables[name] + kept[-1].tables[name]
    ]
    rows += [
        [f"{_DAYS} nights: bytes", *(f"{each[-1].ledger_bytes:,}" for each in (without, kept))],
        [f"requests of {options.hosts:,} hosts, {_DAYS} days: bytes", *(f"{b:,}" for b in hosts)],
        [f"{options.pages:,} pages used up: bytes", *(f"{size:,}" for size, _ in pages)],
        ["… seconds for that, with the copy", *(f"{took_s:.2f}" for _, took_s in pages)],
    ]
    text = "\n\n".join(
        [
            report.table(["machine", ""], [list(pair) for pair in about.items()]),
            report.table(["ledger", "without", "with"], rows),
            report.table(["", *_AT], [[what, *map(shown, _some(kept))] for what, shown in _SHOWN]),
        ]
    )
    print(text)
    raw = {"machine": about, "ledger": rows}
    report.keep("quarter.py", text, raw, whole=(options.hosts, options.pages) == (1000, 2500))
    return 0


_AT = ("first", "30th", "60th", "last")
_SHOWN: tuple[tuple[str, Callable[[Night], str]], ...] = (
    ("albums of the service", lambda night: f"{night.albums:,}"),
    ("covers", lambda night: f"{night.files:,}"),
    ("pages asked for", lambda night: f"{night.asked['database']:,}"),
    ("pictures that came", lambda night: f"{night.asked['picture']:,}"),
    ("ledger, bytes", lambda night: f"{night.ledger_bytes:,}"),
    ("TSV, bytes", lambda night: f"{night.tsv_bytes:,}"),
    ("open descriptors", lambda night: f"{night.descriptors}"),
    ("memory (RSS), MiB", lambda night: f"{night.memory_mib:.0f}"),
    ("seconds (median of five nights)", lambda night: f"{night.took_s:.2f}"),
)


def _some(nights: list[Night]) -> Iterator[Night]:
    for at in (0, len(nights) // 3, 2 * len(nights) // 3, len(nights) - 1):
        start = max(0, min(at - 2, len(nights) - 5))
        night = nights[at]
        night.took_s = median(each.took_s for each in nights[start : start + 5])
        yield night


def _quarter(*, tidy: bool) -> list[Night]:
    plan, clock = Plan(), NightClock()
    with (
        tempfile.TemporaryDirectory() as folder,
        Service(catalogue(plan, 0), clock) as service,
        nullcontext() if tidy else _untidy(),
    ):
        return [*Quarter(Path(folder), plan, service, clock).nights()]


def _untidy() -> AbstractContextManager[object]:
    return patch.object(Ledger, "tidy", lambda _self, _today: None)


def _hosts(count: int, *, tidy: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LEDGER_NAME
        with Ledger(path) as ledger:
            ledger._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001  (90,000 transactions)
            for number in range(_DAYS):
                day = (BEGIN + timedelta(number)).date().isoformat()
                for host in range(count):
                    ledger.count_request(f"covers-{host}.example", day)
                if tidy:
                    ledger.tidy(day)
        return path.stat().st_size


def _pages(count: int, *, tidy: bool) -> tuple[int, float]:
    """Return the size of a ledger whose pages are used up, and the time for its copy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LEDGER_NAME
        with Ledger(path) as ledger:
            for number in range(count):
                ledger.store_page(_page(number), asked_at=BEGIN.isoformat())
            ledger.use_pages((PageUse(f"q{number}", 1, 0) for number in range(count)), taken=())
        with nullcontext() if tidy else _untidy():
            began_s = time.perf_counter()
            if note := back_up(path, command="benchmark", now=datetime.now(UTC)):
                raise SystemExit(note)
            took_s = time.perf_counter() - began_s
        return path.stat().st_size, took_s


def _page(number: int) -> StoredPage:
    listings = tuple(
        Listing(
            f"Artist {number}", f"The Album of a Name {place}", "2020",
            f"https://i.discogs.com/{'x' * 150}/R-{number}-{place}.jpeg",
            f"discogs:m{number * _PER_PAGE + place}", ("Jazz",), ("Modern Jazz",), "US",
            ("Vinyl", "LP", "Album"),
        )
        for place in range(_PER_PAGE)
    )  # fmt: skip
    return StoredPage(
        f"q{number}", 1, 2020, _PER_PAGE, 1, others=0, rows_left=_PER_PAGE, listings=listings
    )


if __name__ == "__main__":
    sys.exit(main())
