"""Start a dataset: write config.toml, and .env for credentials.

Nothing is overwritten. The .env can be read by you alone, and .gitignore keeps it out of version
control.

Examples:
  equigen init
  equigen init my-covers
"""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.config.example import example_toml
from equigen.config.layers import CONFIG_NAME, DOTENV_NAME
from equigen.dataset.context import Context
from equigen.errors import UsageError
from equigen.storage.atomic import in_place_of, open_new, replacing
from equigen.storage.os_errors import translating_os_errors
from equigen.summary import Summary

ORDER: Final = 10
SETTINGS: Final = ()

_DOTENV = """\
# Credentials of your Discogs account: a token, or key and secret of an application.
# https://www.discogs.com/settings/developers
DISCOGS_TOKEN=
DISCOGS_KEY=
DISCOGS_SECRET=
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
    config, dotenv, gitignore = (
        directory / name for name in (CONFIG_NAME, DOTENV_NAME, _GITIGNORE)
    )
    for file in (config, dotenv):
        if file.exists() or file.is_symlink():  # also one that leads nowhere
            msg = (
                f"{file}: is there already, and init overwrites nothing. Edit it, or move it away."
            )
            raise UsageError(msg)
    with translating_os_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        ignored = gitignore.read_bytes() if gitignore.exists() else b""
        if DOTENV_NAME.encode() not in ignored.split():
            end = b"\n" if ignored and not ignored.endswith(b"\n") else b""
            with in_place_of(gitignore, keeps_link=False) as beside, open_new(beside) as out:
                out.write(ignored + end + f"{DOTENV_NAME}\n".encode())
    with replacing(config) as out:
        out.write(example_toml())
    with translating_os_errors(dotenv):
        secret = os.open(dotenv, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(secret, "w", encoding="utf-8") as out:
            out.write(_DOTENV)
    return Summary(
        stage="init",
        unit="files",
        rows_in=2,
        rows_out=2,
        facts={"files": [str(config), str(dotenv)]},
        notes=[
            f"Wrote {config} and {dotenv}.",
            f"Put a token into {dotenv} and a user_agent into {config}, then run `equigen run`.",
        ],
    )
