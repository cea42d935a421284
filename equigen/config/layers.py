"""Load the configuration of a run: flags > environment > .env > config.toml > defaults."""

import json
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from equigen.config.settings import (
    ENV_PREFIX,
    SET_ASIDE,
    SHA256_PATTERN,
    SHARES,
    DatasetSettings,
    HostSettings,
    LabelSettings,
    Settings,
    suggest,
)
from equigen.config.source_settings import (
    DAY_PATTERN,
    MARKET_PATTERN,
    URL_PATTERN,
    Credentials,
)
from equigen.config.toml_lines import line_of
from equigen.config.trust import (
    TRUST_VARIABLE,
    is_users_own,
    links_at_risk,
    settings_at_risk,
)
from equigen.errors import ConfigError, MissingInputError, shortened
from equigen.http.addresses import shown_in_part
from equigen.labels.taxonomy import Taxonomy, TaxonomyFileError, TaxonomyRow
from equigen.plugins import flag_name
from equigen.schema import safe_text
from equigen.storage.below import open_regular
from equigen.storage.os_errors import why_not_utf8

CONFIG_NAME = "config.toml"
EXAMPLES_TSV = "equigen_examples.tsv"
_PATTERNS: Mapping[str, str] = {
    URL_PATTERN: "an address that starts with http:// or https://",
    DAY_PATTERN: "a day as YYYYMMDD, such as 20260901",
    MARKET_PATTERN: "two capital letters of a country, such as GB",
    SHA256_PATTERN: "a SHA-256: 64 hexadecimal digits",
}
DOTENV_NAME = ".env"
_MOST_KEY_CHARS, _MOST_TROUBLE_CHARS = 100, 600
# Expectations by pydantic's type of error, whose own words are those of a programmer.
_EXPECTED = {
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("path_type", "string_type", "string_unicode"), "text in quotes"),
    **dict.fromkeys(
        ("int_parsing", "int_type", "int_from_float", "int_parsing_size"), "a whole number"
    ),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "a number"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a table"),
    **dict.fromkeys(("enum", "literal_error"), "{expected}"),
    "list_type": "a list",
    "too_long": "{max_length} values",
    "string_too_short": "text that isn't blank",
    "too_short": "at least one",
    "missing": "a value there, but it is missing",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
}
_LISTS = {"ratio": "a list of 3 numbers", "label": "a list of tables"}
_SECRETS = frozenset(("token", "key", "secret", "password", *Credentials.model_fields))
# With or without a byte order mark, which editors on Windows write.
_ENCODING = "utf-8-sig"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """Checked settings, credentials, and the folder that relative paths start from.

    `at_risk` has the settings and links of folders that count only where these are trusted, by
    folder: the config's own, or one that the user named as the dataset's. `given` has the settings
    that flags gave, now or in an earlier command, and that the dataset is made of: the value, and
    that of the other layers, by the setting's name; `by_flag` has the names of those given now.
    """

    settings: Settings
    credentials: Credentials
    folder: Path
    at_risk: Mapping[Path, Mapping[str, str]] = field(default_factory=dict)
    given: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    by_flag: frozenset[str] = frozenset()

    @property
    def directory(self) -> Path:
        """The dataset's folder; a relative one starts at config.toml's folder."""
        return self.folder / self.settings.dataset.directory.expanduser()

    @property
    def tsv(self) -> Path:
        """The TSV: one row an album."""
        return self.directory / self.settings.dataset.tsv

    @property
    def image_folders(self) -> tuple[Path, ...]:
        """The folder of each rendering of a cover: `dataset.images`, the others beside it."""
        images = self.directory / self.settings.dataset.images
        _, *others = self.settings.download.renderings()
        named = (f"{images.name}_{other.size_px or 'original'}" for other in others)
        return (images, *map(images.with_name, named))

    @property
    def examples(self) -> "Config":
        """The configuration of the examples: a dataset of their own, in a folder of this one's."""
        data = self.settings.dataset
        folder = data.directory.expanduser() / data.examples
        own = data.model_copy(update={"directory": folder, "tsv": EXAMPLES_TSV})
        return replace(self, settings=self.settings.model_copy(update={"dataset": own}))

    @property
    def dumps(self) -> Path:
        """The folder of the dumps."""
        return self.directory / self.settings.dumps.directory.expanduser()

    def file_of(self, setting: str) -> Path | None:
        """Return the file that a setting names; None for none."""
        return next(iter(self.files_of(setting)), None)

    def files_of(self, setting: str) -> Sequence[Path]:
        """Return the files that a setting names.

        A relative path in a flag starts at the working directory, others at config.toml's folder.
        """
        table, _, key = setting.partition(".")
        value = getattr(getattr(self.settings, table), key)
        names = value if isinstance(value, list) else [value]
        folder = Path() if setting in self.by_flag else self.folder
        return [folder / Path(name).expanduser() for name in names if name]

    @property
    def places(self) -> Mapping[str, Sequence[Path]]:
        """The places of files that may be links as a whole, by their settings."""
        data, examples = self.settings.dataset, self.examples
        folders, of_examples = (
            [*each.image_folders, *(at.with_name(at.name + SET_ASIDE) for at in each.image_folders)]
            for each in (self, examples)
        )
        return {
            "dataset.tsv": [self.tsv, self.directory / data.reserve],
            "dataset.images": folders,
            "dataset.split": [self.directory / data.split],
            "dataset.examples": [examples.directory, examples.tsv, *of_examples],
            "dataset.features": [self.directory / data.features],
            "dumps.directory": [self.dumps],
        }


def load(
    path: Path | None = None,
    *,
    folder: Path = Path(),
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    """Read all layers of settings and check them.

    `path` is config.toml; by default, the one in `folder` is read if it exists. `.env` is read from
    the same folder. `flags` are the given ones: {table: {key: value}}.

    Raises:
        MissingInputError: `path` was given and is not there.
        ConfigError: a file can't be parsed, a key is unknown, or a value is wrong.

    """
    file = folder / CONFIG_NAME if path is None else path
    if file.is_dir():
        msg = f"{file}: this is a folder; expected a TOML file, such as {file / CONFIG_NAME}."
        raise ConfigError(msg)
    if path is not None and not path.is_file():
        msg = f"{path}: no such file. `equigen init` writes a {CONFIG_NAME} to start from."
        raise MissingInputError(msg)
    dotenv = file.parent / DOTENV_NAME
    for each in (file, dotenv):
        _refuse_no_settings(each)
    toml = _with_own_files(_read_toml(file), file.parent) if file.is_file() else {}
    flags = {table: dict(values) for table, values in (flags or {}).items() if values}
    flags = _with_own_files(flags, Path.cwd())
    layers = _Layers(file=file, dotenv=dotenv, toml=toml, flags=flags)
    try:
        with _reading(dotenv, "lines such as NAME=value,"):
            _check_dotenv(dotenv)
            layers.refuse_unknown_variables()
            settings = Settings(
                _env_file=dotenv,
                _env_file_encoding=_ENCODING,
                flags=flags,  # type: ignore[call-arg]
                toml=toml,
            )
            credentials = _credentials(dotenv)
            of_dotenv, users = layers.dotenv_settings(), settings
            if toml or of_dotenv:
                # Nothing of `fetch` needs trust, and its labels may be of the file's taxonomy.
                known = {**flags, "fetch": settings.fetch.model_dump()}
                users = Settings(_env_file=None, flags=known, toml={})  # type: ignore[call-arg]
    except ValidationError as err:
        raise ConfigError(layers.explain(err)) from None
    except SettingsError as err:
        raise ConfigError(layers.explain_json(err)) from None
    by_flag = frozenset(f"{table}.{key}" for table, keys in flags.items() for key in keys)
    config = Config(settings, credentials, file.parent, by_flag=by_flag)
    own = Path(toml.get("dataset", {}).get("directory", DatasetSettings().directory))
    return replace(config, at_risk=_at_risk(config, users, own, of_dotenv))


def _at_risk(
    config: Config, users: Settings, own: Path, dotenv: Iterable[tuple[str, str]]
) -> Mapping[Path, Mapping[str, str]]:
    """Return what counts only where a folder is trusted; `own` is the dataset's by config.toml."""
    usual, named = DatasetSettings().directory, users.dataset.directory
    here, *others = (config.folder / each.expanduser() for each in (named, own, usual))
    is_named = os.path.normpath(here.absolute()) not in {
        os.path.normpath(each.absolute()) for each in others
    }
    judged = config.directory if is_named else config.folder
    places = [
        place
        for name, found in config.places.items()
        if not is_users_own(name, config.settings, users)
        for place in found
    ]
    found = {config.folder: settings_at_risk(config.settings, users, dotenv)}
    links = links_at_risk(judged, config.directory, places)
    found[judged] = found.get(judged, {}) | links
    return {folder: risks for folder, risks in found.items() if risks}


def _refuse_no_settings(file: Path) -> None:
    """Refuse what is no file, and one that has no end or is far too long."""
    if file.exists() and not (file.is_file() or file.is_dir()):
        msg = f"{file}: not a regular file; expected one of settings. Move it away."
        raise ConfigError(msg)
    if file.is_file():
        with _reading(file, "settings"), open_regular(file) as opened:
            size_bytes = len(opened.read(_MOST_BYTES + 1) or b"")
        if size_bytes > _MOST_BYTES:
            msg = f"{file}: larger than {_MOST_BYTES:,} bytes; expected settings. Move it away."
            raise ConfigError(msg)


def _credentials(dotenv: Path) -> Credentials:
    try:
        return Credentials(_env_file=dotenv, _env_file_encoding=_ENCODING)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]).upper()
        msg = (
            f"{name}: {first['msg'].removeprefix('Value error, ')}; the value isn't shown. Copy it"
            f" anew into {dotenv} or the environment."
        )
        raise ConfigError(msg) from None


def _read_toml(file: Path) -> dict[str, Any]:
    with _reading(file, "a TOML file"):
        text = file.read_text(encoding=_ENCODING)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        msg = (
            f"{file}: this is not TOML: {err}. Mend that line; config.example.toml shows the form."
        )
        raise ConfigError(msg) from None


def _with_own_files(toml: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return settings whose taxonomy, where it is a file, is named as seen from here."""
    fetch = toml.get("fetch")
    taxonomy = fetch.get("taxonomy") if isinstance(fetch, dict) else None
    if isinstance(fetch, dict) and isinstance(taxonomy, str) and taxonomy.endswith(".toml"):
        return toml | {"fetch": {**fetch, "taxonomy": str(folder / taxonomy)}}
    return toml


@contextmanager
def _reading(file: Path, expected: str) -> Iterator[None]:
    """Translate the errors of a file that can't be read, or isn't UTF-8."""
    try:
        yield
    except UnicodeDecodeError:
        msg = f"{file}{why_not_utf8(file)}"
        raise ConfigError(msg) from None
    except OSError as err:
        msg = f"{file}: can't be read: {err}. Expected {expected} in UTF-8."
        raise ConfigError(msg) from None


def _check_dotenv(dotenv: Path) -> None:
    """Refuse a `.env` with a line that python-dotenv would ignore with a warning."""
    if not dotenv.is_file():
        return
    with dotenv.open(encoding=_ENCODING) as file:
        for binding in parse_stream(file):
            if binding.error:
                text = binding.original.string
                above = text[: len(text) - len(text.lstrip())].count("\n")
                msg = (
                    f"{dotenv}, line {binding.original.line + above}, column 1: not a line such as"
                    " NAME=value, or its quotes are torn; it isn't shown. Mend it, or put # before"
                    " it."
                )
                raise ConfigError(msg)


@dataclass(frozen=True, slots=True)
class _Layers:
    """The layers of settings, to name the place of a wrong value."""

    file: Path
    dotenv: Path
    toml: dict[str, Any]
    flags: Mapping[str, Mapping[str, Any]]

    def explain(self, err: ValidationError) -> str:
        """Describe the first error and its place in one line, and count the others."""
        errors = err.errors(include_url=False)
        inner = errors[0].get("ctx", {}).get("error")
        if isinstance(inner, TaxonomyFileError):
            return _explained(inner.errors, partial(_place_in, inner.file), Taxonomy)
        return _explained(errors, self._place, Settings)

    def refuse_unknown_variables(self) -> None:
        """Refuse a variable with our prefix that names no table."""
        tables = list(Settings.model_fields)
        for place, name, _ in self._variables():
            table = name.removeprefix(ENV_PREFIX).partition("__")[0].lower()
            if table not in tables:
                msg = (
                    f"{place}: unknown setting{suggest(table, tables)}. Expected a name such as"
                    f" EQUIGEN_FETCH__GENRE_LIMIT, with one of: {', '.join(tables)}."
                )
                raise ConfigError(msg)

    def explain_json(self, err: SettingsError) -> str:
        """Name the variable whose value should be JSON and isn't."""
        wrong = "environment"
        for place, name, value in self._variables():
            table, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
            if f'"{table}"' in str(err) and _is_written_as_json(table, key) and not _is_json(value):
                wrong = f"{place}: {table}.{key}".rstrip(".")
                break
        return (
            f"{wrong}: expected JSON, for example [0.7, 0.15, 0.15], and that it isn't. Lists and"
            " tables are written as JSON. Mend it and run again."
        )

    def _variables(self) -> Iterator[tuple[str, str, str]]:
        """Yield the place, the name in capitals and the value of each variable with our prefix."""
        for name, value in os.environ.items():
            if name.upper().startswith(ENV_PREFIX) and name != TRUST_VARIABLE:
                yield f"environment variable {name}", name.upper(), value
        for name, given in self.dotenv_settings():
            yield f"{self.dotenv}: {name}", name.upper(), given

    def dotenv_settings(self) -> list[tuple[str, str]]:
        """Return the names and values of the settings in `.env`, which may hold credentials too."""
        kept = dotenv_values(self.dotenv, encoding=_ENCODING) if self.dotenv.is_file() else {}
        return [(k, v or "") for k, v in kept.items() if k.upper().startswith(ENV_PREFIX)]

    def _place(self, keys: list[str]) -> str:
        if keys[0] in self.flags and len(keys) == 1:
            return "command line"
        if keys[1:2] and keys[1] in self.flags.get(keys[0], {}):
            return f"--{flag_name('.'.join(keys[:2])).replace('_', '-')}"
        places = {name: place for place, name, _ in reversed(list(self._variables()))}
        for length in range(len(keys), 0, -1):
            name = ENV_PREFIX + "__".join(keys[:length]).upper()
            if name in places:
                return places[name]
        return _place_in(self.file, keys) if self.file.is_file() else str(self.file)


def _place_in(file: Path, keys: Sequence[str]) -> str:
    line = line_of(file.read_text(encoding=_ENCODING), keys)
    return f"{file}, line {line}" if line else str(file)


def _explained(
    errors: Sequence[ErrorDetails], place_of: Callable[[list[str]], str], model: type[BaseModel]
) -> str:
    """Describe the first error in a file of this form, and count the others."""
    first = errors[0]
    keys = [str(part) for part in first["loc"]]
    if _is_short(first):
        first = max(filter(_is_short, errors), key=lambda error: error["loc"])
        keys = keys[:-1]
    elif first["type"] == "missing":  # by another name, perhaps
        first = next((each for each in errors if each["type"] == "extra_forbidden"), first)
        keys = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        known = _known_keys(keys[:-1], model)
        trouble = f"unknown key{suggest(keys[-1], known)}. Known here: {', '.join(known)}"
        if keys[-1] in _SECRETS:
            trouble += ". Credentials stand in .env or the environment, never in config.toml"
    elif first["type"] == "value_error":
        trouble = str(first["msg"]).removeprefix("Value error, ")
        # An error between several keys is reported for one of them.
        key, colon, rest = trouble.partition(": ")
        while colon and key in _known_keys(keys, model):
            keys, trouble = [*keys, key], rest
            key, colon, rest = trouble.partition(": ")
    else:
        trouble = f"expected {expectation(first)}, got {_given(first)}"
        if keys[:2] == ["split", "ratio"]:
            trouble += f"; three shares, as in {SHARES}"
    more = f" ({len(errors) - 1} more wrong settings)" if len(errors) > 1 else ""
    place, key = place_of(keys), shortened(".".join(keys), _MOST_KEY_CHARS)
    trouble = shortened(trouble, _MOST_TROUBLE_CHARS)
    if key and not place.startswith("--"):
        place = f"{place}: {key}"
    return safe_text(f"{place}: {trouble}.{more} Mend it and run again.")


def _is_written_as_json(table: str, key: str) -> bool:
    if not key:
        return True
    field = type(Settings.model_fields[table].default).model_fields.get(key.partition("__")[0])
    if field is None:
        return False
    default = field.get_default(call_default_factory=True, validated_data={})
    return not isinstance(default, (str, int, float, Path))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def expectation(error: ErrorDetails) -> str:
    """Return what was expected where pydantic found an error, in the words of a config.toml."""
    context = error.get("ctx", {})
    if _is_short(error):
        return f"{int(error['loc'][-1]) + 1} values"
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ").removeprefix("expected ")
    if error["type"] == "tuple_type":
        return _LISTS.get(str(error["loc"][-1]), 'a list of texts, such as ["Jazz"]')
    if error["type"] == "string_pattern_mismatch":
        return _PATTERNS[context["pattern"]]
    return _EXPECTED.get(error["type"], "another one").format(**context)


def _is_short(error: ErrorDetails) -> bool:
    """Tell whether an error is of a list that has too few values."""
    return error["type"] == "missing" and isinstance(error["loc"][-1], int)


def _given(error: ErrorDetails) -> str:
    """Return the wrong value as TOML writes it, without the secrets of an address."""
    value = error["input"]
    is_address = error.get("ctx", {}).get("pattern") == URL_PATTERN or "://" in str(value)
    return as_toml(shown_in_part(value) if is_address and isinstance(value, str) else value)


def as_toml(value: object) -> str:
    """Return a value about as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case date() | time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(map(as_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{key} = {as_toml(each)}' for key, each in value.items())}}}"
        case str() | int() | float():
            return repr(value)
    return "nothing" if value is None else f"an object of type {type(value).__name__}"


def _known_keys(path: list[str], model: type[BaseModel] = Settings) -> list[str]:
    fields = model.model_fields
    for part in path:
        if part.isdigit():
            continue
        if part not in fields:  # the name of a host
            return list(HostSettings.model_fields)
        annotation = fields[part].annotation
        if part == "label":
            row = TaxonomyRow if model is Taxonomy else LabelSettings
            fields = row.model_fields
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields
    return list(fields)
