"""Find plug-ins: commands with their flags, sources, features, and what other distributions add.

A plug-in is a module. Its name, docstring and constants are read from its source, so that listing
plug-ins imports none of them. A module of ours counts where it defines the function of its kind
(`open_source`, `open_feature`, `run` for commands); entry points of groups called as our packages,
such as `equigen.sources`, name a module each
(https://packaging.python.org/specifications/entry-points/).
"""

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from equigen.errors import UsageError

# Settings that are lists: their flag is given once a value.
SINGULAR = {"labels": "label", "sizes": "size"}
SINGULAR |= {
    name: name
    for name in ("refuse_sha256", "keep_sha256", "acousticbrainz_files", "msd_i_features")
}
# Tables whose name is a part of their flags' names, which say too little alone: `--msd-i-file`.
_NAMED_BY_TABLE = frozenset(("acousticbrainz", "mumu", "msd_i"))

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


@dataclass(frozen=True, slots=True)
class Plugin:
    """A module that was found but not imported; `tree` is its source, parsed."""

    name: str
    module: str
    tree: ast.Module

    @property
    def summary(self) -> str:
        """The first line of the module's docstring."""
        return (ast.get_docstring(self.tree) or "").partition("\n")[0]

    def constant(self, name: str) -> ast.expr | None:
        """Return the expression that a constant of the module is set to, annotated or not."""
        for node in self.tree.body:
            match node:
                case ast.AnnAssign(target=ast.Name(id=named)) if named == name:
                    return node.value
                case ast.Assign(targets=[ast.Name(id=named)]) if named == name:
                    return node.value
        return None

    def load(self) -> ModuleType:
        """Import the module."""
        return importlib.import_module(self.module)


@cache
def find_plugins(package: str, function: str) -> Mapping[str, Plugin]:
    """Return the plug-ins of a package such as "equigen.sources" by name, ours first.

    Names have hyphens where modules have underscores. The package's name is also the group of its
    entry points; one whose name is taken already is passed over.

    Raises:
        UsageError: an entry point names a module that can't be found.

    """
    found: dict[str, Plugin] = {}
    for folder in importlib.import_module(package).__path__:
        for file in sorted(Path(folder).glob("[a-z]*.py")):
            tree = ast.parse(file.read_bytes())
            if function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
                # "import_.py" is the command `import`, which is a keyword of Python.
                name = file.stem.rstrip("_").replace("_", "-")
                found[name] = Plugin(name, f"{package}.{file.stem}", tree)
    for point in entry_points(group=package):
        name, module = point.name, point.module
        if name not in found:
            found[name] = Plugin(name, module, _source_of(module, name))
    return found


def completing(package: str, function: str, *others: str) -> Callable[[], list[str]]:
    """Return the function that lists the names of plug-ins and others, of which Typer completes."""
    return lambda: [*others, *find_plugins(package, function)]


def _source_of(module: str, name: str) -> ast.Module:
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        msg = (
            f"the plug-in {name!r}: its entry point names the module {module!r}, which can't be"
            " found. Install its package anew, or remove it."
        )
        raise UsageError(msg)
    return ast.parse(Path(spec.origin).read_bytes())


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
    table, _, key = path.partition(".")
    return f"{table}_{key}" if table in _NAMED_BY_TABLE else SINGULAR.get(key, key)
