"""The documents say what the code does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from support import ROOT

from equigen import __version__
from equigen.config.settings import Settings
from equigen.labels.taxonomy import builtin_queries, load_taxonomy, taxonomy_names
from equigen.plugins import find_commands

README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    """Read a page of docs."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_the_reference_is_what_the_code_makes(tmp_path: Path) -> None:
    """Each page of docs/reference is what docs/make_reference.py writes, and there is no other."""
    made = tmp_path / "docs"
    made.mkdir()
    script = shutil.copy(ROOT / "docs" / "make_reference.py", made)
    subprocess.run([sys.executable, script], check=True, timeout=120)
    pages = {each.name: each.read_text("utf-8") for each in (made / "reference").iterdir()}
    here = ROOT / "docs" / "reference"
    assert {each.name for each in here.iterdir()} == {*pages}
    for name, text in pages.items():
        assert (here / name).read_text("utf-8") == text, f"{name}: run docs/make_reference.py"
    settings = [
        f"{table}.{key}" for table, each in Settings.model_fields.items()
        for key in type(each.default).model_fields if key != "hosts"
    ]  # fmt: skip
    assert len(settings) > 60
    assert [name for name in settings if f"\n| `{name}` | " not in pages["settings.md"]] == []


def test_the_readme_is_short() -> None:
    """A stranger reads it in five minutes: 900 words at most."""
    assert len(README.split()) <= 900


def test_every_command_and_label_has_its_line() -> None:
    """README names each command, docs/cli.md has an example of it, docs/labels.md each label."""
    for command in find_commands().values():
        assert f"| `{command.name}` |" in README
        assert f"`equigen {command.name}" in page("cli.md")
    for label in builtin_queries(genre_limit=1, world_limit=1):
        assert re.search(rf"\b{label.name}\b", page("labels.md").partition("\n## Rules")[0]), label


def test_the_page_of_labels_has_every_rule() -> None:
    """docs/labels.md has a table for each taxonomy, as its file says."""
    for name in taxonomy_names():
        table = page("labels.md").partition(f"\n### {name}\n")[2].partition("\n### ")[0]
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
    """docs/dependencies.md names each library that pyproject.toml asks for."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = re.findall(r'^    "([a-z0-9-]+)>=', project, re.MULTILINE)
    assert len(names) > 15
    assert [name for name in names if name not in page("dependencies.md").lower()] == []


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
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
