"""The counts stage."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from support import equigen, from_json, make_context, write_rows

from equigen.commands import counts
from equigen.dataset.counting import By
from equigen.dataset.covers import wanted_covers
from equigen.dataset.dataset import Dataset
from equigen.errors import MissingInputError, UsageError
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import AlbumSet

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
    facts = counts.run(make_context(folder), by=[by]).facts
    found = facts["counts"]
    assert isinstance(found, dict)
    assert facts["total"] == sum(found.values()) == len(ROWS)
    return found


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (By.LABEL, {"Rock": 3, "World": 2, "Jazz": 1}),
        (By.GENRE, {"Rock": 3, "Bolero (World)": 1, "Jazz": 1, "Salsa (World)": 1}),
        (By.DECADE, {"1960s": 2, "1970s": 2, "unknown": 2}),
        (By.COUNTRY, {"US": 2, "Cuba": 1, "NA": 1, "UK": 1, "unknown": 1}),
        (By.YEAR, {"unknown": 2, "1960": 1, "1969": 1, "1974": 1, "1975": 1}),
        (By.ARTIST, {"A": 1, "B": 1, "C": 1, "D": 1, "E": 1, "NA": 1}),
        (By.SET, {"in no set": 6}),
    ],
)
def test_albums_are_counted_largest_first(tmp_path: Path, by: By, expected: dict[str, int]) -> None:
    """Each question has its counts, ties by name, and a total that is all rows."""
    assert list(count(tmp_path, by).items()) == list(expected.items())
    assert list(Dataset(make_context(tmp_path)).counts(by).items()) == list(expected.items())


def test_sets_are_those_of_the_ledger(tmp_path: Path) -> None:
    """By set, an album counts where its cover is."""
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    covers = list(wanted_covers(tsv, {}))
    albums, paths = [cover.album for cover in covers], [cover.path for cover in covers]
    with Ledger(tmp_path / "equigen_ledger.sqlite") as ledger:
        names = ("train", "train", "test")
        ledger.record_sets(map(AlbumSet, albums, paths, names))
    assert count(tmp_path, By.SET) == {"in no set": 3, "train": 2, "test": 1}


def test_only_pictures_count_and_the_sets_are_one_folder(tmp_path: Path) -> None:
    """What an operating system leaves there is no picture; of the sets, labels count in all."""
    for folder, count in {"train/Jazz": 7, "val/Jazz": 2, "test/Rock": 1, "images/Jazz": 3}.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in ("Thumbs.db", "desktop.ini", "x.txt", *(f"{n}.JPG" for n in range(count))):
            (tmp_path / folder / name).touch()
    assert counts.run(make_context(tmp_path), images=tmp_path / "images").rows_out == 3
    shutil.rmtree(tmp_path / "images")
    summary = counts.run(make_context(tmp_path), images=tmp_path)
    assert summary.facts["counts"] == {"Jazz": 9, "Rock": 1}


def test_a_folder_of_pictures_can_be_counted(tmp_path: Path) -> None:
    """--images needs no dataset; hidden files don't count."""
    for name in ("Rock/a.jpg", "Rock/b.jpg", "Rock/.new", "Jazz/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    summary = counts.run(make_context(tmp_path), images=tmp_path)
    assert summary.table is not None
    assert summary.table.columns == ("label", "pictures")
    facts = summary.facts
    assert facts["counts"] == {"Rock": 2, "Jazz": 1}
    with pytest.raises(UsageError, match="--by decade"):
        counts.run(make_context(tmp_path), by=[By.DECADE], images=tmp_path)
    with pytest.raises(MissingInputError, match="equigen download"):
        counts.run(make_context(tmp_path), images=tmp_path / "none")


def test_an_empty_dataset_counts_to_nothing(tmp_path: Path) -> None:
    """A header alone is a dataset of no albums."""
    write_rows(tmp_path / "equigen_dataset.tsv")
    assert counts.run(make_context(tmp_path)).facts["total"] == 0


def test_one_field_is_counted_against_another(tmp_path: Path) -> None:
    """Each cell, the totals of both, and those of the table; decades stand by age."""
    write_rows(tmp_path / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    summary = counts.run(make_context(tmp_path), by=[By.LABEL, By.DECADE])
    assert summary.table is not None
    assert summary.table.columns == ("label", "1960s", "1970s", "unknown", "total")
    assert summary.table.rows == (
        ("Rock", 2, 0, 1, 3),
        ("World", 0, 2, 0, 2),
        ("Jazz", 0, 0, 1, 1),
        ("total", 2, 2, 2, 6),
    )
    assert summary.facts == {
        "by": ["label", "decade"],
        "counts": {
            "Rock": {"1960s": 2, "1970s": 0, "unknown": 1},
            "World": {"1960s": 0, "1970s": 2, "unknown": 0},
            "Jazz": {"1960s": 0, "1970s": 0, "unknown": 1},
        },
        "totals": {
            "label": {"Rock": 3, "World": 2, "Jazz": 1},
            "decade": {"1960s": 2, "1970s": 2, "unknown": 2},
        },
        "total": 6,
        "evenness": {"labels": 3, "least": 1, "most": 3, "ratio": 3.0},
    }
    turned = counts.run(make_context(tmp_path), by=[By.DECADE, By.LABEL])
    assert turned.facts["totals"] == summary.facts["totals"]
    assert turned.table is not None
    assert turned.table.rows[0] == ("1960s", 2, 0, 0, 2)


@pytest.mark.long_after(10)
@pytest.mark.parametrize("one", By)
@pytest.mark.parametrize("other", By)
def test_any_two_fields_have_all_rows(tmp_path: Path, one: By, other: By) -> None:
    """Also of an empty dataset; the same field twice is refused."""
    for rows in (ROWS, []):
        write_rows(tmp_path / "equigen_dataset.tsv", *rows, columns=COLUMNS)
        if one is other:
            with pytest.raises(UsageError, match="two different ones"):
                counts.run(make_context(tmp_path), by=[one, other])
            continue
        summary = counts.run(make_context(tmp_path), by=[one, other])
        assert summary.table is not None
        assert summary.table.rows[-1][-1] == summary.facts["total"] == len(rows)
        table = pd.DataFrame(Dataset(make_context(tmp_path)).counts([one, other]))
        assert table.to_dict("index") == summary.facts["counts"]
        assert list(table.columns) == list(summary.table.columns[1:-1])


def test_each_set_has_its_share(tmp_path: Path) -> None:
    """Of what is in sets; who was set aside or is in none counts, and has no share."""
    tsv = write_rows(tmp_path / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    covers = list(wanted_covers(tsv, {}))
    albums, paths = [cover.album for cover in covers], [cover.path for cover in covers]
    sets = ["train", "train", "train", "test", "aside"]
    with Ledger(tmp_path / "equigen_ledger.sqlite") as ledger:
        ledger.record_sets(map(AlbumSet, albums, paths, sets))
    summary = counts.run(make_context(tmp_path), by=[By.SET], chart=tmp_path / "sets.svg")
    assert summary.facts["counts"] == {"train": 3, "aside": 1, "in no set": 1, "test": 1}
    assert summary.facts["shares"] == {"train": 0.75, "val": 0, "test": 0.25}
    assert summary.table is not None
    assert summary.table.columns == ("set", "albums", " share")
    assert [str(row[2]).strip() for row in summary.table.rows] == ["75.0%", "", "", "25.0%", ""]
    assert summary.notes[0] == "shares are of the 4 albums in sets"
    drawn = (tmp_path / "sets.svg").read_text(encoding="utf-8")
    assert drawn.index("train</text>") < drawn.index("test</text>") < drawn.index("aside</text>")
    assert "3   75.0%" in drawn


@pytest.mark.parametrize("by", [None, [By.GENRE], [By.LABEL, By.DECADE]])
def test_counts_can_be_drawn(tmp_path: Path, by: list[str] | None) -> None:
    """The chart says what it shows; a name of another type is refused before anything is read."""
    with pytest.raises(UsageError, match=r"\.png"):
        counts.run(make_context(tmp_path), by=by, chart=tmp_path / "counts.gif")
    write_rows(tmp_path / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    chart = tmp_path / "charts" / "counts.svg"
    summary = counts.run(make_context(tmp_path), by=by, chart=chart)
    assert summary.facts["chart"] == str(chart)
    words = " and ".join(by or ["label"])
    assert f">6 albums by {words}</text>" in chart.read_text(encoding="utf-8")


def test_a_folder_of_pictures_can_be_drawn(tmp_path: Path) -> None:
    """They are pictures, and known by label alone."""
    (tmp_path / "images" / "Rock").mkdir(parents=True)
    (tmp_path / "images" / "Rock" / "a.jpg").touch()
    context, chart = make_context(tmp_path), tmp_path / "x.svg"
    counts.run(context, images=tmp_path / "images", chart=chart)
    assert ">1 pictures by label</text>" in chart.read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="--by set: a folder of pictures"):
        counts.run(context, by=[By.LABEL, By.SET], images=tmp_path / "images")


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path) -> None:
    """One line, exit 2; counts without a chart need it not."""
    write_rows(tmp_path / "data" / "equigen_dataset.tsv", *ROWS, columns=COLUMNS)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "matplotlib.py").write_text("raise ImportError('hidden')\n")
    env = {"PYTHONPATH": str(hidden)}
    done = equigen("counts", "--chart", "x.png", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'equigen[chart]'" in done.stderr
    assert done.stderr.count("\n") == 1
    done = equigen("counts", "--by", "label", "--by", "decade", "--json", cwd=tmp_path, env=env)
    assert from_json(done.stdout)["totals"]["label"] == {"Rock": 3, "World": 2, "Jazz": 1}


SEVERAL = [
    {"artist": "A", "genre": "Jazz", "year": "1969", "labels": "Jazz|Latin"},
    {"artist": "B", "genre": "Salsa (World)", "year": "1974", "labels": "World|Latin|World"},
    {"artist": "C", "genre": "Latin", "year": "1975", "labels": "Latin"},
    {"artist": "D", "genre": "Jazz", "year": "1975", "labels": ""},
]


def test_an_album_counts_for_each_of_its_labels(tmp_path: Path) -> None:
    """Totals are albums, and a note says that labels are more."""
    context = make_context(tmp_path)
    write_rows(context.tsv, *SEVERAL, columns=(*COLUMNS, "labels"))
    summary = counts.run(context)
    assert summary.facts["counts"] == {"Latin": 3, "Jazz": 2, "World": 1}
    assert summary.facts["total"] == summary.rows_in == 4
    assert summary.table
    assert summary.table.rows[-1] == ("total", 4)
    assert "an album counts for each of its labels: 4 albums have 6 labels" in summary.notes
    assert dict(Dataset(context).counts()) == summary.facts["counts"]
    assert Dataset(context).summary()["labels"] == summary.facts["counts"]
    assert Dataset(context).summary()["rows"] == 4


@pytest.mark.parametrize("fields", [[By.LABEL, By.DECADE], [By.DECADE, By.LABEL]])
def test_totals_of_two_fields_are_albums(tmp_path: Path, fields: list[str]) -> None:
    """Of decades as well, whichever stands in the rows."""
    context = make_context(tmp_path)
    write_rows(context.tsv, *SEVERAL, columns=(*COLUMNS, "labels"))
    summary = counts.run(context, by=fields, chart=tmp_path / "chart.svg")
    assert summary.facts["totals"] == {
        "label": {"Latin": 3, "Jazz": 2, "World": 1},
        "decade": {"1960s": 1, "1970s": 3},
    }
    assert summary.table
    assert summary.table.rows[-1][-1] == 4
    assert "1970s  (3)" in (tmp_path / "chart.svg").read_text() or fields[0] is By.LABEL


def test_sets_count_each_label_of_an_album(tmp_path: Path) -> None:
    """One album in two classes of train."""
    context = make_context(tmp_path)
    rows = [{**row, "image_url": f"http://a.example/{at}.jpg"} for at, row in enumerate(SEVERAL)]
    write_rows(context.tsv, *rows, columns=(*COLUMNS, "labels"))
    with Ledger(context.ledger) as ledger:
        first = next(iter(wanted_covers(context.tsv, {})))
        ledger.record_sets([AlbumSet(first.album, first.path, "train")])
    summary = counts.run(context, by=[By.LABEL, By.SET])
    found = summary.facts["counts"]
    assert isinstance(found, dict)
    assert [found[name]["train"] for name in ("Jazz", "Latin", "World")] == [1, 1, 0]
    assert summary.facts["totals"]["set"] == {"train": 1, "in no set": 3}  # type: ignore[index]


LISTS = [
    {"genre": "Jazz", "styles": "Bop|Modal|Bop", "formats": "Vinyl|LP", "mood": "sad"},
    {"genre": "Jazz", "styles": "Bop", "formats": "CD", "mood": ""},
    {"genre": "Rock", "styles": "", "formats": "CD|Album", "mood": "sad"},
]
LIST_COLUMNS = (*COLUMNS[:6], "styles", "formats", "mood")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("style", {"Bop": 2, "Modal": 1, "unknown": 1}),
        ("styles", {"Bop": 2, "Modal": 1, "unknown": 1}),
        ("format", {"CD": 2, "Album": 1, "LP": 1, "Vinyl": 1}),
        ("mood", {"sad": 2, "unknown": 1}),
        ("place", {"1": 1, "2": 1, "3": 1}),
        ("status", {"waiting": 3}),
    ],
)
def test_any_column_can_be_counted_by(tmp_path: Path, by: str, expected: dict[str, int]) -> None:
    """An album counts once for each of its styles or formats, and once in the total."""
    context = make_context(tmp_path)
    write_rows(context.tsv, *LISTS, columns=LIST_COLUMNS)
    summary = counts.run(context, by=[by], chart=tmp_path / "chart.svg")
    found = summary.facts["counts"]
    assert isinstance(found, dict)
    assert list(found.items()) == list(expected.items())
    assert summary.facts["total"] == 3
    assert list(Dataset(context).counts(by).items()) == list(expected.items())


def test_totals_of_two_lists_are_albums(tmp_path: Path) -> None:
    """An album of two styles and two formats is one of each and one of all."""
    context = make_context(tmp_path)
    write_rows(context.tsv, *LISTS, columns=LIST_COLUMNS)
    summary = counts.run(context, by=["style", "format"])
    assert summary.facts["counts"] == {
        "Bop": {"CD": 1, "Album": 0, "LP": 1, "Vinyl": 1},
        "Modal": {"CD": 0, "Album": 0, "LP": 1, "Vinyl": 1},
        "unknown": {"CD": 1, "Album": 1, "LP": 0, "Vinyl": 0},
    }
    assert summary.facts["totals"] == {
        "style": {"Bop": 2, "Modal": 1, "unknown": 1},
        "format": {"CD": 2, "Album": 1, "LP": 1, "Vinyl": 1},
    }
    assert summary.table
    assert summary.table.rows[-1] == ("total", 2, 1, 1, 1, 3)
    assert "an album counts for each of its styles: 3 albums have 4 styles" in summary.notes
    with_label = counts.run(context, by=["label", "style"])
    assert with_label.facts["totals"] == {
        "label": {"Jazz": 2, "Rock": 1},
        "style": {"Bop": 2, "Modal": 1, "unknown": 1},
    }


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("styyle", r"there is no field 'styyle' \(did you mean 'style' or 'styles'"),
        ("colour.brightnes", "come with `equigen features compute colour`"),
        ("Labels of all", "expected one of: label, genre, .*, style, format"),
    ],
)
def test_a_wrong_field_is_refused(tmp_path: Path, by: str, message: str) -> None:
    """By the command and from Python, with the nearest names or what makes it."""
    context = make_context(tmp_path)
    write_rows(context.tsv, *ROWS, columns=COLUMNS)
    with pytest.raises(UsageError, match=message):
        counts.run(context, by=["label", by])
    with pytest.raises(UsageError, match=message):
        Dataset(context).counts(by)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["3", "0", "3", ""], {"0": 1, "3": 2, "unknown": 1}),
        ([*map(str, range(0, 2000, 10))], {f"{at} to {at + 99}": 10 for at in range(0, 2000, 100)}),
        (
            [*map(str, range(100, 300)), "1", "9000000"],
            {
                "below 100": 1,
                **{f"{at} to {at + 9}": 10 for at in range(100, 300, 10)},
                "300 and more": 1,
            },
        ),
        ([], {}),
    ],
)
def test_numbers_count_in_round_bins(
    tmp_path: Path, cells: list[str], expected: dict[str, int]
) -> None:
    """Few whole numbers stand for themselves; a few far ones have a bin at each end."""
    rows = [{"artist": str(at), "genre": "Rock", "have": cell} for at, cell in enumerate(cells)]
    context = make_context(tmp_path)
    write_rows(context.tsv, *rows, columns=(*COLUMNS[:6], "have"))
    found = counts.run(context, by=["have"]).facts["counts"]
    assert isinstance(found, dict)
    assert list(found.items()) == list(expected.items())
