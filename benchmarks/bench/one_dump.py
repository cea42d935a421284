"""One way through a dump, in a process of its own: python one_dump.py WAY KIND FILE.

KIND is `master` or `release`. WAY is `rows` (equigen, from the file to rows), `sqlite` (and into a
table), `iterparse` (Python's own, over gzip, the same fields), or one of three that say where the
ceiling is, in this process alone: `decompress`, `parse` (lxml makes trees of equigen's trimmed
blocks and nothing else), `regex` (expressions pick most fields from the trimmed blocks; no parser
decides what they mean). Prints one line of JSON: records, and seconds without the start of Python.
"""

import gzip
import json
import re
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import Element, iterparse

from lxml import etree

from equigen.dumps.archives import opened
from equigen.dumps.blocks import cut, head_of, trimmed
from equigen.dumps.discogs import MASTER, RELEASE, read_masters, read_releases
from equigen.dumps.parse import BLOCK_BYTES

KINDS = {"master": MASTER, "release": RELEASE}
_COLUMNS = {"master": 8, "release": 12}
_HEAD_BYTES = 1 << 16
_FIELDS = re.compile(
    rb' id="(\d+)"|<name>([^<]*)<|<genre>([^<]*)<|<style>([^<]*)<|<year>([^<]*)<|<title>([^<]*)<'
    rb"|<country>([^<]*)<|<released>([^<]*)<|<master_id[^>]*>([^<]*)<|<description>([^<]*)<"
)


def _batches(kind: str, file: Path) -> Iterable[Sequence[tuple[object, ...]]]:
    return read_masters(file) if kind == "master" else read_releases(file)


def rows(kind: str, file: Path) -> int:
    """Read rows and let them go."""
    return sum(len(batch) for batch in _batches(kind, file))


def sqlite(kind: str, file: Path) -> int:
    """Read rows into a table of a file."""
    with TemporaryDirectory(dir=file.parent) as folder:
        connection = sqlite3.connect(Path(folder) / "dump.sqlite")
        columns = [f"c{n}" for n in range(_COLUMNS[kind])]
        connection.execute(f"CREATE TABLE dump ({', '.join(columns)})")
        insert = f"INSERT INTO dump VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  (ours)
        count = 0
        for batch in _batches(kind, file):
            connection.executemany(insert, batch)
            count += len(batch)
        connection.commit()
        connection.close()
    return count


def standard(kind: str, file: Path) -> int:
    """Read the fields by Python's own library, as its documentation does it."""
    count = 0
    with gzip.open(file) as dump:
        parsed = iterparse(dump, events=("start", "end"))  # noqa: S314  (a file that we made)
        _, root = next(parsed)
        for event, element in parsed:
            if event == "end" and element.tag == kind:
                count += bool(_picked(element))
                root.clear()
    return count


def _picked(record: Element) -> tuple[object, ...]:
    return (
        record.get("id"),
        ", ".join(each.text or "" for each in record.iterfind("artists/artist/name")),
        record.findtext("title"),
        record.findtext("year") or record.findtext("released"),
        [each.text for each in record.iterfind("genres/genre")],
        [each.text for each in record.iterfind("styles/style")],
        record.findtext("country"),
        record.findtext("master_id"),
        [each.get("name") for each in record.iterfind("formats/format")],
    )


def decompress(_kind: str, file: Path) -> int:
    """Read the bytes and let them go."""
    with opened(file, kind="") as dump:
        return sum(1 for _ in iter(lambda: dump.read(BLOCK_BYTES), b""))


def parse(kind: str, file: Path) -> int:
    """Make trees of trimmed blocks; only that is timed."""
    end = b"</%bs>" % kind.encode()
    parser = etree.XMLParser(collect_ids=False, no_network=True)
    count = 0
    for block in _trimmed(kind, file):
        whole = b"<%bs>%b%b" % (kind.encode(), block, end)
        began_s = time.perf_counter()
        root = etree.fromstring(whole, parser)
        _timed[0] += time.perf_counter() - began_s
        count += len(root)
    return count


def regex(kind: str, file: Path) -> int:
    """Pick fields from trimmed blocks."""
    end = b"</%b>" % kind.encode()
    count = 0
    for block in _trimmed(kind, file):
        for record in block.split(end)[:-1]:
            count += bool(_FIELDS.findall(record))
    return count


def _trimmed(kind: str, file: Path) -> Iterator[bytes]:
    record_kind = KINDS[kind]
    end = f"</{record_kind.record}>".encode()
    with opened(file, kind="") as dump:
        start = dump.read(_HEAD_BYTES)
        head = head_of(start, record_kind.root)
        for block in cut(dump, start[len(head) :], end, BLOCK_BYTES):
            if block.endswith(end):
                yield trimmed(block, record_kind.record, record_kind.unused)


WAYS = {
    "rows": rows,
    "sqlite": sqlite,
    "iterparse": standard,
    "decompress": decompress,
    "parse": parse,
    "regex": regex,
}
_timed = [0.0]


def main() -> None:
    """Go one way and say what it took."""
    way, kind, file = sys.argv[1:]
    began_s = time.perf_counter()
    count = WAYS[way](kind, Path(file))
    seconds = time.perf_counter() - began_s
    print(json.dumps({"records": count, "seconds": _timed[0] or seconds}))


if __name__ == "__main__":
    main()
