"""Write a dataset without its pictures, and build it anew.

A recipe is one file: rows, labels, sets, settings, and of each cover its address, SHA-256 and
perceptual hash. `write` makes one of the dataset here. `build` makes the dataset in `--directory`:
covers come from each source within its limits, and each is compared. Same bytes, or the same
picture in other bytes, are taken; another picture is set aside. It goes on where it stopped, and
ends with a proof, or with 3 where something lacks. `diff` tells two recipes apart.

Examples:
  equigen recipe write covers.recipe
  equigen recipe build covers.recipe --directory rebuilt
  equigen recipe diff covers.recipe later.recipe
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from equigen.commands import download, split
from equigen.config.layers import CONFIG_NAME, as_toml
from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Need
from equigen.errors import InputError, UsageError
from equigen.fetching.by_id import AlbumsById
from equigen.identity.albums import album_key
from equigen.identity.pictures import clean_url, picture_key
from equigen.recipes import building
from equigen.recipes.file import (
    MOST_BITS,
    STEP_LEVELS,
    Recipe,
    RecipeCover,
    bits_apart,
    levels_apart,
    levels_in,
    read_recipe,
    write_recipe,
)
from equigen.schema import Link, join_list
from equigen.summary import Summary, Table

ORDER: Final = 76
SETTINGS: Final = ("dataset.directory",)
_MOST_SHOWN: Final = 20
_ONLY: Final = ("only in the first", "only in the second")
_DIFFER: Final = "different"
# The kind of a difference, the album or setting that it is of, and both recipes' values.
Difference = tuple[str, str, str, str]
_FILES: Final = {"write": 1, "build": 1, "diff": 2}
# Between cells; no text of a recipe has it.
_BETWEEN: Final = "\0"


class RecipeAction(StrEnum):
    """The actions on recipes."""

    WRITE = "write"
    BUILD = "build"
    DIFF = "diff"


def run(
    context: Context,
    *,
    action: Annotated[RecipeAction, typer.Argument(help="What to do.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="The recipe; for diff, two of them.")
    ],
    link: Annotated[
        Link, typer.Option(help="With build: how covers get into their sets.")
    ] = Link.COPY,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="With build: ask again for covers that failed."),
    ] = False,
) -> Summary:
    """Write, build or compare recipes.

    Raises:
        UsageError: too many files or too few, or a place that isn't free.
        MissingInputError, InputError: a recipe or a dataset isn't there, or is broken.
        EquigenError: as `download` and `split` have it.

    """
    if len(files) != (wanted := _FILES[action]):
        msg = f"recipe {action}: expected {wanted} file{'s' * (wanted > 1)}, got {len(files)}."
        raise UsageError(msg)
    if action is RecipeAction.WRITE:
        return _write(context, files[0])
    if action is RecipeAction.DIFF:
        return _diff(*files)
    return _build(context, files[0], link, retry_failed=retry_failed)


def _write(context: Context, out: Path) -> Summary:
    context.check_output(out, "recipe write")
    if out.exists():
        try:
            read_recipe(out)
        except InputError:
            msg = f"{out}: another file, no recipe, lies here. It stays. Name another one."
            raise UsageError(msg) from None
    with Dataset.writing(context, "recipe", Need.WHOLE_TSV | Need.KNOWN_COVERS) as dataset:
        done = write_recipe(dataset, out)
    size_bytes = out.stat().st_size
    notes = [f"{out}: {size_bytes / 1e3:,.0f} kB for {done.covers:,} covers, without a picture"]
    if not done.sets:
        notes.append("no cover is in a set yet: `equigen split` deals them")
    if done.bare:
        notes.append(
            f"{done.bare:,} albums are there by ids and labels alone, since their source's terms"
            " cover what it says of them; building asks for the rest"
        )
    if done.emptied:
        notes.append(
            f"{done.emptied:,} cells of columns of your own are left out: they have paths of this"
            " machine, or addresses that nobody else may have"
        )
    if done.unaddressed:
        notes.append(
            f"{done.unaddressed:,} covers have no address that others could use; building asks for"
            " them by id, where a source tells of albums by these ids"
        )
    return Summary(
        stage="recipe",
        done="written",
        unit="albums",
        rows_in=done.albums,
        rows_out=done.albums,
        facts={
            "path": str(out),
            "size_bytes": size_bytes,
            "covers": done.covers,
            "sets": dict(done.sets),
            "sources": dict(done.sources),
        },
        notes=notes,
    )


def _build(context: Context, file: Path, link: Link, *, retry_failed: bool) -> Summary:
    recipe = read_recipe(file)
    for _ in recipe.both():  # a broken one leaves nothing behind
        pass
    with Dataset.writing(context, "recipe") as place:
        building.claim(place, recipe)
        context = building.with_settings(context, recipe)
        with Dataset.writing(context, "recipe") as dataset, ExitStack() as stack:
            building.begin(dataset, recipe)
            asked = AlbumsById(context, dataset.ledger, stack, reads_indexes=False)
            filled = building.fill(dataset, recipe, asked, retry=retry_failed)
        got = download.run(context, retry_failed=retry_failed)
        with Dataset.writing(context, "recipe", Need.WHOLE_TSV) as dataset:
            building.set_aside(dataset, recipe)
        if recipe.head.get("sets") and context.images.is_dir():
            split.run(context, link=link)
        with Dataset.writing(context, "recipe") as dataset:
            proof = building.prove(dataset, recipe)
    states = proof.states
    lacks = {why: states[why] for why in (building.CHANGED, building.GONE, building.LEFT)}
    covers = proof.covers
    rows = [
        (state, states[state], f"{states[state] / covers:.2%}")
        for state in building.STATES
        if states[state]
    ]
    notes = [
        f"{proof.same_sets:,} of {proof.here:,} covers are in the set that they were in",
        f"{proof.same_labels:,} of {proof.albums:,} albums have the labels that they had",
        *asked.notes,
        *got.notes[1:],
    ]
    if (settled := states[building.CHANGED] + states[building.GONE]) and not retry_failed:
        notes.append(f"`--retry-failed` asks again for the {settled:,} that are gone or changed")
    if recipe.own_labels:
        notes.append(
            f"{len(recipe.own_labels):,} labels of the recipe's own count in this run alone: put"
            f" own_labels of its recipe.json into your {CONFIG_NAME}, as [[fetch.label]] tables"
        )
    if not proof.is_whole or states[building.SAME]:
        notes.append(f"{context.directory / building.DIFFERENCES} lists each difference")
    return Summary(
        stage="recipe",
        unit="covers",
        rows_in=covers,
        rows_out=states[building.IDENTICAL] + states[building.SAME],
        dropped=lacks,
        put_off={building.LEFT},
        facts={
            "albums": proof.albums,
            "identical": states[building.IDENTICAL],
            "same_picture": states[building.SAME],
            "changed": states[building.CHANGED],
            "gone": states[building.GONE],
            "covers_here": proof.here,
            "sets_same": proof.same_sets,
            "labels_same": proof.same_labels,
            "filled_by_id": filled,
            "directory": str(context.directory),
        },
        table=Table(("cover", "covers", "share"), tuple(rows)) if rows else None,
        notes=notes,
        partly=not proof.is_whole,
        left=states[building.LEFT],
        resumes_at=min(filter(None, (got.resumes_at, asked.resumes_at)), default=None),
    )


def _diff(one: Path, other: Path) -> Summary:
    then, now = read_recipe(one), read_recipe(other)
    first, second = _by_key(then), _by_key(now)
    columns_then, columns_now = next(then.rows()), next(now.rows())
    found = list(_settings_apart(then, now))
    settings = len(found)
    alone = Counter({_ONLY[0]: 0, _ONLY[1]: 0, _DIFFER: 0})
    for key in dict.fromkeys((*first, *second)):
        if key in first and key in second:
            (was_row, was), (is_row, cover) = first[key], second[key]
            apart = list(_covers_apart(key, was, cover))
            if was_row != is_row or columns_then != columns_now:
                cells = (
                    dict(zip(columns, row.split(_BETWEEN), strict=True))
                    for columns, row in ((columns_then, was_row), (columns_now, is_row))
                )
                apart += _cells_apart(key, *cells)
            alone[_DIFFER] += bool(apart)
            found += apart
        else:
            which = _ONLY[key in second]
            alone[which] += 1
            found.append((which, key, "", ""))
    counts = Counter(what for what, *_ in found)
    albums = len({*first, *second})
    notes = [] if found else ["both are of the same dataset"]
    if len(found) > _MOST_SHOWN:
        notes.append(f"{len(found) - _MOST_SHOWN:,} more differences are not shown: add --json")
    columns = ("what", "of", "then", "now")
    return Summary(
        stage="recipe",
        done="compared",
        unit="albums",
        rows_in=albums,
        rows_out=albums - alone.total(),
        dropped=dict(alone),
        facts={
            "settings": settings,
            "counts": dict(counts),
            "differences": [dict(zip(columns, each, strict=True)) for each in found],
        },
        table=Table(columns, tuple(found[:_MOST_SHOWN])) if found else None,
        notes=notes,
    )


def _settings_apart(one: Recipe, other: Recipe) -> Iterator[Difference]:
    then, now = one.settings, other.settings
    for name in dict.fromkeys((*then, *now)):
        if then.get(name) != now.get(name):
            yield "setting", name, as_toml(then.get(name)), as_toml(now.get(name))
    if (one.taxonomy, one.own_labels) != (other.taxonomy, other.own_labels):
        yield "taxonomy", "labels and their rules", "", ""


def _covers_apart(key: str, then: RecipeCover, now: RecipeCover) -> Iterator[Difference]:
    if {*then.labels} != {*now.labels}:
        yield "labels", key, join_list(then.labels), join_list(now.labels)
    if then.set_name != now.set_name:
        yield "set", key, then.set_name or "none", now.set_name or "none"
    if then.sha256 != now.sha256:
        bits = bits_apart(then.phash, now.phash)
        apart = levels_apart(levels_in(then.look), levels_in(now.look))
        known = bits is not None and apart is not None and (bits, apart)
        is_same = known and known[0] <= MOST_BITS and known[1] <= STEP_LEVELS
        kind = "bytes of the cover" if is_same else "cover"
        yield kind, key, then.sha256[:12] or "none", now.sha256[:12] or "none"


def _cells_apart(key: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*then, *now)):
        if (was := then.get(name, "")) != (cell := now.get(name, "")):
            yield f"cell {name}", key, was, cell


def _by_key(recipe: Recipe) -> Mapping[str, tuple[str, RecipeCover]]:
    """Return the rows of a recipe, as one text each, and their covers, by their albums' keys.

    Of rows of one key, all are told apart.

    Raises:
        InputError: it is broken.

    """
    found, again = dict[str, tuple[str, RecipeCover]](), Counter[str]()
    for cells, cover in recipe.both():
        url = clean_url(cells["image_url"])
        key = album_key(
            album_id=cells.get("album_id", ""),
            artist=cells["artist"],
            title=cells["album"],
            picture=picture_key(url) if url else "",
        )
        again[key] += 1
        row = _BETWEEN.join(cells.values())
        found[key if again[key] == 1 else f"{key} ({again[key]})"] = row, cover
    return found
