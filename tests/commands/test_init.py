"""The init stage in real folders."""

import os
import stat
from pathlib import Path

import pytest
from support import make_context, posix_only

from equigen.commands import init
from equigen.commands.init import example_toml
from equigen.config.layers import load
from equigen.errors import StorageError, UsageError


def test_a_new_folder_gets_settings_and_a_place_for_secrets(tmp_path: Path) -> None:
    """config.toml holds the defaults, .env is for our eyes only and out of version control."""
    folder = tmp_path / "covers"
    init.run(make_context(tmp_path), folder)
    assert (folder / "config.toml").read_text() == example_toml()
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    names = [line for line in (folder / ".env").read_text().splitlines() if line[:1] != "#"]
    assert names == [
        *("DISCOGS_TOKEN=", "DISCOGS_KEY=", "DISCOGS_SECRET="),
        *("SPOTIPY_CLIENT_ID=", "SPOTIPY_CLIENT_SECRET="),
    ]
    assert (folder / ".gitignore").read_text() == ".env\n"
    config = load(folder / "config.toml")
    assert config.credentials.discogs_authorization() == ""
    assert config.directory == folder / "data"


@pytest.mark.parametrize("there", ["config.toml", ".env"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    """Where one file is there already, neither is written."""
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match=there):
        init.run(make_context(tmp_path), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path, name: str) -> None:
    """Nothing is written through it."""
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(UsageError, match="is there already"):
        init.run(make_context(tmp_path), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [name]


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "device", "link"])
def test_a_gitignore_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """What it leads to is neither read nor changed, and nothing else is written."""
    (tmp_path / "others").write_text("secret\n")
    place = tmp_path / "covers" / ".gitignore"
    place.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero" if kind == "device" else "../others")
    with pytest.raises(StorageError, match=r"not a regular file|a symbolic link leads from there"):
        init.run(make_context(tmp_path), tmp_path / "covers")
    assert (tmp_path / "others").read_text() == "secret\n"
    assert [file.name for file in place.parent.iterdir()] == [".gitignore"]


def test_an_existing_gitignore_is_added_to(tmp_path: Path) -> None:
    """Lines of the user's stay; .env is added once."""
    (tmp_path / ".gitignore").write_text("*.pyc")
    init.run(make_context(tmp_path), tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.env\n"
    (tmp_path / "config.toml").unlink()
    (tmp_path / ".env").unlink()
    init.run(make_context(tmp_path), tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.env\n"
