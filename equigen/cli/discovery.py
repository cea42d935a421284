"""List the commands: their names, order and help, without importing them."""

import ast
from collections.abc import Sequence

from equigen.plugins import Plugin, find_plugins

_LAST = 1000


def find_commands() -> Sequence[Plugin]:
    """Return all commands in the order of the help, which is their constant `ORDER`."""
    return sorted(find_plugins("equigen.commands", "run").values(), key=_place)


def _place(command: Plugin) -> tuple[int, str]:
    order = command.constant("ORDER")
    value = order.value if isinstance(order, ast.Constant) else None
    return (value if isinstance(value, int) else _LAST), command.name
