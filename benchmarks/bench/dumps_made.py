"""Dumps of full size, amplified from the real samples: each record many times, under other names.

Genres, styles and years of masters are dealt anew, so that all labels can be filled: the samples
are mostly Electronic.
"""

import gzip
import json
import lzma
import random
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import UUID

from bench.errors import BenchError
from equigen.labels.taxonomy import builtin_queries

_MASTER = re.compile(rb'<master id="\d+">.*?</master>', re.DOTALL)
_ID = re.compile(rb'(<master id=")\d+')
_NAME = re.compile(rb"(<name>)([^<]*)(</name>)")
_TITLE = re.compile(rb"(</year><title>|</styles><title>)([^<]*)")
_CLASSES = re.compile(rb"<genres>.*</styles>|<genres>.*?</genres>", re.DOTALL)
_YEAR = re.compile(rb"<year>\d*</year>")
_FIRST_YEAR, _LAST_YEAR = 1930, 2026
_GROUP_FILES = ("releasegroup-get_hqub.json", "release-group_lookup_rsnova.json")
_SEARCHES = ("releasegroup-search_hqub.json",)
_MEMBER = "mbdump/release-group"
# Fast, and what is repeated is small all the same.
_GZIP_LEVEL, _XZ_PRESET = 1, 0
_BLOCK = 2000
_MBID_SPACE = 128


@dataclass(frozen=True, slots=True)
class Size:
    """How many records: so many masters, release groups, and links from these to masters."""

    masters: int
    groups: int
    links: int


def write_masters(file: Path, samples: Path, count: int, *, seed: int = 1) -> None:
    """Write a masters dump of `count` records."""
    records = _MASTER.findall(gzip.decompress(_sample(samples, "masters_20200806_a.xml.gz")))
    deal = random.Random(seed)
    classes = _classes()
    with gzip.open(file, "wb", _GZIP_LEVEL) as out:
        out.write(b"<masters>\n")
        for start in range(0, count, _BLOCK):
            block = [
                _master(records[number % len(records)], number, deal, classes)
                for number in range(start, min(count, start + _BLOCK))
            ]
            out.write(b"\n".join(block) + b"\n")
        out.write(b"</masters>\n")


def write_groups(file: Path, samples: Path, size: Size, *, seed: int = 2) -> None:
    """Write a release-group dump; the first `links` masters, shuffled, have one."""
    deal = random.Random(seed)
    linked = deal.sample(range(1, size.masters + 1), size.links)
    texts = [json.dumps(record, ensure_ascii=False) for record in _groups(samples)]
    plain = file.with_suffix(".lines")
    with plain.open("wb") as out:
        for number in range(size.groups):
            master = linked[number] if number < size.links else 0
            out.write(_group(texts[number % len(texts)], number, master).encode() + b"\n")
    with (
        lzma.open(file, "wb", preset=_XZ_PRESET) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        stamp = tarfile.TarInfo("TIMESTAMP")
        stamp.size = len(b"2026-09-02")
        tar.addfile(stamp, BytesIO(b"2026-09-02"))
        tar.add(plain, _MEMBER)
    plain.unlink()


def _sample(samples: Path, name: str) -> bytes:
    try:
        return (samples / name).read_bytes()
    except OSError as err:
        msg = f"{samples / name}: {err.strerror}. The dumps are made from the real samples."
        raise BenchError(msg) from err


def _classes() -> list[bytes]:
    """Return what stands in a record for each label, as often as its quota is large."""
    found = []
    for label in builtin_queries(genre_limit=25, world_limit=2):
        genre, style = (name.replace("&", "&amp;") for name in (label.genre, label.style))
        genres = f"<genres><genre>{genre or 'Folk, World, &amp; Country'}</genre></genres>"
        text = f"{genres}<styles><style>{style or 'House'}</style></styles>"
        found += [text.encode()] * label.limit
    return found


def _master(record: bytes, number: int, deal: random.Random, classes: list[bytes]) -> bytes:
    mark = str(number).encode()
    # Three albums an artist, about: who takes an artist's first one has the others.
    band = str(number // 3).encode()
    year = str(deal.randint(_FIRST_YEAR, _LAST_YEAR)).encode()
    record = _ID.sub(rb"\g<1>" + str(number + 1).encode(), record, count=1)
    record = _CLASSES.sub(classes[number // 3 * 7919 % len(classes)], record, count=1)
    record = _YEAR.sub(b"<year>" + year + b"</year>", record, count=1)
    record = _NAME.sub(rb"\g<1>\g<2> " + band + rb"\g<3>", record, count=1)
    return _TITLE.sub(rb"\g<1>\g<2> " + mark, record, count=1)


def _groups(samples: Path) -> Iterator[dict[str, object]]:
    """Yield the real release groups, without what a dump doesn't hold."""
    folder = samples.with_name("musicbrainz")
    for name in _GROUP_FILES:
        record = json.loads(_sample(folder, name))
        record.pop("releases", None)
        yield record
    for name in _SEARCHES:
        for record in json.loads(_sample(folder, name))["release-groups"]:
            record.pop("releases", None)
            yield record


def _group(text: str, number: int, master: int) -> str:
    mbid = UUID(int=random.Random(number).getrandbits(_MBID_SPACE))
    record = json.loads(text)
    record["id"] = str(mbid)
    record["relations"] = [
        each for each in record.get("relations", ()) if each.get("type") != "discogs"
    ]
    if master:
        url = {"id": str(mbid), "resource": f"https://www.discogs.com/master/{master}"}
        link = {"type": "discogs", "target-type": "url", "ended": False, "url": url}
        record["relations"].append({**link, "direction": "forward", "attributes": []})
        record["primary-type"] = "Album"
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))
