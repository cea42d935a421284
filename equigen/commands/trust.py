"""Trust a folder from somebody else, with what its settings name.

A dataset's folder may come from somebody else, with a config.toml and a .env in it. Other hosts,
models, folders elsewhere, also by links, and settings in .env count only once you trust the folder.
A folder that `equigen init` began is trusted; docs/security.md has the rules.

Examples:
  equigen trust
  equigen trust covers-from-a-friend
  equigen trust covers-from-a-friend --forget
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.config.layers import CONFIG_NAME, load
from equigen.config.trust import forget, trust
from equigen.dataset.context import Context
from equigen.errors import MissingInputError
from equigen.schema import safe_text
from equigen.summary import Summary

ORDER: Final = 12
SETTINGS: Final = ()
NEEDS_TRUST: Final = False


def run(
    context: Context,
    directory: Annotated[
        Path | None, typer.Argument(help="The folder; by default that of the config.")
    ] = None,
    *,
    undo: Annotated[bool, typer.Option("--forget", help="Trust it no more.")] = False,
) -> Summary:
    """Remember, or forget, that the user trusts a folder with its settings as they are now.

    Raises:
        MissingInputError: there is no such folder.
        ConfigError: its settings can't be read, or the list of trusted folders can't.
        StorageError: the disk refuses.

    """
    folder = context.config.folder if directory is None else directory
    if not folder.is_dir():
        msg = f"{folder}: no such folder; expected one with a {CONFIG_NAME} or a .env."
        raise MissingInputError(msg)
    if undo:
        was = forget(folder)
        notes = [f"{folder.resolve()} is trusted no more." if was else "It wasn't trusted."]
        return _summary({}, notes)
    found = [context.config.at_risk]
    if directory is not None:
        flags = {"dataset": {"directory": directory.absolute()}}
        found = [
            load(folder=directory).at_risk,
            load(folder=context.config.folder, flags=flags).at_risk,
        ]
    risks = [
        risks
        for at_risk in found
        for at, risks in at_risk.items()
        if at.resolve() == folder.resolve()
    ]
    if not risks:
        return _summary({}, [f"{folder.resolve()} has no settings or links that need trust."])
    trust(folder, *risks)
    every = {name: value for each in risks for name, value in each.items()}
    notes = [safe_text(f"trusted: {name} = {value}") for name, value in every.items()]
    return _summary(every, [*notes, "A change to them needs your trust again."])


def _summary(at_risk: Mapping[str, str], notes: list[str]) -> Summary:
    count = len(at_risk)
    facts = {"settings": dict(at_risk)}
    return Summary(
        stage="trust",
        unit="settings",
        rows_in=count,
        rows_out=count,
        done="noted",
        facts=facts,
        notes=notes,
    )
