"""What tests of fetching need: a fetch in this process, what it left behind, what it asked for."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from support import make_context

from equigen.commands import fetch
from equigen.sandbox.catalogue import Entry
from equigen.sandbox.handlers import Hit
from equigen.sandbox.server import Sandbox
from equigen.summary import Summary

SOME = ["Blues", "Jazz", "Rhythm & Blues", "Salsa", "Bolero"]


def rows_of(tsv: Path) -> list[dict[str, str]]:
    """Read a TSV by Python's own csv."""
    with tsv.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", strict=True))


def pages_asked(hits: Sequence[Hit]) -> Counter[str]:
    """Count how often each page was asked for and given."""
    asked: Counter[str] = Counter()
    for hit in hits:
        if hit.path == "/database/search" and hit.status == 200:
            asked[str(sorted(hit.query.items()))] += 1
    return asked


def run_fetch(folder: Path, sandbox: Sandbox, limit: int = 15, **settings: object) -> Summary:
    """Fetch some labels in this process."""
    flags = {"refresh": settings.pop("refresh", False), "since": settings.pop("since", None)}
    more = {name: settings.pop(name) for name in ("http", "clock", "now") if name in settings}
    chosen = {
        "genre_limit": limit,
        "world_limit": (limit + 1) // 2,  # two world styles are among `SOME`
        "labels": SOME,
        "from_year": 2026,
        **settings,
    }
    context = make_context(folder, base_url=sandbox.base_url, fetch=chosen, **more)  # type: ignore[arg-type]
    return fetch.run(context, **flags)  # type: ignore[arg-type]


def album(number: int, **changes: object) -> Entry:
    """Return a jazz album of its own artist and picture."""
    entry = Entry(
        id=number,
        kind="release",
        artist=f"Artist {number}",
        title=f"Title {number}",
        year=2020,
        genres=("Jazz",),
        styles=("Soul-Jazz",),
        formats=("Vinyl", "LP", "Album"),
        format_name="Vinyl",
        country="US",
        master_id=None,
        picture=f"R-{number}-1500000000-1000.jpeg",
        look="Jazz",
    )
    return replace(entry, **changes)  # type: ignore[arg-type]
