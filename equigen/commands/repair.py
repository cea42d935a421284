"""Mend a damaged or lost ledger, from its rest and from the files.

What is damaged is set aside under a name with the date, never deleted. Another ledger is made of
each row of it that still makes sense, of the TSV, of the covers (each is decoded and hashed), and
of the sets as split.tsv has them: no cover is fetched again, and no album changes its set.

Where the ledger is whole, it is seen whether covers and ledger agree, and nothing is changed; but
where it doesn't know covers that are there, as one that a run began anew, another one is made, too.
docs/dataset.md tells what can be known again, and what can't.

Example:
  equigen repair
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from equigen.dataset.context import Context
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.guards import are_covers_there, is_ledger_lost
from equigen.dataset.table import map_table
from equigen.downloading.store import Shelf
from equigen.errors import MissingInputError
from equigen.ledger.database import BESIDE, BUILDING, BUILT, is_empty, put_built_in_place
from equigen.ledger.ledger import COVERS_COMPARED, DOWNLOADING, LEDGER_NAME, Ledger
from equigen.ledger.salvage import Rows, Salvaged, find_damage, new_tables, salvage
from equigen.repairing.inventory import Found, Inventory
from equigen.repairing.rebuilding import (
    RebuiltLedger,
    Sets,
    note_albums,
    note_requests,
    note_sets,
)
from equigen.storage.atomic import refuse_file
from equigen.storage.os_errors import translating_os_errors
from equigen.summary import Summary, Table

ORDER: Final = 95
SETTINGS: Final = ()

_MISSING = "missing"
_ABSENT, _FAILED = "no cover yet", "can't be had, as the ledger knows"
_GONE, _SPOILT, _CHANGED = "file is gone", "file doesn't decode", "file isn't what it was"
# What is worth nothing unless all of it is there, and is made anew by who needs it.
_COMPARED = ("pairs", "alike")


def run(context: Context) -> Summary:
    """Repair the ledger; one that is whole and knows all covers isn't touched.

    Raises:
        MissingInputError: there is no dataset at all, or neither a ledger nor a TSV.
        InputError: the TSV or split.tsv is broken: it must be mended first. Or the folder is a
            file.
        LedgerError: the ledger is from a newer version, or another program's file.
        LockedError: another run is at work.
        StorageError: the disk refuses; the ledger is as it was.

    """
    refuse_file(context.directory)
    if not context.directory.is_dir():
        raise _no_dataset(context)
    with Dataset.writing(context, "repair", Need.TSV_IF_ANY):
        aside = put_built_in_place(context.ledger)
        if damage := _damage_of(context):
            return _rebuild(context, damage)
        found = _compared(context)
        # Files that don't decode are in the way of a ledger that knows no cover.
        if unknown := found.noted or (found.spoilt if is_ledger_lost(context) else 0):
            return _rebuild(context, f"it doesn't know {unknown:,} covers that are there")
        return _agreement(context, found, aside)


def _damage_of(context: Context) -> str:
    """Return what is wrong with the ledger, in words; "" where nothing is."""
    with translating_os_errors(context.ledger):
        # By its size alone: opened for more, a damaged file wouldn't stay as it is.
        is_there = context.ledger.exists() and not is_empty(context.ledger)
    if not is_there:
        if not context.tsv.exists():
            raise _nothing_to_build_of(context)
        return _MISSING
    with context.bar("check", 0, "row") as bar:
        return find_damage(context.ledger, bar.advance)


def _no_dataset(context: Context) -> MissingInputError:
    msg = f"{context.directory}: no dataset there. `equigen fetch` makes one: run that first."
    return MissingInputError(msg)


def _nothing_to_build_of(context: Context) -> MissingInputError:
    if not are_covers_there(context):
        return _no_dataset(context)
    state = "empty" if context.ledger.exists() else "missing"
    msg = (
        f"{context.tsv}: no such file, and {context.ledger.name} beside it is {state}; expected one"
        " of them. Put a copy of the file back, then run `equigen repair` again. To begin anew,"
        f" move {context.images} and {context.split} away, then run `equigen fetch`."
    )
    return MissingInputError(msg)


def _count_rows(context: Context) -> int:
    return sum(map_table(context.tsv, (), len))


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """What a new ledger was made of: rows by table, and what the files told beyond them."""

    came: Mapping[str, Salvaged]
    found: Found
    albums: int
    sets: Sets
    asked: Mapping[str, int]


def _rebuild(context: Context, damage: str) -> Summary:
    building = context.directory / f"{LEDGER_NAME}{BUILDING}"
    _remove(building)
    try:
        rebuilt = _build(context, building)
        with translating_os_errors(building):
            with building.open("rb") as file:
                os.fsync(file.fileno())
            building.replace(context.ledger.with_name(LEDGER_NAME + BUILT))
    finally:
        _remove(building)
    aside = put_built_in_place(context.ledger)
    return _summary(rebuilt, damage, aside)


def _build(context: Context, building: Path) -> _Rebuilt:
    with Rows(building) as tables, context.bar("salvage", 0, "row") as bar:
        came = salvage(context.ledger, tables, bar.advance)
        _forget_halves(tables, came)
    with RebuiltLedger(building) as ledger:
        if not came["pairs"].is_whole or not came["alike"].is_whole or not came["looks"].is_whole:
            ledger.remember(COVERS_COMPARED, "")
        # Whatever a download was doing when the ledger was damaged, the next one tidies up.
        ledger.remember(DOWNLOADING, "repair")
        albums, found = 0, Found()
        if context.tsv.exists():
            rows = _count_rows(context)
            with _albums_known_by_index(ledger), context.bar("albums", rows, "row") as bar:
                albums = note_albums(context, ledger, bar)
                sets = note_sets(context, ledger)
            inventory = Inventory(context, ledger, mends=True, shelf=Shelf(context, ledger))
            with context.bar("covers", rows, "cover") as bar:
                found = inventory.take(bar)
        else:
            sets = note_sets(context, ledger)
        asked = note_requests(ledger, context.now().date().isoformat())
    return _Rebuilt(came, found, albums, sets, asked)


@contextmanager
def _albums_known_by_index(ledger: RebuiltLedger) -> Iterator[None]:
    ledger.begin()
    yield
    ledger.finish()


def _forget_halves(rows: Rows, came: Mapping[str, Salvaged]) -> None:
    """Take out what is worth nothing, or leads astray, where some of it is lost."""
    if not came["albums"].is_whole and came["pages"].kept:
        # Albums of these pages may be lost: asked again, they bring what isn't known.
        rows.clear("pages")
        came["pages"].kept, came["pages"].is_whole = 0, False
    if not all(came[name].is_whole for name in (*_COMPARED, "looks")):
        rows.clear(*_COMPARED)
        for name in _COMPARED:
            came[name].kept, came[name].is_whole = 0, False


def _remove(building: Path) -> None:
    with translating_os_errors(building):
        for end in ("", *BESIDE):
            building.with_name(building.name + end).unlink(missing_ok=True)


def _compared(context: Context) -> Found:
    """See whether files and ledger agree, and change nothing."""
    if not context.tsv.exists():
        return Found()
    with Ledger(context.ledger, read_only=True) as ledger:
        inventory = Inventory(context, ledger, mends=False, shelf=Shelf(context, ledger))
        with context.bar("covers", _count_rows(context), "cover") as bar:
            return inventory.take(bar)


def _agreement(context: Context, found: Found, aside: Path | None) -> Summary:
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
        rows_in=found.rows,
        rows_out=found.known,
        dropped=_dropped(found),
        facts={"repaired": False, "examples": found.examples},
        notes=[*notes, *_advice(found, mends=False)],
    )


def _dropped(found: Found) -> dict[str, int]:
    return {
        _CHANGED: found.changed,
        _SPOILT: found.spoilt,
        _GONE: found.gone,
        _FAILED: found.failed,
        _ABSENT: found.absent,
    }


def _advice(found: Found, *, mends: bool) -> Iterator[str]:
    shown = f" (for example {found.examples[0]})" if found.examples else ""
    if found.changed or (found.spoilt and not mends):
        yield f"`equigen download --verify` mends files that are not what they were{shown}"
    if found.gone or (found.spoilt and mends):
        yield f"`equigen download` fetches covers whose files are gone{shown}"


def _summary(rebuilt: _Rebuilt, damage: str, aside: Path | None) -> Summary:
    found, came, sets = rebuilt.found, rebuilt.came, rebuilt.sets
    names = [table.name for table in new_tables()]
    rows: list[tuple[str | int, ...]] = [
        (name, came[name].kept, came[name].senseless, "yes" if came[name].is_whole else "no")
        for name in names
    ]
    unsure = [name for name in names if not came[name].is_whole]
    from_files = (
        f"from the TSV: {rebuilt.albums:,} albums; from the covers' files: {found.noted:,} covers;"
        f" from the sets: {sets.placed:,} albums' sets"
    )
    if sets.senseless:
        from_files += f" ({sets.senseless:,} lines that name no cover or no set were left out)"
    what = "was missing" if damage == _MISSING else f"had to be built anew: {damage}"
    return Summary(
        stage="repair",
        unit="rows",
        rows_in=found.rows,
        rows_out=found.known + found.noted,
        dropped=_dropped(found),
        facts={
            "repaired": True,
            "damage": damage,
            "set_aside": str(aside or ""),
            "salvaged": {name: came[name].kept for name in names},
            "not_whole": unsure,
            "albums_noted": rebuilt.albums,
            "covers_noted": found.noted,
            "sets_noted": sets.placed,
            "sets_left_out": sets.senseless,
            "requests_today": dict(rebuilt.asked),
            "examples": found.examples,
        },
        table=Table(("ledger's table", "rows kept", "made no sense", "whole"), tuple(rows)),
        notes=[
            f"the ledger {what}",
            *([f"what was there lies in {aside}"] if aside and aside.exists() else []),
            from_files,
            *_unknown(unsure),
            *_advice(found, mends=True),
        ],
    )


_LOST: Final[Mapping[str, str]] = {
    "pages": "which result pages were used: the next fetch asks anew, and adds nothing twice",
    "albums": "albums that are in the TSV no more, and rows that weren't in it yet",
    "covers": "covers that could not be had: the next download asks for them again",
    "placements": "the sets of albums that are gone",
    "pairs": "which covers were compared: who needs it compares them again",
    "balanced": "what `balance` kept",
    "requests": "requests of today that brought no cover",
    "rests": "which hosts asked to be left alone",
    "renewals": "new addresses of pictures that weren't in the TSV yet",
    "meta": "when the last fetch ended",
}


def _unknown(unsure: list[str]) -> Iterator[str]:
    lost = [_LOST[name] for name in unsure if name in _LOST]
    if lost:
        yield f"can't be known for sure again: {'; '.join(lost)}"
