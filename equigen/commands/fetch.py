"""Fetch album metadata into the TSV, until every query is full.

Goes on where it stopped: no result page is asked for twice. With --refresh, this year's and last
year's pages (or those --since a year) are asked for again, and only what is new is added. A query
is filled from the newest year down, or with --spread even as evenly as the years have albums.

Albums come from the Discogs API (--source discogs), from Discogs' open dumps with covers of the
Cover Art Archive (discogs-dump: no account; `equigen dumps get masters release-groups` first), from
MusicBrainz (musicbrainz: its dump, or with --live its API), from Spotify (spotify: a crawl from
genres to artists to albums, off until you accept its terms), or from the files of MuMu (mumu),
MSD-I (msd-i) or AcousticBrainz (acousticbrainz).

With --album, these albums are fetched, with their covers, into a folder of their own (examples):
they never come into the dataset, and `split` keeps what is there of them out of all sets.

Examples:
  equigen fetch
  equigen fetch --label Jazz --label Blues --genre-limit 500
  equigen fetch --spread even
  equigen fetch --refresh --since 2024
  equigen fetch --source discogs-dump --releases
  equigen fetch --source spotify --genres-file genres.txt
  equigen fetch --album discogs:m123 --albums-file albums.txt
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from equigen.config.settings import Several, Spread
from equigen.dataset.context import Bar, Context
from equigen.dataset.counting import (
    count_genres_and_styles,
    evenness,
    notes_on_empty,
    notes_on_labels,
    overlap_now,
)
from equigen.dataset.covers import folder_name
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.examples import context_of_examples
from equigen.dataset.made_with import queries_asked, settings_noted
from equigen.dataset.overlap import Overlap, label_sizes, overlap_line
from equigen.dataset.reserve import map_reserve
from equigen.errors import (
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    TimeIsUpError,
    UsageError,
    refused,
)
from equigen.fetching.by_id import AlbumsById
from equigen.fetching.crawl import QUERY_FULL, CrawlPages, sort_out
from equigen.fetching.examples import ExampleFetch, ids_given
from equigen.fetching.local_pages import LocalPages, additions_of
from equigen.fetching.paging import PagePlan, PageRef
from equigen.fetching.pending import known_albums, write_additions, write_pending
from equigen.fetching.prefetch import PrefetchedPages
from equigen.fetching.selection import Selection, Skip
from equigen.fetching.year_order import EvenPlan
from equigen.labels.matches import Matches, of_several_parts
from equigen.labels.taxonomy import Query
from equigen.ledger.backup import back_up
from equigen.ledger.database import has_tables
from equigen.ledger.ledger import LAST_SOURCE, SOURCES, Ledger
from equigen.ledger.models import Addition, CrawlPage
from equigen.ledger.values import read_texts
from equigen.output import tell
from equigen.schema import Album
from equigen.sources.base import (
    Catalogue,
    CrawlSource,
    LocalSource,
    OnlineSource,
    Search,
    Source,
    client_of,
    fetch_settings,
    open_named,
    rule_of,
)
from equigen.summary import Summary, Table, resumption

ORDER: Final = 20
SETTINGS: Final = fetch_settings()

_QUERY_LEFT = "left for later (with its query)"
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_NOT_ALBUM = "no album of the query"
_OF_QUERY = ("query", "label", "taken", "albums", "limit", "state")
_NO_REFRESH = (
    "--refresh changes nothing here: a dump is read as it is. A newer one brings new albums:"
    " `equigen dumps get`."
)
# An album of the dataset, which is counted there.
_IS_THERE = (Skip.KNOWN_ALBUM, Skip.KNOWN_PICTURE)
Pages = LocalPages | PrefetchedPages
_MOST_PAIRS = 12
# Taken rows are in the ledger at once; the TSV is written after a query, but not more often.
_WRITTEN_EVERY_S = 60


def run(
    context: Context,
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask again where something new can be.")
    ] = False,
    since: Annotated[
        int | None, typer.Option(help="First year that --refresh asks again. [default: last year]")
    ] = None,
    album: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Fetch this album into the examples, such as discogs:m123."
        ),
    ] = None,
    albums_file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The same for each id in a file, one a line, or a TSV."),
    ] = None,
) -> Summary:
    """Fetch until all queries are full or exhausted; see the module's text.

    Raises:
        EquigenError: as `Dataset.writing` has it.
        CredentialsError: the service refuses the credentials before any page came.
        FetchError: not one page could be had. A query that fails later is left for the next run,
            and so are all that follow when the service asks for a long rest or time is up.

    """
    if since is not None and not refresh:
        msg = "--since: it belongs to --refresh, which is missing. Add --refresh."
        raise UsageError(msg)
    if album or albums_file:
        return _fetch_examples(context, ids_given(album or (), albums_file), refresh=refresh)
    settings = context.settings
    source = open_named(settings.fetch.source, context.config)
    queries = settings.fetch.chosen_queries()
    years: Sequence[int] = settings.fetch.years(context.now().year)
    catalogues: AbstractContextManager[Catalogue | None] = nullcontext()
    if isinstance(source, LocalSource):
        catalogues = source.open(context)
        years = [*years, 0] if source.takes_undated else years
    needs = Need.WHOLE_TSV_IF_ANY | Need.KNOWN_COVERS
    with (
        Dataset.writing(context, "fetch", needs) as dataset,
        catalogues as catalogue,
        settings_noted(dataset, "fetch"),
    ):
        ledger = dataset.ledger
        is_only_source = _note_source(ledger, settings.fetch.source)
        if refresh:
            _ask_anew(source, context, ledger, since)
        rule = catalogue.fits if catalogue else rule_of(cast("OnlineSource", source))
        selection = known_albums(context, ledger, rule)
        added = 0
        if catalogue and selection.has_rows:
            write_pending(context, ledger)  # the rows of a killed run are added to as well
            found = additions_of(catalogue, selection, context.bar, is_only_source=is_only_source)
            added = write_additions(context, found)
        wanted = [query for query in queries if selection.missing(query)]
        pages: AbstractContextManager[Pages | CrawlPages]
        if catalogue:
            known = settings.fetch.known_queries()
            local = LocalPages(
                catalogue, ledger, queries=wanted, known=known, years=years, bar=context.bar
            )
            pages = closing(local)
        else:
            pages = _asked_ahead(cast("OnlineSource | CrawlSource", source), context, ledger)
        try:
            with pages as opened:
                plan = _plan(settings.fetch.spread, opened, selection, years)
                work = _Work(context, source, ledger, opened, plan, selection, queries)
                work.added = added
                work.do(years)
        finally:
            write_pending(context, ledger)
        if not work.failed:
            # A local source doesn't end the refresh of an online one that was cut off.
            ended_at = context.now().isoformat(timespec="seconds")
            ledger.end_fetch(ended_at=ended_at, ends_refresh=not catalogue)
        notes = [_NO_REFRESH] if refresh and isinstance(source, LocalSource) else []
        if left_out := sum(map_reserve(context, (), len)):
            notes.append(
                f"{left_out:,} albums that were left out, in {context.reserve.name}, keep their"
                " places"
            )
        return work.summary(notes, overlap_now(context, ledger))


def _note_source(ledger: Ledger, source: str) -> bool:
    """Note that albums are fetched from a source; tell whether they all are."""
    sources = {*(ledger.read(SOURCES, read_texts) or ()), source}
    sources.add(ledger.value(LAST_SOURCE) or source)
    ledger.remember(LAST_SOURCE, source)
    ledger.remember(SOURCES, json.dumps(sorted(sources)))
    return len(sources) == 1


def _fetch_examples(context: Context, ids: Sequence[str], *, refresh: bool) -> Summary:
    """Fetch albums by id, with their covers, into the examples.

    Raises:
        UsageError: no album has any of the ids.
        EquigenError: none of the albums could be had, or as `Dataset.writing` has it.

    """
    from equigen.commands import download  # noqa: PLC0415  (heavy)

    if refresh:
        msg = "--refresh: an album that is given by id is fetched once. Leave it out."
        raise UsageError(msg)
    own = context_of_examples(context)
    with Dataset.writing(context, "fetch") as whole:  # others mustn't read half of them
        with (
            Dataset.writing(own, "fetch", Need.WHOLE_TSV_IF_ANY | Need.KNOWN_COVERS) as dataset,
            ExitStack() as stack,
        ):
            rests = whole.ledger if has_tables(context.ledger) else dataset.ledger
            asked = AlbumsById(context, rests, stack)
            albums = ExampleFetch(context, dataset.ledger, asked).fetch(ids)
        covers = download.run(own) if own.tsv.exists() else None
        back_up(own.ledger, command="fetch", now=context.now())
    if not covers:
        return albums
    return replace(
        albums,
        facts={**albums.facts, "covers": covers.as_json()},
        notes=[*albums.notes, covers.line(), *covers.notes],
        partly=albums.partly or covers.partly,
        resumes_at=resumption([albums, covers]),
    )


def _ask_anew(source: Source, context: Context, ledger: Ledger, since: int | None) -> None:
    """Let a source be asked again where something new can be.

    Raises:
        UsageError: there is a first year, but the source isn't asked by years.

    """
    settings, this_year = context.settings.fetch, context.now().year
    if isinstance(source, CrawlSource):
        if since is not None:
            msg = f"--since: {settings.source} is asked by artists, not by years. Leave it out."
            raise UsageError(msg)
        ledger.start_refresh([json.dumps([settings.source])])
    elif not isinstance(source, LocalSource):
        first = this_year - 1 if since is None else since
        asked_again = [
            Search(each, year)
            for query in settings.chosen_queries()
            for each in source.asked(query)
            for year in settings.years(this_year)
            if year >= first
        ]
        ledger.start_refresh(map(source.key, asked_again))


@contextmanager
def _asked_ahead(
    source: OnlineSource | CrawlSource, context: Context, ledger: Ledger
) -> Iterator[PrefetchedPages | CrawlPages]:
    with client_of(source, context, ledger) as client:
        pages: PrefetchedPages | CrawlPages
        if isinstance(source, CrawlSource):
            pages = CrawlPages(
                client, source, ledger, now=context.now, is_over=lambda: context.time_is_up
            )
        else:
            pages = PrefetchedPages(
                client, source, ledger, now=context.now, is_over=lambda: context.time_is_up
            )
        with closing(pages):
            yield pages


def _plan(
    spread: Spread, pages: Pages | CrawlPages, selection: Selection, years: Sequence[int]
) -> PagePlan | None:
    """Return the order of result pages; None for a crawl, whose answers have their own."""
    if isinstance(pages, CrawlPages):
        return None
    plan: Callable[..., PagePlan] = PagePlan
    if spread == Spread.EVEN:
        plan = partial(EvenPlan, albums=selection.count_of_year, begun=pages.begun)
    return plan(
        years=years,
        missing=selection.missing,
        reach=pages.reach,
        page_size=pages.page_size,
        asked=pages.asked,
        slices=pages.slices,
        extent=pages.extent,
        rows_left=pages.rows_left,
        moved=pages.moved,
    )


@dataclass(slots=True)
class _Work:
    context: Context
    source: Source
    ledger: Ledger
    pages: Pages | CrawlPages
    plan: PagePlan | None
    selection: Selection
    queries: tuple[Query, ...]
    online: OnlineSource | None = field(init=False)
    matches: Matches = field(init=False)
    opened: set[PageRef] = field(default_factory=set)
    left: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    failed: dict[str, EquigenError] = field(default_factory=dict)
    ended_early: str = ""
    resumes_at: datetime | None = None
    read: int = 0
    written_s: float = 0.0
    added: int = 0
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Take the counts of all that a catalogue has, or begin those of what pages show."""
        self.online = None
        if isinstance(self.source, LocalSource):
            self.matches = cast("LocalPages", self.pages).matches
        elif isinstance(self.source, CrawlSource):
            self.matches = Matches(self.queries, rule_of(self.source))
        else:
            self.online = self.source
            self.matches = Matches(of_several_parts(self.queries), self.source.fits)

    def do(self, years: Sequence[int]) -> None:
        """Fill all queries, in the way of the source."""
        if isinstance(self.pages, CrawlPages):
            self._crawl(self.pages, years)
        else:
            self._fill_all()

    def _fill_all(self) -> None:
        """Fill query after query; leave one that fails for the next run."""
        missing = sum(self._to_come(0).values())
        with self.context.bar("fetch", missing, "album") as bar:
            for position, query in enumerate(self.queries):
                try:
                    self._fill(query, position, bar)
                except FetchError as err:
                    trouble = self._with_advice(err)
                    if not self.pages.answers:  # else other queries may be filled
                        raise trouble from None
                    self._leave(query, trouble)
                    self.context.say(f"{query.name}: left for the next run. {trouble}")
                except (HostRestsError, TimeIsUpError) as err:
                    self._leave_all(self.queries[position:], err)
                    return
                self._write_now_and_then()
                to_come = self._to_come(position + 1).values()
                bar.expect(sum(self.taken.values()) + sum(to_come))

    def _crawl(self, pages: CrawlPages, years: Sequence[int]) -> None:
        """Take albums as a crawl brings them, until all queries are full."""
        with self.context.bar("fetch", sum(self._to_come(0).values()), "album") as bar:
            pages.is_needed = self._is_needed
            try:
                pages.is_enough = not any(map(self.selection.missing, self.queries))
                for task, page in pages.in_order():
                    taken = self._sort_out(task, page, pages, years)
                    pages.is_enough = not any(map(self.selection.missing, self.queries))
                    bar.advance(taken, crawl=f"{pages.share:.1%}")
                    if self.taken:
                        self._write_now_and_then()
            except FetchError as err:
                trouble = self._with_advice(err)
                if not pages.answers:
                    raise trouble from None
                self.ended_early = str(trouble)
                self._leave_all(self.queries, trouble)
            except (HostRestsError, TimeIsUpError) as err:
                self._leave_all(self.queries, err)
            else:
                for failure in [*pages.failed.values()][-1:]:
                    self._leave_all(self.queries, failure)
            finally:
                pages.settle()

    def _is_needed(self, genres: tuple[str, ...]) -> bool:
        """Tell whether albums of some genres match a query that isn't full."""
        places = self.matches.add(genres, (), 0)
        return any(self.selection.missing(self.queries[place]) for place in places)

    def _sort_out(self, task: str, page: CrawlPage, pages: CrawlPages, years: Sequence[int]) -> int:
        """Take albums of an answer; return their number."""
        found = sort_out(
            page.listings, self.queries, years, selection=self.selection, matches=self.matches
        )
        pages.use(task, found)
        self.added += len(found.added)
        self.read += len(page.listings)
        self.dropped += found.skipped
        self.taken.update(query.name for query, _ in found.taken)
        return len(found.taken)

    def _leave(self, query: Query, err: EquigenError) -> None:
        self.failed[query.name] = err
        message = f"{query.name}: left for the next run. {err}"
        tell("query left", message, query=query.name, why=str(err))

    def _leave_all(self, queries: Sequence[Query], err: EquigenError) -> None:
        """Leave all queries that aren't full, for a reason that concerns all of them."""
        if isinstance(err, TimeIsUpError):
            self.ended_early = "Time is up: queries that aren't full are left for the next run."
        if isinstance(err, HostRestsError):
            self.ended_early = str(err)
            # The time to go on is unknown where queries failed before for another reason.
            if not self.failed:
                self.resumes_at = datetime.fromtimestamp(err.resumes_at_s, UTC)
        for query in queries:
            if self.selection.missing(query):
                self._leave(query, err)

    def _write_now_and_then(self) -> None:
        """Write pending rows to the TSV, at most once in `_WRITTEN_EVERY_S`."""
        now_s = self.context.clock.steady()
        if now_s >= self.written_s + _WRITTEN_EVERY_S:
            write_pending(self.context, self.ledger)
            self.written_s = now_s

    def _fill(self, query: Query, position: int, bar: Bar) -> None:
        try:
            for ref, most in cast("PagePlan", self.plan).turns(query):
                if self.context.time_is_up:
                    msg = "time is up; what was done is kept"
                    raise TimeIsUpError(msg)
                self._use(ref, most, position, bar)
        finally:
            self.pages.settle()

    def _use(self, ref: PageRef, most: int, position: int, bar: Bar) -> None:
        """Take at most `most` albums from one page, in the page's order."""
        query = ref.search.query
        rest = query.beyond_search()
        pages = cast("Pages", self.pages)
        listings = pages.listings(ref, ahead=lambda: self._ahead(position))
        new = 0 if ref in self.opened else len(listings)
        self.opened.add(ref)
        self.read += new
        taken, added = list[Album](), list[Addition]()
        used = 0
        for listing in listings:
            if len(taken) == most:
                break
            used += 1
            verdict: Album | Addition | Skip = Skip.RULE
            if not self.online or self.online.fits(rest, listing.genres, listing.styles):
                verdict = self.selection.judge(listing, query, year_asked=ref.search.year)
            if isinstance(verdict, Addition):
                added.append(verdict)
                self.dropped[Skip.ADDED] += 1
                self.added += 1
            elif isinstance(verdict, Skip):
                self.dropped[verdict] += 1
                if self.online and verdict not in _IS_THERE and listing.album_id not in self._seen:
                    self._seen.add(listing.album_id)
                    self.matches.add(listing.genres, listing.styles)
            else:
                taken.append(verdict)
        pages.use(ref, rows_left=len(listings) - used, taken=taken, added=added)
        self.left[query.name] += new - used
        self.dropped[QUERY_FULL] += new - used
        self.taken[query.name] += len(taken)
        bar.advance(len(taken), query=query.name, year=ref.search.year)

    def _ahead(self, position: int) -> Iterator[PageRef]:
        for query, missing in self._to_come(position).items():
            yield from cast("PagePlan", self.plan).ahead(query, most=missing)
            # With several labels an album fills quotas of later queries as well.
            if self.selection.several is Several.MULTI:
                return

    def _to_come(self, position: int) -> dict[Query, int]:
        """Return how many albums each query from a position on takes if all can be filled."""
        to_come, promised = dict[Query, int](), Counter[str]()
        for query in self.queries[position:]:
            to_come[query] = self.selection.missing(query, promised=promised[query.label])
            promised[query.label] += to_come[query]
        return to_come

    def _with_advice(self, err: FetchError) -> EquigenError:
        """Return the error, or a `CredentialsError` with advice where credentials failed."""
        if isinstance(err, HttpStatusError) and (
            err.status == _UNAUTHORIZED or (err.status == _FORBIDDEN and not self.pages.answers)
        ):
            return refused(err, self.source.advice.refused)
        return err

    def summary(self, more: Sequence[str], overlap: Overlap) -> Summary:
        """Return the account of all results; `more` are notes to add, `overlap` is of labels."""
        sizes = label_sizes(overlap)
        progress = self.pages.progress() if isinstance(self.pages, CrawlPages) else None
        not_albums = {_NOT_ALBUM: self.pages.others} if self.pages.others else {}
        dropped = {**self.dropped, **not_albums}
        if left := sum(self.left[name] for name in self.failed):
            dropped |= {QUERY_FULL: dropped[QUERY_FULL] - left, _QUERY_LEFT: left}
        queries = [
            (
                query.name, folder_name(query.label), self.taken[query.name],
                self.selection.count(query), query.limit, self._state(query),
            )
            for query in self.queries
        ]  # fmt: skip
        labels = Counter[str]()
        for label in dict.fromkeys(query.label for query in self.queries):
            labels[folder_name(label)] += self.selection.count_of_label(label)
        taken = sum(self.taken.values())
        odds = self.selection.at_odds
        notes = [*self.pages.notes, self.source.licence, *self._on_several(), *self._on_added()]
        notes += [overlap_line(overlap), *more]
        notes += [
            f"{query.name}: up to {count:,} results are out of reach: the service gives no more"
            for query in self.queries
            if self.plan and (count := self.plan.out_of_reach(query))
        ]
        notes += self._half_matched()
        if self.ended_early:
            notes.append(self.ended_early)
        had_pictures = taken or any(self.dropped[each] for each in (*_IS_THERE, Skip.ADDED))
        if self.dropped[Skip.PLACEHOLDER] and not had_pictures:
            notes.append(self.source.advice.no_pictures)
        notes += (
            [] if self.failed else notes_on_empty(queries_asked(self.context, self.ledger), sizes)
        )
        notes += notes_on_labels(self.context, sizes)
        return Summary(
            stage="fetch",
            unit="results",
            rows_in=self.read + self.pages.others,
            rows_out=taken,
            dropped=dropped,
            put_off=(QUERY_FULL, _QUERY_LEFT),
            facts={
                "requests": self.pages.answers,
                "queries": [dict(zip(_OF_QUERY, row, strict=True)) for row in queries],
                "labels": dict(labels),
                "evenness": evenness(sizes),
                "added_to_rows": self.added,
                "labels_at_odds": {" / ".join(pair): n for pair, n in odds.items()},
                "label_conflicts": [each._asdict() for each in self.selection.conflicts],
                "left_out": {" + ".join(pair): n for pair, n in self.selection.pairs.items()},
                "overlap": overlap,
                **({"crawl": asdict(progress)} if progress else {}),
                "failed": {name: str(err) for name, err in self.failed.items()},
            },
            table=Table(("query", "label", "new", "albums", "limit", "state"), tuple(queries)),
            notes=[note for note in notes if note],
            partly=bool(self.failed),
            left=len(self.failed),
            left_unit="queries",
            resumes_at=self.resumes_at,
        )

    def _half_matched(self) -> Iterator[str]:
        """Yield a sentence for each query that is as good as empty by one part of its rule."""
        if self.online and any(map(self.selection.missing, of_several_parts(self.queries))):
            for genres, styles, count in count_genres_and_styles(self.context.tsv):
                self.matches.add(genres, styles, count)
        return self.matches.notes(self.selection.count)

    def _on_added(self) -> Iterator[str]:
        """Yield notes on albums that other sources brought before, and whose labels they differ."""
        if self.added:
            yield (
                f"{self.added:,} albums that are there got their ids and covers in"
                f" {self.context.settings.fetch.source}"
            )
        if odds := self.selection.at_odds:
            yield (
                "labels that the sources differ in (of the row / by this source; --json lists the"
                f" albums): {_pairs(odds, ' / ')}"
            )

    def _on_several(self) -> Iterator[str]:
        """Yield notes on albums of several labels: those left out, and labels above their quota."""
        if pairs := self.selection.pairs:
            yield f"albums left out, since they match several labels: {_pairs(pairs, ' + ')}"
        for query in {query.label: query for query in self.queries}.values():
            if over := self.selection.above_quota(query):
                yield (
                    f"{query.label}: {over:,} albums above its quota, taken for other labels that"
                    " they match as well"
                )

    def _state(self, query: Query) -> str:
        if query.name in self.failed:
            return "left for the next run"
        if self.selection.missing(query):
            return "no more to be had"
        return "full" if self.selection.count(query) >= query.limit else "label is full"


def _pairs(counts: Counter[tuple[str, str]], between: str) -> str:
    found = counts.most_common(_MOST_PAIRS)
    shown = ", ".join(f"{between.join(pair)}: {count:,}" for pair, count in found)
    rest = len(counts) - len(found)
    return f"{shown}, and {rest:,} more pairs" if rest else shown
