"""Albums of several labels in the report, in the API and in the manifest."""

from pathlib import Path

import pandas as pd
from reports import Page, fill, jpeg, row
from support import make_context, read_rows

import equigen
from equigen.commands import dedupe, report
from equigen.downloading.manifest import write_manifest
from equigen.ledger.ledger import Ledger

JAZZ = {"genres": "Jazz", "styles": "Soul-Jazz"}
BOTH = {"genres": "Jazz|Latin", "styles": "Soul-Jazz|Tango"}


def read(folder: Path) -> Page:
    """Make a report and read it."""
    summary = report.run(make_context(folder))
    return Page(Path(str(summary.facts["file"])).read_text(encoding="utf-8"))


def table(page: Page, last: str) -> list[list[str]]:
    """Return the rows of the table of labels whose last column has this title."""
    (found,) = [rows for rows in page.tables if (rows[0][0], rows[0][-1]) == ("Label", last)]
    return found[1:]


def test_the_report_says_which_labels_overlap(tmp_path: Path) -> None:
    """In words, the worst first, and as a table of all labels that overlap."""
    rows = [row(n, **JAZZ) for n in range(3)]
    rows += [row(n, "Latin", **BOTH) for n in range(3, 5)]
    rows += [row(5, "Latin", genres="Latin", styles="Tango"), row(6, "Jazz", **BOTH), row(7, "Pop")]
    fill(tmp_path, rows)
    page = read(tmp_path)
    assert "2 of 3 Latin albums are Jazz as well" in page.text
    assert table(page, "Albums") == [["Jazz", "\u2013", "1", "4"], ["Latin", "2", "\u2013", "3"]]


def test_a_dataset_without_overlap_says_so(tmp_path: Path) -> None:
    """No table then."""
    fill(tmp_path, [row(1, **JAZZ), row(2, "Pop")])
    page = read(tmp_path)
    assert "No album is known to match a second label" in page.text
    assert not [rows for rows in page.tables if rows[0][-1] == "Albums"]


def test_the_report_counts_an_album_for_each_label_and_once_for_all(tmp_path: Path) -> None:
    """In decades and in sets; its cover is shown for each of its labels."""
    rows = [
        row(1, labels="Jazz|Latin"),
        row(2, labels="Jazz"),
        row(3, "Latin", labels="Latin|Jazz|Pop"),
        row(4, "Latin", labels=""),
    ]
    fill(tmp_path, rows)
    page = read(tmp_path)
    decades = table(page, "All")
    assert decades == [
        ["Jazz", "3", "3"], ["Latin", "3", "3"], ["Pop", "1", "1"], ["All", "4", "4"],
    ]  # fmt: skip
    sets = {each[0]: each[1].split()[0] for each in table(page, "In no set")}
    assert sets == {"Jazz": "2", "Latin": "1", "Pop": "0", "All": "2"}
    assert "An album counts for each of its labels" in page.text
    assert len([each for each in page.all("img") if "Album 3" in str(each["alt"])]) == 3
    assert "2 of 3 Jazz albums are Latin as well" in page.text


def test_one_picture_with_the_same_labels_is_no_conflict(tmp_path: Path) -> None:
    """Whatever their order, in the report and for dedupe; other labels are one."""
    same = {0: jpeg(9), 1: jpeg(9)}
    rows = [row(1, labels="Jazz|Latin"), row(2, "Latin", labels="Latin|Jazz")]
    fill(tmp_path, rows, pictures=same)
    context = make_context(tmp_path)
    assert report.run(context).facts["label_conflicts"] == 0
    found = dedupe.run(context, covers=True, drop=True)
    assert (found.facts["label_conflicts"], found.rows_out) == (0, 1)
    fill(tmp_path / "other", [row(1, labels="Jazz|Latin"), row(2, labels="Jazz")], pictures=same)
    context = make_context(tmp_path / "other")
    assert report.run(context).facts["label_conflicts"] == 1
    found = dedupe.run(context, covers=True, drop=True)
    assert (found.facts["label_conflicts"], found.rows_out) == (1, 2)


def test_readers_get_all_labels(tmp_path: Path) -> None:
    """Albums as they stand in the file, examples and covers with what an empty cell means."""
    fill(tmp_path, [row(1, "Salsa (World)", labels="World|Jazz"), row(2, labels="")])
    with equigen.open(tmp_path) as dataset:
        assert dataset.albums()["labels"].to_list() == [["World", "Jazz"], []]
        assert dataset.covers()["labels"].to_list() == [["World", "Jazz"], ["Jazz"]]
        assert [each.labels for each in dataset.examples()] == [("World", "Jazz"), ("Jazz",)]
        assert [each.label for each in dataset.examples()] == ["World", "Jazz"]


def test_the_manifest_has_all_labels(tmp_path: Path) -> None:
    """In one cell of a TSV, and as a list in Parquet."""
    fill(tmp_path, [row(1, labels="Jazz|Latin"), row(2)])
    context = make_context(tmp_path)
    with Ledger(context.ledger) as ledger:
        for suffix in ("tsv", "parquet"):
            write_manifest(tmp_path / f"manifest.{suffix}", context, ledger)
    rows = read_rows(tmp_path / "manifest.tsv")
    assert [each["labels"] for each in rows] == ["Jazz|Latin", "Jazz"]
    table = pd.read_parquet(tmp_path / "manifest.parquet")
    assert list(map(list, table["labels"])) == [["Jazz", "Latin"], ["Jazz"]]
