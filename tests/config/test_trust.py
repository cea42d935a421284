"""A folder that somebody else made says where nothing goes until its user trusts it."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from forks import Ended, Forks
from support import Script, ScriptedServer, posix_only, program_env, write_rows

import equigen
from equigen.config.trust import trust_file
from equigen.errors import ConfigError

TOKEN = {"DISCOGS_TOKEN": "of-the-user"}


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """A host that isn't Discogs, and sees who asks it for what."""
    with ScriptedServer(Script(status=500)) as server:
        yield server


Run = Callable[..., Ended]


@pytest.fixture
def run(forks: Forks) -> Run:
    """Run the program in a folder, with the user's token in the environment."""

    def run(folder: Path, *args: str | Path, **env: str) -> Ended:
        return forks.run(*args, cwd=folder, env=program_env(**TOKEN, **env))

    return run


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
def test_a_strangers_folder_gets_no_token(
    tmp_path: Path, run: Run, other: ScriptedServer, kind: str
) -> None:
    """Before it is trusted, every command ends with code 2 and one line, and nothing is asked."""
    make(tmp_path, settings_of(kind, other.url))
    for args in (("fetch",), ("run",), ("download",), ("status",), ("counts",)):
        done = run(tmp_path, *args)
        assert done.code == 2
        assert f"= '{other.url}'" in done.err
        assert "run `equigen trust" in done.err
        assert len(done.err.splitlines()) == 1
    assert other.seen == []
    assert not (tmp_path / "data").exists()
    done = run(tmp_path, "trust")
    assert f"{other.url}" in done.out
    assert done.code == 0
    run(tmp_path, "fetch", "--label", "Jazz", EQUIGEN_HTTP__TRIES="1")
    assert other.seen
    assert f"other host: discogs.base_url  {other.url}" in run(tmp_path, "status").out
    seen = len(other.seen)
    make(tmp_path, settings_of(kind, f"{other.url}/elsewhere"))
    assert run(tmp_path, "fetch").code == 2
    run(tmp_path, "trust")
    run(tmp_path, "trust", "--forget")
    assert run(tmp_path, "fetch").code == 2
    assert len(other.seen) == seen


def test_what_the_user_says_needs_no_trust(tmp_path: Path, run: Run, other: ScriptedServer) -> None:
    """The environment is the user's, and EQUIGEN_TRUST=1 trusts every folder."""
    asked = {"EQUIGEN_HTTP__TRIES": "1"}
    run(tmp_path, "fetch", "--label", "Jazz", EQUIGEN_DISCOGS__BASE_URL=other.url, **asked)
    assert len(other.seen) == 1
    make(tmp_path, settings_of("config.toml", other.url))
    run(tmp_path, "fetch", "--label", "Jazz", EQUIGEN_TRUST="1", **asked)
    assert len(other.seen) == 2
    make(tmp_path, {".env": "EQUIGEN_TRUST=1\n"})
    assert run(tmp_path, "fetch", **asked).code == 2
    assert len(other.seen) == 2


@pytest.mark.parametrize("directory", ["/elsewhere", "../elsewhere", "~/elsewhere"])
def test_folders_elsewhere_need_trust(tmp_path: Path, run: Run, directory: str) -> None:
    """A place for files that leads out of the folder."""
    make(tmp_path, {"config.toml": f'[dataset]\ndirectory = "{directory}"\n'})
    done = run(tmp_path, "status")
    assert done.code == 2
    assert f"dataset.directory = '{directory}'" in done.err
    with pytest.raises(ConfigError, match="you haven't said that you trust it"):
        equigen.open(config=tmp_path / "config.toml")
    with pytest.raises(ConfigError, match="you haven't said that you trust it"):
        equigen.run("counts", config=tmp_path / "config.toml")
    assert run(tmp_path, "status", EQUIGEN_DATASET__DIRECTORY=str(tmp_path)).code == 0


@pytest.mark.long_after(4)
@pytest.mark.parametrize("key", ["tsv", "images", "split", "examples"])
@pytest.mark.parametrize("name", ["/elsewhere/x", "../../photos", "a/../../b"])
def test_names_that_lead_out_need_trust(tmp_path: Path, run: Run, key: str, name: str) -> None:
    """Of the TSV, the covers and the sets: another folder's files are neither read nor copied."""
    make(tmp_path, {"config.toml": f'[dataset]\n{key} = "{name}"\n'})
    for command in ("status", "clean", "split"):
        done = run(tmp_path, command)
        assert done.code == 2
        assert f"dataset.{key} = '{name}'" in done.err


@pytest.mark.parametrize("name", ["mumu.albums", "mumu.metadata", "msd_i.file", "msd_i.names"])
def test_files_of_sources_that_lie_elsewhere_need_trust(
    tmp_path: Path, run: Run, name: str
) -> None:
    """An index is written beside them; those below the folder need none."""
    table, _, key = name.partition(".")
    make(tmp_path, {"config.toml": f'[{table}]\n{key} = "/elsewhere/x.csv"\n'})
    assert f"{name} = '/elsewhere/x.csv'" in run(tmp_path, "status").err
    make(tmp_path, {"config.toml": f'[{table}]\n{key} = "files/x.csv"\n'})
    assert run(tmp_path, "status").code == 0


def test_a_stranger_gives_no_consent_for_the_user(tmp_path: Path, run: Run) -> None:
    """To guesses about people; the user does, by `trust` or in the environment."""
    make(tmp_path, {"config.toml": "[features]\naccept_faces = true\n"})
    faces = ("features", "compute", "faces")
    done = run(tmp_path, *faces)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "features.accept_faces = 'True'" in done.err
    accepted = run(tmp_path, *faces, EQUIGEN_FEATURES__ACCEPT_FACES="true")
    assert "you trust it" not in accepted.err
    run(tmp_path, "trust")
    assert "you trust it" not in run(tmp_path, *faces).err
    make(tmp_path, {"config.toml": "[features]\naccept_faces = false\n"})
    assert "you trust it" not in run(tmp_path, *faces, EQUIGEN_FEATURES__ACCEPT_FACES="true").err


def test_other_settings_need_none(tmp_path: Path, run: Run) -> None:
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
    assert run(tmp_path, "counts").code == 0
    assert "no settings or links that need trust" in run(tmp_path, "trust").out


def test_a_folder_of_our_own_is_trusted(tmp_path: Path, run: Run, other: ScriptedServer) -> None:
    """`equigen init` begins it here, whatever its user writes into it then."""
    run(tmp_path, "init", "mine")
    make(tmp_path / "mine", settings_of("config.toml", other.url))
    run(tmp_path / "mine", "fetch", "--label", "Jazz", EQUIGEN_HTTP__TRIES="1")
    assert len(other.seen) == 1
    run(tmp_path, "trust", "mine", "--forget")
    assert run(tmp_path / "mine", "fetch").code == 2


@pytest.mark.parametrize("text", ["", "[]", "{", "\0"])
def test_a_list_that_cannot_be_read_trusts_nobody(
    tmp_path: Path, run: Run, other: ScriptedServer, text: str
) -> None:
    """In one line that names it."""
    make(tmp_path, settings_of("config.toml", other.url))
    assert run(tmp_path, "trust").code == 0
    known = json.loads(trust_file().read_text(encoding="utf-8"))
    assert str(tmp_path.resolve()) in known
    trust_file().write_text(text, encoding="utf-8")
    done = run(tmp_path, "fetch")
    assert done.code == 2
    assert str(trust_file()) in done.err
    trust_file().unlink()
    assert program_env()["XDG_CONFIG_HOME"] in str(trust_file())
    assert other.seen == []


PLACES = {
    "data": ("status", "clean", "download", "split", "fetch"),
    "data/equigen_dataset.tsv": ("status", "clean", "dedupe"),
    "data/equigen_dataset_reserve.tsv": ("balance", "fetch"),
    "data/equigen_album_images": ("download", "split", "counts"),
    "data/equigen_album_images_set_aside": ("download",),
    "data/equigen_album_images_64": ("download",),
    "data/equigen_album_images_64_set_aside": ("download",),
    "data/split": ("split", "repair"),
    "data/dumps": ("dumps list",),
    "data/examples": ("fetch --album discogs:m1", "split"),
    "data/examples/equigen_examples.tsv": ("fetch --album discogs:m1", "split"),
    "data/examples/equigen_album_images": ("fetch --album discogs:m1", "split"),
    "data/examples/equigen_album_images_64": ("fetch --album discogs:m1",),
    "data/a/b": ("status",),
}
SIZES = "[download]\nsizes = [0, 64]\n"


def link(place: Path, to: Path | str) -> None:
    """Put a link into the place of a file or folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(to)


@pytest.mark.long_after(3)
@posix_only
@pytest.mark.parametrize("place", PLACES)
def test_a_link_that_leads_out_of_a_strangers_folder_needs_trust(
    tmp_path: Path, run: Run, place: str
) -> None:
    """Nothing is read or written there; once it is trusted, it works until it leads elsewhere."""
    folder, photos = tmp_path / "theirs", tmp_path / "photos"
    folder.mkdir()
    photos.mkdir()
    make(folder, {"config.toml": SIZES + ('[dataset]\nimages = "a/b"\n' if "/b" in place else "")})
    link(folder / place, "../" * (place.count("/") + 1) + "photos")
    for command in PLACES[place]:
        done = run(folder, *command.split())
        assert done.code == 2, done
        assert f"link {place} = '{photos}'" in done.err
        assert len(done.err.splitlines()) == 1
    with pytest.raises(ConfigError, match="you haven't said that you trust it"):
        equigen.open(config=folder / "config.toml")
    assert list(photos.iterdir()) == []
    assert f"trusted: link {place} = {photos}" in run(folder, "trust").out
    assert "you haven't said" not in run(folder, "status").err
    (folder / place).unlink()
    link(folder / place, tmp_path / "elsewhere")
    assert f"link {place} = '{tmp_path / 'elsewhere'}'" in run(folder, "status").err
    (folder / place).unlink()
    link(folder / place, folder / "other")
    assert "you haven't said" not in run(folder, "status").err


@pytest.mark.long_after(2)
@posix_only
@pytest.mark.parametrize("place", ["equigen_dataset.tsv", "split", "equigen_album_images", "dumps"])
def test_a_folder_that_is_named_is_judged_by_itself(tmp_path: Path, run: Run, place: str) -> None:
    """Whatever else the user trusts, a folder of somebody else's isn't trusted with it."""
    mine, theirs, photos = (tmp_path / name for name in ("mine", "theirs", "photos"))
    for folder in (mine, theirs, photos):
        folder.mkdir()
    run(mine, "init")
    link(theirs / place, photos)
    named = {"EQUIGEN_DATASET__DIRECTORY": str(theirs)}
    done = run(mine, "status", **named)
    assert done.code == 2
    assert f"link {place} = '{photos}'" in done.err
    assert f"run `equigen trust {theirs}`" in done.err
    with pytest.raises(ConfigError, match="you haven't said that you trust it"):
        equigen.open(theirs)
    assert f"trusted: link {place} = {photos}" in run(mine, "trust", theirs).out
    assert "you haven't said" not in run(mine, "status", **named).err
    equigen.open(theirs)
    run(mine, "trust", theirs, "--forget")
    assert run(mine, "status", **named).code == 2


@posix_only
def test_links_of_the_users_own_need_no_trust(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those above the folder, those of a folder that was begun here, those that the user names."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to("disk")
    home, photos = tmp_path / "home", tmp_path / "photos"
    photos.mkdir()
    assert run(home, "status").code == 0
    assert run(tmp_path, "status", EQUIGEN_DATASET__DIRECTORY=str(home)).code == 0
    link(photos / "link", tmp_path / "disk")
    assert run(home, "status", EQUIGEN_DATASET__IMAGES=str(photos / "link")).code == 0
    run(home, "init", "mine")
    link(home / "mine" / "data", photos)
    link(photos / "split", tmp_path)
    assert run(home / "mine", "status").code == 0
    monkeypatch.chdir(home / "mine")
    equigen.open("data")


@posix_only
def test_a_folder_with_links_is_begun_but_not_trusted_by_that(tmp_path: Path, run: Run) -> None:
    """`equigen init` in a folder of somebody else's isn't a word on where its links lead."""
    (tmp_path / "photos").mkdir()
    link(tmp_path / "theirs" / "data", tmp_path / "photos")
    done = run(tmp_path / "theirs", "init")
    assert f"link data = {tmp_path / 'photos'}" in done.out
    assert run(tmp_path / "theirs", "status").code == 2
    run(tmp_path / "theirs", "trust")
    assert run(tmp_path / "theirs", "status").code == 0


@posix_only
def test_a_link_forges_no_line(tmp_path: Path, run: Run) -> None:
    """Whatever it is called, and wherever it leads, it is shown in one line."""
    make(tmp_path, {"config.toml": '[dataset]\nsplit = "a\\nnothing = here"\n'})
    link(tmp_path / "data" / "a\nnothing = here", "/gone\nall is well\udcff")
    assert len(run(tmp_path, "status").err.splitlines()) == 1
    trusted = [line for line in run(tmp_path, "trust").out.splitlines() if "link" in line]
    assert trusted[0].startswith("trusted: link data/a")
    assert "all is well" in trusted[0]


@posix_only
@pytest.mark.parametrize(
    "target", ["data", "loop", "/proc/self/cwd", "/proc/self/root", "a/" * 2000]
)
def test_odd_links_are_judged_by_where_they_lead(tmp_path: Path, run: Run, target: str) -> None:
    """Loops, links of the system, and paths that are too long end in one line."""
    link(tmp_path / "theirs" / "data", target)
    link(tmp_path / "theirs" / "loop", "data")
    done = run(tmp_path / "theirs", "fetch", "--label", "Jazz")
    assert done.code in {1, 2}
    assert len(done.err.splitlines()) == 1
    assert ("link data = '/'" in done.err) == (target == "/proc/self/root")
