"""One run's configuration: flags > environment > .env > config.toml > defaults."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from equigen.errors import ConfigError, MissingInputError
from equigen.settings import (
    ENV_PREFIX,
    Credentials,
    HostSettings,
    LabelSettings,
    Settings,
    suggest,
)

CONFIG_NAME = "config.toml"
DOTENV_NAME = ".env"


@dataclass(frozen=True, slots=True)
class Config:
    """What a run goes by: checked settings, credentials, and the folder that paths start from."""

    settings: Settings
    credentials: Credentials
    folder: Path

    @property
    def directory(self) -> Path:
        """The dataset's folder; a relative one starts at config.toml's folder."""
        return self.folder / self.settings.dataset.directory.expanduser()


def load(
    path: Path | None = None, *, flags: Mapping[str, Mapping[str, Any]] | None = None
) -> Config:
    """Read all layers of settings and check them.

    `path` is config.toml; without one, that of the working directory is used where there is one.
    `.env` is looked for beside it. `flags` is {table: {key: value}}, for values that are set.

    Raises:
        MissingInputError: `path` was given and is not there.
        ConfigError: a file can't be parsed, a key is unknown, or a value is wrong.

    """
    file = Path(CONFIG_NAME) if path is None else path
    if path is not None and not path.is_file():
        msg = f"{path}: no such file. `equigen init` writes a {CONFIG_NAME} to start from."
        raise MissingInputError(msg)
    toml = _read_toml(file) if file.is_file() else {}
    dotenv = file.parent / DOTENV_NAME
    flags = {table: dict(values) for table, values in (flags or {}).items() if values}
    layers = _Layers(file=file, dotenv=dotenv, toml=toml, flags=flags)
    try:
        settings = Settings(_env_file=dotenv, flags=flags, toml=toml)  # type: ignore[call-arg]
        credentials = Credentials(_env_file=dotenv)
    except ValidationError as err:
        raise ConfigError(layers.explain(err)) from None
    except (UnicodeDecodeError, OSError) as err:
        msg = f"{dotenv}: can't be read: {err}. Expected lines such as NAME=value, in UTF-8."
        raise ConfigError(msg) from None
    except SettingsError as err:  # JSON in the environment that can't be parsed
        msg = f"environment: {err}. Lists are written as JSON, for example [0.7, 0.15, 0.15]."
        raise ConfigError(msg) from None
    return Config(settings, credentials, folder=file.parent)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as err:
        msg = (
            f"{file}: this is not TOML: {err}. Mend that line; config.example.toml shows the form."
        )
        raise ConfigError(msg) from None
    except (UnicodeDecodeError, OSError) as err:
        msg = f"{file}: can't be read: {err}. Expected a TOML file in UTF-8."
        raise ConfigError(msg) from None


@dataclass(frozen=True, slots=True)
class _Layers:
    """Where each value may have come from, to be named when one is wrong."""

    file: Path
    dotenv: Path
    toml: dict[str, Any]
    flags: Mapping[str, Mapping[str, Any]]

    def explain(self, err: ValidationError) -> str:
        """Say in one line what the first error is, in which layer, and how many more there are."""
        errors = err.errors(include_url=False)
        first = errors[0]
        keys = [str(part) for part in first["loc"]]
        place = self._place(keys)
        if first["type"] == "extra_forbidden":
            known = _known_keys(keys[:-1])
            trouble = f"unknown key{suggest(keys[-1], known)}. Known here: {', '.join(known)}"
        elif first["type"] == "value_error":
            trouble = str(first["msg"]).removeprefix("Value error, ")
        else:
            trouble = f"expected {_expectation(first)}, got {first['input']!r}"
        more = f" ({len(errors) - 1} more wrong settings)" if len(errors) > 1 else ""
        return f"{place}: {'.'.join(keys)}: {trouble}.{more} Mend it and run again."

    def _place(self, keys: list[str]) -> str:
        if keys[0] in self.flags and (len(keys) == 1 or keys[1] in self.flags[keys[0]]):
            return "command line"
        for length in range(len(keys), 0, -1):
            name = ENV_PREFIX + "__".join(keys[:length]).upper()
            if name in {key.upper() for key in os.environ}:
                return f"environment variable {name}"
            if self.dotenv.is_file() and name in {k.upper() for k in dotenv_values(self.dotenv)}:
                return f"{self.dotenv}: {name}"
        return str(self.file)


def _expectation(error: ErrorDetails) -> str:
    match error["type"]:
        case "string_pattern_mismatch":
            return "an address that starts with http:// or https://"
        case "missing":
            return "all values there, but one is missing"
        case "int_parsing" | "int_type" | "int_from_float":
            return "a whole number"
    return error["msg"].removeprefix("Input should be ")


def _known_keys(path: list[str]) -> list[str]:
    fields = Settings.model_fields
    for part in path:
        if part.isdigit():
            continue
        if part not in fields:  # the name of a host: what lies below is the same for each
            return list(HostSettings.model_fields)
        annotation = fields[part].annotation
        if part == "label":
            fields = LabelSettings.model_fields
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields
    return list(fields)
