"""Remember the settings that a dataset was made with, and use those given by flag again.

A limit, size or ratio that was given once by flag, or to `equigen.run`, holds for later commands
too, until the user gives another one or changes it in config.toml or the environment.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from equigen.config.layers import Config, as_toml, load
from equigen.config.settings import FetchSettings, Settings, has_setting
from equigen.config.trust import refuse_strange
from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset
from equigen.errors import (
    ConfigError,
    CredentialsError,
    LedgerError,
    MissingInputError,
    UsageError,
)
from equigen.images.rendering import sizes_in
from equigen.labels.taxonomy import Query
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import GIVEN_BY_FLAG, LEDGER_NAME, MADE_WITH, Ledger
from equigen.ledger.values import read_by_name, read_given

T = TypeVar("T")
Flags = Mapping[str, Mapping[str, Any]]

# The settings that decide what a dataset is, by the stage that uses them.
DEFINING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fetch": ("fetch.taxonomy", "fetch.several", "fetch.genre_limit", "fetch.world_limit"),
        "balance": ("balance.per_label", "balance.per_artist", "balance.seed"),
        "download": (
            "download.layout", "download.sizes", "download.fit", "download.quality",
            "download.format",
        ),
        "split": ("split.ratio", "split.group", "split.seed", "split.keep_sets"),
    }
)  # fmt: skip
_TAXONOMY: Final = "fetch.taxonomy"
_SIZES: Final = "download.sizes"
# Noted beside them: the names of all queries that any fetch asked for, None for all that there are.
_ASKED: Final = "fetch.labels"
_NAMES = frozenset(name for names in DEFINING.values() for name in names)
_KEPT = (
    "albums that are there keep their labels; those left out before come by"
    " `equigen fetch --refresh --since YEAR`"
)
_REMADE = (
    "covers of another size are made anew of the originals where these are there, else refused"
)
# The consequence of a change for what is there already; of limits, that of a smaller one.
_CONSEQUENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("fetch.taxonomy", "fetch.several"), _KEPT),
        "fetch.genre_limit": "no album is taken out for it: `equigen balance` does that",
        "fetch.world_limit": "no album is taken out for it: `equigen balance` does that",
        **dict.fromkeys(DEFINING["balance"], "which rows are kept is chosen anew"),
        **dict.fromkeys(DEFINING["download"], _REMADE),
        "download.layout": "files get other places, and none is fetched again",
    }
)


class Difference(NamedTuple):
    """A setting that isn't what the dataset was made with; both values are as TOML writes them."""

    name: str
    made_with: str
    now: str

    def __str__(self) -> str:
        return f"{self.name}: made with {self.made_with}, now {self.now}"

    @property
    def asks_for_more(self) -> bool:
        """Whether it is a limit of albums that is larger now."""
        made_with, now = (
            int(value) if value.isdecimal() else 0 for value in (self.made_with, self.now)
        )
        return self.name.endswith("_limit") and 0 < made_with < now


def load_remembering(path: Path | None, flags: Flags) -> Config:
    """Read the settings as `load` does, with those that were given by flag in earlier commands.

    Such a setting holds as long as the other layers say what they said then.

    Raises:
        MissingInputError, ConfigError: as `load` has it.

    """
    try:  # the other layers alone, and where the dataset lies
        others = load(path, flags={table: flags[table] for table in flags if table not in DEFINING})
        refuse_strange(others.at_risk)
    except ConfigError:  # a flag may mend it; else the command refuses the folder or the settings
        return load(path, flags=flags)
    ledger = others.directory / LEDGER_NAME
    flags = _beside_sizes_there(flags, ledger)
    asked = frozenset(f"{table}.{key}" for table, keys in flags.items() for key in keys)
    given = asked & _NAMES
    kept = {
        name: pair
        for name, pair in _given_before(ledger).items()
        if name not in given and pair[1] == value_of(others.settings, name)
    }
    # The labels of a dataset stay when another source, with its own taxonomy, brings more albums.
    if _TAXONOMY not in asked and "taxonomy" not in others.settings.fetch.model_fields_set:
        before = _noted_before(ledger, MADE_WITH, read_by_name).get(_TAXONOMY)
        now = value_of(others.settings, _TAXONOMY)
        if before not in (None, now):
            kept.setdefault(_TAXONOMY, (before, now))
    if not kept and DEFINING.keys().isdisjoint(flags):
        return others
    try:
        config = load(path, flags=_with(flags, {name: value for name, (value, _) in kept.items()}))
    except ConfigError as err:
        load(path, flags=flags)  # which raises where nothing that is remembered is to blame
        named = ", ".join(f"{name} = {as_toml(value)}" for name, (value, _) in kept.items())
        msg = (
            f"{err} {ledger} remembers of earlier commands: {named}. To replace one of these, give"
            " its flag again with another value."
        )
        raise ConfigError(msg) from None
    given_now = {
        name: (value_of(config.settings, name), value_of(others.settings, name)) for name in given
    }
    return replace(config, given={**kept, **given_now}, by_flag=asked)


@contextmanager
def settings_noted(dataset: Dataset, stage: str, *, anew: bool = True) -> Iterator[None]:
    """Note the settings that a stage works with; a stage that refuses them leaves no note.

    A difference that would remake things is said first. Without `anew`, what the dataset was made
    with stays noted, as far as it is known.
    """
    context, ledger, names = dataset.context, dataset.ledger, list(_names_of(stage))
    known = ledger.read(GIVEN_BY_FLAG, read_given) or {}
    made_with = ledger.read(MADE_WITH, read_by_name) or {}
    now = {name: value_of(context.settings, name) for name in names}
    if stage == "fetch":
        now |= _asked_with(made_with, context.settings.fetch)
    for name, before in made_with.items():
        if name in now and name in _CONSEQUENCES and _is_worth_saying(name, before, now[name]):
            difference = Difference(name, as_toml(before), as_toml(now[name]))
            context.say(f"{stage}: {difference}; {_CONSEQUENCES[name]}.")
    given = {name: pair for name, pair in known.items() if name not in names}
    given |= {name: pair for name, pair in context.config.given.items() if name in names}
    noted = {**made_with, **now} if anew else {**now, **made_with}
    try:
        _note(ledger, given, noted)
        yield
    except (UsageError, ConfigError, CredentialsError, MissingInputError):
        _note(ledger, known, made_with)
        raise


def _asked_with(made_with: Mapping[str, Any], fetch: FetchSettings) -> Mapping[str, Any]:
    """Return what to note of the queries asked for, with those of earlier fetches."""
    if fetch.labels is None:
        return {_ASKED: None}
    if _TAXONOMY in made_with and _ASKED not in made_with:  # a dataset of before: it is unknown
        return {}
    before = made_with.get(_ASKED, [])
    names = [*(before or ()), *(query.name for query in fetch.chosen_queries())]
    return {_ASKED: None if before is None else [*dict.fromkeys(names)]}


def queries_asked(context: Context, ledger: Ledger | None) -> Sequence[Query]:
    """Return the queries that were asked for so far; where that isn't known, those of the settings.

    A dataset of 24 labels of which two were fetched by flag lacks none of the others.
    """
    fetch = context.settings.fetch
    noted = (ledger.read(MADE_WITH, read_by_name) if ledger else None) or {}
    if _ASKED not in noted:
        return fetch.chosen_queries()
    names = noted[_ASKED]
    return [query for query in fetch.known_queries() if names is None or query.name in names]


def _note(
    ledger: Ledger, given: Mapping[str, tuple[Any, Any]], made_with: Mapping[str, Any]
) -> None:
    for key, value in ((GIVEN_BY_FLAG, given), (MADE_WITH, made_with)):
        text = json.dumps(value, sort_keys=True)
        if ledger.value(key) != text:
            ledger.remember(key, text)


def _is_worth_saying(name: str, before: Any, now: Any) -> bool:  # noqa: ANN401  (any setting's)
    """Tell whether a setting differs, and isn't just a limit that grew or is gone."""
    is_larger = name.endswith("_limit") and (now is None or now > (before or 0))
    return before != now and not is_larger


def forget_settings(ledger: Ledger, stage: str) -> None:
    """Forget what flags gave to a stage, and what it was carried out with, since it was undone."""
    for key, reader in ((GIVEN_BY_FLAG, read_given), (MADE_WITH, read_by_name)):
        noted = ledger.read(key, reader) or {}
        kept = {name: value for name, value in noted.items() if name not in DEFINING[stage]}
        ledger.remember(key, json.dumps(kept))


def differences(context: Context, ledger: Ledger, stage: str = "") -> list[Difference]:
    """Return the settings, of a stage or all, that aren't those that the dataset was made with."""
    made_with = ledger.read(MADE_WITH, read_by_name) or {}
    return [
        Difference(name, as_toml(made_with[name]), as_toml(now))
        for name in _names_of(stage)
        if name in made_with and made_with[name] != (now := value_of(context.settings, name))
    ]


def made_with(ledger: Ledger, name: str) -> Any:  # noqa: ANN401  (whatever the setting is)
    """Return the value of a setting that the dataset was made with, None where none is known."""
    return (ledger.read(MADE_WITH, read_by_name) or {}).get(name)


def sizes_made(ledger: Ledger) -> Counter[str]:
    """Return how many covers were made in each size: "original", "64 px"; none for one size."""
    sizes = Counter[str]()
    if len(made_with(ledger, _SIZES) or ()) > 1:
        for rendering, count in ledger.renderings():
            sizes.update(dict.fromkeys(sizes_in(rendering), count))
    return sizes


def _names_of(stage: str) -> Iterator[str]:
    for each in (stage,) if stage else DEFINING:
        yield from filter(has_setting, DEFINING[each])


def _given_before(path: Path) -> Mapping[str, tuple[Any, Any]]:
    """Return the settings of earlier flags: their values, and what the other layers said then."""
    found = _noted_before(path, GIVEN_BY_FLAG, read_given)
    return {name: given for name, given in found.items() if name in _NAMES and has_setting(name)}


def _beside_sizes_there(flags: Flags, path: Path) -> Flags:
    """Return the flags with sizes put after those of the covers that are there.

    Sizes that name the first of these are all that is wanted.
    """
    sizes = flags.get("download", {}).get("sizes")
    if not sizes or not _reading(path, Ledger.knows_covers, default=False):
        return flags
    there = _noted_before(path, MADE_WITH, read_by_name).get(_SIZES) or [0]
    texts = [str(size).strip() for size in sizes]
    if str(there[0]) in texts:
        return flags
    both = [*there, *(size for size in texts if size not in map(str, there))]
    return _with(flags, {_SIZES: both})


def _noted_before(
    path: Path, key: str, reader: Callable[[str], Mapping[str, T]]
) -> Mapping[str, T]:
    """Return what a ledger notes by the names of settings; nothing where it can't be read."""
    return _reading(path, lambda ledger: ledger.read(key, reader), default=None) or {}


def _reading(path: Path, read: Callable[[Ledger], T], *, default: T) -> T:
    """Return what is read from a ledger, or the default where it can't be."""
    # A damaged ledger is told by the stage that needs it, and mended by `repair`.
    with suppress(LedgerError):
        if has_tables(path):
            with Ledger(path, read_only=True) as ledger:
                return read(ledger)
    return default


def value_of(settings: Settings, name: str) -> Any:  # noqa: ANN401  (whatever the setting is)
    """Return a setting's value as JSON has it."""
    table, _, key = name.partition(".")
    return getattr(settings, table).model_dump(mode="json", include={key})[key]


def _with(flags: Flags, values: Mapping[str, Any]) -> Flags:
    merged = {table: dict(keys) for table, keys in flags.items()}
    for name, value in values.items():
        table, _, key = name.partition(".")
        merged.setdefault(table, {})[key] = value
    return merged
