"""Find the commands and their flags, and those that all have; no command is imported."""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from equigen.plugins import Plugin, find_plugins

# Settings that are lists: their flag is given once a value.
SINGULAR = {"labels": "label", "sizes": "size"}
SINGULAR |= {name: name for name in ("refuse_sha256", "keep_sha256")}

_LAST = 1000
# Parameters of a command's `run` that aren't flags.
_HANDED_IN = ("context", "stage")


@dataclass(frozen=True, slots=True)
class Common:
    """The flags that every command has; they may also stand before its name."""

    config: Path | None = None
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    log_file: Path | None = None


def find_commands() -> Mapping[str, Plugin]:
    """Return all commands by name, in the order of the help, which is their constant `ORDER`."""
    return dict(sorted(find_plugins("equigen.commands", "run").items(), key=_place))


def _place(item: tuple[str, Plugin]) -> tuple[int, str]:
    name, command = item
    order = command.constant("ORDER")
    value = order.value if isinstance(order, ast.Constant) else None
    return (value if isinstance(value, int) else _LAST), name


def own_flags(command: ModuleType) -> dict[str, inspect.Parameter]:
    """Return the parameters of a command's `run` that are flags, by name."""
    parameters = inspect.signature(command.run, eval_str=True).parameters
    return {name: each for name, each in parameters.items() if name not in _HANDED_IN}


def setting_flags(command: ModuleType) -> dict[str, str]:
    """Return the paths of the settings that are flags of a command, by the flag's name."""
    return {flag_name(path): path for path in command.SETTINGS}


def flag_name(path: str) -> str:
    """Return the name of a setting's flag."""
    key = path.partition(".")[2]
    return SINGULAR.get(key, key)
