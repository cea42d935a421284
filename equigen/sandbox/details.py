"""The facts that no dataset asks for but every answer carries: made up from an entry's id."""

import re
from typing import TypedDict

from equigen.sandbox.chance import dice
from equigen.sandbox.entry import Entry

_BARCODE_SHARE = 0.5
_NOT_A_WORD = re.compile(r"[^\w.]+")
_COMPANIES = (
    "Half Moon Records",
    "Paper Boat",
    "Static Garden",
    "Ninth Floor Music",
    "Copper Kettle",
    "Disques Pamplemousse",
    "Nordlicht Tonträger",
    "Estrella Fonográfica",
    "Blue Gate",
    "Not On Label",
)


class Community(TypedDict):
    """How many people have an entry, and how many want it."""

    have: int
    want: int


class Format(TypedDict):
    """One item of a release's `formats`."""

    name: str
    qty: str
    descriptions: list[str]


class Details(TypedDict):
    """Record company, catalogue number, barcodes and community of one entry."""

    label: list[str]
    catno: str
    barcode: list[str]
    community: Community


def details_of(entry: Entry) -> Details:
    """Return the entry's made-up details, the same every time."""
    rng = dice(f"details/{entry.kind}/{entry.id}")
    company = rng.choice(_COMPANIES)
    letters = "".join(word[0] for word in company.split()).upper()
    return {
        "label": [company],
        "catno": f"{letters} {rng.randrange(1, 1000):03d}",
        "barcode": [f"{rng.randrange(10**12, 10**13)}"] if rng.random() < _BARCODE_SHARE else [],
        "community": {"have": rng.randrange(900), "want": rng.randrange(400)},
    }


def formats_of(entry: Entry) -> list[Format]:
    """Return the structured `formats` of a release."""
    descriptions = [text for text in entry.formats if text != entry.format_name]
    return [{"name": entry.format_name, "qty": "1", "descriptions": descriptions}]


def site_path(entry: Entry) -> str:
    """Return the path of the entry's page on the web site, such as `/master/7-Artist-Album`."""
    slug = _NOT_A_WORD.sub("-", entry.heading).strip("-")
    return f"/{entry.kind}/{entry.id}-{slug}"
