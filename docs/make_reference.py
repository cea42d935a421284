"""Write docs/reference/ from the code: settings, commands, columns, JSON and the Python API.

Usage: .venv/bin/python docs/make_reference.py
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import equigen
from equigen import errors
from equigen.cli.app import command_of
from equigen.cli.console import as_json
from equigen.cli.help import whole_help
from equigen.config.settings import HostSettings, Settings, defaults
from equigen.plugins import find_commands, find_plugins
from equigen.schema import COLUMNS, EXTRA_COLUMNS, RATING_COLUMNS, REQUIRED_COLUMNS
from equigen.summary import Summary

FOLDER = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/make_reference.py: change the code, then run that. -->"
WIDTH = 80
# What only commands use of `Dataset`.
INTERNAL = {
    "has_lost_ledger", "ledger", "note_done", "reading_ledger", "rows", "shown", "writing",
}  # fmt: skip
SUMMARY_FIELDS = {
    "stage": "the command",
    "unit": "what its rows are: results, rows, covers, files",
    "rows_in": "rows that came in: `rows_out` and all of `dropped` together",
    "rows_out": "rows that went out",
    "dropped": "the other rows: a number for each reason",
    "notes": "sentences that are printed as well",
    "complete": "false where some work is left for a later run",
    "begun": "false for a stage of `run` that is left as a whole",
    "left": "how much is left, 0 where that isn't known",
    "left_unit": "what is left",
    "resumes_at": "the time (UTC, ISO 8601) from which a run can do more of it, or null",
}
RUN_FIELDS = {
    "stages": "the fields above, for each stage",
    "complete": "whether the exit code is 0",
    "exit_code": "the exit code",
    "error": "the error in one line, or null",
    "left": "what is left, by unit",
    "resumes_at": "as above",
}


def pages() -> dict[str, str]:
    """Return each page's text by its name."""
    texts = {
        "settings.md": _settings(),
        "cli.md": _cli(),
        "columns.md": _columns(),
        "json.md": _json(),
        "api.md": _api(),
    }
    return {name: f"{MADE}\n\n{text.rstrip()}\n" for name, text in texts.items()}


def settings_rows() -> Iterator[tuple[str, str, str]]:
    """Yield each setting's name, default and description."""
    for table_name in Settings.model_fields:
        table = getattr(defaults(), table_name)
        for key, field in type(table).model_fields.items():
            value = getattr(table, key)
            if isinstance(value, dict):
                for host, given in value.items():
                    for part, info in HostSettings.model_fields.items():
                        shown = json.dumps(getattr(given, part))
                        yield f'{table_name}.{key}."{host}".{part}', shown, str(info.description)
            else:
                shown = "" if value in (None, [], ()) else json.dumps(value, default=str)
                yield f"{table_name}.{key}", shown, str(field.description)


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        "All settings, with their defaults. How they are given is in [settings](../settings.md).",
    ]
    table = ""
    for name, default, text in settings_rows():
        if name.partition(".")[0] != table:
            table = name.partition(".")[0]
            lines += ["", f"## {table}", "", "| setting | default | |", "|---|---|---|"]
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{name}` | {shown} | {_cell(text)} |")
    return "\n".join(lines)


def _cli() -> str:
    lines = [
        "# Commands",
        "",
        "What `equigen COMMAND --help-all` prints. [Commands by example](../cli.md) is shorter.",
    ]
    for command in find_commands().values():
        program = command_of(command)
        ctx = program.context_class(
            program,
            info_name=f"equigen {command.name}",
            terminal_width=WIDTH,
            **program.context_settings,
        )
        lines += ["", f"## {command.name}", "", "```text", whole_help(ctx).rstrip(), "```"]
    return "\n".join(lines)


def _columns() -> str:
    lines = [
        "# Columns",
        "",
        "What cells mean is in [the dataset](../dataset.md#what-the-columns-mean); the manifest's",
        "columns are in [downloads](../download.md#the-manifest).",
        "",
        "## The TSV",
        "",
        "| column | there |",
        "|---|---|",
    ]
    for columns, there in (
        (REQUIRED_COLUMNS, "always; a file of another tool needs these"),
        (COLUMNS[len(REQUIRED_COLUMNS) :], "always, where EquiGen wrote the file"),
        (EXTRA_COLUMNS, "once a row has a value"),
        (RATING_COLUMNS, "once `equigen rate` was run"),
    ):
        lines += [f"| `{name}` | {there} |" for name in columns]
    lines += [
        "",
        "## Features",
        "",
        "A table a feature, in `features/`; types are DuckDB's. How they are computed is in",
        "[features](../features.md).",
    ]
    for name, plugin in find_plugins("equigen.features", "open_feature").items():
        module = plugin.load()
        kind = getattr(module, "KIND", "cover")
        lines += ["", f"### {name}", "", f"A row for each {kind}.", ""]
        lines += ["| column | type | |", "|---|---|---|"]
        lines += [
            f"| `{column}` | `{_kind(each.kind)}` | {_cell(each.meaning)} |"
            for column, each in module.COLUMNS.items()
        ]
    return "\n".join(lines)


def _kind(kind: Any) -> str:
    """Return a type as SQL writes it."""
    if isinstance(kind, list):
        return f"{_kind(kind[0])}[]"
    if isinstance(kind, dict):
        return f"STRUCT({', '.join(f'{name} {_kind(each)}' for name, each in kind.items())})"
    return str(kind)


def _json() -> str:
    known = (Summary("stage", "rows", 0, 0).as_json(), SUMMARY_FIELDS)
    of_run = (as_json([], exit_code=0, error=""), RUN_FIELDS)
    lines = [
        "# JSON",
        "",
        "With `--json`, a command prints one object. These fields are in each; a command adds its",
        "own. Those of `status`, and the events of `--log-file`, are in [cron](../cron.md).",
    ]
    for title, (fields, meanings) in {"A command": known, "`run`": of_run}.items():
        lines += ["", f"## {title}", "", "| field | |", "|---|---|"]
        lines += [f"| `{name}` | {meanings[name]} |" for name in fields]
    lines += [
        "",
        "## An error",
        "",
        "An error is JSON as well, on stdout: `stage`, `error` (one line) and `exit_code`.",
        "",
        "| error | exit code | |",
        "|---|---|---|",
    ]
    for name, each in vars(errors).items():
        if inspect.isclass(each) and issubclass(each, errors.EquigenError):
            first = (each.__doc__ or "").partition("\n")[0]
            lines.append(f"| `{name}` | {each.exit_code} | {_cell(first)} |")
    return "\n".join(lines)


def _api() -> str:
    lines = ["# Python API", "", _prose(equigen.__doc__), ""]
    lines += ["[From Python](../python.md) shows how it is used."]
    for name in sorted(equigen.__all__, key=lambda each: (not each[0].islower(), each)):
        member = getattr(equigen, name)
        if name == "__version__":
            lines += ["", "## `equigen.__version__`", "", "The version, a text."]
        elif inspect.isclass(member):
            lines += ["", f"## `equigen.{name}`", "", _prose(inspect.getdoc(member))]
            if is_dataclass(member):
                lines += ["", "```python", *_fields(member), "```"]
            for method in sorted(_methods(member)):
                lines += _described(f"{name}.{method}", _unwrapped(member, method), "###")
        else:
            lines += _described(f"equigen.{name}", member, "##")
    return "\n".join(lines)


def _methods(member: type) -> set[str]:
    own = [each for each in member.__mro__ if each.__module__.startswith("equigen.")]
    names = {name for each in own for name in vars(each) if not name.startswith("_")}
    if is_dataclass(member):
        names -= set(member.__dataclass_fields__)
    if issubclass(member, Exception):
        names = set()
    return names - INTERNAL


def _unwrapped(member: type, name: str) -> Any:
    found = inspect.getattr_static(member, name)
    return getattr(found, "fget", None) or getattr(found, "func", None) or found


def _described(name: str, function: Any, head: str) -> list[str]:
    signature = _signature(name.rpartition(".")[2], function)
    return ["", f"{head} `{name}`", "", "```python", signature, "```", "", _prose(function.__doc__)]


def _signature(name: str, function: Any) -> str:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef)
    returns = f" -> {_annotation(node.returns)}"
    if any(ast.unparse(each).endswith("property") for each in node.decorator_list):
        return f"{name}:{returns.removeprefix(' ->')}"
    given = [*node.args.args, *node.args.kwonlyargs]
    for each in (*given, *filter(None, [node.args.kwarg])):
        each.annotation = each.annotation and ast.Name(_annotation(each.annotation))
    node.args.args = [each for each in node.args.args if each.arg != "self"]
    line = f"{name}({ast.unparse(node.args)}){returns}"
    if len(line) <= WIDTH:
        return line
    parts = ast.unparse(node.args).split(", ")  # no type in it has a comma outside of brackets
    joined, depth = [""], 0
    for part in parts:
        joined[-1] += part
        depth += part.count("[") - part.count("]")
        if depth:
            joined[-1] += ", "
        else:
            joined.append("")
    return "\n".join([f"{name}(", *(f"    {each}," for each in joined if each), f"){returns}"])


def _annotation(node: ast.expr | None) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node or ast.Name(""))


def _fields(member: type) -> list[str]:
    (node,) = ast.parse(inspect.getsource(member)).body
    assert isinstance(node, ast.ClassDef)
    return [
        f"{ast.unparse(each.target)}: {_annotation(each.annotation)}"
        for each in node.body
        if isinstance(each, ast.AnnAssign)
    ]


def _prose(docstring: str | None) -> str:
    """Return a docstring as Markdown: the sections of Google's style become lists."""
    text = inspect.cleandoc(docstring or "")
    section = r"^(Raises|Returns|Yields):\n((?: {4}.*\n?)+)"
    return re.sub(section, _section, text, flags=re.MULTILINE).rstrip()


def _section(found: re.Match[str]) -> str:
    lines = textwrap.dedent(found[2]).splitlines()
    entries: list[str] = []
    for line in lines:
        if re.match(r"[A-Z][\w, ]+Error[\w, ]*:", line) or not entries:
            entries.append(line)
        else:
            entries[-1] += f" {line.strip()}"
    shown = [re.sub(r"\b([A-Z]\w+Error)\b", r"`\1`", each) for each in entries]
    return f"**{found[1]}**\n\n" + "\n".join(f"- {each}" for each in shown) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
