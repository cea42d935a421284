"""List the versions at work and the settings, without any secret."""

import json
import platform
import re
import sqlite3
from collections.abc import Iterator
from importlib import metadata

from pydantic import BaseModel

from equigen.config.settings import Settings
from equigen.http.addresses import without_passwords
from equigen.report.page import Fact
from equigen.version import __version__

_MOST_SHOWN_CHARS = 300
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def versions() -> tuple[Fact, ...]:
    """Return the versions of EquiGen, Python, the system and the libraries."""
    return (
        Fact("EquiGen", __version__),
        Fact("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        Fact("system", platform.platform()),
        Fact("SQLite", sqlite3.sqlite_version),
        *_libraries(),
    )


def settings_shown(settings: Settings) -> tuple[Fact, ...]:
    """Return all settings by their keys, as TOML writes them; credentials aren't among them."""
    return tuple(
        Fact(key, without_passwords(value)[:_MOST_SHOWN_CHARS])
        for table in Settings.model_fields
        for key, value in _values(table, getattr(settings, table))
    )


def _libraries() -> Iterator[Fact]:
    try:
        required = metadata.requires("equigen") or []
    except metadata.PackageNotFoundError:  # run from its source, without being installed
        return
    names = [_NAME.match(each) for each in required if "extra ==" not in each]
    for name in sorted(name[0] for name in names if name):
        try:
            yield Fact(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Fact(name, "not installed")


def _values(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        for key in type(value).model_fields:
            yield from _values(f"{name}.{key}", getattr(value, key))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _values(f'{name}."{key}"', each)
    else:
        plain = [_plain(each) for each in value] if isinstance(value, list | tuple) else value
        yield (
            name,
            "not set" if plain is None else json.dumps(plain, default=str, ensure_ascii=False),
        )


def _plain(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
