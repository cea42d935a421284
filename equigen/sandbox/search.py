"""The answer of GET /database/search: which entries match, one page of them, and in what shape."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict
from urllib.parse import urlencode
from zlib import crc32

from equigen.labels.matching import finds
from equigen.sandbox.details import Community, Format, details_of, formats_of, site_path
from equigen.sandbox.entry import Entry
from equigen.sandbox.pictures import SPACER_PATH, cover_path, thumb_path

DEFAULT_PER_PAGE = 50
MOST_PER_PAGE = 100
RESULT_LIMIT = 10_000

SEARCHED = frozenset({"genre", "style", "format", "country", "year", "type"})


class SearchRefusedError(Exception):
    """The service answers with this HTTP status and this JSON instead of a page."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status, and the message that the body carries."""
        super().__init__(message)
        self.status = status
        self.body = {"message": message}


class Pagination(TypedDict):
    """Where a page stands among the others; `urls` has no `next` on the last page."""

    page: int
    pages: int
    per_page: int
    items: int
    urls: dict[str, str]


class UserData(TypedDict):
    """Whether the asking user wants or has an entry."""

    in_wantlist: bool
    in_collection: bool


class Result(TypedDict):
    """One hit: the keys of 2023 and after; `formats` and `format_quantity` on releases alone."""

    country: str
    year: NotRequired[str]
    format: list[str]
    label: list[str]
    type: str
    genre: list[str]
    style: list[str]
    id: int
    barcode: list[str]
    user_data: UserData
    master_id: int
    master_url: str | None
    uri: str
    catno: str
    title: str
    thumb: str
    cover_image: str
    resource_url: str
    community: Community
    format_quantity: NotRequired[int]
    formats: NotRequired[list[Format]]


class SearchPage(TypedDict):
    """The whole body of one answer."""

    pagination: Pagination
    results: list[Result]


def search_page(  # noqa: PLR0913 - the service's own knobs
    entries: Sequence[Entry],
    params: Mapping[str, Sequence[str]],
    *,
    page: int = 1,
    per_page: int = DEFAULT_PER_PAGE,
    base_url: str,
    authenticated: bool,
    signing_key: bytes = b"sandbox",
    result_limit: int = RESULT_LIMIT,
) -> SearchPage:
    """Return one page of the entries that match every param; `find` and `show_page` in one.

    Raises:
        SearchRefusedError: as `show_page` says.

    """
    return show_page(
        find(entries, params),
        params,
        page=page,
        per_page=per_page,
        base_url=base_url,
        authenticated=authenticated,
        signing_key=signing_key,
        result_limit=result_limit,
    )


def find(entries: Iterable[Entry], params: Mapping[str, Sequence[str]]) -> list[Entry]:
    """Return the entries that match every param, in a shuffled but stable order.

    `genre`, `style`, `format`, `country`, `year` and `type` filter, each as often as it is given;
    other params don't. A value matches when all its words stand in one of the entry's values:
    "metal" finds "Heavy Metal".
    """
    return sorted((entry for entry in entries if matches(entry, params)), key=_shuffle_key)


def show_page(  # noqa: PLR0913 - the service's own knobs
    found: Sequence[Entry],
    params: Mapping[str, Sequence[str]],
    *,
    page: int,
    per_page: int,
    base_url: str,
    authenticated: bool,
    signing_key: bytes,
    result_limit: int,
) -> SearchPage:
    """Return one page of what was found; `params` come back in `pagination.urls`.

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
    shown = found[:result_limit][(page - 1) * per_page : page * per_page]
    return {
        "pagination": {
            "page": page,
            "pages": pages,
            "per_page": per_page,
            "items": len(found),
            "urls": _page_urls(params, page, pages, per_page, base_url),
        },
        "results": [_result(entry, base_url, signing_key) for entry in shown],
    }


def matches(entry: Entry, params: Mapping[str, Sequence[str]]) -> bool:
    """Say whether an entry satisfies every value of every param that filters."""
    values = searched_values(entry)
    return all(
        finds(wanted, values[name])
        for name, wanted_values in params.items()
        if name in values
        for wanted in wanted_values
    )


def searched_values(entry: Entry) -> dict[str, tuple[str, ...]]:
    """Return what each param that filters is compared with."""
    return {
        "genre": entry.genres,
        "style": entry.styles,
        "format": (*entry.formats, entry.format_name),
        "country": (entry.country,),
        "year": () if entry.year is None else (str(entry.year),),
        "type": (entry.kind, "all"),
    }


def _shuffle_key(entry: Entry) -> tuple[int, str, int]:
    # Real hits come by relevance, in no order a client could build on; a checksum is as stable.
    return crc32(f"{entry.kind}{entry.id}".encode()), entry.kind, entry.id


def _page_urls(
    params: Mapping[str, Sequence[str]], page: int, pages: int, per_page: int, base_url: str
) -> dict[str, str]:
    numbers: dict[str, int] = {}
    if page > 1:
        numbers |= {"first": 1, "prev": page - 1}
    if page < pages:
        numbers |= {"last": pages, "next": page + 1}
    kept = {name: list(values) for name, values in params.items()}
    return {
        name: f"{base_url}/database/search?"
        + urlencode(kept | {"page": [str(number)], "per_page": [str(per_page)]}, doseq=True)
        for name, number in numbers.items()
    }


def _result(entry: Entry, base_url: str, signing_key: bytes) -> Result:
    details = details_of(entry)
    is_master = entry.kind == "master"
    master_id = entry.id if is_master else entry.master_id or 0
    result: Result = {
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
