"""A TSV that people and other programs broke: each command says where, and touches nothing."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from program import program
from splits import TSV, catalogue, fill, run_split
from support import equigen

from equigen.schema import MAX_CELL_CHARS

COLUMNS = ("artist", "album", "album_index", "album_id", "genre", "year", "image_url")
ROWS = catalogue(3)
COMMANDS: Mapping[str, Sequence[str]] = {
    "clean": ("clean",),
    "dedupe": ("dedupe",),
    "dedupe by covers": ("dedupe", "--covers"),
    "counts": ("counts",),
    "counts by set": ("counts", "--by", "set"),
    "balance": ("balance", "--per-label", "1"),
    "download": ("download",),
    "download dry": ("download", "--dry-run"),
    "split": ("split",),
    "verify": ("split", "--verify"),
    "report": ("report",),
    "status": ("status",),
    "fetch": ("fetch", "--label", "Jazz", "--genre-limit", "1"),
    "run": ("run", "--label", "Jazz", "--genre-limit", "1"),
}


def text(*, columns: Sequence[str] = COLUMNS, end: str = "\n") -> str:
    """Return the dataset as a good TSV."""
    lines = ["\t".join(columns), *("\t".join(row[name] for name in columns) for row in ROWS)]
    return "".join(f"{line}{end}" for line in lines)


GOOD = text()
_LINES = GOOD.splitlines(keepends=True)


def with_line(number: int, line: str) -> bytes:
    """Return the dataset with another line in place of one; lines count from 1."""
    lines = [*_LINES[: number - 1], line, *_LINES[number:]]
    return "".join(lines).encode()


def in_cell(column: str, cell: str, line: int = 3) -> bytes:
    """Return the dataset with another cell in one of its rows."""
    cells = {**ROWS[line - 2], column: cell}
    return with_line(line, "\t".join(cells[name] for name in COLUMNS) + "\n")


class Fault(NamedTuple):
    """A broken file, and all that must be said of it."""

    body: bytes
    said: Sequence[str]


LONG = "x" * 100_000
FAULTS: Mapping[str, Fault] = {
    "a missing column": Fault(
        GOOD.replace("genre", "style", 1).encode(),
        ("line 1: ", "'genre' is missing", "artist, album, album_index, album_id, style", "Mend"),
    ),
    "two missing columns": Fault(
        GOOD.replace("genre\tyear", "a\tb", 1).encode(),
        ("line 1: ", "columns 'genre', 'year' are missing"),
    ),
    "no header": Fault("".join(_LINES[1:]).encode(), ("line 1: ", "'artist'", "Artist")),
    "a repeated column": Fault(
        GOOD.replace("album_id", "genre", 1).encode(),
        ("line 1, column 5: ", "'genre' stands there twice", "column 4", "Rename or remove"),
    ),
    "a NUL": Fault(
        in_cell("genre", "Ja\0zz"), ("line 3, column 5 ('genre'): ", "a NUL", "Take it out")
    ),
    "NULs for a lost block": Fault(
        GOOD.encode() + b"\0" * 4096, ("line 5, column 1 ('artist'): ", "a NUL")
    ),
    "a bare quote": Fault(
        in_cell("album", '"Bare " quote"'),
        ("line 3, column 2 ('album'): ", "is closed, and ' ' follows", "Mend"),
    ),
    "a quote that is closed on another line": Fault(
        in_cell("album", '"Open').replace(b"Album 2", b'"Album 2"'),
        ("line 3, column 2 ('album'): ", "is closed on line 4, and 'A' follows"),
    ),
    "a quote that is never closed": Fault(
        in_cell("album", '"Open'), ("line 3, column 2 ('album'): ", "never closed", "Mend")
    ),
    "a quote that is not closed for very long": Fault(
        in_cell("album", '"Open') + "".join(_LINES[1:]).encode() * 1500,
        ("line 3, column 2 ('album'): ", f"within {MAX_CELL_CHARS:,} characters"),
    ),
    "a quote never closed in the header": Fault(
        ('"' + GOOD).encode(), ("line 1, column 1: ", "never closed")
    ),
    "a long cell": Fault(
        in_cell("image_url", LONG),
        ("line 3, column 7 ('image_url'): ", f"{MAX_CELL_CHARS:,} characters", "Shorten"),
    ),
    "a long cell in quotes": Fault(
        in_cell("artist", f'"{LONG}"'), ("line 3, column 1 ('artist'): ", f"{MAX_CELL_CHARS:,}")
    ),
    "a long header": Fault(
        ("x" * 100_000 + GOOD).encode(), ("line 1, column 1: ", f"{MAX_CELL_CHARS:,}")
    ),
    "Latin-1": Fault(
        in_cell("genre", "Música").decode().encode("latin-1"),
        ("line 3, column 5 ('genre'): ", "not UTF-8", "0xfa", "Save it as UTF-8"),
    ),
    "UTF-16": Fault(
        GOOD.encode("utf-16"), ("line 1, column 1: ", "UTF-16; expected UTF-8", "Save it as UTF-8")
    ),
    "UTF-16 without its mark": Fault(GOOD.encode("utf-16-be"), ("line 1, column 1: ", "UTF-16")),
    "UTF-32": Fault(GOOD.encode("utf-32"), ("line 1, column 1: ", "UTF-32")),
    "an empty file": Fault(b"", ("line 1, column 1: ", "empty", "expected a header", "artist")),
    "a cell too few": Fault(
        with_line(3, "\t".join("abcdef") + "\n"),
        ("line 3, column 7 ('image_url'): ", "expected 7 cells", "got 6", "Mend the line"),
    ),
    "a cell too many": Fault(
        with_line(3, "\t".join("abcdefgh") + "\n"),
        ("line 3, column 8: ", "expected 7 cells", "got 8", "Mend the line"),
    ),
    "a torn end": Fault(GOOD[:-40].encode(), ("line 4, column ", "expected 7 cells")),
    "a page of HTML": Fault(b"<!DOCTYPE html>\n<html></html>\n", ("line 1: ", "'<!DOCTYPE html>'")),
}
READ: Mapping[str, bytes] = {
    "reordered columns": text(columns=COLUMNS[::-1]).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "CRLF": text(end="\r\n").encode(),
    "CR": text(end="\r").encode(),
    "no final newline": GOOD.removesuffix("\n").encode(),
    "quoted cells": in_cell("artist", f'"{ROWS[1]["artist"]}"'),
    "a column of another tool": GOOD.replace("\n", "\tnote\n").encode(),
    "blank lines": GOOD.replace("\n", "\n\n").encode(),
}
# What a run leaves that only looked: hidden, and there after each command.
LOCK = ".equigen.lock"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that has all that the commands need: covers, a ledger, sets."""
    folder = tmp_path_factory.mktemp("made") / "data"
    fill(folder, [{name: row[name] for name in COLUMNS} for row in ROWS])
    assert (folder / TSV).read_text(encoding="utf-8") == GOOD
    run_split(folder)
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that dataset, which the program takes for its own; hosts can't be reached."""
    folder = tmp_path / "data"
    shutil.copytree(made, folder, symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIGEN_DATASET__DIRECTORY", str(folder))
    monkeypatch.setenv("EQUIGEN_DISCOGS__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("EQUIGEN_HTTP__TRIES", "1")
    return folder


def listed(folder: Path) -> set[str]:
    """Return all names below a folder."""
    return {str(file.relative_to(folder)) for file in folder.rglob("*")} - {LOCK}


def check_refused(data: Path, command: str, said: Sequence[str]) -> None:
    """Run a command and see that it refuses the TSV in one line, and that nothing is changed."""
    tsv = data / TSV
    before, names = (tsv.read_bytes(), tsv.stat().st_mtime_ns), listed(data)
    ran = program(*COMMANDS[command])
    assert ran.code == 2, ran.err
    assert ran.out == ""
    lines = [line for line in ran.err.splitlines() if line.startswith("equigen ")]
    assert len(lines) == len(ran.err.splitlines()) == 1, ran.err
    assert str(tsv) in ran.err
    for part in said:
        assert part in ran.err
    assert len(ran.err) < 900
    assert (tsv.read_bytes(), tsv.stat().st_mtime_ns) == before
    assert listed(data) == names


@pytest.mark.long_after(6)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_fault_is_one_line_that_says_where(data: Path, command: str) -> None:
    """File, line, column, what was expected, what came and what to do; nothing is touched."""
    for name, fault in FAULTS.items():
        (data / TSV).write_bytes(fault.body)
        os.utime(data / TSV, ns=(10**18, 10**18))
        try:
            check_refused(data, command, fault.said)
        except AssertionError as err:
            err.add_note(f"the fault: {name}")
            raise


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_appears_beside_a_broken_file(
    data: Path, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is nothing but a broken TSV, there is nothing else afterwards."""
    alone = tmp_path / "alone"
    alone.mkdir()
    monkeypatch.setenv("EQUIGEN_DATASET__DIRECTORY", str(alone))
    (alone / TSV).write_bytes(FAULTS["a cell too few"].body)
    if command in {"split", "verify"}:
        assert program(*COMMANDS[command]).code == 2  # there are no covers, or no sets
    else:
        check_refused(alone, command, FAULTS["a cell too few"].said)
    assert listed(alone) <= {TSV}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_in_its_place_is_said_to_be_one(data: Path, command: str) -> None:
    """A folder where the TSV should be is named, and stays."""
    (data / TSV).unlink()
    (data / TSV).mkdir()
    (data / TSV / "something").touch()
    ran = program(*COMMANDS[command])
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert f"{data / TSV}: this is a folder; expected a TSV file." in ran.err
    assert [each.name for each in (data / TSV).iterdir()] == ["something"]


@pytest.mark.parametrize("shape", READ)
def test_what_can_be_read_rightly_is_read(data: Path, shape: str) -> None:
    """Another order of columns, BOM, any line ends, a last line without one: the same rows."""
    (data / TSV).write_bytes(READ[shape])
    before = (data / TSV).read_bytes()
    for command in ("clean", "dedupe", "counts", "download dry", "split", "verify", "report"):
        ran = program(*COMMANDS[command], "--json")
        assert ran.code == 0, (command, ran.err)
        assert '"rows_in": 3,' in ran.out
    assert (data / TSV).read_bytes() == before


def test_the_program_itself_ends_with_2(data: Path) -> None:
    """What was tested above in this process holds for the program as users start it."""
    (data / TSV).write_bytes(FAULTS["a bare quote"].body)
    done = equigen("status", cwd=data.parent, env={"EQUIGEN_DATASET__DIRECTORY": str(data)})
    assert (done.returncode, done.stdout) == (2, "")
    assert "line 3, column 2 ('album')" in done.stderr
