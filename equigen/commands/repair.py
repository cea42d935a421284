"""Restore a damaged or lost ledger from its copy and the files.

The damaged ledger is set aside under a name with the date, never deleted. The copy that the last
good run made takes its place, and is brought up to date from the TSV, the covers (each is decoded
and hashed) and split.tsv; without a copy, these files alone make the ledger. No cover is fetched
again, and no album changes its set.

A whole ledger is compared with the covers, and nothing is changed; but if it doesn't know covers
that are there, it is replaced, too. docs/dataset.md lists what can't be restored.

Example:
  equigen repair
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Need, are_covers_there
from equigen.errors import MissingInputError
from equigen.ledger.backup import copies_of, knows_covers
from equigen.ledger.database import BESIDE, BUILDING, BUILT, is_empty, put_built_in_place
from equigen.ledger.ledger import DOWNLOADING, LEDGER_NAME
from equigen.repairing.damage import copy_sound, find_damage
from equigen.repairing.inventory import CHANGED, GONE, SPOILT, CoverCounts, take_inventory
from equigen.repairing.rebuilding import RebuiltLedger, note_albums, note_requests, note_sets
from equigen.storage.atomic import refuse_file
from equigen.storage.os_errors import translating_os_errors
from equigen.summary import Summary, as_iso

ORDER: Final = 95
SETTINGS: Final = ()

_MISSING = "missing"
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def run(context: Context) -> Summary:
    """Repair the ledger; a whole one that knows all covers stays as it is.

    Raises:
        MissingInputError: there is no dataset at all, or neither a ledger nor a TSV.
        LedgerError: the ledger is from a newer version, or another program's file.
        EquigenError: as `Dataset.writing` has it; the ledger is as it was.

    """
    refuse_file(context.directory)
    if not context.directory.is_dir():
        raise _no_dataset(context)
    with Dataset.writing(context, "repair", Need.TSV_IF_ANY | Need.NAMES) as dataset:
        aside = put_built_in_place(context.ledger)
        if damage := _damage_of(context):
            return _rebuild(context, damage, use_copies=True)
        with dataset.reading_ledger() as ledger:
            found = take_inventory(context, ledger, mends=False) if ledger else CoverCounts()
        is_lost = dataset.has_lost_ledger
        # Files that don't decode keep other commands from using a ledger that knows no cover.
        if unknown := found.noted or (found.dropped[SPOILT] if is_lost else 0):
            damage = f"it doesn't know {unknown:,} covers that are there"
            return _rebuild(context, damage, use_copies=is_lost)
        return _agreement(context, found, aside)


def _damage_of(context: Context) -> str:
    """Return the damage of the ledger in words, "" where there is none."""
    if _is_there(context):
        return find_damage(context.ledger)
    if context.tsv.exists():
        return _MISSING
    if not are_covers_there(context):
        raise _no_dataset(context)
    state = "empty" if context.ledger.exists() else "missing"
    msg = (
        f"{context.tsv}: no such file, and {context.ledger.name} beside it is {state}; expected one"
        " of them. Put a copy of the file back, then run `equigen repair` again. To begin anew,"
        f" move {context.images} and {context.split} away, then run `equigen fetch`."
    )
    raise MissingInputError(msg)


def _is_there(context: Context) -> bool:
    """Tell by its size whether the ledger is there; opening a damaged file would change it."""
    with translating_os_errors(context.ledger):
        return context.ledger.exists() and not is_empty(context.ledger)


def _no_dataset(context: Context) -> MissingInputError:
    msg = f"{context.directory}: no dataset there. `equigen fetch` makes one: run that first."
    return MissingInputError(msg)


@dataclass(slots=True)
class _Rebuilt:
    """The rows that a repair kept of the ledger or its copy, and those that the files told.

    `kept` has the number of rows of `source` that made sense, by table. `copied_at` is None unless
    the source is a copy.
    """

    kept: Mapping[str, int] = field(default_factory=dict)
    source: Path | None = None
    copied_at: datetime | None = None
    albums: int = 0
    sets: int = 0
    sets_left_out: int = 0
    found: CoverCounts = field(default_factory=CoverCounts)
    asked: Mapping[str, int] = field(default_factory=dict)


def _rebuild(context: Context, damage: str, *, use_copies: bool) -> Summary:
    building = context.directory / f"{LEDGER_NAME}{BUILDING}"
    try:
        rebuilt = _copy_best(context, building, use_copies=use_copies)
        _add_from_files(context, building, rebuilt)
        with translating_os_errors(building):
            with building.open("rb+") as file:
                os.fsync(file.fileno())
            building.replace(context.ledger.with_name(LEDGER_NAME + BUILT))
    finally:
        _remove(building)
    aside = put_built_in_place(context.ledger)
    return _summary(context, rebuilt, damage, aside)


def _copy_best(context: Context, building: Path, *, use_copies: bool) -> _Rebuilt:
    """Copy the best ledger there is to `building`: a copy that knows covers comes first."""
    copies = [each for each in copies_of(context.ledger) if use_copies and each.is_file()]
    good = [each for each in copies if knows_covers(each)]
    itself = [context.ledger] if _is_there(context) else []
    for source in (*good, *itself, *(each for each in copies if each not in good)):
        _remove(building)
        kept = copy_sound(source, building)
        if kept is not None:
            made_s = source.stat().st_mtime
            is_copy = source != context.ledger
            return _Rebuilt(kept, source, datetime.fromtimestamp(made_s, UTC) if is_copy else None)
    _remove(building)
    return _Rebuilt()


def _add_from_files(context: Context, building: Path, rebuilt: _Rebuilt) -> None:
    copied_s = rebuilt.copied_at.timestamp() if rebuilt.copied_at else math.inf
    with RebuiltLedger(building) as ledger:
        # The next download tidies up after the one that the damage may have stopped.
        ledger.remember(DOWNLOADING, "repair")
        with ledger.indexing_albums():
            rebuilt.albums = note_albums(context, ledger)
            rebuilt.sets, rebuilt.sets_left_out = note_sets(context, ledger)
        rebuilt.found = take_inventory(context, ledger, mends=True, copied_s=copied_s)
        rebuilt.asked = note_requests(ledger, context.now().date().isoformat())


def _remove(building: Path) -> None:
    with translating_os_errors(building):
        for end in ("", *BESIDE):
            building.with_name(building.name + end).unlink(missing_ok=True)


def _agreement(context: Context, found: CoverCounts, aside: Path | None) -> Summary:
    notes = ["nothing to repair: the ledger is whole"]
    if aside:
        notes = [f"a repair that was cut off is done: what was damaged lies in {aside}"]
    if not context.tsv.exists():
        notes.append(
            f"{context.tsv} isn't there to compare it with: put a copy of it back, or run `equigen"
            " fetch`, which writes what the ledger holds of it, or says what is missing"
        )
    return Summary(
        stage="repair",
        unit="rows",
        rows_in=found.known + found.dropped.total(),
        rows_out=found.known,
        dropped=found.dropped,
        facts={"repaired": False, "examples": found.examples},
        notes=[*notes, *_advice(found, mends=False)],
    )


def _advice(found: CoverCounts, *, mends: bool) -> Iterator[str]:
    shown = f" (for example {found.examples[0]})" if found.examples else ""
    dropped = found.dropped
    if dropped[CHANGED] or (dropped[SPOILT] and not mends):
        yield f"`equigen download --verify` mends files that are not what they were{shown}"
    if dropped[GONE] or (dropped[SPOILT] and mends):
        yield f"`equigen download` fetches covers whose files are gone{shown}"


def _summary(context: Context, rebuilt: _Rebuilt, damage: str, aside: Path | None) -> Summary:
    found, sets = rebuilt.found, rebuilt.sets
    from_files = (
        f"from the TSV: {rebuilt.albums:,} albums; from the covers' files: {found.noted:,} covers;"
        f" from the sets: {sets:,} albums' sets"
    )
    if left_out := rebuilt.sets_left_out:
        from_files += f" ({left_out:,} lines that name no cover or no set were left out)"
    what = "was missing" if damage == _MISSING else f"had to be built anew: {damage}"
    return Summary(
        stage="repair",
        unit="rows",
        rows_in=found.known + found.noted + found.dropped.total(),
        rows_out=found.known + found.noted,
        dropped=found.dropped,
        facts={
            "repaired": True,
            "damage": damage,
            "set_aside": str(aside or ""),
            "restored_from": str(rebuilt.source or ""),
            "copied_at": as_iso(rebuilt.copied_at) or "",
            "kept": dict(rebuilt.kept),
            "albums_noted": rebuilt.albums,
            "covers_noted": found.noted,
            "sets_noted": sets,
            "sets_left_out": rebuilt.sets_left_out,
            "requests_today": dict(rebuilt.asked),
            "examples": found.examples,
        },
        notes=[
            f"the ledger {what}",
            *([f"what was there lies in {aside}"] if aside and aside.exists() else []),
            _origin(rebuilt, context.now()),
            from_files,
            *_advice(found, mends=True),
        ],
    )


def _origin(rebuilt: _Rebuilt, now: datetime) -> str:
    """Say where the new ledger's rows come from, and what is lost."""
    kept = f"{sum(rebuilt.kept.values()):,} rows"
    if rebuilt.copied_at:
        return (
            f"restored from {rebuilt.source}, which is {_age(now - rebuilt.copied_at)} old: {kept}."
            " What was noted later, and no file tells, is asked for again"
        )
    if rebuilt.source:
        return f"kept of the ledger: {kept}; those that made no sense, if any, were left out"
    return f"no copy of the ledger was there; can't be known for sure again: {'; '.join(_LOST)}"


def _age(age: timedelta) -> str:
    for unit_s, unit in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if age.total_seconds() >= 2 * unit_s:
            return f"{age.total_seconds() // unit_s:,.0f} {unit}"
    return "a minute or two"


_LOST: Final = (
    "which result pages were used: the next fetch asks anew, and adds nothing twice",
    "albums that are in the TSV no more, and rows that weren't in it yet",
    "covers that could not be had: the next download asks for them again",
    "the sets of albums that are gone",
    "which covers were compared: they are compared again when needed",
    "what `balance` kept",
    "requests of today that brought no cover",
    "which hosts asked to be left alone",
    "new addresses of pictures that weren't in the TSV yet",
    "when the last fetch ended",
)
