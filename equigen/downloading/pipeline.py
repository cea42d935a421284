"""One run's downloading: jobs handed out, what came of them noted, files put in their places."""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from queue import SimpleQueue

from equigen.dataset.context import Bar, Context
from equigen.downloading.circuit_breaker import RENEWALS, Circuits
from equigen.downloading.engines.processes import (
    MOST_THREADS_A_PROCESS,
    Local,
    News,
    ProcessStation,
    usable_cores,
)
from equigen.downloading.engines.protocol import Setup, setup_line
from equigen.downloading.jobs import ASK, Making
from equigen.downloading.plan import WAITING, Ending, Worklist
from equigen.downloading.rate_shares import share_out
from equigen.downloading.results import Noting
from equigen.downloading.scheduler import Dispatcher, Done
from equigen.downloading.url_refresh import Renewing, write_renewed
from equigen.http.limits import HostPolicy, Patience
from equigen.identity.pictures import host_of
from equigen.images.rendering import Demands
from equigen.interrupts import Interrupts, deferred_interrupts
from equigen.ledger.ledger import DOWNLOADING, Ledger
from equigen.logfile import log_under_way
from equigen.summary import Summary

_BEYOND = Ending("waiting: beyond --limit")
_TIME_IS_UP = Ending("waiting: the time is up", is_for_now=True)
# So many threads wait for new addresses at a time: sources have limits of their own.
_RENEWERS = HostPolicy(concurrency=8)
# With fewer covers than this, starting processes takes longer than fetching them.
_WORTH_PROCESSES = 200


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
    noting: Noting = field(init=False)
    _run: str = field(default_factory=lambda: str(os.getpid()))
    _renewing: Renewing = field(init=False)

    def __post_init__(self) -> None:
        self.noting = Noting(self.context, self.ledger, self.worklist, self._run)
        self._renewing = Renewing(self.context, self.noting.notes)

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
        with (
            self.worklist.shelf.swept_where_the_disk_refuses(),
            Dispatcher(
                self.worklist.queues,
                news,
                shares.each,
                make_local=lambda: self._local(
                    self._setup({**shares.first, RENEWALS: _RENEWERS}), news
                ),
                make_process=lambda: ProcessStation(line, shares.each, news),
                most=limit,
                served_here={RENEWALS},
                steady_s=self.context.clock.steady,
            ) as dispatcher,
            self.context.bar("download", 0, "cover") as bar,
            closing(self._renewing),
            deferred_interrupts() as interrupts,
        ):
            turns = _Turns(self.worklist, self.noting, self._renewing, dispatcher, bar)
            try:
                turns.fetch_all(processes, interrupts)
            finally:
                self._renewing.stop()
                turns.end()
                write_renewed(self.context, self.ledger)
        self._settle(dispatcher)
        self.ledger.remember(DOWNLOADING, "")

    def summary(self) -> Summary:
        """Account for every row."""
        return self.noting.summary()

    def _settle(self, dispatcher: Dispatcher) -> None:
        """Account for what wasn't done."""

        def left(url: str) -> Ending:
            rests = dispatcher.is_resting(host_of(url)) or dispatcher.most
            if self.context.time_is_up:
                return _TIME_IS_UP
            return WAITING if rests else _BEYOND

        for url in self.noting.moved:
            self.worklist.end(url, left(url))
        for job in dispatcher.waiting():
            if job.kind != ASK:
                self.worklist.end(job.url, left(job.url))
        self.worklist.settle_repeated(otherwise=left)
        for path in self.noting.changed:
            self.worklist.settle_changed(path)

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
        log = log_under_way()
        return Setup(
            policies,
            settings.user_agent,
            Patience(**settings.http.model_dump()),
            self._making(),
            threads=MOST_THREADS_A_PROCESS,
            talkative=logging.getLogger().isEnabledFor(logging.INFO),
            log_file=str(log.path) if log else "",
            command=log.command if log else "",
            secrets=self.context.config.credentials.secrets() if log else (),
        )

    def _local(self, setup: Setup, news: SimpleQueue[News]) -> Local:
        # Its decoders take a third of this process's memory, and processes have their own.
        from equigen.downloading.engines.threads import LocalStation  # noqa: PLC0415

        whole = {**host_policies(self.context), RENEWALS: _RENEWERS}
        return LocalStation(
            setup,
            news,
            whole=whole,
            counter=self.ledger,
            clock=self.context.clock,
            renew=self._renewing.address,
        )


@dataclass(slots=True)
class _Turns:
    """The course of one run: rows sorted, jobs handed out, what comes of them weighed and noted."""

    worklist: Worklist
    noting: Noting
    renewing: Renewing
    dispatcher: Dispatcher
    bar: Bar
    _circuits: Circuits = field(init=False)

    def __post_init__(self) -> None:
        self._circuits = Circuits(self.worklist, self.noting, self.renewing, self.dispatcher)
        self.dispatcher.on_rest = self._circuits.rests

    def fetch_all(self, processes: int, interrupts: Interrupts) -> None:
        """Fetch until all is done, until the time is up, or until somebody wants to stop."""
        expected = 0
        worth = 1 if self.worklist.context.settings.download.processes else _WORTH_PROCESSES
        for _ in self.worklist.scan():
            if interrupts.came:
                return
            if self.worklist.context.time_is_up:
                continue  # all rows are to be accounted for
            if not self.dispatcher.has_processes and self.dispatcher.count_shareable() >= worth:
                self.dispatcher.start_processes(processes)
            self._turn(wait=False)
            if self.worklist.jobs > expected:
                expected = self.worklist.jobs
                self.bar.expect(expected)
        self.worklist.settle_renamed()
        if not self.dispatcher.has_processes:
            self.dispatcher.go_alone()
        self._finish(interrupts)
        while self.noting.moved and not self._is_over(interrupts):
            self._sort_moved()
            self._finish(interrupts)

    def end(self) -> None:
        """Let what is under way end, and note it."""
        self._note(self.dispatcher.stop())
        self.noting.take(self._circuits.undecided(), self.bar)

    def _finish(self, interrupts: Interrupts) -> None:
        self.bar.expect(self.worklist.jobs)
        while self.dispatcher.is_busy and not self._is_over(interrupts):
            self._turn(wait=True)

    def _sort_moved(self) -> None:
        """Let rows have what they show whose album has another picture now."""
        places = self.worklist.places_of(self.noting.moved)
        self.noting.moved.clear()
        write_renewed(self.worklist.context, self.noting.ledger)
        self.worklist.sort_again(places)

    def _is_over(self, interrupts: Interrupts) -> bool:
        return bool(interrupts.came) or self.worklist.context.time_is_up

    def _turn(self, *, wait: bool) -> None:
        self._note(self.dispatcher.turn(wait=wait))

    def _note(self, done: Iterable[Done]) -> None:
        decided = (each for came in done for each in self._circuits.weigh(came))
        self.noting.take(decided, self.bar)
