"""Write the card of an export: what it has, where that is from, its law, how it was made."""

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field

from equigen.dataset.made_with import DEFINING
from equigen.exports.base import Description, Job
from equigen.exports.rows import Gathered, visible
from equigen.ledger.ledger import COVERS_COMPARED, LAST_FETCH, MADE_WITH, SPLIT_GROUPS, Ledger
from equigen.ledger.values import read_by_name, read_split_groups
from equigen.plugins import find_plugins
from equigen.schema import decade_of, without_surrogates
from equigen.sources.base import restriction_of
from equigen.version import __version__

CARD: Final = "README.md"
# https://huggingface.co/docs/datasets/repository_structure and the Hub's own list of sizes
_SIZES: Final = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
)  # fmt: skip
_LARGEST: Final = "1M<n<10M"
# Characters that YAML's double quotes can't hold as they are.
_NOT_IN_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#|~])")


_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Names = Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that an export gives of its albums, on its card, in `export.json` and in Croissant.

    `albums` is the number of those here, of `rows` of the dataset, `several` of those with several
    labels. `sources`, `classes` and `decades` count the albums here, `dropped` those left out by
    reason. `restricted` and `private` are those of `Gathered`. `fetched` is a date, `group` tells
    what the sets were dealt by, `made_with` has the settings, by name.
    """

    labels: _Names
    sets: _Names
    albums: Annotated[_Count, Field(ge=1)]
    rows: _Count
    several: _Count
    sources: dict[str, _Count]
    classes: dict[str, _Count]
    decades: dict[str, _Count]
    licences: list[str]
    dropped: dict[str, _Count]
    restricted: dict[str, _Count]
    private: dict[str, _Count]
    fetched: str
    group: str
    compared: bool
    made_with: dict[str, Any]


def facts_of(albums: Gathered, ledger: Ledger | None) -> Facts:
    """Collect what an export tells of its albums, and of how the ledger says that they came."""
    table = albums.table
    split = ledger.read(SPLIT_GROUPS, read_split_groups) if ledger else None
    decades = Counter[str]()
    for year, count in table["year"].value_counts().iter_rows() if "year" in table.columns else ():
        decades[decade_of(str(year or ""))] += count
    return Facts(
        labels=list(albums.labels),
        sets=list(albums.sets),
        albums=len(table),
        rows=albums.rows,
        several=table.filter(pl.col("labels").list.len() > 1).height,
        sources=dict(table["source"].value_counts().iter_rows()),
        classes=dict(table["label_name"].value_counts().iter_rows()),
        decades=dict(decades),
        licences=[each for each in table["licence"].unique().sort() if each],
        dropped=dict(albums.dropped),
        restricted=dict(albums.restricted),
        private=dict(albums.private),
        fetched=(ledger.value(LAST_FETCH) if ledger else "")[:10],
        group=GROUPS.get(split.group if split else "", GROUPS[""]),
        compared=bool(ledger and ledger.value(COVERS_COMPARED)),
        made_with=dict((ledger.read(MADE_WITH, read_by_name) if ledger else None) or {}),
    )


def card(job: Job, described: Description, facts: Facts) -> str:
    """Return the card of an export that is a folder, as Markdown with a head in YAML.

    The same export has the same card: it tells the date of the albums, not that of the export.
    """
    albums = job.albums
    table = albums.table
    size = next((name for most, name in _SIZES if facts.albums < most), _LARGEST)
    settings = {
        name: json.dumps(facts.made_with[name], ensure_ascii=False)
        for names in DEFINING.values()
        for name in names
        if name in facts.made_with
    }
    counted = table.group_by("label_name", "set").len()
    counts = {(label, name): number for label, name, number in counted.iter_rows()}
    sources = table.group_by("source", "licence").len("covers").sort("source", "licence")
    environment = Environment(
        loader=PackageLoader("equigen.exports", "."),
        autoescape=False,  # noqa: S701  (Markdown, of which each text is escaped by a filter)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": "{:,}".format, "yaml": _yaml, "text": _text, "code": _code}
    text = environment.get_template("card.md.j2").render(
        yaml={
            "license": "other",
            "task_categories": ["image-classification"],
            "size_categories": [size],
            "tags": ["album-covers", "music", "equigen"],
            **described.yaml,
        },
        version=__version__,
        fetched=facts.fetched,
        albums=facts.albums,
        labels=albums.labels,
        sets=albums.sets,
        is_dealt=albums.is_dealt,
        by_label={
            label: {name: counts.get((label, name), 0) for name in albums.sets}
            for label in albums.labels
        },
        several=facts.several,
        features=list(map(_feature, job.options.features)),
        columns={name: _kind(kind) for name, kind in visible(table).schema.items()},
        size=albums.rendering.key if albums.rendering else "",
        loading=described.loading,
        no_year=described.no_year,
        sources=sources.to_dicts(),
        restricted=_told(albums.restricted),
        private=_told(albums.private),
        settings=settings,
        rows=albums.rows,
        dropped=albums.dropped,
        compared=facts.compared,
        group=facts.group,
    )
    return without_surrogates(text)


GROUPS: Final[Mapping[str, str]] = {
    "artist+cover": "No artist, and no covers that look alike, are in two sets.",
    "artist": "No artist is in two sets; covers that look alike may be.",
    "cover": "No covers that look alike are in two sets; artists may be.",
    "none": "Each cover was dealt by itself: artists and look-alikes may be in several sets.",
    "": "The sets were not dealt by EquiGen: artists and look-alikes may be in several of them.",
}


def _feature(name: str) -> str:
    """Return what a feature's module says of it: its first line, its weights' licence, its note."""
    plugin = find_plugins("equigen.features", "open_feature").get(name)
    if plugin is None:  # whose distribution was removed since it was computed
        return f"`{name}`"
    told = {
        constant: ast.literal_eval(value)
        for constant in ("LICENCE", "CARD")
        if (value := plugin.constant(constant))
    }
    licence = f" Licence of its weights: {told['LICENCE']}." if "LICENCE" in told else ""
    note = f" **{told['CARD']}**" if "CARD" in told else ""
    return f"`{name}`: {_text(plugin.summary)}{licence}{note}"


def _told(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {"source": source, "count": count, "terms": restriction_of(source)}
        for source, count in counts.items()
    ]


def _kind(kind: object) -> str:
    """Return a type in words: "text", "list of text", "int16", "struct of red, green"."""
    if isinstance(kind, pl.List):
        return f"list of {_kind(kind.inner)}"
    if isinstance(kind, pl.Struct):
        return f"struct of {', '.join(field.name for field in kind.fields)}"
    return {"String": "text", "Boolean": "true or false"}.get(str(kind), str(kind).lower())


def _yaml(value: object) -> str:
    """Return a value as YAML, of which JSON is a part."""
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _text(value: str) -> str:
    """Return a text as Markdown shows it, in one line."""
    return _MARKUP.sub(r"\\\1", " ".join(value.split()))


def _code(value: str) -> str:
    return value.replace("`", "'").replace("|", "\\|")
