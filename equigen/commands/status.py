"""Tell where the dataset stands and what to run next.

Reads the ledger, and the TSV and the folders of the covers only where anything changed since the
last stage; changes nothing, and may be run while another stage works. Also tells how the last run
(run, fetch or download) ended and when one last ended well, what is left of the hosts' quotas of
the day, and which hosts rest: for monitors, with --json.

Examples:
  equigen status
  equigen status --json
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from equigen.config.layers import as_toml
from equigen.config.settings import defaults
from equigen.config.trust import other_hosts
from equigen.dataset.context import Context
from equigen.dataset.counting import evenness, facts_now, notes_on_empty, notes_on_labels
from equigen.dataset.dataset import Dataset
from equigen.dataset.examples import mark_of_examples
from equigen.dataset.history import begun_run
from equigen.dataset.made_with import Difference, differences, made_with, queries_asked, sizes_made
from equigen.dataset.overlap import Overlap, label_sizes, overlap_line
from equigen.downloading.policy import NO_PICTURE, is_put_off
from equigen.downloading.shared_covers import noted_shared_covers, notes_on_shared, out_of_sets
from equigen.errors import UsageError
from equigen.http.limits import HostPolicy, policy_for
from equigen.ledger.ledger import (
    CRAWL,
    LAST_FETCH,
    LAST_REFRESH,
    LAST_RUN,
    LAST_SOURCE,
    LAST_SUCCESS,
    RECIPE_DUE,
    REFRESHING,
    SPLIT_GROUPS,
    STAGES_DUE,
)
from equigen.ledger.models import GONE, OK, WAITING, read_moment
from equigen.ledger.values import (
    Begun,
    CrawlProgress,
    PastRun,
    SplitGroups,
    TsvFacts,
    read_crawl_progress,
    read_past_run,
    read_split_groups,
)
from equigen.schema import ASIDE, SETS, Group
from equigen.sources.base import LocalSource, Source, licences_of, open_named
from equigen.storage.atomic import refuse_file
from equigen.summary import Summary, Table, as_iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from equigen.labels.taxonomy import Query
    from equigen.ledger.ledger import Ledger
    from equigen.ledger.models import Rest
    from equigen.ledger.values import SharedCover

ORDER: Final = 90
SETTINGS: Final = ()
_BEFORE_DOWNLOAD: Final = ("clean", "dedupe", "balance")
_QUOTA_LEFT: Final = "{left:,} of {per_day:,} left today, anew at {resumes_at}"


def run(context: Context) -> Summary:
    """Report, without touching anything.

    Raises:
        InputError: the TSV is broken, or the dataset's folder is a file.
        LedgerError: the ledger can't be read.

    """
    found = _look(context)
    split = found.split
    next_step = found.next_step()
    now, ended = context.now(), found.last_run
    quotas = list(_quotas(found, context, now))
    resting = [rest for rest in found.rests if rest.left(now)]
    hosts = other_hosts(context.settings, defaults())
    facts = {
        "directory": str(context.directory),
        "rows": found.rows,
        "covers": found.covers,
        "sizes": dict(found.sizes),
        "waiting": found.waiting,
        "gone": found.gone,
        "not_had": dict(found.not_had),
        "covers_left": found.covers_left,
        "sets": {name: found.sets[name] for name in SETS},
        "set_aside": found.sets[ASIDE],
        "examples_kept_out": split.examples if split else 0,
        "in_no_set": found.covers - found.sets.total(),
        "not_in_tsv_yet": found.pending,
        "last_fetch": found.last_fetch,
        "last_refresh": found.last_refresh,
        "refresh_under_way": found.refresh_under_way,
        "crawl": asdict(found.crawl) if found.crawl else None,
        "last_success": found.last_success or None,
        "last_success_age_s": _age_s(found.last_success, now),
        "last_run": {**asdict(ended), "age_s": _age_s(ended.ended_at, now)} if ended else None,
        "under_way": asdict(found.begun) if found.begun else None,
        "quotas": quotas,
        "resting": [rest._asdict() for rest in resting],
        "licences": dict(found.licences),
        "other_hosts": hosts,
        "by_flag": {name: list(pair) for name, pair in context.config.given.items()},
        "made_with": [each._asdict() for each in found.differences],
        "overlap": found.overlap,
        "shared_covers": [each._asdict() for each in found.shared],
        "evenness": evenness(found.labels),
        "next": next_step,
    }
    rows: list[tuple[str | int, ...]] = [
        ("rows", found.rows),
        ("covers there", found.covers),
        *((f"made as {size}", count) for size, count in sorted(found.sizes.items())),
        ("covers waiting", found.waiting),
        *((("covers whose files are gone", found.gone),) if found.gone else ()),
        *((f"not had: {reason}", count) for reason, count in found.not_had.most_common()),
        ("covers left to get", found.covers_left),
        *((f"in {name}", found.sets[name]) for name in SETS),
        *((("set aside", found.sets[ASIDE]),) if found.sets[ASIDE] else ()),
        *((("kept out as examples", split.examples),) if split and split.examples else ()),
        *((("labels that overlap", line),) if (line := overlap_line(found.overlap)) else ()),
        *((("crawl", str(found.crawl)),) if found.crawl else ()),
        ("last fetch", found.last_fetch or "never"),
        ("last refresh", found.last_refresh or "never"),
        ("last run that ended well", _with_age(found.last_success, now)),
        *_run_rows(found, now),
        *((f"quota of {quota['host']}", _QUOTA_LEFT.format(**quota)) for quota in quotas),
        *((f"{rest.host} rests", f"until {rest.until}: {rest.why}") for rest in resting),
        *_by_flag(context.config.given),
        *((each.name, f"made with {each.made_with}, now {each.now}") for each in found.differences),
        *((f"other host: {name}", url) for name, url in hosts.items()),
    ]
    licences = [f"{count:,} rows: {text}" for text, count in found.licences.items()]
    if found.pending:
        rows.append(("fetched, not in the TSV yet", found.pending))
    return Summary(
        stage="status",
        done="known",
        unit="rows",
        rows_in=found.rows,
        rows_out=found.rows,
        facts=facts,
        table=Table((str(context.directory), ""), tuple(rows)),
        notes=[
            *licences,
            *notes_on_shared(found.shared),
            f"next: {next_step}",
            *(notes_on_empty(found.asked, found.labels) if found.last_fetch else ()),
            *notes_on_labels(context, found.labels),
        ],
    )


def _by_flag(given: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, str]]:
    """Yield a row for each setting that an earlier flag decides against the other layers."""
    for name, (value, instead_of) in given.items():
        if value != instead_of:
            yield name, f"{as_toml(value)} by an earlier flag, instead of {as_toml(instead_of)}"


@dataclass(slots=True)
class _Found:
    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    covers: int = 0
    waiting: int = 0
    gone: int = 0
    not_had: Counter[str] = field(default_factory=Counter)
    sets: Counter[str] = field(default_factory=Counter)
    # Covers made in each size, by its words; only where there are several.
    sizes: Counter[str] = field(default_factory=Counter)
    # The stages before download that are to be run again, in their order.
    before_download: "Sequence[str]" = ()
    # Whether covers lie there that no row wants, and sets show files that are gone.
    has_surplus: bool = False
    lacks_files: bool = False
    rows_laid_out: int = 0
    albums_laid_out: int = 0
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
    crawl: CrawlProgress | None = None
    rests: "tuple[Rest, ...]" = ()
    differences: list[Difference] = field(default_factory=list)
    asked: "Sequence[Query]" = ()
    shared: "list[SharedCover]" = field(default_factory=list)
    overlap: Overlap = field(default_factory=dict)
    split: SplitGroups | None = None
    # Whether examples came or went since the split.
    are_examples_new: bool = False
    asked_today: dict[str, int] = field(default_factory=dict)
    hosts_left: set[str] = field(default_factory=set)
    fetch: str = "equigen fetch"
    is_recipe_due: bool = False
    is_local: bool = False
    # Rests of the source's own hosts, which `fetch` obeys.
    source_rests: "Sequence[Rest]" = ()
    is_ledger_lost: bool = False
    # The TSV's name where only a copy brings it back, else "".
    lost_tsv: str = ""

    @property
    def covers_left(self) -> int:
        """The number of covers that a download would fetch, once no host rests."""
        return self.waiting + self.gone + self.to_try_again

    def next_step(self) -> str:
        """Return the next command to run."""
        if self.lost_tsv:
            then = ", then `equigen repair`" if self.is_ledger_lost else ""
            return f"put a copy of {self.lost_tsv} back{then}"
        if self.is_ledger_lost:
            return "equigen repair"
        due = [*self._due()]
        if self.source_rests and due[:1] == [self.fetch] and not self.pending:
            # The others can be run meanwhile.
            rest = self.source_rests[0]
            due = [*due[1:], f"{self.fetch}, after {rest.until}: {rest.host} rests"]
        if due:
            return due[0]
        more = "a newer dump brings new albums: `equigen dumps get`"
        if not self.is_local:
            more = f"`{self.fetch} --refresh` looks for new albums"
        return f"nothing: the dataset is complete ({more})"

    def _due(self) -> Iterator[str]:
        """Yield the stages that are due, in the order in which they are run."""
        cut_off = self.pages and not self.last_fetch
        is_wanted = self.last_fetch and any(each.asks_for_more for each in self.differences)
        if not self.rows or self.pending or self.refresh_under_way or cut_off or is_wanted:
            yield self.fetch
        yield from (f"equigen {stage}" for stage in self.before_download)
        if self.is_recipe_due:  # which compares the covers that it downloads
            yield "equigen recipe build FILE"
        elif self.covers_left or self.has_surplus:
            yield "equigen download"
        held_back = sum(each.covers for each in out_of_sets(self.shared))
        if self.split and self.split.group == Group.NONE:
            held_back += self.split.examples
        is_due = self.are_examples_new or self.lacks_files
        is_due |= self.albums_laid_out > self.rows_laid_out
        if is_due or self.covers - self.sets.total() != held_back:
            yield "equigen split"


def _look(context: Context) -> _Found:
    found = _Found()
    source = context.settings.fetch.source
    facts: TsvFacts | None = None
    were_written = False
    found.before_download = ["balance"] if context.settings.balance.per_label else []
    refuse_file(context.directory)
    dataset = Dataset(context)
    found.is_ledger_lost = dataset.has_lost_ledger
    with dataset.reading_ledger() as ledger:
        if ledger:
            were_written = any(not album.pending for album in ledger.taken())
            found.crawl = ledger.read(CRAWL, read_crawl_progress)
            found.pages = bool(found.crawl) or any(True for _ in ledger.page_extents())
            found.last_fetch = ledger.read(LAST_FETCH, read_moment) or ""
            found.last_refresh = ledger.read(LAST_REFRESH, read_moment) or ""
            found.refresh_under_way = bool(ledger.value(REFRESHING))
            found.is_recipe_due = bool(ledger.value(RECIPE_DUE))
            found.last_success = ledger.read(LAST_SUCCESS, read_moment) or ""
            found.last_run = ledger.read(LAST_RUN, read_past_run)
            found.begun = begun_run(context, ledger)
            found.differences = differences(context, ledger)
            found.before_download = _stages_due(context, ledger)
            found.sizes = sizes_made(ledger)
            found.asked = queries_asked(context, ledger)
            found.shared = noted_shared_covers(ledger)
            found.albums_laid_out = ledger.albums_laid_out()
            if split := ledger.read(SPLIT_GROUPS, read_split_groups):
                found.split = split
                found.are_examples_new = split.of_examples != mark_of_examples(context)
            found.rests = (*ledger.rests().values(), *ledger.service_rests().values())
            found.asked_today = ledger.requests_of(context.now().astimezone(UTC).date().isoformat())
            source = ledger.value(LAST_SOURCE) or source
        if context.tsv.exists():
            facts = facts_now(context, ledger)
            found.pending = facts.pending
        elif ledger:
            found.pending = ledger.pending()
    if source != context.settings.fetch.source:
        found.fetch = f"equigen fetch --source {source}"
    opened = _opened(source, context)
    if isinstance(opened, LocalSource):
        found.is_local = True
    elif opened:
        rests = [each for each in found.rests if not each.times and each.left(context.now())]
        found.source_rests = [each for each in rests if each.host in opened.policies]
    if facts:
        _take_rows(found, facts, context.now())
    elif found.is_ledger_lost or were_written:
        found.lost_tsv = context.tsv.name
    return found


def _stages_due(context: Context, ledger: "Ledger") -> "Sequence[str]":
    """Return the stages before download that haven't seen all rows, or with other settings."""
    *due, balance = _BEFORE_DOWNLOAD
    noted = ledger.value(STAGES_DUE).split()
    due = [stage for stage in due if stage in noted]
    if context.settings.balance.per_label and (
        balance in noted
        or not made_with(ledger, "balance.per_label")
        or differences(context, ledger, balance)
    ):
        due.append(balance)
    return due


def _take_rows(found: _Found, facts: TsvFacts, now: datetime) -> None:
    """Count rows and covers, and tell what a download would fetch."""
    found.rows = sum(facts.genres.values())
    found.has_surplus, found.lacks_files = facts.has_surplus, facts.lacks_files
    found.overlap, found.labels = facts.overlap, label_sizes(facts.overlap)
    for group in facts.groups:
        is_left = bool(group.host)
        found.rows_laid_out += group.rows if group.set_name else 0
        if group.status == OK:
            found.covers += group.rows
            found.sets[group.set_name] += group.rows
            is_left = False
        elif group.status not in {WAITING, GONE}:
            found.not_had[group.reason] += group.rows
            is_left = is_left and not is_put_off(group, now)
            found.to_try_again += group.rows * is_left
        elif not group.host:
            found.not_had[NO_PICTURE] += group.rows
        elif group.status == GONE:
            found.gone += group.rows
        else:
            found.waiting += group.rows
        if is_left:
            found.hosts_left.add(group.host)
    del found.sets[""]
    found.licences.update(licences_of(facts))


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


def _opened(name: str, context: Context) -> Source | None:
    try:
        return open_named(name, context.config)
    except UsageError:  # an online source without credentials, for instance
        return None
