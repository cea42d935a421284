"""Build a small dataset with no account, no key and no network.

Starts a Discogs-compatible server on this machine with a made-up catalogue (or, with --source
spotify, a Spotify-compatible one), runs the real stages against it, and leaves a dataset of
invented albums in a folder: with covers and sets, a report, an ImageFolder, a script that trains on
it, and a config.toml, so that other commands work there.

Examples:
  equigen demo
  equigen demo --source spotify
  equigen demo --directory /tmp/covers --albums 10
"""

import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import BaseModel, SecretStr

from equigen.commands.run import ended, stages
from equigen.config.layers import CONFIG_NAME, Config
from equigen.config.settings import DatasetSettings, FetchSettings, defaults
from equigen.config.source_settings import Credentials, DiscogsSettings, SpotifySettings
from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset
from equigen.errors import UsageError
from equigen.sandbox.catalogue import make_catalogue, with_editions
from equigen.sandbox.server import Sandbox
from equigen.sandbox.spotify import SpotifySandbox
from equigen.storage.atomic import open_new
from equigen.storage.lock import LOCK_NAMES
from equigen.storage.os_errors import translating_os_errors
from equigen.summary import Summary

ORDER: Final = 100
SETTINGS: Final = ()
NEEDS_TRUST: Final = False

_MARK = ".equigen-demo"
_EXPORT: Final = "imagefolder"
# Labels of which one has an edition of the other's cover: look-alikes, some of them in two classes.
_EDITIONS: Final = (
    ("Electronic", "Pop"), ("Jazz", "Jazz"), ("Metal", "Punk"), ("Country", "Folk"),
    ("Rap", "Rhythm & Blues"), ("Blues", "Blues"),
)  # fmt: skip
_CONFIG = """\
# Settings of the demo's dataset, for commands that are run in this folder.
[dataset]
directory = "."

[fetch]
source = "{source}"
genre_limit = {albums}
"""


class DemoSource(StrEnum):
    """The services that there are on this machine."""

    DISCOGS = "discogs"
    SPOTIFY = "spotify"


def run(
    context: Context,
    stage: Callable[[str], Callable[..., Summary]],
    *,
    directory: Annotated[Path, typer.Option(help="Where the dataset is left.")] = Path(
        "equigen_demo"
    ),
    albums: Annotated[int, typer.Option(min=1, max=500, help="Albums a label.")] = 20,
    source: Annotated[
        DemoSource, typer.Option(help="The made-up service: discogs or spotify.")
    ] = DemoSource.DISCOGS,
) -> Iterator[Summary]:
    """Run the demo; the folder of an earlier demo is made anew, any other is refused.

    Raises:
        UsageError: the folder holds something that no demo made.

    """
    folder = directory.resolve()
    _refuse_others(folder)
    service: Sandbox | SpotifySandbox
    if source is DemoSource.SPOTIFY:
        # Of which one is classical for each three of other labels.
        service = SpotifySandbox(make_catalogue(albums_per_label=3 * albums))
    else:
        service = Sandbox(with_editions(make_catalogue(), _EDITIONS))
    with service as sandbox:
        demo = replace(context, config=_config(folder, sandbox, albums))
        with Dataset.writing(demo, "demo"):
            _clear(folder, albums, source)
            context.say(
                f"A made-up {source.title()} answers at {sandbox.base_url}; nothing leaves this"
                " machine."
            )
            *others, end = stages(demo.settings)
            for name in others:
                yield stage(name)(demo)
            yield ended(stage(end)(demo), demo)
            yield stage("report")(demo)
            last = stage("export")(
                demo, format="imagefolder", out=folder / _EXPORT, private_use=True
            )
            yield replace(last, notes=[*last.notes, *_where(folder, directory)])


def _where(folder: Path, directory: Path) -> list[str]:
    """Say where things are, and what to try next."""
    return [
        f"The dataset is in {folder}: equigen_dataset.tsv, the covers, the sets in split,",
        f"the page report.html, an ImageFolder in {_EXPORT}, and load.py, which trains on that.",
        f"Next: cd {shlex.quote(str(directory))}",
        "      python load.py             # a classifier, in seconds",
        "      equigen dedupe --covers    # covers that look alike, some in two classes",
        "      equigen counts --by style  # then `equigen status`, `equigen --help`",
    ]


def _config(folder: Path, sandbox: Sandbox | SpotifySandbox, albums: int) -> Config:
    """Return settings that owe nothing to the user's own: the sandbox is reached by base URL."""
    tables: dict[str, BaseModel] = {"dataset": DatasetSettings(directory=folder)}
    if isinstance(sandbox, Sandbox):
        credentials = Credentials(discogs_token=SecretStr(sandbox.token))
        tables |= {
            "discogs": DiscogsSettings(base_url=sandbox.base_url, requests_per_minute=0),
            "fetch": FetchSettings(genre_limit=albums),
        }
    else:
        credentials = Credentials(
            spotipy_client_id=SecretStr(sandbox.client_id),
            spotipy_client_secret=SecretStr(sandbox.client_secret),
        )
        tables |= {
            "spotify": SpotifySettings(
                accept_terms=True,  # of a service that has none
                base_url=sandbox.api_url,
                accounts_url=sandbox.accounts_url,
                cover_px=300,
                requests_per_minute=0,
            ),
            "fetch": FetchSettings(source="spotify", genre_limit=albums),
        }
    return Config(defaults(**tables), credentials, folder=folder)


def _refuse_others(folder: Path) -> None:
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not empty and not (folder / _MARK).exists():
        msg = (
            f"{folder}: holds something that no demo made; expected an empty folder, or that of an"
            " earlier demo. Choose another with --directory."
        )
        raise UsageError(msg)


def _clear(folder: Path, albums: int, source: str = DemoSource.DISCOGS) -> None:
    """Empty the folder but for its mark, and leave the settings with which commands work there."""
    with translating_os_errors(folder):
        with open_new(folder / _MARK) as mark:
            mark.write(b"Made by `equigen demo`, which may clear this folder.\n")
        for item in folder.iterdir():
            if item.name in LOCK_NAMES or item.name == _MARK:
                continue
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
        with open_new(folder / CONFIG_NAME) as config:
            config.write(_CONFIG.format(albums=albums, source=source).encode())
        script = resources.files("equigen.sandbox").joinpath("data", "load.py")
        with open_new(folder / "load.py") as copy:
            copy.write(script.read_bytes())
