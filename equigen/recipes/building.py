"""Build a dataset from its recipe: rows and settings put, covers compared with those that it had.

Covers come by the ordinary download, sets by the ordinary split; what is done here is before and
between these, and the proof at the end.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError

from equigen.config.settings import LabelSettings, has_setting
from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover, dataset_covers
from equigen.dataset.dataset import Dataset, are_covers_there
from equigen.dataset.made_with import DEFINING, settings_noted, value_of
from equigen.dataset.table import change_cells
from equigen.dataset.tsv import reading_tsv, write_tsv
from equigen.downloading.policy import is_put_off
from equigen.downloading.store import CoverStore
from equigen.errors import InputError, UsageError
from equigen.fetching.by_id import AlbumsById
from equigen.identity.pictures import has_no_cover
from equigen.labels.taxonomy import Taxonomy, load_taxonomy, taxonomy_names
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import RECIPE, RECIPE_DUE, Ledger
from equigen.ledger.models import FAILED, MISSING, OK, REFUSED, WAITING, Cover, Placement
from equigen.recipes.file import (
    MOST_BITS,
    MOST_LEVELS,
    Recipe,
    RecipeCover,
    bits_apart,
    levels_apart,
    levels_in,
)
from equigen.schema import SETS, Listing, Prefer, join_list, safe_text
from equigen.storage.atomic import replacing

TAXONOMY_FILE: Final = "recipe_taxonomy.toml"
DIFFERENCES: Final = "recipe_differences.tsv"
STATES: Final = (
    "same bytes", "same picture", "another picture now", "gone at its source", "not had yet",
)  # fmt: skip
IDENTICAL, SAME, CHANGED, GONE, LEFT = STATES
NONE: Final = "without a cover"
_ANOTHER: Final = "not the recipe's picture"
_UNWANTED: Final = "without a cover in its recipe"
_KEYS: Final = ("artist", "album", "album_id")
_TAXONOMY: Final = "fetch.taxonomy"
_BATCH: Final = 100


def with_settings(context: Context, recipe: Recipe) -> Context:
    """Return a run's surroundings with the settings that define the recipe's dataset.

    They count as if they had been given by flag. Nothing else of the recipe becomes a setting, so
    that a stranger's names no place, host or model.

    Raises:
        InputError: one of them is none.

    """
    settings, given = context.settings, dict(context.config.given)
    asked = {name: value for name, value in recipe.settings.items() if has_setting(name)}
    asked[_TAXONOMY] = _taxonomy(context, recipe, asked.get(_TAXONOMY))
    # For this run alone: each cover is had from where it was had.
    tables: dict[str, dict[str, Any]] = {"download": {"prefer": Prefer.FIRST}}
    if not settings.fetch.label:
        tables["fetch"] = {"label": [*recipe.own_labels]}
    for name, value in asked.items():
        table, _, key = name.partition(".")
        tables.setdefault(table, {})[key] = value
    new = dict[str, BaseModel]()
    for table, values in tables.items():
        before = getattr(settings, table)
        try:
            new[table] = type(before).model_validate(
                {**before.model_dump(exclude_unset=True), **values}
            )
        except ValidationError as err:
            raise _refused(recipe, f"settings.{table}", err) from None
    changed = settings.model_copy(update=new)
    for name in asked:
        _, otherwise = given.get(name, ("", value_of(settings, name)))
        given[name] = value_of(changed, name), otherwise
    return replace(context, config=replace(context.config, settings=changed, given=given))


def _refused(recipe: Recipe, part: str, err: ValidationError) -> InputError:
    first = err.errors(include_url=False, include_input=False)[0]
    where = ".".join([part, *map(str, first["loc"])])
    told = safe_text(f"{recipe.path}: recipe.json: {where}: {first['msg']}")
    return InputError(f"{told}. Get a copy of it anew.")


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
        raise _refused(recipe, "taxonomy", err) from None
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
    """Refuse to build where another dataset, or a file that isn't ours, lies; else note the recipe.

    Raises:
        UsageError: one lies here; the folder stays as it is.
        LedgerError: there is a ledger that can't be read.

    """
    context, noted = dataset.context, ""
    if has_tables(context.ledger):
        with Ledger(context.ledger, read_only=True) as ledger:
            noted = ledger.value(RECIPE)
    if noted == recipe.sha256:
        return
    # Of a recipe that was begun here, and of which nothing came.
    ours = (context.directory / name for name in (TAXONOMY_FILE, DIFFERENCES))
    own = [] if noted else [file for file in ours if file.exists()]
    if context.tsv.exists() or are_covers_there(context) or own:
        what = f"{own[0].name} lies" if own else "another dataset lies"
        msg = (
            f"{context.directory}: {what} here, which is not built from {recipe.path}."
            " Nothing was changed. Name an empty folder with --directory."
        )
        raise UsageError(msg)
    dataset.ledger.remember(RECIPE, recipe.sha256)


def begin(dataset: Dataset, recipe: Recipe) -> None:
    """Write the recipe's rows and note its settings and sets, as far as that wasn't done before.

    Raises:
        UsageError: its rows aren't the recipe's any more.
        InputError: the recipe is broken.

    """
    context, ledger = dataset.context, dataset.ledger
    ledger.remember(RECIPE_DUE, "1")
    if not context.tsv.exists():
        rows = recipe.rows()
        write_tsv(context.tsv, next(rows), rows)
    for stage in DEFINING:
        with settings_noted(dataset, stage):
            pass
    ledger.place(_placements(context, recipe))
    wanted, unwanted = set[str](), dict[str, str]()
    for row, was in _rows(context, recipe):
        if was.sha256:
            wanted.add(row.picture)
        else:
            unwanted[row.picture] = row.url
    known = ledger.covers_of(unwanted)
    ledger.record_covers(
        [
            _without(context, Cover(picture, url, REFUSED), _UNWANTED)
            for picture, url in unwanted.items()
            if picture not in known and picture not in wanted
        ]
    )


def _rows(context: Context, recipe: Recipe) -> Iterator[tuple[WantedCover, RecipeCover]]:
    return zip(dataset_covers(context), recipe.covers(), strict=False)


def _without(context: Context, cover: Cover, why: str, status: str = REFUSED) -> Cover:
    """Return what the ledger notes of a picture that isn't had."""
    now = context.now().isoformat(timespec="seconds")
    return replace(cover, status=status, reason=why, fetched_at=now, failures=cover.failures + 1)


def _placements(context: Context, recipe: Recipe) -> Iterator[Placement]:
    """Yield the sets of the recipe's albums, by the keys that their rows have here.

    Raises:
        UsageError: the rows here don't begin with the recipe's.

    """
    rows = dataset_covers(context)
    for number, (cells, cover) in enumerate(recipe.both(), start=1):
        row = next(rows, None)
        now = (row.artist, row.title, row.album_id) if row else ("", "", "")
        named = zip(_KEYS, now, strict=True)
        if any(cells.get(name, "") not in {"", cell} for name, cell in named):
            msg = (
                f"{context.tsv}, row {number:,}: not the recipe's any more. Expected its rows"
                " in their order; build it anew in an empty folder."
            )
            raise UsageError(msg)
        if row and cover.set_name and cover.ties:
            yield Placement(row.album, cover.set_name, cover.ties)


def fill(dataset: Dataset, recipe: Recipe, asked: AlbumsById, *, retry: bool) -> int:
    """Fill rows by their ids: those of which the recipe has no names, or no address of a cover.

    What sources say is written some at a time. A cover of which no address can be had is noted as
    missing; its source is asked for it again later, as for others, or with `retry`. Return how many
    albums were found.

    Raises:
        InputError: the recipe is broken.
        StorageError: the disk refuses.

    """
    context, ledger = dataset.context, dataset.ledger
    bare = {
        row.picture: row.album_id
        for row, was in _rows(context, recipe)
        if has_no_cover(row.url) and (was.sha256 or not (row.artist or row.title))
    }
    now, known = context.now(), ledger.covers_of(bare)
    put_off = {each for each, cover in known.items() if not retry and is_put_off(cover, now)}
    ids = dict.fromkeys(each for picture, each in bare.items() if each and picture not in put_off)
    told, found = set[str](), dict[str, Listing]()
    try:
        for each in asked.find([*ids]):
            told.add(each.asked)
            found[each.asked] = each.listing
            if len(found) == _BATCH:
                _put(context, found)
                found.clear()
    finally:  # also where a signal ends it
        if found:
            _put(context, found)
    ledger.record_covers(
        [
            _without(context, known.get(row.picture, Cover(row.picture, "", MISSING)), why, MISSING)
            for row, was in _rows(context, recipe)
            if was.sha256 and has_no_cover(row.url) and row.picture not in put_off
            if (why := _why_missing(row.album_id, asked, told))
        ]
    )
    return len(told)


def _why_missing(album_id: str, asked: AlbumsById, told: Collection[str]) -> str:
    """Return why an album's cover has no address for good; "" where it may have one later."""
    if not album_id:
        return "neither an address nor an id"
    if album_id in asked.wrong:
        return "no source has this id"
    return "no picture" if album_id in told else ""


def _put(context: Context, found: Mapping[str, Listing]) -> None:
    """Fill the empty cells of albums with what their sources say."""
    told = {
        album_id: {
            "artist": each.artist, "album": each.title, "year": each.year,
            "image_url": each.image_url, "genres": join_list(each.genres),
            "styles": join_list(each.styles), "country": each.country,
            "formats": join_list(each.formats), "artist_ids": join_list(each.artist_ids),
        }
        for album_id, each in found.items()
    }  # fmt: skip
    with reading_tsv(context.tsv) as tsv:
        columns = [name for name in tsv.columns if name in next(iter(told.values()))]
    change_cells(
        context.tsv,
        "album_id",
        columns,
        lambda album_id, cells: tuple(
            cell or told.get(album_id, {}).get(name, "")
            for name, cell in zip(columns, cells, strict=True)
        ),
    )


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
        state, reason = _state(dataset.ledger, was, cover, has_file=bool(file))
        yield Judged(row, was, state, reason, name)


def _state(
    ledger: Ledger, was: RecipeCover, cover: Cover | None, *, has_file: bool
) -> tuple[str, str]:
    from equigen.images.descriptor import levels_of  # noqa: PLC0415  (heavy)

    if not was.sha256:
        return NONE, _UNWANTED if has_file else ""
    if not (cover and cover.status == OK and has_file):
        return _lacking(cover)
    if cover.sha256 == was.sha256:
        return IDENTICAL, ""
    look = ledger.looks_of([cover.sha256]).get(cover.sha256, b"")
    levels = levels_of([look])[0].tolist() if look else ()
    bits, apart = bits_apart(was.phash, cover.phash), levels_apart(levels_in(was.look), levels)
    if bits is None or apart is None:
        return CHANGED, "other bytes, and no perceptual hash and greys to compare"
    is_same = bits <= MOST_BITS and apart <= MOST_LEVELS
    why = f"{bits} of 64 bits differ, a part of it by up to {apart:.0f} of 255 levels"
    return (SAME if is_same else CHANGED), why


def _lacking(cover: Cover | None) -> tuple[str, str]:
    if cover is None or cover.status in {OK, WAITING, FAILED}:
        return LEFT, cover.reason if cover else ""
    return (CHANGED if cover.reason == _ANOTHER else GONE), cover.reason


def set_aside(dataset: Dataset, recipe: Recipe) -> None:
    """Set covers aside that aren't those of the recipe.

    The ledger has them as refused, so that they come into no set and are asked for again later, as
    others that were refused.
    """
    context, ledger = dataset.context, dataset.ledger
    store = CoverStore(context, ledger)
    wrong = {
        each.row.picture: _ANOTHER if each.state == CHANGED else _UNWANTED
        for each in judged(dataset, recipe)
        if (each.state == CHANGED and each.reason != _ANOTHER)
        or (each.state == NONE and each.reason)
    }
    covers = ledger.covers_of(wrong)
    ledger.record_covers(
        [_without(context, cover, wrong[picture]) for picture, cover in covers.items()]
    )
    store.put_away(ledger.refused_files())  # with those that a kill left in their places


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
    dataset.ledger.remember(RECIPE_DUE, "1" if proof.states[LEFT] else "")
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
