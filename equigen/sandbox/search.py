"""Answer GET /database/search as Discogs does: matching entries, paged, pictures signed."""

import base64
import binascii
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from equigen.labels.taxonomy import finds, words_of
from equigen.sandbox.catalogue import Entry, Kind, details_of, formats_of, site_path

PICTURES_PATH = "/i/"
SPACER_PATH = "/images/spacer.gif"

_BUCKET = "s3://discogs-database-images/"
_SEGMENT_LENGTH = 16
_COVER = "rs:fit/g:sm/q:90/h:600/w:600"
_THUMB = "rs:fit/g:sm/q:40/h:150/w:150"
_SUFFIX = ".jpeg"


@dataclass(frozen=True, slots=True)
class PictureAsked:
    """The picture that an address asks for: its stable file name, and whether as a thumbnail."""

    picture: str
    is_thumb: bool


class BadAddressError(ValueError):
    """A picture address has a wrong signature or an unknown shape."""


def cover_path(picture: str, signing_key: bytes) -> str:
    """Return the signed path, from `/i/` on, of a picture at its full size."""
    return _signed_path(picture, _COVER, signing_key)


def thumb_path(picture: str, signing_key: bytes) -> str:
    """Return the signed path, from `/i/` on, of a picture at 150 pixels."""
    return _signed_path(picture, _THUMB, signing_key)


def read_path(path: str, signing_key: bytes) -> PictureAsked:
    """Return what a signed path asks for.

    Raises:
        BadAddressError: the signature is not the one of this key, or the path is malformed.

    """
    signature, _, rest = path.removeprefix(PICTURES_PATH).partition("/")
    if not hmac.compare_digest(signature.encode(), _sign(rest, signing_key).encode()):
        message = f"the signature of {path} is not ours"
        raise BadAddressError(message)
    for options in (_COVER, _THUMB):
        if rest.startswith(options + "/"):
            encoded = rest.removeprefix(options + "/").removesuffix(_SUFFIX).replace("/", "")
            return PictureAsked(_decode(encoded), options == _THUMB)
    message = f"{path} asks for a size that is not offered"
    raise BadAddressError(message)


def _signed_path(picture: str, options: str, signing_key: bytes) -> str:
    encoded = base64.urlsafe_b64encode((_BUCKET + picture).encode()).decode().rstrip("=")
    starts = range(0, len(encoded), _SEGMENT_LENGTH)
    segments = "/".join(encoded[start : start + _SEGMENT_LENGTH] for start in starts)
    rest = f"{options}/{segments}{_SUFFIX}"
    return f"{PICTURES_PATH}{_sign(rest, signing_key)}/{rest}"


def _sign(rest: str, signing_key: bytes) -> str:
    digest = hmac.new(signing_key, rest.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _decode(encoded: str) -> str:
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        message = f"{encoded} is not base64 of a picture's name"
        raise BadAddressError(message) from error
    return text.removeprefix(_BUCKET)


DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 100
RESULT_LIMIT = 10_000

SEARCHED = frozenset({"genre", "style", "format", "country", "year", "type"})

Params = Mapping[str, Sequence[str]]


class SearchRefusedError(Exception):
    """A search is answered with an HTTP error status and a JSON message instead of a page."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status, and the message that the body carries."""
        super().__init__(message)
        self.status = status
        self.body = {"message": message}


@dataclass(frozen=True, slots=True)
class Shelf:
    """Entries with their indexes by id, picture and word."""

    entries: tuple[Entry, ...]
    by_id: dict[tuple[Kind, int], Entry]
    by_picture: dict[str, Entry]
    by_word: dict[tuple[str, str], frozenset[int]]

    _found: dict[tuple[tuple[str, tuple[str, ...]], ...], list[Entry]] = field(default_factory=dict)

    def find(self, params: Params) -> list[Entry]:
        """Return the entries that a search finds; a repeated search comes from a cache."""
        question = tuple((name, tuple(values)) for name, values in sorted(params.items()))
        if question not in self._found:
            self._found[question] = find(self._candidates(params), params)
        return self._found[question]

    def _candidates(self, params: Params) -> Iterator[Entry]:
        # All matches are among the entries that have all words asked for, in whichever value.
        asked = [
            self.by_word.get((name, word), frozenset())
            for name, values in params.items()
            if name in SEARCHED
            for value in values
            for word in words_of(value)
        ]
        everything = frozenset(range(len(self.entries)))
        return (self.entries[at] for at in everything.intersection(*asked))


def shelve(entries: Sequence[Entry]) -> Shelf:
    """Index entries; where several share a picture, the first one's names stand on the cover."""
    by_picture: dict[str, Entry] = {}
    by_word: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for at, entry in enumerate(entries):
        if entry.picture is not None:
            by_picture.setdefault(entry.picture, entry)
        for name, values in _searched_values(entry).items():
            for value in values:
                for word in words_of(value):
                    by_word[name, word].add(at)
    by_id = {(entry.kind, entry.id): entry for entry in entries}
    frozen = {key: frozenset(found) for key, found in by_word.items()}
    return Shelf(tuple(entries), by_id, by_picture, frozen)


def find(entries: Iterable[Entry], params: Params) -> list[Entry]:
    """Return the entries that match every param, in a shuffled but stable order.

    `genre`, `style`, `format`, `country`, `year` and `type` filter, each as often as it is given;
    other params are ignored. A value matches when all its words stand in one of the entry's
    values: "metal" finds "Heavy Metal".
    """
    return sorted((entry for entry in entries if matches(entry, params)), key=_shuffle_key)


def show_page(  # noqa: PLR0913 - the service's own parameters
    found: Sequence[Entry],
    params: Params,
    *,
    page: int = 1,
    per_page: int = DEFAULT_PER_PAGE,
    base_url: str,
    authenticated: bool,
    signing_key: bytes = b"sandbox",
    result_limit: int = RESULT_LIMIT,
) -> dict[str, Any]:
    """Return one page of found entries; `params` come back in `pagination.urls`.

    `per_page` is clamped to 1..100. `items` counts every match, but only the first `result_limit`
    can be paged to.

    Raises:
        SearchRefusedError: 401 without authentication, 404 past the last page, 403 past the limit.

    """
    if not authenticated:
        raise SearchRefusedError(401, "You must authenticate to access this resource.")
    per_page = max(1, min(per_page, MOST_PER_PAGE))
    if page > 1 and page * per_page > result_limit:
        raise SearchRefusedError(403, f"Pagination above {result_limit} results is disabled.")
    all_pages = -(-len(found) // per_page)
    pages = max(1, min(all_pages, result_limit // per_page))
    if not 1 <= page <= pages:
        raise SearchRefusedError(
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


def matches(entry: Entry, params: Params) -> bool:
    """Tell whether an entry satisfies every value of every param that filters."""
    values = _searched_values(entry)
    return all(
        finds(wanted, values[name])
        for name, wanted_values in params.items()
        if name in values
        for wanted in wanted_values
    )


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
    details = details_of(entry)
    is_master = entry.kind == "master"
    master_id = entry.id if is_master else entry.master_id or 0
    result: dict[str, Any] = {
        "country": entry.country,
        "format": list(entry.formats),
        "label": details["label"],
        "type": entry.kind,
        "genre": list(entry.genres),
        "style": list(entry.styles),
        "id": entry.id,
        "barcode": details["barcode"],
        "user_data": {"in_wantlist": False, "in_collection": False},
        "master_id": master_id,
        "master_url": f"{base_url}/masters/{master_id}" if master_id else None,
        "uri": site_path(entry),
        "catno": details["catno"],
        "title": entry.heading,
        "thumb": "",
        "cover_image": base_url + SPACER_PATH,
        "resource_url": f"{base_url}/{entry.kind}s/{entry.id}",
        "community": details["community"],
    }
    if entry.picture is not None:
        result["thumb"] = base_url + thumb_path(entry.picture, signing_key)
        result["cover_image"] = base_url + cover_path(entry.picture, signing_key)
    if entry.year is not None:
        result["year"] = str(entry.year)
    if not is_master:
        result["format_quantity"] = 1
        result["formats"] = formats_of(entry)
    return result
