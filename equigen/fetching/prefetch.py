"""Result pages, asked for ahead of their use and kept in the ledger as soon as they come."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from equigen.errors import BadBodyError, FetchError, HttpStatusError, TimeIsUpError
from equigen.events import tell
from equigen.fetching.merge import FORBIDDEN, discreet, is_past_the_end, rows_of, united
from equigen.http.client import Client
from equigen.identity.albums import Identity
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import PageUse, StoredPage
from equigen.schema import Album, Listing
from equigen.sources.base import OnlineSource, Page
from equigen.sources.paging import Extent, PageRef, Query, Told, rows_expected, to_read_again

_WORKERS = 8
# A first page that is blank is asked for twice in a run, and in two runs.
_MOST_ASKS_OF_BLANK = 4
# A later page that isn't there, asked for twice, may be there soon.
_PAUSES_S = (1.0, 4.0, 10.0)
# Enough that no worker waits for the main thread, few enough that a stop loses little time.
_MOST_UNDER_WAY = 2 * _WORKERS
# So often it is looked whether time is up, while pages are waited for.
_LOOKED_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class _Came:
    """A page that came; `is_short` where it had less than it should, however often it was asked."""

    page: StoredPage
    is_short: bool


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a page didn't come, and how many others had come by then."""

    error: BaseException
    answers: int


class Lookahead:
    """Gives out pages in the order in which they are asked of it, while it fetches later ones.

    A page that came is in the ledger before anything else happens to it, and is never asked for
    again. Close it, or answers under way are lost. What is used is written down whenever a page is
    waited for, and by `settle`. `answers` counts the pages that came, `others` the results on them
    that are no albums. Once `is_over` says so, nothing more is asked for.

    A page that has fewer results than it says itself, or torn ones, is asked for once more; the
    results of both answers count. A later page without any is asked for some times more, with
    pauses. What is short then is taken as it is: most likely the service counts what it no longer
    has. But a first page without any result is no page, whatever it counts
    (further pages would be asked for in its name, and a service that is ill for an hour would empty
    a whole label): its label is left for the next run, which asks for it again, and takes it as it
    is where it is the same still. So nothing is left for ever.
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
        self._is_over = is_over
        self.answers = 0
        self.others = 0
        self.reach, self.page_size, self.slices = source.reach, source.page_size, source.slices
        self._client, self._source, self._ledger, self._now = client, source, ledger, now
        self._keys: dict[Query, str] = {}
        self._rows_left: dict[tuple[str, int], int] = {}
        self._extents: dict[str, Extent] = {}
        self._begun: set[tuple[str, int]] = set()
        self._in_hand: dict[tuple[str, int], list[Listing]] = {}
        self._uses: dict[tuple[str, int], PageUse] = {}
        self._taken: list[tuple[Album, Identity]] = []
        self._under_way: dict[PageRef, Future[_Came]] = {}
        self._failed: dict[PageRef, _Failure] = {}
        self._told: dict[str, dict[int, Told]] = {}
        self._blank: dict[str, int] = {}  # how often a query's first page was asked for in vain
        self._seen: dict[str, dict[str, int]] = {}  # on which page of a query an album is
        self._cut_short: set[str] = set()  # queries that count more than they give out
        self._short = 0
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="fetch")
        for page in ledger.page_extents():
            self._recall(page)
        for _, pages in groupby(ledger.page_albums(), lambda each: each.query):
            for each in pages:
                self._compare(*each)
            self._forget_complete()

    @property
    def notes(self) -> Sequence[str]:
        """Tell of pages that were short."""
        if not self._short:
            return ()
        pages = "1 result page" if self._short == 1 else f"{self._short:,} result pages"
        why = "had fewer results than the service said, also when asked for again"
        return (f"{pages} {why}: what was there is taken",)

    def close(self) -> None:
        """Ask for nothing more; answers under way are still waited for and kept."""
        self._client.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def extent(self, query: Query) -> Extent | None:
        """Return how many results a query has; None before its first page came."""
        return self._extents.get(self._key(query))

    def rows_left(self, ref: PageRef) -> int | None:
        """Return how many rows of a page are not used yet; None before it came."""
        return None if self._is_to_come(ref) else self._rows_left.get(self._at(ref))

    def begun(self, ref: PageRef) -> bool:
        """Tell whether some rows of a page were used."""
        return self._at(ref) in self._begun and not self._is_to_come(ref)

    def moved(self, query: Query) -> Sequence[int]:
        """Return the pages that must be read again: the results moved since they were read.

        Before all rows of the query are used, these are only the ones that came again already: what
        is asked for again takes the place of what was there.
        """
        key = self._key(query)
        told = self._told.get(key, {})
        if unused := [page for page in told if self._rows_left[key, page]]:
            return sorted(page for page in unused if told[page].asks > 1)
        return to_read_again(told)

    def listings(self, ref: PageRef, *, ahead: Callable[[], Iterable[PageRef]]) -> list[Listing]:
        """Return the rows of a page that are not used yet, waiting for it where it must come.

        `ahead` names, in order, further pages that will be needed; it is asked anew after every
        answer, and as many as the workers can take are fetched at the same time.

        Raises:
            FetchError, HostRestsError, StoppedError: the page could not be had.
            TimeIsUpError: it was not there in time.

        """
        self._forgive(ref)
        while self.rows_left(ref) is None:
            if ref in self._failed:
                self._hear_others(ahead())
                raise self._failed.pop(ref).error
            self._write_down()
            self._ask(ref)
            for later in ahead():
                if len(self._under_way) >= _MOST_UNDER_WAY:
                    break
                self._ask(later)
            self._wait()
            self._collect()
        at = self._at(ref)
        if at not in self._in_hand:
            self._in_hand[at] = self._ledger.listings(*at)
        left = self._rows_left[at]
        return self._in_hand[at][-left:] if left else []

    def _wait(self) -> None:
        """Wait for any page, but not beyond the time that there is."""
        done: Collection[object] = ()
        while not done:
            self._raise_if_over()
            done, _ = wait(
                self._under_way.values(), timeout=_LOOKED_EVERY_S, return_when=FIRST_COMPLETED
            )

    def _raise_if_over(self) -> None:
        if self._is_over():
            msg = "time is up; what was done is kept"
            raise TimeIsUpError(msg)

    def use(self, ref: PageRef, *, rows_left: int, taken: Sequence[Album]) -> None:
        """Note which albums were taken from a page and that `rows_left` are unused."""
        at = self._at(ref)
        self._uses[at] = PageUse(*at, rows_left)
        self._taken += [(album, Identity.of(album.listing, album.genre)) for album in taken]
        self._rows_left[at] = rows_left
        self._begun.add(at)
        if not rows_left:
            self._in_hand.pop(at, None)

    def settle(self) -> None:
        """Write down for ever what was used so far, and let go of the rows in hand."""
        self._write_down()
        self._in_hand.clear()
        self._forget_complete()

    def _forget_complete(self) -> None:
        """Keep in memory what is on which page only of queries whose pages didn't all come."""
        self._seen = {
            key: seen
            for key, seen in self._seen.items()
            if len(self._told[key]) < self._extents.get(key, Extent(0, 1)).pages
        }

    def _write_down(self) -> None:
        # Taken away first: who is interrupted in between and comes here again writes nothing twice.
        uses, taken, self._uses, self._taken = self._uses, self._taken, {}, []
        if uses:
            self._ledger.use_pages(uses.values(), taken=taken)

    def _key(self, query: Query) -> str:
        if query not in self._keys:
            self._keys[query] = self._source.key(query)
        return self._keys[query]

    def _at(self, ref: PageRef) -> tuple[str, int]:
        return self._key(ref.query), ref.page

    def _asks(self, key: str, page: int) -> int:
        told = self._told.get(key, {}).get(page)
        return told.asks if told else self._blank.get(key, 0) if page == 1 else 0

    def _is_to_come(self, ref: PageRef) -> bool:
        """Tell whether a page is to be read again and wasn't yet."""
        return ref.again and self._asks(*self._at(ref)) == 1

    def _ask(self, ref: PageRef) -> None:
        if ref not in self._under_way and ref not in self._failed:
            key = self._key(ref.query)
            asks = self._asks(key, ref.page)
            self._under_way[ref] = self._pool.submit(self._fetch, ref, key, asks)

    def _forgive(self, ref: PageRef) -> None:
        """Let a page that failed ahead of its turn be asked for anew, if others came since."""
        failure = self._failed.get(ref)
        if failure and isinstance(failure.error, FetchError) and self.answers > failure.answers:
            del self._failed[ref]

    def _hear_others(self, later: Iterable[PageRef]) -> None:
        """Before the first answer: wait for what was asked with a page that failed.

        So it is known whether all is lost; of labels that weren't asked for, one page each is.
        """
        if self.answers:
            return
        for ref, future in list(self._under_way.items()):
            if future.cancel():
                del self._under_way[ref]
        self._wait_for_an_answer()
        if not self.answers:
            asked = {ref.query.label for ref in self._failed}
            for ref in {ref.query.label: ref for ref in reversed([*later])}.values():
                if ref.query.label not in asked:
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
            # A page that fails ahead of its turn is no trouble before its turn comes.
            if err := future.exception():
                self._failed[ref] = _Failure(err, self.answers)
            else:
                came = future.result()
                self.answers += 1
                self.others += came.page.others
                self._short += came.is_short
                self._note(came.page)
                page = came.page
                if page.pages > 1:
                    ids = [listing.album_id for listing in page.listings]
                    self._compare(page.query, page.page, ids)

    def _recall(self, page: StoredPage) -> None:
        """Take note of a page that came in an earlier run."""
        if page.page == 1 and page.is_blank and page.asks < _MOST_ASKS_OF_BLANK:
            self._blank[page.query] = page.asks
        else:
            self._note(page)

    def _note(self, page: StoredPage) -> None:
        at = page.query, page.page
        self._rows_left[at] = page.rows_left
        self._in_hand.pop(at, None)
        if page.begun:
            self._begun.add(at)
        else:
            self._begun.discard(at)
        if page.page == 1:
            self._extents[page.query] = Extent(page.items, page.pages)
        told = self._told.setdefault(page.query, {})
        told.pop(page.page, None)  # the one that came last stands last
        told[page.page] = Told(page.items, page.asks, is_past_the_end=not page.pages)

    def _compare(self, key: str, number: int, album_ids: Sequence[str]) -> None:
        """Look for albums that another page of the query shows as well."""
        told = self._told.get(key, {})
        if number not in told:
            return
        seen = self._seen.setdefault(key, {})
        for album_id in album_ids:
            other = seen.get(album_id, number)
            if other != number and told[other].items == told[number].items:
                told[other] = replace(told[other], is_doubted=True)
                told[number] = replace(told[number], is_doubted=True)
            seen[album_id] = number

    def _fetch(self, ref: PageRef, key: str, asks: int) -> _Came:
        page, asks = self._answer(ref), asks + 1
        if self._is_short(page, ref) or page.torn or not page.is_counted:
            page, asks = united(page, self._answer(ref)), asks + 1
        page = self._waited_for(page, ref, key)
        first = self._extents.get(key)
        if first and ref.page > 1 and not page.is_counted:
            page = replace(page, items=first.items, pages=first.pages)
        error = self._blank_error(page, ref) if asks < _MOST_ASKS_OF_BLANK else None
        if error:
            page = Page(items=max(1, page.items), pages=page.pages, listings=(), others=0)
        stored = StoredPage(
            query=key,
            page=ref.page,
            year=ref.query.year,
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
        label, year, rows = ref.query.label.name, ref.query.year, len(page.listings)
        message = f"{label}, {year}, page {ref.page}: {rows} results"
        tell("page fetched", message, label=label, year=year, page=ref.page, results=rows)
        return _Came(stored, self._is_short(page, ref))

    def _waited_for(self, page: Page, ref: PageRef, key: str) -> Page:
        """Ask for a later page that isn't there until a moment's trouble has passed.

        Once one of a query stays away, its others are believed at once: it counts too much.
        """
        if ref.page == 1 or not self._is_short(page, ref):
            return page
        for pause_s in _PAUSES_S:
            if rows_of(page) or key in self._cut_short:
                return page
            self._client.gates.sleep(min(pause_s, self._client.gates.max_wait_s))
            page = united(page, self._answer(ref))
        if not rows_of(page):
            self._cut_short.add(key)
        return page

    def _answer(self, ref: PageRef) -> Page:
        self._raise_if_over()
        request = self._source.request(ref.query, ref.page)
        try:
            page = self._client.get(
                request.url,
                lambda answer: self._source.read(ref.query, answer.body, url=answer.url),
                params=request.params,
            )
            return discreet(page, self._client.hide)
        except HttpStatusError as err:
            if ref.page == 1 or not is_past_the_end(err):
                raise
            if err.status == FORBIDDEN:
                self._cut_short.add(self._key(ref.query))
            return Page(items=0, pages=0, listings=(), others=0)

    def _is_short(self, page: Page, ref: PageRef) -> bool:
        """Tell whether a page has fewer results than it must by what it says, or is not there."""
        if ref.page > 1 and not page.pages:
            return True
        extent = Extent(page.items, page.pages)
        expected = rows_expected(extent, ref.page, page_size=self.page_size, reach=self.reach)
        return rows_of(page) < expected

    def _blank_error(self, page: Page, ref: PageRef) -> BadBodyError | None:
        """Return why a query's first page is none, if it is none."""
        if ref.page > 1:
            return None
        url = self._source.request(ref.query, ref.page).url
        if page.items and not rows_of(page):
            got = f"an empty list, twice, although it counts {page.items:,}"
        elif not page.is_counted and rows_of(page) >= self.page_size:
            got = "a full page that doesn't say how many results there are, twice"
        else:
            return None
        msg = f"{url}: expected results, got {got}. The service is ill: run again later."
        return BadBodyError(msg, url=url, tries=2)
