"""Fetch result pages ahead of their use; each is in the ledger before anything else happens."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter

from equigen.errors import BadBodyError, FetchError, HttpStatusError, TimeIsUpError
from equigen.fetching.paging import (
    FORBIDDEN,
    Extent,
    PageRef,
    PageState,
    is_past_the_end,
    merge,
    redact,
    rows_expected,
    rows_of,
    to_read_again,
)
from equigen.http.client import Client
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Addition, PageUse, StoredPage
from equigen.output import tell
from equigen.schema import Album, Listing
from equigen.sources.base import OnlineSource, Page, Search

_WORKERS = 8
# A blank first page is requested twice in a run, in two runs.
_MOST_ASKS_OF_BLANK = 4
# Pauses before a missing later page is requested again.
_PAUSES_S = (1.0, 4.0, 10.0)
# Enough that no worker is idle, few enough that stopping loses little time.
_MOST_UNDER_WAY = 2 * _WORKERS
# The interval at which the deadline is checked while waiting for pages.
_DEADLINE_CHECK_S = 0.25


@dataclass(slots=True)
class _SearchState:
    """Everything known of one search.

    `pages` has the pages that came, the newest one last; `rows` the rows of some pages in memory.
    `seen` tells on which page an album is, until all pages came. `blank_asks` counts the requests
    for a first page that was blank. `is_cut_short`: the service counts more than it gives out.
    """

    extent: Extent | None = None
    pages: dict[int, PageState] = field(default_factory=dict)
    rows: dict[int, list[Listing]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    blank_asks: int = 0
    is_cut_short: bool = False

    def asks(self, page: int) -> int:
        if page in self.pages:
            return self.pages[page].asks
        return self.blank_asks if page == 1 else 0

    def note(self, page: StoredPage) -> None:
        """Take note of a page that came; it takes the place of an earlier answer."""
        if page.page == 1:
            self.extent = Extent(page.items, page.pages)
        self.rows.pop(page.page, None)
        self.pages.pop(page.page, None)  # the newest page comes last
        self.pages[page.page] = PageState(
            page.items,
            page.asks,
            rows_left=page.rows_left,
            is_begun=page.begun,
            is_past_the_end=not page.pages,
        )

    def compare(self, number: int, album_ids: Iterable[str]) -> None:
        """Mark pages as doubted that show the same album although their counts agree."""
        page = self.pages.get(number)
        if page is None:
            return
        for album_id in album_ids:
            other = self.pages[self.seen.get(album_id, number)]
            if other is not page and other.items == page.items:
                other.is_doubted = page.is_doubted = True
            self.seen[album_id] = number

    def forget_if_complete(self) -> None:
        if len(self.pages) >= (self.extent.pages if self.extent else 1):
            self.seen.clear()


class PrefetchedPages:
    """Pages of an online source, given out in the order of their use, while later ones are fetched.

    A page that came is never requested again, except as described below. Close it, or answers under
    way are lost. Uses are written to the ledger whenever a page is waited for, and by `settle`.
    Once `is_over` says so, nothing more is requested.

    A page with fewer results than its own count, or with damaged ones, is requested once more, and
    both answers are merged. A later page without any result is requested some more times, with
    pauses. What is still short then is accepted: most likely the service counts results that it no
    longer has. A first page that counts results but has none is not accepted, since a service that
    is ill for an hour would empty a whole query: its query is left for the next run, which accepts
    the page if it is still the same.
    """

    def __init__(
        self,
        client: Client,
        source: OnlineSource,
        ledger: Ledger,
        *,
        now: Callable[[], datetime],
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.answers = 0
        self.others = 0
        self.reach, self.page_size = source.reach, source.page_size
        self.asked, self.slices = source.asked, source.slices
        self._client, self._source, self._ledger = client, source, ledger
        self._now, self._is_over = now, is_over
        self._key = cache(source.key)
        self._states: defaultdict[str, _SearchState] = defaultdict(_SearchState)
        self._uses: dict[tuple[str, int], PageUse] = {}
        self._taken: list[Album] = []
        self._added: list[Addition] = []
        self._under_way: dict[PageRef, Future[tuple[StoredPage, bool]]] = {}
        # The error of each failed page, and the number of answers by then.
        self._failed: dict[PageRef, tuple[BaseException, int]] = {}
        self._short = 0
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="fetch")
        for page in ledger.page_extents():
            state = self._states[page.query]
            if page.page == 1 and page.is_blank and page.asks < _MOST_ASKS_OF_BLANK:
                state.blank_asks = page.asks
            else:
                state.note(page)
        for key, pages in groupby(ledger.page_albums(), itemgetter(0)):
            state = self._states[key]
            for _, number, album_ids in pages:
                state.compare(number, album_ids)
            state.forget_if_complete()

    @property
    def notes(self) -> Sequence[str]:
        """A note on pages that were short, if any were."""
        if not self._short:
            return ()
        pages = "1 result page" if self._short == 1 else f"{self._short:,} result pages"
        why = "had fewer results than the service said, also when asked for again"
        return (f"{pages} {why}: what was there is taken",)

    def close(self) -> None:
        """Stop requesting; wait for answers under way and keep them."""
        self._client.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def extent(self, search: Search) -> Extent | None:
        """Return the extent of a search; None before its first page came."""
        return self._state(search).extent

    def rows_left(self, ref: PageRef) -> int | None:
        """Return the number of unused rows of a page; None before it came."""
        page = self._page(ref)
        return page.rows_left if page else None

    def begun(self, ref: PageRef) -> bool:
        """Tell whether some rows of a page were used."""
        page = self._page(ref)
        return page is not None and page.is_begun

    def moved(self, search: Search) -> Sequence[int]:
        """Return the pages to read again because the results moved since they were read.

        Before all rows of the search are used, these are only the pages that were requested again
        already, since the new answer replaces the old one.
        """
        pages = self._state(search).pages
        if unused := [number for number, page in pages.items() if page.rows_left]:
            return sorted(number for number in unused if pages[number].asks > 1)
        return to_read_again(pages)

    def listings(self, ref: PageRef, *, ahead: Callable[[], Iterable[PageRef]]) -> list[Listing]:
        """Return the unused rows of a page; wait for the page if it didn't come yet.

        `ahead` yields, in order, further pages that will be needed; it is called after each answer,
        and as many as the workers can take are fetched at the same time.

        Raises:
            FetchError, HostRestsError, StoppedError: the page could not be had.
            TimeIsUpError: the page didn't come in time.

        """
        self._forgive(ref)
        while (left := self.rows_left(ref)) is None:
            if ref in self._failed:
                self._hear_others(ahead())
                error, _ = self._failed.pop(ref)
                raise error
            self._write_down()
            self._ask(ref)
            for later in ahead():
                if len(self._under_way) >= _MOST_UNDER_WAY:
                    break
                self._ask(later)
            self._wait()
            self._collect()
        rows = self._state(ref.search).rows
        if ref.page not in rows:
            rows[ref.page] = self._ledger.listings(self._key(ref.search), ref.page)
        return rows[ref.page][-left:] if left else []

    def use(
        self,
        ref: PageRef,
        *,
        rows_left: int,
        taken: Sequence[Album],
        added: Sequence[Addition] = (),
    ) -> None:
        """Note the albums taken from a page or added to rows, and its number of unused rows."""
        key, state = self._key(ref.search), self._state(ref.search)
        self._uses[key, ref.page] = PageUse(key, ref.page, rows_left)
        self._taken += taken
        self._added += added
        page = state.pages[ref.page]
        page.rows_left, page.is_begun = rows_left, True
        if not rows_left:
            state.rows.pop(ref.page, None)

    def settle(self) -> None:
        """Write all uses to the ledger, and free the rows in memory."""
        self._write_down()
        for state in self._states.values():
            state.rows.clear()
            state.forget_if_complete()

    def _write_down(self) -> None:
        # Cleared first, so that an interrupted call and a second one write nothing twice.
        uses, taken, added = self._uses, self._taken, self._added
        self._uses, self._taken, self._added = {}, [], []
        if uses:
            self._ledger.use_pages(uses.values(), taken=taken, added=added)

    def _state(self, search: Search) -> _SearchState:
        return self._states[self._key(search)]

    def _page(self, ref: PageRef) -> PageState | None:
        page = self._state(ref.search).pages.get(ref.page)
        is_to_come = page and ref.again and page.asks == 1
        return None if is_to_come else page

    def _raise_if_over(self) -> None:
        if self._is_over():
            msg = "time is up; what was done is kept"
            raise TimeIsUpError(msg)

    def _wait(self) -> None:
        """Wait for any page, but not beyond the deadline."""
        done: Collection[object] = ()
        while not done:
            self._raise_if_over()
            done, _ = wait(
                self._under_way.values(), timeout=_DEADLINE_CHECK_S, return_when=FIRST_COMPLETED
            )

    def _ask(self, ref: PageRef) -> None:
        if ref not in self._under_way and ref not in self._failed:
            asks = self._state(ref.search).asks(ref.page)
            self._under_way[ref] = self._pool.submit(self._fetch, ref, asks)

    def _forgive(self, ref: PageRef) -> None:
        """Allow a new request for a page that failed ahead of its turn, if others came since."""
        error, answers = self._failed.get(ref, (None, 0))
        if isinstance(error, FetchError) and self.answers > answers:
            del self._failed[ref]

    def _hear_others(self, later: Iterable[PageRef]) -> None:
        """Before the first answer: wait for other pages, to learn whether the service is down.

        One page of each query that wasn't requested yet is requested, too.
        """
        if self.answers:
            return
        for ref, future in list(self._under_way.items()):
            if future.cancel():
                del self._under_way[ref]
        self._wait_for_an_answer()
        if not self.answers:
            asked = {ref.search.query for ref in self._failed}
            for ref in {ref.search.query: ref for ref in reversed([*later])}.values():
                if ref.search.query not in asked:
                    self._ask(ref)
            self._wait_for_an_answer()

    def _wait_for_an_answer(self) -> None:
        while self._under_way and not self.answers:
            self._wait()
            self._collect()

    def _collect(self) -> None:
        for ref, future in list(self._under_way.items()):
            if not future.done():
                continue
            del self._under_way[ref]
            # An error is raised once it is the page's turn.
            if err := future.exception():
                self._failed[ref] = err, self.answers
                continue
            page, is_short = future.result()
            self.answers += 1
            self.others += page.others
            self._short += is_short
            state = self._states[page.query]
            state.note(page)
            if page.pages > 1:
                state.compare(page.page, [listing.album_id for listing in page.listings])

    def _fetch(self, ref: PageRef, asks: int) -> tuple[StoredPage, bool]:
        """Request and store a page, in a worker thread; return it and whether it is still short."""
        page, asks = self._answer(ref), asks + 1
        if self._is_short(page, ref) or page.torn or not page.is_counted:
            page, asks = merge(page, self._answer(ref)), asks + 1
        page = self._waited_for(page, ref)
        first = self._state(ref.search).extent
        if first and ref.page > 1 and not page.is_counted:
            page = replace(page, items=first.items, pages=first.pages)
        error = self._blank_error(page, ref) if asks < _MOST_ASKS_OF_BLANK else None
        if error:
            page = Page(items=max(1, page.items), pages=page.pages, listings=(), others=0)
        stored = StoredPage(
            query=self._key(ref.search),
            page=ref.page,
            year=ref.search.year,
            items=page.items,
            pages=page.pages,
            listings=page.listings,
            others=page.others,
            rows_left=len(page.listings),
            asks=asks,
        )
        self._ledger.store_page(stored, asked_at=self._now().isoformat(timespec="seconds"))
        if error:
            raise error
        query, year, rows = ref.search.query.name, ref.search.year, len(page.listings)
        message = f"{query}, {year}, page {ref.page}: {rows} results"
        tell("page fetched", message, query=query, year=year, page=ref.page, results=rows)
        return stored, self._is_short(page, ref)

    def _waited_for(self, page: Page, ref: PageRef) -> Page:
        """Request a missing later page again, with pauses.

        Once one page of a search stays missing, its others are accepted at once.
        """
        if ref.page == 1 or not self._is_short(page, ref):
            return page
        state = self._state(ref.search)
        for pause_s in _PAUSES_S:
            if rows_of(page) or state.is_cut_short:
                return page
            self._client.gates.sleep(min(pause_s, self._client.gates.max_wait_s))
            page = merge(page, self._answer(ref))
        if not rows_of(page):
            state.is_cut_short = True
        return page

    def _answer(self, ref: PageRef) -> Page:
        self._raise_if_over()
        request = self._source.request(ref.search, ref.page)
        try:
            page = self._client.get(
                request.url,
                lambda answer: self._source.read(ref.search, answer.body, url=answer.url),
                params=request.params,
            )
            return redact(page, self._client.hide)
        except HttpStatusError as err:
            if ref.page == 1 or not is_past_the_end(err):
                raise
            if err.status == FORBIDDEN:
                self._state(ref.search).is_cut_short = True
            return Page(items=0, pages=0, listings=(), others=0)

    def _is_short(self, page: Page, ref: PageRef) -> bool:
        """Tell whether a page has fewer results than by its own count, or doesn't exist."""
        if ref.page > 1 and not page.pages:
            return True
        expected = rows_expected(page.items, ref.page, page_size=self.page_size, reach=self.reach)
        return rows_of(page) < expected

    def _blank_error(self, page: Page, ref: PageRef) -> BadBodyError | None:
        """Return the error of a search's first page that can't be accepted; None if it can."""
        if ref.page > 1:
            return None
        url = self._source.request(ref.search, ref.page).url
        if page.items and not rows_of(page):
            got = f"an empty list, twice, although it counts {page.items:,}"
        elif not page.is_counted and rows_of(page) >= self.page_size:
            got = "a full page that doesn't say how many results there are, twice"
        else:
            return None
        msg = f"{url}: expected results, got {got}. The service is ill: run again later."
        return BadBodyError(msg, url=url, tries=2)
