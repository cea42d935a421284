"""Compute what covers and albums are made of: colours, sound.

`list` shows the features that there are, with their columns and units. `compute` computes some of
all covers and keeps them, a table a feature in the folder of the features (dataset.features); only
what is new is computed, and a run that was stopped goes on. A cover that can't have a feature has
the reason in the table, and isn't tried again without --retry-failed. `show` shows the features of
an album, by its id, or of a cover's file; with --nearest, the covers whose embeddings are most like
its own. `export` writes a feature's vectors as files of their own.

Examples:
  equigen features list
  equigen features compute colour histogram
  equigen features show discogs:m123
  equigen features show discogs:m123 --nearest 12
  equigen features compute audio --acousticbrainz-files dumps/acousticbrainz
  equigen features export audio vectors
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.feature_tables import KEYS, STATE, FeatureTable, names_of_tables, sql_type
from equigen.dataset.layouts import no_covers
from equigen.errors import UsageError
from equigen.features.base import Feature, find_features
from equigen.features.computing import asked_of, compute_features, items_of
from equigen.plugins import completing
from equigen.storage.below import open_regular
from equigen.storage.os_errors import translating_read_errors
from equigen.summary import Summary, Table

ORDER: Final = 65
SETTINGS: Final = (
    "features.colours", "features.components", "features.embedding_model",
    "features.embedding_size", "features.caption_model", "features.caption_prompt",
    "features.emotion_model", "features.nsfw_model", "features.processes",
    "acousticbrainz.files", "msd_i.features",
)  # fmt: skip
_NOT_READ: Final = "file gone or changed since the download"
_MOST_SHOWN: Final = 12
_TWO: Final = 2


class FeaturesAction(StrEnum):
    """The actions on features."""

    LIST = "list"
    COMPUTE = "compute"
    SHOW = "show"
    EXPORT = "export"


def run(
    context: Context,
    *,
    action: Annotated[FeaturesAction, typer.Argument(help="What to do.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Features; for show, an album's id or a file; for export, a feature and a folder.",
            autocompletion=completing("equigen.features", "open_feature"),
        ),
    ] = None,
    nearest: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Show so many covers most alike, by embedding."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try covers again that failed.")
    ] = False,
) -> Summary:
    """List, compute or show features; see the module's text.

    Raises:
        UsageError: no such feature, album or file, or none is named.
        MissingInputError: there are no covers, or nothing was computed.
        EquigenError: as `Dataset.writing` and `compute_features` have it.

    """
    given = tuple(dict.fromkeys(names or ()))
    if nearest and action is not FeaturesAction.SHOW:
        msg = f"--nearest: expected show with it, got {action}."
        raise UsageError(msg)
    if action is FeaturesAction.LIST:
        return _list(context, find_features(context.config, given), in_full=bool(given))
    if action is FeaturesAction.SHOW:
        if len(given) != 1:
            msg = "show: of what? Expected one album's id, such as discogs:m123, or one file."
            raise UsageError(msg)
        return _nearest(context, given[0], nearest) if nearest else _show(context, given[0])
    if action is FeaturesAction.EXPORT:
        return _export(context, given)
    if not given:
        known = ", ".join(each.name for each in find_features(context.config))
        msg = f"compute: which features? Expected one or more of {known}, got none."
        raise UsageError(msg)
    return _compute(context, find_features(context.config, given), retry_failed=retry_failed)


def _list(context: Context, features: Sequence[Feature], *, in_full: bool) -> Summary:
    facts = []
    versions = {each.name: each.version(context.features) for each in features}
    for each in features:
        columns = {
            name: {"type": sql_type(each.schema[name]), "meaning": column.meaning}
            for name, column in each.columns.items()
        }
        table = FeatureTable(context.features, each.name)
        known = len(table.known(versions[each.name], failed=False))
        facts.append(
            {
                "name": each.name, "about": each.about, "version": versions[each.name],
                "of": each.unit, "columns": columns, "needs": list(each.told("NEEDS")),
                "licence": each.told("LICENCE", ""), "cost_ms": each.told("COST_MS", 0),
                "computed": known, "failed": len(table.known(versions[each.name])) - known,
            }
        )  # fmt: skip
    rows = [
        (f"{each.name}.{name}", _short(each.schema[name]), column.meaning)
        for each in features
        for name, column in each.columns.items()
    ]
    notes = [f"{each.name}: {each.about}" for each in features if in_full]
    notes += [
        note for each, fact in zip(features, facts, strict=True) for note in _costs(each, fact)
    ]
    return Summary(
        stage="features",
        done="listed",
        unit="features",
        rows_in=len(features),
        rows_out=len(features),
        facts={"folder": str(context.features), "features": facts},
        table=Table(("column", "type", "what it is"), tuple(rows)),
        notes=notes,
    )


def _short(kind: object) -> str:
    """Return a type as DuckDB has it, structs without their fields."""
    return re.sub(r"STRUCT\(.*\)", "STRUCT", sql_type(kind))


def _costs(feature: Feature, fact: Mapping[str, Any]) -> Iterator[str]:
    name, unit = feature.name, feature.unit
    a_unit = f"an {unit}" if unit == "album" else f"a {unit}"
    cost = f"about {fact['cost_ms']:g} ms {a_unit}; " if fact["cost_ms"] else ""
    if fact["cost_ms"] is None:
        cost = "cost depends on the model; "
    yield f"{name}: {cost}{_computed(fact['computed'], fact['failed'], unit)}"
    if needs := fact["needs"]:
        yield f"{name}: needs equigen[{','.join(needs)}]"
    if licence := fact["licence"]:
        yield f"{name}: weights: {licence}"


def _computed(count: int, failed: int, unit: str) -> str:
    return f"computed for {count:,} {unit}s{f', {failed:,} failed' if failed else ''}"


def _compute(context: Context, features: Sequence[Feature], *, retry_failed: bool) -> Summary:
    needs = Need.WHOLE_TSV
    if needs_covers := any(each.told("SCALE_PX") for each in features):
        needs |= Need.COVERS | Need.KNOWN_COVERS | Need.NAMES
    with Dataset.writing(context, "features", needs) as dataset:
        items = items_of(dataset.rows(), features)
        if needs_covers and not any(each.sha256 for each in items):
            raise no_covers(context.images)
        computed = compute_features(context, features, items, retry_failed=retry_failed)
        why: dict[tuple[str, str], str] = {}
        for each in features:
            table = FeatureTable(context.features, each.name)
            rows = table.read(["reason"]).iter_rows() if table.exists() else ()
            reasons = dict(rows)
            for key in asked_of(each, items):
                why[each.key, key] = why.get((each.key, key)) or reasons.get(key, _NOT_READ)
    dropped = Counter(filter(None, why.values()))
    done, failed = (
        {each.name: computed[each.name, has_it] for each in features} for has_it in (True, False)
    )
    notes = [
        f"{each.name}: {_computed(done[each.name], failed[each.name], each.unit)}"
        for each in features
    ]
    notes.append(f"the tables are in {context.features}")
    if dropped.total() > dropped[_NOT_READ]:
        notes.append("what failed isn't tried again without --retry-failed")
    if dropped[_NOT_READ]:
        notes.append("`equigen download --verify` mends files that are gone or were changed")
    return Summary(
        stage="features",
        unit=" and ".join(sorted({f"{each.unit}s" for each in features})),
        rows_in=len(why),
        rows_out=len(why) - dropped.total(),
        dropped=dict(dropped),
        facts={"folder": str(context.features), "computed": done, "failed": failed},
        notes=notes,
    )


def _export(context: Context, given: Sequence[str]) -> Summary:
    if len(given) != _TWO:
        msg = "export: expected a feature and a new folder, such as: export audio vectors."
        raise UsageError(msg)
    (feature,) = find_features(context.config, given[:1])
    if not (export := feature.told("export", None)):
        of_all = find_features(context.config)
        names = ", ".join(each.name for each in of_all if each.told("export", None))
        msg = f"export: {feature.name} has no files of its own; expected one of: {names}."
        raise UsageError(msg)
    summary: Summary = export(context, Path(given[1]))
    return summary


def _show(context: Context, asked: str) -> Summary:
    keys = _keys(context, asked)
    rows = dict[str, Mapping[str, Any]]()
    for name in names_of_tables(context.features):
        for key in keys:
            for row in FeatureTable(context.features, name).read(key=key).to_dicts():
                rows[name] = row
    if not rows:
        msg = f"show {asked}: nothing was computed of it. Run `equigen features compute`."
        raise UsageError(msg)
    shown = [
        (name, column, text)
        for name, row in rows.items()
        for column, value in ({"reason": row["reason"]} if row["reason"] else row).items()
        if column not in (*KEYS.values(), *STATE) or row["reason"]
        for text in _texts(value)
    ]
    sha256, *album_id = keys
    return Summary(
        stage="features",
        done="shown",
        unit="features",
        rows_in=len(rows),
        rows_out=len(rows),
        facts={"sha256": sha256, "album_id": "".join(album_id), "features": rows},
        table=Table(("feature", "column", "value"), tuple(shown)),
    )


def _nearest(context: Context, asked: str, count: int) -> Summary:
    found = Dataset(context).nearest(_keys(context, asked)[0], count)
    shown = [
        (f"{each['similarity']:.3f}", each["artist"], each["album"], each["label"], each["set"])
        for each in found.to_dict("records")
    ]
    return Summary(
        stage="features",
        done="shown",
        unit="covers",
        rows_in=len(found),
        rows_out=len(found),
        facts={"nearest": found.to_dict("records")},
        table=Table(("similarity", "artist", "album", "label", "set"), tuple(shown)),
    )


def _keys(context: Context, asked: str) -> Sequence[str]:
    """Return the sha256 of an album's cover with the album's id, or that of a file alone."""
    path = Path(asked)
    if path.is_file():
        with translating_read_errors(path), open_regular(path) as file:
            return [hashlib.file_digest(file, "sha256").hexdigest()]
    for each in Dataset(context).rows():
        album_id = each.album.get("album_id", "")
        if asked in (album_id, each.sha256):
            return [each.sha256, album_id]
    msg = (
        f"show {asked}: no album has this id, and no file is called so. Expected an"
        " album_id of the TSV, such as discogs:m123, or a path."
    )
    raise UsageError(msg)


def _texts(value: object) -> Iterator[str]:
    """Yield a value as texts of a line each: colours as #rrggbb, long lists by their length."""
    if isinstance(value, list) and len(value) > _MOST_SHOWN:
        yield f"{len(value):,} values"
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, Mapping) and {"red", "green", "blue"} <= value.keys():
        red, green, blue = (value[name] for name in ("red", "green", "blue"))
        share = f"  {value['share']:6.1%}" if "share" in value else ""
        yield f"#{red:02x}{green:02x}{blue:02x}{share}"
    elif isinstance(value, Mapping):
        told = ((name, "".join(_texts(each))) for name, each in value.items() if each is not None)
        yield ", ".join(f"{name} {text}" for name, text in told)
    else:
        yield f"{value:.4g}" if isinstance(value, float) else str(value)
