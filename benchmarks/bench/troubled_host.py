"""What a host with troubles answers: a Discogs with its pictures, short of the network."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs
from zlib import crc32

from bench.small_covers import cover, odd_cover
from bench.troubled_answers import HTML, JPEG, OK, TEXT, Answer, Well, plain, troubled
from bench.troubles import (
    MOST_TROUBLES,
    OF_OBJECTS,
    OF_PAGES,
    OF_PICTURES,
    Chances,
    Nature,
    Trouble,
)
from equigen.sandbox.catalogue import Entry, Kind
from equigen.sandbox.handlers import answer_json, item_of
from equigen.sandbox.search import (
    PICTURES_PATH,
    SPACER_PATH,
    CatalogueShelf,
    RefusedError,
    picture_path,
    read_path,
    show_page,
)

API_HOST = "127.0.0.1"
PICTURE_HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
TOKEN = "sandbox-token"  # noqa: S105  (opens nothing but this server)
_FIRST_KEY, _RENEWED_KEY = b"signed at first", b"signed anew"
_KINDS: dict[str, Kind] = {"masters": "master", "releases": "release"}
_COVER_PX = 100
_RESULT_LIMIT = 10_000
_FEW_ROWS = 5
_VAST_BYTES = 2_000_000_000
# What is no result, and what nobody would call a title.
_ODD_ROWS: tuple[Any, ...] = (
    None,
    7,
    {},
    {"id": "x", "title": None, "cover_image": [], "format": {"a": 1}},
)
_LONG_TITLE = "x" * 10_000_000
_OF_ROWS = frozenset(
    {
        Trouble.REPEATED_ROWS,
        Trouble.SHORT_PAGE,
        Trouble.NO_RESULTS,
        Trouble.LATER_PAGE_GONE,
        Trouble.ODD_ROWS,
        Trouble.OTHER_COUNTS,
    }
)


@dataclass(slots=True)
class Counts:
    """What was asked for, by kind, and what went wrong on the way; `strays` sent credentials."""

    asked: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    strays: int = 0
    sent_bytes: int = 0

    def told(self) -> str:
        """Return them as a line of JSON."""
        return json.dumps(asdict(self))

    def ask(self, of: str) -> None:
        """Count a request."""
        self.asked[of] = self.asked.get(of, 0) + 1

    def go_wrong(self, what: str) -> None:
        """Count what goes wrong."""
        self.troubles[what] = self.troubles.get(what, 0) + 1


class TroubledHost:
    """Answers searches, objects and pictures; once it is disturbed, with troubles in transit.

    `port` and `tls_port` are where it listens, to be set before anybody asks.
    """

    def __init__(self, entries: Sequence[Entry], chances: Chances) -> None:
        self.counts = Counts()
        self.port = self.tls_port = 0
        self._shelf = CatalogueShelf(entries)
        self._chances = chances
        self._is_disturbed = False
        self._asks: Counter[str] = Counter()
        self._troubles: Counter[str] = Counter()
        self._latest: dict[str, Trouble] = {}
        self._kept: dict[str, Well] = {}

    def disturb(self) -> None:
        """Count anew, and let things go wrong from now on."""
        self.counts = Counts()
        self._is_disturbed = True
        self._asks.clear()
        self._troubles.clear()
        self._latest.clear()

    def answer(self, head: bytes) -> Answer:
        """Answer a request, given its head."""
        target = head.partition(b" ")[2].partition(b" ")[0].decode("ascii", "replace")
        knows_us = f"token={TOKEN}".encode() in head
        if target.startswith(PICTURES_PATH):
            self.counts.strays += knows_us
            answer = self._picture(target)
        elif not knows_us:
            answer = plain(Well(b'{"message": "You must authenticate."}', status=401))
        elif target.startswith("/database/search?"):
            answer = self._page(target)
        else:
            answer = self._object(target)
        self.counts.sent_bytes += len(answer.data)
        return answer

    def _picture(self, target: str) -> Answer:
        path, _, query = target.partition("?")
        self.counts.ask("pictures")
        try:
            picture, is_first = _asked(path)
        except RefusedError as err:
            return plain(Well(str(err).encode(), TEXT, 403))
        if self._is_disturbed and is_first and self._chances.is_expired(picture):
            self.counts.expired += 1
            status = self._chances.refusal_of(picture)
            return plain(Well(b"signature expired", TEXT, status))
        # Of the picture, not of its address: elsewhere the same would look like the host's own.
        trouble = self._trouble(OF_PICTURES, picture, "pictures")
        if trouble is Trouble.REDIRECT:
            other = f"http://{self._host_of(picture, 1)}:{self.port}{path}?moved{query}"
            return plain(Well(b"", HTML, 302, location=other))
        well = self._kept_as(picture, partial(self._by_nature, picture))
        return troubled(trouble, well) if trouble else plain(well)

    def _by_nature(self, picture: str) -> Well:
        nature = self._chances.nature_of(picture)
        match nature:
            case None | Nature.ENDLESS | Nature.VAST:
                length = _VAST_BYTES if nature is Nature.VAST else 0
                is_endless = nature is not None
                return Well(cover(picture), JPEG, is_endless=is_endless, announced_bytes=length)
            case Nature.GONE:
                return Well(b"no such picture", TEXT, 404)
            case Nature.LOOP | Nature.TO_FILE:
                # Of any address to itself: a picture's answer is kept for all its addresses.
                to = "?again" if nature is Nature.LOOP else "file:///etc/hostname"
                return Well(b"", HTML, 302, location=to)
            case _:
                kind = HTML if nature is Nature.PAGE else JPEG
                return Well(odd_cover(picture, nature), kind)

    def _page(self, target: str) -> Answer:
        self.counts.ask("pages")
        query = parse_qs(target.partition("?")[2])
        kinds = [
            kind
            for kind in OF_PAGES
            if kind is not Trouble.LATER_PAGE_GONE or query["page"] != ["1"]
        ]
        trouble = self._trouble(kinds, target, "pages")
        well = self._kept_as(target, partial(self._found, query))
        if trouble in _OF_ROWS and well.status == OK:
            return plain(self._other_rows(trouble, query, well))
        return troubled(trouble, well) if trouble else plain(well)

    def _other_rows(self, trouble: Trouble | None, query: dict[str, list[str]], well: Well) -> Well:
        body = json.loads(well.body)
        rows = body["results"]
        page = int(query["page"][0])
        match trouble:
            case Trouble.LATER_PAGE_GONE:
                return Well(b'{"message": "The requested page does not exist."}', status=404)
            case Trouble.NO_RESULTS:
                rows = []
            case Trouble.SHORT_PAGE:
                rows = rows[:-_FEW_ROWS]
            case Trouble.ODD_ROWS:
                rows = [*_ODD_ROWS, *rows, {"title": _LONG_TITLE}]
            case Trouble.OTHER_COUNTS:
                items = int(body["pagination"]["items"])
                body["pagination"]["items"] = max(
                    0, items + (_FEW_ROWS if items % 2 else -_FEW_ROWS)
                )
            case _:
                before = []
                if page > 1:
                    before = json.loads(self._found({**query, "page": [str(page - 1)]}).body)[
                        "results"
                    ]
                rows = [*before[-2:], *rows, *rows[-1:]]
        return Well(json.dumps({**body, "results": rows}).encode())

    def _found(self, query: dict[str, list[str]]) -> Well:
        filters = {name: query[name] for name in query if name not in {"page", "per_page"}}
        try:
            body = show_page(
                self._shelf.find(filters),
                filters,
                page=int(query["page"][0]),
                per_page=int(query["per_page"][0]),
                base_url=self._base_url,
                signing_key=_FIRST_KEY,
                result_limit=_RESULT_LIMIT,
            )
        except RefusedError as refusal:
            return Well(
                answer_json(refusal.status, {"message": str(refusal)}).body, status=refusal.status
            )
        for row in body["results"]:
            entry = self._shelf.by_id["master" if row["type"] == "master" else "release", row["id"]]
            if entry.picture:
                row["cover_image"] = self._address(entry.picture, _FIRST_KEY)
        return Well(json.dumps(body, ensure_ascii=False).encode())

    def _object(self, target: str) -> Answer:
        self.counts.ask("objects")
        folder, _, number = target.removeprefix("/").partition("/")
        kind = _KINDS.get(folder)
        entry = self._shelf.by_id.get((kind, int(number))) if kind and number.isdecimal() else None
        if not entry:
            return plain(Well(b'{"message": "Release not found."}', status=404))
        item: dict[str, Any] = {
            **item_of(
                entry,
                base_url=self._base_url,
                signing_key=_RENEWED_KEY,
                cover_size_px=_COVER_PX,
            )
        }
        if entry.picture:
            url = self._address(entry.picture, _RENEWED_KEY)
            item["images"] = [{**item["images"][0], "uri": url, "resource_url": url}]
        well = Well(json.dumps(item).encode())
        trouble = self._trouble(OF_OBJECTS, target, "objects")
        return troubled(trouble, well) if trouble else plain(well)

    @property
    def _base_url(self) -> str:
        return f"http://{API_HOST}:{self.port}"

    def _address(self, picture: str, key: bytes) -> str:
        match self._chances.nature_of(picture):
            case Nature.SPACER:
                return f"http://{PICTURE_HOSTS[0]}:{self.port}{SPACER_PATH}"
            case Nature.NOWHERE:
                place = "http://nowhere.invalid"
            case Nature.SELF_SIGNED if self.tls_port:
                place = f"https://{API_HOST}:{self.tls_port}"
            case _:
                place = f"http://{self._host_of(picture)}:{self.port}"
        return place + picture_path(picture, key)

    def _host_of(self, picture: str, further: int = 0) -> str:
        return PICTURE_HOSTS[(crc32(picture.encode()) + further) % len(PICTURE_HOSTS)]

    def _trouble(self, kinds: Sequence[Trouble], key: str, of: str) -> Trouble | None:
        if not self._is_disturbed or self._troubles[key] >= MOST_TROUBLES:
            return None
        self._asks[key] += 1
        trouble = self._chances.trouble(kinds, key, self._asks[key])
        # The same bytes twice would be what the host means to send, not what became of it.
        if trouble and trouble is not self._latest.get(key):
            self._troubles[key] += 1
            self._latest[key] = trouble
            self.counts.go_wrong(f"{of}: {trouble}")
            return trouble
        return None

    def _kept_as(self, key: str, make: Callable[[], Well]) -> Well:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _asked(path: str) -> tuple[str, bool]:
    """Return which picture a path asks for, and whether by its first address."""
    try:
        return read_path(path, _FIRST_KEY)[0], True
    except RefusedError:
        return read_path(path, _RENEWED_KEY)[0], False
