"""Find plug-ins: modules of a package, and those that other distributions add by entry points.

A plug-in is a module. Its name, docstring and constants are read from its source, so that listing
plug-ins imports none of them. A module of ours counts where it defines the function of its kind
(`open_source` for sources, `run` for commands); entry points of the groups `equigen.sources` and
`equigen.commands` name a module each (https://packaging.python.org/specifications/entry-points/).
"""

import ast
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from equigen.errors import UsageError


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
                name = file.stem.replace("_", "-")
                found[name] = Plugin(name, f"{package}.{file.stem}", tree)
    for point in entry_points(group=package):
        name, module = point.name, point.module
        if name not in found:
            found[name] = Plugin(name, module, _source_of(module, name))
    return found


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
