"""The documents say what the code does."""

import json
import re

from support import ROOT

from equigen import __version__
from equigen.config.settings import HostSettings, Settings, defaults
from equigen.labels.taxonomy import builtin_queries, load_taxonomy, taxonomy_names
from equigen.plugins import find_commands

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_setting_with_its_default() -> None:
    """One line a setting, with the default and the description of the code."""
    listed = re.findall(r"^\| `([a-z_]+\..+?)` \| (?:`(.*)`)? ?\| (.+) \|$", README, re.MULTILINE)
    expected = []
    for table_name in Settings.model_fields:
        table = getattr(defaults(), table_name)
        for key, field in type(table).model_fields.items():
            value = getattr(table, key)
            if isinstance(value, dict):
                expected += [
                    (f'{table_name}.{key}."{host}".{part}', json.dumps(getattr(given, part)), text)
                    for host, given in value.items()
                    for part, text in {
                        name: info.description for name, info in HostSettings.model_fields.items()
                    }.items()
                ]
            else:
                shown = "" if value in (None, []) else json.dumps(value, default=str)
                expected.append((f"{table_name}.{key}", shown, field.description))
    assert listed == expected


def test_the_readme_lists_every_command_and_label() -> None:
    """Each command has its line and an example; each label is named."""
    for command in find_commands().values():
        assert f"| `{command.name}` |" in README
        assert f"`equigen {command.name}" in README
    for label in builtin_queries(genre_limit=1, world_limit=1):
        assert re.search(rf"\b{label.name}\b", README), label.name


def test_the_page_of_labels_has_every_rule() -> None:
    """docs/labels.md has a table for each taxonomy, as its file says."""
    page = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
    for name in taxonomy_names():
        table = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        listed = re.findall(
            r"^\| (.+) \| (.+) \| (.+) \| (words|names|tags) \|$", table, re.MULTILINE
        )
        queries = load_taxonomy(name).queries(genre_limit=1)
        assert listed == [
            (each.name, each.label, str(each.rule), str(each.rule.by))
            for each in queries
            if each.rule
        ]


def test_every_dependency_has_its_reason() -> None:
    """The README's last section names each library that pyproject.toml asks for."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = re.findall(r'^    "([a-z0-9-]+)>=', project, re.MULTILINE)
    assert len(names) > 15
    last = README.rpartition("\n## ")[2].lower()
    assert [name for name in names if name not in last] == []


def test_all_that_is_installed_is_pinned() -> None:
    """constraints.txt has an exact version for each dependency, and no addresses."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    pinned = {re.sub(r"[_.]", "-", pin.partition("==")[0].lower()) for pin in pins}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert set(re.findall(r'^    "([a-z0-9-]+)>=', project, re.MULTILINE)) <= pinned


def test_the_changelog_knows_this_version() -> None:
    """What is released is written down."""
    assert f"## {__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_names_this_version() -> None:
    """The citation names the version at work."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in citation


def test_links_between_documents_lead_somewhere() -> None:
    """No relative link is dead."""
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
