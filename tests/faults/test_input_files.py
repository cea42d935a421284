"""Other files and names that users give: settings, the list of the sets, places to write to."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from program import program
from splits import catalogue, fill, run_split

from equigen.ledger.ledger import LEDGER_NAME

TOML = "[fetch]\ngenre_limit = 10\n"
CONFIGS: Mapping[str, tuple[bytes, Sequence[str]]] = {
    "not TOML": (b"[fetch]\ngenre_limit = = 3\n", ("line 2, column 15", "not TOML")),
    "an open string": (b'[fetch]\nsource = "disc\n', ("line 2, column", "not TOML")),
    "a table that is never closed": (b"[fetch\n", ("line 1, column", "not TOML")),
    "a key twice": (b"[http]\ntries = 1\ntries = 2\n", ("line 3, column", "not TOML")),
    "Latin-1": ("# ö\n[fetch]\n".encode("latin-1"), ("line 1, column 3: ", "0xf6", "UTF-8")),
    "UTF-16": (TOML.encode("utf-16"), ("line 1, column 1: this is UTF-16", "UTF-8")),
    "a NUL": (b"[fetch]\nsource = 'a\0b'\n", ("line 2, column", "not TOML")),
    "a wrong value": (b"\n[fetch]\ngenre_limit = 'x'\n", ("line 3: fetch.genre_limit: ", "'x'")),
    "an unknown key": (b"[http]\ntires = 3\n", ("line 2: http.tires: unknown", "tries")),
    "an unknown table": (b"\n[htpp]\ntries = 3\n", ("line 2: htpp: unknown", "http")),
    "a limit of a host": (
        b'[download.hosts."a.example"]\nper_minute = "x"\n',
        ("config.toml, line 2: download.hosts.a.example.per_minute: ", "'x'"),
    ),
    "a value across keys": (
        b"[download]\nsizes = [0]\nformat = 'png'\n",
        ("line 3: download.format: ", "png"),
    ),
}
DOTENVS: Mapping[str, tuple[bytes, Sequence[str]]] = {
    "a torn quote": (b"\nA=1\n\nDISCOGS_TOKEN='hush\nB=2\n", ("line 4, column 1: ", "NAME=value")),
    "no assignment": (b"A=1\nhush 'hush' hush\n", ("line 2, column 1: ", "NAME=value")),
    "Latin-1": ("A=1\nB=ö\n".encode("latin-1"), ("line 2, column 3: ", "0xf6", "UTF-8")),
    "UTF-16": ("A=1\n".encode("utf-16"), ("line 1, column 1: this is UTF-16", "UTF-8")),
    "a wrong value": (b"EQUIGEN_HTTP__TRIES=x\n", ("EQUIGEN_HTTP__TRIES: http.tries: ", "'x'")),
}
TABLES: Mapping[str, tuple[bytes, Sequence[str]]] = {
    "a missing column": (b"album_id\tset\nm1\ttrain\n", ("line 1: ", "'file' is missing")),
    "a cell too few": (b"album_id\tfile\nm1\n", ("line 2, column 2 ('file'): ", "got 1")),
    "a torn quote": (b'album_id\tfile\n"m1\tx\n', ("line 2, column 1 ('album_id'): ", "never")),
    "Latin-1": (b"album_id\tfile\nm1\t\xf6\n", ("line 2, column 2 ('file'): ", "0xf6")),
    "a NUL": (b"album_id\tfile\nm\0\tx\n", ("line 2, column 1 ('album_id'): ", "NUL")),
    "UTF-16": ("album_id\tfile\n".encode("utf-16"), ("line 1, column 1: ", "UTF-16")),
    "empty": (b"", ("line 1, column 1: ", "`equigen split`")),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with sets."""
    folder = tmp_path_factory.mktemp("made") / "data"
    fill(folder, catalogue(3))
    run_split(folder)
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


def refusal(*args: str | Path, names: str | Path) -> str:
    """Run a command that must refuse something in one line, and return that."""
    ran = program(*args)
    assert ran.code == 2, ran.err
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1, ran.err
    assert str(names) in ran.err
    return ran.err


@pytest.mark.parametrize("fault", CONFIGS)
def test_a_broken_config_says_where(data: Path, fault: str) -> None:
    """By line and column, or by line and key, whichever way config.toml is found."""
    body, said = CONFIGS[fault]
    Path("config.toml").write_bytes(body)
    for more in ([], ["--config", "config.toml"]):
        message = refusal("status", *more, names="config.toml")
        for part in said:
            assert part in message
    assert Path("config.toml").read_bytes() == body


@pytest.mark.parametrize("fault", DOTENVS)
def test_a_broken_env_file_says_where(data: Path, fault: str) -> None:
    """By line and column, and without quoting what may be a secret."""
    body, said = DOTENVS[fault]
    Path(".env").write_bytes(body)
    message = refusal("status", names=".env")
    for part in said:
        assert part in message
    assert "hush" not in message


def test_an_env_file_with_a_byte_order_mark_counts(data: Path) -> None:
    """An editor of Windows wrote it: its first line is a setting like any other."""
    Path(".env").write_bytes(b"\xef\xbb\xbfEQUIGEN_HTTP__TRIES=x\r\n")
    assert "EQUIGEN_HTTP__TRIES: http.tries" in refusal("status", names=".env")
    Path(".env").write_bytes(b"\xef\xbb\xbfDISCOGS_TOKEN=\xc3\xb6\r\n")
    assert "DISCOGS_TOKEN" in refusal("status", names=".env")


def test_a_config_that_is_a_folder_is_said_to_be_one(data: Path) -> None:
    """Named by the flag, or found where config.toml is looked for."""
    Path("settings").mkdir()
    assert "this is a folder" in refusal("status", "--config", "settings", names="settings")
    Path("config.toml").mkdir()
    assert "this is a folder" in refusal("status", names="config.toml")


@pytest.mark.parametrize("fault", TABLES)
def test_a_broken_list_of_the_sets_says_where(data: Path, fault: str) -> None:
    """What `split --verify` reads of it is checked like the dataset; `split` writes it anew."""
    table = data / "split" / "split.tsv"
    good = table.read_bytes()
    body, said = TABLES[fault]
    table.write_bytes(body)
    message = refusal("split", "--verify", names="split/split.tsv")
    for part in (*said, "`equigen split` writes it anew."):
        assert part in message
    assert table.read_bytes() == body
    for command in (["report"], ["counts", "--by", "set"], ["split"], ["split", "--verify"]):
        assert program(*command).code == 0
    assert table.read_bytes() == good


def content(data: Path) -> dict[Path, bytes]:
    """Return all files but the ledger, which knows of each run how it ended."""
    files = [file for file in data.rglob("*") if file.is_file()]
    return {file: file.read_bytes() for file in files if not file.name.startswith(LEDGER_NAME)}


@pytest.mark.parametrize(
    "command",
    [
        ("download", "--export", "taken.tsv"),
        ("download", "--export", "taken.parquet"),
        ("report", "--output", "taken.html"),
        ("balance", "--per-label", "1", "--output", "taken.tsv"),
        ("counts", "--chart", "taken.png"),
        ("dedupe", "--covers", "--conflicts", "taken.tsv"),
    ],
    ids=lambda command: " ".join(command[:-1]) + command[-1].removeprefix("taken"),
)
def test_a_place_that_nothing_can_be_written_to_is_refused_first(
    data: Path, command: Sequence[str]
) -> None:
    """A folder, or a name below a file: one line, before anything but the run itself is noted."""
    *args, name = command
    before = content(data)
    Path(name).mkdir()
    assert f"{args[-1]} {name}: this is a folder" in refusal(*args, name, names=name)
    Path("file").touch()
    assert "is no folder" in refusal(*args, f"file/{name}", names=f"file/{name}")
    assert content(data) == before
