"""The public API: a dataset as an object, and commands that return what `--json` prints."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from formats import make_format_5
from support import ROOT, posix_only, program_env
from support import equigen as program

import equigen
from equigen.errors import UsageError
from equigen.sandbox.server import Sandbox

HEADER = "artist\talbum\talbum_index\tgenre\tyear\timage_url\talbum_id\tgenres\tnote\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset that was fetched, downloaded and split through the API."""
    folder = tmp_path_factory.mktemp("api") / "data"
    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISCOGS_TOKEN", sandbox.token)
        service: dict[str, Any] = {
            "discogs__base_url": sandbox.base_url,
            "discogs__requests_per_minute": 0,
        }
        result = equigen.run(
            "fetch", directory=folder, labels=["Jazz", "Blues"], genre_limit=8, **service
        )
        assert (result["stage"], result["rows_out"], result["complete"]) == ("fetch", 16, True)
        assert equigen.run("download", directory=folder, **service)["rows_out"] == 16
        assert equigen.run("split", directory=folder, link="hardlink")["link"] == "hardlink"
    return folder


def written(tmp_path: Path, *rows: str) -> Path:
    """Write a TSV that another tool made."""
    (tmp_path / "equigen_dataset.tsv").write_text(HEADER + "".join(f"{r}\n" for r in rows))
    return tmp_path


def test_albums_have_the_right_types(tmp_path: Path) -> None:
    """Names stay names, numbers are nullable, lists are lists, and other columns are kept."""
    folder = written(
        tmp_path,
        "NA\tNone\t1\tJazz\t1977\thttp://h/1.jpg\td:1\tJazz|Soul\t007",
        "NULL\t1e5\t\tRock\t\t\t\t\tNaN",
    )
    frame = equigen.open(folder).albums()
    assert list(frame["artist"]) == ["NA", "NULL"]
    assert list(frame["album"]) == ["None", "1e5"]
    assert list(frame["note"]) == ["007", "NaN"]
    assert (str(frame["year"].dtype), str(frame["album_index"].dtype)) == ("Int64", "Int64")
    assert frame["year"].to_list() == [1977, pd.NA]
    assert frame["genres"].to_list() == [["Jazz", "Soul"], []]
    assert list(frame["album_id"]) == ["d:1", ""]


def test_a_dataset_without_rows_has_its_columns(tmp_path: Path) -> None:
    """An empty frame can be asked for its columns as a full one."""
    frame = equigen.open(written(tmp_path)).albums()
    assert list(frame.columns) == HEADER.rstrip("\n").split("\t")
    assert frame.empty
    assert str(frame["year"].dtype) == "Int64"


def test_examples_are_the_covers_with_their_sets_and_labels(folder: Path) -> None:
    """All that a loader needs of each album, and each is in its set."""
    dataset = equigen.open(folder)
    all_of_them = list(dataset.examples())
    assert len(all_of_them) == 16
    assert Counter(each.label for each in all_of_them) == {"Jazz": 8, "Blues": 8}
    for name, count in dataset.sets.items():
        of_set = list(dataset.examples(name))
        assert len(of_set) == count
        assert {each.set for each in of_set} <= {name}
    for each in all_of_them:
        assert each.cover.read_bytes()[:2] == b"\xff\xd8"
        assert each.labels == (each.label,)
        assert each.album["genre"] == each.label
        assert len(each.sha256) == 64


def test_covers_tell_what_became_of_each(folder: Path) -> None:
    """One row an album, in the order of the TSV."""
    dataset = equigen.open(folder)
    covers, albums = dataset.covers(), dataset.albums()
    assert covers["album_id"].to_list() == albums["album_id"].to_list()
    assert set(covers["status"]) == {"ok"}
    assert all(Path(path).is_file() for path in covers["path"])
    assert covers["width_px"].min() == 300


def test_counts_and_summary(folder: Path) -> None:
    """By one field a Series, by two a table; the summary has them all."""
    dataset = equigen.open(folder)
    assert dataset.counts().to_dict() == {"Jazz": 8, "Blues": 8}
    table = dataset.counts(["label", "set"])
    assert int(table.to_numpy().sum()) == 16
    summary = dataset.summary()
    assert summary["rows"] == 16
    assert summary["covers"] == {"ok": 16}
    assert summary["sets"] == dict(dataset.sets)


def test_a_cover_whose_file_is_gone_is_no_example(folder: Path, tmp_path: Path) -> None:
    """What can't be opened isn't handed out."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    dataset = equigen.open(copy)
    first = next(dataset.examples())
    for file in copy.rglob("*.jpg"):
        if file.name == first.cover.name:
            file.unlink()
    assert first.cover not in {each.cover for each in dataset.examples()}
    assert equigen.open(copy).summary()["covers"] == {"ok": 15, "gone": 1}


def read_all(folder: Path) -> tuple[int, dict[str, object]]:
    """Read a dataset in every way there is; return its examples' number, and its summary."""
    with equigen.open(folder) as dataset:
        dataset.albums(), dataset.covers(), dataset.counts("set")
        return sum(1 for _ in dataset.examples()), dataset.summary()


def content_of(folder: Path) -> dict[Path, bytes]:
    """Return all files of a folder."""
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_reading_changes_nothing(folder: Path) -> None:
    """No lock, no new file, no byte changed."""
    before = content_of(folder)
    assert read_all(folder)[0] == 16
    assert content_of(folder) == before


def test_reading_a_ledger_of_an_earlier_format_changes_nothing(
    folder: Path, tmp_path: Path
) -> None:
    """What an earlier version left is brought up to date by stages, and read as it is."""
    shutil.copytree(folder, tmp_path / "data")
    make_format_5(tmp_path / "data")
    before = content_of(tmp_path / "data")
    told = read_all(tmp_path / "data")
    assert content_of(tmp_path / "data") == before
    equigen.run("split", directory=tmp_path / "data", link="hardlink")
    assert content_of(tmp_path / "data") != before
    assert read_all(tmp_path / "data") == told


@posix_only
def test_a_folder_that_nobody_may_write_can_be_read(folder: Path, tmp_path: Path) -> None:
    """Somebody else's dataset, or one on a disk that is read-only."""
    if not os.getuid() and not shutil.which("setpriv"):
        pytest.skip("permissions don't keep root out, and there is no setpriv")
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    for each in [*data.rglob("*"), data]:
        each.chmod(0o555 if each.is_dir() else 0o444)
    code = (
        "import equigen, sys\n"
        "with equigen.open(sys.argv[1]) as dataset:\n"
        "    print(sum(1 for _ in dataset.examples()), dataset.summary()['covers'])"
    )
    prefix = [] if os.getuid() else ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    command = [*prefix, sys.executable, "-c", code, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    for each in [data, *data.rglob("*")]:
        each.chmod(0o755 if each.is_dir() else 0o644)
    assert (done.stdout, done.stderr) == ("16 {'ok': 16}\n", "")


def test_a_result_has_the_fields_of_json(folder: Path) -> None:
    """The API and the command line say the same."""
    args = ("counts", "--by", "decade", "--json")
    done = program(
        *args, cwd=folder.parent, env=program_env(EQUIGEN_DATASET__DIRECTORY=str(folder))
    )
    result = equigen.run("counts", directory=folder, by=["decade"])
    assert dict(result) == json.loads(done.stdout)
    assert "counts: 16 albums counted" in str(result)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: equigen.run("fetsch"), "there is no command 'fetsch'; expected one of: init"),
        (lambda: equigen.run("split", linc=1), "there is no flag or setting 'linc'"),
        (lambda: equigen.run("split", link="x"), "link='x': expected 'copy'"),
        (lambda: equigen.run("demo", albums=0), "albums=0: expected a number from 1 to 500"),
        (lambda: equigen.run("fetch", genre_limit=-1), "--genre-limit: expected a number of"),
        (lambda: equigen.open("/nowhere"), "no such folder; expected a dataset's"),
        (lambda: equigen.open().examples("trian"), "no set 'trian'; expected one of: train"),
        (lambda: equigen.open().counts("mood"), "no field 'mood'; expected one of: label"),
        (lambda: equigen.open().counts([]), "expected one or two fields, got 0"),
    ],
)  # fmt: skip
def test_wrong_calls_are_errors_that_say_what_is_right(
    call: object, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is an `EquigenError` with the command line's exit code for wrong usage."""
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    assert callable(call)
    with pytest.raises(equigen.EquigenError, match=said.replace("[", r"\[")) as raised:
        call()
    assert raised.value.exit_code == 2
    assert list((tmp_path / "data").iterdir()) == []


def test_importing_loads_nothing_heavy() -> None:
    """`import equigen` is as light as the command line's help."""
    code = (
        "import sys, equigen; print(sorted({'pandas','numpy','typer','pydantic'}&{*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_api_is_what_all_names() -> None:
    """Each name is there; an unknown one is an AttributeError."""
    assert all(hasattr(equigen, name) for name in equigen.__all__)
    assert not hasattr(equigen, "nothing_of_the_kind")


def test_the_documented_code_runs(folder: Path, tmp_path: Path) -> None:
    """The code in docs/python.md runs as it stands, one block after another."""
    shutil.copytree(folder, tmp_path / "data")
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    # Those of frameworks run with their packages (tests/loaders).
    blocks = [each for each in blocks if "torch" not in each]
    assert len(blocks) == 5
    (tmp_path / "all.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "all.py"], cwd=tmp_path, env=program_env(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "total" in done.stdout
    assert "nowhere" in done.stdout


@pytest.mark.parametrize(("stage", "named"), [("dumps", "action")])
def test_a_parameter_that_is_missing_is_named(tmp_path: Path, stage: str, named: str) -> None:
    """Before anything is done, and as an error of ours."""
    with pytest.raises(UsageError, match=rf"run\('{stage}'\): {named} is missing"):
        equigen.run(stage, directory=tmp_path)
