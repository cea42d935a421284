"""What there is to do for the covers of a dataset, found in one pass over its rows.

Of a million covers that are there, memory holds no more than a number each.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from equigen.context import Context
from equigen.covers import WantedCover, dataset_covers
from equigen.errors import UsageError
from equigen.jobs import Job
from equigen.ledger import Cover, Ledger
from equigen.rules.covering import FAILED, OK, Action, Retry, decide
from equigen.rules.pictures import host_of
from equigen.shelf import Shelf
from equigen.spool import JobQueues

_BATCH_ROWS = 1000
# What stands for a cover's size where there is none to compare.
_NOT_GOOD = -1
_MADE_OTHERWISE = -2
_HASHING_THREADS = 4


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run is asked for beyond what is missing."""

    retry: Retry
    verify: bool = False
    check_changed: bool = False
    link_identical: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a cover is not there, and whether another run can change that by itself."""

    reason: str
    is_for_now: bool = False


@dataclass(frozen=True, slots=True)
class HostEnding:
    """Why covers of a host are not there."""

    host: str
    reason: str


@dataclass(slots=True)
class Worklist:
    """Sorts all rows: those whose cover is there, those to fetch, and those that are left.

    Call `scan` to its end, then `settle_renamed`; after all jobs are done, `settle_repeated`.
    `good` and `endings` then account for every one of `rows`; `later` are left for another run.
    """

    context: Context
    ledger: Ledger
    shelf: Shelf
    queues: JobQueues
    wishes: Wishes
    rows: int = 0
    good: int = 0
    later: int = 0
    endings: Counter[HostEnding] = field(default_factory=Counter)
    examples: dict[HostEnding, str] = field(default_factory=dict)
    jobs: int = 0
    spoilt: int = 0
    unverifiable: int = 0
    _known: dict[int, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _renamed: list[WantedCover] = field(default_factory=list)
    _repeated: list[WantedCover] = field(default_factory=list)
    _rendering: str = ""
    _is_new: bool = True

    def __post_init__(self) -> None:
        renderings = self.context.settings.download.renderings()
        self._rendering = ", ".join(rendering.key for rendering in renderings)
        first = renderings[0].key
        for path, size_bytes, rendering in self.ledger.cover_sizes():
            if rendering == self._rendering or size_bytes == _NOT_GOOD:
                self._known[hash(path)] = size_bytes
                continue
            if rendering.partition(", ")[0] != first:
                self._refuse(path, size_bytes, rendering, first)
            self._known[hash(path)] = _MADE_OTHERWISE
        self._is_new = not self._known

    @property
    def rendering(self) -> str:
        """How this run makes covers, as the ledger has it."""
        return self._rendering

    def scan(self) -> Iterator[None]:
        """Sort all rows, some at a time.

        Raises:
            MissingInputError, InputError: there is no dataset, or it is broken.

        """
        rows = dataset_covers(self.context)
        is_plain = not (self.wishes.verify or self.wishes.check_changed)
        known, fits = self._known.pop, self.shelf.fits
        while batch := list(islice(rows, _BATCH_ROWS)):
            self.rows += len(batch)
            there, odd = [], []
            for row in batch:
                size_bytes = known(hash(row.path), _NOT_GOOD)
                if size_bytes >= 0 and fits(row.path, size_bytes):
                    there.append(row)
                else:
                    odd.append(row)
            if is_plain:
                self.good += len(there)
            elif there:
                odd += self._look_closer(there)
            if odd:
                self._sort(odd)
            yield

    def settle_renamed(self) -> None:
        """Bring covers to rows that were renamed; needs the whole scan to know who wants what."""
        for row in self._renamed:
            if not self._bring(row):
                self._fetch(row, None)
        self._renamed.clear()

    def settle_repeated(self, *, otherwise: Ending) -> None:
        """Let rows with a picture that another row had fetched have it, or share its end.

        Where it has none in this run, `otherwise` says why.
        """
        for row in self._repeated:
            if self._bring(row):
                continue
            ends = [c for c in self.ledger.covers_of([row.picture]) if c.status != OK]
            if ends:
                self.ledger.record_cover(replace(ends[0], path=row.path, url=row.url))
                ending = Ending(ends[0].reason, is_for_now=ends[0].status == FAILED)
            else:
                ending = otherwise
            self.end(row.url, ending)
        self._repeated.clear()

    def end(self, url: str, ending: Ending) -> None:
        """Account for a row whose cover is not there."""
        where = HostEnding(host_of(url), ending.reason)
        self.endings[where] += 1
        self.examples.setdefault(where, url)
        self.later += ending.is_for_now

    @property
    def has_unwanted(self) -> bool:
        """Whether, after the whole scan, the ledger knows of files that no row wants."""
        return any(size != _NOT_GOOD for size in self._known.values())

    def is_unwanted(self, path: str) -> bool:
        """Tell, after the whole scan, whether no row wants a file that the ledger knows."""
        return hash(path) in self._known

    def _sort(self, rows: Sequence[WantedCover]) -> None:
        here: Mapping[str, Cover] = {}
        twins: Mapping[str, Sequence[Cover]] = {}
        if not self._is_new:
            here = self.ledger.covers_at(row.path for row in rows)
            twins = _by_picture(self.ledger.covers_of(row.picture for row in rows))
        for row in rows:
            cover = here.get(row.path)
            decision = decide(
                row,
                cover,
                is_there=cover is not None and self._is_there(cover),
                has_twin=any(self._is_twin(twin, row) for twin in twins.get(row.picture, ())),
                retry=self.wishes.retry,
            )
            match decision.action:
                case Action.NOTHING:
                    self.good += 1
                case Action.LEAVE:
                    self.end(row.url, Ending(decision.reason))
                case Action.BRING:
                    self._renamed.append(row)
                case Action.FETCH:
                    self._fetch(row, cover)

    def _is_there(self, cover: Cover) -> bool:
        return cover.rendering == self._rendering and self.shelf.has(cover)

    def _is_twin(self, cover: Cover, row: WantedCover) -> bool:
        if cover.status != OK or cover.rendering != self._rendering:
            return False
        if cover.path == row.path:
            return self.shelf.is_aside(cover)
        return self.shelf.find(cover) is not None

    def _fetch(self, row: WantedCover, cover: Cover | None) -> None:
        key = hash(row.picture)
        if key in self._seen:
            self._repeated.append(row)
            return
        self._seen.add(key)
        job = Job(0, row.path, row.picture, row.url, host_of(row.url))
        if cover is not None and cover.status == OK and not self.wishes.dry_run:
            original = self.shelf.find(cover) if self._lacks_sizes(cover) else None
            if original is not None:
                job.source, job.sha256 = str(original), cover.sha256
            elif cover.rendering == self._rendering:
                self.shelf.put_away_spoilt(row.path)
        self._add(job, tried_before=cover is not None and cover.status != OK)

    def _lacks_sizes(self, cover: Cover) -> bool:
        # Where its original is here, that is all that it can lack.
        return cover.rendering.startswith("original") and ", " in self._rendering

    def _add(self, job: Job, *, tried_before: bool = False) -> None:
        self.queues.add(job, tried_before=tried_before)
        self.jobs += 1

    def _look_closer(self, rows: Sequence[WantedCover]) -> list[WantedCover]:
        """Return the rows whose covers are not what they were; ask about the others."""
        covers = self.ledger.covers_at(row.path for row in rows)
        as_they_were = [True] * len(rows)
        if self.wishes.verify:
            with ThreadPoolExecutor(_HASHING_THREADS) as pool:
                known = [covers[row.path] for row in rows]
                as_they_were = list(pool.map(self.shelf.is_as_it_was, known))
        spoilt = []
        for row, fits in zip(rows, as_they_were, strict=True):
            if not fits:
                self.spoilt += 1
                if not self.wishes.dry_run:
                    self.shelf.put_away_spoilt(row.path)
                spoilt.append(row)
                continue
            self.good += 1
            if self.wishes.check_changed:
                self._ask_about(row, covers[row.path])
        return spoilt

    def _ask_about(self, row: WantedCover, cover: Cover) -> None:
        if not (cover.etag or cover.last_modified):
            self.unverifiable += 1
            return
        key = hash(row.picture)
        if key in self._seen:
            return
        self._seen.add(key)
        host = host_of(row.url)
        job = Job(0, row.path, row.picture, row.url, host, sha256=cover.sha256)
        job.etag, job.last_modified = cover.etag, cover.last_modified
        self._add(job)

    def _bring(self, row: WantedCover) -> bool:
        covers = self.ledger.covers_of([row.picture])
        mine = [cover for cover in covers if cover.path == row.path and cover.status == OK]
        if mine and self._is_there(mine[0]):
            self.good += 1
            return True
        for cover in covers:
            if self._is_twin(cover, row):
                free = cover.path == row.path or self.is_unwanted(cover.path)
                if not self.wishes.dry_run:
                    links = self.wishes.link_identical
                    self.shelf.bring(cover, row.path, row.url, moves=free, links=links)
                if free:
                    self._known.pop(hash(cover.path), None)
                self.good += 1
                return True
        return False

    def _refuse(self, path: str, size_bytes: int, made: str, wanted: str) -> None:
        if not self.shelf.fits(path, size_bytes):
            return
        images = self.context.images
        msg = (
            f"{images}: the covers there were made as {made!r}, and this run would make them as"
            f" {wanted!r} in their place. Nothing was touched. Go on with the size they have, put"
            " the new one after it (it gets a folder of its own), or move that folder away."
        )
        raise UsageError(msg)


def _by_picture(covers: Iterable[Cover]) -> dict[str, list[Cover]]:
    grouped: dict[str, list[Cover]] = {}
    for cover in covers:
        grouped.setdefault(cover.picture, []).append(cover)
    return grouped
