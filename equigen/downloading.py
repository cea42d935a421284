"""One run's downloading: jobs handed out, what came of them noted, files put in their places."""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from equigen.context import Bar, Context
from equigen.dispatch import Dispatcher, Done
from equigen.interrupts import Interrupts, deferred_interrupts
from equigen.jobs import ASK, MAKE, SPOILT, UNCHANGED, Job, Making
from equigen.ledger import DOWNLOADING, Ledger
from equigen.records import Cover
from equigen.resolver import Resolver
from equigen.rules.covering import FAILED, OK
from equigen.rules.pacing import HostPolicy, Patience
from equigen.rules.pictures import host_of
from equigen.rules.rendering import Demands, made_in_all
from equigen.rules.sharing import share_out
from equigen.stations import MOST_THREADS_A_PROCESS, Local, News, ProcessStation, usable_cores
from equigen.summary import Summary, Table
from equigen.words import Setup, setup_line
from equigen.worklist import Ending, Worklist

_WAITING = Ending("waiting: the host rests", is_for_now=True)
_BEYOND = Ending("waiting: beyond --limit")
# With fewer covers than this, starting processes takes longer than fetching them.
_WORTH_PROCESSES = 200
# After so many refusals in a row, for different pictures, it is us that the host refuses.
_REFUSALS_IN_A_ROW = 10
_REFUSALS = frozenset({403, 429})
_OK = 200
_log = logging.getLogger(__name__)


def host_policies(context: Context) -> dict[str, HostPolicy]:
    """Return how each host of pictures wants to be asked, by pattern."""
    return {
        host: HostPolicy(given.per_minute, given.per_day, given.concurrency)
        for host, given in context.settings.download.hosts.items()
    }


@dataclass(slots=True)
class Download:
    """One run's fetching: what came of each cover is in the ledger before its file is placed."""

    context: Context
    ledger: Ledger
    worklist: Worklist
    notes: list[str] = field(default_factory=list)
    fetched: int = 0
    fetched_bytes: int = 0
    done: int = 0
    failed: int = 0
    changed: int = 0
    unchanged: int = 0
    _unsaid: list[Cover] = field(default_factory=list)
    _looks: dict[str, bytes] = field(default_factory=dict)
    _unplaced: list[Job] = field(default_factory=list)
    _refusals: Counter[str] = field(default_factory=Counter)
    _kept: Counter[str] = field(default_factory=Counter)
    _changed: list[str] = field(default_factory=list)
    _shown: int = 0
    _began_s: float = 0.0
    _resolver: Resolver = field(default_factory=Resolver)
    _run: str = field(default_factory=lambda: str(os.getpid()))

    def carry_out(self, limit: int) -> None:
        """Fetch all that can be fetched now, at most `limit` covers where that isn't -1."""
        settings = self.context.settings
        processes = settings.download.processes or usable_cores() - (usable_cores() == 1)
        shares = share_out(host_policies(self.context), processes)
        line = setup_line(self._setup(shares.each))
        news: SimpleQueue[News] = SimpleQueue()
        if self.ledger.value(DOWNLOADING):
            self.worklist.shelf.sweep()
        self.ledger.remember(DOWNLOADING, self._run)
        self._began_s = self.context.clock.steady()
        with (
            Dispatcher(
                self.worklist.queues,
                news,
                shares.each,
                make_local=lambda: self._local(self._setup(shares.first), news),
                make_process=lambda: ProcessStation(line, shares.each, news, self._resolver),
                on_rest=self.notes.append,
                most=limit,
            ) as dispatcher,
            self.context.bar("download", 0, "cover") as bar,
        ):
            try:
                with deferred_interrupts() as interrupts:
                    self._fetch_all(dispatcher, processes, bar, interrupts)
            finally:
                self._take(dispatcher.stop(), dispatcher, bar)

        def left(url: str) -> Ending:
            rests = dispatcher.is_resting(host_of(url)) or dispatcher.most
            return _WAITING if rests else _BEYOND

        for job in dispatcher.waiting():
            if job.kind != ASK:
                self.worklist.end(job.url, left(job.url))
        self.worklist.settle_repeated(otherwise=left)
        for path in self._changed:
            self.worklist.settle_changed(path)
        self.ledger.remember(DOWNLOADING, "")

    def summary(self) -> Summary:
        """Account for every row."""
        worklist, shelf = self.worklist, self.worklist.shelf
        ordered = sorted(
            worklist.endings.items(), key=lambda item: (item[0].host, -item[1], item[0].reason)
        )
        failures: list[dict[str, str | int]] = [
            {
                "host": ending.host,
                "reason": ending.reason,
                "covers": count,
                "example": worklist.examples[ending],
            }
            for ending, count in ordered
        ]
        rows: list[tuple[str | int, ...]] = [tuple(failure.values()) for failure in failures]
        return Summary(
            stage="download",
            unit="rows",
            rows_in=worklist.rows,
            rows_out=worklist.good,
            dropped=dict(worklist.dropped().most_common()),
            facts={
                "fetched": self.fetched,
                "fetched_bytes": self.fetched_bytes,
                "set_aside": shelf.set_aside,
                "spoilt": shelf.spoilt,
                "changed": self.changed,
                "unchanged": self.unchanged,
                "linked": shelf.linked,
                "left_for_later": worklist.later,
                "failures": failures,
                "images": str(self.context.images),
            },
            table=Table(("host", "reason", "covers", "for example"), tuple(rows)) if rows else None,
            notes=[
                f"{self.fetched:,} fetched, {self.fetched_bytes / 1e6:,.1f} MB",
                *self._more_notes(),
                *self.notes,
                *shelf.notes(),
            ],
            partly=bool(worklist.later),
        )

    def _more_notes(self) -> Iterable[str]:
        worklist = self.worklist
        if worklist.wishes.verify:
            yield f"{worklist.spoilt:,} files were not what they had been"
        if worklist.wishes.check_changed:
            unknown = worklist.unverifiable
            yield f"{self.changed:,} changed, {self.unchanged:,} unchanged, {unknown:,} can't tell"
            for reason, count in self._kept.most_common():
                yield f"{count:,} kept as they are, though their hosts say: {reason}"

    def _making(self) -> Making:
        settings = self.context.settings.download
        return Making(
            Demands(
                settings.min_size_px,
                settings.max_pixels,
                settings.check,
                frozenset(settings.placeholders),
            ),
            settings.renderings(),
            self.context.image_folders,
            settings.max_bytes,
            self._run,
        )

    def _setup(self, policies: Mapping[str, HostPolicy]) -> Setup:
        settings = self.context.settings
        return Setup(
            policies,
            settings.user_agent,
            Patience(**settings.http.model_dump()),
            self._making(),
            threads=MOST_THREADS_A_PROCESS,
            talkative=_log.isEnabledFor(logging.INFO),
        )

    def _local(self, setup: Setup, news: SimpleQueue[News]) -> Local:
        # Its decoders take a third of this process's memory, and processes have their own.
        from equigen.local_station import LocalStation  # noqa: PLC0415

        whole = host_policies(self.context)
        return LocalStation(
            setup,
            news,
            whole=whole,
            counter=self.ledger,
            clock=self.context.clock,
            resolver=self._resolver,
        )

    def _fetch_all(
        self, dispatcher: Dispatcher, processes: int, bar: Bar, interrupts: Interrupts
    ) -> None:
        """Fetch until all is done, or until somebody wants to stop."""
        expected = 0
        worth = 1 if self.context.settings.download.processes else _WORTH_PROCESSES
        for _ in self.worklist.scan():
            if not dispatcher.has_processes and dispatcher.count_shareable() >= worth:
                dispatcher.start_processes(processes)
            self._take(dispatcher.turn(wait=False), dispatcher, bar)
            if interrupts.came:
                return
            if self.worklist.jobs > expected:
                expected = self.worklist.jobs
                bar.expect(expected)
        self.worklist.settle_renamed()
        if not dispatcher.has_processes:
            dispatcher.go_alone()
        bar.expect(self.worklist.jobs)
        while dispatcher.is_busy and not interrupts.came:
            self._take(dispatcher.turn(wait=True), dispatcher, bar)

    def _take(self, done: Iterable[Done], dispatcher: Dispatcher, bar: Bar) -> None:
        """Note what was done, and only then put the files where they belong."""
        try:
            for each in done:
                self._one(each, dispatcher)
        finally:
            self._say_and_place(bar)

    def _one(self, done: Done, dispatcher: Dispatcher) -> None:
        job, outcome = done.job, done.outcome
        self.done += 1
        if outcome.message:
            _log.info("%s: %s", job.path, outcome.message)
        self._count_refusal(job.host, outcome.http_status, dispatcher)
        if outcome.status == SPOILT:
            self.worklist.fetch_instead(job)
        elif outcome.status == UNCHANGED:
            self.unchanged += 1
            if outcome.http_status == _OK:  # the same bytes, perhaps under a new mark
                self._unsaid.append(self._cover(done))
        elif outcome.status == OK:
            self._unsaid.append(self._cover(done))
            if outcome.look:
                self._looks[outcome.sha256] = bytes.fromhex(outcome.look)
            self._unplaced.append(job)
            self.worklist.good += job.kind != ASK
            if job.kind != MAKE:
                self.fetched += 1
                self.fetched_bytes += outcome.received_bytes
            if job.kind == ASK:
                self.changed += 1
                self._changed.append(job.path)
        elif job.kind == ASK:
            self._kept[outcome.reason] += 1
        else:
            self.failed += 1
            self._unsaid.append(self._cover(done))
            self.worklist.end(job.url, Ending(outcome.reason, outcome.status == FAILED))

    def _cover(self, done: Done) -> Cover:
        job, outcome = done.job, done.outcome
        if job.kind == MAKE:
            # Of the original that lies here: where that came from stays true.
            (known,) = self.ledger.covers_at([job.path]).values()
            made = made_in_all(known.rendering, self.worklist.rendering)
            return replace(known, rendering=made)
        if outcome.status == UNCHANGED:
            (known,) = self.ledger.covers_at([job.path]).values()
            return replace(known, etag=outcome.etag, last_modified=outcome.last_modified)
        return Cover(
            path=job.path,
            picture=job.picture,
            url=job.url,
            status=outcome.status,
            reason=outcome.reason,
            http_status=outcome.http_status,
            tries=outcome.tries,
            size_bytes=outcome.size_bytes,
            width_px=outcome.width_px,
            height_px=outcome.height_px,
            sha256=outcome.sha256,
            fetched_at=self.context.now().isoformat(timespec="seconds"),
            final_url=outcome.final_url,
            rendering=self.worklist.rendering,
            etag=outcome.etag or job.etag,
            last_modified=outcome.last_modified or job.last_modified,
            phash=outcome.phash,
        )

    def _say_and_place(self, bar: Bar) -> None:
        said, placed = self._unsaid, self._unplaced
        self._unsaid, self._unplaced = [], []
        if said:
            self.ledger.record_covers(said, self._looks)
            self._looks.clear()
        for job in placed:
            self.worklist.shelf.place(job, self._run)
        if self.done > self._shown:
            took_s = self.context.clock.steady() - self._began_s
            rate = f"{self.fetched_bytes / 1e6 / max(took_s, 0.001):.1f}"
            bar.advance(
                self.done - self._shown,
                **{"ok": f"{1 - self.failed / self.done:.0%}", "MB/s": rate},
            )
            self._shown = self.done

    def _count_refusal(self, host: str, status: int, dispatcher: Dispatcher) -> None:
        self._refusals[host] = self._refusals[host] + 1 if status in _REFUSALS else 0
        if self._refusals[host] == _REFUSALS_IN_A_ROW:
            dispatcher.rest(host)
            why = f"{host}: refused {_REFUSALS_IN_A_ROW} covers in a row. Run again later."
            self.notes.append(why)
