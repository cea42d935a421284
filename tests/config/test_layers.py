"""Settings from five layers, and what is said of a wrong one."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.config.layers import CONFIG_NAME, DOTENV_NAME, Config, load
from equigen.config.settings import (
    OWN_NAMES,
    DownloadSettings,
    Settings,
    SplitSettings,
    defaults,
)
from equigen.errors import ConfigError, MissingInputError
from equigen.labels.taxonomy import MatchBy, Query, Rule, builtin_queries
from equigen.ledger.backup import copies_of
from equigen.ledger.ledger import LEDGER_NAME
from equigen.storage.lock import LOCK_NAMES

Load = Callable[..., Config]
ENV = "EQUIGEN_FETCH__GENRE_LIMIT"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take everything that EquiGen heeds out of the environment."""
    for name in list(os.environ):
        if name.upper().startswith(("EQUIGEN_", "DISCOGS_")):
            monkeypatch.delenv(name)


@pytest.fixture
def load_from(tmp_path: Path) -> Load:
    """Return a function that writes config.toml and .env, and loads them."""

    def write_and_load(
        toml: str = "", *, dotenv: str = "", flags: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Config:
        (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
        if dotenv:
            (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return load(tmp_path / "config.toml", flags=flags)

    return write_and_load


def refusal(load_from: Load, toml: str = "", **more: Any) -> str:  # noqa: ANN401
    """Return what is said of wrong settings; check that it is one line."""
    with pytest.raises(ConfigError) as caught:
        load_from(toml, **more)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_without_any_layer_the_defaults_hold(load_from: Load) -> None:
    """An empty config.toml changes nothing."""
    config = load_from()
    assert config.settings == defaults()
    assert config.settings.fetch.genre_limit == 15_000
    assert config.settings.fetch.world_limit is None
    assert config.settings.fetch.to_year == 1930
    assert config.settings.split.ratio == (0.7, 0.15, 0.15)
    assert config.settings.split.seed == 1337
    assert config.settings.discogs.requests_per_minute == 60


def test_each_layer_goes_before_the_ones_below(
    load_from: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags win over the environment, that over .env, that over config.toml, that over defaults."""
    toml, dotenv = "[fetch]\ngenre_limit = 1", f"{ENV}=2"
    flags = {"fetch": {"genre_limit": 4}}
    assert load_from(toml).settings.fetch.genre_limit == 1
    assert load_from(toml, dotenv=dotenv).settings.fetch.genre_limit == 2
    monkeypatch.setenv(ENV, "3")
    assert load_from(toml, dotenv=dotenv).settings.fetch.genre_limit == 3
    assert load_from(toml, dotenv=dotenv, flags=flags).settings.fetch.genre_limit == 4


def test_layers_mix_key_by_key(load_from: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """One key of a table from a higher layer leaves the others as the lower ones say."""
    monkeypatch.setenv("EQUIGEN_FETCH__WORLD_LIMIT", "20")
    config = load_from(
        "[fetch]\ngenre_limit = 1\nworld_limit = 1\nto_year = 1990\nfrom_year = 1995",
        dotenv="EQUIGEN_FETCH__TO_YEAR=1991",
        flags={"fetch": {"from_year": 2000}, "split": {}},
    )
    fetch = config.settings.fetch
    assert (fetch.genre_limit, fetch.world_limit, fetch.to_year, fetch.from_year) == (
        1,
        20,
        1991,
        2000,
    )


def test_the_taxonomy_is_the_sources_own_unless_one_is_set(load_from: Load) -> None:
    """Whichever layer names the source."""
    mumu = {"fetch": {"source": "mumu"}}
    assert load_from("", flags=mumu).settings.fetch.taxonomy == "mumu-16"
    assert load_from('[fetch]\nsource = "msd-i"').settings.fetch.taxonomy == "msd-15"
    assert load_from("[fetch]\ngenre_limit = 7").settings.fetch.taxonomy == "discogs-24"
    other = load_from('[fetch]\ntaxonomy = "discogs-7"', flags=mumu)
    assert other.settings.fetch.taxonomy == "discogs-7"


def test_a_file_starts_at_the_config_or_where_a_flag_is_given(load_from: Load) -> None:
    """What isn't named is none."""
    config = load_from('[mumu]\nalbums = "a.csv"', flags={"mumu": {"metadata": "m.json"}})
    assert config.file_of("mumu.albums") == config.folder / "a.csv"
    assert config.file_of("mumu.metadata") == Path("m.json")
    assert config.file_of("msd_i.file") is None


def test_any_key_is_an_environment_variable(
    load_from: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table and key joined by two underscores name a setting; lists are JSON."""
    for name, value in {
        "EQUIGEN_DISCOGS__BASE_URL": "http://127.0.0.1:8000/",
        "EQUIGEN_FETCH__LABELS": '["Jazz", "Blues"]',
        "EQUIGEN_SPLIT__RATIO": "[0.8, 0.1, 0.1]",
        "EQUIGEN_DATASET__DIRECTORY": "elsewhere",
        "EQUIGEN_HTTP__READ_TIMEOUT_S": "1.5",
        "equigen_split__seed": "7",
    }.items():
        monkeypatch.setenv(name, value)
    settings_ = load_from().settings
    assert settings_.discogs.base_url == "http://127.0.0.1:8000"
    assert settings_.fetch.labels == ["Jazz", "Blues"]
    assert settings_.split.ratio == (0.8, 0.1, 0.1)
    assert settings_.dataset.directory == Path("elsewhere")
    assert settings_.http.read_timeout_s == 1.5
    assert settings_.split.seed == 7


def test_other_programs_variables_are_none_of_ours(
    load_from: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables without the prefix change nothing, in the environment and in .env."""
    monkeypatch.setenv("FETCH__GENRE_LIMIT", "1")
    monkeypatch.setenv("FETCH", "1")
    config = load_from(dotenv="DATABASE_URL=x\nGENRE_LIMIT=1\n")
    assert config.settings == defaults()


def test_dotenv_is_looked_for_beside_the_config(tmp_path: Path, load_from: Load) -> None:
    """The .env that counts lies in config.toml's folder."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.toml").touch()
    load_from(dotenv=f"{ENV}=5")
    assert load(tmp_path / "elsewhere" / "config.toml").settings.fetch.genre_limit == 15_000


def test_the_datasets_folder_starts_at_the_config(load_from: Load, tmp_path: Path) -> None:
    """A relative folder doesn't depend on where the command is run; an absolute one is kept."""
    assert load_from().directory == tmp_path / "data"
    elsewhere = f'[dataset]\ndirectory = "{(tmp_path / "x").as_posix()}"'
    assert load_from(elsewhere).directory == tmp_path / "x"


@pytest.mark.parametrize(
    "name",
    ["dataset.directory", "dumps.directory", "mumu.albums", "msd_i.file", "spotify.genres_file"],
)
def test_a_home_that_nobody_has_is_named(load_from: Load, name: str) -> None:
    """In one line, with where it stands."""
    table, _, key = name.partition(".")
    with pytest.raises(ConfigError, match=rf"line 2: {table}\.{key}: .*nobody knows"):
        load_from(f'[{table}]\n{key} = "~nobodyhere/data"\n')


def test_a_config_that_was_named_must_be_there(tmp_path: Path) -> None:
    """A path given by hand that leads nowhere is an error."""
    with pytest.raises(MissingInputError, match=r"nowhere\.toml.*equigen init"):
        load(tmp_path / "nowhere.toml")


def test_without_a_config_file_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder without config.toml everything is at its default."""
    monkeypatch.chdir(tmp_path)
    assert load().settings == defaults()


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[fetch]\ngenre_limt = 3", ["fetch.genre_limt", "unknown", "genre_limit"]),
        ("[fetc]\ngenre_limit = 3", ["fetc", "unknown", "fetch"]),
        ("genre_limit = 3", ["genre_limit", "unknown"]),
        ("[fetch]\ngenre_limit = 'many'", ["fetch.genre_limit", "whole number", "'many'"]),
        ("[fetch]\ngenre_limit = 1.5", ["fetch.genre_limit", "whole number", "1.5"]),
        ("[fetch]\ngenre_limit = true", ["fetch.genre_limit", "whole number", "true"]),
        ("[fetch]\ngenre_limit = [1]", ["fetch.genre_limit", "whole number", "[1]"]),
        ("[fetch]\ngenre_limit = -1", ["fetch.genre_limit", "0", "-1"]),
        ("[http]\ntries = 0", ["http.tries", "1", "got 0"]),
        ("[http]\nread_timeout_s = 0", ["http.read_timeout_s", "greater than 0", "got 0"]),
        ("[http]\nread_timeout_s = inf", ["http.read_timeout_s", "inf"]),
        ("[http]\nmax_wait_s = nan", ["http.max_wait_s", "nan"]),
        ("fetch = 3", ["fetch", "got 3"]),
        ("[split]\nratio = [0.5, 0.5, 0.5]", ["split.ratio", "add up to 1", "1.5"]),
        ("[split]\nratio = [1.2, -0.1, -0.1]", ["split.ratio", "0 or more"]),
        ("[split]\nratio = [0.5, 0.5]", ["split.ratio", "[0.5, 0.5]"]),
        ("[split]\nratio = [0.25, 0.25, 0.25, 0.25]", ["split.ratio", "3", "0.25"]),
        ("[split]\nratio = [nan, 0.5, 0.5]", ["split.ratio", "nan"]),
        ("[split]\nratio = [0.5]", ["split.ratio: expected 3 values, got [0.5]"]),
        ("[split]\nratio = [1, 'x', 0]", ["split.ratio.1: expected a number, got 'x'"]),
        ("[http]\ntries = -1", ["http.tries: expected a number of at least 1, got -1"]),
        ("[fetch]\ngenre_limt = 3", ["unknown key (did you mean 'genre_limit'?). Known here"]),
        (
            "[fetch]\nlabels = ['Jas', 'Blues']",
            ["no query or label is called 'Jas' (did you mean 'Jazz'?). `equigen labels` lists"],
        ),
        (
            "[fetch]\nlabels = ['Pock']",
            ["no query or label is called 'Pock' (did you mean 'Rock' or 'Pop' or 'Punk'?)"],
        ),
        ("[discogs]\ntoken = 'x'", ["discogs.token: unknown", "Credentials stand in .env"]),
        ("[split]\nratio = 'half'", ["split.ratio", "'half'"]),
        ("[discogs]\nentity = 'artist'", ["discogs.entity", "'master'", "'artist'"]),
        ("[discogs]\nbase_url = 'ftp://x'", ["discogs.base_url", "http://", "'ftp://x'"]),
        (
            "[discogs]\nbase_url = 'http://x/?token=y#z'",
            ["discogs.base_url", "http://", "'http://x/?\u2026'"],
        ),
        ("[discogs]\nbase_url = ''", ["discogs.base_url", "http://", "''"]),
        ("[dataset]\ntsv = ''", ["dataset.tsv", "''"]),
        ("[dataset]\ntsv = 7", ["dataset.tsv", "got 7"]),
        ("[fetch]\nlabels = ['Jaz']", ["fetch", "labels", "'Jaz'", "'Jazz'"]),
        ("[fetch]\nlabels = 'Jazz'", ["fetch.labels", "list", "'Jazz'"]),
        ("[fetch]\nto_year = 19", ["fetch.to_year", "1000", "19"]),
        ("[[fetch.label]]\nname = 'Ska'", ["fetch.label", "'Ska'", "genre or a style"]),
        ("[[fetch.label]]\nstyle = 'Ska'", ["fetch.label.0.name", "missing"]),
        (
            "[[fetch.label]]\nname = 'Ska'\nstyle = 'Ska'\nlimt = 3",
            ["fetch.label.0.limt", "unknown", "limit"],
        ),
        (
            "[[fetch.label]]\nname = 'A'\nstyle = 'A'\n[[fetch.label]]\nname = 'A'\nstyle = 'B'",
            ["fetch", "'A'", "twice"],
        ),
        ("[download.hosts.'x.com']\nper_minute = -1", ["hosts.x.com.per_minute", "0", "-1"]),
        ("[download.hosts.'x.com']\nper_minut = 1", ["x.com.per_minut", "unknown", "per_minute"]),
        ("[download.hosts.'*']\nconcurrency = 0", ["concurrency", "1", "got 0"]),
        ("[download]\nhosts = 3", ["download.hosts", "got 3"]),
        ("[download.hosts]\n'x.com' = 3", ["download.hosts.x.com", "got 3"]),
        ("[fetch\n", ["not TOML", "line 1"]),
        ("[fetch]\n\ngenre_limit = \n", ["not TOML", "line 3"]),
        ("[fetch]\n[fetch]\n", ["not TOML", "line 2"]),
        ('[fetch]\n"a\\nb" = 1', ["unknown", "fetch.a"]),
        ('"a\\u2028b" = 1', ["unknown"]),
        ("[fetch]\nsource = ['a\\nb']", ["fetch.source"]),
    ],
)
def test_a_wrong_setting_is_named(load_from: Load, toml: str, said: list[str]) -> None:
    """One line names the file, the key, what was expected and what came."""
    message = refusal(load_from, toml)
    assert "config.toml" in message
    for part in said:
        assert part in message


def test_more_wrong_settings_are_counted(load_from: Load) -> None:
    """The first is told, the others are announced."""
    message = refusal(load_from, "[fetch]\ngenre_limit = 'x'\nworld_limit = 'y'\n[split]\nseed='z'")
    assert "fetch.genre_limit" in message
    assert "2 more" in message


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example/?token=hush",
        "api.example?token=hush",
        "https://api.example/#hush",
        "https://me:hush@api.example/?a=b",
        "ftp://me:hush@api.example",
        "htp:/me:hush@api.example",
    ],
)
def test_a_wrong_address_is_named_without_its_secrets(load_from: Load, address: str) -> None:
    """Neither what it asks for nor who asks gets into the message."""
    message = refusal(load_from, f"[discogs]\nbase_url = '{address}'")
    assert "discogs.base_url" in message
    assert "api.example" in message
    assert "hush" not in message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (ENV, "many", ["fetch.genre_limit", "whole number", "'many'"]),
        (ENV, "", ["fetch.genre_limit", "whole number", "''"]),
        ("EQUIGEN_FETCH__GENRE_LIMT", "3", ["fetch.genre_limt", "unknown", "genre_limit"]),
        ("EQUIGEN_FETHC__GENRE_LIMIT", "3", ["unknown"]),
        ("EQUIGEN_GENRE_LIMIT", "3", ["unknown"]),
        ("EQUIGEN_FETCH", "3", ["fetch"]),
        ("EQUIGEN_FETCH__LABELS", "Jazz,Blues", ["fetch.labels", "list", "Jazz,Blues"]),
        ("EQUIGEN_FETCH__LABELS", '["Jaz"]', ["labels", "'Jaz'", "'Jazz'"]),
        ("EQUIGEN_FETCH__FROM_YEAR", "900", ["fetch.from_year", "at least 1000", "900"]),
        ("EQUIGEN_SPLIT__RATIO", "[0.5, 0.5, 0.5]", ["split.ratio", "add up to 1", "1.5"]),
        ("EQUIGEN_SPLIT__RATIO", "0.8,0.1,0.1", ["split", "JSON"]),
        ("EQUIGEN_SPLIT__RATIO", "half", ["split.ratio"]),
        ("EQUIGEN_SPLIT__RATIO", "", ["split.ratio"]),
        ("EQUIGEN_DOWNLOAD__HOSTS", "[1", ["download.hosts"]),
        ("EQUIGEN_DATASET", "{", ["dataset"]),
    ],
)
@pytest.mark.parametrize("layer", ["environment", ".env"])
def test_a_wrong_variable_is_named_where_it_stands(
    load_from: Load,
    monkeypatch: pytest.MonkeyPatch,
    layer: str,
    name: str,
    value: str,
    said: list[str],
) -> None:
    """A variable is blamed by its own name, and not the file that has nothing to do with it."""
    if layer == "environment":
        monkeypatch.setenv(name, value)
        message = refusal(load_from)
        assert "environment" in message
    else:
        message = refusal(load_from, dotenv=f"{name}='{value}'\n")
        assert ".env" in message
    assert name in message
    assert "config.toml" not in message
    for part in said:
        assert part in message


def test_a_variable_that_is_no_json_is_told_from_those_that_need_not_be(
    load_from: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain text beside it, which is never JSON, isn't blamed."""
    monkeypatch.setenv("EQUIGEN_DISCOGS__USER_AGENT", "+me [at] home")
    monkeypatch.setenv("EQUIGEN_DATASET__DIRECTORY", "/data")
    monkeypatch.setenv("EQUIGEN_SPLIT__RATIO", "0.8/0.1/0.1")
    message = refusal(load_from)
    assert "EQUIGEN_SPLIT__RATIO" in message
    assert "USER_AGENT" not in message
    assert "DIRECTORY" not in message


def test_a_wrong_flag_is_blamed_on_the_command_line(load_from: Load) -> None:
    """A value given by flag is not looked for in a file."""
    message = refusal(load_from, "[fetch]\ngenre_limit = 5", flags={"fetch": {"genre_limit": -2}})
    assert (
        message == "--genre-limit: expected a number of at least 0, got -2. Mend it and run again."
    )


def test_a_flag_that_fits_the_config_badly_is_blamed_too(load_from: Load) -> None:
    """An error between two settings is told of the flag, as the user wrote it."""
    message = refusal(load_from, "[download]\nsizes = [0]", flags={"download": {"format": "png"}})
    assert message.startswith("--format: png is for sized files")


def test_years_are_given_either_way_round(load_from: Load) -> None:
    """They are asked from the newest down."""
    config = load_from("[fetch]\nfrom_year = 1950\nto_year = 1990")
    assert config.settings.fetch.years(2026) == range(1990, 1949, -1)


@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_a_file_that_is_not_utf_8_is_named(load_from: Load, tmp_path: Path, name: str) -> None:
    """A file in another encoding is refused by name, in one line."""
    load_from()
    (tmp_path / name).write_bytes("# Björk\nA=1\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=name) as caught:
        load(tmp_path / "config.toml")
    assert len(str(caught.value).splitlines()) == 1


def test_a_config_with_a_byte_order_mark_is_read(load_from: Load) -> None:
    """Windows editors put a mark at the start of a file."""
    assert load_from("\ufeff[fetch]\ngenre_limit = 5").settings.fetch.genre_limit == 5


@given(
    st.dictionaries(
        st.sampled_from(["fetch", "split", "dataset", "http", "discogs", "download", "odd\nkey"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["genre_limit", "labels", "label", "hosts", "ratio", "a\nb"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=6,
        ),
        max_size=3,
    )
)
@examples(100)
def test_whatever_is_given_is_taken_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, given_: dict[str, Any]
) -> None:
    """No value of any type makes anything but settings or one line about them."""
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.touch()
    tables = {table: value for table, value in given_.items() if isinstance(value, dict)}
    refusal_ = ""
    try:
        load(file, flags=tables)
    except ConfigError as err:
        refusal_ = str(err)
    assert len(refusal_.splitlines()) <= 1


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
@examples(100)
def test_shares_add_up_or_are_refused(shares: list[float]) -> None:
    """Only shares that add up to 1 are shares."""
    ratio = (shares[0], shares[1], shares[2])
    if math.isclose(sum(ratio), 1, abs_tol=1e-6):
        assert SplitSettings(ratio=ratio).ratio == ratio
    elif not math.isclose(sum(ratio), 1, abs_tol=1e-4):
        with pytest.raises(ValueError, match="add up to 1"):
            SplitSettings(ratio=ratio)


@pytest.mark.parametrize("ratio", ["[0.7, 0.2, 0.1]", "[0.8, 0.1, 0.1]", "[1, 0, 0]"])
def test_shares_that_add_up_but_for_rounding_are_fine(load_from: Load, ratio: str) -> None:
    """Sums that floating point misses by a hair are 1, and a set may be empty."""
    assert math.isclose(sum(load_from(f"[split]\nratio = {ratio}").settings.split.ratio), 1)


def test_hosts_stand_beside_the_defaults(load_from: Load) -> None:
    """A host of one's own adds to the known ones; keys of a known one change one by one."""
    known = load_from().settings.download.hosts
    assert (known["i.discogs.com"].per_minute, known["i.discogs.com"].per_day) == (30, 1000)
    toml = """
        [download.hosts."i.discogs.com"]
        per_minute = 5
        [download.hosts."a.example"]
        per_day = 9
    """
    hosts = load_from(toml).settings.download.hosts
    assert set(hosts) == {*known, "a.example"}
    assert (hosts["i.discogs.com"].per_minute, hosts["i.discogs.com"].per_day) == (5, 1000)
    assert hosts["i.discogs.com"].concurrency == known["i.discogs.com"].concurrency
    assert (hosts["a.example"].per_day, hosts["a.example"].per_minute) == (9, 0)
    assert hosts["*"] == known["*"]


def test_the_limits_of_a_host_hold_however_its_name_is_written(load_from: Load) -> None:
    """Capitals, and letters beyond ASCII, are the same host."""
    toml = """
        [download.hosts."I.Discogs.com"]
        per_minute = 5
        [download.hosts."*.bücher.example"]
        per_day = 9
    """
    hosts = load_from(toml).settings.download.hosts
    assert hosts["i.discogs.com"].per_minute == 5
    assert hosts["*.xn--bcher-kva.example"].per_day == 9


def test_hosts_join_the_defaults_also_without_any_layer() -> None:
    """A table made by hand has the known hosts too."""
    hosts = DownloadSettings.model_validate({"hosts": {"i.discogs.com": {"per_minute": 5}}}).hosts
    assert (hosts["i.discogs.com"].per_minute, hosts["i.discogs.com"].per_day) == (5, 1000)
    assert hosts["*"].concurrency == 32


def test_labels_of_ones_own_join_the_built_in_ones(load_from: Load) -> None:
    """A [[fetch.label]] table is a label like any other, after the built-in ones."""
    toml = """
        [fetch]
        genre_limit = 10
        [[fetch.label]]
        name = "Ska"
        genre = "Reggae"
        style = "Ska"
        limit = 500
        [[fetch.label]]
        name = "Zouk"
        style = "Zouk"
        folder = "Islands"
    """
    every = load_from(toml).settings.fetch.chosen_queries()
    assert every[:24] == builtin_queries(genre_limit=10)
    ska, zouk = Rule(any_genre=("Reggae",), any_style=("Ska",)), Rule(any_style=("Zouk",))
    assert every[24:] == (
        Query("Ska", "Reggae", "Ska", 500, "Ska", cell="Ska", rule=ska, label_limit=500),
        Query("Zouk", "", "Zouk", 10, "Islands", cell="Zouk", rule=zouk, label_limit=10),
    )


def test_a_label_of_ones_own_shares_the_quota_of_its_folder(load_from: Load) -> None:
    """Without a limit it has an equal part, and its cell is its name."""
    zouk = '[[fetch.label]]\nname = "Zouk"\nstyle = "Zouk"\nfolder = "World"'
    toml = f"[fetch]\ngenre_limit = 22\n{zouk}"
    world = [
        each for each in load_from(toml).settings.fetch.known_queries() if each.label == "World"
    ]
    assert [each.limit for each in world] == [2] * 11
    assert world[-1].cell == "Zouk"


def test_a_taxonomy_of_ones_own_lies_beside_the_settings(load_from: Load, tmp_path: Path) -> None:
    """Its path is relative to config.toml, and it is read once."""
    file = tmp_path / "own.toml"
    file.write_text('label = [{name = "Dub", any_style = ["Dub"]}]', encoding="utf-8")
    fetch = load_from('[fetch]\ntaxonomy = "own.toml"').settings.fetch
    file.unlink()
    assert [query.name for query in fetch.known_queries()] == ["Dub"]
    assert "own.toml: can't be read" in refusal(load_from, '[fetch]\ntaxonomy = "own.toml"')


def test_a_built_in_label_may_be_replaced_in_its_place(load_from: Load) -> None:
    """A table with a known name changes that label and keeps its turn."""
    toml = '[[fetch.label]]\nname = "Jazz"\nstyle = "Bop"\nlimit = 0'
    labels = load_from(toml).settings.fetch.chosen_queries()
    assert len(labels) == 24
    bop = Rule(any_style=("Bop",))
    assert labels[3] == Query("Jazz", "", "Bop", 0, "Jazz", "Jazz", rule=bop, label_limit=15_000)


def test_labels_may_be_chosen(load_from: Load) -> None:
    """Chosen labels are filled in the order given, each once, own ones too."""
    toml = """
        [fetch]
        labels = ["Ska", "Jazz", "Ska", "Blues"]
        [[fetch.label]]
        name = "Ska"
        style = "Ska"
    """
    fetch = load_from(toml).settings.fetch
    assert [label.name for label in fetch.chosen_queries()] == ["Ska", "Jazz", "Blues"]
    assert len(fetch.known_queries()) == 25


def test_names_of_labels_are_given_in_any_case(load_from: Load) -> None:
    """A query goes before a label, and a name in its own case before others."""
    toml = """
        [fetch]
        labels = ["jazz", "WORLD", "ska"]
        [[fetch.label]]
        name = "SKA"
        style = "Ska"
        [[fetch.label]]
        name = "ska"
        style = "Two Tone"
    """
    chosen = load_from(toml).settings.fetch.chosen_queries()
    assert [each.label for each in chosen] == ["Jazz", *["World"] * 10, "ska"]
    assert chosen[-1].style == "Two Tone"


def test_a_label_of_ones_own_has_a_rule(load_from: Load) -> None:
    """`genre` and `style` are short for lists; the others are as in a taxonomy."""
    toml = """
        [fetch]
        taxonomy = "discogs-15"
        [[fetch.label]]
        name = "Ska"
        genre = "Reggae"
        any_genre = ["Rock"]
        any_style = ["Ska", "Two Tone"]
        any_of = ["Vinyl"]
        all_of = ["Live"]
        none_of = ["Metal"]
        by = "names"
        [[fetch.label]]
        name = "Dub"
        style = "Dub"
    """
    *_, ska, dub = load_from(toml).settings.fetch.known_queries()
    assert ska.rule == Rule(
        ("Reggae", "Rock"), ("Ska", "Two Tone"), ("Vinyl",), ("Live",), ("Metal",), MatchBy.NAMES
    )
    assert dub.rule == Rule(any_style=("Dub",), by=MatchBy.WORDS)
    nothing = refusal(load_from, '[[fetch.label]]\nname = "X"\nnone_of = ["Metal"]')
    assert "label 'X' needs a genre or a style to be asked by: any_genre" in nothing
    assert "[1]" not in refusal(load_from, '[[fetch.label]]\nname = "X"\nany_genre = 1')


def test_credentials_come_from_the_environment(
    load_from: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token, or key and secret, is what the service is told."""
    assert load_from().credentials.discogs_authorization() == ""
    monkeypatch.setenv("DISCOGS_KEY", "made-up-key")
    assert load_from().credentials.discogs_authorization() == ""
    monkeypatch.setenv("DISCOGS_SECRET", "made-up-secret")
    both = load_from().credentials.discogs_authorization()
    assert both == "Discogs key=made-up-key, secret=made-up-secret"
    monkeypatch.setenv("DISCOGS_TOKEN", "made-up-token")
    assert load_from().credentials.discogs_authorization() == "Discogs token=made-up-token"


def test_credentials_come_from_dotenv_below_the_environment(
    load_from: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The .env file holds them too; the environment goes before it."""
    dotenv = "DISCOGS_TOKEN=made-up-one\n"
    one = load_from(dotenv=dotenv).credentials.discogs_authorization()
    assert one == "Discogs token=made-up-one"
    monkeypatch.setenv("DISCOGS_TOKEN", "made-up-two")
    two = load_from(dotenv=dotenv).credentials.discogs_authorization()
    assert two == "Discogs token=made-up-two"


@pytest.mark.parametrize(
    "toml",
    ['DISCOGS_TOKEN = "hunter2"', '[discogs]\ntoken = "hunter2"', '[discogs]\nkey = "hunter2"'],
)
def test_credentials_in_the_config_are_refused_and_not_shown(load_from: Load, toml: str) -> None:
    """config.toml goes into version control: credentials there are an error that hides them."""
    message = refusal(load_from, toml)
    assert "unknown" in message
    assert "hunter2" not in message


def test_credentials_are_never_printed(load_from: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the credentials nor anything that holds them shows a secret."""
    monkeypatch.setenv("DISCOGS_KEY", "hunter1")
    config = load_from(dotenv="DISCOGS_TOKEN=hunter2\nDISCOGS_SECRET=hunter3\n")
    shown = f"{config!r} {config} {config.credentials!r} {config.credentials}"
    shown += str(config.credentials.model_dump()) + config.credentials.model_dump_json()
    assert "hunter" not in shown


def test_a_wrong_setting_beside_credentials_shows_none(load_from: Load) -> None:
    """What is said of a wrong .env doesn't recite the rest of it."""
    message = refusal(load_from, dotenv=f"DISCOGS_TOKEN=hunter2\n{ENV}=x\n")
    assert "hunter2" not in message


def test_settings_can_not_be_changed_later(load_from: Load) -> None:
    """What was checked stays as it was checked."""
    loaded = load_from()
    with pytest.raises(ValueError, match="frozen"):
        setattr(loaded.settings.fetch, "genre_limit", 3)  # noqa: B010  (mypy knows it is frozen)
    assert isinstance(loaded.settings, Settings)


def test_the_defaults_heed_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`defaults()` is the same on every machine, but for the tables that it is given."""
    plain = defaults()
    monkeypatch.setenv(ENV, "3")
    assert defaults() == plain
    assert defaults(split=SplitSettings(seed=5)).split.seed == 5
    assert defaults(split=SplitSettings(seed=5)).fetch == plain.fetch


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("dataset", "directory"),
        ("dataset", "tsv"),
        ("dataset", "images"),
        ("dataset", "split"),
        ("dumps", "directory"),
    ],
)
def test_no_place_has_a_nul_in_it(load_from: Load, table: str, key: str) -> None:
    """No file system takes one, and a library's error would follow."""
    message = refusal(load_from, f'[{table}]\n{key} = "a\\u0000b"')
    assert f"line 2: {table}.{key}: expected a name without NUL characters" in message


@pytest.mark.parametrize("key", ["directory", "tsv", "images", "split"])
def test_no_place_is_longer_than_a_path_can_be(load_from: Load, key: str) -> None:
    """Hundreds of thousands of folders in each other would take all memory."""
    message = refusal(load_from, f'[dataset]\n{key} = "{"a/" * 200_000}x"')
    assert f"line 2: dataset.{key}: expected a path of at most 4,096 characters" in message


OWN = (
    "equigen_ledger.sqlite",
    "Equigen_Ledger.backup.sqlite",
    "config.toml",
    "CONFIG.TOML",
    ".env",
)


@pytest.mark.parametrize(
    "name", [*OWN, ".equigen.lock", "a/.equigen.lock.holder/b", ".gitignore ."]
)
@pytest.mark.parametrize("key", ["tsv", "images", "split", "examples"])
def test_no_place_has_a_name_of_equigens_own(load_from: Load, key: str, name: str) -> None:
    """In any case, as some file systems know none; nothing would tell the files apart."""
    message = refusal(load_from, f'[dataset]\n{key} = "{name}"')
    assert (
        f"line 2: dataset.{key}: expected a name that isn't EquiGen's own, got '{name}'" in message
    )


@pytest.mark.parametrize(
    ("toml", "key", "other"),
    [
        ('images = "split"', "images", "dataset.split"),
        ('split = "equigen_album_images"', "split", "dataset.images"),
        ('images = "a"\nsplit = "./b/../A/"', "images", "dataset.split"),
        ('images = "\u00fc"\nsplit = "u\u0308"', "images", "dataset.split"),
        ('tsv = "x"\nimages = "x"', "tsv", "dataset.images"),
        ('images = "."', "images", "dataset.directory"),
        ('split = "a/.."', "split", "dataset.directory"),
        ('tsv = "."', "tsv", "dataset.directory"),
        ('images = ".."', "images", "dataset.directory"),
        ('split = "equigen_album_images/sets"', "split", "dataset.images"),
        ('images = "split/train"', "images", "dataset.split"),
        ('tsv = "equigen_album_images/Jazz/x.jpg"', "tsv", "dataset.images"),
        ('images = "dumps"', "images", "dumps.directory"),
        ('examples = "Split"', "examples", "dataset.split"),
        ('split = "examples/sets"', "split", "dataset.examples"),
        ('examples = "equigen_album_images_set_aside"', "examples", "dataset.images"),
        ('examples = "."', "examples", "dataset.directory"),
        ('[dumps]\ndirectory = "split/train"', "directory", "dataset.split"),
        ('split = "equigen_album_images_set_aside"', "split", "dataset.images"),
        ('images = "a"\nsplit = "a_256/b"', "images", "dataset.split"),
        ('images = "equigen_dataset_reserve.tsv"', "images", "dataset.tsv"),
        ('tsv = "equigen_album_images_original_set_aside"', "tsv", "dataset.images"),
        ('split = "equigen_dataset_reserve.tsv/x"', "split", "dataset.tsv"),
        ('tsv = "a"\nimages = "a_reserve.tsv"', "tsv", "dataset.images"),
    ],
)
def test_places_are_apart(load_from: Load, toml: str, key: str, other: str) -> None:
    """Covers, sets and rows that lie in one place would be taken for each other."""
    head = "" if toml.startswith("[") else "[dataset]\n"
    message = refusal(load_from, head + toml)
    assert f".{key}: expected a place apart from {other}" in message
    assert "config.toml, line " in message


@pytest.mark.parametrize(
    "toml",
    [
        '[dataset]\nimages = "covers"\nsplit = "covers_split"\ntsv = "covers.tsv"',
        '[dataset]\nimages = "a/images"\nsplit = "a/split"\ntsv = "a/rows.tsv"',
        '[dataset]\ndirectory = "."\n[dumps]\ndirectory = "."',
        '[dataset]\nimages = "/mnt/.env/images"',
    ],
)
def test_places_beside_each_other_are_fine(load_from: Load, toml: str) -> None:
    """Also those whose names begin alike."""
    load_from(toml)


def test_equigens_own_names_are_those_of_its_files() -> None:
    """The settings know them without knowing the ledger."""
    ledger = Path(LEDGER_NAME)
    own = [LEDGER_NAME, *map(str, copies_of(ledger)), *LOCK_NAMES, CONFIG_NAME, DOTENV_NAME]
    for name in own:
        assert OWN_NAMES.match(name), name
