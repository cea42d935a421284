"""How many requests a label's albums take, for each spread, counted by the server that got them.

Usage: python benchmarks/fetching.py [--albums 4000] [--label Jazz] [--quotas 10 100 1000 5000]

Serves the sandbox's catalogue with so many albums a label (and their pressings), fetches one label
into an empty folder for each quota and spread, and prints a table. "Hold them" are the pages on
which the albums lie that were taken: who knew beforehand where they lie would ask for these alone.
The others turned out to hold none that could be taken, such as the page of a year that has none.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from equigen.config.settings import Spread
from equigen.labels.taxonomy import builtin_queries
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.handlers import Hit
from equigen.sandbox.search import CatalogueShelf
from equigen.sandbox.server import Sandbox

PAGE_SIZE = 100
YEARS = range(2026, 1929, -1)


@dataclass(frozen=True, slots=True)
class Pages:
    """On which page of which year each album of a label lies, by its id."""

    of: dict[str, tuple[int, int]]

    def holding(self, ids: Sequence[str]) -> int:
        """Return how many pages the albums lie on."""
        return len({self.of[each] for each in ids})


def main() -> int:
    """Print a row for each quota and spread; 1 where a page was asked for twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--albums", type=int, default=4000, help="in the catalogue, for each label")
    parser.add_argument("--label", default="Jazz")
    parser.add_argument("--quotas", type=int, nargs="+", default=[10, 100, 1000, 5000])
    options = parser.parse_args()
    label = next(
        x for x in builtin_queries(genre_limit=1, world_limit=1) if x.name == options.label
    )
    asked = {"genre": label.genre, "style": label.style, "format": "album"}
    params = {name: [value] for name, value in asked.items() if value}
    entries = CatalogueShelf(make_catalogue(albums_per_label=options.albums)).find(params)
    seen: Counter[int] = Counter()
    of = {}
    for entry in entries:
        if entry.year is not None:
            of[f"discogs:{entry.kind[0]}{entry.id}"] = entry.year, seen[entry.year] // PAGE_SIZE
            seen[entry.year] += 1
    inside = [year for year in YEARS if seen[year]]
    print(f"{len(entries):,} results of {label.name}, in {len(inside)} of {len(YEARS)} years")
    print("\n| quota | spread | years with albums | a year | requests | hold them | hold none |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with Sandbox(entries) as sandbox:
        for quota in options.quotas:
            for spread in Spread:
                print(_row(sandbox, Pages(of), label.name, quota, spread), flush=True)
                if len(set(map(_page, sandbox.log))) < len(sandbox.log):
                    print("a page was asked for twice", file=sys.stderr)
                    return 1
    return 0


def _row(sandbox: Sandbox, pages: Pages, label: str, quota: int, spread: Spread) -> str:
    """Fetch, and say in a row of the table what it took."""
    sandbox.log.clear()
    with tempfile.TemporaryDirectory() as folder:
        rows = _fetch(sandbox, Path(folder), label, quota, spread)
    years = Counter(row["year"] for row in rows)
    hold = pages.holding([row["album_id"] for row in rows])
    requests = len(sandbox.log)
    share = f"{min(years.values())} to {max(years.values())}"
    cells = [f"{quota:,}", spread, len(years), share, requests, hold, requests - hold]
    return f"| {' | '.join(map(str, cells))} |"


def _fetch(
    sandbox: Sandbox, folder: Path, label: str, quota: int, spread: Spread
) -> list[dict[str, str]]:
    """Run `equigen fetch` in an empty folder and return the rows."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EQUIGEN_")}
    env |= {
        "DISCOGS_TOKEN": sandbox.token,
        "EQUIGEN_DISCOGS__BASE_URL": sandbox.base_url,
        "EQUIGEN_DISCOGS__REQUESTS_PER_MINUTE": "0",
    }
    flags = ["--label", label, "--genre-limit", str(quota), "--spread", spread, "--quiet"]
    flags += [
        "--world-limit",
        str(quota),
        "--from-year",
        str(YEARS[0]),
        "--to-year",
        str(YEARS[-1]),
    ]
    command = [sys.executable, "-m", "equigen", "fetch", *flags]
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    with (folder / "data" / "equigen_dataset.tsv").open(encoding="utf-8", newline="") as tsv:
        return list(csv.DictReader(tsv, delimiter="\t"))


def _page(hit: Hit) -> str:
    return f"{hit.path} {sorted(hit.query.items())}"


if __name__ == "__main__":
    sys.exit(main())
