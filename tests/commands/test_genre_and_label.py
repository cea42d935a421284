"""`genre` is the row's cell and `label` its class, in all that is written or told."""

import re
from pathlib import Path

import pytest
from fetches import run_fetch
from lookalikes import TSV, album, fill, saved, scene
from support import make_context, read_rows

import equigen
from equigen.commands import balance, counts, dedupe, download, report, split
from equigen.dataset.counting import By
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox

SALSA, BOLERO = "Salsa (World)", "Bolero (World)"
# One picture for Salsa, Bolero and Jazz, another one for Salsa and Bolero alone.
ROWS = [album(at, genre=genre) for at, genre in enumerate((SALSA, BOLERO, "Jazz", SALSA, BOLERO))]
CELLS = {row["album_id"]: row["genre"] for row in ROWS}
LABELS = {name: "Jazz" if cell == "Jazz" else "World" for name, cell in CELLS.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with its covers."""
    folder = tmp_path_factory.mktemp("world")
    one, other = saved(scene(1)), saved(scene(2))
    fill(folder, ROWS, {f"m{at}": one if at < 3 else other for at in range(5)})
    return folder


def test_tables_have_both(made: Path) -> None:
    """The TSV has the cell; the manifest and split.tsv have the cell and the class."""
    context = make_context(made)
    download.run(context, export=made / "manifest.tsv")
    summary = split.run(context)
    assert summary.table is not None
    assert summary.table.columns[0] == "label"
    assert [row[0] for row in summary.table.rows] == ["Jazz", "World", "total"]
    for file in (made / "manifest.tsv", made / "split" / "split.tsv"):
        rows = read_rows(file)
        assert {row["album_id"]: row["genre"] for row in rows} == CELLS
        assert {row["album_id"]: row["label"] for row in rows} == LABELS
    assert {row["album_id"]: row["genre"] for row in read_rows(made / TSV)} == CELLS


def test_covers_conflict_between_classes(made: Path) -> None:
    """Two styles of World that show one picture are of one class: the best of them is enough."""
    context = make_context(made)
    summary = dedupe.run(context, covers=True, conflicts=made / "conflicts.tsv")
    assert (summary.facts["groups"], summary.facts["label_conflicts"]) == (2, 1)
    assert "`--drop` would drop 2 rows" in summary.notes
    listed = {row["album_id"]: row["label"] for row in read_rows(made / "conflicts.tsv")}
    assert listed == {"m0": "World", "m1": "World", "m2": "Jazz"}


def test_the_page_says_label_where_a_class_is_meant(made: Path) -> None:
    """Totals, sheets, sets and conflicts; the cells stand beside the conflicts' labels."""
    context = make_context(made)
    dedupe.run(context, covers=True)
    summary = report.run(context, output=made / "report.html")
    assert summary.facts["label_conflicts"] == 1
    page = (made / "report.html").read_text()
    assert "<dt>labels</dt><dd>2</dd>" in page
    assert "<dt>genres</dt><dd>3</dd>" in page
    assert set(re.findall(r'<h3 id="sheet-\d+-title"><bdi>(.*?)</bdi>', page)) == {"Jazz", "World"}
    cells = re.findall(r'<td class="label"><bdi>(.*?)</bdi></td>', page)
    assert cells == ["Jazz", "Jazz", "World", BOLERO, "World", SALSA]


def test_counts_and_balance_are_of_labels(made: Path) -> None:
    """Cells are counted where they are asked for."""
    context = make_context(made)
    assert counts.run(context).facts["counts"] == {"World": 4, "Jazz": 1}
    by_cell = counts.run(context, by=[By.GENRE]).facts["counts"]
    assert by_cell == {SALSA: 2, BOLERO: 2, "Jazz": 1}
    told = balance.run(make_context(made, balance={"per_label": "min"}), dry_run=True)
    assert told.facts["per_label"] == 1
    assert list(told.facts["labels"]) == ["Jazz", "World"]  # type: ignore[call-overload]
    assert told.dropped == {"beyond 1 of the label": 3}


def test_python_has_both(made: Path) -> None:
    """Frames and examples have the class as the label."""
    covers = equigen.open(made).covers()
    assert dict(zip(covers["album_id"], covers["genre"], strict=True)) == CELLS
    assert dict(zip(covers["album_id"], covers["label"], strict=True)) == LABELS


def test_fetch_tells_queries_and_their_labels(tmp_path: Path) -> None:
    """A label's name asks for all of its queries, each with its part; a query's for itself."""
    with Sandbox(make_catalogue(albums_per_label=12)) as sandbox:
        summary = run_fetch(
            tmp_path, sandbox, limit=11, world_limit=None, labels=["World", "Jazz", "Salsa"]
        )
    queries: list[dict[str, object]] = summary.facts["queries"]  # type: ignore[assignment]
    assert [each["label"] for each in queries] == ["World"] * 10 + ["Jazz"]
    assert [each["query"] for each in queries][8:] == ["Salsa", "Bolero", "Jazz"]
    assert summary.facts["labels"] == {"World": 11, "Jazz": 11}
    cells = [row["genre"] for row in read_rows(tmp_path / TSV)]
    assert [cells.count(each) for each in ("Afrobeat (World)", SALSA)] == [2, 1]
