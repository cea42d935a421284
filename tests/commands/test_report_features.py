"""What the report shows of computed features: colours by label, covers by hue, numbers of faces."""

import io
import re
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from reports import Page, faces_table, fill, row
from support import make_context

from equigen.commands import features, report
from equigen.commands.features import FeaturesAction
from equigen.report.features import hue_order

# By hue, and then a grey.
RED, YELLOW, GREEN, BLUE, GREY = "#dc1e1e", "#e6d21e", "#1ea03c", "#1e3cc8", "#808080"


def plain(*colours: str) -> bytes:
    """Return a cover of stripes, each as wide as the others."""
    picture = Image.new("RGB", (40 * len(colours), 40))
    for at, colour in enumerate(colours):
        picture.paste(colour, (40 * at, 0, 40 * at + 40, 40))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def read(folder: Path, *, covers: int = 24) -> Page:
    """Make a report and read it."""
    summary = report.run(make_context(folder), covers=covers)
    page = Page(Path(str(summary.facts["file"])).read_text(encoding="utf-8"))
    assert summary.facts["pictures"] == len(page.all("img"))
    return page


def colours(folder: Path) -> None:
    """Compute the colours of all covers."""
    context = make_context(folder, features={"processes": 1})
    features.run(context, action=FeaturesAction.COMPUTE, names=["colour"])


def with_pictures(folder: Path) -> list[str]:
    """Write a dataset of two labels, of which one album has both; return the covers' sha256."""
    rows = [row(at, "Jazz") for at in range(4)] + [row(at, "Rock") for at in (4, 5)]
    rows[3]["labels"] = "Jazz|Rock"
    bodies = [plain(BLUE), plain(RED), plain(BLUE, BLUE, BLUE, RED), plain(GREY), plain(GREEN)]
    return [
        each.sha256
        for each in fill(folder, rows, pictures=dict(enumerate([*bodies, plain(YELLOW)])))
    ]


def table(page: Page, *header: str) -> list[list[str]]:
    """Return the rows of the table that starts with these titles."""
    (found,) = [rows for rows in page.tables if rows[0][: len(header)] == list(header)]
    return found[1:]


def test_without_features_it_says_how_to_compute_them(tmp_path: Path) -> None:
    """One sentence on colours, and none on faces, which are off by default."""
    with_pictures(tmp_path)
    page = read(tmp_path)
    assert "equigen features compute colour" in page.text
    assert "#faces" not in {each["href"] for each in page.all("a")}
    assert "faces a model found" not in page.text
    assert not page.all("svg")


def test_each_label_has_its_colours_by_share(tmp_path: Path) -> None:
    """An album of two labels counts for each; names of colours are told to those who can't see."""
    with_pictures(tmp_path)
    colours(tmp_path)
    page = read(tmp_path)
    rows = table(page, "Label", "Colours")
    assert [(each[0], each[-1]) for each in rows] == [("Jazz", "4"), ("Rock", "3"), ("All", "6")]
    told = [str(each["aria-label"]) for each in page.all("svg")]
    assert told[0] == f"{BLUE} 44 %, {RED} 31 %, {GREY} 25 %"
    assert sorted(told[1].split(", ")) == sorted(f"{each} 33 %" for each in (GREEN, YELLOW, GREY))
    assert told[2].startswith(f"{BLUE} 29 %, {RED} 21 %, ")
    drawn = [(str(each["fill"]), float(str(each["width"]))) for each in page.all("rect")]
    assert drawn[:3] == [(BLUE, 43.75), (RED, 31.25), (GREY, 25.0)]
    albums = pl.read_parquet(tmp_path / "features" / "colour.parquet")
    assert float(rows[2][2]) == pytest.approx(albums["brightness"].mean(), abs=0.06)


def test_covers_that_failed_have_no_colours(tmp_path: Path) -> None:
    """Where none has any, the page says how to compute them."""
    fill(tmp_path, [row(0)], pictures={0: b"no picture"})
    colours(tmp_path)
    assert "equigen features compute colour" in read(tmp_path).text


def test_covers_stand_by_hue(tmp_path: Path) -> None:
    """From red over green to blue, greys last; each has its text; none with --covers 0."""
    with_pictures(tmp_path)
    colours(tmp_path)
    page = read(tmp_path)
    by_hue = page.all("img")[-6:]
    numbers = [int(re.findall(r"Album (\d)", str(each["alt"]))[0]) for each in by_hue]
    assert numbers[:3] == [1, 5, 4]  # red, yellow, green
    assert {*numbers[3:5]} == {0, 2}
    assert numbers[5] == 3
    assert not read(tmp_path, covers=0).all("img")


def test_hues_go_around_and_greys_are_last() -> None:
    """Of a palette the colour counts that has most of its chroma, not the largest."""

    def key(*parts: tuple[float, float, float, float]) -> tuple[bool, float]:
        names = ("lightness", "a", "b", "share")
        return hue_order([dict(zip(names, part, strict=True)) for part in parts])

    red, green, blue = (50, 60, 40, 0.3), (50, -50, 40, 0.3), (40, 20, -60, 0.3)
    white, black = (99, 0, 0, 0.7), (1, 1, 0, 0.7)
    order = [key(red, white), key(white, green), key(blue), key(black), key(white)]
    assert all(one < other for one, other in pairwise(order))


def test_a_chart_of_faces_says_that_they_are_guesses(tmp_path: Path) -> None:
    """By label and number found; a cover that failed isn't there, many faces share a column."""
    shas = with_pictures(tmp_path)
    faces_table(tmp_path, dict(zip(shas, [0, 1, 9, 2, 0, None], strict=True)))
    page = read(tmp_path)
    assert table(page, "Label", "0", "1", "2", "3", "4 and more") == [
        ["Jazz", "1", "1", "1", "0", "1", "75.0\u00a0%", "4"],
        ["Rock", "1", "0", "1", "0", "0", "50.0\u00a0%", "2"],
        ["All", "2", "1", "1", "0", "1", "60.0\u00a0%", "5"],
    ]
    assert "the model's guess" in page.text
    assert "#faces" in {each["href"] for each in page.all("a")}
    assert "equigen features compute colour" in page.text


def test_a_table_of_another_shape_is_not_shown(tmp_path: Path) -> None:
    """Such as a feature of another distribution that is called so, or of another version."""
    (sha256, *_) = with_pictures(tmp_path)
    faces_table(tmp_path, {sha256: 1})
    folder = tmp_path / "features"
    pl.read_parquet(folder / "faces.parquet").write_parquet(folder / "colour.parquet")
    state = {"sha256": [sha256], "version": ["1"], "reason": [""], "found": ["many"]}
    pl.DataFrame(state).write_parquet(folder / "faces.parquet")
    page = read(tmp_path)
    assert "equigen features compute colour" in page.text
    assert "#faces" not in {each["href"] for each in page.all("a")}
    assert "faces a model found" not in page.text


def test_the_page_is_as_whole_with_features(tmp_path: Path) -> None:
    """Each id is alone, names and links lead to one, and tables have titles and headers."""
    shas = with_pictures(tmp_path)
    colours(tmp_path)
    faces_table(tmp_path, dict.fromkeys(shas, 1))
    page = read(tmp_path)
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    named = {each[key] for _, each in page.elements for key in ("aria-labelledby",) if key in each}
    links = {str(each["href"])[1:] for each in page.all("a")}
    assert named | links <= {*ids}
    assert len(page.tables) == len(page.all("caption")) == 8
    assert all(each.get("scope") for each in page.all("th"))
    assert not [each for _, each in page.elements if "style" in each]
