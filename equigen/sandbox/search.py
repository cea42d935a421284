"""The answer of GET /database/search: matching entries, paged, in the shape of Discogs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from equigen.labels.taxonomy import finds, words_of
from equigen.sandbox.entry import Entry, Kind, details_of, formats_of, site_path
from equigen.sandbox.pictures import SPACER_PATH, cover_path, thumb_path

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
