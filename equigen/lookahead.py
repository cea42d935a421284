"""Result pages, asked for ahead of their use and kept in the ledger as soon as they come."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from equigen.errors import HttpStatusError, TimeIsUpError
from equigen.events import tell
from equigen.http import Answer, Client
from equigen.ledger import Ledger
from equigen.records import PageUse, StoredPage
from equigen.rules.paging import Extent, PageRef, Query
from equigen.rules.selection import Identity
from equigen.schema import Album, Listing
from equigen.sources import OnlineSource, Page

_WORKERS = 8
_NOT_FOUND = 404
# Enough that no worker waits for the main thread, few enough that a stop loses little time.
_MOST_UNDER_WAY = 2 * _WORKERS
# So often it is looked whether time is up, while pages are waited for.
_LOOKED_EVERY_S = 0.25


class Lookahead:
    """Gives out pages in the order in which they are asked of it, while it fetches later ones.

    A page that came is in the ledger before anything else happens to it, and is never asked for
    again. Close it, or answers under way are lost. What is used is written down whenever a page is
    waited for, and by `settle`. `answers` counts the pages that came, `others` the results on them
    that are no albums. Once `is_over` says so, nothing more is asked for.
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
        self.notes: Sequence[str] = ()
        self._client, self._source, self._ledger, self._now = client, source, ledger, now
        self._keys: dict[Query, str] = {}
        self._rows_left: dict[tuple[str, int], int] = {}
        self._extents: dict[str, Extent] = {}
        self._begun: set[tuple[str, int]] = set()
        self._in_hand: dict[tuple[str, int], list[Listing]] = {}
        self._uses: dict[tuple[str, int], PageUse] = {}
        self._taken: list[tuple[Album, Identity]] = []
        self._under_way: dict[PageRef, Future[StoredPage]] = {}
        self._failed: dict[PageRef, BaseException] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="fetch")
        for page in ledger.page_extents():
            self._note(page)

    def close(self) -> None:
        """Ask for nothing more; answers under way are still waited for and kept."""
        self._client.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def extent(self, query: Query) -> Extent | None:
        """Return how many results a query has; None before its first page came."""
        return self._extents.get(self._key(query))

    def rows_left(self, ref: PageRef) -> int | None:
        """Return how many rows of a page are not used yet; None before it came."""
        return self._rows_left.get((self._key(ref.query), ref.page))

    def begun(self, ref: PageRef) -> bool:
        """Tell whether some rows of a page were used."""
        return (self._key(ref.query), ref.page) in self._begun

    def listings(self, ref: PageRef, *, ahead: Callable[[], Iterable[PageRef]]) -> list[Listing]:
        """Return the rows of a page that are not used yet, waiting for it where it must come.

        `ahead` names, in order, further pages that will be needed; it is asked anew after every
        answer, and as many as the workers can take are fetched at the same time.

        Raises:
            FetchError, HostRestsError, StoppedError: the page could not be had.
            TimeIsUpError: it was not there in time.

        """
        while self.rows_left(ref) is None:
            if ref in self._failed:
                raise self._failed.pop(ref)
            self._write_down()
            self._ask(ref)
            for later in ahead():
                if len(self._under_way) >= _MOST_UNDER_WAY:
                    break
                self._ask(later)
            self._wait()
            self._collect()
        at = self._key(ref.query), ref.page
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
        at = self._key(ref.query), ref.page
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

    def _write_down(self) -> None:
        # Taken away first: who is interrupted in between and comes here again writes nothing twice.
        uses, taken, self._uses, self._taken = self._uses, self._taken, {}, []
        if uses:
            self._ledger.use_pages(uses.values(), taken=taken)

    def _key(self, query: Query) -> str:
        if query not in self._keys:
            self._keys[query] = self._source.key(query)
        return self._keys[query]

    def _ask(self, ref: PageRef) -> None:
        if ref not in self._under_way and ref not in self._failed:
            self._under_way[ref] = self._pool.submit(self._fetch, ref, self._key(ref.query))

    def _collect(self) -> None:
        for ref, future in list(self._under_way.items()):
            if not future.done():
                continue
            del self._under_way[ref]
            # A page that fails ahead of its turn is no trouble before its turn comes.
            if err := future.exception():
                self._failed[ref] = err
            else:
                self.answers += 1
                self.others += future.result().others
                self._note(future.result())

    def _note(self, page: StoredPage) -> None:
        self._rows_left[page.query, page.page] = page.rows_left
        if page.begun:
            self._begun.add((page.query, page.page))
        if page.page == 1:
            self._extents[page.query] = Extent(page.items, page.pages)

    def _fetch(self, ref: PageRef, key: str) -> StoredPage:
        self._raise_if_over()
        request = self._source.request(ref.query, ref.page)

        def read(answer: Answer) -> Page:
            return self._source.read(ref.query, answer.body, url=answer.url)

        try:
            page = self._client.get(request.url, read, params=request.params)
        except HttpStatusError as err:
            if ref.page == 1 or err.status != _NOT_FOUND:
                raise
            # Results went away since the first page counted them: this one has none.
            page = Page(items=0, pages=0, listings=(), others=0)
        stored = StoredPage(
            query=key,
            page=ref.page,
            year=ref.query.year,
            items=page.items,
            pages=page.pages,
            listings=page.listings,
            others=page.others,
            rows_left=len(page.listings),
        )
        self._ledger.store_page(stored, asked_at=self._now().isoformat(timespec="seconds"))
        label, year, rows = ref.query.label.name, ref.query.year, len(page.listings)
        message = f"{label}, {year}, page {ref.page}: {rows} results"
        tell("page fetched", message, label=label, year=year, page=ref.page, results=rows)
        return stored
