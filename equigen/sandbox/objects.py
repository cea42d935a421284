"""The answers of GET /masters/ID and GET /releases/ID, cut down to what a dataset could ask for."""

from typing import NotRequired, TypedDict

from equigen.sandbox.details import Community, Format, details_of, formats_of, site_path
from equigen.sandbox.entry import Entry
from equigen.sandbox.pictures import cover_path, thumb_path

_SITE_URL = "https://www.discogs.com"


class Artist(TypedDict):
    """One credited artist."""

    name: str
    anv: str
    join: str
    role: str
    tracks: str


class Image(TypedDict):
    """One picture of an entry, with its signed addresses and its size in pixels."""

    type: str
    uri: str
    resource_url: str
    uri150: str
    width: int
    height: int


class Item(TypedDict):
    """A master or a release; the keys that only one of them has are optional."""

    id: int
    title: str
    year: int
    resource_url: str
    uri: str
    artists: list[Artist]
    genres: list[str]
    styles: list[str]
    images: NotRequired[list[Image]]
    main_release: NotRequired[int]
    main_release_url: NotRequired[str]
    versions_url: NotRequired[str]
    status: NotRequired[str]
    country: NotRequired[str]
    formats: NotRequired[list[Format]]
    community: NotRequired[Community]
    master_id: NotRequired[int]
    master_url: NotRequired[str]
    data_quality: str


def item_of(entry: Entry, *, base_url: str, signing_key: bytes, cover_size_px: int) -> Item:
    """Return the object of one entry; `year` is 0 when unknown, `images` missing without picture.

    `width` and `height` are the size in which the sandbox draws the picture.
    """
    own_url = f"{base_url}/{entry.kind}s/{entry.id}"
    item: Item = {
        "id": entry.id,
        "title": entry.title,
        "year": entry.year or 0,
        "resource_url": own_url,
        "uri": _SITE_URL + site_path(entry),
        "artists": [{"name": entry.artist, "anv": "", "join": "", "role": "", "tracks": ""}],
        "genres": list(entry.genres),
        "styles": list(entry.styles),
        "data_quality": "Correct",
    }
    if entry.picture is not None:
        url = base_url + cover_path(entry.picture, signing_key)
        item["images"] = [
            {
                "type": "primary",
                "uri": url,
                "resource_url": url,
                "uri150": base_url + thumb_path(entry.picture, signing_key),
                "width": cover_size_px,
                "height": cover_size_px,
            }
        ]
    if entry.kind == "master":
        item["main_release"] = entry.id + 1
        item["main_release_url"] = f"{base_url}/releases/{entry.id + 1}"
        item["versions_url"] = f"{own_url}/versions"
        return item
    item["status"] = "Accepted"
    item["country"] = entry.country
    item["formats"] = formats_of(entry)
    item["community"] = details_of(entry)["community"]
    if entry.master_id:
        item["master_id"] = entry.master_id
        item["master_url"] = f"{base_url}/masters/{entry.master_id}"
    return item
