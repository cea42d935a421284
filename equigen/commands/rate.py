"""Ask each album's source how its users rate it.

For albums of Discogs: the number of ratings and their average, and how many collectors have or want
the main release (only releases are rated: of a master, its main release is asked for). That is a
request or two an album, within the API's rate. Goes on where it stopped: what came is remembered
with its date, also that an album isn't there, and asked again only with --older-than. The figures
are written to the columns rating_count, rating_average, have and want of the TSV. With --reserve
the rows that `balance` and `select` left out are rated as well, after the others.

Examples:
  equigen rate
  equigen rate --until 06:00
  equigen rate --older-than 90d --limit 1000
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from equigen.dataset.context import Bar, Context, deadline_at
from equigen.dataset.dataset import Dataset, Need
from equigen.dataset.reserve import map_reserve
from equigen.dataset.table import map_table, put_cells
from equigen.errors import (
    FetchError,
    HostRestsError,
    HttpStatusError,
    StoppedError,
    UsageError,
    refused,
)
from equigen.http.client import Client
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Rating
from equigen.output import tell
from equigen.schema import RATING_COLUMNS, UNKNOWN
from equigen.sources.base import Rater, Request, client_of, open_rater
from equigen.summary import Summary

if TYPE_CHECKING:
    from equigen.dataset.table_reader import Chunk

ORDER: Final = 52
SETTINGS: Final = ()

_ID: Final = ("album_id",)
_WORKERS = 8
_DEADLINE_CHECK_S = 0.25
# So many albums in a row that can't be had mean that the service is down.
_MOST_FAILURES = 5
# A master leads to its main release, and that to nothing else.
_MOST_REQUESTS = 2
_UNAUTHORIZED, _GONE = 401, frozenset({404, 410})
_AGE = re.compile(r"([0-9]{1,5})([dwy])", re.ASCII)
_DAYS: Mapping[str, int] = MappingProxyType({"d": 1, "w": 7, "y": 365})
_RATED = "rated"
_MOST_DAYS = 36_500
_NO_RATING = "without a rating there"
_NO_RATER = "of sources without ratings"
_BEYOND = "waiting: beyond --limit"
_LEFT = "left for the next run"


def run(
    context: Context,
    *,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="AGE", help="Ask again for what was asked so long ago, such as 90d, 12w or 1y."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=-1, metavar="N", help="Ask for so many albums at most; -1 for all.")
    ] = -1,
    until: Annotated[
        str | None,
        typer.Option(metavar="HH:MM", help="Stop at this time of day; the rest is left."),
    ] = None,
    reserve: Annotated[
        bool, typer.Option("--reserve", help="Ask for the rows that were left out, too, at last.")
    ] = False,
) -> Summary:
    """Rate the albums of the TSV that weren't asked for yet, and write what is known to it.

    Raises:
        UsageError: `older_than` is no age, or `until` no time of day.
        CredentialsError: the service refuses the credentials.
        EquigenError: as `Dataset.writing` has it.

    """
    age = _age(older_than) if older_than is not None else None
    if until is not None:
        context = replace(context, deadline=deadline_at(until, context))
    with Dataset.writing(context, "rate", Need.WHOLE_TSV | Need.KNOWN_COVERS) as dataset:
        ledger, rows = dataset.ledger, Counter[str]()
        left_out = map_reserve(context, _ID, _ids) if reserve else ()
        for ids in chain(map_table(context.tsv, _ID, _ids), left_out):
            rows.update(ids)
        with ExitStack() as stack:
            work = _Work(context, ledger, stack)
            known = ledger.ratings()
            fresh = set(known)
            if age is not None:
                since = context.now().astimezone(UTC) - age
                fresh = ledger.rated_since(since.isoformat(timespec="seconds"))
            # Those that were never asked for come first.
            wanted = [each for each in rows if each not in fresh and work.can_ask(each)]
            wanted.sort(key=lambda album: album in known)
            chosen = wanted if limit < 0 else wanted[:limit]
            try:
                work.ask_all(chosen)
            finally:
                known = ledger.ratings()
                for tsv in filter(Path.exists, (context.tsv, context.reserve)):
                    _write(tsv, known)
            return _summary(work, rows, known, beyond={*wanted[len(chosen) :]})


def _ids(chunk: "Chunk") -> list[str]:
    return chunk.frame["album_id"].to_list()


def _write(tsv: Path, known: Mapping[str, Rating]) -> None:
    cells = {album: ["" if n is None else f"{n}" for n in each] for album, each in known.items()}
    put_cells(tsv, "album_id", RATING_COLUMNS, cells)


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text.strip())
    if not found:
        msg = (
            f"--older-than {text}: expected a number of days, weeks or years, such as 90d, 12w or"
            " 1y."
        )
        raise UsageError(msg)
    return timedelta(days=min(int(found[1]) * _DAYS[found[2]], _MOST_DAYS))


@dataclass(slots=True)
class _Work:
    """One run: albums are asked for by several threads, which record what comes at once."""

    context: Context
    ledger: Ledger
    stack: ExitStack
    requests: int = 0
    rated: int = 0
    left: int = 0
    failed: list[str] = field(default_factory=list)
    ended_early: str = ""
    resumes_at: datetime | None = None
    _services: dict[str, tuple[Rater, Client] | None] = field(default_factory=dict)

    def can_ask(self, album_id: str) -> bool:
        """Tell whether an album's source can be asked for its rating."""
        service = self._service(album_id)
        return service is not None and service[0].rating_request(album_id) is not None

    def _service(self, album_id: str) -> tuple[Rater, Client] | None:
        name = album_id.partition(":")[0]
        if name not in self._services:
            rater = open_rater(album_id, self.context.config)
            self._services[name] = None
            if rater:
                client = self.stack.enter_context(client_of(rater, self.context, self.ledger))
                self._services[name] = rater, client
        return self._services[name]

    def ask_all(self, albums: list[str]) -> None:
        """Ask for albums until all are there, time is up, or the service gives no more."""
        waiting, running, failures = iter(albums), dict[Future[int], str](), 0
        with (
            self.context.bar("rate", len(albums), "album") as bar,
            ThreadPoolExecutor(_WORKERS) as pool,
        ):
            try:
                while True:
                    if self.context.time_is_up and not self.ended_early:
                        self._end("Time is up: the other albums are left for the next run.")
                    while len(running) < _WORKERS and not self.ended_early:
                        if not (album := next(waiting, "")):
                            break
                        running[pool.submit(self._ask, album)] = album
                    if not running:
                        break
                    done, _ = wait(running, timeout=_DEADLINE_CHECK_S, return_when=FIRST_COMPLETED)
                    for future in done:
                        failures = self._settle(running.pop(future), future, failures, bar)
            finally:
                self._stop()
        self.left = len(albums) - self.rated

    def _settle(self, album: str, future: Future[int], failures: int, bar: Bar) -> int:
        """Take note of an answer; return the number of albums in a row that can't be had."""
        try:
            self.requests += future.result()
        except (StoppedError, HostRestsError, FetchError) as err:
            if isinstance(err, HostRestsError) and not self.ended_early:
                self.resumes_at = datetime.fromtimestamp(err.resumes_at_s, UTC)
                self._end(str(err))
            elif isinstance(err, FetchError):
                self.failed.append(f"{album}: {err}")
                tell("rating left", self.failed[-1], album_id=album, why=str(err))
                failures += 1
                if failures == _MOST_FAILURES:
                    self._end(f"{failures} albums in a row can't be had: {err}")
            return failures
        self.rated += 1
        bar.advance(1)
        return 0

    def _end(self, why: str) -> None:
        self.ended_early = why
        self._stop()

    def _stop(self) -> None:
        for _, client in filter(None, self._services.values()):
            client.stop()

    def _ask(self, album: str) -> int:
        """Ask for an album, record its rating, and return the number of requests.

        Raises:
            CredentialsError: the service refuses them.
            FetchError, HostRestsError, StoppedError: it gave no answer.

        """
        service = self._service(album)
        found: Rating | Request | None = service and service[0].rating_request(album)
        requests = 0
        while service and isinstance(found, Request) and requests < _MOST_REQUESTS:
            found = self._answer(*service, found)
            requests += 1
        rating = found if isinstance(found, Rating) else Rating()
        now = self.context.now().astimezone(UTC)
        self.ledger.record_rating(album, rating, asked_at=now.isoformat(timespec="seconds"))
        return requests

    def _answer(self, rater: Rater, client: Client, request: Request) -> Rating | Request:
        try:
            return client.get(
                request.url,
                lambda answer: rater.read_rating(answer.body, url=answer.url),
                params=request.params,
            )
        except HttpStatusError as err:
            if err.status == _UNAUTHORIZED:
                raise refused(err, rater.advice.refused) from None
            if err.status not in _GONE:
                raise
            return Rating()


def _summary(
    work: _Work, rows: Counter[str], known: Mapping[str, Rating], beyond: Collection[str]
) -> Summary:
    states, skipped = Counter[str](), Counter[str]()
    for album, count in rows.items():
        if album in known:
            states[_NO_RATING if known[album] == Rating() else _RATED] += count
        elif work.can_ask(album):
            states[_BEYOND if album in beyond else _LEFT] += count
        else:
            states[_NO_RATER] += count
            skipped[album.partition(":")[0] or UNKNOWN] += count
    notes = [work.ended_early] if work.ended_early else []
    if work.failed:
        notes.append(f"{len(work.failed):,} albums could not be had, such as {work.failed[0]}")
    return Summary(
        stage="rate",
        unit="rows",
        rows_in=rows.total(),
        rows_out=states.pop(_RATED, 0),
        dropped=states,
        put_off=(_BEYOND, _LEFT),
        facts={
            "asked": work.rated,
            "requests": work.requests,
            "failed": len(work.failed),
            "skipped_sources": dict(skipped),
        },
        notes=notes,
        partly=work.left > 0,
        left=work.left,
        left_unit="albums",
        resumes_at=work.resumes_at,
    )
