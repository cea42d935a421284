"""Settings that decide what a dataset is: remembered where a flag gave them, compared, and said."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import equigen, sandbox_env, write_rows

import equigen as api
from equigen.commands.init import example_toml
from equigen.dataset.made_with import load_remembering
from equigen.errors import ConfigError, UsageError
from equigen.ledger.ledger import GIVEN_BY_FLAG, MADE_WITH, Ledger
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox

Command = Callable[..., api.Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Give a function that runs a command in a folder, for Jazz and Blues of a small sandbox."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIGEN_FETCH__LABELS", '["Jazz", "Blues"]')
    with Sandbox(make_catalogue(albums_per_label=12)) as sandbox:
        for name, value in sandbox_env(sandbox.base_url).items():
            monkeypatch.setenv(name, value)
        yield api.run


def labels_of(result: api.Result) -> object:
    """Return the number of albums of each label."""
    return (result.get("stages") or [result])[0]["labels"]


def test_a_limit_given_by_flag_holds_for_later_commands(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is used until another flag, or another word of the configuration, replaces it."""
    command("fetch", genre_limit=4)
    assert labels_of(command("fetch")) == {"Jazz": 4, "Blues": 4}
    assert labels_of(command("fetch", genre_limit=6)) == {"Jazz": 6, "Blues": 6}
    assert labels_of(command("run")) == {"Jazz": 6, "Blues": 6}
    assert api.open(tmp_path / "data").context.settings.fetch.genre_limit == 6
    assert command("status")["made_with"] == []
    (tmp_path / "config.toml").write_text("[fetch]\ngenre_limit = 5\n")
    told = command("status")["made_with"]
    assert told == [{"name": "fetch.genre_limit", "made_with": "6", "now": "5"}]
    assert labels_of(command("fetch", progress=True)) == {"Jazz": 6, "Blues": 6}
    said = capsys.readouterr().err
    assert "made with 6, now 5; no album is taken out for it: `equigen balance`" in said


def test_a_flag_outlives_the_configuration_that_was_there(command: Command, tmp_path: Path) -> None:
    """A config.toml with every default, as `equigen init` writes it, doesn't undo a flag."""
    (tmp_path / "config.toml").write_text(example_toml())
    command("fetch", genre_limit=3)
    assert labels_of(command("fetch")) == {"Jazz": 3, "Blues": 3}


def test_a_dry_run_remembers_nothing(command: Command) -> None:
    """What only looks changes nothing."""
    command("fetch", genre_limit=2)
    command("download", sizes=[64], dry_run=True)
    assert load_remembering(None, {}).settings.download.sizes == []
    command("download", sizes=[64])
    assert load_remembering(None, {}).settings.download.sizes == [64]


def test_a_ratio_that_changes_nothing_says_why(command: Command, tmp_path: Path) -> None:
    """Sets stay as they were dealt; split, status and report say by which ratio that was."""
    page = tmp_path / "report.html"
    command("fetch", genre_limit=10)
    command("download")
    command("split")
    other = str(command("split", ratio=[0.5, 0.25, 0.25]))
    assert "made with [0.7, 0.15, 0.15], now [0.5, 0.25, 0.25]" in other
    assert "`equigen split --reshuffle`" in other
    assert "made with [0.7, 0.15, 0.15]" in str(command("split")), "as long as it is so"
    assert "split.ratio" in str(command("status"))
    command("report", output=page)
    assert "wanted 70\u00a0%" in page.read_text()
    assert "made with" not in str(command("split", reshuffle=True))
    command("report", output=page)
    assert "wanted 50\u00a0%" in page.read_text()


def test_labels_are_those_of_the_taxonomy_that_holds(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether config.toml, an earlier flag or this command names it; so are labels of one's own."""
    monkeypatch.delenv("EQUIGEN_FETCH__LABELS")
    config = tmp_path / "config.toml"
    own = '[[fetch.label]]\nname = "Ska"\nany_style = ["Ska"]\n'
    config.write_text(f'[fetch]\ntaxonomy = "discogs-15"\n{own}')
    for name in ("hip hop", "ska"):
        assert command("labels", labels=[name])["rows_out"] == 1, name
    config.unlink()
    command("fetch", taxonomy="discogs-7", labels=["Jazz"], genre_limit=1)
    assert labels_of(command("fetch", labels=["Hip Hop"])) == {"Hip Hop": 1}
    with pytest.raises(ConfigError, match=r"'Salsa'.*remembers.*taxonomy = 'discogs-7'.*its flag"):
        command("fetch", labels=["Salsa"])


def test_labels_that_were_never_asked_for_are_not_missing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those asked for so far are remembered, whatever the next command chooses; all in the end."""
    monkeypatch.delenv("EQUIGEN_FETCH__LABELS")

    def empty(name: str, **flags: object) -> list[str]:
        stages = (told := command(name, **flags)).get("stages") or [told]
        notes = [note for each in stages for note in each["notes"]]
        return [note for note in notes if "without an album" in note]

    assert empty("run", labels=["jazz"], genre_limit=2) == empty("status") == []
    assert empty("fetch", labels=["Blues"]) == empty("status") == empty("labels") == []
    with Sandbox([]) as nothing:
        monkeypatch.setenv("EQUIGEN_DISCOGS__BASE_URL", nothing.base_url)
        told = ["1 of 3 labels are without an album: Pop"]
        assert empty("fetch", labels=["Pop"]) == empty("status") == told
        assert empty("fetch", labels=["Jazz"]) == empty("status") == told
        command("fetch")
        (many,) = empty("status")
        assert many.startswith("13 of 15 labels are without an album: Country, ")
        assert empty("fetch", labels=["Jazz"]) == empty("status") == [many]


def test_labels_of_a_dataset_of_before_are_those_of_the_settings(
    command: Command, tmp_path: Path
) -> None:
    """Its ledger doesn't say which were asked for."""
    command("fetch", genre_limit=1, labels=["Jazz"])
    with Ledger(tmp_path / "data" / "equigen_ledger.sqlite") as ledger:
        noted = json.loads(ledger.value(MADE_WITH))
        assert noted.pop("fetch.labels") == ["Jazz"]
        ledger.remember(MADE_WITH, json.dumps(noted))
    assert "1 of 2 labels are without an album: Blues" in str(command("status"))
    command("fetch", labels=["Jazz"])
    assert "1 of 2 labels are without an album: Blues" in str(command("status"))
    command("fetch")
    assert "fetch.labels" not in str(command("status")["made_with"])


def test_a_taxonomy_given_by_path_holds_from_any_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is remembered with its whole path; once it is gone, another flag goes on."""
    monkeypatch.delenv("EQUIGEN_FETCH__LABELS")
    (tmp_path / "mine.toml").write_text('label = [{name = "Jazz", any_genre = ["Jazz"]}]\n')
    command("fetch", taxonomy="mine.toml", labels=["Jazz"], genre_limit=2)
    (tmp_path / "config.toml").write_text("")
    monkeypatch.chdir(tmp_path.parent)
    assert command("status", config=tmp_path / "config.toml")["rows_out"] == 2
    (tmp_path / "mine.toml").unlink()
    with pytest.raises(ConfigError, match=r"mine\.toml: can't be read.*give its flag again"):
        command("status", config=tmp_path / "config.toml")
    monkeypatch.chdir(tmp_path)
    command("fetch", taxonomy="discogs-24", labels=["Jazz"])
    assert command("status")["rows_out"] == 2


def test_what_is_remembered_is_not_blamed_for_a_wrong_flag(command: Command) -> None:
    """Only where the command would be right without it."""
    command("fetch", genre_limit=2)
    for name, flag in (("split", {"ratio": [80, 10, 10]}), ("fetch", {"several": "mult"})):
        with pytest.raises((ConfigError, UsageError)) as caught:
            command(name, **flag)
        assert "remembers" not in str(caught.value)


def test_a_refused_flag_is_not_remembered(command: Command) -> None:
    """Nor is the dataset then made with it."""
    command("fetch", genre_limit=2)
    command("download", sizes=[64])
    with pytest.raises(UsageError, match=r"'64 crop jpg 90'.*'64 crop jpg 50'"):
        command("download", quality=50)
    assert load_remembering(None, {}).settings.download.quality == 90
    assert command("status")["made_with"] == []
    command("download")


def test_status_tells_what_an_earlier_flag_decides(command: Command, tmp_path: Path) -> None:
    """Also where config.toml has come to say its default aloud."""
    command("fetch", genre_limit=2)
    (tmp_path / "config.toml").write_text("[fetch]\ngenre_limit = 15000\n")
    told = command("status")
    assert told["by_flag"] == {"fetch.genre_limit": [2, 15000]}
    assert "2 by an earlier flag, instead of 15000" in str(told)


def test_a_damaged_ledger_hinders_no_repair(command: Command, tmp_path: Path) -> None:
    """Its settings are left out until it is mended."""
    command("fetch", genre_limit=2)
    (tmp_path / "data" / "equigen_ledger.sqlite").write_bytes(b"noise" * 1000)
    assert command("repair")["stage"] == "repair"
    assert load_remembering(None, {}).settings.fetch.genre_limit == 2


@pytest.mark.long_after(2)
@pytest.mark.parametrize("given", ['{"fetch.genre_limit": [-3, 15000]}', '{"a": 3}', "[]", "{"])
def test_a_ledger_with_a_wrong_setting_is_refused(tmp_path: Path, given: str) -> None:
    """A setting from a ledger is checked as any other; the message names the ledger."""
    write_rows(tmp_path / "data" / "equigen_dataset.tsv", {"artist": "A", "genre": "Jazz"})
    with Ledger(tmp_path / "data" / "equigen_ledger.sqlite") as ledger:
        ledger.remember(GIVEN_BY_FLAG, given)
    found = equigen("download", cwd=tmp_path)
    assert found.returncode != 0
    assert "equigen_ledger.sqlite" in found.stderr
    assert "Traceback" not in found.stderr


def test_settings_that_say_where_things_go_are_never_taken_from_a_ledger(tmp_path: Path) -> None:
    """Only those that decide what a dataset is are."""
    (tmp_path / "data").mkdir()
    hostile = {"dataset.directory": ["/", "data"], "discogs.base_url": ["http://h", "https://x"]}
    with Ledger(tmp_path / "data" / "equigen_ledger.sqlite") as ledger:
        ledger.remember(GIVEN_BY_FLAG, json.dumps(hostile))
    config = load_remembering(None, {"dataset": {"directory": tmp_path / "data"}})
    assert config.settings.discogs.base_url == "https://api.discogs.com"
    assert config.directory == tmp_path / "data"


def test_a_flag_that_mends_a_wrong_configuration_works(tmp_path: Path) -> None:
    """The other layers needn't be right for it."""
    (tmp_path / "config.toml").write_text("[fetch]\ngenre_limit = -1\n")
    with pytest.raises(ConfigError, match="genre_limit"):
        load_remembering(tmp_path / "config.toml", {})
    config = load_remembering(tmp_path / "config.toml", {"fetch": {"genre_limit": 5}})
    assert config.settings.fetch.genre_limit == 5
