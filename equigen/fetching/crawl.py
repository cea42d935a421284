"""Walk a crawl: each answer leads on to further requests, which are asked in a fixed order.

The order is depth first: what an answer leads to comes before what stood beside it. Answers are
used strictly in this order, while a few known later tasks are asked for; so one service gives one
dataset, wherever runs end. An answer is in the ledger before anything else happens, and its task is
never asked for again, also where another answer leads to it.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from equigen.errors import FetchError, HttpStatusError, TimeIsUpError
from equigen.fetching.paging import redacted
from equigen.fetching.selection import Selection, Skip
from equigen.http.client import Client
from equigen.labels.matches import Matches
from equigen.labels.taxonomy import Query
from equigen.ledger.ledger import CRAWL, Ledger
from equigen.ledger.models import Addition, CrawlPage, Lead
from equigen.ledger.values import CrawlProgress
from equigen.output import tell
from equigen.schema import Album, Listing, year_of
from equigen.sources.base import CrawlSource

QUERY_FULL: Final = "left for later (query is full)"
_OTHER_YEAR: Final = "of a year that isn't asked for"
# Albums left out for these reasons may be taken later, when settings change or rows go.
_MAY_BE_TAKEN: Final = frozenset(
    (QUERY_FULL, _OTHER_YEAR, Skip.RULE, Skip.OTHER_QUERY, Skip.SEVERAL_LABELS)
)
# Requests are scarce, so that few are under way when a run is killed.
_WORKERS = 4
_DEADLINE_CHECK_S = 0.25
# So many tasks in a row that can't be had mean that the service is down.
_MOST_FAILURES = 5
# So many albums or answers are written at once.
_BATCH = 2_000
# The best of so many days with answers tells what a day's quota is.
_DAYS_LOOKED_AT = 7
_UNAUTHORIZED, _GONE = 401, frozenset({404, 410})


class CrawlPages:
    """The answers of a crawl, in order, with the genres that led to them. Close it at the end.

    Once `is_over` says so, nothing more is requested. A task that can't be had is left for the next
    run, in `failed`, and the others go on; one that the service doesn't know has an empty answer.
    One whose albums aren't needed is `spared`, unless another task leads to it with other genres.
    """

    def __init__(
        self,
        client: Client,
        source: CrawlSource,
        ledger: Ledger,
        *,
        now: Callable[[], datetime],
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.answers = 0
        self.others = 0
        self.failed: dict[str, FetchError] = {}
        # Set once the rest of the crawl isn't needed.
        self.is_enough = False
        # Whether albums of some genres are needed; tasks that lead to no others are spared.
        self.is_needed: Callable[[tuple[str, ...]], bool] = lambda _: True
        self.spared = set[str]()
        self._client, self._source, self._ledger = client, source, ledger
        self._now, self._is_over = now, is_over
        self._seeds = source.seeds()
        # The tasks to come, the next one last, and the number of seeds among them.
        self._stack = [*reversed(self._seeds)]
        self._seeds_left = len(self._seeds)
        self._seen = set[str]()
        self._has_led = False
        self._in_a_row = 0
        self._was_refused = False
        self._page = CrawlPage()
        self._answers: dict[str, Sequence[Listing]] = {}
        self._taken: list[Album] = []
        self._added: list[Addition] = []
        self._under_way: dict[str, Future[CrawlPage]] = {}
        self._errors: dict[str, BaseException] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="crawl")

    def close(self) -> None:
        """Stop requesting; wait for answers under way and keep them, and the progress."""
        self._client.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ledger.remember(CRAWL, json.dumps(asdict(self.progress())))

    @property
    def notes(self) -> Sequence[str]:
        """The progress, and a note on tasks that could not be had, if any."""
        notes = [f"crawl: {self.progress()}"]
        if self._seen and not self._has_led:
            notes.append("crawl: not one of its first requests led to another one")
        if self.spared:
            notes.append(
                f"crawl: {len(self.spared):,} requests weren't needed now, since their genres are"
                " of no label with room"
            )
        if self.failed:
            first = next(iter(self.failed.values()))
            notes.append(f"{len(self.failed):,} answers are left for the next run, such as {first}")
        return notes

    @property
    def share(self) -> float:
        """The part of the crawl that is done, by its seeds and by what is known of the last one."""
        roots = len(self._seeds)
        begun = roots - self._seeds_left
        if not begun:
            return 0.0 if roots else 1.0
        beside = len(self._stack) - self._seeds_left
        # The done part of the last one, if it is as large as the others.
        of_one = max(1, len(self._seen)) / begun
        return (begun - 1 + of_one / (of_one + beside)) / roots

    def progress(self) -> CrawlProgress:
        """Return how far the crawl is; what is to come is estimated by what was walked."""
        by_day, share = [*self._ledger.crawled_by_day().values()], self.share
        requests, a_day = sum(by_day), max(by_day[-_DAYS_LOOKED_AT:], default=0)
        # Some answers were asked for ahead.
        expected = len(self._seen) / share if share and not self.is_enough else 0
        left = max(0, math.ceil(expected) - requests)
        done = len(self._seeds) - self._seeds_left
        return CrawlProgress(share, requests, left, a_day, len(self._seeds), done)

    def in_order(self) -> Iterator[tuple[str, CrawlPage]]:
        """Yield each task with its answer, whose albums have genres, until there are enough.

        Raises:
            FetchError: several answers, one after another, or all of them, could not be had.
            CredentialsError, HostRestsError, StoppedError: the service gives nothing.
            TimeIsUpError: time was up before all came.

        """
        while self._stack and not self.is_enough:
            self._raise_if_over()
            lead = self._stack[-1]
            page = self._turn(lead)
            self._stack.pop()
            self._seeds_left = min(self._seeds_left, len(self._stack))
            if page is None:
                continue
            self._seen.add(lead.key)
            self.spared.discard(lead.key)
            self._stack += self._further(page, lead)
            self._has_led |= bool(page.leads)
            self._page = page
            listings = (
                each if each.genres else replace(each, genres=lead.genres) for each in page.listings
            )
            yield lead.key, replace(page, listings=tuple(listings))

    def use(self, task: str, found: "Sorted") -> None:
        """Note what became of the albums of the last answer."""
        listings = self._page.listings
        if not self._page.is_used or len(found.left) < len(listings):
            self._answers[task] = [listings[place] for place in found.left]
        self._taken += [album for _, album in found.taken]
        self._added += found.added
        if len(self._taken) + len(self._added) + len(self._answers) >= _BATCH:
            self.settle()

    def settle(self) -> None:
        """Write all uses to the ledger."""
        # Cleared first, so that an interrupted call and a second one write nothing twice.
        taken, added, answers = self._taken, self._added, self._answers
        self._taken, self._added, self._answers = [], [], {}
        if taken or added or answers:
            self._ledger.use_pages((), taken=taken, added=added, answers=answers)

    def _turn(self, lead: Lead) -> CrawlPage | None:
        """Return the answer whose turn it is; None where it isn't needed or can't be had.

        An answer that had its turn in an earlier run has it again, since what it led to may be
        needed.
        """
        if lead.key in self._seen or lead.key in self.failed:
            return None
        page = self._ledger.crawl_page(lead.key)
        if not (page and page.is_used) and self._is_useless(lead):
            self.spared.add(lead.key)
            return None
        try:
            page = page or self._awaited(lead)
        except FetchError as err:
            self._in_a_row += 1
            is_refused = isinstance(err, HttpStatusError) and err.status == _UNAUTHORIZED
            is_last = len(self._stack) == 1 and not self.answers
            # A service may refuse one task for good, whatever the credentials.
            refuses_all = is_refused and self._was_refused
            if refuses_all or is_last or self._in_a_row == _MOST_FAILURES:
                raise
            self._was_refused = is_refused
            self.failed[lead.key] = err
            return None
        self._in_a_row, self._was_refused = 0, False
        return page

    def _is_useless(self, lead: Lead) -> bool:
        """Tell whether the albums that a task leads to have genres that aren't needed."""
        return bool(lead.genres) and not self.is_needed(lead.genres)

    def _awaited(self, lead: Lead) -> CrawlPage:
        while (page := self._ledger.crawl_page(lead.key)) is None:
            if lead.key in self._errors:
                raise self._errors.pop(lead.key)
            self.settle()
            for each in islice(self._unasked(), _WORKERS):
                self._ask(each)
            self._wait()
            self._collect()
        return page

    def _unasked(self) -> Iterator[str]:
        """Yield the tasks without an answer in their order, up to the next seed.

        Those that follow may not be needed, since the leads of a seed may fill the queries.
        """
        stack, met = [*self._stack], set[str]()
        while stack and len(stack) >= self._seeds_left:
            lead = stack.pop()
            had = (self._seen, self.failed, self._errors, met)
            if any(lead.key in each for each in had) or self._is_useless(lead):
                continue
            met.add(lead.key)
            page = self._ledger.crawl_page(lead.key)
            if page is None:
                yield lead.key
            else:
                stack += self._further(page, lead)

    def _further(self, page: CrawlPage, lead: Lead) -> list[Lead]:
        """Return what an answer leads to, the first one last."""
        wanted = [each for each in reversed(page.leads) if self._source.wants(each.key)]
        return [each if each.genres else Lead(each.key, lead.genres) for each in wanted]

    def _wait(self) -> None:
        """Wait for any answer, but not beyond the deadline."""
        done: Iterable[object] = ()
        while not done:
            self._raise_if_over()
            done, _ = wait(
                self._under_way.values(), timeout=_DEADLINE_CHECK_S, return_when=FIRST_COMPLETED
            )

    def _raise_if_over(self) -> None:
        if self._is_over():
            msg = "time is up; what was done is kept"
            raise TimeIsUpError(msg)

    def _ask(self, task: str) -> None:
        if task not in self._under_way:
            self._under_way[task] = self._pool.submit(self._fetch, task)

    def _collect(self) -> None:
        for task, future in list(self._under_way.items()):
            if not future.done():
                continue
            del self._under_way[task]
            # An error is raised once it is the task's turn.
            if err := future.exception():
                self._errors[task] = err
            else:
                self.answers += 1
                self.others += future.result().others

    def _fetch(self, task: str) -> CrawlPage:
        """Request and store an answer, in a worker thread."""
        request = self._source.request(task)
        try:
            page = self._client.get(
                request.url,
                lambda answer: self._source.read(task, answer.body, url=answer.url),
                params=request.params,
            )
        except HttpStatusError as err:
            if err.status not in _GONE or any(task == seed.key for seed in self._seeds):
                raise
            page = CrawlPage()
        hide = self._client.hide
        listings = tuple(redacted(each, hide) for each in page.listings)
        leads = tuple(Lead(key, tuple(map(hide, genres))) for key, genres in page.leads)
        page = replace(page, listings=listings, leads=leads)
        asked_at = self._now().astimezone(UTC).isoformat(timespec="seconds")
        self._ledger.store_crawl_page(task, page, asked_at=asked_at)
        found = f"{len(page.listings)} albums, {len(page.leads)} leads"
        tell("task answered", f"{task}: {found}", task=task, results=len(page.listings))
        return page


@dataclass(slots=True)
class Sorted:
    """Albums of an answer: those taken, by query, those added to rows, and the others by reason.

    `left` has the places of those to keep.
    """

    taken: list[tuple[Query, Album]] = field(default_factory=list)
    added: list[Addition] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def sort_out(
    listings: Sequence[Listing],
    queries: Sequence[Query],
    years: Sequence[int],
    *,
    selection: Selection,
    matches: Matches,
) -> Sorted:
    """Take each album for the first query that it matches, that has room and that may have it.

    One that another source brought before is an addition to its row, whatever has room.

    `matches` is of the `queries`. Albums of no known year are taken as such.
    """
    found = Sorted()
    for place, listing in enumerate(listings):
        if addition := selection.addition(listing):
            found.added.append(addition)
            found.skipped[Skip.ADDED] += 1
            continue
        at = matches.add(listing.genres, listing.styles)
        year = year_of(listing.year)
        why: str = Skip.RULE if year is None or year in years else _OTHER_YEAR
        for query in [queries[each] for each in at] if why == Skip.RULE else ():
            if not selection.missing(query):
                why = QUERY_FULL if why == Skip.RULE else why
                continue
            verdict = selection.judge(listing, query, year_asked=0)
            if isinstance(verdict, Album):
                found.taken.append((query, verdict))
                why = ""
                break
            why = verdict if isinstance(verdict, Skip) else why
            if verdict is not Skip.OTHER_QUERY:
                break
        if why:
            found.skipped[why] += 1
        if why in _MAY_BE_TAKEN:
            found.left.append(place)
    return found
