"""One command, carried out: results told, errors made one line and an exit code, the end noted."""

import inspect
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, Any

from equigen.cli.discovery import find_commands
from equigen.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    EquigenError,
    OutputClosedError,
    OutputError,
)
from equigen.events import tell
from equigen.logfile import LogFile, logging_to
from equigen.output import complain, put
from equigen.plugins import Plugin
from equigen.storage.os_errors import translating_stray_os_errors

if TYPE_CHECKING:
    from equigen.dataset.context import Context
    from equigen.summary import Summary

STOPPED = "stopped. What was done is kept; run it again to go on."

StageRun = Callable[..., "Summary"]


@dataclass(frozen=True, slots=True)
class Common:
    """The flags that every command has; they may also stand before its name."""

    config: Path | None = None
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    log_file: Path | None = None


def carry_out(
    member: Plugin,
    module: ModuleType,
    common: Common,
    flags: Mapping[str, Mapping[str, object]],
    values: Mapping[str, object],
) -> int:
    """Run a stage or recipe, tell what it returns, and return the exit code.

    `flags` are those that are settings, by table; `values` are its own.
    """
    try:
        with logging_to(common.log_file, member.name) as log:
            return _Command(member, module, common, log).run(flags, values)
    except EquigenError as err:  # of the log file: nothing was begun
        complain(f"equigen {member.name}: {err}")
        return err.exit_code


@dataclass(frozen=True, slots=True)
class _End:
    code: int = EXIT_DONE
    error: str = ""


def _end_of(err: BaseException) -> _End:
    if isinstance(err, OutputClosedError):  # there is nobody to tell, and nothing wrong
        return _End(err.exit_code)
    if isinstance(err, EquigenError):
        return _End(err.exit_code, str(err))
    if isinstance(err, KeyboardInterrupt):
        return _End(EXIT_INTERRUPTED, STOPPED)
    return _End(EXIT_FAILED, f"{type(err).__name__}: {err}")


@dataclass(slots=True)
class _Command:
    member: Plugin
    module: ModuleType
    common: Common
    log: LogFile | None
    summaries: "list[Summary]" = field(default_factory=list)
    stage: str = ""

    @property
    def is_recipe(self) -> bool:
        """Whether it is made of stages, which it is handed beyond the context."""
        return "stage" in inspect.signature(self.module.run).parameters

    def run(self, flags: Mapping[str, Mapping[str, object]], values: Mapping[str, object]) -> int:
        """Run; tell of the start, of what came, and of what went wrong."""
        began_s = monotonic()
        tell("run started", f"{self.member.name} started")
        try:
            with translating_stray_os_errors():
                self._work(flags, values)
            partly = any(summary.partly for summary in self.summaries)
            end = _End(EXIT_PARTLY if partly else EXIT_DONE)
        except (EquigenError, KeyboardInterrupt) as err:
            end = _end_of(err)
        except Exception as err:
            self._log_end(_end_of(err), began_s)
            raise
        self._log_end(end, began_s)
        try:
            self._show_end(end)
        except OutputError as err:
            end = end if end.error else _end_of(err)
        if end.error:
            complain(f"equigen {self.member.name}: {end.error}")
        return end.code

    def _work(
        self, flags: Mapping[str, Mapping[str, object]], values: Mapping[str, object]
    ) -> None:
        # Here, since the list of commands needs neither them nor what they are made of.
        from equigen.cli.console import BarMaker, as_text, columns, say  # noqa: PLC0415
        from equigen.config.layers import load  # noqa: PLC0415
        from equigen.dataset.context import Context  # noqa: PLC0415
        from equigen.interrupts import deferred_interrupts  # noqa: PLC0415

        quiet = self.common.quiet
        if self.common.verbose:
            logging.basicConfig(
                level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr
            )
        with deferred_interrupts():  # what checks settings makes an error of its own of one
            config = load(self.common.config, flags=flags)
        if self.log:
            self.log.hide(config.credentials.secrets())
        talk = (lambda _: None) if quiet else say
        context = Context(config, BarMaker(shown=not quiet), say=talk)
        with self._noted(context, values):
            for summary in self._outcome(context, values):
                self.summaries.append(summary)
                if not (quiet or self.common.json):
                    gap = "\n" if len(self.summaries) > 1 else ""
                    put(gap + as_text(summary, width=columns()))

    def _outcome(self, context: "Context", values: Mapping[str, object]) -> "Sequence[Summary]":
        if self.is_recipe:
            runs = {member.name: member for member in find_commands()}
            stages: Sequence[Summary] = self.module.run(
                context, lambda name: self._told(name, runs[name].load().run), **values
            )
            return stages
        return [self._told(self.member.name, self.module.run)(context, **values)]

    def _noted(
        self, context: "Context", values: Mapping[str, object]
    ) -> AbstractContextManager[None]:
        """Note how runs end; one that only says what it would do is none."""
        from equigen.dataset.history import RUNS, noted  # noqa: PLC0415

        if self.member.name not in RUNS or values.get("dry_run"):
            return nullcontext()
        return noted(context, self.member.name, self.summaries)

    def _told(self, name: str, run: StageRun) -> StageRun:
        """Return a stage that tells when it starts and ends."""

        def told(*args: Any, **flags: Any) -> "Summary":  # noqa: ANN401  (a stage's own)
            tell("stage started", f"{name} started", stage=name)
            try:
                with translating_stray_os_errors():  # here, so that it is noted as what is told
                    summary = run(*args, **flags)
            except BaseException:
                self.stage = name
                raise
            tell(
                "stage ended",
                summary.line(),
                stage=name,
                unit=summary.unit,
                rows_in=summary.rows_in,
                rows_out=summary.rows_out,
                dropped={reason: count for reason, count in summary.dropped.items() if count},
                left=summary.left,
            )
            return summary

        return told

    def _log_end(self, end: _End, began_s: float) -> None:
        from equigen.cli.console import in_one_line  # noqa: PLC0415

        if not self.log:
            return
        if end.error:
            self.log.tell_error(end.error, exit_code=end.code, stage=self.stage)
        line = f"{self.member.name}: ended with {end.code}"
        if self.summaries:
            line = in_one_line(self.member.name, self.summaries, broken=self._broken(end))
        took_s = round(monotonic() - began_s, 1)
        tell("run ended", line, exit_code=end.code, took_s=took_s, error=end.error)

    def _broken(self, end: _End) -> str:
        if not end.error:
            return ""
        how = "stopped" if end.code == EXIT_INTERRUPTED else "failed"
        return f"{self.stage} {how}".strip()

    def _show_end(self, end: _End) -> None:
        """Print what is printed once all is over."""
        from equigen.cli.console import as_json, in_one_line  # noqa: PLC0415

        if self.common.json and self.is_recipe:
            whole = as_json(self.summaries, exit_code=end.code, error=end.error)
            put(json.dumps(whole, indent=2))
        elif self.common.json and self.summaries:
            put(json.dumps(self.summaries[0].as_json(), indent=2))
        elif self.common.quiet and self.summaries:
            put(in_one_line(self.member.name, self.summaries, broken=self._broken(end)))
