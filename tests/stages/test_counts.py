"""The counts stage."""

from pathlib import Path

import pytest
from support import make_context, write_rows

from equigen.covers import wanted_covers
from equigen.errors import MissingInputError, UsageError
from equigen.ledger import Ledger
from equigen.stages import counts
from equigen.stages.counts import By

ROWS = [
    {"artist": "A", "genre": "Rock", "year": "1969", "country": "UK"},
    {"artist": "B", "genre": "Salsa (World)", "year": "1974", "country": ""},
    {"artist": "C", "genre": "Bolero (World)", "year": "1975", "country": "Cuba"},
    {"artist": "D", "genre": "Jazz", "year": "", "country": "US"},
    {"artist": "NA", "genre": "Rock", "year": "1960", "country": "NA"},
    {"artist": "E", "genre": "Rock", "year": "199", "country": "US"},
]
COLUMNS = ("artist", "album", "album_index", "genre", "year", "image_url", "country")


def count(folder: Path, by: By) -> dict[str, int]:
    """Count the rows and return the counts in their order."""
    write_rows(folder / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    facts = counts.run(make_context(folder), by=by).facts
    found = facts["counts"]
    assert isinstance(found, dict)
    assert facts["total"] == sum(found.values()) == len(ROWS)
    return found


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (By.GENRE, {"Rock": 3, "World": 2, "Jazz": 1}),
        (By.LABEL, {"Rock": 3, "Bolero (World)": 1, "Jazz": 1, "Salsa (World)": 1}),
        (By.DECADE, {"1960s": 2, "1970s": 2, "unknown": 2}),
        (By.COUNTRY, {"US": 2, "Cuba": 1, "NA": 1, "UK": 1, "unknown": 1}),
        (By.SET, {"in no set": 6}),
    ],
)
def test_albums_are_counted_largest_first(tmp_path: Path, by: By, expected: dict[str, int]) -> None:
    """Each question has its counts, ties by name, and a total that is all rows."""
    assert list(count(tmp_path, by).items()) == list(expected.items())


def test_sets_are_those_of_the_ledger(tmp_path: Path) -> None:
    """By set, an album counts where its cover is."""
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    paths = [cover.path for cover in wanted_covers(tsv, {})]
    with Ledger(tmp_path / "equigen_ledger.sqlite") as ledger:
        ledger.record_sets({paths[0]: "train", paths[1]: "train", paths[2]: "test"})
    assert count(tmp_path, By.SET) == {"in no set": 3, "train": 2, "test": 1}


def test_a_folder_of_pictures_can_be_counted(tmp_path: Path) -> None:
    """--images needs no dataset; hidden files don't count."""
    for name in ("Rock/a.jpg", "Rock/b.jpg", "Rock/.new", "Jazz/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    facts = counts.run(make_context(tmp_path), images=tmp_path).facts
    assert facts["counts"] == {"Rock": 2, "Jazz": 1}
    with pytest.raises(UsageError, match="--by decade"):
        counts.run(make_context(tmp_path), by=By.DECADE, images=tmp_path)
    with pytest.raises(MissingInputError, match="equigen download"):
        counts.run(make_context(tmp_path), images=tmp_path / "none")


def test_an_empty_dataset_counts_to_nothing(tmp_path: Path) -> None:
    """A header alone is a dataset of no albums."""
    write_rows(tmp_path / "equigen_dataset.tsv")
    assert counts.run(make_context(tmp_path)).facts["total"] == 0
