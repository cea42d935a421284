"""Render a report as one HTML page; style, script and pictures are inside it."""

import base64
import hashlib
import json
import platform
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from equigen.config.settings import Settings
from equigen.dataset.overlap import Pair
from equigen.http.addresses import without_passwords
from equigen.report.features import FeatureFindings
from equigen.report.pictures import Figure
from equigen.report.tables import HeatMap, SetRow
from equigen.report.tally import LookalikeGroup, ReportTally
from equigen.schema import without_surrogates
from equigen.version import __version__


@dataclass(frozen=True, slots=True)
class Findings:
    """Contents of a report: the tally of all rows, and what is told and shown of it.

    `overlap` has the labels that overlap, `pairs` all of them two by two. `sheets` show some covers
    of each label, `hues` some of these by hue, `pictured` the first albums of the first of all
    `groups`. `torn` groups stand in several sets. The last of `sets` is of all labels together.
    """

    name: str
    made_at: str
    tally: ReportTally
    totals: Mapping[str, str]
    missing: Sequence[str]
    heat: HeatMap
    overlap: HeatMap
    pairs: Sequence[Pair]
    sheets: Sequence[tuple[str, Sequence[Figure]]]
    hues: Sequence[Figure]
    features: FeatureFindings
    groups: Sequence[LookalikeGroup]
    pictured: Sequence[tuple[LookalikeGroup, Sequence[Figure]]]
    conflicts: Sequence[LookalikeGroup]
    torn: int
    wanted: Mapping[str, str]
    sets: Sequence[SetRow]
    sets_notes: Sequence[str]
    dataset: Mapping[str, str]
    settings: Settings

    @property
    def pictures(self) -> int:
        """The number of pictures in it."""
        shown = (self.hues, *(figures for _, figures in (*self.sheets, *self.pictured)))
        return sum(bool(figure.source) for figures in shown for figure in figures)


def page(findings: Findings, found: object = None) -> str:
    """Return the page, that of an audit where it `found` something; markup in it stays text."""
    tables = findings.settings.model_dump(mode="json").items()
    # As TOML writes them; credentials aren't among them.
    settings = {
        key: without_passwords(value)[:_MOST_SHOWN_CHARS]
        for table, values in tables
        for key, value in _values(table, values)
    }
    template = _template("report.html.j2" if found is None else "audit.html.j2")
    text = template.render(report=findings, versions=_versions(), settings=settings, found=found)
    return without_surrogates(text)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("equigen.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": "{:,}".format,
        "percent": lambda share: f"{100 * share:.1f}\u00a0%",
        "csp": _csp,
    }
    return environment.get_template(name)


def _csp(text: str) -> str:
    """Return the hash that allows this style or script, and no other.

    https://www.w3.org/TR/CSP3/#framework-directive-source-list
    """
    digest = hashlib.sha256(str(text).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


_MOST_SHOWN_CHARS = 300
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# https://toml.io/en/v1.0.0#keys
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _versions() -> Mapping[str, str]:
    return {
        "EquiGen": __version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "SQLite": sqlite3.sqlite_version,
        **dict(_libraries()),
    }


def _libraries() -> Iterator[tuple[str, str]]:
    try:
        required = metadata.requires("equigen") or []
    except metadata.PackageNotFoundError:  # run from its source, without being installed
        return
    names = [_NAME.match(each) for each in required if "extra ==" not in each]
    for name in sorted(name[0] for name in names if name):
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _values(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            bare = key if _BARE_KEY.fullmatch(key) else f'"{key}"'
            yield from _values(f"{name}.{bare}", each)
    else:
        yield name, "not set" if value is None else json.dumps(value, ensure_ascii=False)
