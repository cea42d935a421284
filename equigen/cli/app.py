"""Build the command line: one Typer command a module of `commands/`.

The keyword parameters of a command's `run` become flags, and so do the settings that the module
names in `SETTINGS`. Each command's module is imported when the command is used, so that `--help`
stays fast; `_LazyCommand` stands for it until then.
"""

import ctypes
import gc
import inspect
import itertools
import os
import re
import signal
import sys
import types
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, get_origin

import typer
from typer.core import TyperCommand
from typer.main import get_command

from equigen.errors import (
    EXIT_INTERRUPTED,
    EquigenError,
    OutputClosedError,
    UsageError,
    without_controls,
)
from equigen.interrupts import STOPPED, end_at_signals, interrupted_by
from equigen.output import complain, take_over_stdout
from equigen.plugins import (
    SINGULAR,
    Common,
    Plugin,
    find_commands,
    flag_name,
    own_flags,
    setting_flags,
)
from equigen.version import __version__

# Of addresses (`ulimit -v`): what a download takes with one thread a library, and what suffices for
# as many as there are cores.
_LEAST_BYTES, _ROOMY_BYTES = 700_000 << 10, 8 << 30
# Rows and albums, of which there are millions, are in no reference cycles.
_GC_THRESHOLDS = (50_000, 200, 100)
_M_ARENA_MAX = -8  # malloc.h
_EPILOG = "Settings come from flags, the environment, .env and config.toml, in this order."

_ConfigFlag = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Settings file. [default: config.toml]", show_default=False),
]
_QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="One line at the end, no bars.")]
_VerboseFlag = Annotated[bool, typer.Option("--verbose", "-v", help="Tell of each request.")]
_JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_LogFlag = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="PATH", help="Append what happens, a JSON object a line."),
]


_COMMON_FLAGS = {
    "config": _ConfigFlag, "quiet": _QuietFlag, "verbose": _VerboseFlag, "json": _JsonFlag,
    "log_file": _LogFlag,
}  # fmt: skip


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _run_program()
    except BaseException as err:
        if isinstance(err, SystemExit) or not interrupted_by(err):
            raise
        # Before or after a command, which says by itself that it was stopped.
        complain(f"equigen: {STOPPED}")
        sys.exit(EXIT_INTERRUPTED)


def _run_program() -> None:
    end_at_signals()
    take_over_stdout()
    try:
        _fit_into_memory()
        try:
            program = get_command(_root)
            for command in find_commands().values():
                program.add_command(_LazyCommand(command))  # type: ignore[attr-defined]
            program.main(prog_name="equigen")
        finally:
            sys.stdout.flush()
    except EquigenError as err:  # from --help or plug-ins; commands print their own errors
        if not isinstance(err, OutputClosedError):
            complain(f"equigen: {err}")
        sys.exit(err.exit_code)
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED and not _stopped:
            # Typer ends silently where the signal came before a command ran.
            raise KeyboardInterrupt from None
        raise
    finally:  # the result is printed: a signal that comes now changes nothing
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        # `python -m` ends with SIGINT instead of 130 where an interrupt came in generated code,
        # such as a dataclass's, though it was caught.
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _fit_into_memory() -> None:
    """Let libraries start no threads of their own where `ulimit -v` leaves them little room.

    Raises:
        UsageError: it leaves less than a command takes; libraries would end the process themselves.

    """
    if sys.platform == "win32":
        return
    from resource import RLIMIT_AS, getrlimit  # noqa: PLC0415  (Windows has none)

    most_bytes, _ = getrlimit(RLIMIT_AS)
    if 0 <= most_bytes < _ROOMY_BYTES:
        for name in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        # Each of its threads reserves addresses; those of polars' allocator try for ever.
        os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:false,narenas:1")
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
    if 0 <= most_bytes < _LEAST_BYTES:
        msg = (
            f"the address space is limited to {most_bytes >> 10:,} kB, expected"
            f" {_LEAST_BYTES >> 10:,} kB or more. Raise the limit: `ulimit -v unlimited`."
        )
        raise UsageError(msg)


# Commands that were interrupted and printed so.
_stopped: list[str] = []


_root = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        print(f"equigen {__version__}")
        raise typer.Exit


@_root.callback(epilog=_EPILOG)
def _equigen(
    ctx: typer.Context,
    *,
    config: _ConfigFlag = None,
    quiet: _QuietFlag = False,
    verbose: _VerboseFlag = False,
    log_file: _LogFlag = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Build genre-balanced album-cover datasets for machine learning.

    Try `equigen demo` first: it needs no account and no network. With an account: `equigen init`,
    then `equigen run`, or the stages one after another. Without one: `equigen dumps get masters
    release-groups`, then `equigen run --source discogs-dump`.
    """
    del version
    ctx.obj = Common(config, quiet, verbose, log_file=log_file)


class _LazyCommand(TyperCommand):
    """A placeholder in the list of commands that imports its module when it is used."""

    def __init__(self, command: Plugin) -> None:
        super().__init__(command.name, help=without_controls(command.summary))
        self._member = command

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (typer's signature)
        """Parse the arguments by the real command."""
        try:
            return _command(self._member).make_context(*args, **kwargs)
        except typer.BadParameter as err:  # in which Typer quotes pydantic
            err.message = err.message.replace("Value error, ", "")
            raise


def _command(command: Plugin) -> Any:  # noqa: ANN401  (typer has no public name for it)
    """Make the Typer command of a module from the signature of its `run`."""
    module = command.load()
    _require_settings(command.name, module.SETTINGS)
    settings = setting_flags(module)

    def callback(ctx: typer.Context, **values: Any) -> None:  # noqa: ANN401
        from equigen.cli.runner import carry_out  # noqa: PLC0415  (the help needs nothing heavy)

        before = ctx.obj or Common()
        given = {name: values.pop(name) or getattr(before, name) for name in _COMMON_FLAGS}
        flags: dict[str, dict[str, object]] = {}
        for name, path in settings.items():
            value = values.pop(name)
            if value not in (None, []):
                table, _, key = path.partition(".")
                flags.setdefault(table, {})[key] = value.split(",") if _is_tuple(path) else value
        if not gc.isenabled():  # as `__main__` has it until the modules are loaded
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            gc.enable()
        code = carry_out(command, module, Common(**given), flags, values)
        if code == EXIT_INTERRUPTED:
            _stopped.append(command.name)
        raise typer.Exit(code)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own_flags(module).values()),
        *(
            inspect.Parameter(name, keyword, annotation=_setting_type(path), default=None)
            for name, path in settings.items()
        ),
        *(
            inspect.Parameter(name, keyword, annotation=flag, default=getattr(Common(), name))
            for name, flag in _COMMON_FLAGS.items()
        ),
    ]
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(
        command.name,
        help=_help(module),
        epilog=_EPILOG,
        context_settings={"help_option_names": ["--help", "-h"]},
    )(callback)
    return get_command(app)


def _require_settings(command: str, paths: Iterable[str]) -> None:
    """Make sure that all settings are there that a command declares, or a source for it.

    Raises:
        UsageError: one isn't.

    """
    from equigen.config.settings import has_setting  # noqa: PLC0415  (as in `_setting`)

    for path in itertools.filterfalse(has_setting, paths):
        from equigen.sources.base import declaring  # noqa: PLC0415

        msg = (
            f"the plug-in {(declaring(path) or command)!r}: its SETTINGS name {path!r}, which is no"
            " setting; expected one such as 'discogs.entity'. Mend its package, or remove it."
        )
        raise UsageError(msg)


def _help(module: types.ModuleType) -> str:
    # A line of a backspace alone keeps click from rewrapping the paragraph below it.
    return re.sub(r"\n(Examples?:\n)", r"\n\b\n\1", without_controls(module.__doc__ or ""))


def _setting_type(path: str) -> object:
    """Return the Typer option of a setting; the setting gives its help, and checks its value."""
    field, name = _setting(path), flag_name(path).replace("_", "-")
    if field.annotation is bool:
        switch = typer.Option(
            f"--{name}/--no-{name}", help=f"{field.description} [{path}]", show_default=False
        )
        return Annotated[bool | None, switch]
    several = flag_name(path) in SINGULAR.values()
    option = typer.Option(
        f"--{name}",
        help=f"{field.description} [{path}]",
        show_default=False,
        metavar="N,N,N" if _is_tuple(path) else "VALUE",
    )
    return Annotated[list[str] if several else str | None, option]


def _setting(path: str) -> Any:  # noqa: ANN401  (pydantic's FieldInfo, not imported for help)
    from equigen.config.settings import Settings  # noqa: PLC0415  (the list of commands needs no pydantic)

    table, _, key = path.partition(".")
    return type(Settings.model_fields[table].default).model_fields[key]


def _is_tuple(path: str) -> bool:
    return get_origin(_setting(path).annotation) is tuple
