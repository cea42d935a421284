"""Rows of the sandbox's catalogue, and the made-up details that every answer carries."""

import re
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Kind = Literal["master", "release"]

_BARCODE_SHARE = 0.5
_NOT_A_WORD = re.compile(r"[^\w.]+")
_COMPANIES = (
    "Half Moon Records", "Paper Boat", "Static Garden", "Ninth Floor Music", "Copper Kettle",
    "Disques Pamplemousse", "Nordlicht Tonträger", "Estrella Fonográfica", "Blue Gate",
    "Not On Label",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A master or a release of the catalogue.

    `id` is unique among entries of one `kind` only, as on Discogs. `formats` is the flat list that
    search calls `format`, `format_name` the `formats[].name` of a release; the two may disagree.
    `master_id` is None on masters and on releases without a master. `picture` is the stable file
    name of the picture, None for the placeholder. `look` is the label whose style the cover has.
    """

    id: int
    kind: Kind
    artist: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    styles: tuple[str, ...]
    formats: tuple[str, ...]
    format_name: str
    country: str
    master_id: int | None
    picture: str | None
    look: str

    @property
    def heading(self) -> str:
        """The "Artist - Album" that search calls `title`."""
        return f"{self.artist} - {self.title}"


def details_of(entry: Entry) -> dict[str, Any]:
    """Return the label, catno, barcode and community of an entry, the same every time."""
    rng = Random(f"details/{entry.kind}/{entry.id}")
    company = rng.choice(_COMPANIES)
    letters = "".join(word[0] for word in company.split()).upper()
    return {
        "label": [company],
        "catno": f"{letters} {rng.randrange(1, 1000):03d}",
        "barcode": [f"{rng.randrange(10**12, 10**13)}"] if rng.random() < _BARCODE_SHARE else [],
        "community": {"have": rng.randrange(900), "want": rng.randrange(400)},
    }


def formats_of(entry: Entry) -> list[dict[str, Any]]:
    """Return the structured `formats` of a release."""
    descriptions = [text for text in entry.formats if text != entry.format_name]
    return [{"name": entry.format_name, "qty": "1", "descriptions": descriptions}]


def site_path(entry: Entry) -> str:
    """Return the path of the entry's page on the web site, such as `/master/7-Artist-Album`."""
    slug = _NOT_A_WORD.sub("-", entry.heading).strip("-")
    return f"/{entry.kind}/{entry.id}-{slug}"
