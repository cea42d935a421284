"""Run one download: schedule jobs, record their results, place the files."""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from equigen.dataset.context import Bar, Context
from equigen.downloading.circuit_breaker import RENEWALS, CircuitBreaker
from equigen.downloading.engines.processes import ProcessExecutor, share_out, usable_cores
from equigen.downloading.jobs import ASK, FetchSettings, Inbox, Result
from equigen.downloading.plan import WAITING, Ending, Worklist
from equigen.downloading.results import Noting
from equigen.downloading.scheduler import Scheduler
from equigen.downloading.url_refresh import UrlRefresher, write_renewed
from equigen.http.limits import HostPolicy, Patience
from equigen.identity.pictures import host_of
from equigen.images.rendering import Demands
from equigen.interrupts import Interrupts, deferred_interrupts
from equigen.ledger.ledger import DOWNLOADING, Ledger
from equigen.logfile import log_under_way

if TYPE_CHECKING:
    from equigen.downloading.engines.threads import ThreadExecutor

_BEYOND = Ending("waiting: beyond --limit")
_TIME_IS_UP = Ending("waiting: the time is up", is_for_now=True)
# Requests for new URLs at a time; the sources' own limits apply as well.
_RENEWALS_AT_A_TIME = HostPolicy(concurrency=8)
# With fewer covers than this, starting processes takes longer than fetching them.
_WORTH_PROCESSES = 200


def host_policies(context: Context) -> dict[str, HostPolicy]:
    """Return the limits of picture hosts, by host pattern."""
    return {
        host: HostPolicy(given.per_minute, given.per_day, given.concurrency)
        for host, given in context.settings.download.hosts.items()
    }


@dataclass(slots=True)
class Download:
    """One run of downloads; the ledger has each result before its file is placed."""

    context: Context
    ledger: Ledger
    worklist: Worklist
    noting: Noting = field(init=False)
    _run: str = field(default_factory=lambda: str(os.getpid()))
    _refresher: UrlRefresher = field(init=False)

    def __post_init__(self) -> None:
        self.noting = Noting(self.context, self.ledger, self.worklist, self._run)
        self._refresher = UrlRefresher(self.context, self.noting.notes)

    def carry_out(self, limit: int) -> None:
        """Download all covers that can be had now; at most `limit` unless that is -1."""
        settings = self.context.settings
        processes = settings.download.processes or usable_cores() - (usable_cores() == 1)
        whole = {**host_policies(self.context), RENEWALS: _RENEWALS_AT_A_TIME}
        here, each = share_out(host_policies(self.context), processes)
        inbox: Inbox = SimpleQueue()
        given = self._fetch_settings(each)
        if self.ledger.value(DOWNLOADING):
            self.worklist.store.sweep()
        self.ledger.remember(DOWNLOADING, self._run)

        def make_local() -> "ThreadExecutor":
            # Its decoders take a third of this process's memory, and processes have their own.
            from equigen.downloading.engines.threads import ThreadExecutor  # noqa: PLC0415

            return ThreadExecutor(
                replace(given, policies={**here, RENEWALS: _RENEWALS_AT_A_TIME}),
                inbox,
                whole=whole,
                counter=self.ledger,
                clock=self.context.clock,
                renew=self._refresher.new_url,
            )

        with (
            self.worklist.store.swept_where_the_disk_refuses(),
            Scheduler(
                self.worklist.queues,
                inbox,
                each,
                make_local=make_local,
                make_process=lambda: ProcessExecutor(given, inbox),
                most=limit,
                served_here={RENEWALS},
                steady_s=self.context.clock.steady,
            ) as scheduler,
            self.context.bar("download", 0, "cover") as bar,
            closing(self._refresher),
            deferred_interrupts() as interrupts,
        ):
            breaker = CircuitBreaker(self.worklist, self.noting, self._refresher, scheduler)
            scheduler.on_rest = breaker.on_rest
            loop = _Loop(self.worklist, self.noting, breaker, scheduler, bar)
            try:
                loop.fetch_all(processes, interrupts)
            finally:
                self._refresher.stop()
                loop.end()
                write_renewed(self.context, self.ledger)
        self._settle(scheduler)
        self.ledger.remember(DOWNLOADING, "")

    def _settle(self, scheduler: Scheduler) -> None:
        """Account for the rows that are left."""

        def left(url: str) -> Ending:
            rests = scheduler.is_resting(host_of(url)) or scheduler.most
            if self.context.time_is_up:
                return _TIME_IS_UP
            return WAITING if rests else _BEYOND

        for url in self.noting.moved:
            self.worklist.end(url, left(url))
        for job in scheduler.waiting():
            if job.kind != ASK:
                self.worklist.end(job.url, left(job.url))
        self.worklist.settle_repeated(otherwise=left)
        for changed, others in self.noting.changed:
            self.worklist.settle_changed(changed, others)

    def _fetch_settings(self, policies: Mapping[str, HostPolicy]) -> FetchSettings:
        settings, log = self.context.settings, log_under_way()
        covers = settings.download
        return FetchSettings(
            policies,
            settings.user_agent,
            Patience(**settings.http.model_dump()),
            Demands(
                covers.min_size_px, covers.max_pixels, covers.check, frozenset(covers.placeholders)
            ),
            covers.renderings(),
            self.context.image_folders,
            covers.max_bytes,
            self._run,
            is_verbose=logging.getLogger().isEnabledFor(logging.INFO),
            log_file=str(log.path) if log else "",
            command=log.command if log else "",
            secrets=self.context.config.credentials.secrets() if log else (),
        )


@dataclass(slots=True)
class _Loop:
    """Main loop of a run: sort rows, hand out jobs, pass results to the breaker and the ledger."""

    worklist: Worklist
    noting: Noting
    breaker: CircuitBreaker
    scheduler: Scheduler
    bar: Bar

    def fetch_all(self, processes: int, interrupts: Interrupts) -> None:
        """Run until all jobs are done, the time is up, or an interrupt came."""
        expected = 0
        worth = 1 if self.worklist.context.settings.download.processes else _WORTH_PROCESSES
        for _ in self.worklist.scan():
            if interrupts.came:
                return
            if self.worklist.context.time_is_up:
                continue  # the remaining rows must still be counted
            if not self.scheduler.has_processes and self.scheduler.count_shareable() >= worth:
                self.scheduler.start_processes(processes)
            self._record(self.scheduler.turn(wait=False))
            if self.worklist.jobs > expected:
                expected = self.worklist.jobs
                self.bar.expect(expected)
        self.worklist.settle_renamed()
        if not self.scheduler.has_processes:
            self.scheduler.go_alone()
        self._finish(interrupts)
        while self.noting.moved and not self._is_over(interrupts):
            self._sort_moved()
            self._finish(interrupts)

    def end(self) -> None:
        """Stop, and record what is still under way."""
        self._record(self.scheduler.stop())
        self.noting.take(self.breaker.undecided(), self.bar)

    def _finish(self, interrupts: Interrupts) -> None:
        self.bar.expect(self.worklist.jobs)
        while self.scheduler.is_busy and not self._is_over(interrupts):
            self._record(self.scheduler.turn(wait=True))

    def _sort_moved(self) -> None:
        """Sort the rows again whose albums have another picture now."""
        places = self.worklist.places_of(self.noting.moved)
        self.noting.moved.clear()
        write_renewed(self.worklist.context, self.noting.ledger)
        self.worklist.sort_again(places)

    def _is_over(self, interrupts: Interrupts) -> bool:
        return bool(interrupts.came) or self.worklist.context.time_is_up

    def _record(self, results: Iterable[Result]) -> None:
        decided = (each for result in results for each in self.breaker.decide(result))
        self.noting.take(decided, self.bar)
