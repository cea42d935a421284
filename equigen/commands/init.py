"""Start a dataset: write config.toml, and .env for credentials.

Nothing is overwritten. The .env can be read by you alone, and .gitignore keeps it out of version
control.

Examples:
  equigen init
  equigen init my-covers
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic.fields import FieldInfo

from equigen.config.layers import CONFIG_NAME, DOTENV_NAME, load
from equigen.config.settings import Settings, defaults
from equigen.config.trust import trust
from equigen.dataset.context import Context
from equigen.errors import UsageError
from equigen.schema import safe_text
from equigen.storage.atomic import in_place_of, open_new, replacing
from equigen.storage.below import FileBelow
from equigen.storage.os_errors import translating_os_errors
from equigen.summary import Summary

ORDER: Final = 10
SETTINGS: Final = ()
NEEDS_TRUST: Final = False

_DOTENV = """\
# Credentials of your Discogs account: a token, or key and secret of an application.
# https://www.discogs.com/settings/developers
DISCOGS_TOKEN=
DISCOGS_KEY=
DISCOGS_SECRET=
# Of an application of yours at Spotify, for `--source spotify`: https://developer.spotify.com/dashboard
SPOTIPY_CLIENT_ID=
SPOTIPY_CLIENT_SECRET=
"""
_GITIGNORE = ".gitignore"


def run(
    context: Context,  # noqa: ARG001  (every stage gets one; there is no dataset yet)
    directory: Annotated[Path, typer.Argument(help="Where to start it.")] = Path(),
) -> Summary:
    """Write the two files.

    Raises:
        UsageError: one of them is there already; then neither is written.
        StorageError: the disk refuses.

    """
    config, dotenv = (directory / name for name in (CONFIG_NAME, DOTENV_NAME))
    for file in (config, dotenv):
        if file.exists() or file.is_symlink():  # also one that leads nowhere
            msg = (
                f"{file}: is there already, and init overwrites nothing. Edit it, or move it away."
            )
            raise UsageError(msg)
    at_risk = load(folder=directory).at_risk.get(directory, {})  # of links that were there before
    with translating_os_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        gitignore = FileBelow(directory, _GITIGNORE)
        ignored = gitignore.read() if os.path.lexists(gitignore) else b""
        ignores = DOTENV_NAME.encode() in ignored.split()
        if not ignores:
            end = b"\n" if ignored and not ignored.endswith(b"\n") else b""
            with (
                in_place_of(directory / _GITIGNORE, keeps_link=False) as beside,
                open_new(beside) as out,
            ):
                out.write(ignored + end + f"{DOTENV_NAME}\n".encode())
    with replacing(config) as out:
        out.write(example_toml())
    with translating_os_errors(dotenv):
        secret = os.open(dotenv, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(secret, "w", encoding="utf-8") as out:
            out.write(_DOTENV)
    notes = [
        safe_text(f"{name} = {place}: it leads out. If that is right, `equigen trust` says so.")
        for name, place in at_risk.items()
    ]
    if not at_risk:
        trust(directory)
    return Summary(
        stage="init",
        done="written",
        unit="files",
        rows_in=3 - ignores,
        rows_out=3 - ignores,
        facts={"files": [str(config), str(dotenv)]},
        notes=[
            f"Wrote {config} and {dotenv}.",
            f"Put a token into {dotenv} and a user_agent into {config}, then run `equigen run`.",
            *notes,
        ],
    )


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
        for key, info in type(table).model_fields.items():
            value = getattr(table, key)
            if not isinstance(value, dict):
                yield from _setting(key, value, info)
                continue
            for host, limits in value.items():  # the last key, as TOML asks of subtables
                yield f'\n[{name}.{key}."{host}"]'
                for part, about in type(limits).model_fields.items():
                    yield f"{part} = {_toml(getattr(limits, part))}  # {about.description}"
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
