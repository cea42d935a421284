"""What is said of any wrong value of any setting: in our words, and where it stands."""

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import equigen
from equigen.config.layers import load
from equigen.config.settings import HostSettings, LabelSettings, Settings
from equigen.errors import ConfigError, UsageError

# Words of pydantic and of Python, none of a config.toml.
FOREIGN = re.compile(
    r"Settings|[Tt]uple|instance|String|validation|datetime\.|[Ii]nput should|dictionary"
    r"|Value error|valid |True|False|None|\{'|string should|pydantic|expected another one"
)
WRONG = [
    '""', '" "', '"x"', "'''a\nb'''", "-1", "0", "0.5", "1e300", "-inf", "nan", "true", "false",
    "99999999999999999999", "2000-01-01", "07:32:00", "2000-01-01T07:32:00Z", "[]", "[1]", '["x"]',
    '[""]', "[[1]]", "[true]", "[2000-01-01]", "[0.7, 0.2, 0.05, 0.05]", "[-1, 1, 1]", "{}",
    "{a = 1}", "[{}]", "[{a = true}]", "{a = {b = 2000-01-01}}",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take everything that EquiGen heeds out of the environment."""
    for name in list(os.environ):
        if name.upper().startswith(("EQUIGEN_", "DISCOGS_")):
            monkeypatch.delenv(name)


def tables() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Yield the header of each table, its settings, and the lines that it needs."""
    for name, field in Settings.model_fields.items():
        yield f"[{name}]", type(field.default), ""
    yield '[download.hosts."*"]', HostSettings, ""
    yield "[download.hosts.'X.example']", HostSettings, ""
    yield "[[fetch.label]]", LabelSettings, "name = 'Ska'\nstyle = 'Ska'\n"


def said_of(folder: Path, toml: str) -> str:
    """Return what is said of a config.toml; "" where it is taken."""
    file = folder / "config.toml"
    file.write_text(toml, encoding="utf-8")
    try:
        load(file)
    except ConfigError as err:
        return str(err)
    return ""


def in_our_words(said: str, toml: str) -> str:
    """See that a message names its line, and says nothing in words of a library."""
    assert "config.toml, line " in said, (toml, said)
    assert len(said.splitlines()) == 1, (toml, said)
    own = re.sub(r"got .*? Mend it|Known here: .*? Mend it", "", said.partition(": ")[2])
    for text in (own, re.sub(r"'[^']*'", "", said.partition(": ")[2])):
        assert not FOREIGN.search(text), (toml, said)
    return said


@pytest.mark.long
def test_any_wrong_value_of_any_setting_is_told_in_our_words(tmp_path: Path) -> None:
    """Each one with the line where it stands."""
    told = 0
    for header, model, needed in tables():
        for key in model.model_fields:
            kept = "".join(
                row for row in needed.splitlines(keepends=True) if not row.startswith(key)
            )
            for value in WRONG:
                toml = f"\n{header}\n{kept}{key} = {value}\n"
                if said := said_of(tmp_path, toml):
                    in_our_words(said, toml)
                    told += 1
    assert told > 1000


@pytest.mark.parametrize("value", WRONG)
def test_a_value_in_a_tables_place_is_told_in_our_words(tmp_path: Path, value: str) -> None:
    """Also one in a host's place, and an unknown key."""
    for name in [*Settings.model_fields, "unknown"]:
        if said := said_of(tmp_path, f"{name} = {value}\n"):
            in_our_words(said, f"{name} = {value}")
    toml = f"[download.hosts]\nx = {value}\n"
    if said := said_of(tmp_path, toml):
        in_our_words(said, toml)


@pytest.mark.parametrize(
    ("toml", "line", "said"),
    [
        ("[split]\nratio = [0.7, 0.2, 0.05, 0.05]", 2, "expected 3 values"),
        ("[split]\nratio = []", 2, "expected 3 values, got []; three shares, as in 0.7,0.15,0.15"),
        (
            "[split]\nratio = [80, 10, 10]", 2,
            "expected shares that add up to 1, as in 0.8,0.1,0.1, got 80,10,10, a sum of 100",
        ),
        ("[split]\nratio = [1, 1, 1]", 2, "as in 0.7,0.15,0.15, got 1,1,1, a sum of 3"),
        ("[split]\nratio = [0, 0, 0]", 2, "as in 0.7,0.15,0.15, got 0,0,0, a sum of 0"),
        ("[split]\nratio = ['80%', 0, 0]", 2, "got '80%'; three shares, as in 0.7,0.15,0.15"),
        ('[split]\nratio = "x"', 2, "expected a list of 3 numbers, got 'x'"),
        ("[split]\nratio = [-1, 1, 1]", 2, "expected shares of 0 or more, got -1"),
        ("split = 1", 1, "expected a table, got 1"),
        ("[download]\n\nhosts.x = 1", 3, "expected a table, got 1"),
        ("[download]\nhosts = {x = 1}", 2, "expected a table, got 1"),
        ('[dataset]\ntsv = ""', 2, "expected text that isn't blank, got ''"),
        ("[fetch]\nfrom_year = 2000-01-01", 2, "expected a whole number, got 2000-01-01"),
        ("[fetch]\nlabels = 1", 2, "expected a list, got 1"),
        ("[fetch]\nlabels = true", 2, "expected a list, got true"),
        ("[dataset]\ntsv = true", 2, "expected text in quotes, got true"),
        ("[download]\nsizes = [true]", 2, "expected a whole number, got true"),
        ("[http]\nread_timeout_s = -1", 2, "expected a number greater than 0, got -1"),
        ("[http]\nread_timeout_s = '1s'", 2, "expected a number, got '1s'"),
        ('[download]\n[download.hosts."*"]\n\nper_day = -1', 4, "at least 0, got -1"),
        ("[download.hosts.'X.Y']\nper_day = -1", 2, "at least 0, got -1"),
        ("[download]\nhosts.'X.Y' . per_day = -1", 2, "at least 0, got -1"),
        ('[download.hosts."*"]\nper_dy = 1', 2, "unknown key"),
        ("[[fetch.label]]\nname = 'A'\nstyle = 'A'\n[[fetch.label]]\nname = ''", 5, "isn't blank"),
        ("[[fetch.label]]\nname = 'A'\nstyle = 'A'\n[[fetch.label]]\nstyle = ''", 4, "missing"),
        ("[fetch]\nlabel = [\n  {name = 'A', style = 'A', limit = -1},\n]", 3, "got -1"),
        ("[fetch]\nlabels = [1]\n[split]\nseed = 'x'", 2, "(1 more wrong settings)"),
    ],
)  # fmt: skip
def test_the_line_and_what_was_expected(tmp_path: Path, toml: str, line: int, said: str) -> None:
    """However the table is written."""
    message = said_of(tmp_path, toml)
    assert f"config.toml, line {line}: " in message
    assert said in message


JAZZ = '  {name = "Jazz", any_genre = ["Jazz"]},\n'


@pytest.mark.parametrize(
    ("taxonomy", "line", "said"),
    [
        (
            f"label = [\n{JAZZ}  {{name = 'Ska', any_gnre = ['Ska']}},\n]", 3,
            "label.1.any_gnre: unknown key (did you mean 'any_genre'?). Known here: name, folder, ",
        ),
        (
            f"label = [\n{JAZZ}  {{name = 'Ska', any_of = [\n], any_genre = 'Ska'}},\n]", 4,
            "label.1.any_genre: expected a list of texts, such as [\"Jazz\"], got 'Ska'",
        ),
        (
            f"label = [\n{JAZZ}  {{name = 'Ska', any_genre = [\n'Ska', 3]}},\n]", 4,
            "label.1.any_genre.1: expected text in quotes, got 3",
        ),
        (
            f"label = [\n{JAZZ}  {{name = 'Ska', any_genre = ['Ska'], limit = 'x'}}]", 3,
            "label.1.limit: expected a whole number, got 'x'",
        ),
        (
            f"by = 'sound'\nlabel = [\n{JAZZ}]", 1,
            "by: expected 'words', 'names' or 'tags', got 'sound'",
        ),
        (
            "[[label]]\nname = 'A'\nany_style = ['A']\n[[label]]\nname = 'B'", 4,
            "label.1: label 'B' needs a genre or a style to be asked by: any_genre, any_style, ",
        ),
        ("[[label]]\nany_style = ['A']", 1, "label.0.name: expected a value there, but it is"),
        ("labels = []", 1, "labels: unknown key (did you mean 'label'?)"),
        ("label = []", 1, "label: expected at least one, got []"),
        ("# ' \nlabel = 3", 2, "label: expected a list of tables, got 3"),
        (f"label = [\n{JAZZ}{JAZZ}]", 1, "label: label 'Jazz' is defined twice"),
    ],
)  # fmt: skip
def test_a_wrong_taxonomy_is_told_like_the_settings(
    tmp_path: Path, taxonomy: str, line: int, said: str
) -> None:
    """With its own file and line, the key, what was expected and the nearest key."""
    file = tmp_path / "mine.toml"
    file.write_text(taxonomy, encoding="utf-8")
    message = said_of(tmp_path, '[fetch]\ntaxonomy = "mine.toml"\n')
    assert message.startswith(f"{file}, line {line}: {said}"), message
    assert message.endswith(" Mend it and run again.")
    own = re.sub(r"got .*? Mend it", "", message.partition(": ")[2])
    assert not FOREIGN.search(own), own


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"label = [\n{name}]", "mine.toml: this is not TOML: "),
        (b"label = 1\n\xff", "mine.toml, line 2"),
    ],
)
def test_a_taxonomy_that_is_no_toml_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    """With its file and line, and the setting that names it."""
    (tmp_path / "mine.toml").write_bytes(content)
    message = said_of(tmp_path, '[fetch]\ntaxonomy = "mine.toml"\n')
    assert message.startswith(f"{tmp_path / 'config.toml'}, line 2: fetch.taxonomy: ")
    assert said in message
    assert "line 2" in message.partition("mine.toml")[2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": None}, {"seed": date(2000, 1, 1)}, {"ratio": (1, 0)}, {"ratio": {"a": 1}},
        {"seed": object()}, {"split__ratio": "x"}, {"link": 3}, {"verify": "perhaps"},
    ],
)  # fmt: skip
def test_a_wrong_argument_of_run_is_told_in_our_words(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """Settings and flags alike."""
    with pytest.raises(UsageError) as caught:
        equigen.run("split", directory=tmp_path, **wrong)
    own = re.sub(r"got .*? Mend it|link=\S+|verify=\S+", "", str(caught.value))
    assert not FOREIGN.search(own), own


# Numbers without bounds of their own, and why they need none.
UNBOUND = {
    "balance.seed": "any number is as good, and only its digits count",
    "split.seed": "any number is as good, and only its digits count",
    "split.ratio": "three shares of 0 or more that add up to 1",
}


def numbers(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each number of a table, with its path and its JSON schema."""
    for name, field in schema.get("properties", {}).items():
        inner = [
            field,
            *field.get("anyOf", ()),
            field.get("items", {}),
            *field.get("prefixItems", ()),
        ]
        for each in inner:
            if each.get("type") in {"integer", "number"} and "enum" not in field:
                yield f"{where}.{name}", each


def test_each_number_has_a_least_and_a_most() -> None:
    """A folder's own settings ask for no million tries, threads or bytes without end."""
    unbound = {
        path
        for header, table, _ in tables()
        for path, number in numbers(table.model_json_schema(), header.strip("[]"))
        if not {"minimum", "exclusiveMinimum"} & set(number)
        or not {"maximum", "exclusiveMaximum"} & set(number)
    }
    assert unbound == set(UNBOUND)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[http]\ntries = 101", "http.tries: expected a number of at most 100, got 101"),
        ("[http]\nmax_redirects = 51", "http.max_redirects: expected a number of at most 50"),
        ("[download]\nmax_bytes = 100000001", "download.max_bytes: expected a number of at most 1"),
        (
            f"[download]\nsizes = {list(range(21))}",
            "download.sizes: expected 20 sizes at most, got 21",
        ),
    ],
)
def test_a_number_that_is_too_large_is_told_its_bound(tmp_path: Path, toml: str, said: str) -> None:
    """In one line, with its place."""
    assert said in said_of(tmp_path, toml)


@pytest.mark.parametrize(
    "toml",
    [
        "[{}]\na = 1", "[fetch]\n{} = 1", "[fetch]\nlabels = [{}]", "[download.hosts.{}]\nx = 1",
        "[discogs]\nentity = {}", "[discogs]\nbase_url = {}", "[http]\ntries = {}",
        "[download]\nplaceholders = [{}]",
        "[[fetch.label]]\nname = {0}\nstyle = 'x'\n[[fetch.label]]\nname = {0}\nstyle = 'x'",
    ],
)  # fmt: skip
def test_what_strangers_write_is_quoted_in_short(tmp_path: Path, toml: str) -> None:
    """Without control characters, and with the place in front and what to do at the end."""
    said = said_of(tmp_path, toml.format('"\\u001b[31m\\u202e' + "x" * 5_000 + '"'))
    assert len(said) < 1_200
    assert said.isprintable()
    assert "config.toml" in said
    assert said.endswith("Mend it and run again.")
