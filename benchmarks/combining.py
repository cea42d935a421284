"""How long adding a second source to a dataset takes: python benchmarks/combining.py.

README.md beside this file says what is measured, how, and what came of it.
"""

import argparse
import csv
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from uuid import UUID

from bench.environment import environment
from bench.machine import keep_to_two_cores, machine
from bench.measure import Command, measured
from bench.report import spread, table
from bench.table_rows import write_rows

ROOT = Path(__file__).parents[1]
ROWS = 1_000_000
TSV, LEDGER = "equigen_dataset.tsv", "equigen_ledger.sqlite"
DUMP = "musicbrainz_20260902-001001_release-group.tar.xz"
MEMBER = "mbdump/release-group"


def main() -> None:
    """Make a dataset and a dump as large, add the one to the other some times, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"of each (default: {ROWS})")
    parser.add_argument("--scratch", type=Path, help="folder for the files (default: /tmp)")
    options = parser.parse_args()
    keep_to_two_cores()
    folder = Path(mkdtemp(prefix="equigen-combining-", dir=options.scratch))
    data = folder / "data"
    (data / "dumps").mkdir(parents=True)
    try:
        write_rows(folder / TSV, options.rows)
        _write_dump(data / "dumps" / DUMP, folder / TSV)
        # No album is taken: what is measured is adding alone.
        words = [
            "-m",
            "equigen",
            "fetch",
            "--source",
            "musicbrainz",
            "--genre-limit",
            "1",
            "--json",
        ]
        command = Command([str(ROOT / ".venv/bin/python"), *words], folder, environment({}))
        rounds = []
        for number in range(options.runs + 1):
            (data / LEDGER).unlink(missing_ok=True)
            shutil.copyfile(folder / TSV, data / TSV)
            came = measured(command)
            if number:  # the first one makes the dump's index
                rounds.append(came)
            else:
                first = came
        with (data / TSV).open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            added = sum(bool(row["also_known_as"]) for row in rows)
    finally:
        shutil.rmtree(folder)
    print(table(["machine", ""], [[name, value] for name, value in machine().items()]))
    lines = [
        [
            title,
            f"{spread([each.wall_s for each in some], '.1f')} s",
            f"{median(each.cpu_s for each in some):.1f} s",
            f"{max(each.peak_rss_mib for each in some):,.0f}",
        ]
        for title, some in (("dump that is new", [first]), ("indexed before", rounds))
    ]
    title = f"{options.rows:,} albums of a dump, {options.rows:,} rows; {added:,} are in both"
    print(f"\n{table([title, 'time', 'processor', 'peak MiB'], lines)}")


def _write_dump(path: Path, tsv: Path) -> None:
    body = "".join(_records(tsv)).encode()
    with tarfile.open(path, "w:xz", preset=0) as tar:
        info = tarfile.TarInfo(MEMBER)
        info.size = len(body)
        tar.addfile(info, io.BytesIO(body))


def _records(tsv: Path) -> Iterator[str]:
    """Yield a release group a row: of four, one links to it and one has its names."""
    with tsv.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t")):
            of_four = number % 4
            master = row["album_id"].removeprefix("discogs:m")
            url = {"resource": f"https://www.discogs.com/master/{master}"}
            other = "" if of_four < 2 else f" {number} other"  # noqa: PLR2004  (said above)
            record = {
                "id": str(UUID(int=number)),
                "title": row["album"] + other,
                "primary-type": "Album",
                "first-release-date": row["year"],
                "artist-credit": [{"name": row["artist"] + other, "joinphrase": ""}],
                "relations": [{"type": "discogs", "url": url}] if not of_four else [],
                "genres": [{"name": "jazz", "count": 3}],
                "tags": [],
            }
            yield json.dumps(record, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
