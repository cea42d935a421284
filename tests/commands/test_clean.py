"""The clean stage on real files."""

from pathlib import Path

import pytest
from support import make_context, read_rows, write_rows

from equigen.commands import clean
from equigen.errors import InputError, MissingInputError


def test_names_lose_discogs_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    """Artists are cleaned; titles, order and columns of other tools stay."""
    names = ["Prince (2)", "Björk*", "***", "(1349)", " A   B ", "Sigur Ro\u0301s", "NA", "007"]
    cells = [{"artist": name, "album": "X (2)*", "genre": "Pop", "mine": "*"} for name in names]
    columns = ("mine", "artist", "album", "album_index", "genre", "year", "image_url")
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", *cells, columns=columns)
    summary = clean.run(make_context(tmp_path))
    rows = read_rows(tsv)
    cleaned = ["Prince", "Björk", "***", "(1349)", "A B", "Sigur Rós", "NA", "007"]
    assert [row["artist"] for row in rows] == cleaned
    assert {(row["album"], row["mine"]) for row in rows} == {("X (2)*", "*")}
    assert tuple(rows[0]) == columns
    assert (summary.rows_in, summary.rows_out, summary.facts["changed"]) == (8, 8, 4)


def test_a_file_that_needs_no_change_is_not_rewritten(tmp_path: Path) -> None:
    """A second run leaves the very same file."""
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", {"artist": "Prince (2)"})
    clean.run(make_context(tmp_path))
    before = tsv.stat()
    assert clean.run(make_context(tmp_path)).facts["changed"] == 0
    after = tsv.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_without_a_dataset_the_stage_that_makes_it_is_named(tmp_path: Path) -> None:
    """A missing file is one clear line."""
    with pytest.raises(MissingInputError, match="equigen fetch"):
        clean.run(make_context(tmp_path))


def test_a_broken_row_leaves_the_file_untouched(tmp_path: Path) -> None:
    """A row torn off at the end of the file is named by its line; no row before it changes."""
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", {"artist": "Prince (2)"})
    tsv.write_text(tsv.read_text() + "torn\tro")
    before = tsv.read_bytes()
    with pytest.raises(InputError, match="line 3"):
        clean.run(make_context(tmp_path))
    assert tsv.read_bytes() == before
