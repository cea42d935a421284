"""Run a command: for the public API, which returns results and raises errors, and for the CLI.

The CLI shows results, turns errors into one line and an exit code, and writes the log file.
"""

import inspect
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError

from equigen.cli.console import TqdmBars, as_json, as_text, columns, in_one_line, say
from equigen.config.layers import expectation
from equigen.config.trust import refuse_strange
from equigen.dataset.context import Context
from equigen.dataset.history import RUNS, noted
from equigen.dataset.made_with import load_remembering
from equigen.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_PARTLY,
    ConfigError,
    EquigenError,
    MissingInputError,
    OutputClosedError,
    OutputError,
    UsageError,
)
from equigen.interrupts import STOPPED, deferred_interrupts, interrupted_by
from equigen.ledger.backup import back_up
from equigen.loaders.dataset import TrainingDataset
from equigen.logfile import LogFile, logging_to
from equigen.output import complain, put, tell
from equigen.plugins import Common, Plugin, find_commands, own_flags, setting_flags
from equigen.storage.atomic import refuse_file, refuse_link_out
from equigen.storage.lock import times_locked
from equigen.storage.os_errors import translating_stray_os_errors
from equigen.summary import Summary

StageRun = Callable[..., Summary]
AnyPath = str | os.PathLike[str]


class Result(dict[str, Any]):
    """A command's result: the fields that `--json` prints; `str` of it is the printed text."""

    def __init__(self, fields: Mapping[str, Any], text: str) -> None:
        super().__init__(fields)
        self._text = text

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


def open_dataset(path: AnyPath | None, config: AnyPath | None) -> TrainingDataset:
    """Open a dataset for reading; see `equigen.open`."""
    _require_utf8_names()
    settings = load_remembering(Path(config) if config else None, _folder_flag(path))
    refuse_strange(settings.at_risk)
    context = Context(settings, TqdmBars(shown=False), say=lambda _: None)
    refuse_file(context.directory)
    if not context.directory.is_dir():
        msg = (
            f"{context.directory}: no such folder; expected a dataset's. `equigen demo` makes one,"
            " and so does `equigen fetch`."
        )
        raise MissingInputError(msg)
    return TrainingDataset(context)


def _require_utf8_names() -> None:
    """Refuse to run where names of files aren't UTF-8; the command line starts itself anew."""
    if (encoding := sys.getfilesystemencoding()) != "utf-8":
        msg = (
            f"locale: names of files are {encoding} here; expected UTF-8, else covers aren't found"
            " again elsewhere. Start Python with `-X utf8`, or set PYTHONUTF8=1. Nothing was done."
        )
        raise ConfigError(msg)


def run_stage(
    name: str,
    directory: AnyPath | None,
    config: AnyPath | None,
    settings: Mapping[str, object],
    *,
    progress: bool | None,
) -> Result:
    """Run a command and return its result; see `equigen.run`."""
    _require_utf8_names()
    commands = find_commands()
    if name not in commands:
        msg = f"run: there is no command {name!r}; expected one of: {', '.join(commands)}."
        raise UsageError(msg)
    command = commands[name]
    module = command.load()
    flags, values = _sorted_out(name, module, settings)
    if directory is not None:
        if "directory" in own_flags(module):
            values["directory"] = Path(directory)
        else:
            flags.setdefault("dataset", {}).update(_folder_flag(directory)["dataset"])
    _require_all(name, module, values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm's own, where a notebook lacks its widgets
        from tqdm.auto import tqdm as bar  # noqa: PLC0415
    shown = TqdmBars.is_shown(bar) if progress is None else progress
    loaded = load_remembering(Path(config) if config else None, flags)
    context = Context(loaded, TqdmBars(shown=shown, bar=bar), say=say if shown else lambda _: None)
    execution = Execution(command, module)
    with translating_stray_os_errors():
        execution.run(context, values)
    text = "\n\n".join(map(as_text, execution.summaries))
    return Result(execution.as_json(execution.code), text)


def _folder_flag(path: AnyPath | None) -> dict[str, dict[str, object]]:
    return {"dataset": {"directory": Path(path).absolute()}} if path is not None else {}


def _sorted_out(
    name: str, module: ModuleType, given: Mapping[str, object]
) -> tuple[dict[str, dict[str, object]], dict[str, object]]:
    """Sort keyword arguments into settings, by table, and the command's own flags.

    Raises:
        UsageError: there is no such flag or setting, or a flag's value doesn't fit.

    """
    own = own_flags(module)
    paths = {path.partition(".")[2]: path for path in module.SETTINGS} | setting_flags(module)
    flags: dict[str, dict[str, object]] = {}
    values: dict[str, object] = {}
    for key, value in given.items():
        if key in own:
            values[key] = _fitting(name, key, value, own[key].annotation)
            continue
        table, _, part = paths.get(key, key.replace("__", ".", 1)).partition(".")
        if not part:
            known = ", ".join([*own, *paths])
            msg = (
                f"run({name!r}): there is no flag or setting {key!r}; expected one of: {known}; or"
                " any setting as table__key."
            )
            raise UsageError(msg)
        flags.setdefault(table, {})[part] = value
    return flags, values


def _require_all(name: str, module: ModuleType, values: Mapping[str, object]) -> None:
    for key, parameter in own_flags(module).items():
        if parameter.default is parameter.empty and key not in values:
            msg = f"run({name!r}): {key} is missing; expected {key}=... as well."
            raise UsageError(msg)


def _fitting(name: str, key: str, value: object, annotation: Any) -> object:  # noqa: ANN401
    """Return a flag's value in its own type: a path, a member of an enumeration, a number."""
    try:
        fitting: object = TypeAdapter[object](
            annotation, config=ConfigDict(coerce_numbers_to_str=True)
        ).validate_python(value)
    except ValidationError as err:
        expected = expectation(err.errors(include_url=False)[0])
        msg = f"run({name!r}): {key}={value!r}: expected {expected}. Give another value."
        raise UsageError(msg) from None
    for option in get_args(annotation)[1:]:
        least, most = getattr(option, "min", None), getattr(option, "max", None)
        if isinstance(fitting, int) and (
            (least is not None and fitting < least) or (most is not None and fitting > most)
        ):
            bounds = f"from {least}" if most is None else f"from {least} to {most}"
            msg = f"run({name!r}): {key}={value!r}: expected a number {bounds}."
            raise UsageError(msg)
    return fitting


@dataclass(slots=True)
class Execution:
    """One execution of a command: runs its stages, emits events, records the end for monitors.

    `summaries` has one summary a finished stage; `stage` is the name of the stage that failed.
    """

    command: Plugin
    module: ModuleType
    summaries: list[Summary] = field(default_factory=list)
    stage: str = ""

    @property
    def has_stages(self) -> bool:
        """Whether the command is made of stages, which its `run` is handed as `stage`."""
        return "stage" in inspect.signature(self.module.run).parameters

    @property
    def code(self) -> int:
        """The exit code of a command that ended without an error."""
        return EXIT_PARTLY if any(each.partly for each in self.summaries) else EXIT_DONE

    def as_json(self, exit_code: int, error: str = "") -> dict[str, object]:
        """Return the result as JSON values."""
        if self.has_stages:
            return as_json(self.summaries, exit_code=exit_code, error=error)
        if self.summaries:
            return self.summaries[0].as_json()
        return {"stage": self.command.name, "error": error, "exit_code": exit_code}

    def run(
        self,
        context: Context,
        values: Mapping[str, object],
        show: Callable[[Summary], None] = lambda _: None,
    ) -> None:
        """Run the command with its own flags, and show the summary of each stage as it ends.

        Raises:
            ConfigError: the folder's settings need its user's trust, and don't have it.

        """
        if getattr(self.module, "NEEDS_TRUST", True):
            refuse_strange(context.config.at_risk)
        before = times_locked(context.directory)
        with self._noted(context, values):
            for summary in self._outcome(context, values):
                self.summaries.append(summary)
                show(summary)
        if times_locked(context.directory) > before:
            note = back_up(context.ledger, command=self.command.name, now=context.now())
            if note:
                tell("ledger not copied", note)
                context.say(note)

    def _outcome(self, context: Context, values: Mapping[str, object]) -> Iterable[Summary]:
        if self.has_stages:
            commands = find_commands()
            stages: Iterable[Summary] = self.module.run(
                context, lambda name: self._told(name, commands[name].load().run), **values
            )
            return stages
        return [self._told(self.command.name, self.module.run)(context, **values)]

    def _noted(
        self, context: Context, values: Mapping[str, object]
    ) -> AbstractContextManager[None]:
        """Record how a run ends, but not that of a dry run, nor of a fetch of albums by id."""
        is_aside = any(map(values.get, ("dry_run", "album", "albums_file")))
        if self.command.name not in RUNS or is_aside:
            return nullcontext()
        return noted(context, self.command.name, self.summaries)

    def _told(self, name: str, run: StageRun) -> StageRun:
        """Return the stage's function, wrapped to emit events at its start and end."""

        def told(*args: Any, **flags: Any) -> Summary:  # noqa: ANN401  (a stage's own)
            tell("stage started", f"{name} started", stage=name)
            try:
                # Before it is recorded, so that record and message agree.
                with translating_stray_os_errors():
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


def carry_out(
    command: Plugin,
    module: ModuleType,
    common: Common,
    flags: Mapping[str, Mapping[str, object]],
    values: Mapping[str, object],
) -> int:
    """Run a command, print its result, and return the exit code.

    `flags` has the settings given as flags, by table; `values` has the command's own flags.
    """
    try:
        if common.log_file:
            folder = common.config.parent if common.config else Path()
            refuse_link_out(common.log_file, "--log-file", [folder])
        with logging_to(common.log_file, command.name) as log:
            return _CommandLine(Execution(command, module), common, log).run(flags, values)
    except EquigenError as err:  # from the log file: nothing was begun
        complain(f"equigen {command.name}: {err}")
        return err.exit_code


@dataclass(frozen=True, slots=True)
class _End:
    code: int = EXIT_DONE
    error: str = ""


def _end_of(err: BaseException) -> _End:
    if isinstance(err, OutputClosedError):  # the reader has gone, which is no error
        return _End(err.exit_code)
    if interrupted_by(err):
        return _End(EXIT_INTERRUPTED, STOPPED)
    if isinstance(err, EquigenError):
        return _End(err.exit_code, str(err))
    return _End(EXIT_FAILED, f"{type(err).__name__}: {err}")


@dataclass(slots=True)
class _CommandLine:
    """A command on the command line: prints results, turns errors into one line and a code."""

    execution: Execution
    common: Common
    log: LogFile | None

    @property
    def name(self) -> str:
        return self.execution.command.name

    def run(self, flags: Mapping[str, Mapping[str, object]], values: Mapping[str, object]) -> int:
        """Run the command, print its result or error, and return the exit code."""
        began_s = monotonic()
        tell("run started", f"{self.name} started")
        try:
            with translating_stray_os_errors():
                self._work(flags, values)
            end = _End(self.execution.code)
        except BaseException as err:  # a panic of Rust's, which a signal became, is no Exception
            end = _end_of(err)
            if not (isinstance(err, EquigenError) or interrupted_by(err)):
                self._log_end(end, began_s)
                raise
        self._log_end(end, began_s)
        try:
            self._show_end(end)
        except OutputError as err:
            end = end if end.error else _end_of(err)
        if end.error:
            complain(f"equigen {self.name}: {end.error}")
        return end.code

    def _work(
        self, flags: Mapping[str, Mapping[str, object]], values: Mapping[str, object]
    ) -> None:
        quiet = self.common.quiet
        if self.common.verbose:
            logging.basicConfig(
                level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr
            )
        with deferred_interrupts():  # pydantic would turn an interrupt into a validation error
            config = load_remembering(self.common.config, flags)
        if self.log:
            self.log.hide(config.credentials.secrets())
        talk = (lambda _: None) if quiet else say
        context = Context(config, TqdmBars(shown=not quiet), say=talk)

        def show(summary: Summary) -> None:
            if not (quiet or self.common.json):
                gap = "\n" if len(self.execution.summaries) > 1 else ""
                put(gap + as_text(summary, width=columns()))

        self.execution.run(context, values, show)

    def _log_end(self, end: _End, began_s: float) -> None:
        if not self.log:
            return
        if end.error:
            self.log.tell_error(end.error, exit_code=end.code, stage=self.execution.stage)
        line = f"{self.name}: ended with {end.code}"
        if self.execution.summaries:
            line = self._line(end)
        took_s = round(monotonic() - began_s, 1)
        tell("run ended", line, exit_code=end.code, took_s=took_s, error=end.error)

    def _line(self, end: _End) -> str:
        how = "stopped" if end.code == EXIT_INTERRUPTED else "failed"
        broken = f"{self.execution.stage} {how}".strip() if end.error else ""
        return in_one_line(self.name, self.execution.summaries, broken=broken)

    def _show_end(self, end: _End) -> None:
        """Print the result of the whole command: as JSON, or as one line with --quiet."""
        if self.common.json:
            put(json.dumps(self.execution.as_json(end.code, end.error), indent=2))
        elif self.common.quiet and self.execution.summaries:
            put(self._line(end))
