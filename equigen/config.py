"""Settings: flags > environment > .env > config.toml > defaults, each checked, each with a name.

Any key is also an environment variable: `fetch.genre_limit` is `EQUIGEN_FETCH__GENRE_LIMIT`.
Credentials come from the environment or `.env` alone: `DISCOGS_TOKEN`, or `DISCOGS_KEY` and
`DISCOGS_SECRET`; in config.toml they would end up in version control.
"""

import difflib
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from equigen.errors import ConfigError, MissingInputError
from equigen.rules.labels import Label, builtin_labels

CONFIG_NAME = "config.toml"
DOTENV_NAME = ".env"
ENV_PREFIX = "EQUIGEN_"
DISCOGS_API_URL = "https://api.discogs.com"

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
BaseUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetSettings(_Table):
    """`[dataset]`: where the dataset lies; the names are relative to `directory`."""

    directory: Path = Field(Path("data"), description="everything below lies under it")
    tsv: Name = Field("equigen_dataset.tsv", description="the dataset: one row an album")
    images: Name = Field("equigen_album_images", description="the covers, one folder a genre")
    split: Name = Field("split", description="the sets: train, val and test")


class DiscogsSettings(_Table):
    """`[discogs]`: how the Discogs API is asked."""

    base_url: BaseUrl = Field(DISCOGS_API_URL, description="where the API is")
    user_agent: str = Field(
        "", description="who you are: must be set for the real service, e.g. MyCovers/1.0 +URL"
    )
    requests_per_minute: int = Field(
        60, ge=0, description="0: no limit of our own, only the server's headers"
    )
    entity: Literal["all", "master", "release"] = Field(
        "all", description="all, master or release; master gives one row an album"
    )

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class LabelSettings(_Table):
    """`[[fetch.label]]`: a label of one's own; one of `genre` and `style` must be there."""

    name: Name
    genre: str = ""
    style: str = ""
    limit: int | None = Field(default=None, ge=0)
    folder: str = ""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.genre and not self.style:
            msg = f"label {self.name!r} needs a genre or a style to be asked by"
            raise ValueError(msg)
        return self


class FetchSettings(_Table):
    """`[fetch]`: which albums are wanted, and how many of each label."""

    source: Name = Field("discogs", description="where albums come from")
    genre_limit: int = Field(15_000, ge=0, description="albums a genre or style")
    world_limit: int = Field(1_200, ge=0, description="albums a world style")
    from_year: int | None = Field(
        None, ge=1000, le=9999, description="first year asked (default: this year)", examples=[2026]
    )
    to_year: int = Field(
        1930, ge=1000, le=9999, description="last year asked, going down from from_year"
    )
    labels: list[Name] | None = Field(
        None, description="which labels (default: all)", examples=[["Blues", "Jazz"]]
    )
    label: list[LabelSettings] = Field(
        default_factory=list,
        description="labels of your own: [[fetch.label]] tables",
        examples=[[{"name": "Ska", "genre": "Reggae", "style": "Ska", "limit": 500}]],
    )

    @model_validator(mode="after")
    def _years_go_down(self) -> Self:
        if self.from_year is not None and self.from_year < self.to_year:
            msg = f"years go down from from_year: {self.from_year} is before to_year {self.to_year}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _labels_are_known(self) -> Self:
        own = [table.name for table in self.label]
        if twice := [name for name in own if own.count(name) > 1]:
            msg = f"label: {twice[0]!r} is defined twice"
            raise ValueError(msg)
        known = [label.name for label in self.known_labels()]
        for name in self.labels or ():
            if name not in known:
                msg = f"labels: no label is called {name!r}{_suggest(name, known)}"
                raise ValueError(msg)
        return self

    def known_labels(self) -> tuple[Label, ...]:
        """Return the built-in labels, then those of `[[fetch.label]]`, which may replace them."""
        own = {table.name: self._as_label(table) for table in self.label}
        builtin = builtin_labels(genre_limit=self.genre_limit, world_limit=self.world_limit)
        replaced = [own.pop(label.name, label) for label in builtin]
        return (*replaced, *own.values())

    def chosen_labels(self) -> tuple[Label, ...]:
        """Return the labels to fill, in the order in which they are filled."""
        known = {label.name: label for label in self.known_labels()}
        if self.labels is None:
            return tuple(known.values())
        return tuple(known[name] for name in dict.fromkeys(self.labels))

    def _as_label(self, table: LabelSettings) -> Label:
        limit = self.genre_limit if table.limit is None else table.limit
        folder = table.folder or table.name
        return Label(table.name, table.genre, table.style, limit, folder, genre_name=table.name)


class HostSettings(_Table):
    """`[download.hosts."HOST"]`: how kindly one picture host is asked."""

    per_minute: int = Field(0, ge=0, description="requests in any 60 s; 0: no limit")
    per_day: int = Field(0, ge=0, description="requests a UTC day; 0: no limit")
    concurrency: int = Field(8, ge=1, le=256, description="requests at a time")


_DEFAULT_HOSTS: Mapping[str, Mapping[str, int]] = {
    "i.discogs.com": {"per_minute": 30, "per_day": 1000, "concurrency": 4},
    "*": {"per_minute": 0, "concurrency": 32},
}


class DownloadSettings(_Table):
    """`[download]`: what counts as a good cover, and the limits of the hosts they come from."""

    min_size_px: int = Field(2, ge=1, description="smallest width and height; 1x1 is a spacer")
    max_pixels: int = Field(50_000_000, ge=1, description="largest area, checked before decoding")
    max_bytes: int = Field(20_000_000, ge=1, description="largest file; what is longer is cut off")
    hosts: dict[str, HostSettings] = Field(
        default_factory=dict,
        validate_default=True,
        description="limits by host; the longest matching pattern wins",
    )

    @field_validator("hosts", mode="before")
    @classmethod
    def _beside_the_defaults(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        merged: dict[str, object] = {host: dict(given) for host, given in _DEFAULT_HOSTS.items()}
        for host, given in value.items():
            default = merged.get(host)
            both = isinstance(default, dict) and isinstance(given, Mapping)
            merged[host] = {**default, **given} if both else given  # type: ignore[dict-item]
        return merged


class HttpSettings(_Table):
    """`[http]`: patience of the one HTTP client that all stages share."""

    connect_timeout_s: float = Field(10, gt=0, description="seconds to wait for a connection")
    read_timeout_s: float = Field(30, gt=0, description="seconds of silence before giving up")
    tries: int = Field(6, ge=1, description="how often a request is made that can succeed later")
    max_wait_s: float = Field(
        120, ge=0, description="longest pause; a host that asks for more is left for another run"
    )
    max_redirects: int = Field(5, ge=0, description="redirects that are followed")


class SplitSettings(_Table):
    """`[split]`: the shares of train, val and test, and the seed that deals them."""

    ratio: tuple[float, float, float] = Field(
        (0.70, 0.15, 0.15), description="shares of train, val and test"
    )
    seed: int = Field(1337, description="deals the same sets again")

    @field_validator("ratio")
    @classmethod
    def _adds_up(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if any(share < 0 for share in value) or not math.isclose(sum(value), 1, abs_tol=1e-5):
            msg = f"the three shares must be 0 or more and add up to 1, not to {sum(value):g}"
            raise ValueError(msg)
        return value


class Settings(BaseSettings):
    """All settings, checked; see config.example.toml for what each one does."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        dotenv_filtering="match_prefix",
        nested_model_default_partial_update=True,
    )

    dataset: DatasetSettings = DatasetSettings()
    discogs: DiscogsSettings = DiscogsSettings()
    fetch: FetchSettings = FetchSettings()
    download: DownloadSettings = DownloadSettings()
    http: HttpSettings = HttpSettings()
    split: SplitSettings = SplitSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (pydantic's own name)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the file below the environment; its values come in as the argument `toml`."""
        given = dict(init_settings())
        flags, toml = given.pop("flags", {}), given.pop("toml", {})
        return (
            InitSettingsSource(settings_cls, flags),
            env_settings,
            dotenv_settings,
            InitSettingsSource(settings_cls, toml),
        )


def defaults(**tables: BaseModel) -> Settings:
    """Return the default settings with some tables replaced; reads no file and no environment."""
    every = {
        name: field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
    }
    return Settings.model_construct(**every | tables)


class Credentials(BaseSettings):
    """Who we are to a service; values print as stars and never leave `secret()`'s callers."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    discogs_token: SecretStr = SecretStr("")
    discogs_key: SecretStr = SecretStr("")
    discogs_secret: SecretStr = SecretStr("")

    def discogs_authorization(self) -> str:
        """Return the value of the `Authorization` header for Discogs; "" where nothing is set.

        https://www.discogs.com/developers/#page:authentication
        """
        token = self.discogs_token.get_secret_value()
        key, secret = self.discogs_key.get_secret_value(), self.discogs_secret.get_secret_value()
        if token:
            return f"Discogs token={token}"
        return f"Discogs key={key}, secret={secret}" if key and secret else ""


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
    except Exception as err:  # pydantic-settings' own error for JSON that can't be parsed
        if type(err).__name__ != "SettingsError":
            raise
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
            trouble = f"unknown key{_suggest(keys[-1], known)}. Known here: {', '.join(known)}"
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


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
