"""What the dataset must be, worked out apart from the code under test.

Walks the sandbox page after page with plain requests, in the order in which a person would, and
applies the rules of selection as the README states them, in the simplest way there is.
"""

import base64
import re
import unicodedata
from collections import Counter
from typing import Any

import requests

COLUMNS = [
    "artist",
    "album",
    "album_index",
    "genre",
    "year",
    "image_url",
    "album_id",
    "genres",
    "styles",
    "country",
    "formats",
]
BOTH = ["Blues", "Country", "Jazz", "Pop", "Rock"]
GENRES = ["Electronic", "Latin", "Reggae"]
ORDER = ["Blues", "Country", "Electronic", "Jazz", "Latin", "Reggae", "Pop", "Rock"]
STYLES = ["Folk", "Metal", "New Age", "Punk", "Rap", "Rhythm & Blues"]
WORLD = [
    "Afrobeat",
    "Rumba",
    "Celtic",
    "Flamenco",
    "Bollywood",
    "Hindustani",
    "K-Pop",
    "Mandopop",
    "Salsa",
    "Bolero",
]
NOBODY = {"various", "unknown artist", "various artists", "no artist"}


def question(name: str) -> dict[str, str]:
    """Return how a label is asked for."""
    asked = {}
    if name in BOTH or name in GENRES:
        asked["genre"] = name
    if name not in GENRES:
        asked["style"] = name
    return asked


def clean(name: str) -> str:
    """Take asterisks and numbers in parentheses off a name."""
    bare = unicodedata.normalize("NFC", name)
    before = ""
    while before != bare:
        before, bare = bare, re.sub(r"\(\d+\)", "", bare.replace("*", ""))
    return " ".join(bare.split()) or name


def picture_of(url: str) -> str:
    """Return the stored name that a signed URL's last segments hold."""
    code = "".join(url.rpartition(":")[2].split("/")[1:]).removesuffix(".jpeg")
    return base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode()


def one_line(text: str) -> str:
    """Return text as it may stand in a cell."""
    return unicodedata.normalize(
        "NFC", re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)
    ).strip()


def results(base_url: str, token: str, name: str, year: int) -> list[dict[str, Any]]:
    """Return all results of a label and year, page after page."""
    found: list[dict[str, Any]] = []
    page, pages = 1, 1
    while page <= pages:
        answer = requests.get(
            f"{base_url}/database/search",
            params={
                **question(name),
                "year": str(year),
                "format": "album",
                "per_page": "100",
                "page": str(page),
            },
            headers={"User-Agent": "Oracle/1", "Authorization": f"Discogs token={token}"},
            timeout=10,
        ).json()
        found += answer["results"]
        page, pages = page + 1, answer["pagination"]["pages"]
    return found


def expected_rows(  # noqa: C901  (one walk, read from top to bottom)
    base_url: str, token: str, *, labels: list[str], limit: int, from_year: int, to_year: int = 1930
) -> list[dict[str, str]]:
    """Return the rows that a fetch of these labels must give, in order."""
    rows: list[dict[str, str]] = []
    owner: dict[str, str] = {}
    albums: set[tuple[str, str]] = set()
    pictures: set[str] = set()
    ids: set[str] = set()
    counts: Counter[str] = Counter()
    for name in labels:
        genre = f"{name} (World)" if name in WORLD else name
        for year in range(from_year, to_year - 1, -1):
            if counts[genre] == limit:
                break
            for result in results(base_url, token, name, year):
                if counts[genre] == limit:
                    break
                if result["type"] not in {"master", "release"}:
                    continue
                formats = list(result.get("format", []))
                formats += [f["name"] for f in result.get("formats", [])]
                url = result["cover_image"]
                if "Cassette" in formats or "spacer.gif" in url:
                    continue
                if name == "Blues" and "Rhythm & Blues" in result["style"]:
                    continue
                artist, _, title = one_line(result["title"]).partition(" - ")
                artist, title = artist.strip(), title.strip()
                who, key = clean(artist), f"discogs:{result['type'][0]}{result['id']}"
                if key in ids or (title and (who, title) in albums):
                    continue
                if picture_of(url) in pictures:
                    continue
                if who.casefold() not in NOBODY and owner.get(who, genre) != genre:
                    continue
                owner.setdefault(who, genre)
                ids.add(key)
                albums.add((who, title))
                pictures.add(picture_of(url))
                counts[genre] += 1
                cells = [
                    artist,
                    title,
                    str(counts[genre]),
                    genre,
                    result.get("year") or str(year),
                    url,
                    key,
                    "|".join(result["genre"]),
                    "|".join(result["style"]),
                    result.get("country", ""),
                    "|".join(dict.fromkeys(formats)),
                ]
                rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows
