"""Run one download: schedule jobs, record their results, place the files."""

import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from equigen.dataset.context import Bar, Context
from equigen.downloading.circuit_breaker import RENEWALS, CircuitBreaker
from equigen.downloading.engines.processes import ProcessExecutor, share_out, usable_cores
from equigen.downloading.jobs import ASK, ExecutorSettings, Inbox, JobResult
from equigen.downloading.plan import Worklist
from equigen.downloading.results import ResultRecorder
from equigen.downloading.scheduler import Scheduler
from equigen.downloading.url_refresh import UrlRefresher, write_renewed
from equigen.errors import StorageError
from equigen.http.limits import HostPolicy, Patience
from equigen.identity.pictures import host_of
from equigen.images.rendering import Demands
from equigen.interrupts import Interrupts, deferred_interrupts
from equigen.ledger.ledger import DOWNLOADING, Ledger
from equigen.logfile import log_under_way

if TYPE_CHECKING:
    from equigen.downloading.engines.threads import ThreadExecutor

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
    recorder: ResultRecorder = field(init=False)
    _run: str = field(default_factory=lambda: str(os.getpid()))
    _refresher: UrlRefresher = field(init=False)
    _scheduler: Scheduler = field(init=False)
    _breaker: CircuitBreaker = field(init=False)
    _bar: Bar = field(init=False)
    _interrupts: Interrupts = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = ResultRecorder(self.context, self.ledger, self.worklist, self._run)
        self._refresher = UrlRefresher(self.context, self.recorder.notes)

    def carry_out(self, limit: int) -> None:
        """Download all covers that can be had now; at most `limit` unless that is -1."""
        store = self.worklist.store
        given = self.context.settings.download.processes
        processes = given or usable_cores() - (usable_cores() == 1)
        if self.ledger.value(DOWNLOADING):
            store.sweep()
        self.ledger.remember(DOWNLOADING, self._run)
        try:
            with (
                self._new_scheduler(limit, processes) as self._scheduler,
                self.context.bar("download", 0, "cover") as self._bar,
                closing(self._refresher),
                deferred_interrupts() as self._interrupts,
            ):
                self._breaker = CircuitBreaker(self.recorder, self._refresher, self._scheduler)
                try:
                    self._fetch_all(processes, worth=1 if given else _WORTH_PROCESSES)
                finally:
                    self._refresher.stop()
                    self._record(self._scheduler.stop())
                    self.recorder.take(self._breaker.undecided(), self._bar)
                    write_renewed(self.context, self.ledger)
        except StorageError:
            with suppress(OSError, StorageError):
                store.sweep()  # what lies beside its target would take room
            raise
        self._settle()
        self.ledger.remember(DOWNLOADING, "")

    def _new_scheduler(self, limit: int, processes: int) -> Scheduler:
        whole = host_policies(self.context)
        here, each = share_out(whole, processes)
        for policies in (whole, here):
            policies[RENEWALS] = _RENEWALS_AT_A_TIME
        inbox: Inbox = SimpleQueue()
        settings = self._executor_settings(each)

        def make_local() -> "ThreadExecutor":
            # Its decoders take a third of this process's memory, and processes have their own.
            from equigen.downloading.engines.threads import ThreadExecutor  # noqa: PLC0415

            return ThreadExecutor(
                replace(settings, policies=here),
                inbox,
                whole=whole,
                counter=self.ledger,
                clock=self.context.clock,
                renew=self._refresher.new_url,
            )

        return Scheduler(
            self.worklist.queues,
            inbox,
            each,
            make_local=make_local,
            make_process=lambda: ProcessExecutor(settings, inbox),
            clock=self.context.clock,
            most=limit,
            served_here={RENEWALS},
        )

    def _executor_settings(self, policies: Mapping[str, HostPolicy]) -> ExecutorSettings:
        settings, log = self.context.settings, log_under_way()
        covers = settings.download
        return ExecutorSettings(
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
            self.worklist.store.refused_bytes,
            is_verbose=logging.getLogger().isEnabledFor(logging.INFO),
            log_file=str(log.path) if log else "",
            command=log.command if log else "",
            secrets=self.context.config.credentials.secrets() if log else (),
        )

    def _fetch_all(self, processes: int, *, worth: int) -> None:
        """Sort all rows and run jobs meanwhile, until all are done, or it `_is_over`.

        Processes are started for as many jobs as are `worth` it.
        """
        worklist, scheduler = self.worklist, self._scheduler
        expected = 0
        for _ in worklist.scan():
            if self._interrupts.came:
                return
            if self.context.time_is_up:
                continue  # the remaining rows must still be counted
            scheduler.start_processes(processes, worth=worth)
            self._record(scheduler.turn(wait=False))
            if worklist.jobs > expected:
                expected = worklist.jobs
                self._bar.expect(expected)
        worklist.settle_renamed()
        scheduler.go_alone()
        self._finish()
        while self.recorder.moved and not self._is_over():
            worklist.sort_again(self.recorder.moved)
            self._finish()

    def _finish(self) -> None:
        self._bar.expect(self.worklist.jobs)
        while self._scheduler.is_busy and not self._is_over():
            self._record(self._scheduler.turn(wait=True))

    def _is_over(self) -> bool:
        return bool(self._interrupts.came) or self.context.time_is_up

    def _record(self, results: Iterable[JobResult]) -> None:
        decided = (each for result in results for each in self._breaker.decide(result))
        self.recorder.take(decided, self._bar)

    def _settle(self) -> None:
        """Account for the rows that are left."""

        def leave(url: str) -> None:
            if self.context.time_is_up:
                self.worklist.end(url, "waiting: the time is up", is_for_now=True)
            elif self._scheduler.is_resting(host_of(url)) or self._scheduler.most:
                self.worklist.end(url, "waiting: the host rests", is_for_now=True)
            else:
                self.worklist.end(url, "waiting: beyond --limit")

        for url in self.recorder.moved:
            leave(url)
        for job in self._scheduler.waiting():
            if job.kind != ASK:
                leave(job.url)
        self.worklist.settle_repeated(otherwise=leave)
