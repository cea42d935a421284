"""Tell whether the user trusts a folder whose settings say where credentials and files go.

A dataset's folder may come from a stranger, with a config.toml and a .env in it. What the user says
on the command line and in the environment counts always, the folder's own word only once the folder
is trusted: `equigen trust`, `equigen init` in it, or EQUIGEN_TRUST=1.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from platformdirs import user_config_path
from pydantic import BaseModel

from equigen.errors import ConfigError
from equigen.schema import safe_text
from equigen.storage.atomic import replacing

TRUST_VARIABLE: Final = "EQUIGEN_TRUST"
_YES: Final = frozenset({"1", "true", "yes"})
# Settings that name hosts, which get requests and may get credentials, and places for files.
_HOSTS: Final = (
    "discogs.base_url", "dumps.discogs_url", "dumps.musicbrainz_url",
    "musicbrainz.base_url", "coverart.base_url", "spotify.base_url", "spotify.accounts_url",
)  # fmt: skip
_PLACES: Final = (
    "dataset.directory", "dataset.tsv", "dataset.images", "dataset.split", "dataset.examples",
    "dataset.features", "dumps.directory", "mumu.albums", "mumu.metadata", "msd_i.file",
    "msd_i.names", "msd_i.features",
    "acousticbrainz.files", "acousticbrainz.msd_ids",
    "spotify.genres_file",
)  # fmt: skip
# Settings that name models, which are opened by large libraries, and may be downloaded.
_MODELS: Final = (
    "features.embedding_model", "features.caption_model", "features.emotion_model",
    "features.nsfw_model",
)  # fmt: skip
# The other setting that says where requests go, and the user's consent to guesses about people,
# with the values that need trust.
_VALUES: Final[Mapping[str, str]] = {
    "http.private_addresses": "always", "features.accept_faces": "True",
}  # fmt: skip
_ANY: Final = "any"  # in the place of a digest: the folder was begun by `equigen init`


def settings_at_risk(
    settings: BaseModel, users: BaseModel, dotenv: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return the settings of a folder that count only where it is trusted, by their names.

    `users` are the settings without the folder's, `dotenv` has the settings of its .env, of which
    none counts.
    """
    found = other_hosts(settings, users)
    for name, value in _VALUES.items():
        if _of(settings, name) == value != _of(users, name):
            found[name] = value
    for name in _MODELS:
        if (value := _of(settings, name)) != _of(users, name):
            found[name] = value
    for name in _PLACES:
        value = _of(settings, name)
        if value != _of(users, name) and _leads_out(value):
            found[name] = value
    return found | {f".env {name}": value for name, value in dotenv}


def is_users_own(name: str, settings: BaseModel, users: BaseModel) -> bool:
    """Tell whether the user names a place that isn't below the dataset's folder."""
    value = _of(settings, name)
    return value == _of(users, name) and _leads_out(value)


def links_at_risk(folder: Path, directory: Path, places: Iterable[Path]) -> dict[str, str]:
    """Return the places of a dataset that links lead out of a folder, and where they really lie.

    `directory` is the dataset's, `places` lie in it; they may leave `folder` with it.

    Raises:
        ConfigError: a link leads back to itself.

    """
    found, roots = dict[str, str](), [_key(folder)]
    for place in (directory, *places):
        real = Path(_key(place))
        if real.is_symlink():
            msg = (
                f"{place}: a link that leads back to itself lies there. Remove it, then run again."
            )
            raise ConfigError(msg)
        is_link = str(real) != os.path.normpath(
            place.absolute()
        )  # else its setting says where it is
        if is_link and not any(map(real.is_relative_to, roots)):
            shown = place.relative_to(folder) if place.is_relative_to(folder) else place
            found[f"link {shown}"] = str(real)
        roots.append(_key(directory))
    return found


def other_hosts(settings: BaseModel, usual: BaseModel) -> dict[str, str]:
    """Return the settings that name other hosts than the services' own, by their names."""
    return {name: _of(settings, name) for name in _HOSTS if _of(settings, name) != _of(usual, name)}


def refuse_strange(at_risk: Mapping[Path, Mapping[str, str]]) -> None:
    """Refuse folders that aren't trusted; `at_risk` has what needs that, by folder.

    Raises:
        ConfigError: one isn't trusted, or the list of trusted folders can't be read.

    """
    if not at_risk or os.environ.get(TRUST_VARIABLE, "").lower() in _YES:
        return
    trusted = _trusted()
    for folder, risks in at_risk.items():
        if {_ANY, _digest(risks)}.isdisjoint(trusted.get(_key(folder), "").split()):
            shown = safe_text(", ".join(f"{name} = {value!r}" for name, value in risks.items()))
            msg = (
                f"{_key(folder)}: these settings and links of the folder decide where requests,"
                f" credentials or files go, which model is run, or whether people are guessed"
                f" about, and you haven't said that you trust it: {shown}."
                f" Nothing was asked or changed. Where they are right, run `equigen trust"
                f" {folder}`; else take them out of the folder."
            )
            raise ConfigError(msg)


def trust(folder: Path, *at_risk: Mapping[str, str]) -> None:
    """Remember that the user trusts a folder with these settings and links; without, with any.

    There are several of them where the folder has a config and is named as a dataset's, too.

    Raises:
        ConfigError: the list of trusted folders can't be read.
        StorageError: the disk refuses.

    """
    _keep(_trusted() | {_key(folder): " ".join(map(_digest, at_risk)) or _ANY})


def forget(folder: Path) -> bool:
    """Trust a folder no more; return whether it was trusted.

    Raises:
        ConfigError: the list of trusted folders can't be read.
        StorageError: the disk refuses.

    """
    kept = _trusted()
    if kept.pop(_key(folder), None) is None:
        return False
    _keep(kept)
    return True


def trust_file() -> Path:
    """Return the file that lists the trusted folders, in the user's own configuration."""
    return user_config_path("equigen", appauthor=False) / "trusted.json"


def _keep(trusted: Mapping[str, str]) -> None:
    with replacing(trust_file()) as file:
        json.dump(trusted, file, indent=2, sort_keys=True)


def _trusted() -> dict[str, str]:
    file = trust_file()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        msg = f"{file}: the list of trusted folders can't be read: {err}. Move it away."
        raise ConfigError(msg) from err
    if not isinstance(found, dict):
        msg = f"{file}: expected a list of trusted folders as a JSON object. Move it away."
        raise ConfigError(msg)
    return {str(key): str(value) for key, value in found.items()}


def _of(settings: BaseModel, name: str) -> str:
    table, _, key = name.partition(".")
    value = getattr(getattr(settings, table), key)
    return os.pathsep.join(value) if isinstance(value, list) else str(value)


def _leads_out(places: str) -> bool:
    paths = list(map(Path, places.split(os.pathsep)))
    return any(path.expanduser().is_absolute() or ".." in path.parts for path in paths)


def _key(folder: Path) -> str:
    return os.path.realpath(folder)


def _digest(at_risk: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(at_risk.items())).encode()).hexdigest()
