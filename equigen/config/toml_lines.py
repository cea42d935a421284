"""Find the line of a key in a TOML file, however its tables are written."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from equigen.http.addresses import host_name

_TOKEN = re.compile(
    r"""
    (?P<text>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<word>[^\s\#"'\[\]{}=,]+)
    | (?P<mark>[\[\]{}=,\n])
    | \#[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    line: int
    kind: str
    told: str


def line_of(text: str, keys: Sequence[str]) -> int:
    """Return the line of a key, or else of the table that it belongs to; 0 for none.

    `text` is TOML that can be read; an item of a list has its number for a key.
    """
    found, depth, wanted = 0, 0, list(keys)
    for line, path in _in_table(_tokens(text), []):
        if depth < len(path) and wanted[: len(path)] == path:
            found, depth = line, len(path)
        elif not found and path[: len(wanted)] == wanted:
            found = line
    return found


def _tokens(text: str) -> Iterator[_Token]:
    line, at, lines = 1, 0, f"{text}\n"
    for token in _TOKEN.finditer(lines):
        line, at = line + lines.count("\n", at, token.start()), token.start()
        if token.lastgroup:
            yield _Token(line, token.lastgroup, token.group())


def _in_table(tokens: Iterator[_Token], base: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the path of each key, header and item of a list, up to a table's end."""
    key, brackets, tables = list[str](), 0, Counter[str]()
    for line, kind, told in tokens:
        if told == "}":
            return
        if told == "=":
            path = [*base, *key]
            yield line, path
            yield from _in_value(next(tokens).told, tokens, path)
        elif told == "\n" and brackets:
            name = ".".join(key)
            base = [*key, str(tables[name])] if brackets > 1 else key
            tables[name] += brackets > 1
            yield line, base
        brackets = (brackets + (told == "[")) * (told != "\n")
        key = [*key, *_parts(told, [*base, *key])] if kind != "mark" or told in "[]" else []


def _in_value(
    first: str, tokens: Iterator[_Token], path: list[str]
) -> Iterator[tuple[int, list[str]]]:
    if first == "{":
        yield from _in_table(tokens, path)
    number = 0
    for line, _, told in tokens if first == "[" else ():
        if told == "]":
            return
        number += told == ","
        if told not in {",", "\n"}:
            item = [*path, str(number)]
            yield line, item
            yield from _in_value(told, tokens, item)


def _parts(told: str, before: Sequence[str]) -> list[str]:
    """Return the parts of a key without quotes, hosts as they are compared."""
    is_text = told[0] in "\"'"
    parts = [str(tomllib.loads(f"key = {told}")["key"])] if is_text else told.split(".")
    return [host_name(part) if "hosts" in before else part for part in parts if part not in "[]"]
