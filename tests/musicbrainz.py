"""What the tests of MusicBrainz share: its recorded answers, and dumps made of their records."""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import realdata

MEMBER = "mbdump/release-group"
SEARCHES = ("releasegroup-search_hqub.json", "release-group_search_1hit_rsnova.json")
EXCHANGES = ("http_exchanges_2014_release_group.json", "http_exchanges_2021_a.json")


@dataclass(frozen=True)
class Recorded:
    """An answer of the service, as somebody wrote it down."""

    name: str
    status: int
    body: bytes

    def content(self) -> Any:  # noqa: ANN401  (foreign JSON)
        """Return what the body says."""
        return json.loads(self.body)


def answers() -> list[Recorded]:
    """Return all recorded answers, those with headers after those without."""
    found = []
    for file in sorted(realdata("musicbrainz").iterdir()):
        if file.name not in EXCHANGES:
            found.append(Recorded(file.name, 200, file.read_bytes()))
            continue
        recorded = json.loads(file.read_bytes())
        exchanges = [each for test in recorded for each in test.get("exchanges", [test])]
        for exchange in exchanges:
            if "response" in exchange:
                answer = exchange["response"]
                body = json.dumps(answer["body"], ensure_ascii=False).encode()
                found.append(Recorded(exchange["request"]["url"], answer["status"], body))
    return found


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _objects(each)
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)


def records() -> list[dict[str, Any]]:
    """Return all objects with an id in all recorded answers: release groups and much else."""
    every = (each for answer in answers() for each in _objects(answer.content()))
    return [each for each in every if "id" in each]


def lines(records: Sequence[object], *, ascii_only: bool = False) -> bytes:
    """Return records as a dump has them, one a line."""
    texts = (json.dumps(each, ensure_ascii=ascii_only, separators=(",", ":")) for each in records)
    return "".join(f"{text}\n" for text in texts).encode("utf-8", "surrogatepass")


def write_dump(path: Path, data: bytes, *, member: str = MEMBER, first: bool = False) -> Path:
    """Write a tar as MusicBrainz does, packed as the path's suffix says; other files around."""
    packing = {".xz": "w:xz", ".gz": "w:gz", ".bz2": "w:bz2", ".tar": "w"}[path.suffix]
    others = [("TIMESTAMP", b"2026-09-01"), ("COPYING", b"CC0\n" * 400), ("README", b"{\n")]
    files = [(member, data), *others] if first else [*others, (member, data)]
    with tarfile.open(path, packing) as tar:  # type: ignore[call-overload]
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path
