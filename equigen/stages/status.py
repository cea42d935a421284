"""Tell where the dataset stands and what to run next.

Reads the TSV and the ledger and changes nothing; may be run while another stage works.

Examples:
  equigen status
  equigen status --json
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from equigen.context import Context
from equigen.covers import dataset_covers
from equigen.errors import UsageError
from equigen.ledger import LAST_FETCH, LAST_REFRESH, LAST_SOURCE, REFRESHING, Ledger
from equigen.rules.covering import FAILED, OK
from equigen.rules.licences import licence_of
from equigen.rules.pictures import has_no_cover
from equigen.rules.splitting import ASIDE, SETS
from equigen.sources import LocalSource, open_source
from equigen.summary import Summary, Table

if TYPE_CHECKING:
    from equigen.records import CoverState

ORDER: Final = 90
SETTINGS: Final = ()


def run(context: Context) -> Summary:
    """Report, without touching anything.

    Raises:
        InputError: the TSV is broken.
        LedgerError: the ledger can't be read.

    """
    found = _look(context)
    next_step = found.next_step()
    facts = {
        "directory": str(context.directory),
        "covers": found.covers,
        "missing": found.missing,
        "failed": dict(found.failed),
        "sets": {name: found.sets[name] for name in SETS},
        "set_aside": found.sets[ASIDE],
        "in_no_set": found.covers - found.sets.total(),
        "not_in_tsv_yet": found.pending,
        "last_fetch": found.last_fetch,
        "last_refresh": found.last_refresh,
        "refresh_under_way": found.refresh_under_way,
        "licences": dict(found.licences),
        "next": next_step,
    }
    rows: list[tuple[str | int, ...]] = [
        ("rows", found.rows),
        ("covers there", found.covers),
        ("covers not asked for yet", found.missing),
        *((f"failed: {reason}", count) for reason, count in found.failed.most_common()),
        *((f"in {name}", found.sets[name]) for name in SETS),
        *((("set aside", found.sets[ASIDE]),) if found.sets[ASIDE] else ()),
        ("last fetch", found.last_fetch or "never"),
        ("last refresh", found.last_refresh or "never"),
    ]
    if found.pending:
        rows.append(("fetched, not in the TSV yet", found.pending))
    return Summary(
        stage="status",
        unit="rows",
        rows_in=found.rows,
        rows_out=found.rows,
        facts=facts,
        table=Table((str(context.directory), ""), tuple(rows)),
        notes=[*found.notes(), f"next: {next_step}"],
    )


@dataclass(slots=True)
class _Found:
    rows: int = 0
    covers: int = 0
    missing: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    sets: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    to_try_again: int = 0
    pages: bool = False
    pending: int = 0
    last_fetch: str = ""
    last_refresh: str = ""
    refresh_under_way: bool = False
    fetch: str = "equigen fetch"
    is_local: bool = False

    def notes(self) -> list[str]:
        """Say under which licences rows come."""
        return [f"{count:,} rows: {text}" for text, count in self.licences.items()]

    def next_step(self) -> str:
        """Name the command that brings the dataset on."""
        cut_off = self.pages and not self.last_fetch
        if not self.rows or self.pending or self.refresh_under_way or cut_off:
            return self.fetch
        if self.missing or self.to_try_again:
            return "equigen download"
        if self.sets.total() < self.covers:
            return "equigen split"
        more = "a newer dump brings new albums: `equigen dumps get`"
        if not self.is_local:
            more = f"`{self.fetch} --refresh` looks for new albums"
        return f"nothing: the dataset is complete ({more})"


def _look(context: Context) -> _Found:
    found = _Found()
    source = context.settings.fetch.source
    known: dict[str, CoverState] = {}
    sets: dict[str, str] = {}
    if context.ledger.exists():
        with Ledger(context.ledger, read_only=True) as ledger:
            known = {state.path: state for state in ledger.cover_states()}
            sets = ledger.sets()
            found.pending = ledger.pending()
            found.pages = any(True for _ in ledger.page_extents())
            found.last_fetch = ledger.value(LAST_FETCH)
            found.last_refresh = ledger.value(LAST_REFRESH)
            found.refresh_under_way = bool(ledger.value(REFRESHING))
            source = ledger.value(LAST_SOURCE) or source
    if source != context.settings.fetch.source:
        found.fetch = f"equigen fetch --source {source}"
    found.is_local = _is_local(source, context)
    if not context.tsv.exists():
        return found
    for row in dataset_covers(context):
        found.rows += 1
        if licence := licence_of(row.album_id):
            found.licences[licence] += 1
        cover = known.get(row.path)
        if cover and cover.status == OK:
            found.covers += 1
            if row.path in sets:
                found.sets[sets[row.path]] += 1
        elif cover:
            found.failed[cover.reason] += 1
            found.to_try_again += cover.status == FAILED
        elif has_no_cover(row.url):
            found.failed["no picture"] += 1
        else:
            found.missing += 1
    return found


def _is_local(name: str, context: Context) -> bool:
    try:
        return isinstance(open_source(name, context.config), LocalSource)
    except UsageError:  # it lacks credentials, say: none that lies on the disk does
        return False
