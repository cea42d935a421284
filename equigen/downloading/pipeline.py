"""Run one download: schedule jobs, record their results, place the files."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from equigen.dataset.context import Bar, Context
from equigen.downloading.circuit_breaker import CircuitBreaker
from equigen.downloading.engines.processes import ProcessExecutor, share_out, usable_cores
from equigen.downloading.jobs import ASK, RENEWALS, ExecutorSettings, Inbox, JobResult
from equigen.downloading.plan import BEYOND_LIMIT, Worklist
from equigen.downloading.results import ResultRecorder
from equigen.downloading.scheduler import Scheduler
from equigen.downloading.url_refresh import UrlRefresher, write_renewed
from equigen.errors import StorageError
from equigen.http.limits import HostPolicy, Patience
from equigen.identity.pictures import host_of
from equigen.images.rendering import Demands
from equigen.interrupts import deferred_interrupts
from equigen.ledger.ledger import DOWNLOADING
from equigen.logfile import join_log, log_under_way

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

    worklist: Worklist
    recorder: ResultRecorder = field(init=False)
    _context: Context = field(init=False)
    _refresher: UrlRefresher = field(init=False)
    _scheduler: Scheduler = field(init=False)
    _breaker: CircuitBreaker = field(init=False)
    _bar: Bar = field(init=False)
    _interrupts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._context = self.worklist.context
        self.recorder = ResultRecorder(self.worklist)
        self._refresher = UrlRefresher(self._context, self.recorder.notes)

    def carry_out(self, limit: int) -> None:
        """Download all covers that can be had now; at most `limit` unless that is -1."""
        worklist, store, ledger = self.worklist, self.worklist.store, self.worklist.ledger
        given = self._context.settings.download.processes
        processes = given or usable_cores() - (usable_cores() == 1)
        if ledger.value(DOWNLOADING):
            store.sweep()
        ledger.remember(DOWNLOADING, store.run)
        try:
            with (
                self._new_scheduler(limit, processes) as self._scheduler,
                self._context.bar("download", 0, "cover") as self._bar,
                closing(self._refresher),
                deferred_interrupts() as self._interrupts,
            ):
                self._breaker = CircuitBreaker(
                    worklist, self.recorder, self._refresher, self._scheduler
                )
                try:
                    self._fetch_all(processes, worth=1 if given else _WORTH_PROCESSES)
                finally:
                    self._refresher.stop()
                    self._record(self._scheduler.stop())
                    self.recorder.take(self._breaker.undecided(), self._bar)
                    write_renewed(self._context, ledger)
        except StorageError:
            with suppress(OSError, StorageError):
                store.sweep()  # what lies beside its target would take room
            raise
        self._settle()
        ledger.remember(DOWNLOADING, "")

    def _new_scheduler(self, limit: int, processes: int) -> Scheduler:
        whole = host_policies(self._context)
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
                counter=self.worklist.ledger,
                clock=self._context.clock,
                renew=self._refresher.new_url,
            )

        return Scheduler(
            self.worklist.queues,
            inbox,
            each,
            make_local=make_local,
            make_process=lambda: ProcessExecutor(settings, inbox),
            clock=self._context.clock,
            most=limit,
            served_here={RENEWALS},
        )

    def _executor_settings(self, policies: Mapping[str, HostPolicy]) -> ExecutorSettings:
        settings, log = self._context.settings, log_under_way()
        covers, secrets = settings.download, self._context.config.credentials.secrets
        return ExecutorSettings(
            policies,
            settings.user_agent,
            Patience(**settings.http.model_dump()),
            Demands(
                covers.min_size_px, covers.max_pixels, covers.check, frozenset(covers.placeholders)
            ),
            covers.renderings(),
            self._context.image_folders,
            covers.max_bytes,
            self.worklist.store.run,
            self.worklist.store.refused_bytes,
            is_verbose=logging.getLogger().isEnabledFor(logging.INFO),
            join_log=partial(join_log, str(log.path), log.command, secrets()) if log else None,
        )

    def _fetch_all(self, processes: int, *, worth: int) -> None:
        """Sort all rows and run jobs meanwhile, in processes for as many as are `worth` them."""
        worklist, scheduler = self.worklist, self._scheduler
        expected = 0
        for _ in worklist.scan():
            if self._interrupts:
                return
            if self._context.time_is_up:
                continue  # the remaining rows must still be counted
            scheduler.start_processes(processes, worth=worth)
            self._record(scheduler.turn(wait=False))
            if worklist.jobs > expected:
                expected = worklist.jobs
                self._bar.expect(expected)
        for _ in worklist.settle_renamed():
            if self._interrupts:
                return
        scheduler.go_alone()
        self._finish()
        while self.recorder.moved and not self._is_over():
            worklist.sort_again(self.recorder.moved)
            self._finish()
        while not self._is_over() and worklist.sort_elsewhere():
            self._finish()

    def _finish(self) -> None:
        self._bar.expect(self.worklist.jobs)
        while self._scheduler.is_busy and not self._is_over():
            self._record(self._scheduler.turn(wait=True))

    def _is_over(self) -> bool:
        return bool(self._interrupts) or self._context.time_is_up

    def _record(self, results: Iterable[JobResult]) -> None:
        decided = (each for result in results for each in self._breaker.decide(result))
        self.recorder.take(decided, self._bar)

    def _settle(self) -> None:
        """Account for the rows that are left."""

        def leave(url: str) -> None:
            if self._context.time_is_up:
                self.worklist.end(url, "waiting: the time is up", is_for_now=True)
            elif self._scheduler.is_resting(host_of(url)) or self._scheduler.most:
                self.worklist.end(url, "waiting: the host rests", is_for_now=True)
            else:
                self.worklist.end(url, BEYOND_LIMIT)

        for url in self.recorder.moved:
            leave(url)
        for job in self._scheduler.waiting():
            if job.kind != ASK:
                leave(job.url)
        self.worklist.settle_repeated(otherwise=leave)
