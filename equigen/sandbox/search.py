"""Answer GET /database/search as Discogs does: matching entries, paged, pictures signed."""

import base64
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from equigen.labels.taxonomy import finds
from equigen.sandbox.catalogue import Entry, Kind, formats_of

PICTURES_PATH = "/i/"
SPACER_PATH = "/images/spacer.gif"

_BUCKET = "s3://discogs-database-images/"
_SEGMENT_LENGTH = 16
_COVER = "rs:fit/g:sm/q:90/h:600/w:600"
_THUMB = "rs:fit/g:sm/q:40/h:150/w:150"
_SUFFIX = ".jpeg"
# Main releases that no search lists, of masters whose releases the catalogue lacks.
_FIRST_UNLISTED_ID = 900_000_000


class RefusedError(Exception):
    """A request is answered with an HTTP error status and a message."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status and the message."""
        super().__init__(message)
        self.status = status


def picture_path(picture: str, signing_key: bytes, *, is_thumb: bool = False) -> str:
    """Return the signed path, from `/i/` on, of a picture at its full size or at 150 pixels."""
    encoded = base64.urlsafe_b64encode((_BUCKET + picture).encode()).decode().rstrip("=")
    starts = range(0, len(encoded), _SEGMENT_LENGTH)
    segments = "/".join(encoded[start : start + _SEGMENT_LENGTH] for start in starts)
    rest = f"{_THUMB if is_thumb else _COVER}/{segments}{_SUFFIX}"
    return f"{PICTURES_PATH}{_sign(rest, signing_key)}/{rest}"


def read_path(path: str, signing_key: bytes) -> tuple[str, bool]:
    """Return the stable file name of the picture at a signed path, and whether it is a thumbnail.

    Raises:
        RefusedError: 403, the signature is not the one of this key.

    """
    signature, _, rest = path.removeprefix(PICTURES_PATH).partition("/")
    if not hmac.compare_digest(signature.encode(), _sign(rest, signing_key).encode()):
        raise RefusedError(403, f"the signature of {path} is not ours")
    is_thumb = rest.startswith(_THUMB)
    encoded = rest.removeprefix(_THUMB if is_thumb else _COVER).removesuffix(_SUFFIX)
    bucket_path = base64.urlsafe_b64decode(encoded.replace("/", "") + "==").decode()
    return bucket_path.removeprefix(_BUCKET), is_thumb


def _sign(rest: str, signing_key: bytes) -> str:
    digest = hmac.new(signing_key, rest.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 100
RESULT_LIMIT = 10_000

Params = Mapping[str, Sequence[str]]


class CatalogueShelf:
    """Entries with their indexes by id, picture and searched value.

    Where several entries share a picture, the first one's names stand on the cover.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self.by_id = {(entry.kind, entry.id): entry for entry in self.entries}
        self.by_picture = {each.picture: each for each in reversed(self.entries) if each.picture}
        self._main = {
            entry.master_id: entry
            for entry in sorted(self.entries, key=lambda entry: -entry.id)
            if entry.master_id
        }
        self._ordered = sorted(self.entries, key=_shuffle_key)
        # For each filter and value: the places of the entries in that order.
        self._places: dict[str, defaultdict[str, set[int]]] = {}
        for place, entry in enumerate(self._ordered):
            for name, values in _searched_values(entry).items():
                places = self._places.setdefault(name, defaultdict(set))
                for value in values:
                    places[value].add(place)
        self._found: dict[str, list[Entry]] = {}

    def main_release(self, master: Entry) -> Entry:
        """Return the first release of a master, or one like it where the catalogue has none."""
        unlisted = _FIRST_UNLISTED_ID + master.id
        return self._main.get(master.id) or replace(
            master, id=unlisted, kind="release", master_id=master.id
        )

    def item(self, kind: Kind, number: int) -> Entry | None:
        """Return an entry by its id; None where there is none."""
        found = self.by_id.get((kind, number))
        master = self.by_id.get(("master", number - _FIRST_UNLISTED_ID))
        if not found and kind == "release" and master and master.id not in self._main:
            return self.main_release(master)
        return found

    def find(self, params: Params) -> list[Entry]:
        """Return the entries that match every param, in a shuffled but stable order.

        `genre`, `style`, `format`, `country`, `year` and `type` filter, each as often as it is
        given; other params are ignored. A value matches when all its words stand in one of the
        entry's values: "metal" finds "Heavy Metal". A repeated search comes from a cache.
        """
        question = repr(sorted(params.items()))
        if question not in self._found:
            kept = set(range(len(self.entries)))
            for name in params.keys() & self._places.keys():
                for wanted in params[name]:
                    places = self._places[name].items()
                    kept &= {at for value, ats in places if finds(wanted, [value]) for at in ats}
            self._found[question] = [self._ordered[place] for place in sorted(kept)]
        return self._found[question]


def show_page(  # noqa: PLR0913 - the service's own parameters
    found: Sequence[Entry],
    params: Params,
    *,
    page: int = 1,
    per_page: int = DEFAULT_PER_PAGE,
    base_url: str,
    signing_key: bytes = b"sandbox",
    result_limit: int = RESULT_LIMIT,
) -> dict[str, Any]:
    """Return one page of found entries; `params` come back in `pagination.urls`.

    `per_page` is clamped to 1..100. `items` counts every match, but only the first `result_limit`
    can be paged to.

    Raises:
        RefusedError: 404 past the last page, 403 past the limit.

    """
    per_page = max(1, min(per_page, MOST_PER_PAGE))
    if page > 1 and page * per_page > result_limit:
        raise RefusedError(403, f"Pagination above {result_limit} results is disabled.")
    all_pages = -(-len(found) // per_page)
    pages = max(1, min(all_pages, result_limit // per_page))
    if not 1 <= page <= pages:
        raise RefusedError(
            404, f"The requested page does not exist: page {page} of {pages} with {per_page} each."
        )
    numbers: dict[str, int] = {}
    if page > 1:
        numbers |= {"first": 1, "prev": page - 1}
    if page < pages:
        numbers |= {"last": pages, "next": page + 1}
    kept = {name: list(values) for name, values in params.items()}
    urls = {
        name: f"{base_url}/database/search?"
        + urlencode(kept | {"page": [str(number)], "per_page": [str(per_page)]}, doseq=True)
        for name, number in numbers.items()
    }
    shown = found[:result_limit][(page - 1) * per_page : page * per_page]
    return {
        "pagination": {
            "page": page,
            "pages": pages,
            "per_page": per_page,
            "items": len(found),
            "urls": urls,
        },
        "results": [_result(entry, base_url, signing_key) for entry in shown],
    }


def _searched_values(entry: Entry) -> dict[str, tuple[str, ...]]:
    return {
        "genre": entry.genres,
        "style": entry.styles,
        "format": (*entry.formats, entry.format_name),
        "country": (entry.country,),
        "year": () if entry.year is None else (str(entry.year),),
        "type": (entry.kind, "all"),
    }


def _shuffle_key(entry: Entry) -> tuple[int, str, int]:
    # Real results come by relevance, an order that no client can predict; a checksum is as stable.
    return crc32(f"{entry.kind}{entry.id}".encode()), entry.kind, entry.id


def _result(entry: Entry, base_url: str, signing_key: bytes) -> dict[str, Any]:
    """Return one result with the keys that Discogs has sent since 2023."""
    is_master = entry.kind == "master"
    master_id = entry.id if is_master else entry.master_id or 0
    result: dict[str, Any] = {
        "country": entry.country,
        "format": list(entry.formats),
        "label": ["Not On Label"],
        "type": entry.kind,
        "genre": list(entry.genres),
        "style": list(entry.styles),
        "id": entry.id,
        "barcode": [],
        "user_data": {"in_wantlist": False, "in_collection": False},
        "master_id": master_id,
        "master_url": f"{base_url}/masters/{master_id}" if master_id else None,
        "uri": f"/{entry.kind}/{entry.id}",
        "catno": "none",
        "title": entry.heading,
        "thumb": "",
        "cover_image": base_url + SPACER_PATH,
        "resource_url": f"{base_url}/{entry.kind}s/{entry.id}",
        "community": {"have": 1, "want": 0},
    }
    if entry.picture is not None:
        result["thumb"] = base_url + picture_path(entry.picture, signing_key, is_thumb=True)
        result["cover_image"] = base_url + picture_path(entry.picture, signing_key)
    if entry.year is not None:
        result["year"] = str(entry.year)
    if not is_master:
        result["format_quantity"] = 1
        result["formats"] = formats_of(entry)
    return result
