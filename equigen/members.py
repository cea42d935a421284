"""The commands, found by file name: their names, places and texts are read without loading them."""

import ast
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import equigen.recipes
import equigen.stages


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A stage or recipe: `order` is its place in the help, `promise` its docstring's first line."""

    order: int
    name: str
    promise: str
    module: str

    def load(self) -> ModuleType:
        """Import the module."""
        return importlib.import_module(self.module)


@cache
def members() -> Sequence[Member]:
    """Return all stages and recipes, in the order of the help."""
    found = []
    for package in (equigen.stages, equigen.recipes):
        folder = Path(package.__path__[0])
        for module in pkgutil.iter_modules(package.__path__):
            tree = ast.parse((folder / f"{module.name}.py").read_bytes())
            promise = (ast.get_docstring(tree) or "").partition("\n")[0]
            name = module.name.replace("_", "-")
            full_name = f"{package.__name__}.{module.name}"
            found.append(Member(_order(tree), name, promise, full_name))
    return sorted(found)


def _order(tree: ast.Module) -> int:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = node.value.value if isinstance(node.value, ast.Constant) else None
            if node.target.id == "ORDER" and isinstance(value, int):
                return value
    return 1000
