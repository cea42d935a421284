"""A folder that somebody else made says where nothing goes until its user trusts it."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support import Script, ScriptedServer, program_env, write_rows
from support import equigen as program

import equigen
from equigen.config.trust import trust_file
from equigen.errors import ConfigError

TOKEN = {"DISCOGS_TOKEN": "of-the-user"}


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """A host that isn't Discogs, and sees who asks it for what."""
    with ScriptedServer(Script(status=500)) as server:
        yield server


def run(folder: Path, *args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, with the user's token in the environment."""
    return program(*args, cwd=folder, env={**TOKEN, **env})


def settings_of(kind: str, url: str) -> Mapping[str, str]:
    """Return files of a folder that name another host than Discogs."""
    if kind == "config.toml":
        return {kind: f'[discogs]\nbase_url = "{url}"\n'}
    return {kind: f"EQUIGEN_DISCOGS__BASE_URL={url}\n"}


def make(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder as a stranger does."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("kind", ["config.toml", ".env"])
def test_a_strangers_folder_gets_no_token(tmp_path: Path, other: ScriptedServer, kind: str) -> None:
    """Before it is trusted, every command ends with code 2 and one line, and nothing is asked."""
    make(tmp_path, settings_of(kind, other.url))
    for args in (("fetch",), ("run",), ("download",), ("status",), ("counts",)):
        done = run(tmp_path, *args)
        assert done.returncode == 2
        assert f"= '{other.url}'" in done.stderr
        assert "run `equigen trust" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert other.seen == []
    assert not (tmp_path / "data").exists()
    done = run(tmp_path, "trust")
    assert f"{other.url}" in done.stdout
    assert done.returncode == 0
    run(tmp_path, "fetch", "--label", "Jazz", EQUIGEN_HTTP__TRIES="1")
    assert other.seen
    assert f"{other.url}" in run(tmp_path, "status").stdout
    seen = len(other.seen)
    make(tmp_path, settings_of(kind, f"{other.url}/elsewhere"))
    assert run(tmp_path, "fetch").returncode == 2
    run(tmp_path, "trust")
    run(tmp_path, "trust", "--forget")
    assert run(tmp_path, "fetch").returncode == 2
    assert len(other.seen) == seen


def test_what_the_user_says_needs_no_trust(tmp_path: Path, other: ScriptedServer) -> None:
    """The environment is the user's, and EQUIGEN_TRUST=1 trusts every folder."""
    asked = {"EQUIGEN_HTTP__TRIES": "1"}
    run(tmp_path, "fetch", "--label", "Jazz", EQUIGEN_DISCOGS__BASE_URL=other.url, **asked)
    assert len(other.seen) == 1
    make(tmp_path, settings_of("config.toml", other.url))
    run(tmp_path, "fetch", "--label", "Jazz", EQUIGEN_TRUST="1", **asked)
    assert len(other.seen) == 2
    make(tmp_path, {".env": "EQUIGEN_TRUST=1\n"})
    assert run(tmp_path, "fetch", **asked).returncode == 2
    assert len(other.seen) == 2


@pytest.mark.parametrize("directory", ["/elsewhere", "../elsewhere", "~/elsewhere"])
def test_folders_elsewhere_need_trust(tmp_path: Path, directory: str) -> None:
    """A place for files that leads out of the folder."""
    make(tmp_path, {"config.toml": f'[dataset]\ndirectory = "{directory}"\n'})
    done = run(tmp_path, "status")
    assert done.returncode == 2
    assert f"dataset.directory = '{directory}'" in done.stderr
    with pytest.raises(ConfigError, match="you haven't said that you trust it"):
        equigen.open(config=tmp_path / "config.toml")
    with pytest.raises(ConfigError, match="you haven't said that you trust it"):
        equigen.run("counts", config=tmp_path / "config.toml")
    assert run(tmp_path, "status", EQUIGEN_DATASET__DIRECTORY=str(tmp_path)).returncode == 0


def test_other_settings_need_none(tmp_path: Path) -> None:
    """Labels, rates, sizes, names below the folder, the services' own hosts."""
    make(
        tmp_path,
        {
            "config.toml": '[dataset]\ndirectory = "covers/jazz"\nimages = "i"\n[fetch]\n'
            'genre_limit = 3\n[discogs]\nbase_url = "https://api.discogs.com"\n',
            ".env": "DISCOGS_TOKEN=theirs\n",
        },
    )
    write_rows(
        tmp_path / "covers" / "jazz" / "equigen_dataset.tsv", {"artist": "A", "genre": "Jazz"}
    )
    assert run(tmp_path, "counts").returncode == 0
    assert "no settings that need trust" in run(tmp_path, "trust").stdout


def test_a_folder_of_our_own_is_trusted(tmp_path: Path, other: ScriptedServer) -> None:
    """`equigen init` begins it here, whatever its user writes into it then."""
    run(tmp_path, "init", "mine")
    make(tmp_path / "mine", settings_of("config.toml", other.url))
    run(tmp_path / "mine", "fetch", "--label", "Jazz", EQUIGEN_HTTP__TRIES="1")
    assert len(other.seen) == 1
    run(tmp_path, "trust", "mine", "--forget")
    assert run(tmp_path / "mine", "fetch").returncode == 2


@pytest.mark.parametrize("text", ["", "[]", "{", "\0"])
def test_a_list_that_cannot_be_read_trusts_nobody(
    tmp_path: Path, other: ScriptedServer, text: str
) -> None:
    """In one line that names it."""
    make(tmp_path, settings_of("config.toml", other.url))
    assert run(tmp_path, "trust").returncode == 0
    known = json.loads(trust_file().read_text(encoding="utf-8"))
    assert str(tmp_path.resolve()) in known
    trust_file().write_text(text, encoding="utf-8")
    done = run(tmp_path, "fetch")
    assert done.returncode == 2
    assert str(trust_file()) in done.stderr
    trust_file().unlink()
    assert program_env()["XDG_CONFIG_HOME"] in str(trust_file())
    assert other.seen == []
