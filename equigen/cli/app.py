"""Build the command line: one Typer command a module of `commands/`.

The keyword parameters of a command's `run` become flags, and so do the settings that the module
names in `SETTINGS`. Each command's module is imported when the command is used, so that `--help`
stays fast; `_LazyCommand` stands for it until then.
"""

import ctypes
import gc
import inspect
import itertools
import json
import os
import re
import signal
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand
from typer.main import get_command

from equigen.cli.help import COMMON, HelpedCommand, HelpedGroup, whole_help
from equigen.errors import (
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    EquigenError,
    OutputClosedError,
    OutputError,
    UsageError,
    without_controls,
)
from equigen.interrupts import STOPPED, end_at_signals, interrupted_by
from equigen.output import complain, put, take_over_stdout
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
# Messages of pydantic, which Typer quotes, and the words of users for them.
_PYDANTIC = (
    ("Value error, ", ""),
    ("Input should be a valid integer.*", "expected a whole number"),
    ("Input should be a valid number.*", "expected a number"),
    ("Input should be greater than or equal to (.*)", r"expected \1 or more"),
    ("Input should be less than or equal to (.*)", r"expected \1 at most"),
)
_M_ARENA_MAX = -8  # malloc.h
# Choices that are longer stand in the description.
_MOST_CHOICE_CHARS = 30

_common = partial(typer.Option, rich_help_panel=COMMON, show_default=False)
_ConfigFlag = Annotated[
    Path | None, _common(metavar="PATH", help="Settings file. [default: config.toml]")
]
_QuietFlag = Annotated[bool, _common("--quiet", "-q", help="One line at the end, no bars.")]
_VerboseFlag = Annotated[bool, _common("--verbose", "-v", help="Tell of each request.")]
_JsonFlag = Annotated[bool, _common("--json", help="Print the result, or the error, as JSON.")]
_LogFlag = Annotated[
    Path | None,
    _common("--log-file", metavar="PATH", help="Append what happens, a JSON object a line."),
]


def _show_help_all(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        print(whole_help(ctx))
        raise typer.Exit


_HelpAllFlag = Annotated[
    bool,
    _common(
        "--help-all", help="Show every option and setting.", callback=_show_help_all, is_eager=True
    ),
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
        sys.exit(_fail("equigen", STOPPED, EXIT_INTERRUPTED))


def _run_program() -> None:
    end_at_signals()
    take_over_stdout()
    try:
        _fit_into_memory()
        try:
            program = get_command(_root)
            for command in find_commands().values():
                program.add_command(_LazyCommand(command))  # type: ignore[attr-defined]
            code = program.main(prog_name="equigen", standalone_mode=False)
        finally:
            sys.stdout.flush()
        if code == EXIT_INTERRUPTED and not _stopped:
            # Typer ends silently where the signal came before a command ran.
            raise KeyboardInterrupt
        sys.exit(code)
    except typer.TyperException as err:
        sys.exit(_refuse(err))
    except EquigenError as err:  # from --help or plug-ins; commands print their own errors
        if isinstance(err, OutputClosedError):
            sys.exit(err.exit_code)
        sys.exit(_fail("equigen", str(err), err.exit_code))
    finally:  # the result is printed: a signal that comes now changes nothing
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        # `python -m` ends with SIGINT instead of 130 where an interrupt came in generated code,
        # such as a dataclass's, though it was caught.
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _refuse(err: typer.TyperException) -> int:
    """Say what is wrong with the command line, and return the exit code."""
    ctx = getattr(err, "ctx", None)
    path = ctx.command_path if ctx else "equigen"
    text = getattr(err, "format_message", err.__str__)()
    text = f"{text[0].lower()}{text[1:]}".removesuffix(".")
    end = "" if text.endswith("?") else "."
    return _fail(path, f"{text}{end} `{path} --help` shows what there is.", EXIT_USAGE)


def _fail(command: str, text: str, code: int) -> int:
    """Print an error, with --json also as JSON, and return the exit code."""
    complain(f"{command}: {text}")
    if "--json" in sys.argv:
        stage = command.removeprefix("equigen").strip()
        with suppress(OutputError):
            put(json.dumps({"stage": stage, "error": text, "exit_code": code}, indent=2))
    return code


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
    cls=HelpedGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if wanted:
        print(f"equigen {__version__}")
        raise typer.Exit


@_root.callback()
def _equigen(  # noqa: PLR0913  (each is a flag)
    ctx: typer.Context,
    *,
    config: _ConfigFlag = None,
    quiet: _QuietFlag = False,
    verbose: _VerboseFlag = False,
    as_json: _JsonFlag = False,
    log_file: _LogFlag = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Build genre-balanced album-cover datasets for machine learning.

    Try `equigen demo` first: no account, no network. With an account: `equigen init`, then
    `equigen run`, or stage by stage. Without: `equigen dumps get masters release-groups`, then
    `equigen run --source discogs-dump`.
    """
    del version
    ctx.obj = Common(config, quiet, verbose, as_json, log_file)
    if ctx.invoked_subcommand is None:
        print(ctx.get_help(), file=sys.stderr)
        raise typer.Exit(EXIT_USAGE)


class _LazyCommand(TyperCommand):
    """A placeholder in the list of commands that imports its module when it is used."""

    def __init__(self, command: Plugin) -> None:
        super().__init__(command.name, help=without_controls(command.summary))
        self._member = command

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (typer's signature)
        """Parse the arguments by the real command."""
        try:
            return command_of(self._member).make_context(*args, **kwargs)
        except typer.BadParameter as err:
            for pattern, words in _PYDANTIC:
                err.message = re.sub(pattern, words, err.message)
            raise


def command_of(command: Plugin) -> Any:  # noqa: ANN401  (typer has no public name for it)
    """Make the Typer command of a module from the signature of its `run`."""
    module = command.load()
    _require_settings(command.name, module.SETTINGS)
    settings = setting_flags(module)

    def callback(ctx: typer.Context, **values: Any) -> None:  # noqa: ANN401
        from equigen.cli.runner import carry_out  # noqa: PLC0415  (the help needs nothing heavy)

        values.pop("help_all")
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
        inspect.Parameter("help_all", keyword, annotation=_HelpAllFlag, default=False),
    ]
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(
        command.name,
        cls=HelpedCommand,
        help=_help(module),
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
    is_switch = field.annotation is bool
    several = flag_name(path) in SINGULAR.values()
    option = typer.Option(
        f"--{name}/--no-{name}" if is_switch else f"--{name}",
        help=f"{field.description} [{path}{_default(field)}]",
        show_default=False,
        metavar=None if is_switch else _metavar(path, field),
        rich_help_panel=path.partition(".")[0],
        autocompletion=_completion(path),
    )
    kind = bool if is_switch else list[str] if several else str
    return Annotated[kind | None, option]


def _default(field: Any) -> str:  # noqa: ANN401
    """Return what the help says of a setting's default; nothing where its description does."""
    default = None if field.default_factory else field.default
    if isinstance(default, tuple):
        return f" = {','.join(map(str, default))}"
    return f" = {default}" if default and not isinstance(default, Path | bool) else ""


def _metavar(path: str, field: Any) -> str:  # noqa: ANN401
    """Return what stands for a setting's value."""
    name = path.partition(".")[2]
    if _is_tuple(path):
        return "N,N,N"
    values = _choices(field.annotation)
    if values and len("|".join(values)) <= _MOST_CHOICE_CHARS:
        return "|".join(values)
    checks = str(field.metadata) + str(field.annotation)
    if "name_of_file" in checks or "with_known_home" in checks:
        return "PATH"
    if {int, float} & {field.annotation, *get_args(field.annotation)} or "sizes" in name:
        return "PX" if name.endswith(("_px", "sizes")) else "YEAR" if "year" in name else "N"
    return "SHA256" if "sha256" in name else "NAME"


def _choices(annotation: Any) -> Sequence[str]:  # noqa: ANN401
    """Return the values that a setting may have; none where there are too many to list."""
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return list(annotation)
    return ()


def _completion(path: str) -> Callable[[], list[str]]:
    """Return the function that lists a setting's values, of which Typer completes."""

    def known() -> list[str]:
        from equigen.config.settings import values_of  # noqa: PLC0415  (as in `_setting`)

        return [*(_choices(_setting(path).annotation) or values_of(path))]

    return known


def _setting(path: str) -> Any:  # noqa: ANN401  (pydantic's FieldInfo, not imported for help)
    from equigen.config.settings import Settings  # noqa: PLC0415  (the list of commands needs no pydantic)

    table, _, key = path.partition(".")
    return type(Settings.model_fields[table].default).model_fields[key]


def _is_tuple(path: str) -> bool:
    return get_origin(_setting(path).annotation) is tuple
