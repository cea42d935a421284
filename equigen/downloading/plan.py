"""Plan the jobs for the covers of a dataset, in one pass over its rows.

Of a million covers that are there, memory holds no more than a number each.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from equigen.dataset.context import Context
from equigen.dataset.covers import WantedCover, dataset_covers
from equigen.downloading.jobs import ASK, FETCH, MAKE, RENEW, RENEWALS, Job
from equigen.downloading.policy import CoverAction, decide
from equigen.downloading.queue import JobQueues
from equigen.downloading.store import CoverStore
from equigen.downloading.url_refresh import prefer_addresses, write_renewed
from equigen.errors import UsageError
from equigen.http.addresses import without_password
from equigen.identity.pictures import host_of, needs_renewal
from equigen.images.rendering import Rendering, first_made, has_all, made_by
from equigen.ledger.ledger import LAYOUT, Ledger
from equigen.ledger.models import FAILED, OK, Cover, FileOf
from equigen.schema import Link

if TYPE_CHECKING:
    from equigen.storage.below import FileBelow

_BATCH_ROWS = 1000
_T = TypeVar("_T")
# Size of a file that is unknown, or was made otherwise.
_NO_SIZE = -1
_HASHING_THREADS = 4
# Why a row has no cover where a run was to fetch so many at most.
BEYOND_LIMIT = "waiting: beyond --limit"


@dataclass(slots=True)
class Worklist:
    """Sort all rows into those whose cover is there, those to fetch, and those that are left.

    Call `scan` to its end, then `settle_renamed`; after all jobs are done, `settle_repeated`.
    `good` and `endings` (by host and reason) then account for every one of `rows`; `later` are left
    for another run. `rendering` is how this run makes covers, as the ledger has it. `retry` are the
    reasons of failures to ask again for now, none for all of them. Of the pictures that lack, only
    those in a `sample` are fetched, by their keys. `other_places` counts the files that come to
    places where their pictures weren't.
    """

    context: Context
    ledger: Ledger
    store: CoverStore
    queues: JobQueues
    retry: frozenset[str] | None = None
    verify: bool = False
    check_changed: bool = False
    dry_run: bool = False
    sample: set[str] | None = None
    rows: int = 0
    good: int = 0
    later: int = 0
    put_off: set[str] = field(default_factory=set)
    endings: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    jobs: int = 0
    asked: int = 0
    rendering: str = field(init=False)
    spoilt: int = 0
    other_places: int = 0
    elsewhere: int = 0
    unverifiable: int = 0
    _known: dict[int, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)
    _renamed: set[int] = field(default_factory=set)
    _repeated: list[WantedCover] = field(default_factory=list)
    _is_new: bool = True

    def __post_init__(self) -> None:
        self.rendering = made_by(self.context.settings.download.renderings())
        for path, size_bytes, rendering in self.ledger.files():
            is_whole = rendering == self.rendering  # nearly always, and a million times
            if not is_whole:
                self._refuse_other(path, size_bytes, rendering)
                is_whole = has_all(rendering, self.rendering)
            self._known[hash(path)] = size_bytes if is_whole else _NO_SIZE
        self._is_new = not self.ledger.knows_covers()

    def scan(self) -> Iterator[None]:
        """Sort all rows, some at a time.

        Raises:
            MissingInputError, InputError: there is no dataset, or it is broken.

        """
        rows = self._wanted()
        is_plain = not (self.verify or self.check_changed)
        known, fits = self._known.pop, self.store.fits
        for batch in _batches(rows):
            self.rows += len(batch)
            there, odd = [], []
            for row in batch:
                size_bytes = known(hash(row.path), _NO_SIZE)
                is_there = size_bytes >= 0 and fits(row.path, size_bytes)
                for path in row.links:
                    is_linked = known(hash(path), _NO_SIZE) == size_bytes
                    is_there = is_there and is_linked and fits(path, size_bytes)
                if is_there:
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

    def settle_renamed(self) -> Iterator[None]:
        """Bring covers to rows that were renamed, some at a time, and so to another layout.

        The whole scan shows which files are free.
        """
        renamed, self._renamed = self._renamed, set()
        rows = (row for row in self._wanted() if hash(row.path) in renamed) if renamed else ()
        for batch in _batches(rows):
            left = self._bring(batch)
            covers = self.ledger.covers_of(row.picture for row in left)
            for row in left:
                self._fetch(row, covers.get(row.picture), has_file=True)
            yield
        if not self.dry_run:
            self.ledger.remember(LAYOUT, self.context.settings.download.layout)
        self._seen.clear()  # every row was looked at, and workers need the memory

    def settle_repeated(self, *, otherwise: Callable[[str], None]) -> None:
        """Bring a picture that one row had fetched to its other rows, or end these as it ended.

        Where it has none in this run, `otherwise` accounts for it, by the picture's URL.
        """
        for batch in _batches(self._repeated):
            for row in self._bring(batch):
                known = self.ledger.covers_of([row.picture]).get(row.picture)
                if known and known.status != OK:
                    self.end(row.url, known.reason, is_for_now=known.status == FAILED)
                else:
                    otherwise(row.url)
        self._repeated.clear()

    def fetch_instead(self, job: Job) -> None:
        """Fetch a cover whose original, of which sizes were to be made, isn't what it was."""
        if job.source:
            self.store.put_away_spoilt(job.source)
        self._add(replace(job, kind=FETCH, host=host_of(job.url), source=None, sha256=""))

    def renew(self, job: Job, refused: int, queue: str) -> None:
        """Let a refused address be asked for, in a queue of its own: its source is asked first."""
        self._add(replace(job, kind=RENEW, host=queue, refused=refused))

    def sort_again(self, moved: set[str]) -> None:
        """Sort the rows again whose addresses have `moved`, and clear these."""
        self._repeated = [row for row in self._repeated if row.url not in moved]
        places = {at for at, row in enumerate(self._wanted()) if row.url in moved}
        moved.clear()
        write_renewed(self.context, self.ledger)
        self._sort_rows(places)

    def _sort_rows(self, places: Collection[int]) -> None:
        """Sort rows again, by their places, whose addresses have changed in the TSV."""
        self._is_new = False
        self._seen.clear()
        rows = [row for at, row in enumerate(self._wanted()) if at in places]
        for path in chain.from_iterable(row.paths for row in rows):
            self._known.pop(hash(path), None)  # what lies there is wanted now
        if self.sample is not None:  # they were in it by the addresses that they had
            self.sample.update(row.picture for row in rows)
        self._sort(rows)
        for _ in self.settle_renamed():
            pass

    def sort_elsewhere(self) -> bool:
        """Sort the rows again whose cover could not be had, and that have another address of it.

        Return whether there are any. They are no longer accounted for as they ended.
        """
        switches = {each.row: each for each in prefer_addresses(self.context, self.ledger)}
        if not switches:
            return False
        moved = {(each.album_id, each.url) for each in switches.values()}
        unsettled = {(row.album_id, row.url) for row in self._repeated} & moved
        self._repeated = [row for row in self._repeated if (row.album_id, row.url) not in moved]
        for each in switches.values():
            if each.before and (each.album_id, each.url) not in unsettled:
                self._take_back(each.url, each.before)
        self.elsewhere += len(switches)
        sizes = {
            each.before.picture: each.before.size_bytes
            for each in switches.values()
            if each.before and each.before.status == OK
        }
        wanted = {path for row in self._wanted() if row.picture in sizes for path in row.paths}
        for picture, paths in self.ledger.files_of(sizes).items():
            self._known |= {hash(path): sizes[picture] for path in paths if path not in wanted}
        self._sort_rows(switches)
        return True

    def _take_back(self, url: str, cover: Cover) -> None:
        """Account no longer for a row with a good cover, or one that ended with a reason."""
        if cover.status == OK:
            self.good -= 1
            return
        key = host_of(url), cover.reason
        self.endings[key] -= 1
        self.later -= cover.status == FAILED
        self.endings += Counter()  # drops reasons that no row has any more

    def end(self, url: str, reason: str, *, is_for_now: bool = False) -> None:
        """Account for a row whose cover is not there; `is_for_now` where another run may get it."""
        key = host_of(url), reason
        self.endings[key] += 1
        self.examples.setdefault(key, without_password(url))
        self.later += is_for_now
        if is_for_now:
            self.put_off.add(reason)

    def dropped(self) -> Counter[str]:
        """Return how many rows have no cover, by reason."""
        dropped: Counter[str] = Counter()
        for (_, reason), count in self.endings.items():
            dropped[reason] += count
        return dropped

    def put_away_unwanted(self) -> None:
        """Set aside, after the whole scan, the files that the ledger knows and no row wants.

        Those whose album has the same picture in another folder are removed.
        """
        if self._known:
            shown = self.ledger.shown()
            pictures = {picture for picture, path in shown if hash(path) in self._known}
            for batch in _batches(pictures):
                self.store.remove_links(self._surplus(batch))
            files = self.ledger.files()
            unwanted = [(path, size) for path, size, _ in files if hash(path) in self._known]
            self.store.set_aside += self.store.put_away(unwanted)
        self.store.remove_empty_folders()

    def _wanted(self) -> Iterator[WantedCover]:
        return dataset_covers(self.context, self.context.settings.download.layout)

    def _surplus(self, pictures: Sequence[str]) -> dict[FileOf, str]:
        """Return the unwanted files of pictures, each with a wanted path of the same name."""
        surplus = {}
        for picture, paths in self.ledger.files_of(pictures).items():
            wanted = {_name(path): path for path in paths if hash(path) not in self._known}
            for path in paths:
                if hash(path) in self._known and _name(path) in wanted:
                    surplus[FileOf(picture, path)] = wanted[_name(path)]
        return surplus

    def _sort(self, rows: Sequence[WantedCover]) -> None:
        covers = {} if self._is_new else self.ledger.covers_of(row.picture for row in rows)
        files = self.ledger.files_of(covers) if covers else {}
        now = self.context.now()
        for row in rows:
            cover, paths = covers.get(row.picture), files.get(row.picture, ())
            decision = decide(
                row.url,
                cover,
                is_there=cover is not None and self._is_there(cover, paths, row),
                has_twin=cover is not None and self._twin(cover, paths, row) is not None,
                retry=self.retry,
                now=now,
            )
            match decision.action:
                case CoverAction.NOTHING:
                    self.good += 1
                case CoverAction.LEAVE:
                    self.end(row.url, decision.reason)
                case CoverAction.BRING:
                    self._renamed.add(hash(row.path))
                case CoverAction.FETCH:
                    self._fetch(row, cover, has_file=row.path in paths)

    def _is_there(self, cover: Cover, paths: Sequence[str], row: WantedCover) -> bool:
        """Tell whether a cover has all files that a row wants, among its `paths`, as they were."""
        return has_all(cover.rendering, self.rendering) and all(
            path in paths and self.store.fits(path, cover.size_bytes) for path in row.paths
        )

    def _twin(self, cover: Cover, paths: Sequence[str], row: WantedCover) -> str | None:
        """Return at which of its `paths` a cover has files that can be brought where a row wants.

        Where none has all sizes, it is one with the first, unless that lies in its place already.
        """
        if cover.status != OK:
            return None
        found = {each: self.store.find(each, cover.size_bytes) for each in (row.path, *paths)}
        there = [each for each in found if found[each] and each in paths]
        if has_all(cover.rendering, self.rendering):
            for each in there:
                if self.store.is_whole(each, cover.size_bytes):
                    return each
        here = found[row.path]
        is_in_place = here is not None and here != self.store.aside(row.path)
        return None if is_in_place else next(iter(there), None)

    def _fetch(self, row: WantedCover, cover: Cover | None, *, has_file: bool) -> None:
        if not self._is_sampled(row):
            self.end(row.url, BEYOND_LIMIT)
            return
        if not self._is_first_of_its_picture(row):
            self._repeated.append(row)
            return
        job = Job(
            0, row.path, row.picture, row.url, host_of(row.url), album_id=row.album_id,
            links=row.links,
        )  # fmt: skip
        if cover is not None and cover.status == OK and has_file and not self.dry_run:
            original = self.store.find(row.path, cover.size_bytes)
            if original and first_made(cover.rendering) == Rendering().key:
                # It lies here: all that it can lack are further sizes.
                job.kind, job.source, job.sha256 = MAKE, original, cover.sha256
                job.host = ""  # no host is asked, so that none's limits count
            elif not original:
                self.store.put_away_unfit(row.path, cover.size_bytes)
        if job.kind == FETCH and needs_renewal(row.url):  # as a recipe has them
            job.kind, job.host, job.refused = RENEW, RENEWALS, HTTPStatus.FORBIDDEN.value
        self._add(job, tried_before=cover is not None and cover.status != OK)

    def _is_sampled(self, row: WantedCover) -> bool:
        return self.sample is None or row.picture in self.sample

    def _is_first_of_its_picture(self, row: WantedCover) -> bool:
        key, seen = hash(row.picture), len(self._seen)
        self._seen.add(key)
        return len(self._seen) > seen

    def _add(self, job: Job, *, tried_before: bool = False) -> None:
        self.queues.add(job, tried_before=tried_before)
        self.jobs += 1
        self.asked += job.kind == ASK

    def _look_closer(self, rows: Sequence[WantedCover]) -> list[WantedCover]:
        """Return the rows whose covers are not what they were; ask about the others."""
        covers = self.ledger.covers_at(FileOf(row.picture, row.path) for row in rows)
        odd = [row for row in rows if row.path not in covers]
        rows = [row for row in rows if row.path in covers]
        files: list[list[FileBelow]] = [[] for _ in rows]
        if self.verify:
            with ThreadPoolExecutor(_HASHING_THREADS) as pool:
                find = self.store.spoilt_files
                files = list(pool.map(lambda row: find(row.paths, covers[row.path]), rows))
        for row, spoilt in zip(rows, files, strict=True):
            self.spoilt += len(spoilt)
            if not spoilt:
                self.good += 1
                if self.check_changed:
                    self._ask_about(row, covers[row.path])
            elif self.dry_run:
                self._fetch(row, covers[row.path], has_file=True)
            else:
                for file in spoilt:
                    self.store.put_away_spoilt(file)
                odd.append(row)
        return odd

    def _ask_about(self, row: WantedCover, cover: Cover) -> None:
        if not (cover.etag or cover.last_modified):
            self.unverifiable += 1
            return
        if not (self._is_sampled(row) and self._is_first_of_its_picture(row)):
            return
        job = Job(0, row.path, row.picture, row.url, host_of(row.url), ASK, sha256=cover.sha256)
        job.etag, job.last_modified, job.links = cover.etag, cover.last_modified, row.links
        self._add(job)

    def _bring(self, rows: Sequence[WantedCover]) -> list[WantedCover]:
        """Let rows have the good files of their pictures that are there; return those without.

        The ledger knows the new places before a file comes there, and the old ones until all are
        there: a killed process loses no file.
        """
        covers = self.ledger.covers_of(row.picture for row in rows)
        files = self.ledger.files_of(covers)
        if not self.dry_run:
            self.ledger.record_files(
                FileOf(row.picture, path)
                for row in rows
                if row.picture in covers and covers[row.picture].status == OK
                for path in row.paths
            )
        moved: list[FileOf] = []
        left = []
        for row in rows:
            cover, paths = covers.get(row.picture), files.setdefault(row.picture, [])
            if cover and (
                self._is_there(cover, paths, row) or self._place(row, cover, paths, moved)
            ):
                self.good += 1
            else:
                left.append(row)
        if moved and not self.dry_run:
            self.ledger.forget_files(moved)
        return left

    def _place(self, row: WantedCover, cover: Cover, paths: list[str], moved: list[FileOf]) -> bool:
        """Bring files to all paths of a row; tell whether they are as they must be.

        The picture's `paths` are brought up to date, and files that were `moved` added.
        """
        twin = self._twin(cover, paths, row)
        if twin is None:
            return False
        self.other_places += sum(path not in paths for path in row.paths)
        is_free = twin == row.path or self._known.pop(hash(twin), None) is not None
        if not self.dry_run:
            how = Link.HARDLINK if twin in row.links else Link.COPY
            self.store.bring(cover, twin, row.path, Link.MOVE if is_free else how)
            for path in row.links:
                if path not in paths or not self.store.fits(path, cover.size_bytes):
                    self.store.bring(cover, row.path, path, Link.HARDLINK)
        if is_free and twin != row.path:
            paths.remove(twin)
            moved.append(FileOf(row.picture, twin))
        paths += (path for path in row.paths if path not in paths)
        return self.dry_run or self._is_there(cover, paths, row)

    def _refuse_other(self, path: str, size_bytes: int, rendering: str) -> None:
        """Refuse a run that would make covers in another way, in the place of those here."""
        made, wanted = first_made(rendering), first_made(self.rendering)
        if made != wanted and self.store.fits_first(path, size_bytes):
            msg = (
                f"{self.context.images}: the covers there were made as {made!r}, and this run would"
                f" make them as {wanted!r} in their place. Nothing was touched. Go on with the size"
                " they have, put the new one after it (it gets a folder of its own), or move that"
                " folder away."
            )
            raise UsageError(msg)


def _batches(some: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(some)
    while batch := list(islice(left, _BATCH_ROWS)):
        yield batch


def _name(path: str) -> str:
    return path.rpartition("/")[2]
