"""Measure what labels share, on recorded masters, and how long `equigen labels` takes.

Usage: .venv/bin/python benchmarks/labels.py ../shared/realdata    # the tables of docs/labels.md
       .venv/bin/python benchmarks/labels.py --rows 1000000        # seconds and memory
"""

import argparse
import csv
import gzip
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

from bench.measure import Command, measured
from bench.table_rows import write_rows

from equigen.dumps.archives import DumpCounts
from equigen.dumps.discogs import read_masters
from equigen.dumps.index import MASTERS
from equigen.labels.taxonomy import fits, load_taxonomy, taxonomy_names
from equigen.schema import split_list

Album = tuple[tuple[str, ...], tuple[str, ...]]
DUMP = "discogs_dump/masters_20200806_a.xml.gz"
GENRES = "multilabel/masters_15_genres_a.csv.gz"
OLD_DUMP = "discogs_20150101_masters.xml.gz"
DEALT = (
    ["Rock", "Jazz", "Pop", "Electronic", "Latin", "Reggae", "Blues", "Hip Hop", "Classical"],
    ["Jazz", "House", "Folk", "Heavy Metal", "Salsa", "Pop Rock", "Punk", "Bop", "Dub", "Techno",
     "Ambient", "Ballad", "Vocal", "Soul-Jazz", "Disco", "Synth-pop", "Indie Rock", "Flamenco"],
)  # fmt: skip
PAIRS = 4
FEWEST = 5


def dumped(path: Path) -> Iterator[Album]:
    """Yield the genres and styles of each master of a dump."""
    names = MASTERS.schema.partition("(")[2].split(",")
    places = [at for at, name in enumerate(names) if name.split()[0] in {"genres", "styles"}]
    for rows in read_masters(path, counts=DumpCounts()):
        for row in rows:
            genres, styles = (split_list(str(row[at])) for at in places)
            yield genres, styles


def listed(path: Path) -> Iterator[Album]:
    """Yield the genres of each master of a table with a column for each genre, and no styles."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            genres = [name for name, value in row.items() if value == "1.0"]
            yield tuple(name.replace("Funk&Soul", "Funk / Soul") for name in genres), ()


def overlaps(name: str, albums: Iterable[Album]) -> str:
    """Return a row of a table: albums with a label, with several, and the pairs that share most."""
    queries = load_taxonomy(name).queries(genre_limit=1)
    of_label, of_pair, several, total = Counter[str](), Counter[tuple[str, str]](), 0, 0
    for genres, styles in albums:
        labels = sorted({query.label for query in queries if fits(query, genres, styles)})
        of_label.update(labels)
        of_pair.update(combinations(labels, 2))
        several += len(labels) > 1
        total += bool(labels)
    shares = {
        pair: both / min(of_label[each] for each in pair)
        for pair, both in of_pair.items()
        if min(of_label[each] for each in pair) >= FEWEST
    }
    first = sorted(shares, key=lambda pair: (-of_pair[pair], pair))[:PAIRS]
    pairs = "; ".join(f"{a} and {b} {of_pair[a, b]:,} ({shares[a, b]:.0%})" for a, b in first)
    return f"| `{name}` | {total:,} | {several:,} ({several / max(1, total):.0%}) | {pairs} |"


def measure(rows: int) -> None:
    """Print how long `labels` takes with so many rows here, and as many masters in a dump."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        write_rows(folder / "data" / "equigen_dataset.tsv", rows)
        write_masters(folder / "data" / "dumps" / OLD_DUMP, rows)
        environment = {**os.environ, "DISCOGS_TOKEN": "x", "EQUIGEN_DISCOGS__USER_AGENT": "Bench/1"}
        for words in (
            "labels --source discogs",
            "labels --source discogs-dump --count",
            "labels --source discogs-dump",
        ):
            command = (sys.executable, "-m", "equigen", *words.split(), "--json")
            took = measured(Command(command, folder, environment))
            print(
                f"{words}: {took.wall_s:.1f} s, {took.cpu_s:.1f} s of processor,"
                f" {took.peak_rss_mib:.0f} MiB"
            )


def write_masters(path: Path, masters: int) -> None:
    """Write a dump as those were that had picture URLs, so that it needs no links."""
    path.parent.mkdir()
    chance = random.Random(1)
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.write("<masters>\n")
        for number in range(1, masters + 1):
            genres = "".join(f"<genre>{each}</genre>" for each in chance.sample(DEALT[0], 2))
            styles = "".join(f"<style>{each}</style>" for each in chance.sample(DEALT[1], 3))
            file.write(
                f'<master id="{number}"><images><image type="primary" uri="http://a.test/{number}"/>'
                f"</images><artists><artist><id>{number}</id><name>A {number}</name></artist>"
                "</artists>"
                f"<genres>{genres}</genres><styles>{styles}</styles>"
                f"<year>{chance.randint(1950, 2015)}</year><title>T {number}</title></master>\n"
            )
        file.write("</masters>\n")


def main() -> None:
    """Print the table, or the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("realdata", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=0)
    given = parser.parse_args()
    if given.rows:
        measure(given.rows)
    if given.realdata:
        for path, read in ((DUMP, dumped), (GENRES, listed)):
            albums = list(read(given.realdata / path))
            print(f"\n{len(albums):,} masters of {path}\n")
            print("| taxonomy | albums with a label | with several | pairs that share most |")
            print("| --- | --- | --- | --- |")
            for name in taxonomy_names():
                print(overlaps(name, albums))


if __name__ == "__main__":
    main()
