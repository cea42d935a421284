"""Build a dataset from its recipe: rows and settings put, covers compared with those that it had.

Covers come by the ordinary download, sets by the ordinary split; what is done here is before and
between these, and the proof at the end.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from equigen.config.settings import LabelSettings, has_setting
from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover
from equigen.dataset.dataset import Dataset
from equigen.dataset.made_with import DEFINING, settings_noted
from equigen.dataset.table import change_cells
from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.downloading.store import CoverStore
from equigen.errors import (
    BadBodyError,
    ConfigError,
    CredentialsError,
    EquigenError,
    FetchError,
    InputError,
    UsageError,
)
from equigen.http.client import Client
from equigen.labels.taxonomy import Taxonomy, load_taxonomy, taxonomy_names
from equigen.ledger.models import FAILED, OK, REFUSED, WAITING, Cover, Placement
from equigen.recipes.file import MOST_BITS, Recipe, RecipeCover, bits_apart, key_of_row
from equigen.schema import SETS, Listing, join_list, safe_text
from equigen.sources.base import Lookup, Request, client_of, may_republish, open_lookup
from equigen.storage.atomic import replacing

TAXONOMY_FILE: Final = "recipe_taxonomy.toml"
DIFFERENCES: Final = "recipe_differences.tsv"
# In the ledger: the sha256 of the recipe that the dataset is built from.
_RECIPE: Final = "recipe"
IDENTICAL, SAME, CHANGED, GONE, LEFT, NONE = (
    "same bytes", "same picture", "another picture now", "gone at its source", "not had yet",
    "without a cover",
)  # fmt: skip
_ANOTHER: Final = "not the recipe's picture"
_UNWANTED: Final = "without a cover in its recipe"
_KEYS: Final = ("artist", "album", "album_id")
_MOST_REQUESTS: Final = 3
_BATCH: Final = 500


def with_settings(context: Context, recipe: Recipe) -> Context:
    """Return a run's surroundings with the settings that define the recipe's dataset.

    They count as if they had been given by flag. Nothing else of the recipe becomes a setting, so
    that a stranger's names no place, host or model.

    Raises:
        InputError: one of them is none.

    """
    settings, given = context.settings, dict(context.config.given)
    tables: dict[str, dict[str, Any]] = {}
    for name, value in recipe.settings.items():
        table, _, key = name.partition(".")
        if has_setting(name):
            tables.setdefault(table, {})[key] = value
    named = tables.setdefault("fetch", {}).get("taxonomy")
    tables["fetch"]["taxonomy"] = _taxonomy(context, recipe, named)
    own = {"label": [*recipe.own_labels]} if not settings.fetch.label else {}
    try:
        new = {
            table: _with(getattr(settings, table), {**values, **(own if table == "fetch" else {})})
            for table, values in tables.items()
        }
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        msg = safe_text(f"{recipe.path}: settings: {where}: {first['msg']}. Get a copy of it anew.")
        raise InputError(msg) from None
    for table, values in tables.items():
        for key in values:
            before, now = (
                each.model_dump(mode="json", include={key})[key]
                for each in (getattr(settings, table), new[table])
            )
            given.setdefault(f"{table}.{key}", (now, before))
    config = replace(context.config, settings=settings.model_copy(update=new), given=given)
    return replace(context, config=config)


def _with(table: BaseModel, values: Mapping[str, Any]) -> BaseModel:
    return type(table).model_validate({**table.model_dump(exclude_unset=True), **values})


def _taxonomy(context: Context, recipe: Recipe, name: object) -> str:
    """Return the name of the recipe's taxonomy where it is built in, or else its file's path.

    Raises:
        InputError: the recipe has none.

    """
    try:
        own = Taxonomy.model_validate(recipe.taxonomy)
        for each in recipe.own_labels:
            LabelSettings.model_validate(each)
    except ValidationError as err:
        trouble = err.errors(include_url=False, include_input=False)[0]["msg"]
        msg = safe_text(f"{recipe.path}: taxonomy: {trouble}. Get a copy of it anew.")
        raise InputError(msg) from None
    if isinstance(name, str) and name in taxonomy_names() and load_taxonomy(name) == own:
        return name
    file = context.directory / TAXONOMY_FILE
    head, rows = own.model_dump(mode="json", exclude_defaults=True), []
    for row in head.pop("label"):
        rows += ["", "[[label]]", *_toml(row)]
    with replacing(file, keeps_link=False) as out:
        out.write("\n".join([*_toml(head), *rows, ""]))
    return str(file)


def _toml(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a flat table; texts, numbers and lists are written alike in JSON."""
    for key, value in table.items():
        text = safe_text(value) if isinstance(value, str) else value
        yield f"{key} = {json.dumps(text, ensure_ascii=False)}"


def claim(dataset: Dataset, recipe: Recipe) -> None:
    """Note that the dataset here is built from a recipe.

    Raises:
        UsageError: another one lies here.

    """
    tsv, ledger = dataset.context.tsv, dataset.ledger
    if tsv.exists() and ledger.value(_RECIPE) != recipe.sha256:
        msg = (
            f"{tsv}: another dataset lies here, which is not built from {recipe.path}. Nothing was"
            " changed. Build it in an empty folder."
        )
        raise UsageError(msg)
    ledger.remember(_RECIPE, recipe.sha256)


def begin(dataset: Dataset, recipe: Recipe) -> None:
    """Write the recipe's rows and note its settings and sets, as far as that wasn't done before.

    Raises:
        UsageError: its rows aren't the recipe's any more.
        InputError: the recipe is broken.

    """
    context, ledger = dataset.context, dataset.ledger
    if not context.tsv.exists():
        rows = recipe.rows()
        write_tsv(context.tsv, next(rows), rows)
    for stage in DEFINING:
        with settings_noted(dataset, stage):
            pass
    ledger.place(_placements(context, recipe))
    now = context.now().isoformat(timespec="seconds")
    bare = dict[str, str]()
    for each in judged(dataset, recipe):
        if each.state == NONE:
            bare[each.row.picture] = each.row.url
    known = ledger.covers_of(bare)
    for each in judged(dataset, recipe) if bare else ():
        if each.state != NONE:
            bare.pop(each.row.picture, None)
    ledger.record_covers(
        [
            Cover(picture, url, REFUSED, _UNWANTED, fetched_at=now, failures=1)
            for picture, url in bare.items()
            if picture not in known
        ]
    )


def _placements(context: Context, recipe: Recipe) -> Iterator[Placement]:
    """Yield the sets of the recipe's albums, by the keys that their rows have here.

    Raises:
        UsageError: the rows here don't begin with the recipe's.

    """
    with reading_tsv(context.tsv) as tsv:
        rows = iter(tsv)
        for number, (cells, cover) in enumerate(recipe.both(), start=1):
            row = next(rows, None)
            now = dict(zip(tsv.columns, row, strict=True)) if row else {}
            if any(cells[name] not in {"", now.get(name)} for name in _KEYS if name in cells):
                msg = (
                    f"{context.tsv}, row {number:,}: not the recipe's any more. Expected its rows"
                    " in their order; build it anew in an empty folder."
                )
                raise UsageError(msg)
            if now and cover.set_name and cover.ties:
                yield Placement(key_of_row(now), cover.set_name, cover.ties)


@dataclass(slots=True)
class Filling:
    """Rows filled by their ids: those of which the recipe has no names, or no address of a cover.

    `failed` has the reasons why some could not be had, with their numbers.
    """

    context: Context
    filled: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    _services: dict[str, tuple[Lookup, Client] | str] = field(default_factory=dict)

    def fill(self, recipe: Recipe) -> None:
        """Ask each source for its albums, and write what it says, some at a time.

        Raises:
            InputError: the recipe is broken.
            StorageError: the disk refuses.

        """
        wanted = iter(self._wanted(recipe))
        try:
            while some := list(islice(wanted, _BATCH)):
                found = {album_id: cells for album_id in some if (cells := self._cells(album_id))}
                if found:
                    self._put(found)
                self.filled += len(found)
        finally:
            for service in self._services.values():
                if isinstance(service, tuple):
                    service[1].close()

    def _wanted(self, recipe: Recipe) -> list[str]:
        wanted = list[str]()
        with reading_tsv(self.context.tsv) as tsv:
            at = tsv.index("album_id")
            names = [tsv.index(name) for name in ("artist", "album")]
            url = tsv.index("image_url")
            for row, cover in zip(tsv, recipe.covers(), strict=False):
                if at < 0 or not row[at] or (row[url] and may_republish(row[at])):
                    continue
                if not any(row[name] for name in names) or (cover.sha256 and not row[url]):
                    wanted.append(row[at])
        return list(dict.fromkeys(wanted))

    def _cells(self, album_id: str) -> Mapping[str, str] | None:
        name = album_id.partition(":")[0]
        try:
            service = self._services[name] = self._services.get(name) or self._opened(album_id)
            if isinstance(service, str) or self.context.time_is_up:
                self.failed[service if isinstance(service, str) else "the time is up"] += 1
                return None
            listing = _asked(album_id, *service)
        except EquigenError as err:
            self.failed[str(err)] += 1
            if isinstance(err, (CredentialsError, ConfigError)):
                self._services[name] = str(err)
            elif not isinstance(err, FetchError):
                raise
            return None
        if listing is None:
            self.failed["no such id"] += 1
            return None
        return {
            "artist": listing.artist, "album": listing.title, "year": listing.year,
            "image_url": listing.image_url, "genres": join_list(listing.genres),
            "styles": join_list(listing.styles), "country": listing.country,
            "formats": join_list(listing.formats), "artist_ids": join_list(listing.artist_ids),
        }  # fmt: skip

    def _opened(self, album_id: str) -> tuple[Lookup, Client] | str:
        lookup = open_lookup(album_id, self.context.config)
        if not lookup:
            return f"{album_id.partition(':')[0]} can't be asked for albums by their ids"
        return lookup, client_of(lookup, self.context)

    def _put(self, found: Mapping[str, Mapping[str, str]]) -> None:
        with reading_tsv(self.context.tsv) as tsv:
            columns = [name for name in tsv.columns if name in next(iter(found.values()))]
        change_cells(
            self.context.tsv,
            "album_id",
            columns,
            lambda album_id, cells: tuple(
                cell or found.get(album_id, {}).get(name, "")
                for name, cell in zip(columns, cells, strict=True)
            ),
        )


def _asked(album_id: str, lookup: Lookup, client: Client) -> Listing | None:
    found: Listing | Request | None = lookup.album_request(album_id)
    for _ in range(_MOST_REQUESTS):
        if isinstance(found, Request):
            found = client.get(
                found.url,
                lambda answer: lookup.read_album(answer.body, url=answer.url),
                params=found.params,
            )
    if isinstance(found, Request):
        msg = f"{album_id}: {found.url} leads on and on."
        raise BadBodyError(msg, url=found.url)
    return found


class Judged(NamedTuple):
    """An album of the recipe as it is here: `state` is one of the constants above."""

    row: WantedCover
    was: RecipeCover
    state: str
    reason: str
    set_name: str


def judged(dataset: Dataset, recipe: Recipe) -> Iterator[Judged]:
    """Yield each album of the recipe, in its order, with what became of its cover here.

    Raises:
        InputError: the recipe or the TSV is broken.

    """
    for was, (row, cover, file, name) in zip(recipe.covers(), dataset.shown(), strict=False):
        state, reason = _state(was, cover, has_file=bool(file))
        yield Judged(row, was, state, reason, name)


def _state(was: RecipeCover, cover: Cover | None, *, has_file: bool) -> tuple[str, str]:
    if not was.sha256:
        return NONE, _UNWANTED if has_file else ""
    if not (cover and cover.status == OK and has_file):
        return _lacking(cover)
    if cover.sha256 == was.sha256:
        return IDENTICAL, ""
    bits = bits_apart(was.phash, cover.phash)
    if bits is None:
        return CHANGED, "other bytes, and no perceptual hash to compare"
    return (SAME if bits <= MOST_BITS else CHANGED), f"{bits} of 64 bits differ"


def _lacking(cover: Cover | None) -> tuple[str, str]:
    if cover is None or cover.status in {OK, WAITING, FAILED}:
        return LEFT, cover.reason if cover else ""
    return (CHANGED if cover.reason == _ANOTHER else GONE), cover.reason


def set_aside(dataset: Dataset, recipe: Recipe) -> int:
    """Set covers aside that aren't those of the recipe; return how many.

    The ledger has them as refused, so that they come into no set and are asked for again later, as
    others that were refused.
    """
    context, ledger = dataset.context, dataset.ledger
    store, now = CoverStore(context, ledger), context.now().isoformat(timespec="seconds")
    wrong = {
        each.row.picture: _ANOTHER if each.state == CHANGED else _UNWANTED
        for each in judged(dataset, recipe)
        if (each.state == CHANGED and each.reason != _ANOTHER)
        or (each.state == NONE and each.reason)
    }
    covers = ledger.covers_of(wrong)
    files = ledger.files_of(covers)
    refused = [
        replace(cover, status=REFUSED, reason=wrong[picture], fetched_at=now, failures=1)
        for picture, cover in covers.items()
    ]
    ledger.record_covers(refused)
    for picture, cover in covers.items():
        store.put_away([(path, cover.size_bytes) for path in files.get(picture, ())])
    return len(refused)


@dataclass(slots=True)
class Proof:
    """The recipe's albums by what became of their covers, and how many have the same set, labels.

    `here` counts the covers that are taken, whose sets are compared.
    """

    states: Counter[str] = field(default_factory=Counter)
    here: int = 0
    same_sets: int = 0
    albums: int = 0
    same_labels: int = 0

    @property
    def covers(self) -> int:
        """The number of covers that the recipe has."""
        return self.albums - self.states[NONE]

    @property
    def is_whole(self) -> bool:
        """Whether nothing lacks or differs."""
        have = self.states[IDENTICAL] + self.states[SAME]
        return (
            have == self.covers and self.same_sets == self.here and self.same_labels == self.albums
        )


def prove(dataset: Dataset, recipe: Recipe) -> Proof:
    """Compare the dataset with its recipe, and list each difference in a file beside the TSV.

    Raises:
        InputError: the recipe or the TSV is broken.
        StorageError: the disk refuses.

    """
    proof = Proof()
    columns = ("album_id", "artist", "album", "cover", "why", "set_then", "set_now")
    file = dataset.context.directory / DIFFERENCES
    differing = _differing(judged(dataset, recipe), proof)
    write_tsv(file, columns, differing, keeps_link=False)
    with suppress(FileNotFoundError):
        if proof.is_whole and not proof.states[SAME]:
            file.unlink()
    return proof


def _differing(albums: Iterable[Judged], proof: Proof) -> Iterator[Sequence[str]]:
    for row, was, state, reason, name in albums:
        proof.albums += 1
        proof.states[state] += 1
        same_labels = {*row.labels} == {*was.labels}
        proof.same_labels += same_labels
        then = was.set_name if was.set_name in SETS else ""
        is_here = state in {IDENTICAL, SAME}
        proof.here += is_here
        proof.same_sets += is_here and name == then
        if state not in {IDENTICAL, NONE} or (is_here and name != then) or not same_labels:
            why = reason if same_labels else f"{reason} labels were {join_list(was.labels)}".strip()
            yield row.album_id, row.artist, row.title, state, why, then, name
