"""Write config.example.toml: every setting with its default and its description."""

import json
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from equigen.config.settings import Settings, defaults

_HEAD = """\
# EquiGen's settings. Each line shows the default; leave out what you don't change.
# Any key is also an environment variable: [fetch] genre_limit is EQUIGEN_FETCH__GENRE_LIMIT.
# Flags win over the environment, the environment over .env, .env over this file.
# Credentials don't belong here: DISCOGS_TOKEN goes into .env or the environment.
"""


def example_toml() -> str:
    """Return the text of config.example.toml, generated from the settings."""
    return "\n".join([_HEAD, *_tables(defaults())]) + "\n"


def _tables(settings: Settings) -> Iterator[str]:
    for name in Settings.model_fields:
        table = getattr(settings, name)
        yield f"[{name}]"
        subtables = []
        for key, info in type(table).model_fields.items():
            value = getattr(table, key)
            if isinstance(value, dict):
                subtables.append((key, value))
                continue
            yield from _setting(key, value, info)
        for key, hosts in subtables:
            for host, values in hosts.items():
                yield f'\n[{name}.{key}."{host}"]'
                for part, info in type(values).model_fields.items():
                    yield f"{part} = {_toml(getattr(values, part))}  # {info.description}"
        yield ""


def _setting(key: str, value: object, info: FieldInfo) -> Iterator[str]:
    example = info.examples[0] if info.examples else None
    if isinstance(example, list) and isinstance(example[0], dict):
        yield f"# {info.description}:"
        for table in example:
            yield f"# [[fetch.{key}]]"
            yield from (f"# {part} = {_toml(given)}" for part, given in table.items())
    elif info.examples:  # it has no default that TOML could express
        yield f"# {key} = {_toml(example)}  # {info.description}"
    else:
        yield f"{key} = {_toml(value)}  # {info.description}"


def _toml(value: object) -> str:
    # These types have the same form in TOML and JSON; paths are strings.
    return json.dumps(value, default=str, ensure_ascii=False)
