"""Find sources by name, open them, and read their declarations."""

import ast
from typing import cast

from equigen.config.layers import Config
from equigen.errors import UsageError
from equigen.plugins import Plugin, find_plugins
from equigen.sources.base import Renewer, Source


def settings() -> tuple[str, ...]:
    """Return the settings that sources declare in `SETTINGS`, without importing a source."""
    found: list[str] = []
    for source in _sources().values():
        named = source.constant("SETTINGS")
        found += ast.literal_eval(named) if named else ()
    return tuple(dict.fromkeys(found))


def open_source(name: str, config: Config) -> Source:
    """Load the source called `name` (hyphens and underscores are the same) and open it.

    Raises:
        UsageError: there is no such source.
        ConfigError: a required setting of the source is missing.

    """
    known = _sources()
    source = known.get(name.replace("_", "-"))
    if source is None:
        msg = f"fetch.source: no source is called {name!r}; expected one of: {', '.join(known)}."
        raise UsageError(msg)
    return cast("Source", source.load().open_source(config))


def licence_of(album_id: str) -> str:
    """Return the licence note that an album's source declares in `LICENCE`; "" for none.

    The source is the part of the id before the colon; it is not imported.
    """
    source = _sources().get(album_id.partition(":")[0])
    declared = source.constant("LICENCE") if source else None
    return str(ast.literal_eval(declared)) if declared else ""


def open_renewer(album_id: str, config: Config) -> Renewer | None:
    """Open the renewer of an album's picture URLs; None where its source has none.

    A source declares one as a function `open_renewer(config)`.

    Raises:
        ConfigError: a required setting of the source is missing.

    """
    source = _sources().get(album_id.partition(":")[0])
    opened = getattr(source.load(), "open_renewer", None) if source else None
    return cast("Renewer", opened(config)) if opened else None


def _sources() -> dict[str, Plugin]:
    return dict(sorted(find_plugins("equigen.sources", "open_source").items()))
