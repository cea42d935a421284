"""Find sources by name and open them."""

import ast
from typing import cast

from equigen.config.layers import Config
from equigen.errors import UsageError
from equigen.plugins import Plugin, find_plugins
from equigen.sources.base import Renewer, Source


def settings() -> tuple[str, ...]:
    """Return the settings that sources name as theirs in `SETTINGS`, without importing a source."""
    found: list[str] = []
    for source in _sources().values():
        named = source.constant("SETTINGS")
        found += ast.literal_eval(named) if named else ()
    return tuple(dict.fromkeys(found))


def open_source(name: str, config: Config) -> Source:
    """Load the source called `name` (hyphens and underscores are the same) and open it.

    Raises:
        UsageError: there is no such source.
        ConfigError: a setting that the source needs is missing.

    """
    known = _sources()
    source = known.get(name.replace("_", "-"))
    if source is None:
        msg = f"fetch.source: no source is called {name!r}; expected one of: {', '.join(known)}."
        raise UsageError(msg)
    return cast("Source", source.load().open_source(config))


def open_renewer(album_id: str, config: Config) -> Renewer | None:
    """Open what renews the addresses of an album's pictures; None where its source doesn't.

    Sources that do have a function `open_renewer(config)`.

    Raises:
        ConfigError: a setting that the source needs is missing.

    """
    source = _sources().get(album_id.partition(":")[0])
    opened = getattr(source.load(), "open_renewer", None) if source else None
    return cast("Renewer", opened(config)) if opened else None


def _sources() -> dict[str, Plugin]:
    return dict(sorted(find_plugins("equigen.sources", "open_source").items()))
