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
    "artist_ids",
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


def page_of(base_url: str, token: str, name: str, year: int, page: int) -> dict[str, Any]:
    """Return one page of the results of a label and year."""
    answer: dict[str, Any] = requests.get(
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
    return answer


def results(base_url: str, token: str, name: str, year: int) -> list[dict[str, Any]]:
    """Return all results of a label and year, page after page."""
    found: list[dict[str, Any]] = []
    page, pages = 1, 1
    while page <= pages:
        answer = page_of(base_url, token, name, year, page)
        found += answer["results"]
        page, pages = page + 1, answer["pagination"]["pages"]
    return found


def genre_of(name: str) -> str:
    """Return what stands in the column `genre`."""
    return f"{name} (World)" if name in WORLD else name


def most_of(name: str, limit: int, world_limits: list[int] | None = None) -> int:
    """Return how many albums a label may have; by default two world styles fill World."""
    if name not in WORLD:
        return limit
    return world_limits[WORLD.index(name)] if world_limits else (limit + 1) // 2


class Dataset:
    """The rows so far, and what of them forbids others."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self.counts: Counter[str] = Counter()
        self._owner: dict[str, str] = {}
        self._seen: set[object] = set()

    def is_full(self, name: str, most: int, limit: int) -> bool:
        """Tell whether a label has its share, or World, which several share, has the limit."""
        world = sum(self.counts[genre_of(each)] for each in WORLD)
        return self.counts[genre_of(name)] >= most or (name in WORLD and world >= limit)

    def take(self, name: str, year: int, result: dict[str, Any]) -> bool:
        """Take a result for a label, unless a rule says no."""
        genre = genre_of(name)
        if result["type"] not in {"master", "release"}:
            return False
        formats = list(result.get("format", []))
        formats += [f["name"] for f in result.get("formats", [])]
        url = result["cover_image"]
        if "Cassette" in formats or "spacer.gif" in url:
            return False
        if name == "Blues" and "Rhythm & Blues" in result["style"]:
            return False
        artist, _, title = one_line(result["title"]).partition(" - ")
        artist, title = artist.strip(), title.strip()
        who, key = clean(artist), f"discogs:{result['type'][0]}{result['id']}"
        marks = {key, picture_of(url), *([(who, title)] if title else [])}
        if marks & self._seen:
            return False
        artists = {who, *who.split(" / ")} if who.casefold() not in NOBODY else set()
        if any(self._owner.get(each, genre) != genre for each in artists):
            return False
        self._owner |= dict.fromkeys(artists, genre)
        self._seen |= marks
        self.counts[genre] += 1
        cells = [
            artist,
            title,
            str(self.counts[genre]),
            genre,
            result.get("year") or str(year),
            url,
            key,
            "|".join(result["genre"]),
            "|".join(result["style"]),
            result.get("country", ""),
            "|".join(dict.fromkeys(formats)),
            "",
        ]
        self.rows.append(dict(zip(COLUMNS, cells, strict=True)))
        return True


def expected_rows(
    base_url: str,
    token: str,
    *,
    labels: list[str],
    limit: int,
    from_year: int,
    to_year: int = 1930,
    world_limits: list[int] | None = None,
) -> list[dict[str, str]]:
    """Return the rows that a fetch of these labels must give, in order."""
    dataset = Dataset()
    for name in labels:
        most = most_of(name, limit, world_limits)
        for year in range(from_year, to_year - 1, -1):
            if dataset.is_full(name, most, limit):
                break
            for result in results(base_url, token, name, year):
                if dataset.is_full(name, most, limit):
                    break
                dataset.take(name, year, result)
    return dataset.rows


class YearByPages:
    """The results of a label and year; the next page is asked for when a row of it is wanted."""

    def __init__(self, base_url: str, token: str, name: str, year: int) -> None:
        self._question = base_url, token, name, year
        self._page, self._pages = 0, 1
        self.name, self.year, self.albums = name, year, 0
        self.hand: list[dict[str, Any]] = []

    def gives_one(self, dataset: Dataset) -> bool:
        """Go through the page in hand, or the next, to an album; say whether more can be."""
        if not self.hand:
            if self._page == self._pages:
                return False
            self._page += 1
            answer = page_of(*self._question, self._page)
            self._pages = max(1, answer["pagination"]["pages"])
            self.hand = [
                each for each in answer["results"] if each["type"] in {"master", "release"}
            ]
        while self.hand:
            if dataset.take(self.name, self.year, self.hand.pop(0)):
                self.albums += 1
                break
        return True


def expected_even_rows(
    base_url: str, token: str, *, labels: list[str], limit: int, from_year: int, to_year: int = 1930
) -> list[dict[str, str]]:
    """Return the rows of a fetch that is spread evenly: always of the year that has fewest."""
    dataset = Dataset()
    count = from_year - to_year + 1
    order = list(dict.fromkeys(from_year - int(half(n) * count) for n in range(2 * count)))
    for name in labels:
        years = [YearByPages(base_url, token, name, year) for year in order]
        while years and not dataset.is_full(name, most_of(name, limit), limit):
            year = min(years, key=lambda year: (year.albums, not year.hand))
            if not year.gives_one(dataset):
                years.remove(year)
    return dataset.rows


def half(number: int) -> float:
    """Return 0, 1/2, 1/4, 3/4, 1/8, 5/8, 3/8, 7/8, 1/16 and so on."""
    found, step = 0.0, 0.5
    while number:
        found += step * (number % 2)
        number, step = number // 2, step / 2
    return found
