"""config.example.toml: made from the settings, and as good as none."""

import os
import tomllib
from pathlib import Path

import pytest

from equigen.commands.init import example_toml
from equigen.config.layers import load
from equigen.config.settings import Settings, defaults

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take everything that EquiGen heeds out of the environment."""
    for name in list(os.environ):
        if name.upper().startswith(("EQUIGEN_", "DISCOGS_")):
            monkeypatch.delenv(name)


def test_the_file_in_the_project_is_up_to_date() -> None:
    """config.example.toml is what the settings say now."""
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == example_toml()


def test_the_example_is_the_defaults(tmp_path: Path) -> None:
    """A copy of the example changes nothing."""
    file = tmp_path / "config.toml"
    file.write_text(example_toml(), encoding="utf-8")
    assert load(file).settings == defaults()


def test_the_example_heeds_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line shows the default, whatever happens to be set where the example is made."""
    plain = example_toml()
    monkeypatch.setenv("EQUIGEN_FETCH__GENRE_LIMIT", "3")
    monkeypatch.setenv("EQUIGEN_DISCOGS__USER_AGENT", "Somebody/1.0")
    assert example_toml() == plain


def test_every_setting_stands_in_the_example() -> None:
    """No key is left out, and each line says what it does."""
    text = example_toml()
    for table, field in Settings.model_fields.items():
        assert f"[{table}]" in text
        annotation = field.annotation
        assert annotation is not None
        for key in annotation.model_fields:
            assert f"{key} = " in text or f"[fetch.{key}]" in text or f"{table}.{key}." in text
    settings_lines = [line for line in text.splitlines() if " = " in line.partition("  #")[0]]
    own_label = text.partition("# [[fetch.label]]")[2].split("\n\n")[0]
    assert all("  # " in line or line in own_label for line in settings_lines)


def test_what_is_commented_out_can_be_switched_on(tmp_path: Path) -> None:
    """The lines that are only shown are good TOML and good settings too."""
    lines = []
    for line in example_toml().splitlines():
        bare = line.removeprefix("# ")
        is_setting = " = " in bare.partition("  #")[0] or bare.startswith("[[")
        lines.append(bare if is_setting else line)
    text = "\n".join(lines)
    assert tomllib.loads(text)["fetch"]["label"][0]["name"] == "Ska"
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    fetch = load(file).settings.fetch
    assert fetch.labels == ["Blues", "Jazz"]
    assert fetch.from_year == 2026
    assert fetch.known_queries()[-1].limit == 500
