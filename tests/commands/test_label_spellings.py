"""Spellings of a label that differ in case, width or Unicode form are one label, in one folder."""

import csv
import json
from pathlib import Path

import pytest
from downloads import IMAGES, JPEG, TSV, files_of, rows_of
from program import program
from support import Script, ScriptedServer, sandbox_env

SPELLINGS = (
    "jazz",
    "Zouk",
    "JAZZ",
    "zouk",
    "Jazz",
    "\uff2a\uff41\uff5a\uff5a",
    "ZOUK",
    "Pope\u0301",
    "pop\u00e9",
)


def test_one_folder_for_all_spellings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known labels' spelling counts, else the first in the TSV; all commands say the same."""
    monkeypatch.chdir(tmp_path)
    for name, value in sandbox_env("http://127.0.0.1:9", EQUIGEN_DATASET__DIRECTORY=".").items():
        monkeypatch.setenv(name, value)
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, *(f"{server.url}/{n}" for n in range(len(SPELLINGS))))
        respell(tmp_path / TSV, SPELLINGS)
        assert program("download").code == 0
        found = {path.partition("/")[0] for path in files_of(tmp_path)}
        assert found == {"Jazz", "Zouk", "Pop\u00e9"}
        counted = json.loads(program("counts", "--by", "label", "--json").out)
        assert counted["counts"] == {"Jazz": 4, "Zouk": 3, "Pop\u00e9": 2}
        assert program("split", "--group", "none").code == 0
        sets = {path.parent.name for path in tmp_path.glob("*/*/*/*.jpg")}
        assert sets <= found
        # Another spelling comes first now: covers are moved, and nobody is asked.
        respell(tmp_path / TSV, [each.replace("Zouk", "zOUK") for each in SPELLINGS])
        server.seen.clear()
        assert program("download").code == 0
        assert server.seen == []
    assert {each.name for each in (tmp_path / IMAGES).iterdir()} >= {"Jazz", "zOUK"}


def respell(tsv: Path, genres: "tuple[str, ...] | list[str]") -> None:
    """Give the rows these genres."""
    with tsv.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file, delimiter="\t")
    at = head.index("genre")
    for row, genre in zip(rows, genres, strict=True):
        row[at] = genre
    with tsv.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerows([head, *rows])
