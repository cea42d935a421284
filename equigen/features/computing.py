"""Compute features in worker processes, a part of a table at a time."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from equigen.config.layers import Config
from equigen.dataset.context import Context
from equigen.dataset.dataset import Example
from equigen.dataset.feature_tables import KEYS, FeatureTable, Reads, made_of
from equigen.downloading.engines.processes import usable_cores
from equigen.errors import EquigenError, PictureError
from equigen.features.base import Album, Compute, Feature, Picture, find_features
from equigen.features.pool import in_processes
from equigen.images.check import small_picture
from equigen.storage.below import open_regular

# Covers or albums in a part, which is what a kill may lose of each process.
_PART: Final = 64
# Pictures that are held at a time.
_TOGETHER: Final = 16


class Item(NamedTuple):
    """A row of the dataset: its cover, "" and no file where there is none, and its album."""

    sha256: str
    path: Path
    album: Album


class Wanted(NamedTuple):
    """A cover or an album with the names of the features to compute."""

    key: str
    item: Item
    names: Sequence[str]


class Row(NamedTuple):
    """A feature of a cover or an album, or the reason why it has none."""

    key: str
    reason: str
    values: Mapping[str, object]


# The rows by the names of features.
Rows = Mapping[str, Sequence[Row]]


def items_of(rows: Iterable[Example], features: Sequence[Feature]) -> list[Item]:
    """Return the rows of a dataset as some features need them."""
    cells = sorted({name for each in features for name in each.told("CELLS")})
    return [
        Item(
            each.sha256,
            each.cover,
            Album(
                each.album.get("album_id", ""),
                {name: each.album.get(name, "") for name in cells},
                each.labels,
                each.set,
            ),
        )
        for each in rows
    ]


def asked_of(feature: Feature, items: Iterable[Item]) -> Mapping[str, Item]:
    """Return the rows that a feature is computed of, by its key; the first of each."""
    found: dict[str, Item] = {}
    for item in items:
        key = item.album.album_id if feature.key == KEYS["album"] else item.sha256
        if key and (item.sha256 or not feature.told("SCALE_PX", 0)):
            found.setdefault(key, item)
    return found


def compute_features(
    context: Context, features: Sequence[Feature], items: Sequence[Item], *, retry_failed: bool
) -> Counter[tuple[str, bool]]:
    """Compute features of the rows of a dataset; return for how many each was, and how many failed.

    They are counted by the feature's name, and by whether they have it.

    Only what is new is computed, or what was computed by another version; what failed before isn't
    tried again unless it is asked for. A file that is gone or was changed is left out. Those of one
    key are computed together, after the others that they may use.

    Raises:
        UsageError: a feature needs a package that isn't installed.
        InputError: a table is broken.
        StorageError: the disk refuses; finished parts are kept.

    """

    def place(feature: Feature) -> tuple[bool, str]:
        return bool(feature.uses), feature.key

    computed = Counter[tuple[str, bool]]()
    for _, some in groupby(sorted(features, key=place), place):
        computed += _compute(context, list(some), items, retry_failed=retry_failed)
    return computed


def _compute(
    context: Context, features: Sequence[Feature], items: Sequence[Item], *, retry_failed: bool
) -> Counter[tuple[str, bool]]:
    import polars as pl  # noqa: PLC0415

    tables = {each.name: FeatureTable(context.features, each.name) for each in features}
    used = {name: FeatureTable(context.features, name) for each in features for name in each.uses}
    versions: dict[str, str] = {}
    of_rows: dict[str, dict[str, str]] = {}
    lacking: dict[str, list[str]] = {}
    by_key: dict[str, Item] = {}
    for each in features:
        each.prepare(context)
        versions[each.name] = version = each.version(context.features)
        tables[each.name].merge(version, each.schema)
        known = tables[each.name].known(version, failed=not retry_failed)
        rows_used = [used[name].known(failed=False) for name in each.uses]
        of_rows[each.name] = versions_of = {}
        for key, item in asked_of(each, items).items():
            versions_of[key] = _row_version(each, version, item, rows_used)
            if known.get(key) != versions_of[key]:
                by_key.setdefault(key, item)
                lacking.setdefault(key, []).append(each.name)
    wanted = [Wanted(key, by_key[key], lacking[key]) for key in sorted(by_key)]
    parts = [wanted[at : at + _PART] for at in range(0, len(wanted), _PART)]
    reads = {name: table.reader() for name, table in used.items() if table.exists()}

    def finish(number: int) -> Counter[tuple[str, bool]]:
        found = compute([_with_features(each, reads) for each in parts[number]])
        for each in features:
            rows = [
                {each.key: row.key, "version": of_rows[each.name][row.key], "reason": row.reason}
                | dict(row.values)
                for row in found[each.name]
            ]
            if rows:
                tables[each.name].add_part(number, pl.DataFrame(rows, each.schema))
        return Counter((name, not row.reason) for name, rows in found.items() for row in rows)

    computed = Counter[tuple[str, bool]]()
    count = min(context.settings.features.processes or usable_cores(), len(parts))
    with (
        context.bar("features", len(wanted), features[0].unit) as bar,
        ThreadPoolExecutor(max(1, count)) as pool,
        in_processes(count, computing, context.config, list(tables)) as compute,
    ):
        try:
            for part, done in zip(parts, pool.map(finish, range(len(parts))), strict=True):
                computed.update(done)
                bar.advance(len(part))
        except BaseException:  # also Ctrl-C: parts that were begun end with their processes
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for each in features:
        tables[each.name].merge(versions[each.name], each.schema)
    return computed


def _row_version(
    feature: Feature, version: str, item: Item, rows_used: Sequence[Mapping[str, str]]
) -> str:
    """Return the version of a row, with a digest of what it is made of if it uses other features.

    That are the versions of the rows used, none where there is none, the cells and the labels.
    """
    if not rows_used:
        return version
    album = item.album
    used = [rows.get(item.sha256) or rows.get(album.album_id) for rows in rows_used]
    cells = [album.cells[name] for name in feature.told("CELLS")]
    return made_of(version, [used, cells, [*album.labels]])


def _with_features(wanted: Wanted, reads: Mapping[str, Reads]) -> Wanted:
    """Return a row with the features that others use."""
    item = wanted.item
    if not reads:
        return wanted
    found = {name: read(item.sha256, item.album.album_id) for name, read in reads.items()}
    album = replace(item.album, features=found)
    return wanted._replace(item=item._replace(album=album))


def computing(config: Config, names: Sequence[str]) -> Callable[[Sequence[Wanted]], Rows]:
    """Return the function that computes features of a part."""
    opened = {
        each.name: (each.told("SCALE_PX", 0), each.opened())
        for each in find_features(config, names)
    }
    max_pixels = config.settings.download.max_pixels

    def compute(part: Sequence[Wanted]) -> Rows:
        rows: dict[str, list[Row]] = {name: [] for name in names}
        for at in range(0, len(part), _TOGETHER):
            some = part[at : at + _TOGETHER]

            items = {each.key: each.item for each in some}
            body = cache(lambda key: _body(items[key]))  # noqa: B023

            @cache  # features of one scale share a decode
            def shown(key: str, scale_px: int) -> Album | Picture | str:
                item = items[key]  # noqa: B023
                if not scale_px:
                    return item.album
                if not body(key):  # noqa: B023
                    return ""
                try:
                    pixels = small_picture(body(key), max_pixels, scale_px)  # noqa: B023
                except PictureError as err:
                    return err.reason
                return Picture(item.sha256, item.path, pixels, item.album)

            for name, (scale_px, compute) in opened.items():
                found: dict[str, Any] = {
                    each.key: shown(each.key, scale_px) for each in some if name in each.names
                }
                given = {key: each for key, each in found.items() if not isinstance(each, str)}
                found |= zip(given, _tried(compute, [*given.values()]), strict=True)
                rows[name] += [
                    Row(key, each, {}) if isinstance(each, str) else Row(key, "", each)
                    for key, each in found.items()
                    if each != ""
                ]
        return rows

    return compute


def _body(item: Item) -> bytes:
    """Return a cover's file; b"" where it is gone, or isn't what the download left."""
    with suppress(OSError), open_regular(item.path) as file:
        body = file.read()
        if hashlib.sha256(body).hexdigest() == item.sha256:
            return body
    return b""


def _tried(compute: Compute, batch: Sequence[Any]) -> list[Mapping[str, object] | str]:
    """Compute a feature of a batch, one by one where it fails for some; return rows or reasons."""
    try:
        return [row for _, row in zip(batch, compute(batch) if batch else (), strict=True)]
    except Exception as err:
        if isinstance(err, EquigenError) and not isinstance(err, PictureError):
            raise  # the disk refuses, or a file is broken
        if len(batch) > 1:
            return [row for each in batch for row in _tried(compute, [each])]
        return [err.reason if isinstance(err, PictureError) else f"{type(err).__name__}: {err}"]
