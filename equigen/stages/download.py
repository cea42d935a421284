"""Download each album's cover into the folder of its genre.

A cover is there when its bytes are known to decode, not when a file exists. Goes on where it
stopped. Covers that a host doesn't have, or that are no good pictures, are not asked for again
unless --retry-failed is given.

Examples:
  equigen download
  equigen download --retry-failed
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from equigen.context import Bar, Context
from equigen.covers import wanted_covers
from equigen.errors import (
    BadBodyError,
    CertificateError,
    EquigenError,
    FetchError,
    HostRestsError,
    HttpStatusError,
    PictureError,
    RefusedAddressError,
    StoppedError,
    TooLargeError,
)
from equigen.files import require_tsv
from equigen.http import Answer, Client, Patience
from equigen.images import BROKEN, Picture, check_picture
from equigen.ledger import Cover, Ledger
from equigen.lock import dataset_lock
from equigen.rules.covering import OK, Action, Decision, decide
from equigen.rules.labels import folders_by_genre
from equigen.rules.pacing import HostPolicy, policy_for
from equigen.shelf import Shelf
from equigen.summary import Summary

ORDER: Final = 60
SETTINGS: Final = ("download.min_size_px", "download.max_pixels", "download.max_bytes")

_WAITING = "waiting: the host rests"
_FAILED = "failed"
_REFUSED = "refused"
_HTTP_OK = 200
# Statuses with which a host says that it has no such picture, now or ever.
_MISSING = frozenset({400, 404, 410})
_MOST_THREADS_A_HOST = 32
_MOST_THREADS = 64
# After so many refusals in a row, for different pictures, it is us that the host refuses.
_REFUSALS_IN_A_ROW = 10
_REFUSALS = frozenset({403, 429})


def run(
    context: Context,
    *,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for covers that failed for good.")
    ] = False,
) -> Summary:
    """Download what is missing; files whose rows are gone are set aside, not deleted.

    Raises:
        MissingInputError, InputError: there is no TSV, or it is broken.
        StorageError: the disk refuses.

    """
    require_tsv(context.tsv)
    settings = context.settings
    policies = {
        host: HostPolicy(given.per_minute, given.per_day, given.concurrency)
        for host, given in settings.download.hosts.items()
    }
    user_agent = settings.discogs.user_agent_sent
    patience = Patience(**settings.http.model_dump())
    folders = folders_by_genre(settings.fetch.known_labels())
    with (
        dataset_lock(context.directory, stage="download", now=context.now()),
        Ledger(context.ledger) as ledger,
    ):
        rows = list(wanted_covers(context.tsv, folders))
        shelf = Shelf(context, ledger)
        decisions = decide(
            rows,
            shelf.covers,
            is_there=shelf.has,
            is_aside=shelf.has_aside,
            retry_failed=retry_failed,
        )
        with Client(policies, user_agent=user_agent, patience=patience, counter=ledger) as client:
            work = _Work(context, shelf, client, policies)
            work.carry_out(decisions)
        shelf.put_away({row.path for row in rows})
        endings = work.endings
    good = sum(1 for row in rows if endings[row.path] == OK)
    dropped = Counter(endings[row.path] for row in rows if endings[row.path] != OK)
    return Summary(
        stage="download",
        unit="rows",
        rows_in=len(rows),
        rows_out=good,
        dropped=dict(dropped.most_common()),
        facts={
            "fetched": work.fetched,
            "fetched_bytes": work.fetched_bytes,
            "covers": sum(1 for ending in endings.values() if ending == OK),
            "set_aside": shelf.set_aside,
            "left_for_later": work.later,
            "images": str(context.images),
        },
        notes=[
            f"{work.fetched:,} fetched, {work.fetched_bytes / 1e6:,.1f} MB",
            *work.notes,
            *shelf.notes(),
        ],
        partly=bool(work.later),
    )


@dataclass(slots=True)
class _Job:
    """One picture to fetch, and all files that it belongs in."""

    url: str
    picture: str
    paths: list[str]


@dataclass(slots=True)
class _Work:
    """Fetches pictures, each host's apart, so that a slow or resting host holds up no other."""

    context: Context
    shelf: Shelf
    client: Client
    policies: Mapping[str, HostPolicy]
    endings: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fetched: int = 0
    fetched_bytes: int = 0
    later: int = 0
    _queues: dict[str, deque[_Job]] = field(default_factory=dict)
    _refusals: Counter[str] = field(default_factory=Counter)
    _resting: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def carry_out(self, decisions: Sequence[Decision]) -> None:
        """Do what was decided; each wanted path has an ending afterwards."""
        jobs: dict[str, _Job] = {}
        for decision in decisions:
            path, picture = decision.wanted.path, decision.wanted.picture
            match decision.action:
                case Action.NOTHING:
                    self.endings[path] = OK
                case Action.LEAVE:
                    self.endings[path] = decision.reason
                case Action.MOVE | Action.COPY:
                    self.shelf.bring(decision)
                    self.endings[path] = OK
                case Action.FETCH:
                    job = jobs.setdefault(picture, _Job(decision.wanted.url, picture, []))
                    job.paths.append(path)
        self._queues = defaultdict(deque)
        # What was never asked for goes first: covers that fail again and again hold up no other.
        for job in sorted(jobs.values(), key=lambda job: job.paths[0] in self.shelf.covers):
            self._queues[urlsplit(job.url).hostname or ""].append(job)
        with self.context.bar("download", len(jobs), "cover") as bar:
            self._drain_all(bar)
        for queue in self._queues.values():
            for job in queue:
                self._end(job, _WAITING)
                self.later += len(job.paths)

    def _drain_all(self, bar: Bar) -> None:
        threads = {
            host: min(policy_for(host, self.policies).concurrency, _MOST_THREADS_A_HOST, len(queue))
            for host, queue in self._queues.items()
        }
        # Each host gets its first thread before any gets its second: none waits for a slow one.
        turns = [
            host
            for turn in range(_MOST_THREADS_A_HOST)
            for host, count in threads.items()
            if turn < count
        ]
        with ThreadPoolExecutor(max(1, min(len(turns), _MOST_THREADS)), "download") as pool:
            loops = [pool.submit(self._drain, host, bar) for host in turns]
            try:
                wait(loops, return_when=FIRST_EXCEPTION)
            finally:
                self._stopped.set()
                self.client.stop()
            for loop in loops:
                loop.result()

    def _drain(self, host: str, bar: Bar) -> None:
        queue = self._queues[host]
        while not self._stopped.is_set() and host not in self._resting:
            try:
                job = queue.popleft()
            except IndexError:
                return
            try:
                self._do(host, job)
            except (HostRestsError, StoppedError) as err:
                queue.append(job)
                self._rest(host, str(err))
            else:
                bar.advance(ok=self.fetched)

    def _do(self, host: str, job: _Job) -> None:
        """Fetch one picture; whatever comes of it stands in the ledger afterwards."""
        try:
            picture = self._fetch(job)
        except HttpStatusError as err:
            status = "missing" if err.status in _MISSING else _FAILED
            self._fail(job, status, f"HTTP {err.status}", err)
            self._count_refusal(host, err.status)
        except (PictureError, FetchError) as err:
            fault = _fault(err)
            self._fail(job, fault.status, fault.reason, err)
        else:
            self._keep(job, picture)
            with self._lock:
                self._refusals[host] = 0

    def _fetch(self, job: _Job) -> Picture:
        settings = self.context.settings.download
        seen: set[bytes] = set()

        def read(answer: Answer) -> Picture:
            try:
                return check_picture(
                    answer.body, min_size_px=settings.min_size_px, max_pixels=settings.max_pixels
                )
            except PictureError as err:
                # Torn on the way, a second try helps; the same bytes again are the host's own.
                if err.reason != BROKEN or answer.body in seen:
                    raise
                seen.add(answer.body)
                raise BadBodyError(str(err), url=answer.url) from err

        return self.client.get(job.url, read, max_bytes=settings.max_bytes)

    def _keep(self, job: _Job, picture: Picture) -> None:
        for path in job.paths:
            self.shelf.write(path, picture.data)
            self.shelf.note(
                Cover(
                    path=path,
                    picture=job.picture,
                    url=job.url,
                    status=OK,
                    http_status=_HTTP_OK,
                    size_bytes=len(picture.data),
                    width_px=picture.width_px,
                    height_px=picture.height_px,
                    sha256=picture.sha256,
                    fetched_at=self._now(),
                )
            )
        self._end(job, OK)
        with self._lock:
            self.fetched += 1
            self.fetched_bytes += len(picture.data)

    def _fail(self, job: _Job, status: str, reason: str, err: EquigenError) -> None:
        http_status = err.status if isinstance(err, HttpStatusError) else 0
        tries = err.tries if isinstance(err, FetchError) else 1
        for path in job.paths:
            cover = Cover(path, job.picture, job.url, status, reason, http_status, tries)
            self.shelf.note(replace(cover, fetched_at=self._now()))
        self._end(job, reason)
        if status == _FAILED:
            with self._lock:
                self.later += len(job.paths)

    def _end(self, job: _Job, ending: str) -> None:
        for path in job.paths:
            self.endings[path] = ending

    def _count_refusal(self, host: str, status: int) -> None:
        with self._lock:
            self._refusals[host] = self._refusals[host] + 1 if status in _REFUSALS else 0
            refusals = self._refusals[host]
        if refusals >= _REFUSALS_IN_A_ROW:
            self._rest(host, f"{host}: refused {refusals} covers in a row. Run again later.")

    def _rest(self, host: str, why: str) -> None:
        """Leave the rest of a host's covers for another run."""
        with self._lock:
            if host not in self._resting:
                self._resting.add(host)
                self.notes.append(why)

    def _now(self) -> str:
        return self.context.now().isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class _Fault:
    """What stands in the ledger of a cover that could not be had."""

    status: str
    reason: str


def _fault(err: PictureError | FetchError) -> _Fault:
    match err:
        case PictureError(reason=reason):
            return _Fault(BROKEN if reason == BROKEN else _REFUSED, reason)
        case TooLargeError():
            return _Fault(_REFUSED, "too large")
        case RefusedAddressError():
            return _Fault(_REFUSED, "bad address")
        case BadBodyError():
            return _Fault(_FAILED, "torn on the way")
        case CertificateError():
            return _Fault(_FAILED, "bad certificate")
    return _Fault(_FAILED, "no connection")
