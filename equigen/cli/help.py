"""Write the help of a command: `--help` fits one screen, `--help-all` has all that there is."""

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from typer.core import TyperCommand, TyperGroup

# Lines of `--help`: what a small window shows at once.
MOST_LINES: Final = 40
# The panel of the options that all commands have.
COMMON: Final = "Common options"
_OPTIONS, _ARGUMENTS, _COMMANDS = "Options", "Arguments", "Commands"
_PLACES: Final = {_ARGUMENTS: 0, _OPTIONS: 1, COMMON: 3}
_NAME_CHARS: Final = 24
_ALL_TABLES: Final = 99
# The end of a description: a setting's path and its default, or the default of another option.
_NOTE: Final = re.compile(r"\s+\[(?:[\w.]+(?: = |(?=\]))|default: )([^\];]*)[^\]]*\]$")
# Types as Typer writes them, and the words for a value of each.
_TYPES: Final = (
    (r"<int( range)?>", "N"), (r"<float( range)?>", "X"), (r"<path>", "PATH"), (r"<str>", "TEXT"),
    (r" <list\[str\]>", ""), (r"<([^>]*\|[^>]*)>", r"\1"),
)  # fmt: skip


class _Entry(NamedTuple):
    """An argument or option: its panel, its name with its value, and its description."""

    panel: str
    name: str
    text: str

    @property
    def packed(self) -> str:
        """The name and the default."""
        note = _NOTE.search(self.text)
        return f"{self.name} [{note[1]}]" if note and note[1] else self.name

    def lines(self, width: int, chars: int, *, whole: bool) -> list[str]:
        """Return the lines of the entry, whose name takes so many `chars`: one, or the `whole`."""
        name = f"  {self.name:{chars}}"
        if whole:
            told = textwrap.wrap(self.text, width - chars - 4) or [""]
            first = [name] if len(name) > chars + 2 else []
            rest = told if first else told[1:]
            lines = first or [f"{name}  {told[0]}"]
            return [
                line.rstrip() for line in (*lines, *(f"{'':{chars + 4}}{each}" for each in rest))
            ]
        note = _NOTE.search(self.text)
        end = f" [{note[1]}]" if note and note[1] else ""
        text = _NOTE.sub("", self.text)
        room = width - len(name) - 2 - len(end)
        return [f"{name}  {textwrap.shorten(text, max(room, 8), placeholder=' ...')}{end}".rstrip()]


class HelpedCommand(TyperCommand):
    """A command whose help fits one screen."""

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401  (click's context; Typer has no public name)
        """Return what fits of the help: descriptions are cut first, then those of settings go."""
        return _fitting(self, ctx)


class HelpedGroup(TyperGroup):
    """All commands, whose list fits one screen."""

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401
        """Return the help: the commands, a line each."""
        return _fitting(self, ctx)


def whole_help(ctx: Any) -> str:  # noqa: ANN401
    """Return all of a command's help."""
    return "\n".join(_written(ctx.command, ctx, _paragraphs(ctx.command), whole=True))


def _fitting(command: Any, ctx: Any) -> str:  # noqa: ANN401
    text = _paragraphs(command)
    examples = [each for each in text if each.startswith("\b")]
    told = [each for each in text if not each.startswith("\b")]
    is_group = isinstance(command, TyperGroup)
    lines = _written(command, ctx, text, whole=not is_group)
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    more = f"Described in full: {ctx.command_path} --help-all"
    for tables in (_ALL_TABLES, 1, 0):
        for count in range(len(told), 0, -1):
            lines = _written(command, ctx, [*told[:count], *examples], tables=tables)
            if len(lines) < MOST_LINES:
                return "\n".join([*lines, more])
    return "\n".join([*lines, more])


def _paragraphs(command: Any) -> list[str]:  # noqa: ANN401
    return inspect.cleandoc(command.help or "").split("\n\n")


def _written(
    command: Any,  # noqa: ANN401
    ctx: Any,  # noqa: ANN401
    paragraphs: Sequence[str],
    *,
    whole: bool = False,
    tables: int = 0,
) -> list[str]:
    """Return the lines of a help.

    Unless it is the `whole`, descriptions have one line each, and those of settings are left out
    but for so many `tables`.
    """
    width = ctx.make_formatter().width
    usage = f"Usage: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}"
    lines = textwrap.wrap(usage, width, subsequent_indent=" " * 8)
    for text in paragraphs:
        told = text.splitlines()[1:] if text.startswith("\b") else textwrap.wrap(text, width - 2)
        lines += ["", *(f"  {line}" for line in told)]
    is_group, heading, settings = isinstance(command, TyperGroup), "", 0
    for panel, each in groupby(_entries(command, ctx), key=lambda entry: entry.panel):
        some, is_setting = list(each), panel not in {_ARGUMENTS, _OPTIONS, COMMON, _COMMANDS}
        settings += is_setting
        is_packed = panel == COMMON or (is_setting and settings > tables)
        title = "Settings" if is_setting else panel
        if title != heading:
            lines += ["", f"{title}:"]
            heading = title
        if not whole and (is_packed or (is_group and panel == _OPTIONS)):
            before = f"{panel}: " if is_setting else ""
            lines += _packed(before, [entry.packed for entry in some], width)
        else:
            chars = min(_NAME_CHARS, max(len(entry.name) for entry in some))
            lines += [line for entry in some for line in entry.lines(width, chars, whole=whole)]
    return lines


def _packed(before: str, names: Sequence[str], width: int) -> list[str]:
    # A name and its value stay on one line.
    text = before + ", ".join(name.replace(" ", "\0") for name in names)
    wrapped = textwrap.wrap(
        text, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )
    return [line.replace("\0", " ") for line in wrapped]


def _entries(command: Any, ctx: Any) -> Iterator[_Entry]:  # noqa: ANN401
    """Yield arguments, options, settings, what all commands have, and commands of a group."""
    found = []
    for param in command.get_params(ctx):
        if record := param.get_help_record(ctx):
            name, text = record
            for pattern, stands in _TYPES:
                name = re.sub(pattern, stands, name)
            is_argument = param.param_type_name == "argument"
            panel = getattr(param, "rich_help_panel", None)
            if {"--help", "--help-all"} & set(param.opts):
                panel = COMMON
            found.append(_Entry(_ARGUMENTS if is_argument else panel or _OPTIONS, name, text))
    yield from sorted(found, key=lambda entry: _PLACES.get(entry.panel, 2))
    for name, each in getattr(command, "commands", {}).items():
        yield _Entry(_COMMANDS, name, each.get_short_help_str(200))
