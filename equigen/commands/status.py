"""Tell where the dataset stands and what to run next.

Reads the TSV and the ledger, sees which covers' files are there, and changes nothing; may be run
while another stage works. Also tells
how the last run (run, fetch or download) ended and when one last ended well, what is left of the
hosts' quotas of the day, and which hosts rest: for monitors, with --json.

Examples:
  equigen status
  equigen status --json
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover, dataset_covers, noted_facts, tsv_facts
from equigen.dataset.dataset import Dataset
from equigen.dataset.history import begun_run
from equigen.dataset.layouts import cover_files
from equigen.downloading.policy import NO_PICTURE, CoverAction, decide
from equigen.downloading.shared_covers import noted_shared_covers, notes_on_shared, out_of_sets
from equigen.errors import UsageError
from equigen.http.limits import HostPolicy, policy_for
from equigen.identity.pictures import host_of
from equigen.ledger.ledger import (
    LAST_FETCH,
    LAST_REFRESH,
    LAST_RUN,
    LAST_SOURCE,
    LAST_SUCCESS,
    REFRESHING,
    SPLIT_LINK,
)
from equigen.ledger.models import Begun, PastRun, TsvFacts, read_moment, read_past_run
from equigen.schema import ASIDE, SETS, Link
from equigen.sources.base import LocalSource, licence_of, open_named
from equigen.storage.atomic import refuse_file
from equigen.summary import Summary, Table, as_iso

if TYPE_CHECKING:
    from equigen.ledger.models import Cover, Rest, SharedCover

ORDER: Final = 90
SETTINGS: Final = ()
_QUOTA_LEFT: Final = "{left:,} of {per_day:,} left today, anew at {resumes_at}"


def run(context: Context) -> Summary:
    """Report, without touching anything.

    Raises:
        InputError: the TSV is broken, or the dataset's folder is a file.
        LedgerError: the ledger can't be read.

    """
    found = _look(context)
    next_step = found.next_step()
    now, ended = context.now(), found.last_run
    quotas = list(_quotas(found, context, now))
    resting = [rest for rest in found.rests if rest.left(now)]
    facts = {
        "directory": str(context.directory),
        "rows": found.rows,
        "covers": found.covers,
        "missing": found.missing,
        "gone": found.gone,
        "failed": dict(found.failed),
        "covers_left": found.covers_left,
        "sets": {name: found.sets[name] for name in SETS},
        "set_aside": found.sets[ASIDE],
        "in_no_set": found.covers - found.sets.total(),
        "not_in_tsv_yet": found.pending,
        "last_fetch": found.last_fetch,
        "last_refresh": found.last_refresh,
        "refresh_under_way": found.refresh_under_way,
        "last_success": found.last_success or None,
        "last_success_age_s": _age_s(found.last_success, now),
        "last_run": {**asdict(ended), "age_s": _age_s(ended.ended_at, now)} if ended else None,
        "under_way": asdict(found.begun) if found.begun else None,
        "quotas": quotas,
        "resting": [rest._asdict() for rest in resting],
        "licences": dict(found.licences),
        "shared_covers": [asdict(each) for each in found.shared],
        "next": next_step,
    }
    rows: list[tuple[str | int, ...]] = [
        ("rows", found.rows),
        ("covers there", found.covers),
        ("covers not asked for yet", found.missing),
        *((("covers whose files are gone", found.gone),) if found.gone else ()),
        *((f"failed: {reason}", count) for reason, count in found.failed.most_common()),
        ("covers left to get", found.covers_left),
        *((f"in {name}", found.sets[name]) for name in SETS),
        *((("set aside", found.sets[ASIDE]),) if found.sets[ASIDE] else ()),
        ("last fetch", found.last_fetch or "never"),
        ("last refresh", found.last_refresh or "never"),
        ("last run that ended well", _with_age(found.last_success, now)),
        *_run_rows(found, now),
        *((f"quota of {quota['host']}", _QUOTA_LEFT.format(**quota)) for quota in quotas),
        *((f"{rest.host} rests", f"until {rest.until}: {rest.why}") for rest in resting),
    ]
    licences = [f"{count:,} rows: {text}" for text, count in found.licences.items()]
    if found.pending:
        rows.append(("fetched, not in the TSV yet", found.pending))
    return Summary(
        stage="status",
        unit="rows",
        rows_in=found.rows,
        rows_out=found.rows,
        facts=facts,
        table=Table((str(context.directory), ""), tuple(rows)),
        notes=[*licences, *notes_on_shared(found.shared), f"next: {next_step}"],
    )


@dataclass(slots=True)
class _Found:
    rows: int = 0
    covers: int = 0
    missing: int = 0
    gone: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    sets: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    to_try_again: int = 0
    pages: bool = False
    pending: int = 0
    last_fetch: str = ""
    last_refresh: str = ""
    refresh_under_way: bool = False
    last_success: str = ""
    last_run: PastRun | None = None
    begun: Begun | None = None
    rests: "tuple[Rest, ...]" = ()
    shared: "list[SharedCover]" = field(default_factory=list)
    asked_today: dict[str, int] = field(default_factory=dict)
    hosts_left: set[str] = field(default_factory=set)
    fetch: str = "equigen fetch"
    is_local: bool = False
    is_ledger_lost: bool = False
    # The TSV's name where only a copy brings it back, else "".
    lost_tsv: str = ""

    @property
    def covers_left(self) -> int:
        """The number of covers that a download would fetch, once no host rests."""
        return self.missing + self.gone + self.to_try_again

    def next_step(self) -> str:
        """Return the next command to run."""
        if self.lost_tsv:
            then = ", then `equigen repair`" if self.is_ledger_lost else ""
            return f"put a copy of {self.lost_tsv} back{then}"
        if self.is_ledger_lost:
            return "equigen repair"
        cut_off = self.pages and not self.last_fetch
        if not self.rows or self.pending or self.refresh_under_way or cut_off:
            return self.fetch
        if self.covers_left:
            return "equigen download"
        held_back = sum(each.covers for each in out_of_sets(self.shared))
        if self.covers - self.sets.total() != held_back:
            return "equigen split"
        more = "a newer dump brings new albums: `equigen dumps get`"
        if not self.is_local:
            more = f"`{self.fetch} --refresh` looks for new albums"
        return f"nothing: the dataset is complete ({more})"


def _look(context: Context) -> _Found:
    found = _Found()
    source = context.settings.fetch.source
    good: dict[str, bool] = {}
    not_had: dict[str, Cover] = {}
    sets: dict[str, str] = {}
    facts: TsvFacts | None = None
    were_written = False
    refuse_file(context.directory)
    dataset = Dataset(context)
    found.is_ledger_lost = dataset.has_lost_ledger
    with dataset.reading_ledger() as ledger:
        if ledger:
            moved = SETS if ledger.value(SPLIT_LINK) == Link.MOVE else ()
            folders = [context.images, *(context.split / name for name in moved)]
            there = set(chain.from_iterable(map(cover_files, folders)))
            good = {path: path in there for path, _, _ in ledger.files()}
            not_had = ledger.covers_not_had()
            sets = ledger.laid_out()
            found.pending = ledger.pending()
            were_written = any(not album.pending for album in ledger.taken())
            found.pages = any(True for _ in ledger.page_extents())
            found.last_fetch = ledger.read(LAST_FETCH, read_moment) or ""
            found.last_refresh = ledger.read(LAST_REFRESH, read_moment) or ""
            found.refresh_under_way = bool(ledger.value(REFRESHING))
            found.last_success = ledger.read(LAST_SUCCESS, read_moment) or ""
            found.last_run = ledger.read(LAST_RUN, read_past_run)
            found.begun = begun_run(context, ledger)
            found.shared = noted_shared_covers(ledger)
            found.rests = tuple(ledger.rests().values())
            found.asked_today = ledger.requests_of(context.now().astimezone(UTC).date().isoformat())
            source = ledger.value(LAST_SOURCE) or source
            if context.tsv.exists():
                facts = noted_facts(context.tsv, ledger)
    if source != context.settings.fetch.source:
        found.fetch = f"equigen fetch --source {source}"
    found.is_local = _is_local(source, context)
    if not context.tsv.exists():
        found.lost_tsv = context.tsv.name if found.is_ledger_lost or were_written else ""
        return found
    if not good and not not_had:
        _take_all_lacking(found, facts or tsv_facts(context.tsv))
        return found
    now, sources = context.now(), Counter[str]()
    for row in dataset_covers(context):
        found.rows += 1
        sources[row.album_id.partition(":")[0]] += 1
        if good.get(row.path):
            found.covers += 1
            if row.path in sets:
                found.sets[sets[row.path]] += 1
        else:
            _take_lacking(found, row, not_had.get(row.picture), is_gone=row.path in good, now=now)
    _take_licences(found, sources)
    return found


def _take_all_lacking(found: _Found, facts: TsvFacts) -> None:
    """Count rows of which no cover is known: all are missing, or have no picture."""
    found.rows = facts.rows
    bare = facts.hosts.get("", 0)
    if bare:
        found.failed[NO_PICTURE] += bare
    found.missing = facts.rows - bare
    found.hosts_left = {*facts.hosts} - {""}
    _take_licences(found, facts.sources)


def _take_licences(found: _Found, sources: Mapping[str, int]) -> None:
    for source, count in sources.items():
        if licence := licence_of(f"{source}:"):
            found.licences[licence] += count


def _take_lacking(
    found: _Found, row: WantedCover, known: "Cover | None", *, is_gone: bool, now: datetime
) -> None:
    """Count a cover that is missing, and whether a download would fetch it."""
    decision = decide(row.url, known, is_there=False, has_twin=False, retry=None, now=now)
    is_left = decision.action is CoverAction.FETCH
    if is_left:
        found.hosts_left.add(host_of(row.url))
    if known:
        found.failed[known.reason] += 1
        found.to_try_again += is_left
    elif not is_left:
        found.failed[decision.reason] += 1
    elif is_gone:
        found.gone += 1
    else:
        found.missing += 1


def _quotas(found: _Found, context: Context, now: datetime) -> Iterable[dict[str, Any]]:
    """Yield the quota of each host that has one and that was, or is to be, asked.

    A quota is of a UTC day; the next day begins at `resumes_at`.
    """
    given = context.settings.download.hosts
    policies = {name: HostPolicy(per_day=each.per_day) for name, each in given.items()}
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for host in sorted({*found.asked_today, *found.hosts_left} - {""}):
        if per_day := policy_for(host, policies).per_day:
            used = found.asked_today.get(host, 0)
            yield {
                "host": host,
                "per_day": per_day,
                "used_today": used,
                "left": max(0, per_day - used),
                "resumes_at": as_iso(midnight + timedelta(days=1)),
            }


def _run_rows(found: _Found, now: datetime) -> Iterable[tuple[str, str]]:
    if ended := found.last_run:
        how = f"{ended.command}: {ended.outcome}, {_with_age(ended.ended_at, now)}"
        yield "last run", f"{how}, after {timedelta(seconds=round(ended.took_s))}"
        if ended.error:
            yield "its error", ended.error
    else:
        yield "last run", "never"
    if begun := found.begun:
        state = "under way" if begun.alive else "killed; it was under way"
        yield f"{begun.command} (process {begun.pid})", f"{state} since {begun.since}"


def _age_s(at: str, now: datetime) -> int | None:
    return round((now - datetime.fromisoformat(at)).total_seconds()) if at else None


def _with_age(at: str, now: datetime) -> str:
    age_s = _age_s(at, now)
    return "never" if age_s is None else f"{at} ({timedelta(seconds=age_s)} ago)"


def _is_local(name: str, context: Context) -> bool:
    try:
        return isinstance(open_named(name, context.config), LocalSource)
    except UsageError:  # an online source without credentials, for instance
        return False
