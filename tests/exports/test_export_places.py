"""The places of exports: what isn't EquiGen's stays as it is, whatever lies there or beside it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from exported import albums, files_of, filled, run_export

from equigen.errors import EquigenError, UsageError
from equigen.exports.base import deal_shards


@pytest.mark.parametrize("beside", [".out.old", ".out.part"])
@pytest.mark.parametrize("is_refresh", [False, True])
def test_folders_beside_that_are_not_ours_stay(
    tmp_path: Path, beside: str, *, is_refresh: bool
) -> None:
    """They are neither removed, swept nor put in place: the message names one, and its files."""
    data, out, mine = filled(tmp_path / "data", albums(4)), tmp_path / "out", tmp_path / beside
    if is_refresh:
        run_export(data, out)
    (mine / "deep").mkdir(parents=True)
    (mine / "deep" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=rf"{beside}: .* put there: deep/thesis\.txt"):
        run_export(data, out)
    assert (mine / "deep" / "thesis.txt").read_text() == "mine"
    assert out.exists() == is_refresh
    (mine / "export.json").write_text('{"name": "of another program"}')
    (mine / ".journal").write_text("of another program\n")
    with pytest.raises(UsageError, match=rf"{beside}: .* put there: "):
        run_export(data, out)
    assert len(list(mine.rglob("*"))) == 4


def test_a_file_in_an_old_export_of_ours_stays(tmp_path: Path) -> None:
    """As it does in the export itself; an empty folder is in nobody's way."""
    data, out, old = filled(tmp_path / "data", albums(4)), tmp_path / "out", tmp_path / ".out.old"
    run_export(data, out)
    out.rename(old)
    (old / "val" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"\.out\.old: .* put there: val/notes\.txt"):
        run_export(data, out)
    (old / "val" / "notes.txt").unlink()
    (tmp_path / ".out.part").mkdir()
    run_export(data, out)
    old.mkdir()
    run_export(data, out)
    assert "classes.txt" in files_of(out)


def test_a_list_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    """Also where it is the only file."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    out.mkdir()
    (out / "export.json").write_text('{"name": "of another program"}')
    with pytest.raises(UsageError, match=r"put there: export\.json"):
        run_export(data, out)
    assert "another" in (out / "export.json").read_text()


WRONG: tuple[dict[str, Any], ...] = (
    {"files": 5}, {"files": ["a.jpg"]}, {"files": {"../data/x": ""}}, {"files": {"a/b": ""}},
    {"files": {"a": 1}}, {"files": {"..": ""}}, {"files": {"": ""}},
    {"name": 1}, {"name": ""}, {"name": "../x"}, {"name": "/etc/passwd"}, {"name": "a\0b"},
    {"name": "\ud800"}, {"made_of": None}, {"sha256": 7}, {"size_bytes": "9"}, {"set": []},
    {"keys": "abc"}, {"keys": [1]}, {"keys": {}},
)  # fmt: skip


@pytest.mark.parametrize("place", ["out", ".out.old", ".out.part"])
def test_a_list_with_wrong_values_is_no_export(tmp_path: Path, place: str) -> None:
    """It is one clear line, and nothing is touched."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"
    run_export(data, out)
    listed = json.loads((out / "export.json").read_text())
    out.rename(tmp_path / place)
    for change in WRONG:
        first, *others = listed["pieces"]
        told = {**listed, "pieces": [{**first, **change}, *others]}
        (tmp_path / place / "export.json").write_text(json.dumps(told))
        with pytest.raises(UsageError, match="no export of EquiGen"):
            run_export(data, out)
    assert (tmp_path / place / "classes.txt").exists()


@pytest.mark.parametrize("place", ["out", ".out.old", ".out.part"])
def test_a_list_that_is_none_is_no_export(tmp_path: Path, place: str) -> None:
    """However deep or long it is; so it is of the journal."""
    data, folder = filled(tmp_path / "data", albums(4)), tmp_path / place
    folder.mkdir()
    for text in ("[" * 200_000, '{"equigen": "1", "pieces": ' + "[" * 200_000, "1" * 5000, "", "5"):
        for name in ("export.json", ".journal", "file"):
            (folder / name).write_text(text)
        with pytest.raises(UsageError, match="no export of EquiGen"):
            run_export(data, tmp_path / "out")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")
@pytest.mark.parametrize(
    ("place", "name"),
    [("out", "export.json"), (".out.old", "export.json"), (".out.part", ".journal")],
)
def test_a_pipe_is_not_waited_for(tmp_path: Path, place: str, name: str) -> None:
    """One in the place of a list, where nobody ever writes."""
    data = filled(tmp_path / "data", albums(4))
    (tmp_path / place).mkdir()
    os.mkfifo(tmp_path / place / name)
    with pytest.raises(EquigenError, match=name):
        run_export(data, tmp_path / "out")


def test_a_key_that_is_listed_twice_is_exported_once() -> None:
    """Whatever a list of shards says."""
    rows = dict.fromkeys("abc", 0)
    assert deal_shards([["a", "b", "a"], ["b", "c"]], rows, 30) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    "place",
    [
        "data/features/colour.parquet", "data/split/x.parquet", "data/equigen_album_images/x.csv",
        "hub/data/train-00000.parquet", "hub/export.json",
    ],
)  # fmt: skip
def test_files_of_the_dataset_and_of_exports_are_not_replaced(tmp_path: Path, place: str) -> None:
    """A table may lie beside them, and replace another one."""
    data, hub = filled(tmp_path / "data", albums(4)), tmp_path / "hub"
    run_export(data, hub, "parquet")
    format_of = "croissant" if place.endswith(".json") else "table"
    before = (tmp_path / place).read_bytes() if (tmp_path / place).exists() else None
    with pytest.raises(UsageError, match=r"of the dataset itself|of an export"):
        run_export(data, tmp_path / place, format_of)
    assert before == ((tmp_path / place).read_bytes() if (tmp_path / place).exists() else None)
    for _ in range(2):
        run_export(data, data / "table.csv", "table")
    run_export(data, hub / "croissant.json", "croissant", files=hub)


@pytest.mark.parametrize("name", ["imagefolder", "table"])
@pytest.mark.parametrize("feature", ["label", "set", "SHA256", "year"])
def test_a_column_is_no_feature(tmp_path: Path, name: str, feature: str) -> None:
    """The message says so, instead of leaving it out or failing later."""
    data = filled(tmp_path / "data", albums(4))
    with pytest.raises(UsageError, match=rf"--with {feature}: .*column.*equigen features list"):
        run_export(data, tmp_path / "out.csv", name, features=feature)
