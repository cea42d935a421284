"""What the tests of MusicBrainz share: its recorded answers, and dumps made of their records."""

import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from support import realdata

from equigen.dumps.archives import Row
from equigen.dumps.musicbrainz import GroupRow, master_of
from equigen.schema import safe_text

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


def expected_links(every: Sequence[Any]) -> list[Row]:
    """Work out the links of records the plain way."""
    rows: list[Row] = []
    for record in every:
        urls = [
            relation["url"]["resource"]
            for relation in record.get("relations", ())
            if relation.get("type") == "discogs" and not relation.get("ended")
        ]
        for number in dict.fromkeys(filter(None, map(master_of, urls))):
            year = (record.get("first-release-date") or "0")[:4]
            rows.append((number, record["id"], record.get("primary-type") == "Album", int(year)))
    return rows


def expected_groups(every: Sequence[Any]) -> list[GroupRow]:
    """Work out the albums of records the plain way."""
    rows = []
    for record in every:
        if record.get("primary-type") != "Album":
            continue
        credited = record.get("artist-credit") or []
        artist = "".join(
            (each.get("name") or each["artist"]["name"]) + (each.get("joinphrase") or "")
            for each in credited
        )
        named = [g for g in record.get("genres") or () if g["count"] > 0]
        named = named or [t for t in record.get("tags") or () if t["count"] > 0]
        best = max((each["count"] for each in named), default=0)
        agreed = [each for each in named if each["count"] * 3 >= best]
        agreed.sort(key=lambda each: (-each["count"], each["name"]))
        cell = "|".join(each["name"].replace("|", "/") for each in agreed)
        year = (record.get("first-release-date") or "0")[:4]
        mbids = dict.fromkeys((each.get("artist") or {}).get("id") for each in credited)
        ids = "|".join(f"musicbrainz:{each}" for each in mbids if each)
        title = safe_text(record["title"])
        masters = dict.fromkeys(number for number, *_ in expected_links([record]))
        others = "|".join(f"discogs:m{number}" for number in masters)
        rows.append(GroupRow(record["id"], safe_text(artist), title, int(year), cell, ids, others))
    return rows


class Service:
    """A search for release groups as MusicBrainz has it: by date, by words in tags, 500 at most.

    `queries` are the ones asked for, in order; `refused` counts those beyond the 500.
    """

    def __init__(self, groups: Sequence[dict[str, Any]]) -> None:
        self.queries: list[str] = []
        self.refused = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = parse_qs(urlsplit(self.path).query)
                query, offset = asked["query"][0], int(asked["offset"][0])
                outer.queries.append(query)
                outer.refused += offset >= 500
                found = [each for each in groups if _matches(each, query)]
                page = found[offset : offset + int(asked["limit"][0])]
                answer = {"count": len(found), "offset": offset, "release-groups": page}
                body = json.dumps(answer).encode()
                self.send_response(400 if offset >= 500 else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/ws/2"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _matches(group: dict[str, Any], query: str) -> bool:
    date = re.search(r"firstreleasedate:([0-9-]+)", query)
    phrases = re.findall(r'"([^"]*)"', query)
    tags = " | ".join(tag["name"] for tag in group["tags"])
    known = group["first-release-date"]
    # A date that is less exact than the one asked for may be that one.
    on_time = date is not None and (known.startswith(date[1]) or date[1].startswith(known))
    return on_time and any(re.search(rf"\b{re.escape(each)}\b", tags) for each in phrases)
